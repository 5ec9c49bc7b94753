"""Kinds of action as a newcomer reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic.errors import PydanticInvalidForJsonSchema

from sayso.actions.action import Action
from sayso.sdk.kinds import Kinds
from sayso.sdk.views import View


class ArgumentView(View):
    """One argument of a kind of action.

    Attributes:
        form: how it is written in JSON, such as `"now" or "period_end"`; empty where only the
            schema can say it.
    """

    name: str
    required: bool
    description: str
    form: str


class KindView(View):
    """One kind of action.

    Attributes:
        name: such as `stripe.refund`. summary: what it does, in a line.
        sentence: what the card says, with the fields that the connector fills in.
        effect: `money_out`, `credit`, `cancellation`, `change` or `message`.
        guarantee: `idempotent`, `verifiable` or `at_most_once`. promise: the same in words.
        undone_by: the kind that takes it back when another step of its plan fails; None for none.
        args_schema: JSON Schema of the arguments; empty where it cannot say them.
    """

    name: str
    summary: str
    sentence: str
    effect: str
    guarantee: str
    promise: str
    reversible: bool
    undone_by: str | None
    args: tuple[ArgumentView, ...]
    args_schema: Mapping[str, Any]


class KindsView(View):
    """The kinds of action of a workspace.

    Attributes:
        unread: why a connector or a file could not be read, by its name; it may have more.
    """

    kinds: tuple[KindView, ...]
    unread: Mapping[str, str]


def show_kinds(kinds: Kinds) -> KindsView:
    """The external form of the kinds."""
    return KindsView(kinds=tuple(map(_show, kinds.actions)), unread=dict(kinds.unread))


def _show(action: Action) -> KindView:
    schema = _schema(action)
    args = tuple(
        ArgumentView(
            name=name,
            required=field.is_required(),
            description=str(field.description or ""),
            form=_form(schema.get("properties", {}).get(name, {})),
        )
        for name, field in action.args.model_fields.items()
    )
    return KindView(
        name=action.name,
        summary=action.summary,
        sentence=action.sentence or action.summary,
        effect=action.effect.value,
        guarantee=action.guarantee.kind,
        promise=action.guarantee.sentence,
        reversible=action.reversible,
        undone_by=None if action.undo is None else action.undo.action,
        args=args,
        args_schema=schema,
    )


def _schema(action: Action) -> Mapping[str, Any]:
    try:
        return action.args.model_json_schema()
    except PydanticInvalidForJsonSchema:  # a type of a team's own that JSON Schema cannot say
        return {}


_FORMS = {"string": "a text", "integer": "a whole number", "boolean": "true or false"}


def _form(schema: Mapping[str, Any]) -> str:
    """How a value of this schema is written, in words."""
    choices: Sequence[Mapping[str, Any]] = schema.get("anyOf", [schema])
    given = [one for one in choices if one.get("type") != "null"]
    if len(given) != 1:
        return ""
    if "enum" in given[0]:
        return " or ".join(f'"{word}"' for word in given[0]["enum"][:12])
    if set(given[0].get("properties", {})) == {"amount_minor", "currency"}:
        return '{"amount_minor": 500, "currency": "USD"}'
    return _FORMS.get(str(given[0].get("type")), "")
