"""The solution: a plan is shown, bound and answered as one, and each step keeps its own binding."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from actions.engine.test_compensation import gift, open_gifts, plan_of, refund, states, submit
from actions.steps import ASKED, MAIN, assert_verified, bodies, run_due
from actions.steps import shown as card_of
from support.shop import ShopFault
from support.shop_workspace import ShopWorkspace

from sayso.actions.approvals.answer import SolutionDecision
from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.model.plan import OnFailure
from sayso.errors import Code, RefusedError
from sayso.money import Money
from sayso.sdk.views.solution import SolutionView


async def shown(workspace: ShopWorkspace) -> SolutionView:
    """The solution of the plan, by the approval of whichever step has one."""
    plan = await plan_of(workspace)
    last = await card_of(workspace, plan[max(plan)])
    return await workspace.sayso.solutions.get(last.id)


def say(
    view: SolutionView,
    person: str = "maria",
    choice: DecisionChoice = DecisionChoice.APPROVE,
    *,
    steps: tuple[str, ...] | None = None,
    reason_code: str = "",
) -> SolutionDecision:
    """An answer to what is shown."""
    return SolutionDecision(
        tenant=MAIN,
        approval_id=view.id,
        revision=view.revision,
        digest=view.digest,
        choice=choice,
        person=person,
        via="test",
        credential="host",
        steps=steps,
        reason_code=reason_code or ("not_covered" if choice is DecisionChoice.REJECT else ""),
    )


async def answer(workspace: ShopWorkspace, said: SolutionDecision) -> SolutionView:
    """Take an answer, and run what it sets free."""
    view = await workspace.sayso.solutions.answer_as(said, wait=False)
    await run_due(workspace)
    return view


async def refusal(workspace: ShopWorkspace, said: SolutionDecision) -> Code:
    """The code with which an answer is refused; nothing may have been decided by it."""
    before = await states(workspace)
    with pytest.raises(RefusedError) as caught:
        await answer(workspace, said)
    assert await states(workspace) == before
    return caught.value.code


async def package(workspace: ShopWorkspace) -> SolutionView:
    """A refund that people are asked about, and a gift that nobody would be by itself."""
    await submit(workspace, OnFailure.CONTINUE, refund("s1", ASKED), gift("s2", 1000))
    return await shown(workspace)


@pytest.mark.promise("solution:waits-together")
async def test_nothing_of_a_plan_starts_while_people_are_asked_about_a_part_of_it(
    tmp_path: Path,
) -> None:
    """The gift needs nobody by itself, and still a no to the solution gives nothing away."""
    async with open_gifts(tmp_path) as workspace:
        view = await package(workspace)
        assert await states(workspace) == {"s1": "pending_approval", "s2": "pending_approval"}
        assert [step.asks for step in view.steps] == [True, True]
        assert [str(total) for total in view.totals] == [f"${(ASKED + 1000) / 100:.2f}"]
        await answer(workspace, say(view, choice=DecisionChoice.REJECT))
        assert await states(workspace) == {"s1": "rejected", "s2": "rejected"}
        assert workspace.shop.books.payouts == []
        assert_verified(workspace)


async def test_steps_that_nobody_is_asked_about_run_at_once(tmp_path: Path) -> None:
    """Only what belongs to an asked step waits: a plan that asks nobody waits for nobody."""
    async with open_gifts(tmp_path) as workspace:
        await submit(workspace, OnFailure.CONTINUE, refund("s1", 1000), gift("s2", 1000))
        assert await states(workspace) == {"s1": "succeeded", "s2": "succeeded"}


@pytest.mark.promise("solution:one-yes")
async def test_one_yes_to_the_whole_starts_every_step(tmp_path: Path) -> None:
    """One answer, one transaction; each step's entry names the digest of the whole."""
    async with open_gifts(tmp_path) as workspace:
        view = await package(workspace)
        after = await answer(workspace, say(view))
        assert await states(workspace) == {"s1": "succeeded", "s2": "succeeded"}
        assert after.status == "approved"
        said = [body for body in bodies(workspace) if body["kind"] == "action.approved"]
        assert [body["data"]["solution"] for body in said] == [view.digest] * 2  # type: ignore[index,call-overload]
        assert_verified(workspace)


@pytest.mark.promise("solution:some")
async def test_a_yes_to_some_is_a_no_to_the_others(tmp_path: Path) -> None:
    """Unticked steps are rejected in the same commit, with a reason of their own."""
    async with open_gifts(tmp_path) as workspace:
        view = await package(workspace)
        await answer(workspace, say(view, steps=("s1",)))
        assert await states(workspace) == {"s1": "succeeded", "s2": "rejected"}
        left_out = (await plan_of(workspace))["s2"]
        assert left_out.error is not None
        assert left_out.error.code == "left_out"
        assert_verified(workspace)


@pytest.mark.promise("solution:some")
async def test_what_waits_for_a_step_cannot_stay_without_it(tmp_path: Path) -> None:
    """Whoever unticks the refund has to see that the gift after it goes as well."""
    async with open_gifts(tmp_path) as workspace:
        await submit(workspace, OnFailure.CONTINUE, refund("s1", ASKED), gift("s2", 1000, "s1"))
        view = await shown(workspace)
        assert await refusal(workspace, say(view, steps=("s2",))) is Code.INVALID_INPUT
        assert await refusal(workspace, say(view, steps=())) is Code.INVALID_INPUT
        assert await refusal(workspace, say(view, steps=("s9",))) is Code.INVALID_INPUT
        await answer(workspace, say(view, steps=("s1",)))
        assert await states(workspace) == {"s1": "succeeded", "s2": "rejected"}


