"""Figures, people and the policy: what the pages say is what the ledger and the log hold."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from surfaces.console.served_console import ServedConsole, open_console

from sayso.actions.rollout.agreement import percents
from sayso.actions.rollout.definition import Stage
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import RefusedError
from sayso.money import Money
from sayso.sdk.resources.rollout import AgreementView, DialView
from sayso.sdk.resources.statistics import DayView, LoadView, RuleView, StatisticsView
from sayso.sdk.views.rows import EntryView
from sayso.sdk.words.figures import csv_of, unnamed_words
from sayso.surfaces.console.action import waterfall
from sayso.surfaces.console.figure_charts import actions, agreement, waits
from sayso.surfaces.console.figures import advice
from sayso.surfaces.console.render import Times
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
        row = '<th>USD</th> <td class="num">$0.00</td> <td class="num">$139.00</td>'
        assert row in " ".join(page.split())
        assert "3 of 6" in page
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
        assert "by itself: see" not in page


def counted(**more: Any) -> StatisticsView:
    """Statistics of a week in which nothing else happened."""
    return StatisticsView(
        since="2026-10-31",
        **{"days": (DayView(day="2026-10-31"),), "money": (), "approvers": ()} | more,
        median_s=None,
        slow_s=None,
        requests=0,
        cost_micro_usd=0,
    )


def dial(same: int, of: int, *, ready: bool) -> DialView:
    """A segment of which so many were the same."""
    low, high = percents(same, of)
    found = AgreementView(
        same=same, less=0, more=0, other=0, nothing=of - same, unseen=0, counted=of,
        low=low, high=high, words=f"{same} of {of}", missing=() if ready else ("more cases",),
    )  # fmt: skip
    return DialView(
        id="d", say="Refunds up to $75", action="shop.refund", stage=Stage.SHADOW,
        otherwise=Stage.SUGGEST, share=100, braked=False, agreement=found, ready=ready,
        wrong=0, done=0,
    )  # fmt: skip


def test_nobody_is_told_to_ask_less_unless_the_roll_out_says_ready() -> None:
    """A busy rule with 71 % yes is told with that figure; ready is what the dial's measure says."""
    rule = RuleView(rule="r", count=100, yes=71, median_s=9, hasty=0, low=61, high=79)
    load = LoadView(role="lead", cards=90, people=1, each=90, rule="r", of_rule=90)
    view = counted(rules=(rule,), load=load)
    (busy,) = advice(view, [dial(70, 83, ready=False)])
    assert "people said yes in 71 % of 100 (61 to 79)" in busy.text
    assert "no segment is ready to be asked less about" in busy.text
    ready, busy = advice(view, [dial(206, 212, ready=True)])
    assert ready.title == "“Refunds up to $75” is ready to be widened."
    assert "no segment" not in busy.text
    drawn = agreement([dial(206, 212, ready=True), dial(70, 83, ready=False)])
    assert drawn is not None
    assert drawn.title == "1 of 2 segments is ready to be widened"
    line = next(one for one in drawn.lines if one.kind == "si")
    bar = next(one for one in drawn.lines if one.kind == "thr")
    assert bar.x1 < line.x1 < line.x2 <= 78, "the whole line is beyond 90 %"


