"""The forms of a card as Slack's modals, and the note in their place."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import assert_never

from sayso.json import JsonObject, JsonValue
from sayso.sdk.chat.card import Answer
from sayso.sdk.chat.forms import ChatForm, ChoiceField, Field, TextField, form_for
from sayso.sdk.chat.pointer import Pointer
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.slack.wording import fit

NO_FORM = "sayso.solution.no"
LESS_FORM = "sayso.solution.less"
ASK_FORM = "sayso.solution.ask"
_MOST_SUBMIT = 24
"""SOURCE: Slack docs, Modals: what a title and a button hold."""
FORMS: Mapping[Answer, str] = MappingProxyType({"no": NO_FORM, "less": LESS_FORM, "ask": ASK_FORM})


def build_form(answer: Answer, view: SolutionView) -> JsonObject:
    """The form of an answer; sending it is the answer."""
    form = form_for(answer, view, fit)
    assert form is not None, "a yes has none"
    pointer = str(Pointer.to(view.id, view.revision, view.digest))
    return build_modal(FORMS[answer], pointer, form, fit(view.lead.headline, 600))


def build_modal(callback_id: str, metadata: str, form: ChatForm, head: str) -> JsonObject:
    """A form as a modal.

    Args:
        metadata: what it is sent back with. head: above the fields, escaped; empty for none.
    """
    inputs: list[JsonValue] = [_input(field) for field in form.fields]
    top: list[JsonValue] = [{"type": "section", "text": _plain(head)}] if head else []
    return {
        "type": "modal",
        "callback_id": callback_id,
        "private_metadata": metadata,
        "title": _plain(form.title),
        "submit": _plain(form.submit if len(form.submit) <= _MOST_SUBMIT else form.title),
        "close": _plain("Back"),
        "blocks": [*top, *inputs],
    }


def note(title: str, text: str) -> JsonObject:
    """What stands in a form's place once there is nothing more to fill in."""
    return {
        "type": "modal",
        "title": _plain(title),
        "close": _plain("Close"),
        "blocks": [{"type": "section", "text": _plain(fit(text, 1000))}],
    }


def _input(field: Field) -> JsonObject:
    match field:
        case ChoiceField():
            element, optional = _choice(field), False
        case TextField():
            optional = field.optional
            element = {
                "type": "plain_text_input",
                "action_id": field.name,
                **({"multiline": True} if field.lines else {}),
                "max_length": field.limit,
            }
        case _:
            assert_never(field)
    return {
        "type": "input",
        "block_id": field.name,
        **({"optional": True} if optional else {}),
        "label": _plain(field.label),
        **({"hint": _plain(field.hint)} if field.hint else {}),
        "element": element,
    }


def _choice(field: ChoiceField) -> JsonObject:
    options: list[JsonValue] = [
        {"text": _plain(title), "value": value} for value, title in field.options.items()
    ]
    if field.many:
        return {
            "type": "checkboxes",
            "action_id": field.name,
            "options": options,
            "initial_options": options,
        }
    return {
        "type": "static_select",
        "action_id": field.name,
        "placeholder": _plain(field.placeholder),
        "options": options,
    }


def _plain(text: str) -> JsonObject:
    """A text object of text that is escaped already."""
    return {"type": "plain_text", "text": text, "emoji": False}
