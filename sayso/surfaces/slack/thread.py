"""What stands in the thread below a card: what is known, who is called; nothing is decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sayso.json import JsonObject, JsonValue
from sayso.sdk.solution_view import SolutionView
from sayso.surfaces.slack.card import context, section, where_of
from sayso.surfaces.slack.wording import escape, fit, show_hidden

Turn: TypeAlias = tuple[str, str]
"""Who wrote it (`customer` or `agent`), and what."""
_MOST_TURNS = 8


def build_evidence(view: SolutionView, talk: Sequence[Turn]) -> tuple[str, tuple[JsonObject, ...]]:
    """What stands in the thread below the card: what is known, and what was written.

    Args:
        talk: the conversation, oldest first; the newest turns are shown, the others counted.

    Returns:
        The text for notifications and the blocks; no button, since nothing is decided there.
    """
    facts = "\n".join(f"{fit(label, 80)}: {fit(value, 200)}" for label, value in view.lead.facts)
    signs = "\n".join(f"⚠ {fit(sign, 200)}" for sign in view.lead.unusual)
    blocks: list[JsonObject] = [
        section(f"What is known\n{facts or 'Nothing beside the card.'}"),
        section(f"Looked at for what is unusual\n{signs or 'Nothing was.'}"),
    ]
    shown = talk[-_MOST_TURNS:]
    if len(shown) < len(talk):
        blocks.append(context(f"{len(talk) - len(shown)} earlier messages {where_of(view)}"))
    for role, content in shown:
        who = "Customer wrote (not verified)" if role == "customer" else "The agent wrote"
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


def reminder(view: SolutionView, users: tuple[str, ...]) -> tuple[str, tuple[JsonObject, ...]]:
    """What stands in the thread: who is called, and until when they can answer.

    Returns:
        The text for notifications and the blocks.
    """
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
    return escape(show_hidden(f"{what}: yes or no by {until} ({view.id})")), (block,)
