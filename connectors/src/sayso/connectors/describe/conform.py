"""A manifest judged by the provider's own description: every request, body, path and read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from sayso.connectors.describe.body import BodyJudge
from sayso.connectors.describe.graphql import GraphQl, wrong_document
from sayso.connectors.describe.openapi import OpenApi, Operation
from sayso.connectors.describe.paths import missing, value_of
from sayso.connectors.describe.shape import Anything
from sayso.connectors.manifest.check import ManifestMistake
from sayso.connectors.manifest.derive import receipt_of
from sayso.connectors.manifest.request_check import Found, Place
from sayso.connectors.manifest.schema import (
    ActionTable,
    AnyPick,
    Arg,
    CallTable,
    Contact,
    EnumArg,
    Key,
    ListArg,
    LookUp,
    Manifest,
    MoneyArg,
    PersonFind,
    PersonTable,
    Read,
    ReceiptTable,
    RecordList,
)
from sayso.connectors.manifest.source import ManifestSource
from sayso.json import JsonValue

_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a provider publishes about itself.

    Attributes:
        openapi: its REST documents.
        graphql: its schema; None where it has none.
    """

    openapi: tuple[OpenApi, ...] = ()
    graphql: GraphQl | None = None

    @classmethod
    def read(cls, paths: Iterable[Path]) -> Description:
        """Read documents of either kind.

        Raises:
            ConfigError: `invalid_setting`, `missing_extra`.
        """
        rest: list[OpenApi] = []
        graph: GraphQl | None = None
        for path in paths:
            if GraphQl.looks_like(path):
                graph = GraphQl.read(path)
            else:
                rest.append(OpenApi.read(path))
        return cls(openapi=tuple(rest), graphql=graph)


def named_in(manifest: Manifest, folder: Path) -> list[Path]:
    """The documents that a manifest's `[spec]` names, beside it."""
    names = [*(manifest.spec.openapi or ())]
    if manifest.spec.graphql is not None:
        names.append(manifest.spec.graphql)
    return [folder / name for name in names]


def deviations(source: ManifestSource, description: Description) -> list[ManifestMistake]:
    """Where a manifest says something else than the provider does, in the order of the file."""
    judge = _Judge(source.manifest, description)
    found = [
        ManifestMistake(at=at, line=source.line(*at), problem=problem, next_step=step)
        for at, problem, step in judge.all()
    ]
    unique = {(one.at, one.problem): one for one in found}
    return sorted(unique.values(), key=lambda one: (one.line or 0, str(one.at)))


