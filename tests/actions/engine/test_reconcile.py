"""After a lost answer: what an empty look-up proves, and for how long."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from actions.engine.test_lease import CountingStore
from actions.slow_shop import SlowToShow
from actions.steps import (
    ASKED,
    MAIN,
    PlugPulledError,
    advance,
    assert_verified,
    bodies,
    decide,
    propose,
    say,
    settle,
    shown,
    stock,
    usd,
)
from support.shop import Shop, ShopFault
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.approvals.transitions import Transitions
from sayso.actions.context import EngineSettings
from sayso.actions.engine.engine import Boundary
from sayso.actions.engine.outcomes import MAX_HARMLESS_CALLS, Settlements
from sayso.actions.model.action_row import get_action
from sayso.actions.model.definition import Guarantee, at_most_once, idempotent, verifiable
from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.errors import Code, IntegrityError, RetryableError
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.wiring.database import open_store
from sayso.store.base import Transaction
from sayso.testing.clock import FakeClock


@pytest.mark.promise("engine:one-effect:lost-answer")
async def test_an_empty_look_up_proves_nothing_about_the_newest_call(tmp_path: Path) -> None:
    """The time until absence is proof counts from the last call, not from the first."""
    clock = FakeClock()
    shop = SlowToShow(verifiable(settle_after_s=60), clock, delay_s=50)
    async with open_shop(tmp_path, shop=shop, clock=clock) as opened:
        stock(opened)
        shop.faults += [ShopFault.LOST_BEFORE, ShopFault.LOST_AFTER]
        view = await propose(opened, 2000)
        for _ in range(30):
            clock.advance(seconds=20)
            view = await advance(opened, view)
        assert view.status == "succeeded"
        assert len(shop.books.payouts) == 1


@pytest.mark.promise("engine:one-effect:lost-answer")
@pytest.mark.parametrize("dies", [False, True], ids=["answer lost", "worker dies"])
async def test_the_time_until_absence_is_proof_counts_from_the_end_of_a_slow_call(
    tmp_path: Path, dies: bool
) -> None:
    """The effect may come as late as the call ends, not only when its intent was written."""
    clock = FakeClock()
    shop = SlowToShow(verifiable(settle_after_s=60), clock, delay_s=58)
    alive = [True]

    async def take_long(call: Call) -> None:
        clock.advance(seconds=4 if dies else 59)
        shop.on_call = None

    def pull(at: Boundary) -> None:
        if dies and at is Boundary.AFTER_CALL and alive:
            alive.clear()
            raise PlugPulledError

    async with open_shop(tmp_path, shop=shop, clock=clock, passing=pull) as opened:
        stock(opened)
        shop.on_call = take_long
        if not dies:
            shop.faults.append(ShopFault.LOST_AFTER)
        view = await propose(opened, 2000)
        for _ in range(200):
            clock.advance(seconds=1)
            view = await advance(opened, view)
        assert view.status == "succeeded"
        assert len(shop.books.payouts) == 1


@pytest.mark.promise("engine:unknown")
@pytest.mark.parametrize("answer", [ShopFault.SAYS_NO, ShopFault.UNREACHABLE])
async def test_a_no_to_the_second_call_says_nothing_about_the_first(
    tmp_path: Path, answer: ShopFault
) -> None:
    """The first one may have done it, so the outcome stays unknown until it is seen."""
    clock = FakeClock()
    shop = SlowToShow(idempotent(hours=24), clock, delay_s=50)
    async with open_shop(tmp_path, shop=shop, clock=clock) as opened:
        stock(opened)
        shop.faults += [ShopFault.LOST_AFTER, answer]
        view = await propose(opened, 2000)
        clock.advance(seconds=10)
        view = await advance(opened, view)
        assert (view.status, len(shop.books.calls)) == ("unknown", 2)
        clock.advance(seconds=50)
        view = await advance(opened, view)
        assert view.status == "succeeded"
        assert len(shop.books.payouts) == 1
        assert_verified(opened)


@pytest.mark.promise("engine:unknown")
@pytest.mark.parametrize(
    ("answer", "status"), [(ShopFault.SAYS_NO, "failed"), (ShopFault.UNREACHABLE, "unknown")]
)
async def test_after_proof_of_absence_a_no_is_one_and_silence_is_none(
    tmp_path: Path, answer: ShopFault, status: str
) -> None:
    """The first call surely did nothing, so the second one is like a first."""
    async with open_shop(tmp_path, shop=Shop(verifiable(settle_after_s=60))) as opened:
        stock(opened)
        opened.shop.faults += [ShopFault.LOST_BEFORE, answer]
        view = await propose(opened, 2000)
        opened.clock.advance(seconds=70)
        view = await advance(opened, view)
        assert (view.status, len(opened.shop.books.calls)) == (status, 2)
        assert opened.shop.books.payouts == []


async def test_a_worker_that_slept_before_its_call_does_not_make_it(tmp_path: Path) -> None:
    """Its lease ended between intent and call, so another one may have made it meanwhile."""
    clock = FakeClock()
    shop = Shop(verifiable(settle_after_s=60))

    def sleep(boundary: Boundary) -> None:
        if boundary is Boundary.AFTER_INTENT:
            clock.advance(minutes=2)

    async with open_shop(tmp_path, shop=shop, clock=clock, passing=sleep) as slow:
        stock(slow)
        view = await propose(slow, 2000)
        assert view.status == "executing"
        assert shop.books.calls == []
    async with open_shop(tmp_path, shop=shop, clock=clock) as other:
        assert (await advance(other, view)).status == "succeeded"
        assert len(shop.books.payouts) == 1
        assert_verified(other)


PROVABLE = [
    idempotent(hours=24),
    idempotent(hours=24, settle_after_s=60),
    verifiable(settle_after_s=60),
]


class BlindAtFirst(Shop):
    """Its look-up breaks off as long as `blind` says so."""

    blind = True

    async def look_up(self, call: Call) -> Receipt | Absence:
        if self.blind:
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, "the list cannot be read")
        return await super().look_up(call)


def kinds_of(opened: ShopWorkspace) -> list[str]:
    """The kinds of all entries about actions, oldest first."""
    return [kind for body in bodies(opened) if (kind := str(body["kind"])).startswith("action.")]


@pytest.mark.promise("engine:one-effect:denied")
@pytest.mark.parametrize("guarantee", PROVABLE, ids=["key", "key and look-up", "look-up"])
async def test_what_a_provider_did_and_denied_is_found_and_not_done_again(
    tmp_path: Path, guarantee: Guarantee
) -> None:
    """Its own effect is no change of the world that would make a revision with a new key."""
    async with open_shop(tmp_path, shop=Shop(guarantee)) as opened:
        stock(opened)
        opened.shop.faults.append(ShopFault.DENIES)
        view = await propose(opened, 2000)
        assert view.status == "approved"
        opened.clock.advance(seconds=10)
        view = await advance(opened, view)
        assert (view.status, view.revision) == ("succeeded", 1)
        assert len(opened.shop.books.payouts) == len(opened.shop.books.calls) == 1
        assert kinds_of(opened)[-1] == "action.reconciled"
        assert_verified(opened)


@pytest.mark.promise("engine:one-effect:denied")
async def test_a_look_up_in_vain_makes_no_new_revision_of_what_was_denied(tmp_path: Path) -> None:
    """While nobody can look, what changed at the provider may be the action's own effect."""
    shop = BlindAtFirst(verifiable(settle_after_s=60))
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        shop.faults.append(ShopFault.DENIES)
        view = await propose(opened, 2000)
        opened.clock.advance(seconds=10)
        with pytest.raises(RetryableError, match="may still turn out"):
            await advance(opened, view)
        shop.blind = False
        view = await advance(opened, view)
        assert (view.status, view.revision) == ("succeeded", 1)
        assert len(shop.books.payouts) == 1


