"""Limits and dials at play, and what would be refused that was not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from actions.policy.test_versions import opened_strictly
from actions.steps import decide, propose, say, shown, stock
from support.shop_workspace import POLICY, ShopWorkspace

from sayso.sdk.resources.backtesting import BacktestView, OutcomeCounts
from sayso.sdk.views.backtest import as_csv

pytestmark = pytest.mark.promise("policy:backtest")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
HOUR = """
[[limit]]
id     = "hour"
say    = "At most $35 an hour by itself"
of     = "token"
action = "shop.refund"
sum    = { USD = 35 }
per    = "hour"
counts = "automatic"
then   = { ask = "support_manager" }
"""
ONE = """
[[limit]]
id      = "one"
say     = "Never more than one in 2 days"
of      = "customer"
effect  = "money_out"
count   = 1
rolling = "2d"
"""
EUROS = """
[[limit]]
id     = "euros"
say    = "At most 900 euros a day"
of     = "workspace"
action = "shop.refund"
sum    = { EUR = 900 }
per    = "day"
"""
DIALS = """
[[dial]]
id     = "much"
say    = "Over $60 a person does it"
action = "shop.refund"
currency = "USD"
amount = { over = 60 }
stage  = "off"

[[dial]]
id     = "half"
say    = "Half of the customers"
action = "shop.refund"
stage  = "auto"
share  = 50
else   = "suggest"
"""


async def again(opened: ShopWorkspace, **more: object) -> BacktestView:
    return await opened.sayso.analysis.backtest(since=LONG_AGO, **more)  # type: ignore[arg-type]


async def test_what_was_judged_ends_at_play_as_it_ended(tmp_path: Path) -> None:
    """Forty refunds of five customers over days, by rules, two limits and two dials in force."""
    files = ["policy.cedar", "limits.toml", "rollout.toml"]
    (tmp_path / "limits.toml").write_text(HOUR + ONE)
    (tmp_path / "rollout.toml").write_text(DIALS)
    dice = Random(5)
    async with opened_strictly(tmp_path, files=files) as opened:
        ended: list[tuple[datetime, str]] = []
        for number in range(40):
            customer = f"cus_{dice.randint(1, 5)}"
            stock(opened, f"x{number}", customer=customer)
            minor = dice.choice((2_000, 4_000, 5_500, 12_900))
            view = await propose(opened, minor, order=f"x{number}", subject=customer)
            ended.append((opened.clock.now(), view.status))
            agrees = dice.random() < 0.7
            if view.status == "pending_approval" and agrees:
                await decide(opened, say(await shown(opened, view)))
            opened.clock.advance(minutes=dice.choice((5, 20, 300)))
        found = await again(opened)
        assert counts(found.was) == statuses(ended)
        assert min(found.was.asked, found.was.by_hand, found.was.refused) > 0
        assert found.was == found.now
        assert (found.newly, found.newly_refused) == (0, ())
        # Who is in the half is drawn anew for each database.
        assert {one.rule for one in found.held} >= {"limit.one", "rollout.much"}
        assert all(one.was == one.now for one in found.held)
        # What was done in the days before counts in the limits, and in no figure.
        since = ended[20][0]
        late = await opened.sayso.analysis.backtest(since=since)
        assert counts(late.was) == statuses([one for one in ended if one[0] >= since])


def statuses(ended: Sequence[tuple[datetime, str]]) -> list[int]:
    """How many were done at once, waited for people, and neither."""
    done, asked = (
        sum(one == name for _, one in ended) for name in ("succeeded", "pending_approval")
    )
    return [done, asked, len(ended) - done - asked]


def counts(found: OutcomeCounts) -> list[int]:
    """The same at play."""
    return [found.automatic, found.asked, found.refused + found.by_hand]


async def test_what_a_draft_would_refuse_is_counted_by_what_refuses_it(tmp_path: Path) -> None:
    """A rule, a limit in another currency, no rule at all; with what people had said yes to."""
    async with opened_strictly(tmp_path) as opened:
        stock(opened, "p1", "p2", "p3")
        await propose(opened, 2_000, order="p1")
        asked = await propose(opened, 12_900, order="p2")
        await decide(opened, say(await shown(opened, asked)))
        await propose(opened, 12_900, order="p3")
        euros = await again(opened, given={"policy.cedar": POLICY, "policies/limits.toml": EUROS})
        (one,) = euros.newly_refused
        assert (one.rule, one.say, one.count, one.had_yes) == (
            "limit.euros",
            "At most 900 euros a day",
            3,
            1,
        )
        assert [case.by for case in euros.refused_cases] == ["limit.euros"] * 3
        assert any("$129.00" in case.question for case in euros.refused_cases)
        never = POLICY + (
            '@id("no") @explain("Never over $100") forbid (principal, action, resource)\n'
            'when { context.amount.greaterThan(decimal("100.00")) };'
        )
        found = await again(opened, given={"policy.cedar": never})
        (one,) = found.newly_refused
        assert (one.rule, one.say, one.count, one.had_yes) == ("no", "Never over $100", 2, 1)
        assert "newly refused: Never over $100,,2" in as_csv(found)
        small = POLICY.partition('@id("manager")')[0]
        (one,) = (await again(opened, given={"policy.cedar": small})).newly_refused
        assert (one.rule, one.say, one.count) == ("", "no rule allows it", 2)
        off = {"policies/rollout.toml": 'others = "off"\n'}
        held = await again(opened, given={"policy.cedar": POLICY, **off})
        assert (held.now.by_hand, held.now.refused, held.newly_refused) == (3, 0, ())
