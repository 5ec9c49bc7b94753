"""Moving a tenant from one database to another: nothing lost, nothing done twice."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import pytest
from support.several_databases import OTHERS, Several, make_several, open_several
from support.shop import Shop, ShopFault

from sayso.actions.model.definition import at_most_once
from sayso.audit.entry import Entry, EntryKind
from sayso.audit.verifier.verification import Verdict
from sayso.errors import Code, ConfigError, IntegrityError, RefusedError, RetryableError, SaysoError
from sayso.ids import Tenant
from sayso.money import Money
from sayso.sdk.audit.log_judge import JudgeProgress, LogJudge
from sayso.sdk.client import Mode, Sayso
from sayso.sdk.databases.attending import attended
from sayso.sdk.databases.mover import STEPS
from sayso.sdk.databases.transfers import LOG_TABLES, clear_left, copy_tenant
from sayso.sdk.resources.base import SDK
from sayso.sdk.resources.tokens import SERVICE_SCOPES, Scope, Token
from sayso.sdk.views.rows import ActionView
from sayso.sdk.workspace import Workspace
from sayso.surfaces.http.app import create_app
from sayso.surfaces.http.by_database import ByDatabase

pytestmark = pytest.mark.promise("deploy:tenant-moved")
ACME = "acme"
LATER = ("o4", "o5")
"""Orders of another customer, who has asked for nothing yet."""


async def refund(
    sayso: Sayso, order: str, minor: int = 1000, key: str | None = None, *, wait: bool = True
) -> ActionView:
    """A refund that the policy allows by itself up to $50, and asks a manager about beyond."""
    return await sayso.propose(
        "shop.refund",
        {"order": order, "amount": {"amount_minor": minor, "currency": "USD"}},
        subject="cus_2" if order in LATER else "cus_1",
        tenant=ACME,
        idempotency_key=key or order,
        wait=wait,
    )


async def assert_sound(opened: Several) -> None:
    """Each log of each database verifies deep."""
    for name in opened.databases.names:
        async with opened.databases.named(name) as sayso:
            found = sayso.audit.verify()
            assert found.verdict is Verdict.VERIFIED, (name, found.findings)


async def move(opened: Several, to: str, **more: object) -> int:
    async with opened.mover(ACME, to, **more) as mover:
        return (await mover.move()).rows


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tenant with something in each state, in `home`: see `seeded`."""
    folder = tmp_path_factory.mktemp("several")

    async def make() -> None:
        async with open_several(folder, shop=shop_of()) as opened:
            there = opened.home
            await refund(there, "o1")
            await refund(there, "o2", 12_900)
            await there.webhooks.add("https://example.com/hook", tenant=ACME)
            await there.stops.engage("customer", "cus_9", tenant=ACME)
            opened.shop.faults.append(ShopFault.LOST_AFTER)
            await refund(there, "o3")

    asyncio.run(make())
    return folder


def shop_of() -> Shop:
    """A provider that cannot be asked what became of a call."""
    shop = Shop(at_most_once())
    for order in ("o1", "o2", "o3", *LATER):
        shop.books.add(order, "cus_2" if order in LATER else "cus_1", Money(100_000, "USD"))
    return shop


@pytest.fixture
def folder(seed: Path, tmp_path: Path) -> Path:
    """The same, for one test."""
    return Path(shutil.copytree(seed, tmp_path / "several"))


async def states(sayso: Sayso) -> dict[str, str]:
    """The status of each action of the tenant, by its order."""
    found = await sayso.actions.list(tenant=ACME, limit=50)
    return {str(one.args["order"]): one.status for one in found}


SEEDED = {"o1": "succeeded", "o2": "pending_approval", "o3": "unknown"}


