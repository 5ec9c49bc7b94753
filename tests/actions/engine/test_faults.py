"""The life of an action under every fault that can be made: one effect, the truth, a clear word.

The sweeps go through statements, messages and readings, at a stride that no pattern of a life has;
a long campaign takes every one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from actions.fault_life import (
    GUARANTEES,
    SMALL,
    VERIFIABLE,
    effects_of,
    judge_the_end,
    open_bot,
    put_orders,
    stocked,
)
from actions.steps import ASKED, MAIN
from support.campaign import stride
from support.faults.crash import crash_at, paused_at, run_child
from support.faults.judge import find_problems
from support.faults.points import Points
from support.faults.postgres import (
    Side,
    cutting_proxy,
    end_connections,
    full_disk,
    read_only_server,
)
from support.faults.sqlite import FailingDisk, SqliteTrouble, fail_statement
from support.faults.stores import COMMITTED, FAILED, UNIT_END, TappedStore
from support.faults.sweep import sweep
from support.http_shop import HttpShop, ShopServer
from support.postgres import FAST
from support.postgres_server import PostgresServer, run_postgres
from support.shop_workspace import make_shop_workspace

from sayso.actions.engine.engine import Boundary
from sayso.actions.model.definition import Guarantee
from sayso.errors import Code
from sayso.sdk.wiring.database import open_store
from sayso.sdk.workspace import Workspace
from sayso.store.postgres.schema import migrate_postgres
from sayso.testing.clock import FakeClock, FileClock
from sayso.testing.faults import QUICK_FAULTS, FaultProxy, HttpFault

BY_GUARANTEE = pytest.mark.parametrize("guarantee", GUARANTEES.values(), ids=lambda one: one.kind)
TWICE = HttpFault(kind="do_twice")
"""NOTE: a 429 after the effect is not in the game: by the contract nothing was done then."""


# ---- the provider ------------------------------------------------------------------------------


@pytest.mark.promise("engine:one-effect:lost-answer")
@BY_GUARANTEE
@pytest.mark.parametrize("fault", [*QUICK_FAULTS, TWICE], ids=lambda fault: fault.label)
async def test_whatever_happens_to_a_call_there_is_one_effect_and_the_truth(
    tmp_path: Path, guarantee: Guarantee, fault: HttpFault
) -> None:
    """Allowed and approved, each call with the fault: once, and never told what is not so."""
    if fault is TWICE and guarantee.kind != "idempotent":
        return  # only a provider that drops a repeated key has one effect then
    clock = FakeClock()
    workspace = make_shop_workspace(tmp_path)
    spoilt = replace(fault, method="POST", path="/payouts")
    with ShopServer(guarantee) as server, FaultProxy.start(server.url) as proxy:
        put_orders(server.books)
        async with open_bot(workspace, HttpShop(proxy.url, guarantee), clock) as bot:
            proxy.add(spoilt)
            await bot.ask_for("small", SMALL)
            await bot.ask_for("big", ASKED)
            proxy.add(spoilt)
            await bot.say_yes()
            assert proxy.waiting() == ()
            assert bot.codes == []
        shop = HttpShop(proxy.url, guarantee)
        await judge_the_end(workspace, shop, clock, bot.told, server.books)


@pytest.mark.promise("engine:one-effect:lost-answer")
@BY_GUARANTEE
async def test_a_provider_that_is_away_costs_time_only(
    tmp_path: Path, guarantee: Guarantee
) -> None:
    """Refused connections while it calls: nothing was sent, so it is called again, once."""
    clock = FakeClock()
    workspace = make_shop_workspace(tmp_path)
    with ShopServer(guarantee) as server, FaultProxy.start(server.url) as proxy:
        put_orders(server.books)
        shop = HttpShop(proxy.url, guarantee)

        def go_away(boundary: Boundary) -> None:
            if boundary is Boundary.AFTER_INTENT:
                proxy.refuse()

        async with open_bot(workspace, shop, clock, passing=go_away) as bot:
            view = await bot.ask_for("small", SMALL)
            assert view is not None
            assert view.status == "approved"
        proxy.accept()
        await judge_the_end(
            workspace, HttpShop(proxy.url, guarantee), clock, bot.told, server.books
        )
        assert len(server.books.payouts) == 2


@pytest.mark.promise("engine:one-effect:lost-answer")
@pytest.mark.parametrize("fault", QUICK_FAULTS, ids=lambda fault: fault.label)
async def test_a_look_up_that_goes_wrong_proves_nothing(tmp_path: Path, fault: HttpFault) -> None:
    """The answer is lost, and then the look-ups too: no second call before absence is proven."""
    clock = FakeClock()
    guarantee = VERIFIABLE
    workspace = make_shop_workspace(tmp_path)
    with ShopServer(guarantee) as server, FaultProxy.start(server.url) as proxy:
        put_orders(server.books)
        async with open_bot(workspace, HttpShop(proxy.url, guarantee), clock) as bot:
            proxy.add(
                HttpFault(kind="drop_after", method="POST"),
                replace(fault, method="GET", path="/payouts", times=2),
            )
            view = await bot.ask_for("small", SMALL)
            assert view is not None
            assert view.status == "unknown"
            for _ in range(2):
                clock.advance(minutes=2)
                await bot.sayso.container.engine.advance(MAIN, view.id)
                assert (await bot.sayso.actions.get(view.id)).status == "unknown"
            assert proxy.waiting() == ()
        await judge_the_end(
            workspace, HttpShop(proxy.url, guarantee), clock, bot.told, server.books
        )


# ---- the process -------------------------------------------------------------------------------


@pytest.mark.promise("engine:one-effect")
@pytest.mark.parametrize("boundary", list(Boundary))
@BY_GUARANTEE
async def test_kill_9_at_a_boundary_leaves_one_effect(
    tmp_path: Path, guarantee: Guarantee, boundary: Boundary
) -> None:
    """A real process, killed by itself at the boundary; another one finds what it left."""
    clock = FakeClock()
    workspace = make_shop_workspace(tmp_path)
    with ShopServer(guarantee) as server:
        put_orders(server.books)
        FileClock(tmp_path / "clock")
        work = "actions.fault_work:ask_for_small"
        passed = crash_at(work, boundary, str(tmp_path), server.url, guarantee.kind)
        assert passed[-1] == boundary
        await judge_the_end(workspace, HttpShop(server.url, guarantee), clock, (), server.books)


@pytest.mark.promise("engine:one-effect:workers")
@pytest.mark.parametrize("boundary", [Boundary.AFTER_INTENT, Boundary.AFTER_CALL])
async def test_a_process_that_stood_still_past_its_lease_does_no_second_thing(
    tmp_path: Path, boundary: Boundary
) -> None:
    """SIGSTOP, another worker takes over and settles, SIGCONT: fenced, and told the truth."""
    clock = FileClock(tmp_path / "clock")
    workspace = make_shop_workspace(tmp_path)
    with ShopServer(VERIFIABLE) as server:
        put_orders(server.books)
        work = "actions.fault_work:ask_for_small"
        with paused_at(work, boundary, str(tmp_path), server.url) as child:
            async with open_bot(workspace, HttpShop(server.url, VERIFIABLE), clock) as other:
                (view,) = await other.sayso.actions.list(limit=9)
                for _ in range(4):
                    clock.advance(minutes=2)
                    await other.sayso.container.engine.advance(MAIN, view.id)
                assert (await other.sayso.actions.get(view.id)).status == "succeeded"
                child.resume()
                assert child.result() == "succeeded"
                assert await find_problems(other.sayso, effects_of(server.books)) == []
        assert len(server.books.payouts) == 1


# ---- SQLite ------------------------------------------------------------------------------------


@pytest.mark.promise("engine:one-effect")
async def test_kill_9_in_any_statement_loses_nothing(tmp_path: Path) -> None:
    """Every statement, end of a unit and commit of a life is once the last of a process."""
    with ShopServer(VERIFIABLE) as counting:
        put_orders(counting.books)
        place = folder_in(tmp_path, 0)
        _, whole = run_child("actions.fault_work:live_by_statements", place, counting.url)
    assert {UNIT_END, COMMITTED} < set(whole)
    for at in range(1, len(whole) + 1, stride(37)):
        place = folder_in(tmp_path, at)
        clock = FakeClock()
        with ShopServer(VERIFIABLE) as server:
            put_orders(server.books)
            passed = crash_at(
                "actions.fault_work:live_by_statements", "*", place, server.url, nth=at
            )
            assert passed == whole[:at]
            workspace = make_shop_workspace(Path(place))
            await judge_the_end(
                workspace, HttpShop(server.url, VERIFIABLE), clock, (), server.books
            )


def folder_in(tmp_path: Path, at: int) -> str:
    """A new folder with a workspace and a clock."""
    place = tmp_path / str(at)
    make_shop_workspace(place)
    FileClock(place / "clock")
    return str(place)


async def sweep_sqlite(
    tmp_path: Path, strike_of: Callable[[SqliteTrouble], Callable[[], None]], name: str, every: int
) -> tuple[set[Code], tuple[str, ...]]:
    """A life with the trouble at each point; the codes that callers got, and where it struck.

    The trouble stays until the bot has had its error and asks again.
    """
    codes: set[Code] = set()
    numbers = count()

    async def life(at: int) -> Points:
        workspace = make_shop_workspace(tmp_path / str(next(numbers)))
        clock, shop = FakeClock(), stocked()
        trouble = SqliteTrouble(workspace.store_path)
        points = Points(strike_of(trouble), name=name, at=at)
        store = TappedStore(trouble.store, points)
        async with open_bot(workspace, shop, clock, store=store) as bot:
            await bot.live()
            codes.update(bot.codes)
            trouble.make_writable()
            trouble.make_room()
        await judge_the_end(workspace, shop, clock, bot.told)
        return points

    found = await sweep(life, every=every)
    return codes, found.struck


@pytest.mark.promise("engine:one-effect")
async def test_a_statement_that_fails_on_sqlite_is_told_and_made_good(tmp_path: Path) -> None:
    """The disk does not answer in one statement: `store_unavailable`, and asking again helps."""
    codes, struck = await sweep_sqlite(
        tmp_path, lambda trouble: fail_statement, "[rw]*", stride(29)
    )
    assert codes == {Code.STORE_UNAVAILABLE}
    assert struck


@pytest.mark.promise("engine:one-effect")
async def test_a_database_that_becomes_read_only_is_told_and_made_good(tmp_path: Path) -> None:
    """From one statement on nothing is written any more, until somebody mends it."""
    codes, struck = await sweep_sqlite(
        tmp_path, lambda trouble: trouble.make_read_only, "write *", stride(29)
    )
    assert codes == {Code.STORE_READ_ONLY}
    assert struck


@pytest.mark.promise("engine:one-effect")
async def test_a_disk_that_fails_in_the_commit_is_told_and_made_good(tmp_path: Path) -> None:
    """Everything was written but the commit itself: nothing of it counts, nor does its answer."""
    disk = FailingDisk()
    codes: set[Code] = set()
    numbers = count()

    async def life(at: int) -> Points:
        workspace = make_shop_workspace(tmp_path / str(next(numbers)))
        clock, shop = FakeClock(), stocked()
        trouble = SqliteTrouble(workspace.store_path)
        points = Points(disk.fail, name=UNIT_END, at=at)

        def passing(name: str) -> None:
            if name in (COMMITTED, FAILED):
                disk.mend()
            points(name)

        store = TappedStore(trouble.store, passing)
        async with open_bot(workspace, shop, clock, store=store) as bot:
            await bot.live()
            codes.update(bot.codes)
        await judge_the_end(workspace, shop, clock, bot.told)
        return points

    found = await sweep(life)
    assert found.struck
    assert codes == {Code.STORE_UNAVAILABLE}


@pytest.mark.promise("engine:one-effect")
async def test_a_disk_that_fills_up_anywhere_is_told_and_made_good(tmp_path: Path) -> None:
    """With room for no page more, for one, for two and so on until a whole life fits in."""
    codes: set[Code] = set()
    fits = False
    pages = -1
    while not fits:
        pages += 1
        workspace = make_shop_workspace(tmp_path / str(pages))
        clock, shop = FakeClock(), stocked()
        trouble = SqliteTrouble(workspace.store_path)
        async with open_bot(workspace, shop, clock, store=trouble.store) as bot:
            trouble.leave_room(pages)
            bot.reason = "it broke, " * 450  # longer than a page
            await bot.live()
            codes.update(bot.codes)
            views = await bot.sayso.actions.list(limit=9)
        await judge_the_end(workspace, shop, clock, bot.told, reason=bot.reason)
        fits = [view.status for view in views] == ["succeeded"] * 2
    assert pages > 1
    assert codes == {Code.STORE_FULL}


async def test_a_locked_database_is_told_and_made_good(tmp_path: Path) -> None:
    """Another program holds the file's lock: `store_busy`, and nothing half done."""
    workspace = make_shop_workspace(tmp_path)
    clock, shop = FakeClock(), stocked()
    trouble = SqliteTrouble(workspace.store_path, busy_timeout_s=0.01)
    async with open_bot(workspace, shop, clock, store=trouble.store) as bot:
        with trouble.locked():
            await bot.live()
        assert set(bot.codes) == {Code.STORE_BUSY}
        assert shop.books.payouts == []
    await judge_the_end(workspace, shop, clock, bot.told)


