"""The card of a whole plan: one message, one yes, and what came of each step.

What is read in five seconds stands first: what and how much to whom, the customer's own words, why
it came to people and what is unusual. Ids and digests stand last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sayso.actions.approvals.repository import ApprovalStatus
from sayso.json import JsonObject
from sayso.sdk.solution_outcome import answer_of, outcome_of_step, progress_of
from sayso.sdk.solution_view import SolutionView, StepView
from sayso.sdk.solution_words import first_name
from sayso.surfaces.slack.card import Message, ask_buttons, asked_section, open_buttons
from sayso.surfaces.slack.payload import Pointer
from sayso.surfaces.slack.wording import escape, fit, show_hidden

YES = "sayso.solution.yes"
NO = "sayso.solution.no"
LESS = "sayso.solution.less"

Turn: TypeAlias = tuple[str, str]
"""Who wrote it (`customer` or `agent`), and what."""
_MOST_TURNS = 8
_MOST_SIGNS = 3
_MOST_STEPS = 15
_LETTERS_CHARS = 4000
"""Of all letters together; the rest is counted, with the place where it can be read."""


def build_solution(view: SolutionView, url: str = "") -> Message:
    """The card as it should stand now: with buttons while it waits, with the outcome afterwards.

    Args:
        url: of the console, where there is one that others can open.
    """
    asks = view.status == ApprovalStatus.PENDING
    said = answer_of(view)
    headline = fit(view.lead.headline, 100)
    blocks: list[JsonObject] = [
        {"type": "header", "text": _plain(f"{headline}: {fit(said, 45)}")},
        _section(_split(view) if asks else f"{_split(view)}\n{progress_of(view)}"),
        *_quote(view),
    ]
    if asks:
        blocks.append({"type": "section", "fields": [_plain(_why(view)), _plain(_unusual(view))]})
        blocks += asked_section(view)
    blocks.append(_section(_steps(view, asks=asks)))
    blocks += _letters(view)
    if asks:
        blocks.append(_context(_after(view)))
        blocks.append(_buttons(view, url))
    blocks.append(_context(_footer(view, asks=asks)))
    money = " + ".join(map(str, view.totals)) or "no money"
    return Message(
        # Without any foreign text: notifications parse it as mrkdwn.
        text=escape(show_hidden(f"{money}: {said} ({view.id})")),
        blocks=tuple(blocks),
        approval_id=view.id,
        revision=view.revision,
    )


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
        _section(f"What is known\n{facts or 'Nothing beside the card.'}"),
        _section(f"Looked at for what is unusual\n{signs or 'Nothing was.'}"),
    ]
    shown = talk[-_MOST_TURNS:]
    if len(shown) < len(talk):
        blocks.append(_context(f"{len(talk) - len(shown)} earlier messages {_where(view)}"))
    for role, content in shown:
        who = "Customer wrote (not verified)" if role == "customer" else "The agent wrote"
        text = fit(content, 1200, more=_where(view), lines=True)
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


def may_be_less(view: SolutionView) -> bool:
    """Whether there is anything that a smaller yes could leave out or lower."""
    waiting = [step for step in view.steps if step.asks]
    return any(step.may_lower for step in waiting) or (len(waiting) > 1 and not view.all_or_nothing)


def _split(view: SolutionView) -> str:
    parts = [f"{amount} {what}".strip() for amount, what in view.lead.split]
    return fit(", ".join(parts) or view.lead.headline, 600, more=_where(view))


def _quote(view: SolutionView) -> list[JsonObject]:
    if not view.lead.quote.strip():
        return []
    quote = fit(view.lead.quote, 2000, more=_where(view), lines=True)
    wrote = f"{fit(first_name(view.customer.name), 80)} wrote this. Not verified."
    return [
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_quote", "elements": [{"type": "text", "text": quote}]},
                {
                    "type": "rich_text_section",
                    "elements": [{"type": "text", "text": wrote, "style": {"italic": True}}],
                },
            ],
        }
    ]


def _why(view: SolutionView) -> str:
    asked = [fit(view.lead.why, 400, more=_where(view))]
    if view.passkey:
        asked.append("A yes to so much needs your passkey, which the console asks for")
    if view.agreed:
        asked.append(f"{fit(', '.join(view.agreed), 200)} said yes already")
    if view.escalated is not None:
        asked.append(f"Escalated {fit(view.escalated.whom, 200)}")
    return "\n".join(["Why it came to you", *asked, fit(view.lead.needed, 200)])


def _unusual(view: SolutionView) -> str:
    signs = [f"⚠ {fit(sign, 200)}" for sign in view.lead.unusual[:_MOST_SIGNS]]
    more = len(view.lead.unusual) - len(signs)
    if more > 0:
        signs.append(f"{more} more {_where(view)}")
    if not signs:
        signs.append(f"Nothing. {view.lead.quiet} signs looked at.")
    return "\n".join(["Unusual", *signs])


def _steps(view: SolutionView, *, asks: bool) -> str:
    title = "What a yes does, in this order" if asks else "What happened"
    lines = [title]
    for place, step in enumerate(view.steps[:_MOST_STEPS], 1):
        lines.append(_step(place, step, asks=asks))
    if len(view.steps) > _MOST_STEPS:
        lines.append(f"{len(view.steps) - _MOST_STEPS} more steps {_where(view)}")
    return "\n".join(lines)


def _step(place: int, step: StepView, *, asks: bool) -> str:
    title = fit(step.title, 120)
    outcome = outcome_of_step(step)
    if outcome:
        return f"{place}. {title}: {fit(outcome, 60)}"
    if asks:
        alone = "Needs nobody. " if step.needs == "nobody" else ""
        return f"{place}. {title}. {alone}{fit(step.consequence, 60) if step.consequence else ''}"
    return f"{place}. {title}: under way"


def _letters(view: SolutionView) -> list[JsonObject]:
    """What is written to the customer, as a yes is bound to it."""
    letters = [
        (place, step.letter) for place, step in enumerate(view.steps, 1) if step.letter is not None
    ]
    room = _LETTERS_CHARS // max(1, len(letters))
    return [
        _section(
            f"Step {place} writes: {fit(letter.subject, 150)}\n"
            + fit(letter.text, max(100, min(room, 2500)), more=_where(view), lines=True)
        )
        for place, letter in letters[:_MOST_STEPS]
    ]


def _after(view: SolutionView) -> str:
    facts = " · ".join(f"{label}: {value}" for label, value in view.lead.facts)
    known = f" {fit(facts, 600, more=_where(view))}" if facts else ""
    deadline = f"{view.expires_at[:10]} {view.expires_at[11:16]} UTC"
    return f"A no: {fit(view.lead.on_no, 300)} No answer by {deadline} counts as no.{known}"


def _buttons(view: SolutionView, url: str) -> JsonObject:
    value = str(Pointer.to(view.id, view.revision, view.digest))
    money = " + ".join(map(str, view.totals))
    # NOTE: no colours: a green yes would be a nudge.
    yes = _button(YES, f"Yes, {money}" if money else "Yes, do it", value)
    buttons = [*([] if view.passkey else [yes]), _button(NO, "No…", value)]
    if may_be_less(view):
        buttons.append(_button(LESS, "Less…", value))
    buttons += [*ask_buttons(view), *open_buttons(view, url)]
    return {"type": "actions", "block_id": "decide", "elements": buttons}


def _button(action_id: str, label: str, value: str) -> JsonObject:
    return {
        "type": "button",
        "action_id": action_id,
        "text": _plain(fit(label, 75)),
        "value": value,
    }


def _footer(view: SolutionView, *, asks: bool) -> str:
    parts = [view.id, f"revision {view.revision}", f"digest {view.digest[:12]}", view.planner]
    if asks:
        parts.append(f"all of it {_where(view)}")
    return fit(" · ".join(parts), 600)


def _where(view: SolutionView) -> str:
    return f"in `sayso approvals show {view.id}`"


def _section(text: str) -> JsonObject:
    return {"type": "section", "text": _plain(text)}


def _context(text: str) -> JsonObject:
    return {"type": "context", "elements": [_plain(text)]}


def _plain(text: str) -> JsonObject:
    """A text object of text that is escaped already."""
    return {"type": "plain_text", "text": text, "emoji": False}
