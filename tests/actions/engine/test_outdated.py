"""A repeat under a stamp that is not the object's any more: nothing waits for it for ever.

A call is lost whose provider refuses it once the object has changed, and the object changes. The
look-up proves that nothing was done, and no repeat can be: so it is judged anew, as it is now.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from actions.steps import PlugPulledError, advance, assert_verified, bodies, propose, settle, stock
from support.shop import Shop, ShopFault
from support.shop_workspace import open_shop

from sayso.actions.engine.engine import Boundary
from sayso.actions.model.definition import Effect, Guarantee, idempotent, verifiable
from sayso.actions.model.snapshot import Call, Receipt
from sayso.errors import Code, RetryableError

pytestmark = pytest.mark.promise("engine:one-effect:outdated")

SETTLES_S = 60
LOOKED_UP = verifiable(settle_after_s=SETTLES_S)


class Guarded(Shop):
    """Refuses what was read before the order changed, as by `If-Match`; it moves no money.

    Attributes:
        late: the lost call arrives just before the next one, and is done then.
    """

    def __init__(self, guarantee: Guarantee = LOOKED_UP, *, pays: bool = False) -> None:
        super().__init__(guarantee)
        if not pays:
            (one,) = self.actions
            self.actions = [replace(one, effect=Effect.CHANGE, guarantee=guarantee)]
        self.late = False

    async def call(self, call: Call) -> Receipt:
        order = self.books.orders[call.resolved.object_id]
        if call.resolved.preconditions["order.refunded"] == order.refunded_minor:
            return await super().call(call)
        self.books.calls.append(call.idempotency_key)
        if self.late:
            self._pay(call, forget=False)
        raise RetryableError(Code.PROVIDER_UNAVAILABLE, "it was changed", outdated=True)

    def change(self) -> None:
        """Somebody else changes the order, by a cent."""
        self.books.orders["o1"].refunded_minor += 1


@pytest.mark.parametrize("how", ["lost", "killed"])
async def test_a_lost_call_whose_object_has_changed_since_is_done_as_it_is_now(
    tmp_path: Path, how: str
) -> None:
    """Once: the repeat is refused, looked up after that until absence is proof, and judged anew."""
    shop, kills = Guarded(), [how == "killed"]

    def pull(boundary: Boundary) -> None:
        if boundary is Boundary.AFTER_INTENT and any(kills):
            kills.clear()
            raise PlugPulledError

    async with open_shop(tmp_path, shop=shop, passing=pull) as opened:
        stock(opened)
        shop.faults += [ShopFault.LOST_BEFORE] if how == "lost" else []
        view = await propose(opened, 2000)
        assert view.status == ("unknown" if how == "lost" else "executing")
        shop.change()
        opened.clock.advance(seconds=SETTLES_S + 10)
        view = await advance(opened, view)
        assert (view.status, len(shop.books.payouts)) == ("approved", 0)
        opened.clock.advance(seconds=5)
        with pytest.raises(RetryableError, match="an effect may still appear"):
            await advance(opened, view)
        opened.clock.advance(seconds=SETTLES_S)
        view = await advance(opened, view)
        assert (view.status, len(shop.books.payouts)) == ("succeeded", 1)
        kinds = [str(one["kind"]).removeprefix("action.") for one in bodies(opened)]
        assert kinds[-6:] == ["intent", "approved", "stale", "approved", "intent", "succeeded"]
        assert_verified(opened)


async def test_what_arrived_between_the_look_up_and_the_repeat_is_found(tmp_path: Path) -> None:
    """It is why the repeat was refused, so the look-up comes after that refusal."""
    shop = Guarded()
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        shop.faults.append(ShopFault.LOST_BEFORE)
        view = await propose(opened, 2000)
        shop.change()
        shop.late = True
        view = await settle(opened, view, tries=4)
        assert (view.status, len(shop.books.payouts)) == ("succeeded", 1)
        assert_verified(opened)


async def test_of_a_payment_no_third_call_is_made(tmp_path: Path) -> None:
    """One repetition without a person, so it ends as not done, for a reason that is true."""
    shop = Guarded(pays=True)
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        shop.faults.append(ShopFault.LOST_BEFORE)
        view = await propose(opened, 2000)
        shop.change()
        view = await settle(opened, view, tries=4)
        assert (view.status, len(shop.books.calls)) == ("failed", 2)
        assert view.error is not None
        assert view.error.code == "wrong_state"
        assert_verified(opened)


async def test_a_repeat_before_absence_is_proof_proves_nothing_yet(tmp_path: Path) -> None:
    """The same key may be sent at once, and what is refused then is still looked for."""
    shop = Guarded(idempotent(hours=24, settle_after_s=SETTLES_S))
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        shop.faults.append(ShopFault.LOST_BEFORE)
        view = await propose(opened, 2000)
        shop.change()
        opened.clock.advance(seconds=5)
        view = await advance(opened, view)
        assert (view.status, len(shop.books.calls)) == ("unknown", 2)
        view = await settle(opened, view, tries=4)
        assert (view.status, len(shop.books.payouts)) == ("succeeded", 1)
        assert_verified(opened)