# ---- PostgreSQL --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Generator[PostgresServer]:
    """A server that these tests may bring into trouble."""
    with run_postgres(settings=FAST) as started:
        started.run("postgres", "create database sayso_template")
        migrate_postgres(started.url("sayso_template"))
        yield started


_DATABASES = count(1)


def fresh(server: PostgresServer) -> str:
    """The name of a new, migrated database."""
    name = f"life_{next(_DATABASES)}"
    server.run("postgres", f"create database {name} template sayso_template")
    return name


def at_url(folder: Path, url: str) -> Workspace:
    """A workspace in a folder of its own whose rows are there."""
    return make_shop_workspace(folder, store={"url": url})


@pytest.mark.promise("engine:one-effect")
@pytest.mark.parametrize("side", ["request", "answer"])
async def test_a_connection_lost_in_any_statement_is_told_and_made_good(
    tmp_path: Path, server: PostgresServer, side: Side
) -> None:
    """Cut before the server has the statement, or once it has done it and before it says so."""
    codes: set[Code] = set()
    with cutting_proxy(server) as cutter:

        async def life(at: int) -> Points:
            database = fresh(server)
            clock, shop = FakeClock(), stocked()
            points = Points(cutter.strike(side), name="Bind *", at=at)
            through = at_url(tmp_path / database, cutter.url(database))
            async with open_bot(through, shop, clock) as bot:
                cutter.passing = points
                await bot.live()
                cutter.passing = Points()
                codes.update(bot.codes)
            direct = at_url(tmp_path / database, server.url(database))
            await judge_the_end(direct, shop, clock, bot.told)
            return points

        found = await sweep(life, first=2, every=stride(41))
    assert found.struck
    assert codes <= {Code.STORE_UNAVAILABLE}


