"""Between the yes and the run: what has changed meanwhile is asked again, never just done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from actions.approvals.test_service import BIG, RefundAndNote, ask
from actions.steps import (
    ASKED,
    advance,
    assert_verified,
    code_of,
    decide,
    say,
    shown,
)
from support.shop import ShopFault
from support.shop_workspace import PEOPLE, POLICY, ShopWorkspace, open_shop

from sayso.actions.engine.engine import MAX_REVISIONS
from sayso.sdk.views.rows import ActionView, ApprovalView


async def _yes_that_waits(workspace: ShopWorkspace) -> tuple[ActionView, ApprovalView]:
    """Approved by maria, and not carried out yet."""
    view, card = await ask(workspace)
    await decide(workspace, say(card), wait=False)
    assert (await workspace.sayso.actions.get(view.id)).status == "approved"
    return view, card


async def _asked_again(workspace: ShopWorkspace, view: ActionView, old: ApprovalView) -> None:
    """It went stale, nothing was called, and a new revision waits; the old card is dead."""
    again = await advance(workspace, view)
    assert again.status == "pending_approval"
    kinds = [entry.kind for entry in again.timeline]
    assert kinds[-2:] == ["action.stale", "action.pending"]
    assert workspace.shop.books.calls == []
    new = await shown(workspace, view)
    assert (new.revision, new.status) == (old.revision + 1, "pending")
    assert new.digest != old.digest
    assert await code_of(workspace, say(old, "noor")) == "stale_revision"
    assert_verified(workspace)


@pytest.mark.promise("approvals:bound")
async def test_the_yes_of_somebody_who_was_deactivated_meanwhile_is_asked_for_again(
    tmp_path: Path,
) -> None:
    """The approver must still be one at the claim."""
    async with open_shop(tmp_path) as workspace:
        view, card = await _yes_that_waits(workspace)
    gone = [{**person, "active": person["id"] != "maria"} for person in PEOPLE]
    async with open_shop(
        tmp_path, shop=workspace.shop, clock=workspace.clock, people=gone
    ) as later:
        await _asked_again(later, view, card)
        await decide(later, say(await shown(later, view), "noor"))
        assert workspace.shop.books.paid_out_minor == ASKED


@pytest.mark.promise("approvals:bound")
async def test_a_yes_under_another_policy_is_asked_for_again(tmp_path: Path) -> None:
    """Whatever the new text says, the old answer is not used."""
    async with open_shop(tmp_path) as workspace:
        view, card = await _yes_that_waits(workspace)
    other = POLICY.replace("up to 500 once", "up to five hundred once")
    async with open_shop(
        tmp_path, shop=workspace.shop, clock=workspace.clock, policy=other
    ) as later:
        await _asked_again(later, view, card)


@pytest.mark.promise("approvals:bound")
async def test_a_yes_to_what_changed_at_the_provider_is_asked_for_again(tmp_path: Path) -> None:
    """Decision 3: after `fresh_s` the provider is read again."""
    async with open_shop(tmp_path) as workspace:
        view, card = await _yes_that_waits(workspace)
        workspace.clock.advance(seconds=6)
        workspace.shop.books.orders["o1"].refunded_minor = 1
        await _asked_again(workspace, view, card)


@pytest.mark.promise("approvals:bound")
async def test_a_yes_to_the_revision_before_fills_no_quorum_of_the_next(tmp_path: Path) -> None:
    """Invariant 1: finn said yes to a card that nobody is shown any more."""
    async with open_shop(tmp_path) as workspace:
        view, card = await ask(workspace, BIG)
        await decide(workspace, say(card, "finn"))
        workspace.shop.books.orders["o1"].refunded_minor = 1
        await decide(workspace, say(card, "maria"), wait=False)
        workspace.clock.advance(seconds=6)
        await _asked_again(workspace, view, card)
        await decide(workspace, say(await shown(workspace, view), "maria"))
        assert (await workspace.sayso.actions.get(view.id)).status == "pending_approval"
        assert workspace.shop.books.calls == []
        await decide(workspace, say(await shown(workspace, view), "finn"))
        assert (await workspace.sayso.actions.get(view.id)).status == "succeeded"


@pytest.mark.promise("approvals:bound")
async def test_a_yes_under_another_version_of_the_connector_is_asked_for_again(
    tmp_path: Path,
) -> None:
    """What the call would do now was not what was shown."""
    async with open_shop(tmp_path) as workspace:
        view, card = await _yes_that_waits(workspace)
    workspace.shop.version = "2"
    async with open_shop(tmp_path, shop=workspace.shop, clock=workspace.clock) as later:
        await _asked_again(later, view, card)


@pytest.mark.promise("approvals:bound")
async def test_a_yes_to_an_action_that_takes_other_arguments_now_is_asked_for_again(
    tmp_path: Path,
) -> None:
    """The same name, the same version, and another operation behind it."""
    async with open_shop(tmp_path) as workspace:
        view, card = await _yes_that_waits(workspace)
    (refund,) = workspace.shop.actions
    workspace.shop.actions = (replace(refund, args=RefundAndNote),)
    async with open_shop(tmp_path, shop=workspace.shop, clock=workspace.clock) as later:
        await _asked_again(later, view, card)


@pytest.mark.promise("approvals:bound")
async def test_a_clock_that_went_back_makes_nothing_fresh(tmp_path: Path) -> None:
    """Decision 3: a snapshot from the future is read again."""
    async with open_shop(tmp_path) as workspace:
        view, card = await ask(workspace)
        workspace.clock.advance(seconds=-30)
        workspace.shop.books.orders["o1"].refunded_minor = 1
        await decide(workspace, say(card), wait=False)
        await _asked_again(workspace, view, card)


@pytest.mark.promise("approvals:bound")
async def test_a_yes_whose_time_is_over_before_it_could_run_is_asked_for_again(
    tmp_path: Path,
) -> None:
    """Expiry is checked again at the claim."""
    async with open_shop(tmp_path) as workspace:
        view, card = await _yes_that_waits(workspace)
        workspace.clock.advance(hours=9)
        await _asked_again(workspace, view, card)


async def test_what_changes_for_ever_ends(tmp_path: Path) -> None:
    """After the last revision it is refused, with the reason, and its card is closed."""
    async with open_shop(tmp_path) as workspace:
        view, _ = await ask(workspace)
        for number in range(2 * MAX_REVISIONS):
            now = await workspace.sayso.actions.get(view.id)
            if now.status != "pending_approval":
                break
            await decide(workspace, say(await shown(workspace, view)), wait=False)
            workspace.clock.advance(seconds=6)
            workspace.shop.books.orders["o1"].refunded_minor = number + 1
            await advance(workspace, view)
        ended = await workspace.sayso.actions.get(view.id)
        assert (ended.status, ended.revision) == ("refused", MAX_REVISIONS)
        assert (await shown(workspace, view)).status == "superseded"
        assert workspace.shop.books.calls == []
        assert_verified(workspace)


async def test_a_card_whose_action_was_refused_after_the_yes_is_not_shown_as_approved(
    tmp_path: Path,
) -> None:
    """Asked again, the policy says no: the yes of before stands on no card."""
    async with open_shop(tmp_path) as workspace:
        view, card = await _yes_that_waits(workspace)
    nothing = '@id("none") @explain("nothing") forbid (principal, action, resource);'
    async with open_shop(
        tmp_path, shop=workspace.shop, clock=workspace.clock, policy=nothing
    ) as later:
        assert (await advance(later, view)).status == "refused"
        assert (await later.sayso.approvals.get(card.id)).status == "superseded"
        assert_verified(later)


async def test_a_provider_that_was_away_at_the_yes_is_called_once_later(tmp_path: Path) -> None:
    """A released call is claimed and checked anew; the yes is still the same."""
    async with open_shop(tmp_path) as workspace:
        view, card = await ask(workspace)
        workspace.shop.faults += [ShopFault.UNREACHABLE] * 3
        await decide(workspace, say(card))
        for _ in range(5):
            workspace.clock.advance(seconds=20)
            await advance(workspace, view)
        assert (await workspace.sayso.actions.get(view.id)).status == "succeeded"
        assert len(workspace.shop.books.payouts) == 1
        assert len(set(workspace.shop.books.calls)) == 1
