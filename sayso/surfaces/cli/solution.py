"""The card in a terminal: a whole solution, in the order in which one decides."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, cast

from sayso.actions.approvals.decision import DIGEST_PREFIX
from sayso.actions.approvals.repository import ApprovalStatus
from sayso.actions.policy.card import Card
from sayso.ids import SystemClock
from sayso.json import JsonValue
from sayso.sdk.views.solution import is_unverified
from sayso.sdk.words.quoted import UNCHECKED, who_wrote
from sayso.sdk.words.solution import NOT_SHOWN_AGAIN, join
from sayso.sdk.words.solution_outcome import title_of
from sayso.surfaces.cli.output import Out, local_time
from sayso.surfaces.cli.words import counted, one_line

if TYPE_CHECKING:
    from rich.panel import Panel

    from sayso.sdk.views.rows import ApprovalView
    from sayso.sdk.views.solution import SolutionView, StepView

Rows = list[tuple[str, str]]
_STYLES = {"": "bold", "Wrote": "italic", "Unusual": "bold", "Details": "dim"}


def solution_rows(view: SolutionView, now: datetime) -> Rows:
    """Label and value, in the order in which one decides; a label may be empty.

    INVARIANT: whole, however long: a yes is bound to all of it, such as the text of an e-mail.
    """
    lead = view.lead
    parts = [f"{amount} {what}".strip() for amount, what in lead.split]
    rows = [
        ("", join(parts) or lead.headline),
        *([("Wrote", _wrote(view))] if lead.quote.strip() else []),
        ("Why you", f"{lead.why}. {lead.needed}".replace("..", ".").strip()),
        *([("", f"By itself: {lead.flip}")] if lead.flip else []),
        ("Unusual", "; ".join(lead.unusual) or f"nothing; {counted(lead.quiet, 'sign')} looked at"),
        *(row for place, step in enumerate(view.steps, 1) for row in _step(place, step)),
        *((label, value) for label, value in lead.facts if label in _CUSTOMERS_FACTS),
        *(
            [("Not verified", f"who knows them: sayso customers vouch {view.request_id}")]
            if is_unverified(view)
            else []
        ),
        *(("Read this", line) for line in view.cautions),
        ("Yes", lead.on_yes),
        ("No", lead.on_no),
        ("No answer", f"counts as no, {_left(view.expires_at, now)}"),
        *_agreed(view),
        *(("Noted", f"{one.person}: {one.text}") for one in view.notes),
        ("Details", _details(view)),
    ]
    return [(label, one_line(value, limit=None) or "unknown") for label, value in rows]


_CUSTOMERS_FACTS = frozenset({"Customer", "Writes from", "Acts on", "Before"})
"""Who they are, by which accounts, and what was done for them before; what each step is about
stands at the step."""


def _wrote(view: SolutionView) -> str:
    return f"“{view.lead.quote}” {who_wrote(view)} {UNCHECKED}"


def _step(place: int, step: StepView) -> Rows:
    """What it does, what it was resolved to, and what it says to whom."""
    tick = "·" if step.asks else "✓" if step.needs == "nobody" else " "
    asks = "" if step.asks or step.needs == "people" else " (needs nobody)"
    rows = [(f"{tick} {place} {step.id}", f"{title_of(step)}{asks}. {step.consequence}".strip())]
    card = _card(step)
    if card is None:
        return rows
    about = [
        f"{label} {value}" for label, value in card.fields if value and label not in NOT_SHOWN_AGAIN
    ]
    if about:
        rows.append(("", " · ".join(about)))
    if step.letter is not None:
        letter = step.letter
        rows.append(("", f"“{letter.subject}: {letter.text.strip()}” to {letter.to}"))
    return rows


def _card(step: StepView) -> Card | None:
    if step.card is None:
        return None
    return Card.from_json(cast("Mapping[str, JsonValue]", step.card))


def _left(expires_at: str, now: datetime) -> str:
    """`in 8 hours, at 2026-11-28 10:32:10`."""
    minutes = int((datetime.fromisoformat(expires_at) - now).total_seconds() // 60)
    units = ((1440, "day"), (60, "hour"), (1, "minute"))
    size, word = next((one for one in units if minutes >= 2 * one[0]), units[-1])
    said = f"in {counted(round(minutes / size), word)}" if minutes > 0 else "now"
    return f"{said}, at {local_time(expires_at)}"


def _agreed(view: SolutionView) -> Rows:
    """Who has said yes, and who may since it was escalated."""
    rows: Rows = [("Agreed", ", ".join(view.agreed))] if view.agreed else []
    if view.escalated is not None:
        rows.append(("Escalated", f"{view.escalated.whom}, {local_time(view.escalated.at)}"))
    return rows


def _details(view: SolutionView) -> str:
    """What only somebody who looks for it needs."""
    cards = [card for step in view.steps if (card := _card(step)) is not None]
    once = dict.fromkeys(card.guarantee for card in cards)
    rules = dict.fromkeys(rule for card in cards for rule in card.rules)
    accounts = dict.fromkeys(card.account for card in cards)
    return " · ".join(
        (
            view.id,
            f"revision {view.revision}",
            view.digest[:DIGEST_PREFIX],
            *rules,
            *accounts,
            *once,
            view.customer.id,
            f"by {view.planner}",
        )
    )


def show_solution(out: Out, view: SolutionView) -> None:
    """Show a solution; a panel in a terminal, else aligned lines."""
    if out.as_json:
        return
    if out.tty:
        out.console.print(solution_panel(view))
        return
    out.line(one_line(view.lead.headline, limit=None))
    out.pairs(solution_rows(view, SystemClock().now()), limit=None)


def solution_panel(view: SolutionView, now: datetime | None = None) -> Panel:
    """The solution as Rich draws it."""
    from rich import box  # only in a terminal
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", overflow="fold", max_width=18)
    grid.add_column(overflow="fold", min_width=10)
    for place, (label, value) in enumerate(solution_rows(view, now or SystemClock().now())):
        style = _STYLES.get(label, "") if label or place == 0 else ""
        grid.add_row(label, Text(value, style=style))
    waits = view.status == ApprovalStatus.PENDING
    ending = "needs a person's yes or no" if waits else f"this is {view.status}"
    return Panel(
        grid,
        title=Text(one_line(view.lead.headline, limit=70), style="bold"),
        title_align="left",
        subtitle=Text(ending, style="yellow"),
        subtitle_align="right",
        border_style="yellow",
        box=box.ROUNDED,
    )


def read_card(approval: ApprovalView) -> Card:
    """The typed card of one approval."""
    return Card.from_json(cast("Mapping[str, JsonValue]", approval.card))


def needs(approval: ApprovalView) -> str:
    """Who has to say yes, who has, and who may since it was escalated."""
    roles = " and ".join(role.replace("_", " ") for role in approval.roles) or "nobody"
    given = [
        vote.person
        for vote in approval.votes
        if vote.decision == "approve" and vote.revision == approval.revision
    ]
    said = f"; yes from {', '.join(given)}" if given else ""
    escalated = approval.escalated
    also = "" if escalated is None else f"; or {escalated.role.replace('_', ' ')}, as escalated"
    return f"{roles}{said}{also}"
