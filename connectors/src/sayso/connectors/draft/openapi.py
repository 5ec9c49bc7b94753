"""A draft from an OpenAPI document: which operations, what each reads, takes, and answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from sayso.actions.model.definition import FORBIDDEN_FIELDS, Effect
from sayso.connectors.describe.openapi import OpenApi, Operation
from sayso.connectors.describe.shape import Schema
from sayso.connectors.draft.action import ActionDrafter
from sayso.connectors.draft.draft import DraftedManifest, DraftLines, begin, public_base
from sayso.connectors.draft.shapes import AMOUNTS, PARAMETER, ObjectShape, Shapes, Wanted, filled
from sayso.connectors.draft.words import (
    ASKED_FOR,
    CODES,
    ENDED,
    FREE_TEXT,
    KEY,
    MESSAGES,
    NOBODYS,
    OWNERS,
    PEOPLE,
    PERSON,
    REFERENCES,
    STATES,
    TRIED_OUT,
    UNSURE_OWNERS,
    WHO,
    effect_of,
    first_of,
    singular,
    snake,
    spread,
    words_of,
)
from sayso.errors import Code, ConfigError
from sayso.json import JsonValue
from sayso.text import plain

MOST_ACTIONS = 5


def draft_openapi(
    described: OpenApi, name: str, source: str, wanted: Sequence[str] = ()
) -> DraftedManifest:
    """A draft of a provider's support actions.

    Args:
        described: the provider's description.
        name: the connector's.
        source: the file's name, for the head.
        wanted: operations to take, by id or `METHOD /path`; none means what its words tell.

    Raises:
        ConfigError: `invalid_setting`, for an operation that is not there, or when none is found.
    """
    return _Drafter(described, name).draft(source, wanted)


class _Drafter(Shapes):
    def __init__(self, described: OpenApi, name: str) -> None:
        super().__init__(described)
        self.name = name

    def draft(self, source: str, wanted: Sequence[str]) -> DraftedManifest:
        found = self._named(wanted) if wanted else self._found()
        taken, left = found[:MOST_ACTIONS], found[MOST_ACTIONS:]
        info = cast("Mapping[str, Any]", self.document.root.get("info") or {})
        title = str(info.get("title", self.name))
        draft = begin(self.name, title, str(info.get("version", "1")), source)
        objects = {one.verb: self._object(one.operation) for one in taken}
        self._connection(draft)
        actions, writer = DraftLines(), ActionDrafter(self.described)
        for one in taken:
            writer.write(actions, one, objects[one.verb])
        if writer.has_money:
            draft.table("money")
            if writer.unit is not None:
                draft.put("unit", writer.unit)
            else:
                question = 'is 12.50 written "12.50" (major), 1250 (minor) or "1250" (minor_text)?'
                draft.ask("unit", question)
        self._errors(draft)
        self._reads(draft, list(objects.values()))
        self._records(draft, list(objects.values()))
        self._person(draft)
        draft.lines += actions.lines
        draft.filled += actions.filled
        draft.asked += actions.asked
        shown = {one.verb: f"{one.operation.method} {one.operation.path}" for one in taken}
        return draft.done(shown, [f"{one.operation.method} {one.operation.path}" for one in left])

    # ---- which operations ----------------------------------------------------------------------

    def _named(self, wanted: Sequence[str]) -> list[Wanted]:
        found: list[Wanted] = []
        for word in wanted:
            method, _, path = word.partition(" ")
            operation = next(
                (
                    one
                    for one in self.described.operations
                    if one.name == word or (one.method == method.upper() and one.path == path)
                ),
                None,
            )
            if operation is None or operation.method == "GET":
                raise ConfigError(
                    Code.INVALID_SETTING,
                    f"the description has no write `{plain(word, limit=80)}`",
                    next_step="name an operationId, or `POST /its/path`, of the description",
                )
            effect = self._effect(operation) or Effect.CHANGE
            found.append(Wanted(operation=operation, verb=_verb(operation, found), effect=effect))
        return found

    def _found(self) -> list[Wanted]:
        rated: list[tuple[int, Operation, Effect]] = []
        order = list(Effect)
        for operation in self.described.operations:
            effect = self._effect(operation) if operation.method != "GET" else None
            if effect is not None:
                rated.append((order.index(effect), operation, effect))
        rated.sort(key=lambda one: (one[0], *_rank(one[1])))
        found: list[Wanted] = []
        for _, operation, effect in spread(rated, lambda one: one[2]):
            found.append(Wanted(operation=operation, verb=_verb(operation, found), effect=effect))
        if not found:
            raise ConfigError(
                Code.INVALID_SETTING,
                "no operation of the description has a word of support's, such as refund or cancel",
                next_step="name the ones that you want by --only",
            )
        return found

    def _effect(self, operation: Operation) -> Effect | None:
        has_amount = first_of(AMOUNTS, self.body(operation).fields) is not None
        literal = [one for one in operation.path.strip("/").split("/") if "{" not in one]
        last, named = words_of(*literal[-1:]), words_of(operation.name)
        if operation.method == "DELETE" and not ENDED & set(last):
            named = [one for one in named if one not in ENDED]  # what hangs on it, and not it
        named = [*last, *named]
        return effect_of(named, has_amount=has_amount, deletes=operation.method == "DELETE")

    # ---- the connection ------------------------------------------------------------------------

    def _connection(self, draft: DraftLines) -> None:
        public = [public_base(one) for one in self.described.servers]
        servers = [one for one in public if one is not None]
        draft.table("connection")
        known = [one for one in servers if not NOBODYS.search(one)]
        known.sort(key=lambda one: TRIED_OUT.search(one) is not None)
        whole = next(iter(known), None)
        if whole is not None:
            draft.put("base", whole)
        else:
            question = "https address of the API; a part that differs per account is a setting"
            draft.ask("base", question, servers)
        self._auth(draft)
        account = self._account()
        if account is None:
            question = "which GET says who we are? { get = PATH, id = PATH, title = PATH }"
            draft.ask("account", question, self._simple_reads())
        else:
            draft.put("account", account)

    def _auth(self, draft: DraftLines) -> None:
        root = self.document.root
        components = cast("Mapping[str, Any]", root.get("components") or {})
        schemes = cast(
            "Mapping[str, object]",
            components.get("securitySchemes") or root.get("securityDefinitions") or {},
        )
        kinds = [_auth(self.document.follow(one)) for one in schemes.values()]
        known = [one for one in kinds if one is not None]
        distinct = list({str(one): one for one in known}.values())
        if len(distinct) == 1:
            draft.put("auth", distinct[0])
            if distinct[0].get("kind") == "basic":
                draft.ask("auth", "which half of Basic is the key, and what is the other one?")
        else:
            question = "how is the key shown? kind = bearer, basic, header, oauth2, …"
            draft.ask("auth", question, [str(one["kind"]) for one in distinct])

    def _account(self) -> dict[str, JsonValue] | None:
        for operation in self.described.operations:
            path = operation.path.strip("/")
            if operation.method != "GET" or "{" in path or not _ends_with(path, WHO):
                continue
            root, fields = self.inner(operation.answer)
            title = first_of(("name", "display_name", "title", "email", "id"), fields)
            if "id" in fields and title is not None:
                before = f"{root}." if root else ""
                return {
                    "get": operation.path,
                    "id": self.as_text(f"{before}id", fields["id"]),
                    "title": f"{before}{title}",
                }
        return None

    def _simple_reads(self) -> list[str]:
        return [
            one.path
            for one in self.described.operations
            if one.method == "GET" and "{" not in one.path and not one.parameters
        ]

    def _errors(self, draft: DraftLines) -> None:
        draft.table("errors_at")
        message, code = self._error_paths()
        if message is not None:
            draft.put("message", message)
        if code is not None:
            draft.put("code", code)
        if message is None:
            draft.ask("message", "where do the provider's errors say what is wrong?", [])
            draft.lines[-1] += " such as error.message or errors[0].detail; code likewise"

    def _error_paths(self) -> tuple[str | None, str | None]:
        """Where most refusals of the description say why, and by which word."""
        for operation in self.described.operations:
            fields = self.document.properties(operation.error)
            for before, inner in [("", fields), *self._inside(fields)]:
                message = first_of(MESSAGES, inner)
                if message is not None:
                    code = first_of(CODES, {name for name in inner if name != message})
                    return f"{before}{message}", f"{before}{code}" if code is not None else None
        return None, None

    def _inside(self, fields: Mapping[str, Schema]) -> list[tuple[str, Mapping[str, Schema]]]:
        found: list[tuple[str, Mapping[str, Schema]]] = []
        for name in ("error", "errors"):
            schema = fields.get(name, {})
            kind = self.document.type_of(schema)
            if kind == "array":
                items = self.document.properties(self.document.items(schema))
                found.append((f"{name}[0].", items))
            elif kind == "object":
                found.append((f"{name}.", self.document.properties(schema)))
        return found

    # ---- reads and records ---------------------------------------------------------------------

    def _reads(self, draft: DraftLines, objects: Sequence[ObjectShape]) -> None:
        seen: set[str] = set()
        for one in objects:
            if one.kind in seen:
                continue
            seen.add(one.kind)
            draft.table("reads", one.kind)
            if one.get is None:
                question = f"which GET reads the {one.kind}, so that whose it is can be proven?"
                draft.ask("get", question, self.lists_of(one.kind))
                continue
            draft.put("get", filled(one.get.path, one.arg))
            if one.root is not None:
                draft.put("root", one.root)

    def _records(self, draft: DraftLines, objects: Sequence[ObjectShape]) -> None:
        seen: set[str] = set()
        for one in objects:
            if one.kind in seen:
                continue
            seen.add(one.kind)
            found = self._list_by_owner(one.kind)
            if found is None:
                question = f"how are a customer's {one.kind}s listed, by `{{subject.id}}`?"
                draft.lines.append("")
                draft.ask(f"records.{one.kind}", question, self.lists_of(one.kind))
                continue
            operation, where, items, fields = found
            draft.table("records", one.kind)
            draft.put("get", where.get("get", operation.path))
            if "query" in where:
                draft.put("query", where["query"])
            draft.put("items", items)
            draft.put("id", self.as_text("id", fields.get("id", {})))
            picks: dict[str, JsonValue] = {"id": self.as_text("id", fields.get("id", {}))}
            state = first_of(STATES, fields)
            if state is not None:
                picks["status"] = state
            draft.put("picks", picks)
            draft.put("title", "{id}, {status}" if state is not None else "{id}")
            draft.put("references", ["id"])
            draft.ask("page", "how does the list go on, when it is longer than one answer?")

    def _list_by_owner(
        self, kind: str
    ) -> tuple[Operation, dict[str, JsonValue], str, Mapping[str, Schema]] | None:
        for operation in self.described.operations:
            segments = operation.path.strip("/").split("/")
            if operation.method != "GET" or singular(snake(segments[-1])) != kind:
                continue
            items, fields = self.items(operation.answer)
            if items is None or "id" not in fields:
                continue
            queries = [one.name for one in operation.parameters if one.place == "query"]
            owner = first_of([one for one in OWNERS if one not in UNSURE_OWNERS], queries)
            if owner is not None and "{" not in operation.path:
                return operation, {"query": {owner: "{subject.id}"}}, items, fields
            parameters = PARAMETER.findall(operation.path)
            if len(parameters) == 1 and first_of(OWNERS, parameters) is not None:
                path = operation.path.replace(f"{{{parameters[0]}}}", "{subject.id}")
                return operation, {"get": path}, items, fields
        return None

    # ---- who a customer is ---------------------------------------------------------------------

    def _person(self, draft: DraftLines) -> None:
        operation = self._reads_a_person()
        if operation is None:
            draft.lines.append("")
            draft.ask("person", "which GET reads who a customer is, by `{subject.id}`?")
            return
        root, fields = self.inner(operation.answer)
        draft.table("person")
        draft.put("get", filled(operation.path, "", "{subject.id}"))
        if root is not None:
            draft.put("root", root)
        draft.put("id", self.as_text("id", fields["id"]))
        for key, names in PERSON:
            found = first_of(names, fields)
            if found is not None:
                draft.put(key, found)
        seen = [one for one in fields if re.search(r"verif|confirm", one, re.IGNORECASE)]
        question = "has the provider seen them read mail at this very address? else leave it out"
        draft.ask("email_verified", question, seen)
        held = [one for one in REFERENCES if one not in FREE_TEXT and one in fields]
        question = "where does it hold other systems' ids, which only your own systems can write?"
        draft.ask("ids", question, held)
        draft.ask("find", "which read gives the customers of one exact address, {find.email}?")

    def _reads_a_person(self) -> Operation | None:
        for one in self.described.operations:
            *before, named, last = ("", *one.path.strip("/").split("/"))
            is_one = PARAMETER.fullmatch(last) is not None and "{" not in "".join([*before, named])
            is_person = one.method == "GET" and is_one and singular(snake(named)) in PEOPLE
            if is_person and "id" in self.inner(one.answer)[1]:
                return one
        return None

    def _object(self, operation: Operation) -> ObjectShape:
        """What is read before: by the path, else by a required `…_id` of the body."""
        segments = operation.path.strip("/").split("/")
        at = [number for number, one in enumerate(segments) if "{" in one]
        if at:
            last = at[-1]
            parameter = PARAMETER.findall(segments[last])[0]
            kind = singular(snake(segments[last - 1])) if last else snake(parameter)
            path = "/" + "/".join(segments[: last + 1])
            get = self._get(path)
            return self._made(kind, kind, get)
        body = self.body(operation)
        for field in sorted(body.fields, key=lambda one: one not in body.required):
            if not field.lower().endswith(("_id", "id")) or KEY.search(field):
                continue
            kind = singular(snake(re.sub(r"_?[iI][dD]$", "", field)))
            if kind in ("", "thing") or first_of(OWNERS, [field]) is not None:
                continue
            for one in self.described.operations:
                names = one.path.strip("/").split("/")
                is_one = len(names) > 1 and "{" in names[-1] and "{" not in "".join(names[:-1])
                if one.method == "GET" and is_one and singular(snake(names[-2])) == kind:
                    return self._made(kind, kind, one)
        kind = singular(snake(segments[-1]))
        return self._made(kind, kind, None)

    def _made(self, kind: str, arg: str, get: Operation | None) -> ObjectShape:
        if arg in FORBIDDEN_FIELDS or get is None:
            return ObjectShape(kind=kind, arg=arg, get=get, root=None, fields={})
        root, fields = self.inner(get.answer)
        return ObjectShape(kind=kind, arg=arg, get=get, root=root, fields=fields)

    def _get(self, path: str) -> Operation | None:
        for one in self.described.operations:
            if one.method == "GET" and PARAMETER.sub("{}", one.path) == PARAMETER.sub("{}", path):
                return one
        return None


def _rank(operation: Operation) -> tuple[bool, bool, int]:
    """What support does most first, then what concerns something of a customer's."""
    named = {*words_of(operation.path.rpartition("}")[2]), *words_of(operation.name)}
    return not ASKED_FOR & named, not ENDED & set(words_of(operation.path)), len(operation.path)