async def assert_moved(opened: Several, to: str = "eu") -> None:
    """It is there with all that it had, goes on there, and nowhere else."""
    assert await opened.databases.place_of(ACME) == to
    async with opened.databases.of(ACME) as there:
        assert await states(there) == SEEDED
        assert (await refund(there, "o1")).status == "succeeded"  # the same call, and no other
        assert (await refund(there, "o4")).status == "succeeded"
        assert [one.scope for one in await there.stops.list(tenant=ACME)] == ["customer"]
        assert len(await there.webhooks.list(tenant=ACME)) == 1
    assert [one.order for one in opened.shop.books.payouts] == ["o4"]
    if to != "home":
        with pytest.raises(RetryableError) as refused:
            await refund(opened.home, "o5")
        assert refused.value.code is Code.TENANT_MOVED
        assert await states(opened.home) == {}
    await assert_sound(opened)


async def test_a_moved_tenant_goes_on_where_it_is_and_nowhere_else(folder: Path) -> None:
    """Cards, outcomes that nobody knows, stops and webhooks among what it had; and back again."""
    async with open_several(folder, shop=shop_of()) as opened:
        assert await move(opened, "eu")
        await assert_moved(opened)
    async with open_several(folder, shop=shop_of()) as opened:
        assert await move(opened, "us")
        assert await move(opened, "home")
        async with opened.databases.of(ACME) as there:
            assert there is opened.home
            assert (await refund(there, "o5")).status == "succeeded"
        await assert_sound(opened)


async def test_a_tenant_is_moved_to_the_other_store_and_back(
    folder: Path, postgres_url: str
) -> None:
    """From SQLite to PostgreSQL, where row security holds it apart, and home again."""
    others = {"eu": postgres_url}
    async with open_several(folder, shop=shop_of(), others=others) as opened:
        assert await move(opened, "eu")
        await assert_moved(opened)
        stop = await opened.home.stops.engage("all")
        assert not stop.doubt
        async with opened.databases.of(ACME) as there:
            assert (await refund(there, "o5")).status == "approved"
        assert await move(opened, "home")
        async with opened.databases.of(ACME) as there:
            assert await states(there) == {**SEEDED, "o4": "succeeded", "o5": "approved"}
        await assert_sound(opened)


@pytest.mark.parametrize("step", STEPS)
def test_who_is_killed_at_any_step_loses_nothing_and_the_next_call_goes_on(
    folder: Path, step: str
) -> None:
    """`kill -9` behind each step, then the same command once more."""
    child = os.fork()
    if not child:
        try:
            asyncio.run(_move_until(folder, step))
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL

    async def again() -> None:
        async with open_several(folder, shop=shop_of()) as opened:
            if step == "cleared":
                with pytest.raises(RefusedError) as done:
                    await move(opened, "eu")
                assert done.value.code is Code.ALREADY_IN_STATE
                assert "sayso tenant show" in str(done.value)
            else:
                await move(opened, "eu")
            await assert_moved(opened)

    asyncio.run(again())


async def _move_until(folder: Path, step: str) -> None:
    def die(passed: str) -> None:
        if passed == step:
            os.kill(os.getpid(), signal.SIGKILL)

    async with open_several(folder, shop=shop_of()) as opened:
        await move(opened, "eu", passing=die)


async def test_a_tenant_that_leaves_takes_no_new_work_and_can_stay_after_all(
    folder: Path,
) -> None:
    """A crash leaves it sealed: refused with `tenant_moving`; what was asked is done afterwards."""
    async with open_several(folder, shop=shop_of()) as opened:
        with pytest.raises(KeyboardInterrupt):
            await move(opened, "eu", passing=_interrupt_at("leaving"))
        with pytest.raises(RetryableError) as refused:
            await refund(opened.home, "o4")
        assert refused.value.code is Code.TENANT_MOVING
        assert refused.value.retry_after_s
        async with opened.mover(ACME, "us") as mover:
            with pytest.raises(RefusedError, match="moved to `eu`"):
                await mover.move()
        async with opened.mover(ACME, "eu") as mover:
            await mover.stay()
            with pytest.raises(RefusedError, match="not about to leave"):
                await mover.stay()
        assert (await refund(opened.home, "o4")).status == "succeeded"
        await assert_sound(opened)