@pytest.mark.promise("engine:one-effect:denied")
async def test_an_empty_look_up_makes_no_new_revision_before_it_proves_absence(
    tmp_path: Path,
) -> None:
    """The guarantee says from when on an empty look-up is proof, also of a denied call."""
    clock = FakeClock()
    shop = SlowToShow(verifiable(settle_after_s=60), clock, delay_s=50)
    async with open_shop(tmp_path, shop=shop, clock=clock) as opened:
        stock(opened)
        shop.faults.append(ShopFault.DENIES)
        view = await propose(opened, 2000)
        clock.advance(seconds=10)
        with pytest.raises(RetryableError, match="may still appear"):
            await advance(opened, view)
        clock.advance(seconds=45)
        view = await advance(opened, view)
        assert (view.status, view.revision) == ("succeeded", 1)
        assert len(shop.books.payouts) == 1


@pytest.mark.promise("engine:one-effect:denied")
@pytest.mark.parametrize("guarantee", PROVABLE, ids=["key", "key and look-up", "look-up"])
async def test_the_last_call_that_is_denied_is_looked_up_as_each_before_it(
    tmp_path: Path, guarantee: Guarantee
) -> None:
    """Invariant 3: an effect that is there is never stored as failed, also not by the eighth no."""
    shop = Shop(guarantee)
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        shop.faults += [ShopFault.UNREACHABLE] * (MAX_HARMLESS_CALLS - 1) + [ShopFault.DENIES]
        view = await propose(opened, 2000)
        while view.status == "approved":
            opened.clock.advance(minutes=5)
            view = await advance(opened, view)
        assert len(shop.books.calls) == MAX_HARMLESS_CALLS
        assert (view.status, len(shop.books.payouts)) == ("succeeded", 1)
        assert_verified(opened)


