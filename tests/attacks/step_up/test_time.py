"""What was shown holds for its conversation and its time, and no longer."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from sdk.customers import MAIN
from support.step_up import WORDS, Back, Counter, open_counter

from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.actions.approvals.outdated import OutdatedCardError
from sayso.errors import Code
from sayso.money import Money
from sayso.sdk.views.rows import ActionView

SIGNED_ONLY = """
@id("by-code") @explain("only what a code says")
permit (principal, action == Action::"pay.refund", resource)
when { context.verifiedBy == "code" && context.amount.lessThanOrEqual(decimal("50.00")) };
"""


async def _yes(counter: Counter, one: ActionView) -> None:
    """Maria, to what she was shown."""
    assert one.approval is not None
    await counter.sayso.approvals.decide_as(
        Decision(
            tenant=MAIN,
            approval_id=one.approval.id,
            revision=one.approval.revision,
            digest=one.approval.digest,
            choice=DecisionChoice.APPROVE,
            person="maria",
            via="test",
            credential="host",
        )
    )


@pytest.mark.promise("customers:step-up")
@pytest.mark.usefixtures("store_url")
@pytest.mark.parametrize(("minutes", "paid"), [(20, 1), (61, 0)])
async def test_an_approval_after_the_hour_moves_nothing(
    tmp_path: Path, minutes: int, paid: int
) -> None:
    """And the request is a person's, not a refusal that nobody sees."""
    async with open_counter(tmp_path, planner=Back(6_000)) as counter:
        counter.trio.pay.things["p1"].amount = Money(9_000, "USD")
        asked = await counter.ask(words=WORDS.replace("$20.00", "$60.00"))
        told = await counter.answer(asked, await counter.post.code())
        (one,) = told.actions
        assert one.status == "pending_approval", (one.status, one.error)
        counter.clock.advance(minutes=minutes)
        late = pytest.raises(OutdatedCardError) if not paid else contextlib.nullcontext()
        with late:
            await _yes(counter, one)
        await counter.sayso.container.dispatcher.drain()
        after = await counter.sayso.requests.get(asked.id)
        assert after.status == ("answered" if paid else "handed_over"), after
        if not paid:
            assert after.error is not None
            assert after.error.code == Code.NOT_VERIFIED
    assert counter.paid == paid


@pytest.mark.promise("customers:step-up")
async def test_rules_read_by_what_it_is_known(tmp_path: Path) -> None:
    """`context.verifiedBy`: a caller's word is not a code."""
    async with open_counter(tmp_path, policy=SIGNED_ONLY) as counter:
        refused = await counter.ask(known=True)
        assert [one.status for one in refused.actions] == ["refused"]
        asked = await counter.ask()
        done = await counter.answer(asked, await counter.post.code())
        assert [one.status for one in done.actions] == ["succeeded"]


@pytest.mark.promise("customers:step-up")
async def test_the_time_is_a_setting(tmp_path: Path) -> None:
    """Also for the link between two accounts."""
    async with open_counter(tmp_path, verified_for="5m", planner=Back(6_000)) as counter:
        counter.trio.pay.things["p1"].amount = Money(9_000, "USD")
        asked = await counter.ask("desk:7723", WORDS.replace("$20.00", "$60.00"), known=True)
        told = await counter.answer(asked, await counter.post.code())
        (one,) = told.actions
        assert one.status == "pending_approval"
        counter.clock.advance(minutes=6)
        await _yes(counter, one)
    assert counter.paid == 0
