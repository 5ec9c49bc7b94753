"""A colleague's word in place of a code: it opens the way to people, and to no money by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from sdk.customers import MAIN, token_of
from support.step_up import open_counter

from sayso.agent.draft_proposal import DraftProposal
from sayso.errors import Code, RefusedError

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
        assert caught.value.code is Code.WRONG_STATE