@pytest.mark.promise("engine:one-effect")
async def test_connections_ended_by_the_server_are_told_and_made_good(
    tmp_path: Path, server: PostgresServer
) -> None:
    """`pg_terminate_backend` before a statement of a unit that writes."""
    codes: set[Code] = set()

    async def life(at: int) -> Points:
        database = fresh(server)
        clock, shop = FakeClock(), stocked()
        points = Points(lambda: end_connections(server, database), name="write *", at=at)
        workspace = at_url(tmp_path / database, server.url(database))
        store = TappedStore(open_store(workspace), points)
        async with open_bot(workspace, shop, clock, store=store) as bot:
            await bot.live()
            codes.update(bot.codes)
        await judge_the_end(workspace, shop, clock, bot.told)
        return points

    found = await sweep(life, first=3, every=stride(37))
    assert found.struck
    assert codes <= {Code.STORE_UNAVAILABLE}


async def test_a_server_without_room_or_will_is_told_and_made_good(
    tmp_path: Path, server: PostgresServer
) -> None:
    """A full disk and a server that takes no writes, in the middle of a life."""
    database = fresh(server)
    clock, shop = FakeClock(), stocked()
    workspace = at_url(tmp_path, server.url(database))
    async with open_bot(workspace, shop, clock) as bot:
        with full_disk(server, database):
            await bot.live()
        assert set(bot.codes) == {Code.STORE_FULL}
        bot.codes.clear()
        with read_only_server(server):
            await bot.live()
        assert set(bot.codes) == {Code.STORE_READ_ONLY}
        assert shop.books.payouts == []
    await judge_the_end(workspace, shop, clock, bot.told)


# ---- clocks ------------------------------------------------------------------------------------


@pytest.mark.promise("engine:one-effect")
@BY_GUARANTEE
@pytest.mark.parametrize("jump", [{"hours": 2}, {"hours": -2}, {"days": 400}], ids=str)
async def test_a_clock_that_jumps_at_any_reading_does_no_second_thing(
    tmp_path: Path, guarantee: Guarantee, jump: dict[str, float]
) -> None:
    """Between any two lines that look at the clock, it goes forward or back."""
    numbers = count()

    async def life(at: int) -> Points:
        workspace = make_shop_workspace(tmp_path / str(next(numbers)))
        clock, shop = FakeClock(), stocked(guarantee)
        points = Points(lambda: clock.advance(**jump), at=at)
        async with open_bot(workspace, shop, clock) as bot:
            clock.on_reading = points
            await bot.live()
            clock.on_reading = Points()
            problems = await find_problems(
                bot.sayso, effects_of(shop.books), told=bot.told, may_stay_open=True
            )
            assert problems == []
        return points

    assert (await sweep(life, every=stride(13))).struck
