"""The card as an Adaptive Card; what it says is `sayso.sdk.chat`'s.

Foreign text stands in text runs alone, in which Markdown, mentions and links mean nothing.

Source: Adaptive Cards 1.5, which Teams renders; Universal Actions (Action.Execute) of 1.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never

import orjson

from sayso.json import JsonObject, JsonValue
from sayso.sdk.chat.card import Buttons, Heading, Lines, Part, Quote, Runs, Timed, build_card
from sayso.sdk.chat.evidence import Turn, evidence
from sayso.sdk.chat.fit import Fit, plain_fit
from sayso.sdk.chat.forms import ChatForm, ChoiceField, Field, TextField, form_for
from sayso.sdk.chat.moment import plain
from sayso.sdk.chat.news import ChatNews
from sayso.sdk.chat.work import FORMS, LABELS, WorkCard
from sayso.sdk.views.solution import SolutionView
from sayso.sdk.words.approval_outcome import CardOutcome
from sayso.surfaces.teams.settings import CHANNEL

VERSION = "1.5"
SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
CARD_TYPE = "application/vnd.microsoft.card.adaptive"
POINTER = "sayso"
"""The one thing of ours that a card carries."""
WORK_VERB = "work."
"""Begins the verbs of what people have to do."""
SHOW = "show"
"""The verb that asks for the card as it stands now."""
_MOST_BYTES = 26_000
"""SOURCE: Teams, limits: about 28 KB a message, all in all."""
_SMALLER = (1.0, 0.5, 0.2)


def build_adaptive(
    view: SolutionView, outcome: CardOutcome | None = None, *, url: str = ""
) -> tuple[str, JsonObject]:
    """The card as it should stand now, and the text for notifications.

    Args:
        outcome: what became of the only step; without it, as with several, what was answered.
        url: of the console, where there is one that others can open.
    """
    made = [_whole(view, outcome, url, share) for share in _SMALLER[:1]]
    for share in _SMALLER[1:]:
        if len(orjson.dumps(made[-1][1])) > _MOST_BYTES:
            made.append(_whole(view, outcome, url, share))
    return made[-1]


def message(text: str, card: JsonObject) -> JsonObject:
    """An activity that shows a card."""
    return {
        "type": "message",
        "summary": text,
        "attachments": [{"contentType": CARD_TYPE, "content": card}],
    }


def note_card(text: str) -> JsonObject:
    """A card of a few plain lines, with nothing to click."""
    return _card(paragraphs([(False, text)]), ())


def news_card(told: ChatNews) -> JsonObject:
    """What is told beside the cards; people are named so that Teams tells them."""
    named = [(one.id, one.account(CHANNEL)) for one in told.called]
    people = [(name, account.partition("/")[2]) for name, account in named if account]
    body: list[JsonValue] = []
    if people:
        marks = ", ".join(f"<at>{name}</at>" for name, _ in people)
        body.append({"type": "TextBlock", "text": marks, "wrap": True})
    runs = [(True, told.head)] if told.head else []
    body += paragraphs([*runs, (False, plain(told.words))], small=told.small)
    entities: list[JsonValue] = [
        {
            "type": "mention",
            "text": f"<at>{name}</at>",
            "mentioned": {"id": object_id, "name": name},
        }
        for name, object_id in people
    ]
    return {**_card(body, ()), **({"msteams": {"entities": entities}} if entities else {})}


def evidence_card(view: SolutionView, talk: Sequence[Turn]) -> tuple[str, JsonObject]:
    """What stands below the card of a plan."""
    text, parts = evidence(view, talk, _scaled(0.5))
    body: list[JsonValue] = []
    for part in parts:
        if isinstance(part, Lines):
            body += paragraphs([(False, part.text)], small=part.small)
        else:
            body += [*paragraphs([(True, part.who)]), _set_off(paragraphs([(False, part.text)]))]
    return text, _card(body, ())


def work_card(card: WorkCard) -> JsonObject:
    """What people have to do, and what they can say about it."""
    body = [block for part in card.parts for block in _blocks(part)]
    actions: list[JsonValue] = []
    for name in card.buttons:
        form = FORMS.get(name)
        verb, data = f"{WORK_VERB}{name}", {POINTER: card.about}
        title = LABELS[name] if form is None else form.submit
        run: JsonObject = {"type": "Action.Execute", "title": title, "verb": verb, "data": data}
        if form is None:
            actions.append(run)
            continue
        inner: JsonObject = {
            "type": "AdaptiveCard",
            "version": VERSION,
            "body": [item for field in form.fields for item in _input(field)],
            "actions": [run],
        }
        actions.append({"type": "Action.ShowCard", "title": LABELS[name], "card": inner})
    if card.url:
        actions.append({"type": "Action.OpenUrl", "title": "Open ↗", "url": card.url})
    return _card(body, actions)


def paragraphs(
    runs: Iterable[tuple[bool, str]], *, small: bool = False, size: str = ""
) -> list[JsonValue]:
    """Texts one after the other as plain text, a block for each line."""
    lines: list[list[JsonValue]] = [[]]
    for bold, text in runs:
        for number, line in enumerate(text.split("\n")):
            if number:
                lines.append([])
            if line:
                lines[-1].append(_run(line, bold=bold, small=small, size=size))
    blocks: list[JsonValue] = []
    for number, inlines in enumerate(lines):
        block: dict[str, JsonValue] = {
            "type": "RichTextBlock",
            "inlines": inlines or [_run("\u00a0", bold=False, small=small, size=size)],
        }
        if number:
            block["spacing"] = "None"
        blocks.append(block)
    return blocks


def _run(text: str, *, bold: bool, small: bool, size: str) -> JsonObject:
    return {
        "type": "TextRun",
        "text": text,
        **({"weight": "Bolder"} if bold else {}),
        **({"size": size} if size else {}),
        **({"isSubtle": True, "size": "Small"} if small else {}),
    }


def _whole(
    view: SolutionView, outcome: CardOutcome | None, url: str, share: float
) -> tuple[str, JsonObject]:
    """The card with so much of the room for foreign text."""
    fit = _scaled(share)
    card = build_card(view, outcome, fit=fit, url=url)
    body: list[JsonValue] = []
    actions: list[JsonValue] = []
    for part in card.parts:
        if isinstance(part, Buttons):
            actions += _actions(part, view, fit)
        else:
            body += _blocks(part)
    pointer = next((part.value for part in card.parts if isinstance(part, Buttons)), "")
    refresh: dict[str, JsonValue] = {}
    if pointer:  # whoever looks at a card that was not brought up to date gets it as it is
        action: JsonObject = {
            "type": "Action.Execute",
            "verb": SHOW,
            "data": {POINTER: pointer},
        }
        refresh = {"refresh": {"action": action}}
    return card.text, {**_card(body, actions), **refresh}


def _card(body: Sequence[JsonValue], actions: Sequence[JsonValue]) -> JsonObject:
    return {
        "type": "AdaptiveCard",
        "$schema": SCHEMA,
        "version": VERSION,
        "body": list(body),
        **({"actions": list(actions)} if actions else {}),
    }


def _blocks(part: Part) -> list[JsonValue]:
    match part:
        case Heading():
            return paragraphs([(True, part.text)], size="Large")
        case Lines():
            return paragraphs([(False, part.text)], small=part.small)
        case Timed():
            return paragraphs([(False, plain(part.pieces))])
        case Runs():
            return paragraphs(part.runs)
        case Quote():
            return [
                _set_off(paragraphs([(False, part.text)])),
                *paragraphs([(False, part.whose)], small=True),
            ]
        case Buttons():
            return []
        case _:
            assert_never(part)


def _set_off(items: list[JsonValue]) -> JsonObject:
    return {"type": "Container", "style": "emphasis", "items": items}


def _actions(part: Buttons, view: SolutionView, fit: Fit) -> list[JsonValue]:
    made: list[JsonValue] = []
    for button in part.buttons:
        if button.url:
            made.append({"type": "Action.OpenUrl", "title": button.label, "url": button.url})
            continue
        form = form_for(button.answer, view, fit)
        if form is None:
            made.append(_execute(button.label, button.answer, part.value))
        else:
            made.append(
                {
                    "type": "Action.ShowCard",
                    "title": button.label,
                    "card": _form(form, button.answer, part.value),
                }
            )
    return made


def _execute(title: str, verb: str, pointer: str) -> JsonObject:
    return {"type": "Action.Execute", "title": title, "verb": verb, "data": {POINTER: pointer}}


def _form(form: ChatForm, verb: str, pointer: str) -> JsonObject:
    return {
        "type": "AdaptiveCard",
        "version": VERSION,
        "body": [item for field in form.fields for item in _input(field)],
        "actions": [_execute(form.submit, verb, pointer)],
    }


def _input(field: Field) -> list[JsonValue]:
    """A field with its label above it.

    NOTE: an input's own `label` is Markdown, and what stands on it may be a customer's.
    """
    label = [
        *paragraphs([(True, field.label)]),
        *(paragraphs([(False, field.hint)], small=True) if field.hint else []),
    ]
    match field:
        case ChoiceField():
            choices: list[JsonValue] = [
                {"title": title, "value": value} for value, title in field.options.items()
            ]
            return [
                *label,
                {
                    "type": "Input.ChoiceSet",
                    "id": field.name,
                    "choices": choices,
                    **(
                        {"isMultiSelect": True, "value": ",".join(field.options)}
                        if field.many
                        else {"placeholder": field.placeholder}
                    ),
                },
            ]
        case TextField():
            return [
                *label,
                {
                    "type": "Input.Text",
                    "id": field.name,
                    "maxLength": field.limit,
                    **({"isMultiline": True} if field.lines else {}),
                },
            ]
        case _:
            assert_never(field)


def _scaled(share: float) -> Fit:
    def fit(text: str, limit: int, *, more: str = "", lines: bool = False) -> str:
        return plain_fit(text, max(61, int(limit * share)), more=more, lines=lines)

    return fit
