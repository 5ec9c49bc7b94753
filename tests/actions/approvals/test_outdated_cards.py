"""The policy changes while a card waits: what is told is what the ledger holds, and no yes is lost
on a card that it cannot count for."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from actions.approvals.test_service import BIG, ask, refusals
from actions.steps import ASKED, advance, assert_verified, code_of, decide, say, shown
from support.shop import ShopFault
from support.shop_workspace import POLICY, ShopWorkspace, open_shop

from sayso.actions.approvals.repository import ApprovalStatus
from sayso.actions.model.status import Status
from sayso.actions.policy.card import CARD_VERSION, Card, build_card
from sayso.audit.entry import Json
from sayso.frozen import replace
from sayso.sdk.views.rows import ActionView, ApprovalView, ErrorView
from sayso.sdk.words.approval_outcome import CardOutcome, outcome_of

LOOSE = POLICY.replace('decimal("50.00")', 'decimal("150.00")')
FORBIDDEN = f"""{POLICY}
@id("never") @explain("no refunds during the audit")
forbid (principal, action == Action::"shop.refund", resource);
"""
FINANCE = POLICY.replace('contains("support_manager")', 'contains("finance")')


@asynccontextmanager
async def reopened(
    folder: Path, before: ShopWorkspace, policy: str
) -> AsyncGenerator[ShopWorkspace]:
    """The same shop, with another policy in force."""
    async with open_shop(folder, policy=policy, shop=before.shop, clock=before.clock) as opened:
        yield opened


async def told(opened: ShopWorkspace, card: ApprovalView) -> CardOutcome:
    """What the card says now."""
    approval = await opened.sayso.approvals.get(card.id)
    return outcome_of(approval, await opened.sayso.actions.get(card.action_id))


@pytest.mark.promise("approvals:told")
@pytest.mark.parametrize(
    ("fault", "status", "lead"),
    [
        (None, "succeeded", "Done: "),
        (ShopFault.SAYS_NO, "failed", "Failed: "),
        (ShopFault.LOST_BEFORE, "unknown", "Outcome unknown: "),
    ],
)
async def test_a_card_tells_what_was_done_without_the_yes_that_it_asked_for(
    tmp_path: Path, fault: ShopFault | None, status: str, lead: str
) -> None:
    """It said `Withdrawn … no longer wanted` while the money was out."""
    async with open_shop(tmp_path) as before:
        view, card = await ask(before)
        await decide(before, say(card), wait=False)
    async with reopened(tmp_path, before, LOOSE) as opened:
        if fault is not None:
            opened.shop.faults.append(fault)
        assert (await advance(opened, view)).status == status
        assert (await opened.sayso.approvals.get(card.id)).status == "superseded"
        outcome = await told(opened, card)
        assert outcome.lead == lead
        assert outcome.text.startswith(
            "maria said yes. Then the policy has changed. The policy allows it without anybody now:"
        )
        assert not outcome.asks
        assert (opened.shop.books.paid_out_minor == ASKED) == (status == "succeeded")


@pytest.mark.promise("upgrade:together")
async def test_a_card_of_a_newer_version_is_answered_and_carried_out_as_it_was_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While servers are replaced, older ones read cards of which they do not know everything."""

    def newer(*given: Any, **named: Any) -> Card:
        card = build_card(*given, **named)
        first = {**card.reasons[0].to_json(), "weight": 3}
        more: dict[str, Json] = {"reasons": [first], "forecast": {"days": 3}}
        return replace(card, newer=more, version=CARD_VERSION + 1)

    async with open_shop(tmp_path) as opened:
        with monkeypatch.context() as patched:
            patched.setattr("sayso.actions.policy.evaluator.build_card", newer)
            view, card = await ask(opened)
        await decide(opened, say(card), wait=False)
        assert (await advance(opened, view)).status == "succeeded"
        assert_verified(opened)


