"""A whole life of two actions under trouble: a bot that keeps asking, a manager who says yes.

The bot does what docs/reference/errors.md tells it to: on an error it asks again with the same
key. What it
was told is kept, so that the judge can hold it against the end.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from actions.steps import ASKED, MAIN, USD, say, usd
from support.faults.judge import Effect, Told, find_problems
from support.shop import Books, Shop

from sayso.actions.engine.engine import Boundary
from sayso.actions.model.definition import Guarantee, at_most_once, idempotent, verifiable
from sayso.errors import Code, SaysoError
from sayso.ids import Clock
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import ActionView
from sayso.sdk.workspace import Workspace
from sayso.store.base import Store
from sayso.testing.clock import FakeClock

VERIFIABLE = verifiable(settle_after_s=60)
"""The shop drops no repeated key then, so that a second call shows."""
GUARANTEES: dict[str, Guarantee] = {
    one.kind: one for one in (idempotent(hours=24, settle_after_s=60), VERIFIABLE, at_most_once())
}
SMALL = 2_000
"""Minor units that the policy allows at once."""
_ORDERS = {"small": "o1", "big": "o2"}
_OPEN = ("planned", "stale", "approved", "executing", "unknown")
TRIES = 3
ROUNDS = 12


class Bot:
    """Wants a small refund of one order, which is allowed, and a bigger one of another order, about
    which maria is asked.

    Attributes:
        reason: the customer's words.
        codes: of every error that it got.
        told: every status that it was given.
    """

    def __init__(self, sayso: Sayso) -> None:
        self.sayso = sayso
        self.reason = "it broke"
        self.codes: list[Code] = []
        self.told: list[Told] = []

    async def ask_for(self, key: str, minor: int) -> ActionView | None:
        """Propose until there is an answer; None when there was none in a few tries."""
        for _ in range(TRIES):
            try:
                view = await self.sayso.propose(
                    "shop.refund",
                    {"order": _ORDERS[key], "amount": usd(minor)},
                    subject="cus_1",
                    reason=self.reason,
                    idempotency_key=key,
                )
            except SaysoError as error:
                self.codes.append(error.code)
                continue
            self.told.append(Told(action_id=view.id, status=view.status))
            return view
        return None

    async def say_yes(self) -> None:
        """Maria approves whatever waits."""
        for _ in range(TRIES):
            try:
                for card in await self.sayso.approvals.list():
                    await self.sayso.approvals.decide_as(say(card))
                    view = await self.sayso.actions.get(card.action_id)
                    self.told.append(Told(action_id=view.id, status=view.status))
            except SaysoError as error:
                self.codes.append(error.code)
                continue
            return

    async def live(self) -> None:
        """Both, as far as they come."""
        await self.ask_for("small", SMALL)
        await self.ask_for("big", ASKED)
        await self.say_yes()


async def settle_all(sayso: Sayso, pass_time: Callable[[], None]) -> None:
    """Advance whatever is there until it has come to rest; nothing may go wrong here."""
    for _ in range(ROUNDS):
        views = [view for view in await sayso.actions.list(limit=200) if view.status in _OPEN]
        if not views:
            return
        for view in views:
            await sayso.container.engine.advance(MAIN, view.id)
        pass_time()


@asynccontextmanager
async def open_bot(
    workspace: Workspace,
    shop: Shop,
    clock: Clock,
    *,
    store: Store | None = None,
    passing: Callable[[Boundary], None] | None = None,
) -> AsyncGenerator[Bot]:
    """The bot in an open workspace, which does only what a call asks for."""
    sayso = Sayso(
        workspace, mode="decide", connectors=[shop], clock=clock, passing=passing, store=store
    )
    async with sayso:
        yield Bot(sayso)


def stocked(guarantee: Guarantee | None = None) -> Shop:
    """A shop with its orders."""
    shop = Shop(guarantee or VERIFIABLE)
    put_orders(shop.books)
    return shop


def put_orders(books: Books) -> None:
    """The orders that the bot wants refunds of, $1,000 each."""
    for order in _ORDERS.values():
        books.add(order, "cus_1", Money(100_000, USD))


def effects_of(books: Books) -> list[Effect]:
    """What the shop's own books say."""
    return [Effect(action_id=one.reference, amount=one.amount) for one in books.payouts]


async def judge_the_end(
    workspace: Workspace,
    shop: Shop,
    clock: FakeClock,
    told: Sequence[Told] = (),
    books: Books | None = None,
    *,
    reason: str = "it broke",
) -> None:
    """Trouble is over: another process recovers, the bot asks once more, and all is true.

    Args:
        told: what the bot was told before.
        books: the provider's own; the shop's when None.
        reason: the customer's words, as before.

    Raises:
        AssertionError: with everything that is wrong.
    """
    books = books or shop.books
    open_ends = shop.actions[0].guarantee.kind == "at_most_once"

    def time_passes() -> None:
        clock.advance(minutes=5)

    async with open_bot(workspace, shop, clock) as again:
        await settle_all(again.sayso, time_passes)
        again.told += told
        again.reason = reason
        await again.live()
        await settle_all(again.sayso, time_passes)
        assert again.codes == [], again.codes
        problems = await find_problems(
            again.sayso, effects_of(books), told=again.told, may_stay_open=open_ends
        )
        views = await again.sayso.actions.list(limit=200)
    assert problems == [], problems
    assert len(views) == 2, [view.status for view in views]
    if not open_ends:
        assert {view.status for view in views} == {"succeeded"}
        assert len(books.payouts) == 2
