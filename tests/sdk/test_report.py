"""The report: honest denominators, by weeks."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.limits.limit_work import refund
from actions.policy.test_versions import token_of
from actions.rollout.test_dials import dial, rolled_out
from actions.steps import decide, say, shown, usd

from sayso.actions.approvals.decision import DecisionChoice
from sayso.sdk.resources.report import lines_of, subject_of


@pytest.mark.promise("report:honest")
async def test_whatever_was_asked_for_counts_once_in_its_most_manual_class(tmp_path: Path) -> None:
    """Done at once, asked (yes, less, no, waiting), refused, handed over; the four add up."""
    text = """
[[dial]]
id = "late"
say = "What is left to people"
action = "shop.refund"
currency = "EUR"
stage = "off"
[dial.schedule]

[[dial]]
id = "rest"
say = "The others"
action = "shop.refund"
stage = "auto"
"""
    text = text.replace("[dial.schedule]\n", "").replace(
        'currency = "EUR"\nstage', 'amount = { over = 700 }\ncurrency = "USD"\nstage'
    )
    async with rolled_out(tmp_path, text) as opened:
        sayso = opened.sayso
        views = [await refund(opened, 4_900, customer=f"c{at}") for at in range(4)]
        asked = [await refund(opened, 12_900, customer=f"d{at}") for at in range(4)]
        assert (await refund(opened, 80_000, customer="off")).status == "refused"
        assert (await refund(opened, 900_000_00, customer="none", order="x")).status == "refused"
        opened.clock.advance(minutes=10)
        await decide(opened, say(await shown(opened, asked[0])))
        less = {"amount": usd(6_000)}
        await decide(
            opened, say(await shown(opened, asked[1]), choice=DecisionChoice.EDIT, args=less)
        )
        await decide(opened, say(await shown(opened, asked[2]), choice=DecisionChoice.REJECT))
        maria = await token_of(sayso, "maria")
        await sayso.rollout.report_wrong(views[0].id, "disputed", token=maria)
        found = await sayso.report(weeks=2, minutes_by_hand=6)
        week = found.weeks[-1]
        assert (week.automatic, week.asked) == (4, 4)
        assert (week.refused + week.handed_over, week.handed_over) == (2, 1)
        assert week.closed == 10
        assert week.running
        cards = found.cards
        assert (cards.yes, cards.less, cards.no, cards.waiting) == (1, 1, 1, 1)
        assert cards.median_s == 600
        assert (found.wrong, found.done, found.done_old) == (1, 6, 0)
        (moved,) = found.moved
        assert (moved.at_once_minor, moved.at_once) == (4 * 4_900, 4)
        assert (moved.agreed_minor, moved.agreed) == (12_900 + 6_000, 2)
        assert found.minutes_saved == 4 * 6 - 3
        said = "\n".join(lines_of(found))
        assert "Wrong: 0 of 0 that are older than 60 days; 1 of 6 in all" in said
        assert "4 of 10 needed nobody · 1 wrong" in subject_of(found)
        opened.clock.advance(hours=24 * 61)
        later = await sayso.report(weeks=12)
        assert (later.wrong_of_old, later.done_old) == (1, 6)
        assert later.minutes_saved is None


@pytest.mark.promise("report:honest")
async def test_a_report_of_nothing_says_so(tmp_path: Path) -> None:
    """No share of nothing, and no error."""
    async with rolled_out(tmp_path, dial("auto")) as opened:
        found = await opened.sayso.report(weeks=1)
        assert found.weeks[0].closed == 0
        assert "0 of 0 needed nobody" in subject_of(found)
        assert lines_of(found)