@pytest.mark.promise("solution:some")
async def test_a_plan_that_stops_or_undoes_is_answered_as_a_whole(tmp_path: Path) -> None:
    """Leaving a step out would end the others, so it is refused with what to do."""
    async with open_gifts(tmp_path) as workspace:
        await submit(workspace, OnFailure.UNDO, refund("s1", ASKED), gift("s2", 1000))
        view = await shown(workspace)
        assert view.all_or_nothing
        assert await refusal(workspace, say(view, steps=("s1",))) is Code.INVALID_INPUT
        await answer(workspace, say(view))
        assert await states(workspace) == {"s1": "succeeded", "s2": "succeeded"}


@pytest.mark.promise("solution:less")
async def test_less_of_one_step_is_judged_again_and_counts_as_a_yes_to_all(tmp_path: Path) -> None:
    """One commit holds the lower amount of the refund and the yes to the gift."""
    async with open_gifts(tmp_path) as workspace:
        view = await package(workspace)
        less = replace(
            say(view, choice=DecisionChoice.EDIT), lower={"s1": Money(ASKED - 100, "USD")}
        )
        await answer(workspace, less)
        assert await states(workspace) == {"s1": "succeeded", "s2": "succeeded"}
        assert workspace.shop.books.paid_out_minor == ASKED - 100
        assert_verified(workspace)


@pytest.mark.promise("solution:less")
async def test_more_is_refused_and_nothing_of_the_answer_is_taken(tmp_path: Path) -> None:
    """A higher amount, no amount at all, and an amount beside a plain yes."""
    async with open_gifts(tmp_path) as workspace:
        view = await package(workspace)
        more = replace(say(view, choice=DecisionChoice.EDIT), lower={"s1": Money(ASKED + 1, "USD")})
        assert await refusal(workspace, more) is Code.EDIT_NOT_ALLOWED
        assert await refusal(workspace, replace(more, lower={})) is Code.EDIT_NOT_ALLOWED
        beside = replace(say(view), lower={"s1": Money(1, "USD")})
        assert await refusal(workspace, beside) is Code.EDIT_NOT_ALLOWED


@pytest.mark.promise("solution:bound")
async def test_only_what_waits_now_can_be_answered(tmp_path: Path) -> None:
    """Another digest, another revision, a stranger, no reason: refused, and each is recorded."""
    async with open_gifts(tmp_path) as workspace:
        view = await package(workspace)
        one = (await plan_of(workspace))["s1"].digest
        assert one is not None
        for bad, code in (
            (replace(say(view), digest=one), Code.DIGEST_MISMATCH),
            (replace(say(view), digest=view.digest[:11]), Code.DIGEST_MISMATCH),
            (replace(say(view), revision=2), Code.STALE_REVISION),
            (say(view, person="idle"), Code.NOT_AN_APPROVER),
            (
                replace(say(view, choice=DecisionChoice.REJECT), reason_code=""),
                Code.REASON_REQUIRED,
            ),
        ):
            assert await refusal(workspace, bad) is code
        refused = [body for body in bodies(workspace) if body["kind"] == "approval.refused"]
        assert len(refused) == 5


@pytest.mark.promise("solution:bound")
async def test_a_solution_of_which_one_step_has_changed_is_another_solution(
    tmp_path: Path,
) -> None:
    """A yes to two steps is none once one of them was decided by itself."""
    async with open_gifts(tmp_path) as workspace:
        view = await package(workspace)
        await answer(workspace, say(view, steps=("s1",)))
        assert await refusal(workspace, say(view)) is Code.ALREADY_DECIDED


@pytest.mark.promise("solution:quorum")
async def test_a_plan_waits_for_everybody_whom_any_of_its_steps_asks(tmp_path: Path) -> None:
    """Two people for the refund are two people for the gift beside it."""
    async with open_gifts(tmp_path) as workspace:
        await submit(workspace, OnFailure.CONTINUE, refund("s1", 60_000), gift("s2", 1000))
        view = await shown(workspace)
        assert sorted(view.roles) == ["finance", "support_manager"]
        await answer(workspace, say(view, "maria"))
        assert await states(workspace) == {"s1": "pending_approval", "s2": "pending_approval"}
        assert (await shown(workspace)).agreed == ("maria",)
        await answer(workspace, say(await shown(workspace), "finn"))
        assert await states(workspace) == {"s1": "succeeded", "s2": "succeeded"}
        assert_verified(workspace)


@pytest.mark.promise("solution:one-decision")
async def test_of_many_answers_at_once_one_counts(tmp_path: Path) -> None:
    """Ten people's browsers at the same moment: one decision, and each other is told whose."""
    async with open_gifts(tmp_path) as workspace:
        view = await package(workspace)
        answers = [
            say(view, person, choice)
            for person in ("maria", "mona")
            for choice in (DecisionChoice.APPROVE, DecisionChoice.REJECT) * 3
        ]
        found = await asyncio.gather(
            *(answer(workspace, said) for said in answers), return_exceptions=True
        )
        taken = [one for one in found if isinstance(one, SolutionView)]
        assert len(taken) == 1
        codes = {one.code for one in found if isinstance(one, RefusedError)}
        assert codes <= {Code.ALREADY_DECIDED, Code.STALE_REVISION, Code.NOT_AN_APPROVER}
        assert len(set((await states(workspace)).values())) == 1, "never half of it"
        assert_verified(workspace)


async def test_a_step_that_fails_tells_the_others_as_before(tmp_path: Path) -> None:
    """One yes to all does not tie their ends together: the plan says what a failure does."""
    async with open_gifts(tmp_path) as workspace:
        view = await package(workspace)
        workspace.shop.faults = [ShopFault.SAYS_NO]
        await answer(workspace, say(view))
        assert await states(workspace) == {"s1": "failed", "s2": "succeeded"}
