"""Connectors that raise what is no error at all: the end of a process, or of a task."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from actions.steps import advance, assert_verified, propose, settle, stock
from support.shop import Shop, ShopFault
from support.shop_workspace import open_shop

from sayso.actions.engine.reconcile import MAX_LOOKS
from sayso.actions.model.attempt import read_target
from sayso.actions.model.definition import Action, Args, Subject, verifiable
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved
from sayso.connectors.isolation import contained
from sayso.connectors.registry import Connectors
from sayso.errors import Code, RetryableError


class OddEnd(BaseException):
    """As libraries have that are to pass every `except Exception`."""


ENDS = [SystemExit(3), asyncio.CancelledError(), OddEnd("odd")]
each_end = pytest.mark.parametrize("end", ENDS, ids=lambda end: type(end).__name__)


class Ending(Shop):
    """Raises in the places that a test names."""

    def __init__(self, end: BaseException, *places: str) -> None:
        super().__init__(verifiable(settle_after_s=60))
        self._end = end
        self._places = places
        self.looks = 0

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        if "resolve" in self._places:
            raise self._end
        return await super().resolve(action, args, subject)

    async def call(self, call: Call) -> Receipt:
        done = await super().call(call)
        if "call" in self._places:
            raise self._end
        return done

    async def look_up(self, call: Call) -> Receipt | Absence:
        self.looks += 1
        if "look_up" in self._places:
            raise self._end
        return await super().look_up(call)


@pytest.mark.promise("engine:unknown")
@each_end
async def test_a_call_that_ends_so_is_unknown_and_looked_up(
    tmp_path: Path, end: BaseException
) -> None:
    """It had begun, so it may have done it; the process and the others' work go on."""
    shop = Ending(end, "call")
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        view = await propose(workspace, 2000)
        assert view.status == "unknown"
        workspace.clock.advance(minutes=2)
        assert (await advance(workspace, view)).status == "succeeded"
        assert len(shop.books.payouts) == len(shop.books.calls) == 1
        assert_verified(workspace)


@each_end
async def test_a_look_up_that_ends_so_is_counted_as_one_in_vain(
    tmp_path: Path, end: BaseException
) -> None:
    """With longer and longer pauses, and a person in the end; never as fast as a machine can."""
    shop = Ending(end, "look_up")
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        shop.faults.append(ShopFault.LOST_AFTER)
        view = await settle(workspace, await propose(workspace, 2000), tries=MAX_LOOKS + 5)
        assert (view.status, shop.looks) == ("unknown", MAX_LOOKS)


@each_end
async def test_a_reading_that_ends_so_is_a_fault_of_the_connector(
    tmp_path: Path, end: BaseException
) -> None:
    """Who proposes hears of it, and nothing is stored."""
    async with open_shop(tmp_path, shop=Ending(end, "resolve")) as workspace:
        stock(workspace)
        with pytest.raises(RetryableError) as caught:
            await propose(workspace, 2000)
        assert caught.value.code is Code.CONNECTOR_FAILED


class Silent(Shop):
    """Reads, and never comes to an end."""

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        await asyncio.Event().wait()
        raise AssertionError

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_connector_that_reads_without_end_holds_nobody_up() -> None:
    """Else each action of it would keep a place of the worker for good, until none is left."""
    registry = Connectors([Silent()], read_s=0.01)
    ana = Subject(id="cus_1")
    for work in (
        read_target(registry, "act_1", "shop.refund", {"order": "o1"}, ana),
        registry.list_records(ana),
    ):
        with pytest.raises(RetryableError) as caught:
            await work
        assert caught.value.code is Code.PROVIDER_UNAVAILABLE


class Impatient(Shop):
    """Has a time-out of its own, and lets it out."""

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        raise TimeoutError


async def test_a_time_out_of_its_own_is_still_a_fault_of_the_connector() -> None:
    """The contract has a word for it, `RetryableError`."""
    registry = Connectors([Impatient()])
    with pytest.raises(RetryableError) as caught:
        await read_target(registry, "act_1", "shop.refund", {"order": "o1"}, Subject(id="cus_1"))
    assert caught.value.code is Code.CONNECTOR_FAILED


async def test_whoever_is_cancelled_stays_cancelled() -> None:
    """A worker that is told to end does end, whatever its connectors are at."""
    begun = asyncio.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(contained(wait()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


@pytest.mark.parametrize("end", [KeyboardInterrupt, GeneratorExit])
async def test_an_interrupt_from_outside_passes(end: type[BaseException]) -> None:
    """Ctrl-C is nobody's error."""

    async def stop() -> None:
        raise end

    with pytest.raises(end):
        await contained(stop())
