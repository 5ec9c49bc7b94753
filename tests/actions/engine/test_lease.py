"""The lease of a call: kept while the worker lives, lost without harm when it cannot be kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from actions.steps import MAIN, USD, stock, usd
from support.shop import Shop
from support.shop_workspace import ShopWorkspace, make_shop_workspace, open_shop

from sayso.actions.context import EngineSettings
from sayso.actions.engine.claim import LeaseKeeper
from sayso.actions.model.action_row import ActionRow, get_action
from sayso.actions.model.definition import at_most_once
from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.errors import Code, ConfigError, RetryableError, SaysoError
from sayso.ids import to_micros
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.wiring.database import open_store
from sayso.store.base import Reader, Store, Transaction
from sayso.testing.clock import FakeClock

T = TypeVar("T")
PAID = Receipt(id="pay_1", status="paid", amount=Money(100, USD))
SHORT_S = 0.003
GONE = RetryableError(Code.STORE_UNAVAILABLE, "the connection to the database was lost")
BUSY = RetryableError(Code.STORE_BUSY, "the database is locked by another program")
FULL = ConfigError(Code.STORE_FULL, "the database has no room left")


class CountingStore:
    """A store that counts what is written through it, and fails where it is told to.

    Args:
        failure: what each write raises; None to hand it on. May be changed later.
    """

    def __init__(self, store: Store, failure: SaysoError | None = None) -> None:
        self._store = store
        self.failure = failure
        self._tried = asyncio.Condition()
        self.tries = 0

    async def write(
        self,
        work: Callable[[Transaction], T],
        *,
        tenant: str | None = None,
        about: str | None = None,
        brief: bool = False,
    ) -> T:
        try:
            if self.failure is not None:
                raise self.failure
            return await self._store.write(work, tenant=tenant, about=about, brief=brief)
        finally:
            async with self._tried:
                self.tries += 1
                self._tried.notify_all()

    async def read(
        self,
        work: Callable[[Reader], T],
        *,
        tenant: str | None = None,
        brief: bool = False,
    ) -> T:
        return await self._store.read(work, tenant=tenant, brief=brief)

    async def version(self) -> int:
        return await self._store.version()

    async def close(self) -> None:
        return None

    async def tried(self, count: int) -> None:
        """Wait for so many writes."""
        async with self._tried:
            await self._tried.wait_for(lambda: self.tries >= count)


class LossyStore(CountingStore):
    """A store whose next unit goes wrong in the way that `loss` says.

    Attributes:
        loss: `undone`: the unit ran, and its commit failed; `unheard`: it was committed, and nobody
            heard of it; `again`: it ran a second time, since the commit it shared had failed.
    """

    loss = ""

    async def write(
        self,
        work: Callable[[Transaction], T],
        *,
        tenant: str | None = None,
        about: str | None = None,
        brief: bool = False,
    ) -> T:
        loss, self.loss = self.loss, ""
        if not loss:
            return await self._store.write(work, tenant=tenant, about=about, brief=brief)

        def fail(tx: Transaction) -> T:
            work(tx)
            raise GONE

        if loss != "unheard":
            with pytest.raises(RetryableError):
                await self._store.write(fail, tenant=tenant)
        if loss != "undone":
            done = await super().write(work, tenant=tenant, about=about, brief=brief)
            if loss == "again":
                return done
        async with self._tried:
            self.tries += 1
            self._tried.notify_all()
        raise GONE

    async def close(self) -> None:
        await self._store.close()


async def executing(opened: ShopWorkspace) -> ActionRow:
    """An action whose worker died within its call, so that the lease is nobody's."""
    stock(opened)
    caught: list[ActionRow] = []

    async def die(call: Call) -> None:
        caught.append(await row_of(opened, call.action_id))
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    opened.shop.on_call = die
    view = await opened.sayso.propose(
        "shop.refund", {"order": "o1", "amount": usd(100)}, subject="cus_1"
    )
    assert view.status == "executing"
    opened.shop.on_call = None
    return caught[0]


async def row_of(opened: ShopWorkspace, action_id: str) -> ActionRow:
    """The stored action."""
    return await opened.sayso.container.store.read(
        lambda reader: get_action(reader, MAIN, action_id)
    )


async def test_a_call_that_takes_long_keeps_its_lease(tmp_path: Path) -> None:
    """Invariant 2: nobody takes over from a worker that shows signs of life."""
    async with open_shop(tmp_path) as opened:
        row = await executing(opened)
        store = CountingStore(opened.sayso.container.store)
        keeper = LeaseKeeper(store, opened.clock, SHORT_S, row)

        async def call() -> Receipt:
            opened.clock.advance(seconds=60)
            await store.tried(store.tries + 2)
            await opened.sayso.container.engine.advance(
                MAIN, row.id
            )  # not due: nothing to take over
            return PAID

        opened.clock.advance(seconds=-10)
        assert await keeper.during(call()) is PAID
        kept = await row_of(opened, row.id)
        assert kept.fence == row.fence
        assert kept.due_at == keeper.row.due_at
        assert kept.due_at == to_micros(opened.clock.now()) + int(SHORT_S * 1e6)


