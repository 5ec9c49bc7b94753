"""What a provider did and denied, and shows only when its action is to end as a no.

No time is declared from which absence is proof, or a wrong one, so each ending looks once more.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.shy_shop import Shy, refused_by_itself, waits_again
from actions.steps import (
    advance,
    assert_verified,
    bodies,
    decide,
    say,
    shown,
)
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.model.definition import Guarantee, idempotent, verifiable
from sayso.actions.model.snapshot import Absence
from sayso.errors import Code, RefusedError, RetryableError
from sayso.sdk.views.rows import ActionView

LATE = [idempotent(hours=24), verifiable(settle_after_s=5)]
"""One that says nothing of when absence is proof, and one that is wrong about it."""


def assert_told_as_done(workspace: ShopWorkspace, view: ActionView) -> None:
    """The one effect is the action's, in its row and in the log."""
    assert view.status == "succeeded"
    assert len(workspace.shop.books.payouts) == 1
    assert bodies(workspace)[-1]["kind"] in {"action.reconciled", "approval.refused"}
    assert "action.reconciled" in [body["kind"] for body in bodies(workspace)]
    assert_verified(workspace)


@pytest.mark.promise("engine:one-effect:denied")
@pytest.mark.parametrize("guarantee", LATE, ids=["key", "look-up"])
async def test_a_no_is_not_taken_for_what_was_done_meanwhile(
    tmp_path: Path, guarantee: Guarantee
) -> None:
    """Invariant 3: a rejected action has no effect, so an effect that shows is told instead."""
    shop = Shy(guarantee)
    async with open_shop(tmp_path, shop=shop) as workspace:
        view = await waits_again(workspace, shop)
        card = await shown(workspace, view)
        with pytest.raises(RefusedError) as caught:
            await decide(workspace, say(card, "noor", DecisionChoice.REJECT))
        assert caught.value.code is Code.STALE_REVISION
        assert_told_as_done(workspace, await workspace.sayso.actions.get(view.id))
        assert (await workspace.sayso.approvals.get(card.id)).status == "superseded"


@pytest.mark.promise("engine:one-effect:denied")
async def test_a_no_waits_while_nobody_can_look(tmp_path: Path) -> None:
    """Invariant 10: it is not decided, so nothing is done either, and it can be said again."""
    shop = Shy(idempotent(hours=24))
    async with open_shop(tmp_path, shop=shop) as workspace:
        view = await waits_again(workspace, shop)
        no = say(await shown(workspace, view), "noor", DecisionChoice.REJECT)
        shop.answers = [RetryableError(Code.PROVIDER_UNAVAILABLE, "closed")]
        with pytest.raises(RetryableError, match="may still turn out"):
            await decide(workspace, no)
        assert (await workspace.sayso.actions.get(view.id)).status == "pending_approval"
        shop.answers = [Absence.ABSENT]
        assert (await decide(workspace, no)).action.status.value == "rejected"


@pytest.mark.promise("engine:one-effect:denied")
async def test_who_may_not_decide_has_nothing_looked_up(tmp_path: Path) -> None:
    """The look-up comes after the check of who says no."""
    shop = Shy(idempotent(hours=24))
    async with open_shop(tmp_path, shop=shop) as workspace:
        view = await waits_again(workspace, shop)
        shop.answers = [Absence.ABSENT]
        with pytest.raises(RefusedError) as caught:
            await decide(
                workspace, say(await shown(workspace, view), "nobody", DecisionChoice.REJECT)
            )
        assert caught.value.code is Code.NOT_AN_APPROVER
        assert shop.answers == [Absence.ABSENT]


@pytest.mark.promise("engine:one-effect:denied")
@pytest.mark.parametrize("guarantee", LATE, ids=["key", "look-up"])
async def test_what_shows_before_nobody_decides_is_not_expired(
    tmp_path: Path, guarantee: Guarantee
) -> None:
    """Invariant 3: an expired action has no effect, so its last moment looks once more."""
    shop = Shy(guarantee)
    async with open_shop(tmp_path, shop=shop) as workspace:
        view = await waits_again(workspace, shop)
        card = await shown(workspace, view)
        workspace.clock.advance(days=30)
        shop.answers = [RetryableError(Code.PROVIDER_UNAVAILABLE, "closed")]
        with pytest.raises(RetryableError, match="may still turn out"):
            await advance(workspace, view)
        assert (await workspace.sayso.actions.get(view.id)).status == "pending_approval"
        assert_told_as_done(workspace, await advance(workspace, view))
        assert (await workspace.sayso.approvals.get(card.id)).status == "superseded"


@pytest.mark.promise("engine:one-effect:denied")
async def test_what_never_shows_ends_as_the_provider_said(tmp_path: Path) -> None:
    """Nothing waits for ever: an empty look-up and the provider's word end it."""
    shop = Shy(idempotent(hours=24))
    async with open_shop(tmp_path, shop=shop) as workspace:
        view = await waits_again(workspace, shop)
        workspace.clock.advance(days=30)
        shop.answers = [Absence.ABSENT]
        assert (await advance(workspace, view)).status == "expired"


@pytest.mark.promise("engine:one-effect:denied")
async def test_a_judgement_does_not_refuse_what_its_own_effect_left(tmp_path: Path) -> None:
    """Nothing is left to refund because it was refunded: that is a success, and no refusal."""
    shop = Shy(idempotent(hours=24))
    async with open_shop(tmp_path, shop=shop) as workspace:
        assert_told_as_done(workspace, await refused_by_itself(workspace, shop))
