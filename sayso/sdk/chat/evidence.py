"""What stands below a card of several steps: what is known, and what was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sayso.sdk.chat.card import Lines, where_of
from sayso.sdk.chat.fit import Fit
from sayso.sdk.views.solution import SolutionView
from sayso.sdk.words.quoted import CUSTOMER_WROTE
from sayso.text import show_hidden

Turn: TypeAlias = tuple[str, str]
"""Who wrote it (`customer` or `agent`), and what."""
_MOST_TURNS = 8
_LINES_CHARS = 2800


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What somebody wrote in the conversation."""

    who: str
    text: str


def evidence(
    view: SolutionView, talk: Sequence[Turn], fit: Fit
) -> tuple[str, tuple[Lines | Spoken, ...]]:
    """What is known, for people who want to look closer; nothing is decided by it.

    Args:
        talk: the conversation, oldest first; the newest turns are shown, the others counted.

    Returns:
        The text for notifications, not escaped, and the parts.
    """
    where = where_of(view)
    facts = _lines(
        [f"{fit(label, 80)}: {fit(value, 200)}" for label, value in view.lead.facts], where
    )
    signs = _lines([f"⚠ {fit(sign, 200)}" for sign in view.lead.unusual], where)
    parts: list[Lines | Spoken] = [
        Lines(text=f"What is known\n{facts or 'Nothing beside the card.'}"),
        Lines(text=f"Looked at for what is unusual\n{signs or 'Nothing was.'}"),
    ]
    shown = talk[-_MOST_TURNS:]
    if len(shown) < len(talk):
        parts.append(Lines(text=f"{len(talk) - len(shown)} earlier messages {where}", small=True))
    for role, content in shown:
        who = CUSTOMER_WROTE if role == "customer" else "The agent wrote"
        parts.append(Spoken(who=who, text=fit(content, 1200, more=where, lines=True)))
    return show_hidden(f"What is known ({view.id})"), tuple(parts)


def _lines(lines: Sequence[str], where: str) -> str:
    """As many of the lines as one part has room for; the others are counted."""
    size = 0
    for place, line in enumerate(lines):
        size += len(line) + 1
        if size > _LINES_CHARS:
            return "\n".join([*lines[:place], f"{len(lines) - place} more {where}"])
    return "\n".join(lines)