class _Judge:
    def __init__(self, manifest: Manifest, description: Description) -> None:
        self._manifest = manifest
        self._description = description
        self._found: list[Found] = []

    def _say(self, at: Place, problem: str, next_step: str) -> None:
        self._found.append((at, problem, next_step))

    def all(self) -> list[Found]:
        manifest = self._manifest
        account = manifest.connection.account
        if account is not None:
            at: Place = ("connection", "account")
            sample = self._answer(at, account, None)
            for path in (account.id, account.title, account.live):
                if isinstance(path, str):
                    self._reads(at, path, sample, account.root)
        for name, read in manifest.reads.items():
            self._page(("reads", name), read, self._answer(("reads", name), read, None))
        for kind, table in manifest.records.items():
            self._records(("records", kind), table)
        if manifest.contact is not None:
            self._contact("contact", manifest.contact)
        if manifest.person is not None:
            self._contact("person", manifest.person)
            if manifest.person.find is not None:
                self._find(manifest.person, manifest.person.find)
        for verb, action in manifest.actions.items():
            self._action(("actions", verb), action)
        return self._found

    # ---- requests ----------------------------------------------------------------------------

    def _answer(self, at: Place, request: Read | CallTable, action: ActionTable | None) -> object:
        """What is wrong with a request; returns an answer made from the description."""
        document = request.mutation if isinstance(request, CallTable) else request.query
        if isinstance(document, str):
            return self._graphql(at, request, document, action)
        if request.tool is not None or not self._description.openapi:
            return Anything()
        method, path = _method_of(request)
        found = self._operation(method, path)
        if found is None:
            near = self._near(method, path)
            self._say(at, f"the description has no {method} {_shown(path)}", near)
            return Anything()
        api, operation = found
        self._parameters(at, request, operation, api)
        self._body(at, request, operation, api, action)
        return api.document.sample(operation.answer) if operation.answer else Anything()

    def _operation(self, method: str, path: str) -> tuple[OpenApi, Operation] | None:
        whole = self._whole(path)
        for api in self._description.openapi:
            operation = api.find(method, whole)
            if operation is not None:
                return api, operation
        return None

    def _whole(self, path: str) -> str:
        base = self._manifest.connection.base or ""
        whole = path if path.startswith("https://") else base + path
        return re.sub(r"\{[^{}]*\}", "{}", urlsplit(re.sub(r"\{[^{}]*\}", "{}", whole)).path)

    def _near(self, method: str, path: str) -> str:
        known = [
            f"{one.method} {one.path}"
            for api in self._description.openapi
            for one in api.operations
        ]
        near = difflib.get_close_matches(f"{method} {_shown(path)}", known, 1, 0.5)
        return f"did you mean {near[0]}?" if near else "compare it with the provider's pages"

    def _parameters(
        self, at: Place, request: Read | CallTable, operation: Operation, api: OpenApi
    ) -> None:
        known = {one.name: one for one in operation.parameters if one.place == "query"}
        given: set[str] = set()
        for name in request.parameters:
            outer, _, rest = name.partition("[")
            inner = rest.rstrip("]")
            if name in known:
                given.add(name)
            elif inner and outer in known:
                given.add(outer)
                properties = api.document.properties(known[outer].schema)
                if properties and inner not in properties:
                    step = f"it takes {', '.join(properties)}"
                    self._say(at, f"the provider takes no `{name}`", step)
            else:
                near = difflib.get_close_matches(name, known, 1)
                step = (
                    f"did you mean `{near[0]}`?"
                    if near
                    else f"it takes {', '.join(known) or 'none'}"
                )
                self._say(at, f"the provider takes no parameter `{name}`", step)
        if isinstance(request, CallTable) and request.key is not None:
            self._key((*at, "key"), request.key, operation)
        page = request.page if isinstance(request, Read) else None
        given |= (
            {place.partition(".")[2] for place in (page.into, page.number, page.offset) if place}
            if page
            else set()
        )
        for name, one in known.items():
            if one.required and name not in given:
                self._say(at, f"the provider needs the parameter `{name}`", "add it to `query`")

    def _key(self, at: Place, key: Key, operation: Operation) -> None:
        """A key that goes where the provider reads nothing is dropped, and done twice."""
        place, _, name = key.at.partition(".")
        known = [one.name for one in operation.parameters if one.place == place]
        if place != "header" or name.lower() in {one.lower() for one in known}:
            return  # what goes into a body or a query is judged with it
        near = difflib.get_close_matches(name, known, 1)
        step = (
            f"did you mean `{near[0]}`?"
            if near
            else "leave the key out, unless the provider's pages promise it: then `sayso connector "
            "record --do-it` proves it at your test account"
        )
        self._say(at, f"by its description the provider reads no header `{name}`", step)

    def _body(
        self,
        at: Place,
        request: Read | CallTable,
        operation: Operation,
        api: OpenApi,
        action: ActionTable | None,
    ) -> None:
        template = request.json_ if request.json_ is not None else request.form
        schema = operation.body_schema
        if request.form is not None and operation.body and not operation.is_form:
            self._say(at, "the provider takes JSON and no form", "write `json`")
        if request.json_ is not None and operation.is_form:
            self._say(at, "the provider takes a form and no JSON", "write `form`")
        if template is None:
            for name in sorted(api.document.required(schema)):
                self._say(at, f"the provider needs `{name}`", "add it to the body")
            return
        key = request.key if isinstance(request, CallTable) else None
        whole: dict[str, JsonValue] = dict(cast("Mapping[str, JsonValue]", template))
        if key is not None and key.at.partition(".")[0] in ("json", "form"):
            whole.setdefault(key.at.partition(".")[2], "{call.key}")
        if not schema and whole:
            self._say(at, "the description says nothing of a body", "look at the provider's pages")
            return
        judge = BodyJudge(document=api.document, action=action, is_form=request.form is not None)
        for wrong in judge.wrong(whole, schema):
            self._say(at, wrong, "correct the body")

    def _graphql(
        self, at: Place, request: Read | CallTable, document: str, action: ActionTable | None
    ) -> object:
        graph = self._description.graphql
        is_call = isinstance(request, CallTable)
        if graph is None:
            for wrong in wrong_document(document, mutation=is_call):
                self._say(at, wrong, "correct the document")
            return Anything()
        for wrong in graph.wrong(document, mutation=is_call):
            self._say(at, wrong, "correct the document")
        for wrong in graph.wrong_variables(
            document, cast("Mapping[str, JsonValue]", request.variables), action
        ):
            self._say(at, wrong, "correct `variables`")
        return graph.sample(document)

    # ---- reads -------------------------------------------------------------------------------

    def _reads(self, at: Place, path: str, sample: object, root: str | None = None) -> None:
        value: object = sample
        if root is not None:
            value = Anything() if isinstance(sample, Anything) else value_of(root, sample)
        lost = missing(path, value)
        if lost:
            self._say(at, f"`{path}` reads `{lost[0]}`, which no answer has", "correct the path")

    def _page(self, at: Place, read: Read, sample: object) -> None:
        page = read.page
        if page is not None:
            for path in (page.cursor, page.more, page.token, page.next_url):
                if path is not None:
                    self._reads((*at, "page"), path, sample)
        if read.root is not None:
            self._reads((*at, "root"), read.root, sample)

    def _contact(self, where: str, table: Contact) -> None:
        sample = self._answer((where,), table, None)
        for name, path in _paths_of(table):
            self._reads((where, *name), path, sample, table.root)

    def _find(self, person: PersonTable, find: PersonFind) -> None:
        """Whoever is found reads as whoever is asked about."""
        at: Place = ("person", "find")
        sample = self._answer(at, find, None)
        self._page(at, find, sample)
        self._reads((*at, "items"), find.items, sample)
        if isinstance(sample, Anything):
            return
        item = _first(value_of(find.items, sample))
        for name, path in _paths_of(person):
            self._reads((*at, *name), path, item)

    def _records(self, at: Place, table: RecordList) -> None:
        sample = self._answer(at, table, None)
        self._page(at, table, sample)
        for name, path in (("items", table.items), ("known_by", table.known_by)):
            if path is not None:
                self._reads((*at, name), path, sample)
        item = _first(value_of(table.items, sample)) if not isinstance(sample, Anything) else sample
        self._reads((*at, "id"), table.id, item)
        self._picks((*at, "picks"), table.picks, item)
        for name, answer in self._manifest.answers.items():
            if ("records", answer.on) == at:
                self._picks(("answers", name, "values"), answer.values, item)
                for number, rule in enumerate(answer.state):
                    if rule.when is not None:
                        self._reads(("answers", name, "state", number), rule.when, item)
        for kind, part in table.parts.items():
            where: Place = (*at, "parts", kind)
            self._reads(where, part.items, item)
            inner = item if isinstance(item, Anything) else _first(value_of(part.items, item))
            self._reads(where, part.id, inner)
            self._picks((*where, "picks"), part.picks, inner)

    def _picks(self, at: Place, picks: Mapping[str, AnyPick], sample: object) -> None:
        for name, pick in picks.items():
            for path in _paths(pick):
                self._reads((*at, name), path, sample)

    def _action(self, at: Place, action: ActionTable) -> None:
        seen = self._seen(at, action)
        self._reads((*at, "object"), action.object.id, seen)
        for path in (action.owner.path, action.owner.any):
            if path is not None:
                self._reads((*at, "owner"), path, seen)
        for that in [one.that for one in action.require] + [one.that for one in action.after]:
            self._reads((*at, "require"), that, seen)
        for table in ("facts", "card", "personal", "preconditions"):
            self._picks((*at, table), getattr(action, table), seen)
        for name, path in action.keep.items():
            self._reads((*at, "keep", name), path, seen)
        if action.amount is not None:
            picks = [action.amount.left] if action.amount.left is not None else []
            picks += [action.amount.as_pick()] if action.amount.money is not None else []
            for pick in picks:
                self._picks((*at, "amount"), {"amount": pick}, seen)
        self._call(at, action)
        if action.look_up is not None:
            self._look_up(at, action, action.look_up)

    def _seen(self, at: Place, action: ActionTable) -> dict[str, object]:
        seen: dict[str, object] = {
            "args": {name: _arg_sample(arg) for name, arg in action.args.items()},
            "subject": {"id": "x", "form": "x"},
            "settings": Anything(),
            "peer": Anything(),
        }
        for name in action.resolve:
            own = action.reads.get(name)
            read = own if own is not None else self._manifest.reads.get(name)
            if read is None:
                continue
            where: Place = (*at, "reads", name) if own is not None else ("reads", name)
            sample = self._answer(where, read, action)
            if own is not None:
                self._page(where, own, sample)
            root = read.root
            is_open = isinstance(sample, Anything) or root is None
            seen[name] = sample if is_open else (value_of(root or "", sample) or Anything())
        return seen

    def _call(self, at: Place, action: ActionTable) -> None:
        at = (*at, "call")
        sample = self._answer(at, action.call, action)
        call = action.call
        for path in (call.accepted, call.user_errors):
            if path is not None:
                self._reads(at, path, sample)
        if call.receipt is not None:
            effect: object = sample
            if call.receipt.from_ is not None:
                self._reads((*at, "receipt"), call.receipt.from_, sample)
                if not isinstance(sample, Anything):
                    effect = value_of(call.receipt.from_, sample) or Anything()
            self._receipt((*at, "receipt"), call.receipt, effect)

    def _look_up(self, at: Place, action: ActionTable, look_up: LookUp) -> None:
        at = (*at, "look_up")
        sample = self._answer(at, look_up, action)
        self._page(at, look_up, sample)
        self._reads((*at, "items"), look_up.items, sample)
        item = sample if isinstance(sample, Anything) else _first(value_of(look_up.items, sample))
        self._receipt((*at, "receipt"), receipt_of(action), item, state=look_up.proof == "state")
        states = look_up.so.values() if isinstance(look_up.so, dict) else [look_up.so]
        for path in states:
            if path is not None:
                self._reads((*at, "so"), path, _with_ours(item))

    def _receipt(
        self, at: Place, receipt: ReceiptTable, effect: object, *, state: bool = False
    ) -> None:
        effect = _with_ours(effect)
        for path in (receipt.id, receipt.status, None if state else receipt.ours):
            if path is not None:
                self._reads(at, path, effect)
        if receipt.amount is not None and not state:
            self._picks(at, {"amount": receipt.amount}, effect)


