"""Hostile plans up to the provider's books: nothing foreign, nothing that nobody allowed."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from support.campaign import trials

from bench.hostile import Campaign, open_campaign, run
from sayso.sandbox import API_KEY, Fault

PLANS = trials(200)
"""`python -m bench.hostile --plans 50000` takes more."""


@pytest.mark.campaign
@pytest.mark.promise("agent:hostile-books")
async def test_hostile_plans_move_nobody_elses_money_and_nothing_that_nobody_allowed(
    tmp_path: Path,
) -> None:
    """Invariant 4: through guard, policy and engine, and past the guard's back as well."""
    campaign = await run(tmp_path, PLANS, seed=20261125)
    report = campaign.report()
    assert report.ok, report.table()
    counts = campaign.counts
    assert counts["plans"] == PLANS
    assert min(counts["past the guard"], counts["effects"], counts["cards approved unread"]) > 0
    assert counts["refused at once"] > 5


async def _refund_by_hand(campaign: Campaign, charge: str, action: str = "") -> None:
    """What somebody who holds the key does at the provider, perhaps in an action's name."""
    form = {"charge": charge, "amount": "100", "metadata[sayso_action]": action}
    async with httpx.AsyncClient(base_url=campaign.sandbox.url, auth=(API_KEY, "")) as client:
        (await client.post("/v1/refunds", data=form)).raise_for_status()


@pytest.mark.promise("agent:hostile-books")
async def test_the_campaign_finds_what_should_not_have_been_done(tmp_path: Path) -> None:
    """A campaign that says 0 of everything is worth something only if it can say otherwise."""
    async with open_campaign(tmp_path, seed=3) as campaign:
        await campaign.attack(1, 100)
        done = await campaign.sayso.propose(
            "stripe.refund",
            {"charge": "ch_demo_ana_1", "amount": {"amount_minor": 100, "currency": "USD"}},
            subject="cus_demo_ana",
        )
        assert done.status == "succeeded"
        campaign.sandbox.add_faults(Fault(kind="drop_after"))
        lost = await campaign.sayso.propose(
            "stripe.refund",
            {"charge": "ch_demo_chloe_1", "amount": {"amount_minor": 100, "currency": "EUR"}},
            subject="cus_demo_chloe",
        )
        assert lost.status == "unknown"
        await campaign.judge()
        assert campaign.unowned == []  # its effect is looked up, and told
        by_standers = [effect.customer for effect in campaign.foreign]
        assert by_standers == ["cus_demo_ana", "cus_demo_chloe"]
        assert not campaign.report().ok
        campaign.foreign.clear()
        await _refund_by_hand(campaign, "ch_demo_ben_1")
        await _refund_by_hand(campaign, "ch_demo_ben_1", done.id)
        await campaign.judge()
        assert [effect.target for effect in campaign.unowned] == ["ch_demo_ben_1"]
        assert "cus_demo_ben" in [effect.customer for effect in campaign.foreign]
        assert campaign.twice == [done.id]
