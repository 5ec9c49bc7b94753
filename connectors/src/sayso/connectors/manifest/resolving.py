"""`resolve`: reads what the manifest names, proves whose it is, and makes the snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from sayso.actions.model.definition import Args, FactValue, Subject
from sayso.actions.model.snapshot import Call, Resolved
from sayso.connectors.manifest.answers import CODES
from sayso.connectors.manifest.definition import LIVE_FACT, Defined, amounts_in, template_args
from sayso.connectors.manifest.picks import Picker, PickError, as_failure
from sayso.connectors.manifest.provider import ManifestProvider
from sayso.connectors.manifest.schema import Amount, Manifest, Owner, RefArg
from sayso.connectors.manifest.scope import OnFile, names_at_call, peer_names, subject_names
from sayso.connectors.manifest.template import TemplateError, fill_text
from sayso.connectors.manifest.template import names_in as placeholders
from sayso.connectors.setup import AccountSeen
from sayso.errors import Code, RefusedError
from sayso.json import JsonObject, JsonValue
from sayso.money import Money
from sayso.reading import ReadingError, names_in, read
from sayso.text import plain

_DEFAULTS: Mapping[str, str] = {
    "unknown_subject": "the provider knows no such customer",
    "unknown_object": "the customer has no such object",
    "nothing_refundable": "nothing is left of it",
    "already_in_state": "it is in that state already",
    "wrong_state": "that is not possible in its state",
    "amount_too_large": "that is more than there is",
    "currency_mismatch": "that is another currency",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """Resolves one action for one customer.

    Attributes:
        manifest, defined: what is asked for.
        provider: who is read.
        picker: picks values.
        settings: of sayso.toml.
        subject: the customer.
        account: who acts.
        on_file: where another connector reaches the customer; None where no peer is named.
    """

    manifest: Manifest
    defined: Defined
    provider: ManifestProvider
    picker: Picker
    settings: Mapping[str, str]
    subject: Subject
    account: AccountSeen
    on_file: OnFile | None

    async def resolve(self, args: Args) -> Resolved:
        """Read everything, and say what the action would be.

        Raises:
            RefusedError, RetryableError: see `Connector.resolve`.
        """
        given = cast("JsonObject", args.model_dump(mode="json", exclude_none=True))
        seen = await self._read(args, given)
        try:
            return self._resolved(args, given, seen)
        except (PickError, ReadingError, TemplateError) as error:
            raise as_failure(error, self.defined.action.name) from error

    async def unfitting(self, args: Args) -> str:
        """What the provider shows now that does not fit what was done; empty where all does.

        Raises:
            RefusedError, RetryableError: see `Connector.look_up`.
        """
        given = cast("JsonObject", args.model_dump(mode="json", exclude_none=True))
        seen = await self._read(args, given)
        try:
            for rule in self.defined.table.after:
                if read(rule.that, seen) is not True:
                    return rule.says
        except ReadingError as error:
            raise as_failure(error, self.defined.action.name) from error
        return ""

    # ---- reading -----------------------------------------------------------------------------

    async def _read(self, args: Args, given: JsonObject) -> dict[str, object]:
        """All that paths see: arguments, the customer, and what each read gave."""
        table = self.defined.table
        seen: dict[str, object] = {
            "args": {name: given.get(name) for name in table.args},
            "subject": subject_names(self.subject.id, self.manifest.connection.subject),
            "settings": dict(self.settings),
            "peer": peer_names(self.on_file, self.subject),
        }
        names = {**seen, "args": template_args(given, table.args, self._written(args))}
        proven = self._owner_if_known(seen, given)
        for name in table.resolve:
            try:
                found = await self.provider.read(name, self.defined.reads[name], names)
            except RefusedError as error:
                if error.code is Code.UNKNOWN_OBJECT:
                    raise self._not_theirs(Code.UNKNOWN_OBJECT, given) from error
                raise
            seen[name] = names[name] = found
            # INVARIANT: before anything else is read or said of it, it is the customer's.
            proven = proven or self._owner_if_known(seen, given)
        if not proven:
            raise self._not_theirs(Code.NOT_OWNER, given)
        return seen

    def _owner_if_known(self, seen: Mapping[str, object], given: JsonObject) -> bool:
        """Whether it was proven whose it is; False while that is not read yet.

        Raises:
            RefusedError: `not_owner`.
        """
        owner = self.defined.table.owner
        path = owner.path or owner.any
        if path is None:
            return True
        wanted = set(names_in(path)) | {name[0] for name in placeholders(owner.is_ or "")}
        if not wanted <= set(seen):
            return False
        try:
            theirs = _is_theirs(owner, read(path, seen), self.subject.id, seen)
        except (ReadingError, TemplateError) as error:
            raise as_failure(error, self.defined.action.name) from error
        if not theirs:
            raise self._not_theirs(Code.NOT_OWNER, given)
        return True

    def _not_theirs(self, code: Code, given: JsonObject) -> RefusedError:
        """Worded so that nobody learns whether another customer has it."""
        table = self.defined.table
        refs = [name for name, arg in table.args.items() if isinstance(arg, RefArg)]
        named = f" `{plain(str(given.get(refs[0], '')), limit=40)}`" if refs else ""
        kind = table.object.kind.replace("_", " ")
        return RefusedError(
            code,
            f"this customer has no {kind}{named}",
            next_step=f"name a {kind} of this customer",
        )

    # ---- the snapshot ------------------------------------------------------------------------

    def _resolved(self, args: Args, given: JsonObject, seen: dict[str, object]) -> Resolved:
        table = self.defined.table
        self._require(seen)
        amount = self._amount(args, table.amount, seen)
        wanted = dict(given)
        if amount is not None and table.amount is not None and table.amount.arg is not None:
            wanted[table.amount.arg] = amount.to_json()
        seen["args"] = {name: wanted.get(name) for name in table.args}
        object_id = self._text(table.object.id, seen)
        shown = {name: self.picker.shown(name, one, seen) for name, one in table.card.items()}
        resolved = Resolved(
            args=wanted,
            object_kind=table.object.kind,
            object_id=object_id,
            owner=self.subject.id,
            owner_proof=_proof(table.owner),
            account=self.account.shown,
            payee=self._payee(seen, shown),
            amount=amount,
            preconditions=self._preconditions(seen),
            fields=shown,
            facts=self._facts(seen),
            personal=self._personal(seen),
            keep={name: _kept(read(path, seen)) for name, path in table.keep.items()},
        )
        self._check_sendable(resolved)
        return resolved

    def _check_sendable(self, resolved: Resolved) -> None:
        """Find what cannot be sent before anybody is asked."""
        call = Call(
            tenant="",
            action_id=f"act_{'0' * 26}",
            action=self.defined.action.name,
            subject_id=self.subject.id,
            resolved=resolved,
            idempotency_key="0" * 64,
        )
        names = names_at_call(
            defined=self.defined,
            picker=self.picker,
            settings=self.settings,
            form=self.manifest.connection.subject,
            call=call,
            on_file=self.on_file,
        )
        self.provider.check(self.defined.call, names)

    def _require(self, seen: Mapping[str, object]) -> None:
        for rule in self.defined.table.require:
            found = read(rule.that, seen)
            if not isinstance(found, bool):
                raise ReadingError(f"`{rule.that}` is neither true nor false")
            if not found:
                raise RefusedError(
                    CODES.get(rule.else_, Code.WRONG_STATE),
                    rule.says or _DEFAULTS.get(rule.else_, "the provider does not allow it"),
                    next_step="look at the object at the provider, or ask for something else",
                )

    def _amount(
        self, args: Args, wanted: Amount | None, seen: Mapping[str, object]
    ) -> Money | None:
        if wanted is None:
            return None
        if wanted.arg is None:
            amount = self.picker.amount(wanted.as_pick(), seen)
            return self._takable(amount)
        asked: object = getattr(args, wanted.arg)
        if wanted.left is None:
            if not isinstance(asked, Money):
                raise PickError(f"`{wanted.arg}` is not given, and nothing says how much is left")
            return self._takable(asked)
        left = self.picker.amount(wanted.left, seen)
        if left.amount_minor <= 0:
            raise RefusedError(
                CODES["nothing_refundable"],
                "nothing is left of it",
                next_step="choose another one",
            )
        if not isinstance(asked, Money):
            return self._takable(left)
        if asked.currency != left.currency:
            raise RefusedError(
                Code.CURRENCY_MISMATCH,
                f"it is in {left.currency}, not in {asked.currency}",
                next_step=f"give the amount in {left.currency}",
            )
        if asked > left:
            raise RefusedError(
                Code.AMOUNT_TOO_LARGE,
                f"{asked} is more than the {left} that is left",
                next_step=f"ask for at most {left}",
            )
        return self._takable(asked)

    def _takable(self, amount: Money) -> Money:
        """The amount, where the provider can do it."""
        if amount.amount_minor <= 0:
            raise RefusedError(
                CODES["nothing_refundable"], f"it comes to {amount}", next_step="choose another one"
            )
        self.picker.written(amount)
        return amount

    def _written(self, args: Args) -> dict[str, dict[str, JsonValue]]:
        amounts = amounts_in(args, self.defined.table.args)
        return {name: self.picker.written(amount) for name, amount in amounts.items()}

    def _payee(self, seen: Mapping[str, object], shown: Mapping[str, str]) -> str:
        """Filled in like the sentence, by what the card shows, and by what was read."""
        return plain(str(fill_text(self.defined.table.payee, {**shown, **seen})), limit=120)

    def _text(self, path: str, seen: Mapping[str, object]) -> str:
        found = read(path, seen)
        if isinstance(found, bool) or not isinstance(found, (str, int)) or found == "":
            raise PickError(f"`{path}` is no id")
        return str(found)

    def _preconditions(self, seen: Mapping[str, object]) -> dict[str, str | int | bool | None]:
        found: dict[str, str | int | bool | None] = {}
        for name, pick in self.defined.table.preconditions.items():
            value = self.picker.value(pick, seen)
            found[name] = str(value) if isinstance(value, Money) else value
        if self.on_file is not None:
            found[f"{self.on_file.kind}.on_file"] = self.on_file.fingerprint(self.subject.id)
        return found

    def _facts(self, seen: Mapping[str, object]) -> dict[str, FactValue]:
        table = self.defined.table
        found: dict[str, FactValue] = {}
        for name, pick in table.facts.items():
            value = self.picker.fact(name, pick, seen)
            found[name] = str(value) if isinstance(pick, str) else value
        if LIVE_FACT in self.defined.action.facts and LIVE_FACT not in found:
            found[LIVE_FACT] = self.account.live is not False
        return found

    def _personal(self, seen: Mapping[str, object]) -> dict[str, str]:
        found = {
            name: self.picker.shown(name, pick, seen)
            for name, pick in self.defined.table.personal.items()
        }
        if self.on_file is not None:
            found[self.on_file.kind] = self.on_file.value
            if self.on_file.name:
                found["name"] = plain(self.on_file.name)
        return found


def _is_theirs(owner: Owner, found: JsonValue, subject_id: str, seen: Mapping[str, object]) -> bool:
    """Whether what the provider names is the customer; nobody's is nobody's."""
    if owner.any is not None:
        if not isinstance(found, (list, tuple)):
            raise ReadingError(f"`{owner.any}` yields no list")
        return any(_same(one, subject_id, weak=owner.weak) for one in found)
    wanted = subject_id if owner.is_ is None else str(fill_text(owner.is_, seen))
    return _same(found, wanted, weak=owner.weak)


def _same(found: JsonValue, wanted: str, *, weak: bool) -> bool:
    if isinstance(found, bool) or not isinstance(found, (str, int)):
        return False
    text = str(found)
    return text.strip().casefold() == wanted.casefold() if weak else text == wanted


def _proof(owner: Owner) -> str:
    if owner.none is not None:
        return "nobody: the caller's word"
    return owner.path or owner.any or "the address on file"


def _kept(value: JsonValue) -> JsonValue:
    """As the snapshot holds it: no decimal number, which no canonical form has."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _kept(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_kept(inner) for inner in value]
    return value
