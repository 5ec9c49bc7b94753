"""Figures, people and the policy: what the pages say is what the ledger and the log hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from surfaces.console.served_console import ServedConsole, open_console

from sayso.errors import RefusedError
from sayso.sdk.resources.statistics import DayView, StatisticsView
from sayso.surfaces.console.figures import columns
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.promise("console:figures")


async def read(console: ServedConsole, where: str) -> str:
    """A page as text."""
    async with console.client(await console.sign_in("maria")) as browser:
        page = await browser.get(f"/console/{where}")
        assert page.status_code == 200, page.text
        return page.text


async def test_figures_count_what_the_ledger_holds(tmp_path: Path) -> None:
    """One plan agreed to, one declined, one handed over: money, people and days say so."""
    clock = FakeClock()
    async with open_console(tmp_path, clock=clock) as console:
        secret = await console.sign_in("maria")
        for customer, choice in ((1, "approve"), (2, "reject")):
            view = await console.ask(customer=customer)
            clock.advance(minutes=10)
            await console.sayso.solutions.answer(
                view.id,
                choice,
                token=secret,
                revision=view.revision,
                digest=view.digest,
                reason_code="" if choice == "approve" else "not_covered",
            )
        await console.sayso.ask("cus_3", "I want to talk to a person")
        await console.sayso.container.dispatcher.drain()
        found = await console.sayso.statistics.read(days=7)
        today = found.days[-1]
        assert (today.automatic, today.asked, today.refused, today.handed_over) == (0, 3, 3, 1)
        assert {(one.action, one.how): str(one.amount) for one in found.money} == {
            ("shop.refund", "asked"): "$129.00",
            ("shop.gift", "asked"): "$10.00",
        }
        (maria,) = found.approvers
        assert (maria.person, maria.count, maria.yes, maria.hasty) == ("maria", 6, 3, 0)
        assert found.median_s == 600.0
        assert found.requests == 3
        page = await read(console, "figures?days=7")
        assert "$139.00 moved" in page
        assert "50 % of 6" in page
        assert "10 minutes" in page
        assert "<svg" in page


@pytest.mark.parametrize("days", [0, -1, 91])
async def test_a_strange_period_is_refused(tmp_path: Path, days: int) -> None:
    """1 to 90 days; the page falls back to 30."""
    async with open_console(tmp_path) as console:
        with pytest.raises(RefusedError):
            await console.sayso.statistics.read(days=days)
        assert "in 30 days" in (await read(console, f"figures?days={days}")).lower()


@pytest.mark.parametrize("most", [0, 1, 3, 11, 99, 4_321, 10**7])
def test_columns_stay_inside_their_chart(most: int) -> None:
    """Whatever the numbers are, nothing is drawn above the top, and empty days draw nothing."""
    day = DayView(day="2026-11-01", automatic=most, asked=most // 2, refused=1, handed_over=0)
    view = StatisticsView(
        since="2026-10-31",
        days=(DayView(day="2026-10-31"), day),
        money=(),
        approvers=(),
        median_s=None,
        slow_s=None,
        requests=0,
        cost_micro_usd=0,
    )
    drawn = columns(view).rects
    assert all(one.y >= 0 and one.y + one.height <= 180.2 for one in drawn)
    assert all(50 <= one.x <= 100 for one in drawn)


async def test_people_and_the_policy_are_shown_as_the_log_has_them(tmp_path: Path) -> None:
    """Roles, tokens without their secrets, each rule in plain words, each version."""
    async with open_console(tmp_path) as console:
        await console.ask()
        page = await read(console, "people")
        assert "maria" in page
        assert "support manager" in page
        assert "finance" in page
        policy = await read(console, "policy")
        assert "Version 1 is in force" in policy
        assert "up to 500 once a support manager says yes" in policy
        assert "gifts up to 50 run by themselves" in policy
        assert "What version 1 changed" in await read(console, "policy?version=1")
