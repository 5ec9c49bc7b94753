"""A shop whose look-ups answer as a test says, and what is done with it over and over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from actions.desk import advance, decide, propose, say, shown, stock
from support.house import ShopHouse
from support.shop import Shop, ShopFault

from sayso.actions.approvals.decision import Choice
from sayso.actions.engine.outcomes import MAX_HARMLESS_CALLS
from sayso.actions.model.definition import Guarantee
from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.errors import RetryableError
from sayso.sdk.views import ActionView

HIDDEN = [Absence.ABSENT] * 40
"""Look-ups that do not show it, more than an action gets until it ends."""


class Shy(Shop):
    """Its look-ups answer as they are told to, and truly once they are not told anything."""

    def __init__(self, guarantee: Guarantee) -> None:
        super().__init__(guarantee)
        self.answers: list[Absence | RetryableError] = []
        self.on_look_up: Callable[[Call], Awaitable[None]] | None = None
        """Runs before each answer, so that a test can change the world meanwhile."""

    async def look_up(self, call: Call) -> Receipt | Absence:
        if self.on_look_up is not None:
            await self.on_look_up(call)
        if not self.answers:
            return await super().look_up(call)
        answer = self.answers.pop(0)
        if isinstance(answer, RetryableError):
            raise answer
        return answer


async def waits_again(house: ShopHouse, shop: Shy) -> ActionView:
    """An approved refund that was made and denied, and waits for people a second time."""
    stock(house)
    shop.faults.append(ShopFault.DENIES)
    view = await propose(house)
    shop.answers = [Absence.ABSENT, Absence.ABSENT]
    await decide(house, say(await shown(house, view)))
    house.clock.advance(seconds=10)
    view = await advance(house, view)
    assert (view.status, view.revision, shop.answers) == ("pending_approval", 2, [])
    return view


async def refused_by_itself(house: ShopHouse, shop: Shy, *, hidden: int = 1) -> ActionView:
    """A refund of all that is left, made and denied, whose effect leaves nothing to refund.

    Args:
        hidden: so many look-ups do not show it.
    """
    stock(house)
    order = shop.books.orders["o1"]
    order.refunded_minor = order.paid.amount_minor - 2000
    shop.faults.append(ShopFault.DENIES)
    shop.answers = [Absence.ABSENT] * hidden
    view = await propose(house, 2000)
    house.clock.advance(seconds=10)
    return await advance(house, view)


async def _rejected(house: ShopHouse, shop: Shy) -> ActionView:
    view = await waits_again(house, shop)
    shop.answers = list(HIDDEN)
    await decide(house, say(await shown(house, view), "noor", Choice.REJECT))
    return await house.sayso.action(view.id)


async def _expired(house: ShopHouse, shop: Shy) -> ActionView:
    view = await waits_again(house, shop)
    shop.answers = list(HIDDEN)
    house.clock.advance(days=30)
    return await advance(house, view)


async def _refused(house: ShopHouse, shop: Shy) -> ActionView:
    return await refused_by_itself(house, shop, hidden=len(HIDDEN))


async def _failed(house: ShopHouse, shop: Shy) -> ActionView:
    stock(house)
    shop.faults += [ShopFault.UNREACHABLE] * (MAX_HARMLESS_CALLS - 1) + [ShopFault.DENIES]
    shop.answers = list(HIDDEN)
    view = await propose(house, 2000)
    while view.status == "approved":
        house.clock.advance(minutes=5)
        view = await advance(house, view)
    return view


Ended = Callable[[ShopHouse, Shy], Awaitable[ActionView]]
ENDINGS: dict[str, Ended] = {
    "rejected": _rejected,
    "expired": _expired,
    "refused": _refused,
    "failed": _failed,
}
"""By status: a refund that was made and denied, and has ended so since no look-up showed it."""
