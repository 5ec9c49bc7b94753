"""The card in a terminal: the typed fields that every surface shows, in the order of deciding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from sayso.actions.approvals.decision import DIGEST_PREFIX
from sayso.actions.approvals.repository import ApprovalStatus
from sayso.actions.policy.card import Card
from sayso.json import JsonValue
from sayso.sdk.views import ApprovalView
from sayso.surfaces.cli.output import Out, local_time
from sayso.surfaces.cli.words import one_line

if TYPE_CHECKING:
    from rich.panel import Panel
    from rich.table import Table

Rows = list[tuple[str, str]]


def read_card(approval: ApprovalView) -> Card:
    """The typed card of an approval."""
    return Card.from_json(cast("Mapping[str, JsonValue]", approval.card))


def card_rows(approval: ApprovalView) -> Rows:
    """Label and value, in the order in which one decides; what is not known says so."""
    card = read_card(approval)
    once = "it can be undone" if card.reversible else "it cannot be undone"
    rows = [
        ("Amount", "no money moves" if card.amount is None else str(card.amount)),
        ("Goes to", card.payee),
        *((_label(label), value) for label, value in card.fields if label != "amount"),
        ("History", card.history),
        ("Account", card.account),
        ("Customer", " · ".join(value for _, value in card.customer)),
        ("Why you", f"{card.why} ({', '.join(card.rules) or 'no rule'})"),
        *([("Wrote", f"“{card.quote}” (not verified)")] if card.quote.strip() else []),
        ("Yes", f"{card.guarantee}; {once}"),
        ("No", card.on_no),
        ("No answer", f"by {local_time(card.deadline)} counts as no"),
        ("Needs", needs(approval)),
        *_escalated(approval),
        (
            "This card",
            " · ".join(
                (
                    approval.id,
                    f"revision {approval.revision}",
                    approval.digest[:DIGEST_PREFIX],
                    f"by {card.planner}",
                )
            ),
        ),
    ]
    # INVARIANT: whole, however long: a yes is bound to all of it, such as the text of an e-mail.
    return [(label, one_line(value, limit=None) or "unknown") for label, value in rows]


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


def _escalated(approval: ApprovalView) -> Rows:
    if approval.escalated is None:
        return []
    return [("Escalated", f"{approval.escalated.whom}, {local_time(approval.escalated.at)}")]


def show_card(out: Out, approval: ApprovalView) -> None:
    """Show a card; a panel in a terminal, else aligned lines."""
    if out.as_json:
        return
    if out.tty:
        out.console.print(card_panel(approval, columns=out.console.width))
        return
    out.line(one_line(read_card(approval).title, limit=None))
    out.pairs(card_rows(approval), limit=None)


def card_panel(approval: ApprovalView, *, columns: int) -> Panel:
    """The card as Rich draws it: the typed facts in two columns, then what needs a whole line.

    Args:
        columns: cells of the terminal's line; where they are few, every fact has a whole line.
    """
    from rich import box  # only in a terminal
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    rows = card_rows(approval)
    split = next(place for place, (label, _) in enumerate(rows) if label == _FIRST_WIDE)
    facts = [row for row in rows[:split] if len(row[1]) <= _MOST_OF_A_FACT]
    long = [row for row in rows[:split] if len(row[1]) > _MOST_OF_A_FACT]
    labels = max(len(label) for label, _ in facts)
    if 2 * (labels + _LEAST_VALUE) + _FRAME > columns:
        # INVARIANT: no value is in a column of no width, where Rich would leave it out.
        facts, long = [], rows[:split]
    waits = approval.status == ApprovalStatus.PENDING
    title = Text(one_line(read_card(approval).title, limit=70), style="bold")
    return Panel(
        Group(*([_facts(facts)] if facts else []), _sentences([*long, *rows[split:]])),
        title=title,
        title_align="left",
        subtitle=Text(
            "needs a person's yes or no" if waits else f"this is {approval.status}", style="yellow"
        ),
        subtitle_align="right",
        border_style="yellow",
        box=box.ROUNDED,
    )


_FIRST_WIDE = "Customer"
"""From here on a row takes the card's whole width."""
_MOST_OF_A_FACT = 160
"""Characters of a value that half of the width has room for."""
_LEAST_VALUE = 16
"""Cells of a value beside another one; with less, each has a line."""
_FRAME = 10
"""Cells of the frame, and between the columns."""


def _facts(rows: Rows) -> Table:
    """Short values, two pairs a line."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for ratio in (0, 1, 0, 1):
        grid.add_column(
            style="" if ratio else "dim", no_wrap=not ratio, overflow="fold", ratio=ratio or None
        )
    cells: list[Text | str] = []
    for label, value in rows:
        cells += [label, Text(value, style=_ROW_STYLES.get(label, ""))]
        if len(cells) == 4:
            grid.add_row(*cells)
            cells = []
    if cells:
        grid.add_row(*cells)
    grid.expand = True
    return grid


def _sentences(rows: Rows) -> Table:
    """Long values, one a line."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", overflow="fold", max_width=24)
    grid.add_column(overflow="fold", min_width=10)
    for label, value in rows:
        grid.add_row(label, Text(value, style=_ROW_STYLES.get(label, "")))
    return grid


_ROW_STYLES = {"Amount": "bold", "Goes to": "bold", "Wrote": "italic", "This card": "dim"}


def _label(text: str) -> str:
    return text[:1].upper() + text[1:]
