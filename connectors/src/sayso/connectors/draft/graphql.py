"""A draft from a GraphQL schema: mutations that tell their errors, and what they act on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from sayso.actions.model.definition import FORBIDDEN_FIELDS, Effect
from sayso.connectors.describe.graphql import GraphQl
from sayso.connectors.draft.draft import DraftedManifest, DraftLines, begin
from sayso.connectors.draft.words import (
    OWNERS,
    PEOPLE,
    REFERENCES,
    STATES,
    UNSURE_OWNERS,
    effect_of,
    first_of,
    snake,
    spread,
    words_of,
)
from sayso.errors import Code, ConfigError
from sayso.json import JsonValue
from sayso.text import plain

if TYPE_CHECKING:
    from graphql import GraphQLArgument, GraphQLField, GraphQLObjectType, GraphQLType

MOST_ACTIONS = 5
_ID_END = re.compile(r"(?:_id|Id|ID)$")


def draft_graphql(
    schema: GraphQl, name: str, source: str, wanted: Sequence[str] = ()
) -> DraftedManifest:
    """A draft of a provider's support actions.

    Args:
        schema: the provider's own. name: the connector's. source: the file's name.
        wanted: mutations to take by name; none means what their words tell.

    Raises:
        ConfigError: `invalid_setting`, for a mutation that is not there, or when none is found.
    """
    mutations = schema.schema.mutation_type
    fields = dict(mutations.fields) if mutations is not None else {}
    found = _wanted(fields, wanted)
    taken, left = found[:MOST_ACTIONS], found[MOST_ACTIONS:]
    draft = begin(name, name.replace("_", " ").capitalize(), "1", source)
    draft.table("connection")
    draft.ask("base", "https address of the provider; a part that differs per account is a setting")
    draft.ask("graphql", "path of the endpoint, such as /graphql")
    draft.ask("auth", "how is the key shown? kind = bearer, header, oauth2, …")
    draft.ask("account", "which query says who we are? { query = TEXT, id = PATH, title = PATH }")
    draft.ask("subject", "how does it write a customer's id? { form = 'gid://…/{subject.id}' }")
    if any(effect in (Effect.MONEY_OUT, Effect.CREDIT) for _, effect in taken):
        draft.table("money")
        draft.ask("unit", 'is 12.50 written "12.50" (major) or 1250 (minor)?')
    reads: dict[str, GraphQLObjectType | None] = {}
    actions = DraftLines()
    for mutation, effect in taken:
        _action(actions, mutation, fields[mutation], effect, reads, schema)
    for kind, read in reads.items():
        _read(draft, kind, read, schema)
    _person(draft, schema)
    draft.lines += actions.lines
    draft.filled += actions.filled
    draft.asked += actions.asked
    return draft.done({snake(one): one for one, _ in taken}, [one for one, _ in left])


def _person(draft: DraftLines, schema: GraphQl) -> None:
    queries = schema.schema.query_type
    known = [] if queries is None else [one for one in queries.fields if snake(one) in PEOPLE]
    question = "which query reads who a customer is, by `{subject.form}`? its root, id, name, email"
    draft.lines.append("")
    draft.ask("person", question, known)


def _wanted(fields: Mapping[str, GraphQLField], wanted: Sequence[str]) -> list[tuple[str, Effect]]:
    for one in wanted:
        if one not in fields:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"the schema has no mutation `{plain(one, limit=60)}`",
                next_step="name one of the schema's mutations",
            )
    found: list[tuple[str, Effect]] = []
    order = list(Effect)
    for name in wanted or fields:
        effect = effect_of(words_of(name), has_amount=False, deletes=False)
        if effect is None and not wanted:
            continue
        found.append((name, effect or Effect.CHANGE))
    if not found:
        raise ConfigError(
            Code.INVALID_SETTING,
            "no mutation of the schema has a word of support's, such as refund or cancel",
            next_step="name the ones that you want by --only",
        )
    if wanted:
        return found
    # A schema that tells its errors somewhere has its support actions there.
    found = [one for one in found if _tells_errors(fields[one[0]])] or found
    rated = sorted(found, key=lambda one: (order.index(one[1]), len(one[0])))
    return spread(rated, lambda one: one[1])


def _action(
    draft: DraftLines,
    name: str,
    field: GraphQLField,
    effect: Effect,
    reads: dict[str, GraphQLObjectType | None],
    schema: GraphQl,
) -> None:
    inputs = _inputs(field)
    ids = [one for one in inputs if _ID_END.search(one.rpartition(".")[2]) or one == "id"]
    named = _ID_END.sub("", ids[0].rpartition(".")[2]) if ids else ""
    words = words_of(name)
    kind = snake(named)
    if kind in ("thing", "id", ""):
        # `cancelOrder(id)`: the word that the schema has a type of.
        kind = next((one for one in words if _type_of(schema, one) is not None), words[0])
    found = _type_of(schema, kind)
    reads.setdefault(kind, found)
    fields: Mapping[str, GraphQLField] = found.fields if found is not None else {}
    verb = snake(name)
    draft.lines += ["", f"# {'-' * 90}"]
    draft.table("actions", verb)
    draft.put("summary", plain(field.description or name, limit=120).split(". ")[0])
    draft.put("effect", effect.value, "by its words; is it more serious?")
    draft.put("sentence", f"{' '.join(words_of(name)).capitalize()}: {kind} {{{kind}}}")
    draft.put("reversible", False)
    draft.put("resolve", [kind])
    draft.put("object", {"kind": kind, "id": f"{kind}.id"})
    owner = first_of([one for one in OWNERS if one not in UNSURE_OWNERS], fields)
    if owner is not None:
        draft.put("owner", {"path": f"{kind}.{owner}.id", "is": "{subject.form}"})
    else:
        draft.ask(
            "owner",
            "where does the provider say whose it is?",
            [f"{kind}.{one}" for one in fields][:6],
        )
    draft.ask("payee", "where does the effect go?")
    if effect is Effect.MONEY_OUT:
        draft.ask("amount", "how much does it move? { money = PATH, currency = PATH } or { arg }")
    state = first_of((*STATES, "updatedAt", "displayFinancialStatus"), fields)
    if state is not None:
        draft.put("preconditions", {f"{kind}.{state}": f"{kind}.{state}"})
    else:
        draft.ask("preconditions", "what has to be still so at the call? { NAME = READ.PATH }")
    draft.ask("require", "when may it be done?")
    draft.put("card", {kind: f"{kind}.id"})
    draft.ask("words", "what is the customer told? { done = …, refused = … }")
    draft.table("actions", verb, "args")
    draft.put(
        kind,
        {"type": "ref", "kind": kind, "pattern": "[0-9]{1,20}", "says": f"the {kind}"},
        "what do its ids look like?",
    )
    for one, required in inputs.items():
        if one not in ids:
            last = snake(one.rpartition(".")[2])
            if required and last in FORBIDDEN_FIELDS:
                draft.ask(one, "never an argument: put `{subject.form}` into the variables")
            elif required:
                draft.ask(one, "it has to be sent; what is it, and where does it come from?")
            else:
                draft.say(f"may also be sent: {one}")
    _call(draft, verb, name, field, inputs, ids)


def _call(
    draft: DraftLines,
    verb: str,
    name: str,
    field: GraphQLField,
    inputs: Mapping[str, bool],
    ids: Sequence[str],
) -> None:
    draft.table("actions", verb, "call")
    names = list(field.args)
    heads = ", ".join(f"${one}: {_type(field.args[one])}" for one in names)
    given = ", ".join(f"{one}: ${one}" for one in names)
    errors = _errors_of(field)
    payload, effect = _payload(field)
    selected = _selected(field)
    signature, passed = (f"({heads})", f"({given})") if names else ("", "")
    mutation = f"mutation{signature} {{ {name}{passed} {selected} }}"
    draft.put("mutation", " ".join(mutation.split()))
    variables: dict[str, JsonValue] = {}
    reference = first_of(REFERENCES, [one.rpartition(".")[2] for one in inputs])
    for one in inputs:
        last = one.rpartition(".")[2]
        if one in ids[:1]:
            _place(variables, one, "{object.id}")
        elif last == reference:
            _place(variables, one, "{call.ref}")
    draft.put("variables", variables)
    if errors is not None:
        draft.put("user_errors", f"{name}.{errors}")
    if reference is not None:
        at = next(one for one in inputs if one.rpartition(".")[2] == reference)
        draft.put("reference", {"at": f"variables.{at}"}, "do others read this field?")
    draft.ask(
        "key",
        "does a directive or a variable make it once? name, how long kept, and source",
        [f"@{one}" for one in _keys(field)],
    )
    done = _done_member(field)
    if done is not None:
        draft.put("receipt", {"from": name, "id": "id", "status": "'done'"})
        draft.say(f"an answer that is no {done} has no id: its outcome is unknown, and looked up")
    elif effect is None:
        draft.ask("receipt", "what shows that it was done? { from, id, status }", payload)
    else:
        draft.put("receipt", {"from": f"{name}.{effect}", "id": "id", "status": "'done'"})
    if reference is not None and (done or effect) is not None:
        draft.ask("receipt.ours", "where does the answer show our reference?", [reference])
    draft.lines.append("")
    draft.ask(f"actions.{verb}.look_up", "by which query is the effect found again?")


def _read(draft: DraftLines, kind: str, found: GraphQLObjectType | None, schema: GraphQl) -> None:
    draft.table("reads", kind)
    queries = schema.schema.query_type
    fields: Mapping[str, GraphQLField] = queries.fields if queries is not None else {}
    field = fields.get(_camel(kind))
    if found is None or field is None or "id" not in field.args:
        near = [one for one in fields if kind in snake(one)]
        draft.ask("query", f"which query reads the {kind}?", near)
        return
    picked = ["id"]
    owner = first_of([one for one in OWNERS if one not in UNSURE_OWNERS], found.fields)
    if owner is not None:
        picked.append(f"{owner} {{ id }}")
    state = first_of((*STATES, "updatedAt", "displayFinancialStatus"), found.fields)
    if state is not None:
        picked.append(state)
    name = _camel(kind)
    kind_of = _type(field.args["id"])
    draft.put("query", f"query($id: {kind_of}) {{ {name}(id: $id) {{ {' '.join(picked)} }} }}")
    draft.put("variables", {"id": f"{{args.{kind}}}"}, "in the provider's form of the id")
    draft.put("root", name)


# ---- the schema ----------------------------------------------------------------------------------


def _type(of: GraphQLField | GraphQLArgument) -> GraphQLType:
    # The library leaves open what its lists are of.
    return cast("GraphQLType", of.type)  # pyright: ignore[reportUnknownMemberType]


def _bare(kind: Any) -> Any:
    while hasattr(kind, "of_type"):
        kind = kind.of_type
    return kind


def _inputs(field: GraphQLField) -> dict[str, bool]:
    """What a mutation takes by dotted name, one level into its inputs, and whether it has to."""
    from graphql import is_input_object_type, is_required_argument, is_required_input_field

    found: dict[str, bool] = {}
    for name, argument in field.args.items():
        kind = _bare(_type(argument))
        if not is_input_object_type(kind):
            found[name] = is_required_argument(argument)
            continue
        for inner, one in kind.fields.items():
            found[f"{name}.{inner}"] = is_required_input_field(one)
    return found


def _payload(field: GraphQLField) -> tuple[list[str], str | None]:
    """The fields of what a mutation gives, and the one object among them with an id."""
    from graphql import is_object_type

    kind = _bare(_type(field))
    fields = cast("Mapping[str, GraphQLField]", getattr(kind, "fields", {}))
    objects = [
        name
        for name, one in fields.items()
        if is_object_type(_bare(_type(one))) and "id" in _bare(_type(one)).fields
    ]
    return list(fields), objects[0] if len(objects) == 1 else None


def _selected(field: GraphQLField) -> str:
    """What a mutation's answer is asked for: its object's id, and its errors in words."""
    from graphql import is_leaf_type, is_union_type

    kind = _bare(_type(field))
    if is_leaf_type(kind):
        return ""
    if is_union_type(kind):
        members = " ".join(f"... on {one.name} {{ {_words_in(one)} }}" for one in kind.types)
        return f"{{ __typename {members} }}"
    if "id" in kind.fields:
        return "{ id }"
    _, effect = _payload(field)
    errors = _errors_of(field)
    inner = f"{effect} {{ id }}" if effect is not None else ""
    said = ""
    if errors is not None:
        said = f"{errors} {{ {_words_in(_bare(_type(kind.fields[errors])))} }}"
    return f"{{ {inner} {said} }}" if inner or said else "{ __typename }"


def _words_in(kind: Any) -> str:
    """The fields of an object by which it is named, or of an error by which it is understood."""
    from graphql import is_leaf_type

    fields = cast("Mapping[str, GraphQLField]", getattr(kind, "fields", {}))
    wanted = ("id", "errorCode", "code", "field", "message")
    found = [one for one in wanted if one in fields and is_leaf_type(_bare(_type(fields[one])))]
    return " ".join(found) or "__typename"


def _done_member(field: GraphQLField) -> str | None:
    """The one type with an id that an answer may be: of a union, or the answer's own."""
    from graphql import is_object_type, is_union_type

    kind = _bare(_type(field))
    members = kind.types if is_union_type(kind) else [kind] if is_object_type(kind) else []
    done = [one.name for one in members if "id" in one.fields]
    return done[0] if len(done) == 1 else None


def _tells_errors(field: GraphQLField) -> bool:
    from graphql import is_union_type

    return _errors_of(field) is not None or is_union_type(_bare(_type(field)))


def _errors_of(field: GraphQLField) -> str | None:
    names, _ = _payload(field)
    return first_of(("userErrors", "user_errors", "errors"), names)


def _keys(field: GraphQLField) -> list[str]:
    return [one for one in field.args if "idempot" in one.lower()]


def _type_of(schema: GraphQl, kind: str) -> GraphQLObjectType | None:
    from graphql import is_object_type

    found = schema.schema.type_map.get(_camel(kind)[:1].upper() + _camel(kind)[1:])
    return found if is_object_type(found) else None


def _camel(kind: str) -> str:
    first, *rest = kind.split("_")
    return first + "".join(one.capitalize() for one in rest)


def _place(table: dict[str, JsonValue], at: str, value: str) -> None:
    head, _, rest = at.partition(".")
    if not rest:
        table[head] = value
        return
    inner = table.setdefault(head, {})
    cast("dict[str, JsonValue]", inner)[rest] = value