@pytest.mark.parametrize("step", ["verified", "moved"])
async def test_a_copy_that_has_not_arrived_takes_no_outcome_either(folder: Path, step: str) -> None:
    """A worker of the new database looks up what became of a call, and there is one log only."""
    async with open_several(folder, shop=shop_of()) as opened:
        with pytest.raises(KeyboardInterrupt):
            await move(opened, "eu", passing=_interrupt_at(step))
        async with opened.databases.named("eu") as there:
            (unknown,) = await there.actions.list(tenant=ACME, status="unknown")
            looked_up = Entry(kind=EntryKind.ACTION_UNKNOWN, actor=SDK, action=unknown.id)
            with pytest.raises(RetryableError) as refused:
                await there.container.store.write(
                    lambda tx: there.container.log.append(tx, Tenant(ACME), looked_up)
                )
            assert refused.value.code is Code.TENANT_MOVING
            store, log = there.container.store, there.container.log
            assert not await store.read(lambda reader: log.goes_on(reader, Tenant(ACME)))
        await move(opened, "eu")
        await assert_moved(opened)


def _interrupt_at(step: str) -> Callable[[str], None]:
    def passing(passed: str) -> None:
        if passed == step:
            raise KeyboardInterrupt

    return passing


async def test_a_copy_that_another_mover_made_after_its_end_goes_on_too(
    folder: Path,
) -> None:
    """The copy then has the entry by which it has left already, and goes on behind that."""
    async with open_several(folder, shop=shop_of()) as opened:
        there = opened.home.workspace
        with pytest.raises(KeyboardInterrupt):
            await move(opened, "eu", passing=_interrupt_at("moved"))
        copy_tenant(there, there.in_database("eu"), ACME, lambda done, total: None)
        await move(opened, "eu")
        await assert_moved(opened)


@pytest.mark.tampers("the home database as a whole")
@pytest.mark.parametrize(("mode", "grows"), [("run", False), ("decide", False), ("decide", True)])
async def test_a_home_that_was_put_back_from_before_a_move_carries_nothing_out(
    folder: Path, mode: Mode, *, grows: bool
) -> None:
    """Its tenant would act in both databases; the copy of the operator's log tells of it.

    Also to a command that decides and ends, and where it has gone on while no copy was at hand.
    """
    async with open_several(folder, shop=shop_of()) as opened:
        waits = await refund(opened.home, "o4", wait=False)
    shutil.copyfile(folder / "sayso.db", folder / "backup.db")
    async with open_several(folder, shop=shop_of()) as opened:
        await move(opened, "eu")
    shutil.copyfile(folder / "backup.db", folder / "sayso.db")
    if grows:
        (folder / "eu.db").rename(folder / "away.db")
        (folder / "us.db").unlink()
        async with Sayso(make_several(folder), mode="decide", connectors=[shop_of()]) as home:
            for number in range(9):
                await home.stops.engage("customer", f"cus_{number}")
        (folder / "away.db").replace(folder / "eu.db")
    shop = shop_of()
    async with Sayso(make_several(folder), mode=mode, connectors=[shop]) as home:
        with pytest.raises(ConfigError, match="older than a copy") as refused:
            await refund(home, "o5")
        assert refused.value.code is Code.TAMPERED
        assert "newest backup" in str(refused.value)
        assert ("other entries" in str(refused.value)) is grows
        assert (await home.actions.get(waits.id, tenant=ACME)).status == "approved"
    assert not shop.books.payouts


