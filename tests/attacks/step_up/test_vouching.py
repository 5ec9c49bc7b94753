"""A colleague's word in place of a code: it opens the way to people, and to no money by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sdk.customers import MAIN, token_of
from support.step_up import REPLY, REPLY_ASKED, Answer, open_counter

from sayso.actions.approvals.answer import SolutionDecision
from sayso.actions.approvals.repository import DecisionChoice
from sayso.agent.draft_proposal import DraftProposal
from sayso.audit.entry import Actor, ActorKind
from sayso.audit.erasure import ErasureOrder
from sayso.errors import Code, RefusedError
from sayso.money import Money
from sayso.sdk.views.solution import is_unverified
from sayso.surfaces.slack import build_message
from sayso.testing.clock import FakeClock

WHY = "she called from the number on file"


@pytest.mark.promise("customers:step-up:people")
@pytest.mark.parametrize("is_open", [True, False])
async def test_a_colleague_vouches_and_people_decide(tmp_path: Path, is_open: bool) -> None:
    """While a code is asked for, and once it was handed over: never enough for money alone."""
    async with open_counter(tmp_path) as counter:
        asked = await counter.ask()
        if not is_open:
            asked = await counter.answer(asked, choice="no_access")
        maria = token_of("maria")
        told = await counter.sayso.customers.vouch(asked.id, reason=WHY, by=maria)
        if not is_open:
            draft = (await counter.sayso.work.get(told.id)).draft
            assert draft is not None
            told = await counter.sayso.work.propose_as(
                told.id,
                DraftProposal(digest=draft.digest, person="maria", via="sdk", credential=maria.id),
                tenant=MAIN,
            )
        assert [one.status for one in told.actions] == ["pending_approval"], told
        assert told.actions[0].approval is not None
        card = (await counter.sayso.approvals.get(told.actions[0].approval.id)).card
        assert "a colleague's word" in str(card)
        assert counter.paid == 0
    assert WHY.encode() not in (tmp_path / "sayso.db").read_bytes()


@pytest.mark.promise("customers:step-up:people")
async def test_nobody_without_a_role_vouches(tmp_path: Path) -> None:
    """Nor for a customer whom the caller knew, nor twice, nor without a reason."""
    async with open_counter(tmp_path) as counter:
        asked = await counter.ask()
        maria = token_of("maria")
        with pytest.raises(RefusedError) as caught:
            await counter.sayso.customers.vouch(asked.id, reason=" ", by=maria)
        assert caught.value.code is Code.REASON_REQUIRED
        known = await counter.ask(known=True)
        with pytest.raises(RefusedError) as caught:
            await counter.sayso.customers.vouch(known.id, reason=WHY, by=maria)
        assert caught.value.code is Code.ALREADY_IN_STATE
        await counter.sayso.customers.vouch(asked.id, reason=WHY, by=maria)
        with pytest.raises(RefusedError) as caught:
            await counter.sayso.customers.vouch(asked.id, reason=WHY, by=maria)
        assert caught.value.code is Code.ALREADY_IN_STATE


@pytest.mark.promise("customers:step-up:people")
async def test_who_was_vouched_for_may_be_given_less(tmp_path: Path) -> None:
    """The yes to less is about the same customer: the log, which is verified, accuses nobody."""
    async with open_counter(tmp_path) as counter:
        asked = await counter.ask()
        told = await counter.sayso.customers.vouch(asked.id, reason=WHY, by=token_of("maria"))
        (approval,) = [one.approval for one in told.actions if one.approval]
        seen = await counter.sayso.solutions.get(approval.id)
        less = SolutionDecision(
            tenant=MAIN,
            approval_id=approval.id,
            revision=seen.revision,
            digest=seen.digest,
            choice=DecisionChoice.EDIT,
            person="maria",
            via="test",
            credential="host",
            lower={seen.steps[0].id: Money(500, "USD")},
        )
        done = await counter.sayso.solutions.answer_as(less)
        assert [step.status for step in done.steps] == ["succeeded"]
        assert counter.paid == 1


TWO = REPLY_ASKED.replace(
    'context.approvedBy.contains("support_manager")',
    'context.approvedBy.contains("support_manager") && context.approvedBy.contains("finance")',
)


@pytest.mark.promise("customers:step-up:people")
async def test_who_vouched_is_none_of_two_who_have_to_agree(tmp_path: Path) -> None:
    """Else one person would say who writes, and agree to what follows, where two are needed."""
    async with open_counter(tmp_path, planner=Answer(), playbook=REPLY, policy=TWO) as counter:
        asked = await counter.ask("desk:7723", "Please answer ticket t1")
        (approval,) = [one.approval for one in asked.actions if one.approval]
        await counter.sayso.customers.vouch(asked.id, reason=WHY, by=token_of("maria"))
        seen = await counter.sayso.solutions.get(approval.id)
        yes = SolutionDecision(
            tenant=MAIN,
            approval_id=approval.id,
            revision=seen.revision,
            digest=seen.digest,
            choice=DecisionChoice.APPROVE,
            person="maria",
            via="test",
            credential="host",
        )
        with pytest.raises(RefusedError) as caught:
            await counter.sayso.solutions.answer_as(yes)
        assert caught.value.code is Code.OWN_REQUEST
        assert "vouched" in caught.value.message


@pytest.mark.promise("customers:step-up:people")
async def test_nobody_vouches_for_who_is_erased(tmp_path: Path) -> None:
    """There is nobody to vouch for: refused, with what is to be done."""
    async with open_counter(tmp_path) as counter:
        asked = await counter.ask()
        order = ErasureOrder(
            tenant=MAIN,
            subject_id=asked.subject,
            reason="asked",
            by=Actor(kind=ActorKind.SERVICE, id="bot"),
            via="test",
            credential="host",
            key="erase",
        )
        await counter.sayso.container.eraser.erase(order, only=True)
        with pytest.raises(RefusedError) as caught:
            await counter.sayso.customers.vouch(asked.id, reason=WHY, by=token_of("maria"))
        assert caught.value.code is Code.WRONG_STATE
        assert caught.value.next_step


@pytest.mark.promise("customers:step-up:people")
async def test_a_card_that_waits_is_made_anew_and_says_it(tmp_path: Path) -> None:
    """With the time to decide as it was; a yes to the card of before is to no card any more."""
    clock = FakeClock()
    async with open_counter(
        tmp_path, planner=Answer(), playbook=REPLY, policy=REPLY_ASKED, clock=clock
    ) as counter:
        asked = await counter.ask("desk:7723", "Please answer ticket t1")
        assert asked.actions[0].approval is not None, asked
        (approval,) = [one.approval for one in asked.actions if one.approval]
        before = await counter.sayso.solutions.get(approval.id)
        assert is_unverified(before)
        assert "nobody checked who is writing" in dict(before.lead.facts)["Customer"]
        assert f"sayso customers vouch {asked.id}" in str(build_message(before).blocks)
        assert "open it and vouch" in str(build_message(before, url="https://x.example").blocks)
        clock.advance(seconds=60)
        told = await counter.sayso.customers.vouch(asked.id, reason=WHY, by=token_of("maria"))
        assert told.verified is not None
        assert told.verified.by == "person"
        after = await counter.sayso.solutions.get(approval.id)
        assert (after.customer.verified_by, is_unverified(after)) == ("person", False)
        assert dict(after.lead.facts)["Customer"] == "known by a colleague's word"
        assert after.expires_at == before.expires_at
        assert after.digest != before.digest
        assert "vouch" not in str(build_message(after).blocks)
        yes = SolutionDecision(
            tenant=MAIN,
            approval_id=approval.id,
            revision=after.revision,
            digest=after.digest,
            choice=DecisionChoice.APPROVE,
            person="maria",
            via="test",
            credential="host",
        )
        with pytest.raises(RefusedError):
            await counter.sayso.solutions.answer_as(replace(yes, digest=before.digest))
        done = await counter.sayso.solutions.answer_as(yes)
        assert [step.status for step in done.steps] == ["succeeded"]