def _with_ours(item: object) -> object:
    """An effect beside `_.object`, `_.args` and `_.headers`, which are ours."""
    if isinstance(item, Mapping) and not isinstance(item, Anything):
        return {**cast("Mapping[str, object]", item), "_": Anything()}
    return item


def _method_of(request: Read | CallTable) -> tuple[str, str]:
    for name in _METHODS:
        path: str | None = getattr(request, name, None)
        if path is not None:
            return name.upper(), path
    return "GET", "/"


def _shown(path: str) -> str:
    return re.sub(r"\{[^{}]*\}", "{…}", path)


def _first(value: object) -> object:
    items = cast("list[object]", value) if isinstance(value, list) else []
    return items[0] if items and items[0] is not None else Anything()


def _paths_of(table: Contact) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where a customer's record is read, by the key that says so."""
    names = "id email email_verified phone name since address_changed phone_changed"
    for name in names.split():
        path: str | None = getattr(table, name, None)
        if path is not None:
            yield (name,), path
    if isinstance(table, PersonTable):
        yield from ((("ids", place), path) for place, path in table.ids.items())


def _paths(pick: AnyPick) -> list[str]:
    if isinstance(pick, str):
        return [pick]
    return [path for path in (pick.path, pick.currency, pick.minus) if path is not None]


def _arg_sample(arg: Arg) -> object:
    match arg:
        case ListArg():
            return [{name: _arg_sample(cast("Arg", one)) for name, one in arg.of.items()}]
        case MoneyArg():
            return {"amount_minor": 100, "currency": "USD"}
        case EnumArg():
            return arg.words[0]
        case _:
            return {"int": 1, "bool": True}.get(arg.type, "x")
