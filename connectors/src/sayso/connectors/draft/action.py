"""The draft of one action: what is read, whose it is, what is sent, and how it is found again."""

from __future__ import annotations

from sayso.actions.model.definition import FORBIDDEN_FIELDS, Effect
from sayso.connectors.describe.openapi import Operation
from sayso.connectors.describe.shape import Schema
from sayso.connectors.draft.draft import DraftLines
from sayso.connectors.draft.shapes import (
    AMOUNTS,
    PARAMETER,
    WITH_AMOUNT,
    BodyShape,
    ObjectShape,
    Shapes,
    Wanted,
    filled,
)
from sayso.connectors.draft.words import (
    FREE_TEXT,
    KEY,
    KEYS,
    OWNERS,
    REFERENCES,
    STATES,
    UNSURE_OWNERS,
    first_of,
    snake,
    words_of,
)
from sayso.json import JsonValue
from sayso.text import plain

_SETTLED = "2m"
_HOW_LATE = "after how long does nothing there prove that nothing was done?"


class ActionDrafter(Shapes):
    """Writes actions.

    Attributes:
        has_money: whether one of those that were written moves an amount.
        unit: in which its amounts are, where the description says so.
    """

    has_money: bool = False
    unit: str | None = None

    def write(self, draft: DraftLines, wanted: Wanted, found: ObjectShape) -> None:
        operation, at = wanted.operation, ("actions", wanted.verb)
        draft.lines += ["", f"# {'-' * 90}"]
        draft.say(f"{operation.method} {operation.path} {operation.name}")
        draft.table(*at)
        said = operation.summary or operation.name or wanted.verb.replace("_", " ")
        draft.put("summary", plain(said, limit=120))
        draft.put("effect", wanted.effect.value, "by its words; is it more serious?")
        question = 'which act is it, `on` which kind of record? or `act = "none"` and `because`'
        draft.ask("act", question)
        body = self.body(operation)
        amount = first_of(AMOUNTS, body.fields) if wanted.effect in WITH_AMOUNT else None
        with_amount = "{amount} of " if amount is not None else ""
        words = wanted.verb.replace("_", " ").capitalize()
        draft.put("sentence", f"{words}: {with_amount}{found.kind} {{{found.kind}}}")
        draft.put("reversible", False)
        draft.put("resolve", [found.kind])
        draft.put("object", {"kind": found.kind, "id": self._id_of(found)})
        if found.fields and self._key_of(found) is None:
            question = "which field of the read tells it apart?"
            draft.ask("object.id", question, [f"{found.kind}.{one}" for one in found.fields])
        self._owner(draft, found)
        draft.put("payee", _payee(wanted.effect, found.kind))
        self._amount(draft, wanted.effect, amount, body, found)
        self._state(draft, found)
        card: dict[str, JsonValue] = {found.kind: self._id_of(found)}
        state = first_of(STATES, found.fields)
        if state is not None:
            card["status"] = f"{found.kind}.{state}"
        draft.put("card", card)
        thing = found.kind.replace("_", " ")
        draft.put(
            "words",
            {
                "done": f"We have done that for your {thing}.",
                "refused": f"We could not do that for your {thing}.",
            },
            "say it as you would",
        )
        self._args(draft, at, operation, body, found, amount)
        self._call(draft, at, operation, body, found, amount)
        self._look_up(draft, at, wanted, body, found)

    def _id_of(self, found: ObjectShape) -> str:
        key = self._key_of(found) or "id"
        return self.as_text(f"{found.kind}.{key}", found.fields.get(key, {}))

    def _key_of(self, found: ObjectShape) -> str | None:
        """The field that tells it apart; what its address takes counts most."""
        path = "" if found.get is None else found.get.path.lower()
        taken = PARAMETER.findall(path)[-1:]
        return first_of((*taken, KEYS[0], f"{found.kind}_id", *KEYS[1:]), found.fields)

    def _owner(self, draft: DraftLines, found: ObjectShape) -> None:
        name = first_of(OWNERS, found.fields)
        candidates = [f"{found.kind}.{one}" for one in found.fields if _may_own(one)]
        if name is None:
            question = "where does the provider say whose it is? { path = READ.PATH }"
            draft.ask("owner", question, candidates)
            return
        path = f"{found.kind}.{name}"
        schema = found.fields[name]
        if self.document.type_of(schema) == "object":
            inner = self.document.properties(schema)
            key = first_of(("id", "payer_id", "customer_id", "code"), inner)
            path = f"{path}.{key}" if key is not None else path
            schema = inner.get(key or "", {})
        if name.lower().replace("_", "") in {one.replace("_", "") for one in UNSURE_OWNERS}:
            draft.ask("owner", "is this the customer, or somebody of the staff?", [path])
            return
        draft.put("owner", {"path": self.as_text(path, schema)})

    def _amount(
        self,
        draft: DraftLines,
        effect: Effect,
        amount: str | None,
        body: BodyShape,
        found: ObjectShape,
    ) -> None:
        if effect not in WITH_AMOUNT:
            return
        self.has_money = True
        if amount is None:
            if effect is Effect.MONEY_OUT:
                question = "how much does it move? { money = PATH, currency = PATH } of a read"
                draft.ask(
                    "amount",
                    question,
                    [
                        f"{found.kind}.{one}"
                        for one in found.fields
                        if "amount" in one.lower() or "total" in one.lower()
                    ],
                )
            return
        left = first_of(AMOUNTS, found.fields)
        currency = first_of(("currency", "currency_code"), found.fields)
        if left is not None and currency is not None:
            draft.put(
                "amount",
                {
                    "arg": "amount",
                    "left": {
                        "money": f"{found.kind}.{left}",
                        "currency": f"{found.kind}.{currency}",
                    },
                },
            )
            question = "add `minus` to `left`: what of it went back already?"
            draft.ask(
                "amount.left.minus",
                question,
                [f"{found.kind}.{one}" for one in found.fields if "refund" in one.lower()],
            )
        else:
            draft.put("amount", {"arg": "amount"})
            draft.ask(
                "amount.left",
                "what can it be at most? { money = PATH, currency = PATH }",
                [f"{found.kind}.{one}" for one in found.fields],
            )

    def _state(self, draft: DraftLines, found: ObjectShape) -> None:
        state = first_of(STATES, found.fields)
        stamp = first_of(("updated_at", "updated", "version", "modified_at"), found.fields)
        name = state or stamp
        if name is None:
            question = "what of the read has to be still so at the call? { NAME = READ.PATH }"
            draft.ask("preconditions", question, [f"{found.kind}.{one}" for one in found.fields])
            return
        path = f"{found.kind}.{name}"
        draft.put("preconditions", {path: path})
        if state is None:
            draft.ask("require", "when may it be done?")
            return
        draft.put("facts", {"status": path})
        words = [f"'{one}'" for one in self.document.enum(found.fields[state])]
        question = f"in which states may it be done? [{{ that = \"{path} == 'WORD'\", else = …"
        draft.ask("require", question + ' "wrong_state", says = … }]', words)

    def _args(
        self,
        draft: DraftLines,
        at: tuple[str, ...],
        operation: Operation,
        body: BodyShape,
        found: ObjectShape,
        amount: str | None,
    ) -> None:
        draft.table(*at, "args")
        draft.put(
            found.arg,
            {
                "type": "ref",
                "kind": found.kind,
                "pattern": self._pattern(operation),
                "says": f"the {found.kind.replace('_', ' ')}",
            },
        )
        if amount is not None:
            draft.put(
                "amount",
                {"type": "money", "optional": amount not in body.required, "says": "how much"},
            )
        ours = self._reference(body)
        for name, schema in body.fields.items():
            if name in (amount, "currency", ours) or KEY.search(name):
                continue
            if self._is_object_id(name, found):
                continue
            arg = self._arg(name, schema)
            if name not in body.required:
                draft.say(f"may also be sent: {name}")
            elif snake(name) in FORBIDDEN_FIELDS:
                draft.ask(
                    name, "never an argument: put `{subject.id}` or what was read into the call"
                )
            elif arg is None:
                draft.ask(name, "it has to be sent; what is it, and where does it come from?")
            else:
                draft.put(snake(name), arg)

    def _arg(self, name: str, schema: Schema) -> dict[str, JsonValue] | None:
        says = plain(str(self.document.follow(schema).get("description", "")), limit=100) or name
        words = [one for one in self.document.enum(schema) if isinstance(one, str)]
        match self.document.type_of(schema):
            case "string" if words:
                return {"type": "enum", "of": words, "says": says}
            case "string":
                longest = self.document.follow(schema).get("maxLength")
                most = min(longest, 5000) if isinstance(longest, int) else 2000
                return {"type": "text", "max": most, "lines": True, "says": says}
            case "integer":
                return {"type": "int", "min": 0, "max": 1_000_000, "says": says}
            case "boolean":
                return {"type": "bool", "says": says}
            case _:
                return None

    def _pattern(self, operation: Operation) -> str:
        schemas = [one.schema for one in operation.parameters if one.place == "path"]
        if schemas and self.document.type_of(schemas[-1]) == "integer":
            return "[0-9]{1,20}"
        return "[A-Za-z0-9_-]{1,80}"

    def _is_object_id(self, name: str, found: ObjectShape) -> bool:
        return snake(name) in (f"{found.kind}_id", found.kind)

    def _call(
        self,
        draft: DraftLines,
        at: tuple[str, ...],
        operation: Operation,
        body: BodyShape,
        found: ObjectShape,
        amount: str | None,
    ) -> None:
        draft.table(*at, "call")
        draft.put(operation.method.lower(), filled(operation.path, "", "{object.id}"))
        sent: dict[str, JsonValue] = {}
        reference = self._reference(body)
        for name in body.fields:
            if self._is_object_id(name, found):
                sent[name] = "{object.id}"
            elif name in (amount, "currency", reference) or KEY.search(name):
                continue
            elif name not in body.required or snake(name) in FORBIDDEN_FIELDS:
                continue  # or asked for among the arguments
            elif self._arg(name, body.fields[name]) is not None:
                sent[name] = f"{{args.{snake(name)}}}"
        if reference is not None:
            is_object = self.document.type_of(body.fields[reference]) == "object"
            sent[reference] = {"sayso": "{call.ref}"} if is_object else "{call.ref}"
        if amount is not None:
            unit, as_sent = self.money(body.fields[amount])
            self.unit = self.unit or unit
            if as_sent is not None:
                sent[amount] = as_sent
            else:
                question = f"how is `{amount}` written?"
                draft.ask(f"body.{amount}", question, ["{amount.minor}", "{amount.major}"])
        key = self._key(operation, body)
        media = "form" if operation.is_form else "json"
        if sent:
            draft.put(media, {body.root: sent} if body.root else sent)
        if key is not None:
            draft.put("key", {"at": key})
            draft.ask(
                "key",
                "for how long is it kept, and where does the provider say so?"
                ' keeps = "24h", source = "https://…"; without them it counts for nothing',
            )
        if reference is not None:
            inner = ".sayso" if isinstance(sent[reference], dict) else ""
            before = f"{body.root}." if body.root else ""
            draft.put(
                "reference",
                {"at": f"{media}.{before}{reference}{inner}"},
                "do others read this field? then use another one",
            )
        self._receipt(draft, operation, found, reference)

    def _receipt(
        self, draft: DraftLines, operation: Operation, found: ObjectShape, reference: str | None
    ) -> None:
        root, fields = self.inner(operation.answer)
        key = first_of(KEYS[:3], fields)
        state = first_of(STATES, fields)
        receipt: dict[str, JsonValue] = {"from": root} if root is not None else {}
        receipt["id"] = self.as_text(key, fields[key]) if key is not None else "_.object"
        receipt["status"] = state or "'done'"
        if reference is not None and reference in fields:
            inner = ".sayso" if self.document.type_of(fields[reference]) == "object" else ""
            receipt["ours"] = f"{reference}{inner}"
        elif reference is not None:
            draft.ask("receipt.ours", "where does the answer show our reference?", list(fields))
        draft.put("receipt", receipt)
        words = self.document.enum(fields[state]) if state is not None else []
        if words:
            shown = [str(one) for one in words]
            draft.ask("receipt.failed", "which words mean that it came to nothing?", shown)

    def _reference(self, body: BodyShape) -> str | None:
        """A field that takes a reference of ours; free text only where it is not asked for."""
        found = first_of([one for one in REFERENCES if one not in FREE_TEXT], body.fields)
        return found if found is None or self._takes_text(body.fields[found]) else None

    def _takes_text(self, schema: Schema) -> bool:
        return self.document.type_of(schema) in ("string", "object") and not self.document.enum(
            schema
        )

    def _key(self, operation: Operation, body: BodyShape) -> str | None:
        for one in operation.parameters:
            if one.place == "header" and KEY.search(one.name):
                return f"header.{one.name}"
        name = next((one for one in body.fields if "idempot" in one.lower()), None)
        return f"json.{name}" if name is not None else None

    def _look_up(
        self,
        draft: DraftLines,
        at: tuple[str, ...],
        wanted: Wanted,
        body: BodyShape,
        found: ObjectShape,
    ) -> None:
        draft.lines.append("")
        operation, reference = wanted.operation, self._reference(body)
        state = first_of(STATES, found.fields)
        converges = wanted.effect in (Effect.CANCELLATION, Effect.CHANGE)
        if reference is None and converges and found.get is not None and state is not None:
            # What ends in a state can be read again where it was read before.
            draft.table(*at, "look_up")
            draft.put("get", filled(found.get.path, "", "{object.id}"))
            draft.put("proof", "state")
            draft.put("items", f"[{found.root or '@'}]")
            words = [f"{state} == '{one}'" for one in self.document.enum(found.fields[state])]
            draft.ask("so", "in which state is it afterwards?", words)
            draft.ask("absent_after", _HOW_LATE, [_SETTLED])
            return
        same = [
            one
            for one in self.described.operations
            if one.method == "GET" and one.path.rstrip("/") == operation.path.rstrip("/")
        ]
        for one in same:
            items, fields = self.items(one.answer)
            if reference is not None and items is not None and reference in fields:
                # What is put into a list is found again in that list.
                draft.table(*at, "look_up")
                draft.put("get", filled(one.path, "", "{object.id}"))
                draft.put("items", items)
                draft.ask("page", "how does the list go on, when it is longer than one answer?")
                draft.ask("absent_after", _HOW_LATE, [_SETTLED])
                return
        lists = [f"GET {one.path}" for one in same] + self.lists_of(found.kind)
        ours = f" by `{reference}`" if reference is not None else ""
        draft.ask(
            f"{'.'.join(at)}.look_up",
            f"how is the effect found again{ours}? [… .look_up] "
            f'get = PATH, items = PATH, absent_after = "{_SETTLED}"; for a cancellation or '
            'a change also proof = "state" with so = PATH',
            lists,
        )


def _may_own(name: str) -> bool:
    told = {"customer", "user", "owner", "contact", "email", "account", "participant"}
    return bool(told & set(words_of(name))) and not {"note", "notes"} & set(words_of(name))


def _payee(effect: Effect, kind: str) -> str:
    match effect:
        case Effect.MONEY_OUT:
            return "whoever paid it, by the way it was paid"
        case Effect.CREDIT:
            return "the customer's account"
        case Effect.MESSAGE:
            return f"the customer, on the {kind.replace('_', ' ')}"
        case _:
            return "nobody: no money moves"
