"""A shop whose look-ups answer as a test says, and what is done with it over and over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from actions.steps import MAIN, advance, decide, propose, say, shown, stock
from support.shop import Shop, ShopFault
from support.shop_workspace import ShopWorkspace

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.engine.outcomes import MAX_HARMLESS_CALLS
from sayso.actions.engine.withdrawal import Withdrawals
from sayso.actions.model.action_row import get_action
from sayso.actions.model.definition import Guarantee
from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import RetryableError
from sayso.sdk.views.rows import ActionView

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


async def waits_again(workspace: ShopWorkspace, shop: Shy) -> ActionView:
    """An approved refund that was made and denied, and waits for people a second time."""
    stock(workspace)
    shop.faults.append(ShopFault.DENIES)
    view = await propose(workspace)
    shop.answers = [Absence.ABSENT, Absence.ABSENT]
    await decide(workspace, say(await shown(workspace, view)))
    workspace.clock.advance(seconds=10)
    view = await advance(workspace, view)
    assert (view.status, view.revision, shop.answers) == ("pending_approval", 2, [])
    return view


async def refused_by_itself(workspace: ShopWorkspace, shop: Shy, *, hidden: int = 1) -> ActionView:
    """A refund of all that is left, made and denied, whose effect leaves nothing to refund.

    Args:
        hidden: so many look-ups do not show it.
    """
    stock(workspace)
    order = shop.books.orders["o1"]
    order.refunded_minor = order.paid.amount_minor - 2000
    shop.faults.append(ShopFault.DENIES)
    shop.answers = [Absence.ABSENT] * hidden
    view = await propose(workspace, 2000)
    workspace.clock.advance(seconds=10)
    return await advance(workspace, view)


async def _rejected(workspace: ShopWorkspace, shop: Shy) -> ActionView:
    view = await waits_again(workspace, shop)
    shop.answers = list(HIDDEN)
    await decide(workspace, say(await shown(workspace, view), "noor", DecisionChoice.REJECT))
    return await workspace.sayso.actions.get(view.id)


async def _expired(workspace: ShopWorkspace, shop: Shy) -> ActionView:
    view = await waits_again(workspace, shop)
    shop.answers = list(HIDDEN)
    workspace.clock.advance(days=30)
    return await advance(workspace, view)


async def _refused(workspace: ShopWorkspace, shop: Shy) -> ActionView:
    return await refused_by_itself(workspace, shop, hidden=len(HIDDEN))


async def _failed(workspace: ShopWorkspace, shop: Shy) -> ActionView:
    stock(workspace)
    shop.faults += [ShopFault.UNREACHABLE] * (MAX_HARMLESS_CALLS - 1) + [ShopFault.DENIES]
    shop.answers = list(HIDDEN)
    view = await propose(workspace, 2000)
    while view.status == "approved":
        workspace.clock.advance(minutes=5)
        view = await advance(workspace, view)
    return view


async def _withdrawn(workspace: ShopWorkspace, shop: Shy) -> ActionView:
    view = await waits_again(workspace, shop)
    shop.answers = list(HIDDEN)
    inside = workspace.sayso.container
    row = await inside.store.read(lambda reader: get_action(reader, MAIN, view.id))
    back = Withdrawals(inside.context)
    await back.settle_called([row])
    bot = Actor(kind=ActorKind.SERVICE, id="bot")
    await inside.store.write(lambda tx: back.stop(tx, [row], bot))
    return await workspace.sayso.actions.get(view.id)


Ended = Callable[[ShopWorkspace, Shy], Awaitable[ActionView]]
ENDINGS: dict[str, Ended] = {
    "rejected": _rejected,
    "expired": _expired,
    "refused": _refused,
    "failed": _failed,
    "withdrawn": _withdrawn,
}
"""By status: a refund that was made and denied, and has ended so since no look-up showed it."""
