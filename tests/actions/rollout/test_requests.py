"""A customer's words under the roll-out: what is left to a person claims nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.rollout.test_dials import FILES, dial
from actions.steps import assert_verified
from agent.test_run import Scripted, plan, refund, stock
from support.shop_workspace import open_shop


@pytest.mark.promise("rollout:plans")
@pytest.mark.parametrize("stage", ["off", "shadow"])
async def test_what_a_dial_leaves_to_a_person_is_handed_over(tmp_path: Path, stage: str) -> None:
    """As any hand-over is: the customer is told that a person takes over, and nothing is done."""
    (tmp_path / "rollout.toml").write_text(dial(stage))
    section: dict[str, object] = {"files": FILES, "follow": "files"}
    steps = plan(refund(2000), refund(7000, step="s2"))
    async with open_shop(tmp_path, planner=Scripted(steps), policy_section=section) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "please give me back $20.00 and $70.00 of order o1")
        assert view.status == "handed_over"
        assert view.reply is not None
        assert "$" not in view.reply
        assert {action.status for action in view.actions} == {"refused"}
        assert not opened.shop.books.payouts
        assert not await opened.sayso.approvals.list()
        assert_verified(opened)


@pytest.mark.promise("rollout:stages")
async def test_what_a_model_planned_may_be_capped_for_itself(tmp_path: Path) -> None:
    """`model = "suggest"`: a caller's own proposal is done, and a model's is asked about."""
    (tmp_path / "rollout.toml").write_text('model = "suggest"')
    section: dict[str, object] = {"files": FILES, "follow": "files"}
    planner = Scripted(plan(refund(2000)))
    async with open_shop(tmp_path, planner=planner, policy_section=section) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "please give me back $20.00 of order o1")
        assert view.actions[0].status == "pending_approval"
        own = await opened.sayso.propose(
            "shop.refund",
            {"order": "o1", "amount": {"amount_minor": 2000, "currency": "USD"}},
            subject="cus_1",
        )
        assert own.status == "succeeded"
