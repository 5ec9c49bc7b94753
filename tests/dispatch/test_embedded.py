"""The embedded dispatcher: what is due is run, whoever made it due, and nothing spins."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
from support.shop_workspace import open_shop

from sayso.dispatch.embedded import LEAVES_S, EmbeddedDispatcher
from sayso.errors import Code, RefusedError, RetryableError
from sayso.ids import DEFAULT_TENANT, Tenant, to_micros
from sayso.money import Money
from sayso.store.base import Reader, Store, Transaction
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock

T = TypeVar("T")


class CountedStore:
    """A store that counts how often it is asked; it can be unreadable for a while."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reads = 0
        self.polls = 0
        self.trouble: Exception | None = None

    async def write(
        self,
        work: Callable[[Transaction], T],
        *,
        tenant: str | None = None,
        about: str | None = None,
        brief: bool = False,
    ) -> T:
        """Hand it on."""
        return await self._store.write(work, tenant=tenant, about=about, brief=brief)

    async def read(
        self,
        work: Callable[[Reader], T],
        *,
        tenant: str | None = None,
        brief: bool = False,
    ) -> T:
        """Count it, and hand it on."""
        self.reads += 1
        if self.trouble is not None:
            raise self.trouble
        return await self._store.read(work, tenant=tenant, brief=brief)

    async def version(self) -> int:
        """Count it, and hand it on."""
        self.polls += 1
        return await self._store.version()

    async def close(self) -> None:
        """Close it."""
        await self._store.close()


WORDS = "Ann Lee, ann@example.com, has no card"