async def test_a_yes_where_the_tenant_was_is_told_where_it_is(folder: Path) -> None:
    """Its token went along; one that nobody has, or that was revoked before, is no token at all."""
    async with open_several(folder, shop=shop_of()) as opened:
        home = opened.home

        async def made() -> tuple[Token, str]:
            scopes = frozenset({Scope.DECIDE})
            return await home.tokens.create(Tenant(ACME), "person", "maria", scopes, days=1, by=SDK)

        (_, secret), (ended, revoked) = await made(), await made()
        await home.tokens.revoke(Tenant(ACME), ended.id, by=SDK)
        (card,) = (await home.solutions.waiting(limit=1, tenant=ACME)).items
        await move(opened, "eu")

        async def yes(by: str) -> SaysoError:
            with pytest.raises(SaysoError) as refused:
                await home.solutions.answer(
                    card.id, "approve", token=by, revision=card.revision, digest=card.digest
                )
            return refused.value

        told = await yes(secret)
        assert told.code is Code.TENANT_MOVED
        assert "`eu`" in told.message
        assert "SAYSO_DATABASE=eu" in str(told)
        for unknown in (revoked, secret[:-1] + "x"):
            assert (await yes(unknown)).code is Code.UNAUTHENTICATED
        assert (await opened.databases.holder(secret))[0] == "eu"


async def test_two_movers_at_once_move_it_once(folder: Path) -> None:
    """As two operators at two machines: whoever comes second goes on, or is told so."""
    async with (
        open_several(folder, shop=shop_of()) as one,
        open_several(folder, shop=shop_of(), clock=one.clock) as other,
    ):
        found = await asyncio.gather(
            move(one, "eu"), move(other, "eu"), move(other, "us"), return_exceptions=True
        )
        assert all(isinstance(end, int | SaysoError) for end in found), found
        place = await one.databases.place_of(ACME)
        if place == "home":  # each stood in the other's way, and was told so
            await move(one, "eu")
            place = "eu"
        await assert_moved(one, place)


async def test_what_cannot_be_moved_stays_and_is_said(folder: Path) -> None:
    """The wrong uses, each refused before anything is written."""
    async with open_several(folder, shop=shop_of()) as opened:
        home, other = opened.home, opened.databases

        async def refused(tenant: str, to: str) -> Code:
            with pytest.raises(SaysoError) as error:
                async with opened.mover(tenant, to) as mover:
                    await mover.move()
            return error.value.code

        assert await refused(ACME, "home") is Code.ALREADY_IN_STATE
        assert await refused("nobody", "eu") is Code.NOT_FOUND
        assert await refused("No Body", "eu") is Code.INVALID_INPUT
        assert await refused("main", "eu") is Code.WRONG_STATE
        assert await refused(ACME, "mars") is Code.INVALID_SETTING
        (folder / "us.db").unlink()
        assert await refused(ACME, "us") in {Code.STORE_UNAVAILABLE, Code.NOT_A_DATABASE}
        assert (await refund(home, "o4")).status == "succeeded"
        async with opened.mover("fresh", "eu") as mover:
            assert not (await mover.move(new=True)).had_log
        assert await other.place_of("fresh") == "eu"


async def test_a_call_under_way_is_waited_for_and_keeps_the_tenant_where_it_is(
    folder: Path,
) -> None:
    """Longer than the command has time; nothing is called by two databases."""
    shop = shop_of()
    called, answer = asyncio.Event(), asyncio.Event()

    async def on_call(call: object) -> None:
        called.set()
        await answer.wait()

    shop.on_call = on_call
    async with open_several(folder, shop=shop) as opened:
        running = asyncio.create_task(refund(opened.home, "o4"))
        await called.wait()
        with pytest.raises(RetryableError, match="1 calls"):
            await move(opened, "eu", wait_s=0.0)
        moving = asyncio.create_task(move(opened, "eu"))
        answer.set()
        assert (await running).status == "succeeded"
        assert await moving
        shop.on_call = None
        async with opened.databases.of(ACME) as there:
            assert await states(there) == {**SEEDED, "o4": "succeeded"}
        await assert_sound(opened)


