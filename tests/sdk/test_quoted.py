"""Who wrote what is quoted, what of it is not checked, and what is not done: on every surface."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sayso.money import Money
from sayso.sdk.views.rows import ErrorView
from sayso.sdk.views.solution import CustomerView, LeadView, SolutionView, StepView
from sayso.sdk.words.letter import letter_of
from sayso.sdk.words.quoted import UNCHECKED, who_wrote
from sayso.sdk.words.solution_outcome import title_of
from sayso.surfaces.cli.solution import solution_rows
from sayso.surfaces.console.inbox import steps_line

pytestmark = pytest.mark.promise("card:why")

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def step(number: int, status: str, *, asks: bool) -> StepView:
    """A refund that is asked about, or was refused."""
    amount = Money(149_900 if number == 1 else 1000, "USD")
    return StepView(
        id=f"s{number}",
        action_id=f"act_{number}",
        action="shop.refund",
        effect="money_out",
        title=f"Refund {amount} of order o{number}",
        amount=amount,
        asks=asks,
        needs="people",
        status=status,
        revision=1,
        error=None if asks else ErrorView(code="policy_denied", message="never"),
        updated_at="2026-11-25T12:00:00Z",
    )


def solution(proposed_by: str | None = None) -> SolutionView:
    """Two steps, of which the first was refused, for two reasons."""
    return SolutionView(
        id="apr_1",
        status="pending",
        revision=1,
        digest="d" * 64,
        customer=CustomerView(id="cus_1", name="Peter Gray", assurance="verified"),
        lead=LeadView(
            headline="$10.00 to Peter Gray",
            split=(),
            quote="It is what he wants",
            why="Above the automatic $5 · Customer for 3 days; automatic from 91",
            reasons=("Above the automatic $5", "Customer for 3 days; automatic from 91"),
            flip="At most $5, and tenure days at least 91.",
            needed="It needs one support manager.",
            unusual=(),
            quiet=5,
            facts=(),
            on_yes="it starts",
            on_no="nothing moves",
        ),
        steps=(step(1, "refused", asks=False), step(2, "pending_approval", asks=True)),
        money=(),
        totals=(Money(1000, "USD"),),
        roles=("support_manager",),
        planner="caller",
        proposed_by=proposed_by,
        expires_at="2026-11-25T20:00:00Z",
        created_at="2026-11-25T12:00:00Z",
        updated_at="2026-11-25T12:00:00Z",
    )


def surfaces(view: SolutionView) -> dict[str, str]:
    """The same solution as a terminal, an e-mail and a row of the inbox show it."""
    return {
        "terminal": "\n".join(f"{label} {value}" for label, value in solution_rows(view, NOW)),
        "mail": letter_of(view, NOW, "").text,
    }


def test_what_a_bot_wrote_is_not_the_customers() -> None:
    """The customer has written nothing, so no surface says that they did."""
    assert who_wrote(solution()) == "Peter wrote this."
    assert who_wrote(solution("shop-bot")) == "Written by shop-bot, not by the customer."
    for shown in surfaces(solution("shop-bot")).values():
        assert "Written by shop-bot, not by the customer." in shown
        assert "Peter wrote" not in shown
        assert UNCHECKED in shown


def test_what_is_not_checked_is_named() -> None:
    """The story is not; what was read at the provider is."""
    assert "What it says happened is not checked" in UNCHECKED
    assert "amount, payee and account were read" in UNCHECKED


def test_a_refused_step_reads_as_not_done_everywhere() -> None:
    """$1,499.00 beside a total of $10.00 is no mistake of the total."""
    view = solution()
    refused, open_one = view.steps
    assert title_of(refused) == "Not done: Refund $1,499.00 of order o1"
    assert title_of(open_one) == "Refund $10.00 of order o2"
    assert "Not done: Refund $1,499.00" in steps_line(view)
    for shown in surfaces(view).values():
        assert "Not done: Refund $1,499.00" in shown


def test_each_reason_is_said_by_itself() -> None:
    """Two reasons read as two, in a terminal and in an e-mail."""
    shown = surfaces(solution())
    assert "- Customer for 3 days; automatic from 91" in shown["mail"]
    assert "Above the automatic $5 · Customer for 3 days" in shown["terminal"]
    assert "At most $5, and tenure days at least 91." in shown["terminal"]
