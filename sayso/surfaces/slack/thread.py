"""What stands in the thread below a card: what is known, who is called; nothing is decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sayso.json import JsonObject, JsonValue
from sayso.sdk.views.rows import NoteView
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.slack.card import context, section, where_of
from sayso.surfaces.slack.wording import escape, fit, show_hidden

_SURFACES = {
    "console": "in the console",
    "cli": "on the command line",
    "http": "over HTTP",
    "sdk": "in a program",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Something that is no card.

    Attributes:
        text: for notifications and screen readers.
        below: the card in whose thread it stands; empty for the channel itself.
    """

    text: str
    blocks: tuple[JsonObject, ...]
    below: str = ""


Turn: TypeAlias = tuple[str, str]
"""Who wrote it (`customer` or `agent`), and what."""
_MOST_TURNS = 8
_LINES_CHARS = 2800


def build_evidence(view: SolutionView, talk: Sequence[Turn]) -> tuple[str, tuple[JsonObject, ...]]:
    """What stands in the thread below the card: what is known, and what was written.

    Args:
        talk: the conversation, oldest first; the newest turns are shown, the others counted.

    Returns:
        The text for notifications and the blocks; no button, since nothing is decided there.
    """
    facts = _lines(
        [f"{fit(label, 80)}: {fit(value, 200)}" for label, value in view.lead.facts], view
    )
    signs = _lines([f"⚠ {fit(sign, 200)}" for sign in view.lead.unusual], view)
    blocks: list[JsonObject] = [
        section(f"What is known\n{facts or 'Nothing beside the card.'}"),
        section(f"Looked at for what is unusual\n{signs or 'Nothing was.'}"),
    ]
    shown = talk[-_MOST_TURNS:]
    if len(shown) < len(talk):
        blocks.append(context(f"{len(talk) - len(shown)} earlier messages {where_of(view)}"))
    for role, content in shown:
        who = "Customer wrote (not checked)" if role == "customer" else "The agent wrote"
        text = fit(content, 1200, more=where_of(view), lines=True)
        said: JsonObject = {"type": "text", "text": who, "style": {"bold": True}}
        blocks.append(
            {
                "type": "rich_text",
                "elements": [
                    {"type": "rich_text_section", "elements": [said]},
                    {"type": "rich_text_quote", "elements": [{"type": "text", "text": text}]},
                ],
            }
        )
    return escape(show_hidden(f"What is known ({view.id})")), tuple(blocks)


def _lines(lines: Sequence[str], view: SolutionView) -> str:
    """As many of the lines as a section has room for; the others are counted."""
    size = 0
    for place, line in enumerate(lines):
        size += len(line) + 1
        if size > _LINES_CHARS:
            return "\n".join([*lines[:place], f"{len(lines) - place} more {where_of(view)}"])
    return "\n".join(lines)


def reminder(view: SolutionView, users: tuple[str, ...], ts: str) -> Post:
    """What stands in the thread: who is called, and until when they can answer."""
    until = f"{view.expires_at[:10]} {view.expires_at[11:16]} UTC"
    escalated = view.escalated is not None
    lead = f"escalated {fit(view.escalated.whom, 200)}: " if view.escalated is not None else ""
    said = f"{lead}this still waits for a yes or no. No answer by {until} counts as no."
    elements: list[JsonValue] = []
    for user in users:
        elements += [{"type": "user", "user_id": user}, {"type": "text", "text": ", "}]
    elements.append({"type": "text", "text": said})
    block: JsonObject = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": elements}],
    }
    what = "Escalated" if escalated else "Still waiting"
    text = escape(show_hidden(f"{what}: yes or no by {until} ({view.id})"))
    return Post(text=text, blocks=(block,), below=ts)


def note_post(view: SolutionView, note: NoteView, ts: str) -> Post:
    """What somebody noted elsewhere, as plain text with who it was and where."""
    where = _SURFACES.get(note.via, "elsewhere")
    who: JsonObject = {
        "type": "text",
        "text": f"{fit(note.person, 80)} {where}: ",
        "style": {"bold": True},
    }
    said: JsonObject = {
        "type": "text",
        "text": fit(note.text, 2500, more=where_of(view), lines=True),
    }
    block: JsonObject = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [who, said]}],
    }
    return Post(text=f"A note ({view.id})", blocks=(block,), below=ts)


def rule_post(view: SolutionView, ts: str) -> Post:
    """What whoever writes below a card has to know, whatever they have written."""
    said = (
        "What is written here is noted, for everybody who looks at this, and decides nothing: a"
        " yes, a no and less are said with the buttons of the card."
    )
    return Post(text=f"A note decides nothing ({view.id})", blocks=(context(said),), below=ts)