@dataclass(kw_only=True)
class Queue:
    """A dispatcher over real rows, with clocks that a test moves."""

    path: Path
    store: CountedStore
    clock: FakeClock
    seconds: float = 0.0
    ran: list[str] = field(default_factory=list[str])
    broken: set[str] = field(default_factory=set[str])
    problems: dict[str, BaseException] = field(default_factory=dict[str, BaseException])
    sticky: set[str] = field(default_factory=set[str])
    gates: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    leaves_s: float = 0.0

    def dispatcher(self, at_once: int = 32) -> EmbeddedDispatcher:
        """A fresh one, such as a restart makes."""
        return EmbeddedDispatcher(
            self.store,
            {"action": self.handle, "request": self.handle},
            self.clock,
            at_once,
            monotonic=lambda: self.seconds,
            poll_s=0.001,
            leaves_s=self.leaves_s,
        )

    async def handle(self, tenant: Tenant, item_id: str) -> bool:
        """Note the run; then wait, fail, leave it due, or be done with it."""
        self.ran.append(item_id)
        if item_id in self.gates:
            await self.gates[item_id].wait()
        if item_id in self.problems:
            raise self.problems[item_id]
        if item_id in self.broken:
            raise LookupError(item_id)
        if item_id not in self.sticky:
            self.change(f"update request set due_at = null where id = '{item_id}'")
        return True

    def change(self, statement: str) -> None:
        """What another process commits."""
        connection = sqlite3.connect(self.path)
        with connection:
            connection.execute(statement)
        connection.close()

    def micros(self) -> int:
        """The clock's time, as rows have it."""
        return to_micros(self.clock.now())

    def asked(self, statement: str) -> int:
        """The number that a query answers."""
        connection = sqlite3.connect(self.path)
        (found,) = connection.execute(statement).fetchone()
        connection.close()
        return int(found)

    def add(self, item_id: str, *, in_s: float = 0.0, changed_at: int = 0) -> None:
        """A request that is due, or will be."""
        due_at = to_micros(self.clock.now()) + round(in_s * 1e6)
        self.change(
            "insert into request (tenant, id, idempotency_key, fingerprint, requester, subject_id,"
            " assurance, messages_ref, words_ref, status, due_at, created_at, updated_at, last_seq)"
            f" values ('main', '{item_id}', '{item_id}', '', '', '', '', '', '', 'open',"
            f" {due_at}, 0, {changed_at}, 0)"
        )

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let the loop go round until it holds, a minute at most."""
        async with asyncio.timeout(60):
            while not holds():
                await asyncio.sleep(0)

    async def has_run(self, times: int) -> None:
        """Let the loop go round until handlers were called that often."""
        await self.until(lambda: len(self.ran) >= times)

    async def polled(self, times: int = 25) -> None:
        """Let the dispatcher look at the version some more times."""
        before = self.store.polls
        await self.until(lambda: self.store.polls >= before + times)

    @asynccontextmanager
    async def serving(self, at_once: int = 32) -> AsyncGenerator[EmbeddedDispatcher]:
        """A dispatcher that runs; stopped at the end."""
        dispatcher = self.dispatcher(at_once)
        task = asyncio.create_task(dispatcher.run())
        yield dispatcher
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncGenerator[Queue]:
    """A bench with nothing due."""
    path = tmp_path / "sayso.db"
    store = CountedStore(SqliteStore(path, create=True))
    yield Queue(path=path, store=store, clock=FakeClock())
    await store.close()


async def test_what_ended_a_run_is_told_until_it_ends_well(queue: Queue) -> None:
    """Whoever waits for one item learns why it got no further."""
    queue.add("a")
    queue.broken.add("a")
    dispatcher, main = queue.dispatcher(), Tenant("main")
    await dispatcher.run_now("request", main, "a")
    assert isinstance(dispatcher.problem_with("request", main, "a"), LookupError)
    assert dispatcher.problem_with("request", main, "b") is None
    queue.broken.clear()
    await dispatcher.run_now("request", main, "a")
    assert dispatcher.problem_with("request", main, "a") is None


async def test_what_is_due_when_it_starts_is_run(queue: Queue) -> None:
    """The first sweep finds what a process that died left behind (decision 5)."""
    queue.add("a")
    queue.add("b", in_s=-3600)
    async with queue.serving():
        await queue.until(lambda: len(queue.ran) == 2)
    assert queue.ran == ["b", "a"]


async def test_an_allowed_refund_of_a_process_that_ended_is_paid_after_a_restart(
    tmp_path: Path,
) -> None:
    """Nobody has to ask again: the row is enough (docs/explanation/life-of-an-action.md)."""
    async with open_shop(tmp_path) as first:
        first.shop.books.add("o1", "cus_1", Money(100_000, "USD"))
        view = await first.sayso.propose(
            "shop.refund",
            {"order": "o1", "amount": {"amount_minor": 2000, "currency": "USD"}},
            subject="cus_1",
            wait=False,
        )
    assert first.shop.books.payouts == []
    async with open_shop(tmp_path, shop=first.shop, clock=first.clock) as second:
        await second.sayso.container.dispatcher.drain()
        assert (await second.sayso.actions.get(view.id)).status == "succeeded"
    assert len(first.shop.books.payouts) == 1


async def test_another_processs_commit_is_picked_up(queue: Queue) -> None:
    """A poll of the version finds it; nobody has to wake this process (POLL_S)."""
    async with queue.serving():
        await queue.polled()
        queue.add("theirs")
        await queue.until(lambda: queue.ran == ["theirs"])


async def test_what_another_process_has_in_hand_is_left_to_it_for_a_moment(queue: Queue) -> None:
    """Four processes would read the provider for one action; if nobody does, one comes later."""
    queue.leaves_s = LEAVES_S
    async with queue.serving():
        await queue.polled()
        queue.add("in hand", changed_at=queue.micros())
        await queue.polled()
        assert queue.ran == []
        queue.clock.advance(seconds=LEAVES_S)
        queue.seconds += LEAVES_S
        await queue.until(lambda: queue.ran == ["in hand"])
        queue.add("long due", in_s=-LEAVES_S)
        await queue.until(lambda: queue.ran == ["in hand", "long due"])


async def test_who_ran_it_before_takes_it_when_its_time_comes(queue: Queue) -> None:
    """As after the moment in which a yes can be taken back: the others leave it to that process."""
    queue.leaves_s = LEAVES_S
    queue.add("own", in_s=10)
    queue.add("theirs", in_s=10)
    async with queue.serving() as dispatcher:
        queue.sticky.add("own")
        await dispatcher.run_now("request", Tenant("main"), "own")
        queue.sticky.clear()
        await queue.polled()
        queue.clock.advance(seconds=10)
        queue.seconds += 10
        await queue.until(lambda: queue.ran == ["own", "own"])


async def test_what_this_process_is_woken_for_is_left_to_nobody(queue: Queue) -> None:
    """It has just been changed, by this very process."""
    queue.leaves_s = LEAVES_S
    async with queue.serving() as dispatcher:
        await queue.polled()
        queue.add("own", changed_at=queue.micros())
        dispatcher.wake()
        await queue.until(lambda: queue.ran == ["own"])


async def test_what_becomes_due_with_time_is_run_then(queue: Queue) -> None:
    """It is looked at when its time comes, without a commit, and not before."""
    queue.add("later", in_s=30)
    async with queue.serving():
        await queue.polled()
        assert queue.ran == []
        queue.clock.advance(seconds=30)
        queue.seconds += 30
        await queue.until(lambda: queue.ran == ["later"])


async def test_looking_for_commits_asks_no_query(queue: Queue) -> None:
    """Idle costs one read of shared memory per poll (POLL_S)."""
    queue.add("later", in_s=3600)
    async with queue.serving():
        await queue.polled()
        before = queue.store.reads
        await queue.polled(100)
        assert queue.store.reads == before


async def test_one_broken_item_stops_no_other(queue: Queue) -> None:
    """Its error is logged at the edge, and the others run."""
    queue.broken.add("bad")
    for name in ("bad", "a", "b"):
        queue.add(name)
    async with queue.serving():
        await queue.until(lambda: {"a", "b"} <= set(queue.ran))
        queue.add("c")
        await queue.until(lambda: "c" in queue.ran)
    assert queue.ran.count("bad") == 1


@pytest.mark.parametrize("end", [asyncio.CancelledError(), SystemExit(3)], ids=["task", "process"])
async def test_an_item_that_ends_by_what_is_no_error_is_paused(
    queue: Queue, end: BaseException
) -> None:
    """Such as a planner's library that cancels its own task: not run again at once, and again."""
    queue.problems["bad"] = end
    queue.add("bad")
    async with queue.serving() as dispatcher:
        await queue.has_run(1)
        await queue.polled(100)
        assert isinstance(dispatcher.problem_with("request", Tenant("main"), "bad"), RuntimeError)
        queue.add("good")
        await queue.until(lambda: "good" in queue.ran)
    assert queue.ran.count("bad") == 1