@pytest.mark.parametrize("way", ["stay", "away", "gives up"])
async def test_a_copy_that_never_arrives_keeps_nothing_of_customers(folder: Path, way: str) -> None:
    """Else who is erased afterwards would be there still; its log stays, and accuses nobody."""
    async with open_several(folder, shop=shop_of()) as opened:
        ends = _give_up_at if way == "gives up" else _interrupt_at
        with pytest.raises((KeyboardInterrupt, RetryableError)):
            await move(opened, "eu", passing=ends("verified"))
        async with opened.mover(ACME, "home") as mover:
            if way == "away":
                (folder / "eu.db").rename(folder / "away.db")
                with pytest.raises(RetryableError, match="may still have a copy") as refused:
                    await mover.stay()
                assert "--stay` again" in str(refused.value)
                (folder / "away.db").rename(folder / "eu.db")
            assert (customers_in(folder / "eu.db") == 0) is (way == "gives up")
            if way != "gives up":
                await mover.stay()
        assert customers_in(folder / "eu.db") == 0
        await assert_sound(opened)
        async with opened.databases.named("eu") as there:
            container = there.container
            judge = LogJudge(container.log, container.keyring, Tenant(ACME))
            while await container.store.read(judge.step) is not JudgeProgress.OVER:
                """Until all of it is judged, as servers do."""
            assert not judge.findings.decided
            assert judge.known[0]
        assert (await refund(opened.home, "o5")).status == "succeeded"


async def test_who_stays_late_leaves_the_copy_of_the_next_move_alone(folder: Path) -> None:
    """Two operators: one ends a move, and the other begins the next meanwhile."""
    async with open_several(folder, shop=shop_of()) as opened:
        there = opened.home.workspace.in_database("eu")
        with pytest.raises(KeyboardInterrupt):
            await move(opened, "eu", passing=_interrupt_at("verified"))
        async with opened.mover(ACME, "home") as mover:
            await mover.stay()
        (one,) = await opened.databases.places([ACME])
        with pytest.raises(KeyboardInterrupt):
            await move(opened, "eu", passing=_interrupt_at("verified"))
        assert not clear_left(there, ACME, one.entries)
        await move(opened, "eu")
        await assert_moved(opened)


def customers_in(path: Path) -> int:
    """How many rows of a database name a customer."""
    with closing(sqlite3.connect(path)) as there:
        names = there.execute("select name from sqlite_master where type = 'table'").fetchall()
        return sum(
            "cus_" in repr(row)
            for (name,) in names
            if name not in LOG_TABLES
            for row in there.execute(f'select * from "{name}"')
        )


def _give_up_at(step: str) -> Callable[[str], None]:
    def passing(passed: str) -> None:
        if passed == step:
            raise RetryableError(Code.STORE_BUSY, "given up")

    return passing


@pytest.mark.tampers("rows of the copy")
@pytest.mark.parametrize(
    "change", ["update action set subject_id = 'cus_2' where tenant = 'acme'", "all rows"]
)
async def test_a_copy_that_was_changed_on_the_way_is_found_and_the_tenant_stays(
    folder: Path, change: str
) -> None:
    """Who can write the new database cannot have its own rows taken for the tenant's."""
    async with open_several(folder, shop=shop_of()) as opened:

        def changing(passed: str) -> None:
            if passed != "copied":
                return
            if change == "all rows":
                assert clear_left(opened.home.workspace.in_database("eu"), ACME, 1_000_000)
                return
            with closing(sqlite3.connect(folder / "eu.db")) as there, there:
                there.execute("drop trigger vote_is_only_repaired")
                there.execute(change)

        with pytest.raises(IntegrityError, match="does not verify"):
            await move(opened, "eu", passing=changing)
        assert (await refund(opened.home, "o4")).status == "succeeded"


@pytest.mark.tampers("an entry of the operator's log")
async def test_whoever_writes_the_database_cannot_send_a_tenant_elsewhere(folder: Path) -> None:
    """The directory is what the operator's signed log says; a forged entry is none."""
    async with open_several(folder, shop=shop_of()) as opened:
        with closing(sqlite3.connect(folder / "sayso.db")) as there, there:
            (seq,) = there.execute(
                "select max(seq) + 1 from log_entry where tenant = 'main'"
            ).fetchone()
            body = (
                '{"actor":{"id":"sdk","kind":"service"},"at":1,"data":{"database":"eu","tenant":'
                f'"acme"}},"kind":"tenant.placed","seq":{seq},"tenant":"main","v":1}}'
            )
            there.execute(
                "insert into log_entry (tenant, seq, body) values ('main', ?, ?)", (seq, body)
            )
        assert await opened.databases.place_of(ACME) == "home"


