"""Decisions about several steps of a plan: all of them or none, each bound to its own card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from actions.engine.test_compensation import open_gifts, plan_of, refund, states, submit
from actions.steps import ASKED, assert_verified, bodies, propose, run_due, say, shown, usd
from support.shop_workspace import ShopWorkspace

from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.actions.model.plan import OnFailure
from sayso.errors import Code, RefusedError
from sayso.json import JsonValue

pytestmark = pytest.mark.promise("plans:together")


async def two_waiting(workspace: ShopWorkspace) -> tuple[Decision, Decision]:
    """A plan of two steps that wait, and maria's yes to each."""
    await submit(workspace, OnFailure.CONTINUE, refund("s1", ASKED), refund("s2", ASKED + 1))
    plan = await plan_of(workspace)
    return say(await shown(workspace, plan["s1"])), say(await shown(workspace, plan["s2"]))


def refusals(workspace: ShopWorkspace) -> list[tuple[JsonValue, JsonValue]]:
    """About which approval something was refused, and the code."""
    return [
        (body["approval"], data["code"])
        for body in bodies(workspace)
        if body["kind"] == "approval.refused" and isinstance(data := body["data"], dict)
    ]


async def refused_code(workspace: ShopWorkspace, *decisions: Decision) -> Code:
    """The code with which they are refused, all of them."""
    with pytest.raises(RefusedError) as caught:
        await workspace.sayso.container.approvals.decide_together(decisions)
    assert set((await states(workspace)).values()) == {"pending_approval"}
    return caught.value.code


async def test_one_of_two_that_cannot_be_taken_stops_both(tmp_path: Path) -> None:
    """A digest of another card, an old revision, a stranger's word: nothing is decided."""
    async with open_gifts(tmp_path) as workspace:
        one, two = await two_waiting(workspace)
        for bad, code in (
            (replace(two, digest=one.digest), Code.DIGEST_MISMATCH),
            (replace(two, revision=7), Code.STALE_REVISION),
            (replace(two, choice=DecisionChoice.REJECT, reason_code=""), Code.REASON_REQUIRED),
        ):
            assert await refused_code(workspace, one, bad) == code
        strangers = (replace(one, person="idle"), replace(two, person="idle"))
        assert await refused_code(workspace, *strangers) == Code.NOT_AN_APPROVER
        assert refusals(workspace) == [
            (two.approval_id, "digest_mismatch"),
            (two.approval_id, "stale_revision"),
            (two.approval_id, "reason_required"),
            (one.approval_id, "not_an_approver"),
        ]
        assert_verified(workspace)


async def test_a_part_may_be_approved_and_the_rest_rejected(tmp_path: Path) -> None:
    """Partial approval: one commit holds the yes to one step and the no to the other."""
    async with open_gifts(tmp_path) as workspace:
        one, two = await two_waiting(workspace)
        no = replace(two, choice=DecisionChoice.REJECT, reason_code="not_covered")
        taken = await workspace.sayso.container.approvals.decide_together([one, no])
        assert [decided.action.status for decided in taken] == ["approved", "rejected"]
        await run_due(workspace)
        assert await states(workspace) == {"s1": "succeeded", "s2": "rejected"}
        assert workspace.shop.books.paid_out_minor == ASKED
        assert_verified(workspace)


async def test_only_steps_of_one_plan_by_one_person_go_together(tmp_path: Path) -> None:
    """Another action's approval, two people, one card twice, an edit, nothing at all."""
    async with open_gifts(tmp_path) as workspace:
        one, two = await two_waiting(workspace)
        alone = say(await shown(workspace, await propose(workspace, ASKED, wait=False)))
        assert await refused_code(workspace, one, alone) == Code.INVALID_INPUT
        assert await refused_code(workspace, alone) == Code.INVALID_INPUT
        assert await refused_code(workspace, one, replace(two, person="noor")) == Code.INVALID_INPUT
        assert await refused_code(workspace, one, one) == Code.INVALID_INPUT
        assert await refused_code(workspace) == Code.INVALID_INPUT
        edit = replace(two, choice=DecisionChoice.EDIT)
        assert await refused_code(workspace, one, edit) == Code.EDIT_NOT_ALLOWED
        codes = [code for _, code in refusals(workspace)]
        assert codes == ["invalid_input"] * 4 + ["edit_not_allowed"]


@pytest.mark.parametrize("mode", [OnFailure.CONTINUE, OnFailure.STOP])
async def test_a_step_whose_time_is_over_keeps_no_word_about_the_others_alive(
    tmp_path: Path, mode: OnFailure
) -> None:
    """One card was renewed by an edit, the other one ran out: together they are refused, whether
    or not anybody has looked at the clock; what becomes of the renewed one, the plan says.
    """
    async with open_gifts(tmp_path) as workspace:
        await submit(workspace, mode, refund("s1", ASKED), refund("s2", 60_000))
        workspace.clock.advance(hours=7)
        plan = await plan_of(workspace)
        less = {"amount": usd(59_000)}
        edit = say(await shown(workspace, plan["s2"]), "finn", DecisionChoice.EDIT, args=less)
        await workspace.sayso.approvals.decide_as(edit, wait=False)
        one = say(await shown(workspace, plan["s1"]))
        two = say(await shown(workspace, plan["s2"]))
        workspace.clock.advance(hours=2)
        assert await refused_code(workspace, two, one) == Code.APPROVAL_EXPIRED
        await run_due(workspace)
        found = await states(workspace)
        waits = mode is OnFailure.CONTINUE
        assert found == {"s1": "expired", "s2": "pending_approval" if waits else "refused"}
        late = [replace(two, choice=DecisionChoice.REJECT, reason_code="late"), one]
        with pytest.raises(RefusedError) as caught:
            await workspace.sayso.container.approvals.decide_together(late)
        assert caught.value.code is (Code.APPROVAL_EXPIRED if waits else Code.ALREADY_DECIDED)
        if waits:
            await workspace.sayso.container.approvals.decide_together([two])
            await run_due(workspace)
            assert await states(workspace) == {"s1": "expired", "s2": "succeeded"}
        assert workspace.shop.books.paid_out_minor == (59_000 if waits else 0)
        assert_verified(workspace)
