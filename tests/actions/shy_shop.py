"""A shop whose look-ups answer as a test says, and what is done with it over and over."""

from __future__ import annotations

from actions.desk import advance, decide, propose, say, shown, stock
from support.house import ShopHouse

from sayso.actions.action import Guarantee
from sayso.actions.snapshot import Absence, Call, Receipt
from sayso.errors import RetryableError
from sayso.sdk.views import ActionView
from sayso.testing.shop import Shop, ShopFault


class Shy(Shop):
    """Its look-ups answer as they are told to, and truly once they are not told anything."""

    def __init__(self, guarantee: Guarantee) -> None:
        super().__init__(guarantee)
        self.answers: list[Absence | RetryableError] = []

    async def look_up(self, call: Call) -> Receipt | Absence:
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


async def refused_by_itself(house: ShopHouse, shop: Shy) -> ActionView:
    """A refund of all that is left, made and denied, whose effect leaves nothing to refund."""
    stock(house)
    order = shop.books.orders["o1"]
    order.refunded_minor = order.paid.amount_minor - 2000
    shop.faults.append(ShopFault.DENIES)
    shop.answers = [Absence.ABSENT]
    view = await propose(house, 2000)
    house.clock.advance(seconds=10)
    return await advance(house, view)