async def test_a_stop_of_all_reaches_every_database_or_says_which_it_did_not(
    folder: Path,
) -> None:
    """And lets go there as well; a limit of all tenants together is refused."""
    async with open_several(folder, shop=shop_of()) as opened:
        await move(opened, "eu")
        stop = await opened.home.stops.engage("all")
        assert not stop.doubt
        async with opened.databases.of(ACME) as there:
            assert (await refund(there, "o4")).status == "approved"
            with pytest.raises(RetryableError) as refused:
                await there.stops.engage("all")
            assert refused.value.code is Code.TENANT_MOVED
        (folder / "us.db").unlink()
        again = await opened.home.stops.engage("all", reason="once more")
        assert "`us`" in again.doubt
        await assert_not_paid(opened)


async def assert_not_paid(opened: Several) -> None:
    assert not opened.shop.books.payouts


async def test_what_counts_all_tenants_is_refused_where_they_are_apart(tmp_path: Path) -> None:
    """Each database would count for itself."""
    (tmp_path / "limits.toml").write_text(
        '[[limit]]\nid = "day"\nsay = "At most three a month"\nof = "workspace"\n'
        'action = "shop.refund"\ncount = 3\nper = "month"\n'
    )
    with pytest.raises(ConfigError, match="counts all tenants together"):
        async with open_several(
            tmp_path, policy_section={"files": ["policy.cedar", "limits.toml"], "follow": "files"}
        ):
            pass


async def test_what_is_due_in_every_database_is_run_also_where_few_may_be_open(
    folder: Path,
) -> None:
    """They take turns; one that cannot be opened keeps none of the others from its own."""
    async with open_several(folder, shop=shop_of()) as opened:
        await move(opened, "eu")
        async with opened.databases.of(ACME) as there:
            waits = await refund(there, "o4", wait=False)
    shop = shop_of()
    store = {
        "url": "sqlite:///sayso.db",
        "tenants": "directory",
        "databases": {**OTHERS, "zz": "sqlite:///gone.db"},
        "open_at_once": 1,
    }
    workspace = make_several(folder, store=store)
    settled = asyncio.Event()

    @asynccontextmanager
    async def beside(sayso: Sayso) -> AsyncGenerator[None]:
        if sayso.workspace.database == "eu":
            async for _ in sayso.follow(waits.id, tenant=ACME):
                """Until it has ended."""
            settled.set()
        yield

    def opening(where: Workspace) -> Sayso:
        return Sayso(where, mode="run", connectors=[shop])

    async with (
        Sayso(workspace, mode="decide", connectors=[shop]) as home,
        attended(home, opening, beside, turn_s=0.01),
        asyncio.timeout(30),
    ):
        await settled.wait()
    assert [one.order for one in shop.books.payouts] == ["o4"]


async def test_the_api_of_one_address_serves_each_tenant_where_it_is(folder: Path) -> None:
    """By its token, also when it has moved meanwhile; a token that nobody knows is refused."""
    async with open_several(folder, shop=shop_of()) as opened:
        _, secret = await opened.home.tokens.create(
            Tenant(ACME), "service", "bot", SERVICE_SCOPES, days=1, by=SDK
        )
        app = ByDatabase(opened.databases, create_app)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sayso") as client:

            async def listed(token: str) -> tuple[int, int]:
                headers = {"Authorization": f"Bearer {token}"}
                answer = await client.get("/v1/actions", headers=headers)
                return answer.status_code, len(answer.json().get("items", ()))

            assert await listed(secret) == (200, 3)
            await move(opened, "eu")
            assert await listed(secret) == (200, 3)
            assert await listed(secret[:-1] + "x") == (401, 0)
            assert (await client.get("/v1/actions")).status_code == 401