def quoting() -> dict[str, BaseException]:
    """Errors of a handler, expected and not, that quote a customer."""
    return {
        "said": RefusedError(Code.PROVIDER_REFUSED, WORDS, next_step=WORDS, detail=WORDS),
        "broke": LookupError(WORDS),
    }


def assert_wordless(caplog: pytest.LogCaptureFixture) -> None:
    """Both errors stand in the log, and nobody's words do."""
    lines = {
        line.split()[1].strip(":"): line for line in caplog.messages if line.startswith("request ")
    }
    assert "RefusedError provider_refused" in lines["said"]
    assert "LookupError" in lines["broke"]
    assert "test_embedded.py" in lines["broke"]  # where it arose
    assert WORDS not in caplog.text


@pytest.mark.promise("logs:wordless")
async def test_what_a_handler_says_of_a_customer_is_not_logged(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant 6: the item, the code and the kind are; the words stay in the row and the call."""
    queue.problems = quoting()
    for name in queue.problems:
        queue.add(name)
    async with queue.serving():
        await queue.until(lambda: queue.problems.keys() <= set(queue.ran))
    assert_wordless(caplog)


async def test_a_broken_item_is_tried_again_with_growing_pauses(queue: Queue) -> None:
    """0.5 s, doubled each time, a minute at most; mended, it is done."""
    queue.broken.add("bad")
    queue.add("bad")
    async with queue.serving():
        await queue.until(lambda: len(queue.ran) == 1)
        for number, pause in enumerate((0.5, 1, 2, 4, 8, 16, 32, 60, 60), start=1):
            await queue.polled(5)
            queue.seconds += pause - 0.01
            await queue.polled(5)
            assert len(queue.ran) == number, pause
            queue.seconds += 0.02
            await queue.has_run(number + 1)
        queue.broken.clear()
        await queue.polled(5)
        queue.seconds += 60
        await queue.until(lambda: len(queue.ran) == 11)
        await queue.polled()
    assert len(queue.ran) == 11


async def test_what_stays_due_is_not_run_in_a_circle(queue: Queue) -> None:
    """A handler that gets no further is asked twice at once, then at growing pauses."""
    queue.sticky.add("stuck")
    queue.add("stuck")
    async with queue.serving():
        await queue.until(lambda: len(queue.ran) == 2)
        await queue.polled()
        before = queue.store.reads
        await queue.polled(100)
        assert (len(queue.ran), queue.store.reads) == (2, before)
        queue.seconds += 0.6
        await queue.until(lambda: len(queue.ran) == 3)
        await queue.polled()
        queue.seconds += 0.6
        await queue.polled()
        assert len(queue.ran) == 3


async def test_an_item_that_moves_on_each_time_is_never_held_up(queue: Queue) -> None:
    """Progress shows as another due time; only standing still costs a pause."""
    queue.sticky.add("long")
    queue.add("long")
    async with queue.serving() as dispatcher:
        for number in range(1, 20):
            await queue.has_run(number)
            queue.change("update request set due_at = due_at - 1")
            dispatcher.wake()


async def test_what_stood_still_and_then_moved_on_is_run_at_once(queue: Queue) -> None:
    """The pause was for one due time; another one shows progress, whoever made it."""
    queue.sticky.add("stuck")
    queue.add("stuck")
    async with queue.serving():
        await queue.until(lambda: len(queue.ran) == 2)
        await queue.polled()
        queue.change("update request set due_at = due_at - 1")
        await queue.has_run(3)


async def test_what_failed_keeps_its_pause_when_its_due_time_moved(queue: Queue) -> None:
    """A run that breaks off may have moved it, which is no progress."""
    queue.broken.add("bad")
    queue.add("bad")
    async with queue.serving():
        await queue.until(lambda: queue.ran == ["bad"])
        queue.change("update request set due_at = due_at - 1")
        await queue.polled(100)
        assert queue.ran == ["bad"]
        queue.seconds += 0.6
        await queue.has_run(2)


async def test_a_pause_of_what_another_process_settled_costs_nothing(queue: Queue) -> None:
    """When it is over and nothing is due, it is forgotten instead of asked about for ever."""
    queue.broken.add("bad")
    queue.add("bad")
    async with queue.serving():
        await queue.until(lambda: queue.ran == ["bad"])
        queue.change("update request set due_at = null")
        await queue.polled()
        queue.seconds += 1
        await queue.polled()
        before = queue.store.reads
        await queue.polled(100)
        assert queue.store.reads == before


async def test_what_was_settled_and_fails_again_begins_with_the_first_pause(queue: Queue) -> None:
    """Pauses grow within one run of failures; the next trouble is another one."""
    queue.broken.add("bad")
    queue.add("bad")
    async with queue.serving() as dispatcher:
        for number in range(1, 5):
            await queue.has_run(number)
            await queue.polled(5)
            queue.seconds += 10
        await queue.has_run(5)
        queue.change("update request set due_at = null")
        queue.seconds += 100
        await queue.polled()
        queue.change("update request set due_at = 0")
        await queue.has_run(6)
        await queue.polled(5)
        queue.seconds += 0.6
        dispatcher.wake()
        await queue.has_run(7)


async def test_a_long_second_try_is_not_watched_in_a_circle(queue: Queue) -> None:
    """While the retry of a broken item runs, its old pause asks for nothing."""
    queue.broken.add("bad")
    queue.add("bad")
    async with queue.serving():
        await queue.until(lambda: queue.ran == ["bad"])
        await queue.polled()
        queue.gates["bad"] = asyncio.Event()
        queue.seconds += 1
        await queue.until(lambda: queue.ran == ["bad"] * 2)
        await queue.polled()
        before = queue.store.reads
        await queue.polled(100)
        assert queue.store.reads == before
        queue.gates["bad"].set()


async def test_no_more_run_at_once_than_allowed_and_the_rest_follows(queue: Queue) -> None:
    """`at_once` bounds it; a run that ends makes room, without a look in between."""
    names = [f"r{at}" for at in range(9)]
    for name in names:
        queue.gates[name] = asyncio.Event()
        queue.add(name)
    async with queue.serving(at_once=3):
        await queue.until(lambda: len(queue.ran) == 3)
        await queue.polled()
        before = queue.store.reads
        await queue.polled(50)
        assert (len(queue.ran), queue.store.reads) == (3, before)
        for gate in queue.gates.values():
            gate.set()
        await queue.until(lambda: len(queue.ran) == 9)
    assert sorted(queue.ran) == names


async def test_drain_ends_when_only_what_cannot_be_done_is_left(queue: Queue) -> None:
    """For commands that end: broken items and those that stay due do not keep it."""
    queue.broken.add("bad")
    queue.sticky.add("stuck")
    for name in ("bad", "stuck", "a", "b"):
        queue.add(name)
    queue.add("later", in_s=60)
    async with asyncio.timeout(60):
        await queue.dispatcher(at_once=2).drain()
    assert {"a", "b"} <= set(queue.ran)
    assert "later" not in queue.ran
    assert queue.ran.count("bad") == 1
    assert queue.ran.count("stuck") == 2


async def test_run_now_of_what_runs_waits_for_that_run(queue: Queue) -> None:
    """One run, and whoever asks waits for its end; a waiter that goes away does not end it."""
    gate = queue.gates["a"] = asyncio.Event()
    dispatcher = queue.dispatcher()
    waiting = [
        asyncio.create_task(dispatcher.run_now("request", DEFAULT_TENANT, "a")) for _ in range(3)
    ]
    await queue.until(lambda: queue.ran == ["a"])
    waiting[0].cancel()
    await asyncio.wait([waiting[0]])
    assert not any(task.done() for task in waiting[1:])
    gate.set()
    await asyncio.gather(*waiting[1:])
    assert queue.ran == ["a"]


@pytest.mark.parametrize(
    "trouble",
    [RetryableError(Code.STORE_BUSY, "the database is locked"), AssertionError("due_at")],
    ids=lambda trouble: type(trouble).__name__,
)
async def test_an_index_that_cannot_be_read_is_asked_again(
    queue: Queue, trouble: Exception
) -> None:
    """A locked database, or a row that cannot be read, costs a pause, not the dispatcher."""
    queue.store.trouble = trouble
    queue.add("a")
    async with queue.serving():
        await queue.polled()
        assert queue.ran == []
        queue.store.trouble = None
        queue.seconds += 1
        await queue.until(lambda: queue.ran == ["a"])


async def test_stopping_cancels_what_runs_and_waits_for_it(queue: Queue) -> None:
    """No task outlives the dispatcher; what was cut short is still due."""
    queue.gates["a"] = asyncio.Event()
    queue.add("a")
    before = asyncio.all_tasks()
    async with queue.serving():
        await queue.until(lambda: queue.ran == ["a"])
    assert asyncio.all_tasks() == before
    queue.gates.clear()
    await queue.dispatcher().drain()
    assert queue.ran == ["a", "a"]


async def test_what_nobody_waits_for_any_more_ends_with_the_dispatcher(queue: Queue) -> None:
    """Also where it does not serve: the item of a caller who went away outlives nobody."""
    queue.gates["a"] = asyncio.Event()
    dispatcher, before = queue.dispatcher(), asyncio.all_tasks()
    waiting = asyncio.create_task(dispatcher.run_now("request", DEFAULT_TENANT, "a"))
    await queue.until(lambda: queue.ran == ["a"])
    waiting.cancel()
    await asyncio.wait([waiting])
    assert asyncio.all_tasks() != before
    await dispatcher.stop()
    assert asyncio.all_tasks() == before