def _verb(operation: Operation, taken: Sequence[Wanted]) -> str:
    segments = [one for one in operation.path.strip("/").split("/") if "{" not in one]
    last = singular(snake(segments[-1])) if segments else "act"
    named = snake(operation.name) if operation.name else ""
    used = {one.verb for one in taken}
    for verb in (last if len(last) > 3 else "", named, f"{operation.method.lower()}_{last}"):
        if verb and verb not in used and re.fullmatch(r"[a-z][a-z0-9_]{0,39}", verb):
            return verb
    return f"{last}_{len(taken) + 1}"[:40]


def _ends_with(path: str, words: Sequence[str]) -> bool:
    return any(path == one or path.endswith(f"/{one}") for one in words)


def _auth(scheme: Schema) -> dict[str, JsonValue] | None:
    kind, where = str(scheme.get("type", "")).lower(), str(scheme.get("in", ""))
    if kind == "http":
        word = str(scheme.get("scheme", "")).lower()
        if word == "basic":
            return {"kind": "basic", "user": "{secret}", "password": ""}
        return {"kind": "bearer"} if word == "bearer" else None
    if kind == "basic":
        return {"kind": "basic", "user": "{secret}", "password": ""}
    if kind == "apikey" and where == "header":
        name = str(scheme.get("name", ""))
        if name.lower() == "authorization":
            return {"kind": "bearer"}
        return {"kind": "header", "name": name}
    if kind == "oauth2":
        flows = cast("Mapping[str, Any]", scheme.get("flows") or {})
        code = cast("Mapping[str, Any]", flows.get("authorizationCode") or {})
        if code:
            return {
                "kind": "oauth2",
                "authorize": str(code.get("authorizationUrl", "")),
                "token": str(code.get("tokenUrl", "")),
            }
        own = cast("Mapping[str, Any]", flows.get("clientCredentials") or {})
        if own and urlsplit(str(own.get("tokenUrl", ""))).scheme:
            return {"kind": "client_credentials", "token": str(own["tokenUrl"])}
    return None
