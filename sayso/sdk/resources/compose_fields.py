"""Which fields a person fills in to propose an action, from the action's own arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.errors import PydanticInvalidForJsonSchema

from sayso.actions.model.definition import Action, Args
from sayso.agent.base import Handles
from sayso.agent.grounding import object_kind
from sayso.sdk.views.compose import (
    ComposeFieldView,
    ComposeOptionView,
    ComposeRecordView,
    FieldKind,
)

_LINE_CHARS = 200
"""A text of at most so many characters is written on one line."""
_UNBOUNDED = Args.model_config.get("str_max_length") or 0
"""What bounds every text; whoever has no bound of its own is named for what it is."""
_LONG_WORDS = ("text", "body", "message", "note")


def option_of(
    action: Action, record: ComposeRecordView | None, handles: Handles
) -> ComposeOptionView | None:
    """An action with its fields; None where it is about something else.

    Args:
        record: what it would be about; None for nothing, which leaves those without a record.
    """
    targets = {
        name: kind
        for name in action.args.model_fields
        if (kind := object_kind(action, name, handles)) is not None
    }
    if record is None and any(action.args.model_fields[one].is_required() for one in targets):
        return None
    target = ""
    if record is not None:
        fitting = [name for name, kind in targets.items() if kind == record.kind]
        same = record.connector in ("", action.connector)
        if not fitting or not same:
            return None
        target = fitting[0]
    shown: list[ComposeFieldView] = []
    problem = ""
    properties = _properties(action)
    for name, info in action.args.model_fields.items():
        if name == target:
            continue
        made = _field(action, name, properties.get(name, {}), record)
        if made is not None and name not in targets:
            shown.append(made)
        elif info.is_required():
            problem = f"{_label(name)} is nothing that a form takes; a program proposes it"
    return ComposeOptionView(
        action=action.name,
        summary=action.summary,
        effect=action.effect.value,
        reversible=action.reversible,
        target=target,
        fields=tuple(shown),
        problem=problem,
    )


def _properties(action: Action) -> Mapping[str, Mapping[str, Any]]:
    try:
        schema = action.args.model_json_schema()
    except PydanticInvalidForJsonSchema:  # a type of a team's own that JSON Schema cannot say
        return {}
    found: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    return found


def _field(
    action: Action, name: str, schema: Mapping[str, Any], record: ComposeRecordView | None
) -> ComposeFieldView | None:
    """A field for one argument; None where no form can take it."""
    forms = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    if len(forms) != 1:
        return None
    (form,) = forms
    info = action.args.model_fields[name]
    left = None if record is None else record.left
    is_money = set(form.get("properties", {})) == {"amount_minor", "currency"}
    kind = "money" if is_money else _kind(name, form)
    if kind is None:
        return None
    return ComposeFieldView(
        name=name,
        label=_label(name),
        hint=str(info.description or ""),
        kind=kind,
        required=info.is_required(),
        choices=tuple(str(one) for one in form.get("enum", ())),
        currency=left.currency if is_money and left is not None else "",
        most=left if is_money and name == action.money_arg else None,
        longest=int(form.get("maxLength", 10_000)),
    )


def _kind(name: str, form: Mapping[str, Any]) -> FieldKind | None:
    if "enum" in form and all(isinstance(one, str) for one in form["enum"]):
        return "choice"
    match form.get("type"):
        case "boolean":
            return "yes_no"
        case "integer":
            return "number"
        case "string":
            most = int(form.get("maxLength", _UNBOUNDED))
            is_line = most <= _LINE_CHARS or most == _UNBOUNDED
            return "line" if is_line and name not in _LONG_WORDS else "text"
        case _:
            return None


def _label(name: str) -> str:
    words = name.replace("_", " ")
    return f"{words[:1].upper()}{words[1:]}"