@pytest.mark.parametrize("failure", [BUSY, FULL], ids=lambda failure: failure.code)
async def test_a_lease_that_cannot_be_extended_does_not_break_the_call_off(
    tmp_path: Path, failure: SaysoError
) -> None:
    """The answer of a call under way is never thrown away because the database is busy or full."""
    async with open_shop(tmp_path) as opened:
        row = await executing(opened)
        store = CountingStore(opened.sayso.container.store, failure)
        keeper = LeaseKeeper(store, opened.clock, SHORT_S, row)

        async def call() -> Receipt:
            await store.tried(3)
            return PAID

        assert await keeper.during(call()) is PAID
        assert keeper.row == row


async def test_a_lease_that_another_worker_took_is_not_taken_back(tmp_path: Path) -> None:
    """Fencing: the beats of a worker that was overtaken move nothing."""
    shop = Shop(at_most_once())
    async with open_shop(tmp_path, shop=shop) as opened:
        row = await executing(opened)
        opened.clock.advance(seconds=6)
        await opened.sayso.container.engine.advance(MAIN, row.id)
        taken = await row_of(opened, row.id)
        assert taken.status == "unknown"
        store = CountingStore(opened.sayso.container.store)
        keeper = LeaseKeeper(store, opened.clock, SHORT_S, row)

        async def call() -> Receipt:
            await store.tried(3)
            return PAID

        assert await keeper.during(call()) is PAID
        assert await row_of(opened, row.id) == taken


class LookedAtLater(Shop):
    """Something happens to the action while this shop is asked about it."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def look_up(self, call: Call) -> Receipt | Absence:
        found = await super().look_up(call)
        if self.meanwhile is not None:
            await self.meanwhile()
        return found


async def test_a_look_up_that_a_beat_overtakes_changes_nothing(tmp_path: Path) -> None:
    """The lease seemed over, but the worker was only slow: its beat counts, so it goes on."""
    shop = LookedAtLater()
    async with open_shop(tmp_path, shop=shop) as opened:
        row = await executing(opened)
        store = CountingStore(opened.sayso.container.store)
        keeper = LeaseKeeper(store, opened.clock, 0.03, row)

        async def take_over_too_late() -> Receipt:
            opened.clock.advance(seconds=6)
            shop.meanwhile = lambda: store.tried(store.tries + 1)
            await opened.sayso.container.engine.advance(MAIN, row.id)
            return PAID

        assert await keeper.during(take_over_too_late()) is PAID
        kept = await row_of(opened, row.id)
        assert (kept.status, kept.fence, kept.due_at) == ("executing", 1, keeper.row.due_at)
        assert shop.books.calls == []
        shop.meanwhile = None
        opened.clock.advance(minutes=2)
        await opened.sayso.container.engine.advance(MAIN, row.id)
        assert (await row_of(opened, row.id)).status == "succeeded"
        assert len(shop.books.payouts) == 1


@pytest.mark.parametrize("loss", ["undone", "unheard", "again"])
@pytest.mark.parametrize("of", ["a beat", "the outcome"])
async def test_a_write_that_goes_wrong_costs_no_answer(tmp_path: Path, of: str, loss: str) -> None:
    """What the provider answered is written down, though the database is lost once meanwhile."""
    workspace = make_shop_workspace(tmp_path)
    store = LossyStore(open_store(workspace))
    clock, shop = FakeClock(), Shop(at_most_once())
    shop.books.add("o1", "cus_1", Money(100_000, USD))

    async def lose(call: Call) -> None:
        store.loss = loss
        if of == "a beat":
            clock.advance(seconds=1)
            await store.tried(1)

    shop.on_call = lose
    settings = EngineSettings(lease_s=1.5)
    async with Sayso(
        workspace,
        mode="decide",
        connectors=[shop],
        clock=clock,
        engine_settings=settings,
        store=store,
    ) as sayso:
        view = await sayso.propose(
            "shop.refund", {"order": "o1", "amount": usd(100)}, subject="cus_1"
        )
        assert view.status == "succeeded"
        assert len(shop.books.payouts) == 1


async def test_a_workspace_that_is_closed_ends_the_call_under_way_first(tmp_path: Path) -> None:
    """Whoever stops a server for a new version leaves no outcome that only a person can find."""
    shop = Shop(at_most_once())
    under_way = asyncio.Event()

    async def take_a_while(call: Call) -> None:
        under_way.set()
        for _ in range(100):  # it is cancelled long before, if it is at all
            await asyncio.sleep(0)

    async with open_shop(tmp_path, shop=shop, work=True) as opened:
        stock(opened)
        shop.on_call = take_a_while
        view = await opened.sayso.propose(
            "shop.refund", {"order": "o1", "amount": usd(100)}, subject="cus_1", wait=False
        )
        await asyncio.wait_for(under_way.wait(), 60)
    shop.on_call = None
    async with open_shop(tmp_path, shop=shop) as opened:
        assert (await opened.sayso.actions.get(view.id)).status == "succeeded"