@pytest.mark.promise("engine:one-effect:denied")
async def test_the_last_denied_call_is_unknown_until_an_empty_look_up_proves_something(
    tmp_path: Path,
) -> None:
    """What may still appear is not failed, and is found once it does."""
    clock = FakeClock()
    shop = SlowToShow(verifiable(settle_after_s=60), clock, delay_s=50)
    async with open_shop(tmp_path, shop=shop, clock=clock) as opened:
        stock(opened)
        shop.faults += [ShopFault.UNREACHABLE] * (MAX_HARMLESS_CALLS - 1) + [ShopFault.DENIES]
        view = await propose(opened, 2000)
        while view.status == "approved":
            clock.advance(minutes=5)
            view = await advance(opened, view)
        assert view.status == "unknown"
        assert (await settle(opened, view)).status == "succeeded"
        assert len(shop.books.payouts) == 1
        assert_verified(opened)


@pytest.mark.promise("engine:one-effect:denied")
async def test_a_call_that_no_look_up_can_find_fails_by_the_providers_word(tmp_path: Path) -> None:
    """Where nothing can be proven, a no that is said eight times is a no, and nobody waits."""
    async with open_shop(tmp_path, shop=Shop(at_most_once())) as opened:
        stock(opened)
        opened.shop.faults += [ShopFault.UNREACHABLE] * MAX_HARMLESS_CALLS
        view = await settle(opened, await propose(opened, 2000))
        assert view.status == "failed"
        assert opened.shop.books.payouts == []
        assert_verified(opened)


async def test_what_was_surely_not_done_is_judged_anew_once_that_is_proven(tmp_path: Path) -> None:
    """Waiting for the proof strands nothing: a changed object is judged as it is then."""
    async with open_shop(tmp_path, shop=Shop(verifiable(settle_after_s=60))) as opened:
        stock(opened)
        opened.shop.faults.append(ShopFault.UNREACHABLE)
        view = await propose(opened, 2000)
        opened.shop.books.orders["o1"].refunded_minor = 1
        opened.clock.advance(seconds=61)
        view = await advance(opened, view)
        assert (view.status, view.revision) == ("succeeded", 2)
        assert len(opened.shop.books.payouts) == 1


@pytest.mark.promise("engine:one-effect:denied")
async def test_an_edit_after_a_denied_call_tells_what_was_done_and_does_not_do_it_again(
    tmp_path: Path,
) -> None:
    """A look-up that shows it late: what counts is the effect, and the log says that it is more."""
    clock = FakeClock()
    shop = SlowToShow(idempotent(hours=24), clock, delay_s=50)
    async with open_shop(tmp_path, shop=shop, clock=clock) as opened:
        stock(opened)
        shop.faults.append(ShopFault.DENIES)
        view = await propose(opened)
        await decide(opened, say(await shown(opened, view)))
        clock.advance(seconds=10)
        view = await advance(opened, view)
        assert (view.status, view.revision) == ("pending_approval", 2)
        clock.advance(seconds=50)
        card = await shown(opened, view)
        await decide(opened, say(card, "noor", DecisionChoice.EDIT, args={"amount": usd(6000)}))
        view = await opened.sayso.actions.get(view.id)
        assert (view.status, view.revision) == ("succeeded", 3)
        assert view.receipt is not None
        assert view.receipt.amount == Money(ASKED, "USD")
        assert shop.books.paid_out_minor == ASKED
        told = bodies(opened)[-1]
        data = told["data"]
        assert isinstance(data, dict)
        assert (told["kind"], data["as_approved"]) == ("action.reconciled", False)
        assert_verified(opened)