@pytest.mark.promise("approvals:told")
@pytest.mark.parametrize("decided", list(ApprovalStatus))
@pytest.mark.parametrize("status", list(Status))
def test_no_card_tells_money_that_did_not_move_or_hides_what_did(
    decided: ApprovalStatus, status: Status
) -> None:
    """Whatever became of the approval, `Done` is said of what is done, and of nothing else."""
    error = ErrorView(code="x", message="why") if status is Status.REFUSED else None
    action = ActionView.model_construct(
        status=status.value, error=error, receipt=None, held=None, decision=None, timeline=()
    )
    approval = ApprovalView.model_construct(status=decided.value, revision=1, votes=())
    outcome = outcome_of(approval, action)
    done = status in {Status.SUCCEEDED, Status.COMPENSATED}
    assert outcome.lead.startswith("Done") == done
    assert outcome.asks <= (status is Status.PENDING_APPROVAL)
    open_ends = {Status.FAILED: "Failed: ", Status.UNKNOWN: "Outcome unknown: "}
    assert outcome.lead == open_ends.get(status, outcome.lead)


@pytest.mark.promise("approvals:denied-uncounted")
async def test_a_yes_that_the_policy_denies_by_now_is_not_counted(tmp_path: Path) -> None:
    """It was taken, and the card asked for another yes that could not have helped either."""
    async with open_shop(tmp_path) as before:
        view, card = await ask(before)
    async with reopened(tmp_path, before, FORBIDDEN) as opened:
        assert await code_of(opened, say(card)) == "policy_denied"
        assert refusals(opened) == ["policy_denied"]
        left = await opened.sayso.actions.get(view.id)
        assert (left.status, left.error and left.error.code) == ("refused", "policy_denied")
        approval = await opened.sayso.approvals.get(card.id)
        assert (approval.status, approval.votes) == ("superseded", ())
        assert (await told(opened, card)).text == (
            "The policy denies it now. Why: no refunds during the audit."
        )
        assert opened.shop.books.calls == []
        assert_verified(opened)


@pytest.mark.promise("approvals:denied-uncounted")
async def test_a_yes_to_a_card_of_an_older_policy_makes_a_new_card(tmp_path: Path) -> None:
    """Others are asked by now, so that the yes of those who were asked would count for nothing."""
    async with open_shop(tmp_path) as before:
        view, card = await ask(before)
    async with reopened(tmp_path, before, FINANCE) as opened:
        assert await code_of(opened, say(card)) == "stale_revision"
        new = await shown(opened, view)
        assert (new.status, new.revision, new.roles, new.votes) == ("pending", 2, ("finance",), ())
        assert await code_of(opened, say(new)) == "not_an_approver"
        await decide(opened, say(new, "finn"))
        assert opened.shop.books.paid_out_minor == ASKED
        assert_verified(opened)


@pytest.mark.promise("approvals:denied-uncounted")
async def test_one_of_two_yes_is_refused_when_the_policy_has_changed(tmp_path: Path) -> None:
    """Also where it would not have been enough: what it is counted for is not what was shown."""
    async with open_shop(tmp_path) as before:
        view, card = await ask(before, BIG)
        await decide(before, say(card))
    async with reopened(tmp_path, before, FORBIDDEN) as opened:
        assert await code_of(opened, say(card, "finn")) == "policy_denied"
        left = await opened.sayso.actions.get(view.id)
        assert left.status == "refused"
        outcome = await told(opened, card)
        assert outcome.lead == "Not done: "
        assert outcome.text.startswith("maria said yes. Then the policy denies it now. Why: no")
        assert_verified(opened)


@pytest.mark.promise("approvals:denied-uncounted")
async def test_what_was_done_meanwhile_can_deny_it_too(tmp_path: Path) -> None:
    """The policy is the same, but by the history that it looks at nobody could allow it."""
    once = POLICY.replace(
        'when {\n  context.amount.lessThanOrEqual(decimal("500.00"))',
        'when {\n  context.count30d < 1 && context.amount.lessThanOrEqual(decimal("500.00"))',
    ).replace("context.approvals >= 2 &&", "context.count30d < 1 && context.approvals >= 2 &&")
    async with open_shop(tmp_path, policy=once) as opened:
        view, card = await ask(opened)
        small = await opened.sayso.propose(
            "shop.refund",
            {"order": "o1", "amount": {"amount_minor": 1000, "currency": "USD"}},
            subject="cus_1",
        )
        assert small.status == "succeeded"
        assert await code_of(opened, say(card)) == "policy_denied"
        assert (await opened.sayso.actions.get(view.id)).status == "refused"
        assert opened.shop.books.paid_out_minor == 1000
        assert_verified(opened)
