"""Figures, people and the policy: what the pages say is what the ledger and the log hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from surfaces.console.served_console import ServedConsole, open_console

from sayso.errors import RefusedError
from sayso.money import Money
from sayso.sdk.resources.statistics import DayView, RuleView, StatisticsView
from sayso.surfaces.console.figures import columns, rules
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


async def test_cards_are_counted_for_each_person_of_the_busiest_role(tmp_path: Path) -> None:
    """Beyond 20 a day the page names the rule that makes most of them; a plan is one card."""
    clock = FakeClock()
    async with open_console(tmp_path, clock=clock) as console:
        await console.ask(customer=1)
        books, sayso = console.shop.books, console.sayso
        for number in range(60):
            books.add(f"of{number}", f"cus_f{number}", Money(129_00, "USD"))
            await sayso.propose("shop.refund", {"order": f"of{number}"}, subject=f"cus_f{number}")
        load = (await sayso.statistics.read()).load
        assert load is not None
        # Two people hold the role.
        assert (load.role, load.cards, load.people) == ("support_manager", 61, 2)
        assert (load.each, load.rule) == (30.5, "manager")
        assert load.of_rule in (60, 61), "a plan of three rules counts for any one of them"
        assert (await sayso.figures()).cards_each == 30.5
        page = await read(console, "figures")
        assert "30 cards for each support manager" in page
        assert re.search(r"(98|100) % come from the rule manager", page)
        clock.advance(hours=25)
        assert (await sayso.statistics.read()).load is None
        assert "Nobody got a card in 24 hours" in await read(console, "figures")


async def test_each_rule_says_how_people_answer_it(tmp_path: Path) -> None:
    """Yes-rate, seconds, under three seconds, and what was told to be wrong later."""
    clock = FakeClock()
    async with open_console(tmp_path, clock=clock) as console:
        secret = await console.sign_in("maria")
        view = await console.ask(customer=1)
        clock.advance(seconds=2)
        done = await console.sayso.solutions.answer(
            view.id, "approve", token=secret, revision=view.revision, digest=view.digest
        )
        (first, *_) = done.steps
        await console.sayso.rollout.report_wrong(first.action_id, "disputed", token=secret)
        found = await console.sayso.statistics.read()
        rules = {one.rule: one for one in found.rules}
        assert rules["manager"].hasty == rules["manager"].count == rules["manager"].yes
        assert sum(one.taken_back for one in found.rules) == 1
        assert found.approvers[0].taken_back == 1
        page = await read(console, "figures")
        assert "What each rule asks" in page
        assert "nearly always yes" not in page
        assert easy(100, 97)
        assert not easy(100, 96)
        assert not easy(99, 99)
        assert not easy(100, 100, taken_back=1)


def easy(count: int, yes: int, taken_back: int = 0) -> bool:
    """Whether the page says that people need not be asked."""
    one = RuleView(rule="r", count=count, yes=yes, median_s=9.0, hasty=0, taken_back=taken_back)
    view = StatisticsView(
        since="2026-10-31",
        days=(),
        money=(),
        approvers=(),
        rules=(one,),
        median_s=None,
        slow_s=None,
        requests=0,
        cost_micro_usd=0,
    )
    return bool(rules(view)[0].hint)


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