@pytest.mark.promise("states:approved-first")
async def test_nothing_is_found_of_what_was_never_called(tmp_path: Path) -> None:
    """Invariant 1: the way from `approved` to `succeeded` is open after an intent only."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened, 2000, wait=False)
        inside = opened.sayso.container
        settlements = Settlements(Transitions(inside.context))

        def find(tx: Transaction) -> object:
            return settlements.reconcile(
                tx, get_action(tx, MAIN, view.id), Receipt(id="pay_1", status="paid")
            )

        with pytest.raises(IntegrityError, match="wrong_state"):
            await inside.store.write(find)
        assert (await opened.sayso.actions.get(view.id)).status == "approved"


async def test_where_nothing_can_be_looked_up_a_denial_is_believed(tmp_path: Path) -> None:
    """At most once rests on the connector's word: what it says surely did not happen is tried anew,
    and the log holds each try, so that a lie of the provider can be shown to it.
    """
    async with open_shop(tmp_path, shop=Shop(at_most_once())) as opened:
        stock(opened)
        opened.shop.faults.append(ShopFault.UNREACHABLE)
        view = await propose(opened, 2000)
        opened.clock.advance(seconds=2)
        view = await advance(opened, view)
        assert (view.status, view.revision) == ("succeeded", 1)
        assert len(opened.shop.books.payouts) == 1
        assert kinds_of(opened) == [
            *("action.approved", "action.intent", "action.approved"),
            *("action.intent", "action.succeeded"),
        ]


class RemembersFromTheFirst(Shop):
    """It counts how long it remembers a key from the first request with it, done or not.

    Nothing can be looked up here.
    """

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(idempotent(hours=24))
        self._clock = clock
        self._first: dict[str, datetime] = {}

    async def call(self, call: Call) -> Receipt:
        now = self._clock.now()
        if now - self._first.setdefault(call.idempotency_key, now) >= timedelta(hours=24):
            self._first[call.idempotency_key] = now
            self._done.pop(call.idempotency_key, None)
        return await super().call(call)

    async def look_up(self, call: Call) -> Receipt | Absence:
        return Absence.CANNOT_TELL


@pytest.mark.promise("engine:one-effect:cut-off")
async def test_a_call_of_a_worker_that_is_cut_off_from_the_database_ends_with_its_lease(
    tmp_path: Path,
) -> None:
    """Another worker will trust an empty look-up, so nothing may leave here after the lease."""
    clock = FakeClock()
    shop = SlowToShow(verifiable(settle_after_s=60), clock, delay_s=58)
    under_way, send = asyncio.Event(), asyncio.Event()

    async def send_late(call: Call) -> None:
        shop.on_call = None
        under_way.set()
        await send.wait()

    async with open_shop(tmp_path, shop=shop, clock=clock) as other:
        stock(other)
        view = await propose(other, 2000, wait=False)
        shop.on_call = send_late
        store = open_store(other.workspace)
        cut_off = CountingStore(store)
        slow = Sayso(
            other.workspace,
            mode="decide",
            connectors=[shop],
            clock=clock,
            engine_settings=EngineSettings(lease_s=0.6),
            store=cut_off,
        )
        async with slow:
            calling = asyncio.create_task(slow.container.engine.advance(MAIN, view.id))
            await asyncio.wait_for(under_way.wait(), 60)
            cut_off.failure = RetryableError(Code.STORE_UNAVAILABLE, "the network is gone")
            clock.advance(seconds=1)
            await asyncio.wait({calling}, timeout=3)
            for _ in range(100):
                clock.advance(seconds=1)
                view = await advance(other, view)
            send.set()
            with pytest.raises(RetryableError):
                await asyncio.wait_for(calling, 60)
        await store.close()
        assert view.status == "succeeded"
        assert len(shop.books.payouts) == 1


@pytest.mark.promise("engine:one-effect:lost-answer")
async def test_a_key_is_as_old_as_the_first_call_with_it(tmp_path: Path) -> None:
    """A call that surely did nothing has shown the provider its key all the same."""
    clock = FakeClock()
    shop = RemembersFromTheFirst(clock)
    async with open_shop(tmp_path, shop=shop, clock=clock) as opened:
        stock(opened)
        shop.faults += [ShopFault.UNREACHABLE, ShopFault.LOST_AFTER]
        view = await propose(opened, 2000)
        clock.advance(hours=23, minutes=30)
        assert (await advance(opened, view)).status == "unknown"
        clock.advance(hours=1)
        assert (await advance(opened, view)).status == "unknown"
        assert len(shop.books.payouts) == 1