async def test_a_limit_that_names_no_such_currency_is_the_first_thing_told(tmp_path: Path) -> None:
    """95 euros were refused in silence by a limit in dollars; page, file and e-mail say so."""
    limit = """
[[limit]]
id     = "day"
say    = "At most $2,000 go out a day"
of     = "tenant"
action = "shop.refund"
sum    = { USD = 2000 }
per    = "day"
"""
    (tmp_path / "limits.toml").write_text(limit)
    files = ["policy.cedar", "limits.toml"]
    section = {"files": files, "loosening_needs": 1}
    async with open_console(tmp_path, policy_section=section) as console:
        sayso = console.sayso
        await sayso.policy.begin(by=Actor(kind=ActorKind.SERVICE, id="bot"), via="test")
        for number in range(2):
            console.shop.books.add(f"e{number}", f"cus_{number}", Money(45_00, "EUR"))
            args, subject = {"order": f"e{number}"}, f"cus_{number}"
            done = await sayso.propose("shop.refund", args, subject=subject)
            assert done.status == "refused"
        found = await sayso.statistics.read(days=7)
        (one,) = found.refused
        assert (one.rule, one.limit, one.count, one.before) == ("limit.day", "day", 2, 0)
        assert (one.unnamed, one.unnamed_currencies) == (2, ("EUR",))
        assert [str(amount) for amount in one.amounts] == ["€90.00"]
        page = await read(console, "figures?days=7")
        assert "One limit refused 2 actions, all in EUR." in page
        assert "“At most $2,000 go out a day” does not name EUR" in page
        table = await read(console, "figures/csv?days=7")
        assert "refused_by,At most $2,000 go out a day,count,2,0" in table.replace('"', "")
        assert "refused_amount,,EUR,90.00," in table
        assert unnamed_words(one).endswith("refused 2, since it does not name EUR.")
        with pytest.raises(RefusedError, match="no e-mail is set up"):
            await sayso.send_report("maria")


def test_no_cell_of_a_table_is_a_formula() -> None:
    """What somebody called a rule is text to whoever opens the file."""
    rule = RuleView(rule="=cmd|' /C calc'!A0", count=1, yes=1, median_s=9, hasty=0)
    assert "yes_to_rule,'=cmd" in csv_of(counted(rules=(rule,)), [])


async def test_what_was_before_stands_beside_it(tmp_path: Path) -> None:
    """The period before is counted apart: days, waits, money and what was done."""
    clock = FakeClock()
    async with open_console(tmp_path, clock=clock) as console:
        for customer in (1, 2):
            secret = await console.sign_in("maria")
            view = await console.ask(customer=customer)
            clock.advance(minutes=10 * customer)
            await console.sayso.solutions.answer(
                view.id, "approve", token=secret, revision=view.revision, digest=view.digest
            )
            clock.advance(days=8 if customer == 1 else 0)
        found = await console.sayso.statistics.read(days=7)
        assert (found.times.count, found.times.median_s) == (3, 1200.0)
        assert (found.times_before.count, found.times_before.median_s) == (3, 600.0)
        (usd,) = found.currencies
        assert (str(usd.agreed), str(usd.before)) == ("$139.00", "$139.00")
        assert sum(day.asked for day in found.days) == 3
        assert sum(day.asked for day in found.days_before) == 3
        assert (found.done.count, found.done_before.count) == (3, 3)
        assert found.done.automatic_s is None, "who waited for a person is no machine"
        assert found.done.asked_s is not None
        assert found.done.asked_s >= 1200
        drawn = waits(found)
        assert drawn is not None
        assert ("15 to 60", "3", "0") in drawn.table.rows
        assert ("5 to 15", "0", "3") in drawn.table.rows


def test_no_wait_is_machine_time() -> None:
    """Hours until an answer, and an hour under a stop, are not what machines took."""
    told = [
        ("action.pending", "pending_approval", 1),
        ("request.replied", None, 1),
        ("action.approved", "approved", 7200),
        ("action.held", "approved", 1),
        ("action.intent", "executing", 3600),
        ("action.succeeded", "succeeded", 2),
        ("work.noted", None, 86_400),
    ]
    at, entries = datetime(2026, 11, 1, tzinfo=UTC), list[EntryView]()
    for seq, (kind, status, after) in enumerate(told):
        at += timedelta(seconds=after)
        by = "person:maria" if kind == "action.approved" else "system:sayso"
        entries.append(
            EntryView(
                seq=seq, kind=kind, actor=by, at=at.isoformat(), leaf="",
                body={"kind": kind, "status": status, "data": {}},
            )
        )  # fmt: skip
    fall = waterfall(entries, Times(now=at, zone=ZoneInfo("UTC")))
    waits_of = {one.kind for one in fall.stages if one.is_wait}
    assert waits_of == {"action.approved", "action.intent", "work.noted"}
    assert fall.machine == "4.0 s of it by machines, the rest waiting"


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
    view = counted(days=(DayView(day="2026-10-31"), day))
    drawn = actions(view).rects
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
