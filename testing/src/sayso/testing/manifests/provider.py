"""A small stateful provider, built from a manifest and one of its cases.

It has the objects of the case, keeps idempotency keys for as long as the manifest says that the
provider does, checks guards, stores our reference with each effect, and counts what really
happened. It knows nothing of the engine but how a request is written down, so that what it counts
can judge.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast
from urllib.parse import urlsplit

from sayso.connectors.manifest.connector import defined_once, site_of
from sayso.connectors.manifest.definition import Defined, template_args
from sayso.connectors.manifest.derive import UNPROVEN, receipt_of
from sayso.connectors.manifest.picks import Picker
from sayso.connectors.manifest.requests import build, place, templates_of
from sayso.connectors.manifest.schema import (
    CallTable,
    LookUp,
    MoneyArg,
    Pagination,
    Pick,
    Read,
    ReceiptTable,
    seconds_of,
)
from sayso.connectors.manifest.scope import OnFile, subject_names
from sayso.connectors.manifest.source import ManifestSource
from sayso.connectors.manifest.template import names_in
from sayso.ids import Clock
from sayso.json import JsonObject, JsonValue
from sayso.money import Money
from sayso.reading import read
from sayso.sandbox.wire import Request, Response
from sayso.testing.manifests.cases import Cases, CaseTable
from sayso.testing.manifests.inverse import (
    captured,
    captured_headers,
    get,
    is_one_item,
    list_and_item,
    merged,
    own_cursor,
    put,
    put_dotted,
    steps_of,
)
from sayso.testing.manifests.request import (
    Parsed,
    all_cursor_keys,
    captured_path,
    cursor_keys,
    page_parameters,
    parse_request,
    without,
)

LINK_HOSTS = frozenset({"shop.example"})
"""Where links in the texts of cases may lead."""
_PAGE = "_page"
Identity = tuple[str, str, tuple[tuple[str, str], ...], str]


@dataclass(slots=True)
class _Saved:
    """What a key was used for."""

    at: datetime
    body: str
    answer: Response


@dataclass(kw_only=True)
class GeneratedProvider:
    """The provider of one case.

    Attributes:
        source: the manifest.
        cases, case: what is there, and what is done.
        clock: the provider's time, for how long a key is kept.
        page_size: items on a page; None for all on one.
        effects: how many there were.
        hides_reference: answers a call without our reference, though it is stored.
        email: the address by which a customer is looked for; none where none is.
    """

    source: ManifestSource
    cases: Cases
    case: CaseTable
    clock: Clock
    page_size: int | None = None
    hides_reference: bool = False
    email: str = ""
    effects: int = 0
    requests: list[str] = field(default_factory=list[str])
    _docs: dict[Identity, JsonValue] = field(default_factory=dict[Identity, JsonValue])
    _by_name: dict[str, Identity] = field(default_factory=dict[str, Identity])
    _lists: dict[Identity, tuple[str, Pagination | None]] = field(
        default_factory=dict[Identity, tuple[str, Pagination | None]]
    )
    _saved: dict[str, _Saved] = field(default_factory=dict[str, _Saved])
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _seen: dict[str, object] = field(default_factory=dict[str, object])
    _before: tuple[dict[Identity, JsonValue], dict[str, _Saved]] | None = None

    def __post_init__(self) -> None:
        manifest = self.source.manifest
        self._site = site_of(manifest, self.cases.settings, None)
        self._defined = {
            verb: defined_once(self.source, verb, LINK_HOSTS, True, UNPROVEN)
            for verb in manifest.actions
        }
        self._picker = Picker(money=manifest.money, now=self.clock.now)
        self._fill()

    @property
    def defined(self) -> Defined:
        """The action of the case."""
        return self._defined[self.case.action]

    def _fill(self) -> None:
        manifest, defined = self.source.manifest, self.defined
        names: dict[str, object] = {
            "subject": subject_names(self.case.subject, manifest.connection.subject),
            "settings": dict(self.cases.settings),
            "page": {"cursor": None},
            "peer": self._peer(),
        }
        if manifest.connection.account is not None:
            self._put("account", manifest.connection.account, names)
        if manifest.contact is not None:
            self._put("contact", manifest.contact, names)
        for kind, table in manifest.records.items():
            known = dict(names)
            for name in table.resolve:
                self._put(name, manifest.reads[name], known)
                known[name] = self._at_root(name, manifest.reads[name])
            self._put(f"records.{kind}", table, known, items=table.items)
        given = defined.action.args.model_validate(self.case.args)
        args = cast("JsonObject", given.model_dump(mode="json", exclude_none=True))
        names["args"] = template_args(args, defined.table.args, self._written(args))
        self._seen = {**names, "args": {name: args.get(name) for name in defined.table.args}}
        for name in defined.table.resolve:
            request = defined.reads[name]
            self._put(name, request, names, items=request.root if request.page else None)
            names[name] = self._seen[name] = self._root(name)
        if defined.look_up is not None:
            object_id = str(read(defined.table.object.id, self._seen))
            keep = {name: read(path, self._seen) for name, path in defined.table.keep.items()}
            self._start_look_up(
                defined.look_up, {**names, "object": {"id": object_id}, "keep": keep}
            )
        self._fill_person(names)

    def _fill_person(self, names: Mapping[str, object]) -> None:
        person = self.source.manifest.person
        if person is None:
            return
        identity = self._identity(person, names)
        # An action may read the same record, which then has what either needs.
        known = self._docs.pop(identity, None)
        self._put("person", person, names)
        if known is not None:
            self._docs[identity] = merged(self._docs[identity], known)
            self._start_with("person", identity)
        if person.find is not None and self.email:
            looked_for = {**names, "find": {"email": self.email}}
            self._put("person.find", person.find, looked_for, items=person.find.items)

    def _peer(self) -> dict[str, JsonValue]:
        kind = next((one for one in ("email", "phone") if one in self.cases.peer), None)
        if kind is None:
            return {}
        reached = OnFile(kind=kind, value=self.cases.peer[kind])
        return {kind: reached.names(self.case.subject)}

    def _written(self, args: Mapping[str, JsonValue]) -> dict[str, dict[str, JsonValue]]:
        return {
            name: self._picker.written(Money.from_json(args[name]))
            for name, arg in self.defined.table.args.items()
            if isinstance(arg, MoneyArg) and args.get(name) is not None
        }

    def _put(
        self, name: str, request: Read, names: Mapping[str, object], *, items: str | None = None
    ) -> None:
        if not (request.get or request.post or isinstance(request.query, str)):
            return
        document: JsonValue = self.case.answers.get(name, self.cases.answers.get(name))
        if document is None and items is not None:
            document = put({}, list_and_item(items)[0], [])
        identity = self._identity(request, names)
        self._docs.setdefault(identity, copy.deepcopy(document))
        self._start_with(name, identity)
        self._by_name[name] = identity
        if items is not None:
            self._lists[identity] = (items, request.page)

    def _start_with(self, name: str, identity: Identity) -> None:
        """Put what the case begins with into the answer of a read."""
        document = self._docs[identity]
        for dotted, value in self.case.start.items():
            if dotted.startswith(f"{name}."):
                document = put_dotted(document, dotted.removeprefix(f"{name}."), value)
        self._docs[identity] = document

    def _root(self, name: str) -> JsonValue:
        return self._at_root(name, self.defined.reads[name])

    def _at_root(self, name: str, request: Read) -> JsonValue:
        document = self._docs[self._by_name[name]]
        return document if request.root is None else read(request.root, document)

    def _start_look_up(self, look_up: LookUp, names: Mapping[str, object]) -> None:
        if any(name[0] == "call" for t in templates_of(look_up) for name in names_in(t)):
            identity: Identity = ("look_up", "", (), "")
        else:
            identity = self._identity(look_up, {**names, "amount": {}, "before": {}})
        if identity not in self._docs:
            document: JsonValue = self.case.answers.get(
                "look_up", self.cases.answers.get("look_up")
            )
            if document is None:
                where = steps_of(look_up.items) or ()
                start: JsonValue = {} if is_one_item(look_up.items) else []
                where = where if is_one_item(look_up.items) else list_and_item(look_up.items)[0]
                document = put({}, where, start)
            self._docs[identity] = copy.deepcopy(document)
        self._start_with("look_up", identity)
        self._by_name["look_up"] = identity
        if not is_one_item(look_up.items):
            self._lists[identity] = (look_up.items, look_up.page)

    def _identity(self, request: Read, names: Mapping[str, object]) -> Identity:
        built = build(self._site, request, names)
        parsed = parse_request(built.method, built.url, built.headers, (built.body or b"").decode())
        return self._identity_of(parsed, cursor_keys(request))

    def _identity_of(self, parsed: Parsed, drop: frozenset[str]) -> Identity:
        body = parsed.body
        if isinstance(body, Mapping):
            body = without(body, drop)
        pages = {_PAGE, *drop, *page_parameters(self.source.manifest)}
        query = tuple(sorted(pair for pair in parsed.query if pair[0] not in pages))
        return parsed.method, parsed.path, query, json.dumps(body, sort_keys=True)

    def serve(self, request: Request) -> Response:
        """Answer a request."""
        target = request.path + (f"?{request.query}" if request.query else "")
        parsed = parse_request(request.method, target, request.headers, request.body)
        with self._lock:
            self.requests.append(f"{request.method} {request.path}")
            for defined in self._defined.values():
                names = self._captured(defined.call, parsed)
                if names is not None:
                    return self._called(defined, parsed, names)
            return self._told(parsed)

    def _captured(self, call: CallTable, parsed: Parsed) -> dict[str, JsonValue] | None:
        """The names with which a call's templates were filled in; None for another request."""
        if call.mutation is not None:
            body = parsed.body
            if not isinstance(body, Mapping) or body.get("query") != call.mutation:
                return None
            return captured(cast("JsonValue", call.variables), body.get("variables"))
        for method in ("post", "put", "patch", "delete"):
            path: str | None = getattr(call, method)
            if path is None or parsed.method != method.upper():
                continue
            names = captured_path(self._site, path, parsed.path)
            if names is None:
                return None
            template = cast("JsonValue", call.json_ if call.json_ is not None else call.form)
            inner = captured(template, parsed.body) if template is not None else {}
            sent = captured_headers(call.header, parsed.headers)
            return None if inner is None or sent is None else {**names, **inner, **sent}
        return None

    def roll_back(self) -> None:
        """Lose the record of the newest effect and its key; what was paid stays paid."""
        with self._lock:
            if self._before is not None:
                self._docs, self._saved = self._before
                self._before = None

    def _called(self, defined: Defined, parsed: Parsed, names: dict[str, JsonValue]) -> Response:
        key = defined.call.key
        given = str(self._key_of(defined.call, parsed, names) or "")
        saved = self._saved.get(given) if key is not None and given else None
        if key is not None and saved is not None and key.keeps is not None:
            age = (self.clock.now() - saved.at).total_seconds()
            if age < seconds_of(key.keeps):
                if saved.body != parsed.raw:
                    return self._refusal(422, "the key came with another body")
                return saved.answer
        refused = self._refused(defined, names)
        if refused is not None:
            return refused
        self.effects += 1
        self._before = copy.deepcopy(self._docs), dict(self._saved)
        answer = self._done(defined, parsed, names)
        if key is not None and given:
            self._saved[given] = _Saved(self.clock.now(), parsed.raw, answer)
        return answer

    def _key_of(self, call: CallTable, parsed: Parsed, names: Mapping[str, JsonValue]) -> JsonValue:
        if call.key is None:
            return None
        head, name = place(call.key.at)[0], place(call.key.at)[1]
        return parsed.headers.get(name.lower()) if head == "header" else names.get("call.key")

    def _refused(self, defined: Defined, names: Mapping[str, JsonValue]) -> Response | None:
        guard, look_up = defined.call.guard, defined.look_up
        if guard is not None:
            pick = defined.table.preconditions[guard.from_]
            seen = {**self._seen, **{name: self._root(name) for name in defined.table.resolve}}
            now = self._picker.value(pick, seen)
            if names.get(f"before.{guard.from_}") != now:
                return self._refusal(guard.refused, "it was changed meanwhile")
        if look_up is not None and look_up.proof == "state" and self._is_so(look_up):
            return self._refusal(400, "it is in that state already")
        return None

    def _is_so(self, look_up: LookUp) -> bool:
        so = look_up.so
        if isinstance(so, dict):
            so = so[str(read(look_up.by or "", self._seen))]
        found = read(look_up.items, self._docs[self._by_name["look_up"]])
        items = found if isinstance(found, (list, tuple)) else []
        asked = cast("JsonValue", {"args": self._seen["args"], "object": None})
        return any(
            read(so or "", {**item, "_": asked}) is True
            for item in items
            if isinstance(item, Mapping)
        )

    def _done(self, defined: Defined, parsed: Parsed, names: Mapping[str, JsonValue]) -> Response:
        for dotted, value in self.case.then.items():
            name, _, rest = dotted.partition(".")
            identity = self._by_name[name]
            changed = put_dotted(self._docs[identity], rest, value) if rest else value
            self._docs[identity] = changed
        look_up = defined.look_up
        if look_up is not None and look_up.proof == "reference":
            self._show(defined, look_up, self._item(receipt_of(defined.table), parsed, names))
        return self._answer(defined, parsed, names)

    def _item(
        self, receipt: ReceiptTable, parsed: Parsed, names: Mapping[str, JsonValue]
    ) -> JsonValue:
        """An effect as its receipt reads it."""
        item: JsonValue = {}
        values: list[tuple[str | None, JsonValue]] = [
            (receipt.id, self.effects if "to_string" in receipt.id else f"eff_{self.effects}"),
            (receipt.status, self.case.status),
            (receipt.ours, self._reference(parsed)),
        ]
        if receipt.amount is not None:
            amount, currency = self._moved(receipt.amount, names)
            values += [(receipt.amount.money, amount), (receipt.amount.currency, currency)]
        for path, value in values:
            steps = steps_of(path) if path is not None else None
            if steps and steps[0] != "_":
                item = put(item, steps, value)
        return item

    def _reference(self, parsed: Parsed) -> JsonValue:
        reference = self.defined.call.reference
        if reference is None:
            return None
        head, *rest = place(reference.at)
        whole: JsonValue = parsed.body
        if head == "variables" and isinstance(whole, Mapping):
            whole = whole.get("variables")
        if head == "header":
            return parsed.headers.get(rest[0].lower())
        # Of a list made with `each` and `as`, every item has it.
        return get(
            whole, tuple(0 if one == "as" else int(one) if one.isdigit() else one for one in rest)
        )

    def _moved(self, pick: Pick, names: Mapping[str, JsonValue]) -> tuple[JsonValue, JsonValue]:
        if self.case.moved is not None:
            moved = self.case.moved
            assert isinstance(moved, Mapping)
            return moved["amount"], moved["currency"]
        unit = pick.unit or (self.source.manifest.money.unit if self.source.manifest.money else "")
        wanted = {"minor": "minor", "major": "major", "minor_text": "minor_text"}[unit]
        amount = next((v for k, v in names.items() if k.endswith(f".{wanted}")), None)
        currency = next((v for k, v in names.items() if ".currency" in k), None)
        if amount is not None and wanted == "minor":
            amount = int(str(amount))
        return amount, currency

    def _show(self, defined: Defined, look_up: LookUp, item: JsonValue) -> None:
        """Put an effect where the look-up finds it."""
        item = merged(item, self._filled(self.case.effect))
        identity = self._by_name["look_up"]
        document = self._docs[identity]
        if is_one_item(look_up.items):
            where = steps_of(look_up.items) or ()
            self._docs[identity] = put(document, where, merged(get(document, where), item))
            return
        where, inside = list_and_item(look_up.items)
        listed = get(document, where)
        items = list(listed) if isinstance(listed, (list, tuple)) else []
        # The newest first, so that with pages of one the effect of an earlier call is on a later.
        self._docs[identity] = put(document, where, [put({}, inside, item), *items])

    def _answer(self, defined: Defined, parsed: Parsed, names: Mapping[str, JsonValue]) -> Response:
        receipt = defined.receipt
        body: JsonValue = {}
        if receipt is None:
            assert defined.call.accepted is not None
            body = put(body, steps_of(defined.call.accepted) or (), "job_1")
        elif receipt.id.startswith("_."):
            pass  # an empty body, such as 204's
        elif defined.look_up is not None and defined.look_up.proof == "state":
            state = self._docs[self._by_name["look_up"]]
            found = None if receipt.from_ is None else read(receipt.from_, state)
            body = state if receipt.from_ is None or found is not None else self._whole(receipt)
        else:
            item = self._item(receipt, parsed, names)
            if self.hides_reference and receipt.ours is not None:
                item = put(item, steps_of(receipt.ours) or (), None)
            where = steps_of(receipt.from_) if receipt.from_ is not None else ()
            body = put(body, where or (), item)
        body = merged(body, self._filled(self.case.answer))
        if defined.call.user_errors is not None:
            body = put(body, steps_of(defined.call.user_errors) or (), [])
        headers = cast("dict[str, str]", self._filled(cast("JsonValue", self.case.headers)))
        is_graphql = defined.call.mutation is not None
        return self._yes(body, graphql=is_graphql, headers=list(headers.items()))

    def _whole(self, receipt: ReceiptTable) -> JsonValue:
        """The state, under the name by which the call's answer has it."""
        look_up = self.defined.look_up
        assert look_up is not None
        found = read(look_up.items, self._docs[self._by_name["look_up"]])
        item: JsonValue = found[0] if isinstance(found, (list, tuple)) and found else {}
        return put({}, steps_of(receipt.from_ or "") or (), item)

    def _filled(self, value: JsonValue) -> JsonValue:
        text = json.dumps(value)
        return cast("JsonValue", json.loads(text.replace("{n}", str(self.effects))))

    def _told(self, parsed: Parsed) -> Response:
        """What a read gets."""
        graphql = isinstance(parsed.body, Mapping) and isinstance(parsed.body.get("query"), str)
        identity = self._identity_of(parsed, all_cursor_keys(self.source.manifest))
        if identity not in self._docs:
            look_up = self.defined.look_up
            if look_up is not None and self._by_name["look_up"][0] == "look_up":
                names = self._captured_read(look_up, parsed)
                if names is not None:
                    return self._found(look_up, names, graphql=graphql)
            if graphql:
                return self._yes({}, graphql=True)
            empty = self._empty(parsed)
            return (
                self._yes(empty, graphql=False)
                if empty is not None
                else self._refusal(404, "no such object")
            )
        document = self._docs[identity]
        if identity in self._lists and self.page_size is not None:
            items, page = self._lists[identity]
            if page is not None:
                return self._paged(document, items, page, parsed, graphql=graphql)
        if identity in self._lists:
            document = self._ended(document, *self._lists[identity])
        return self._yes(document, graphql=graphql)

    def _captured_read(self, request: Read, parsed: Parsed) -> dict[str, JsonValue] | None:
        path = request.get or request.post
        if path is None:
            return None
        names = captured_path(self._site, path, parsed.path)
        template = cast("JsonValue", request.json_)
        inner = captured(template, parsed.body) if template is not None else {}
        pairs = captured(cast("JsonValue", dict(request.parameters)), dict(parsed.query))
        if names is None or inner is None or pairs is None:
            return None
        return {**names, **inner, **pairs}

    def _found(self, look_up: LookUp, names: Mapping[str, JsonValue], *, graphql: bool) -> Response:
        """A search by our reference: what holds it, and nothing else."""
        document = self._docs[self._by_name["look_up"]]
        where, inside = list_and_item(look_up.items)
        listed, wanted = get(document, where), str(names.get("call.ref", ""))
        found = [
            one
            for one in (listed if isinstance(listed, (list, tuple)) else [])
            if wanted in json.dumps(get(one, inside))
        ]
        return self._yes(put(document, where, cast("JsonValue", found)), graphql=graphql)

    def _empty(self, parsed: Parsed) -> JsonValue:
        """The empty list of somebody who has nothing; None where no list is asked for."""
        for table in self.source.manifest.records.values():
            if table.get is not None and parsed.method == "GET":
                names = captured_path(self._site, table.get, parsed.path)
                # Whoever stands in the path is an object of its own, and there is none.
                if names is not None and not any(name.startswith("subject") for name in names):
                    return self._ended(
                        put({}, list_and_item(table.items)[0], []), table.items, table.page
                    )
        return None

    def _ended(self, document: JsonValue, items: str, page: Pagination | None) -> JsonValue:
        if page is not None and page.more is not None:
            where = steps_of(page.more)  # `cursor != null` has no place: no cursor is no more
            return put(document, where, False) if where else document
        return document

    def _paged(
        self, document: JsonValue, items: str, page: Pagination, parsed: Parsed, *, graphql: bool
    ) -> Response:
        assert self.page_size is not None
        where, _ = list_and_item(items)
        listed = get(document, where)
        whole = list(listed) if isinstance(listed, (list, tuple)) else []
        own = own_cursor(page.cursor, items)
        number = self._page_of(page, parsed) if own is None else self._after(own, whole, parsed)
        size = page.size if page.size is not None else self.page_size
        begin = number * size
        shown = put(document, where, whole[begin : begin + size])
        goes_on = begin + size < len(whole)
        headers: list[tuple[str, str]] = []
        rest = "&".join(f"{k}={v}" for k, v in parsed.query if k != _PAGE)
        base = urlsplit(self._site.base)
        url = f"{base.scheme}://{base.netloc}{parsed.path}?{_PAGE}={number + 1}"
        for path, value in ((page.more, goes_on), (page.total, len(whole))):
            shown = put(shown, steps_of(path) or (), value) if path and steps_of(path) else shown
        for path in (None if own else page.cursor, page.token):
            if path is not None:
                shown = put(shown, steps_of(path) or (), str(number + 1) if goes_on else None)
        if page.next_url is not None:
            shown = put(shown, steps_of(page.next_url) or (), f"{url}&{rest}" if goes_on else None)
        if page.link and goes_on:
            headers.append(("Link", f'<{url}&{rest}>; rel="next"'))
        return self._yes(shown, graphql=graphql, headers=headers)

    def _after(self, own: str, whole: Sequence[JsonValue], parsed: Parsed) -> int:
        """The page behind the item that is named, where pages have one item each."""
        query = dict(parsed.query)
        named = {query[key] for key in all_cursor_keys(self.source.manifest) if query.get(key)}
        for number, one in enumerate(whole):
            if str(get(one, steps_of(own) or ())) in named:
                return number + 1
        return 0

    def _page_of(self, page: Pagination, parsed: Parsed) -> int:
        query = dict(parsed.query)
        if page.cursor is not None:
            text = json.dumps(parsed.body) if parsed.body else ""
            for key in all_cursor_keys(self.source.manifest):
                found = re.search(rf'"{re.escape(key)}": "(\d+)"', text)
                if found is not None:
                    return int(found[1])
                if query.get(key, "").isdigit():
                    return int(query[key])
            return 0
        if page.token is not None and page.into is not None:
            return int(query.get(place(page.into)[1], "0"))
        if page.number is not None:
            return int(query.get(place(page.number)[1], "1")) - 1
        if page.offset is not None and page.size is not None:
            return int(query.get(place(page.offset)[1], "0")) // page.size
        return int(query.get(_PAGE, "0"))

    def _yes(
        self, body: JsonValue, *, graphql: bool, headers: list[tuple[str, str]] | None = None
    ) -> Response:
        whole: JsonValue = {"data": body} if graphql else body
        return Response(
            status=200,
            body=json.dumps(whole, default=str).encode(),
            headers=(("Content-Type", "application/json"), *(headers or ())),
        )

    def _refusal(self, status: int, words: str) -> Response:
        at = self.source.manifest.errors_at
        body: JsonValue = {"error": words}
        if at.message is not None and steps_of(at.message):
            body = put(body, steps_of(at.message) or (), words)
        return Response(
            status=status,
            body=json.dumps(body).encode(),
            headers=(("Content-Type", "application/json"),),
        )
