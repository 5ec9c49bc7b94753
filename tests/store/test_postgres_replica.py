"""A streaming replica: read for whoever only looks, as old as it says, and acted on by nobody."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from actions.steps import usd
from support.postgres import FAST
from support.postgres_server import PostgresServer, find_postgres
from support.shop import Shop
from support.shop_workspace import ShopWorkspace, make_shop_workspace, open_shop

from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, ConfigError, RetryableError, SaysoError
from sayso.ids import Tenant
from sayso.money import Money
from sayso.sdk.resources.tokens import Scope, Token
from sayso.sdk.setup.check import _Checker as Checker  # pyright: ignore[reportPrivateUsage]
from sayso.sdk.workspace import Workspace
from sayso.store.postgres.replica import ReplicaPlan
from sayso.store.postgres.schema import migrate_postgres
from sayso.store.postgres.store import PostgresStore
from sayso.store.replica import acting, looking
from sayso.surfaces.cli.command import told
from sayso.surfaces.cli.commands.doctor import examine
from sayso.surfaces.cli.output import Out
from sayso.surfaces.console.app import create_console
from sayso.surfaces.console.edge import ConsoleSite
from sayso.surfaces.http.app import create_app
from sayso.testing.clock import FakeClock

URL = "https://desk.example"
MANY_S = 3600
MARIA = Actor(kind=ActorKind.PERSON, id="maria")


@dataclass(frozen=True, slots=True)
class Streaming:
    """A primary, and the standby that follows it."""

    primary: PostgresServer
    standby: PostgresServer

    def hold_back(self) -> None:
        """Let the standby replay nothing from here on."""
        self.standby.run("postgres", "select pg_wal_replay_pause()")
        while self.standby.run("postgres", "select pg_get_wal_replay_pause_state()") != "paused\n":
            pass

    def go_on(self) -> None:
        """Let it catch up, and wait until it has."""
        self.standby.run("postgres", "select pg_wal_replay_resume()")
        self.catch_up()

    def catch_up(self) -> None:
        """Wait until the standby has what the primary has now."""
        at = self.primary.run("postgres", "select pg_current_wal_flush_lsn()").strip()
        has = f"select pg_last_wal_replay_lsn() >= '{at}'"
        while self.standby.run("postgres", has) != "t\n":
            pass


@pytest.fixture
def streaming(both: Streaming) -> Generator[Streaming]:
    """The two, of which the second goes on, whatever a test has left."""
    yield both
    with suppress(ConfigError):  # one has stopped it
        both.standby.run("postgres", "select pg_wal_replay_resume()")


@pytest.fixture(scope="module")
def both() -> Generator[Streaming]:
    """Both, running, with a schema; gone afterwards."""
    with ExitStack() as ends:
        servers: list[PostgresServer] = []
        for _ in range(2):
            folder = Path(tempfile.mkdtemp(prefix="sayso-pg-"))
            servers.append(PostgresServer(folder, find_postgres(), FAST))
            ends.callback(_remove, servers[-1])
        primary, standby = servers
        primary.create()
        primary.start()
        migrate_postgres(primary.url())
        primary.run("postgres", "create database other template postgres")
        standby.create_standby(primary)
        standby.start()
        yield Streaming(primary, standby)


def _remove(server: PostgresServer) -> None:
    with suppress(ConfigError):  # it may be stopped already
        server.remove()


@dataclass(frozen=True, slots=True)
class Desk:
    """An open workspace beside its replica, with an auditor's token and a person's browser."""

    work: ShopWorkspace
    http: httpx.AsyncClient
    console: httpx.AsyncClient
    auditor: Token

    async def kinds(self) -> tuple[list[str], str]:
        """The newest entries' kinds, as the API gives them, and from where it says they are."""
        answer = await self.http.get("/v1/audit/entries", params={"q": "name:shop.refund"})
        assert answer.status_code == 200, answer.text
        said = answer.headers.get("Sayso-Read-From", "")
        return [one["kind"] for one in answer.json()["items"]], said


@asynccontextmanager
async def opened(folder: Path, streaming: Streaming) -> AsyncGenerator[Desk]:
    store = {
        "url": streaming.primary.url(),
        "replica": streaming.standby.url(),
        "replica_behind_s": MANY_S,
    }
    shop = Shop()
    shop.books.add("o1", "cus_1", Money(100_000, "USD"))
    async with open_shop(folder, shop=shop, store=store) as work:
        sayso, site = work.sayso, ConsoleSite(url=URL)
        auditor, secret = await sayso.tokens.create(
            sayso.tenant,
            "service",
            "auditor",
            frozenset({Scope.AUDIT}),
            days=1,
            by=MARIA,
        )
        _, session = await sayso.sessions.begin("maria", via="token")
        async with (
            httpx.AsyncClient(
                transport=httpx.ASGITransport(create_app(sayso)),
                base_url="http://shop",
                headers={"Authorization": f"Bearer {secret}"},
            ) as http,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(create_console(sayso, site=site)),
                base_url=URL,
                cookies={site.cookie: session},
                headers={"Sec-Fetch-Site": "same-origin"},
            ) as console,
        ):
            yield Desk(work, http, console, auditor)


@pytest.mark.promise("store:replica")
async def test_who_looks_reads_the_replica_and_who_acts_the_primary(
    streaming: Streaming, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """While it is held back, its age is said, and a yes counts as if it were not there."""
    async with opened(tmp_path, streaming) as desk:
        sayso = desk.work.sayso
        view = await sayso.propose(
            "shop.refund", {"order": "o1", "amount": usd(20_000)}, subject="cus_1"
        )
        assert view.approval is not None
        streaming.catch_up()
        kinds, said = await desk.kinds()
        assert "action.succeeded" not in kinds
        assert kinds
        assert said.startswith("replica;age=")

        streaming.hold_back()
        await approve(desk, view.approval.id)
        assert (await sayso.actions.get(view.id)).status == "succeeded"
        assert len(desk.work.shop.books.payouts) == 1
        before = kinds
        kinds, said = await desk.kinds()
        assert kinds == before
        assert said.startswith("replica;age=")
        assert said != "replica;age=0"

        page = (await desk.console.get("/audit", params={"q": "kind:action.succeeded"})).text
        assert "From a copy of the database, as it was" in page
        german = await desk.console.get("/audit", headers={"Accept-Language": "de"})
        assert "Aus einer Kopie der Datenbank" in german.text
        card = await desk.console.get(f"/solution/{view.approval.id}")
        assert "From a copy" not in card.text
        decided = (await desk.console.get("/", params={"tab": "decided"})).text
        assert "From a copy of the database, as it was" in decided

        await told(Out(as_json=True), lambda one: one.audit.tail(5), sayso)
        assert "s ago, from the replica" in capsys.readouterr().err

        # An export has its own entry in it, so it waits for that, and then goes to the primary.
        with looking() as call:
            await sayso.audit.export(tmp_path / "log", by=None)
        assert call.age_s is None
        assert "too far behind" in call.instead
        assert b"action.succeeded" in (tmp_path / "log" / "entries.jsonl").read_bytes()

        await sayso.tokens.revoke(sayso.tenant, desk.auditor.id, by=MARIA)
        refused = await desk.http.get("/v1/audit/entries")
        assert refused.status_code == 401, "who may look is asked of the primary"

        streaming.go_on()
        fact, wrong = await looked_at(desk.work.workspace)
        assert fact.endswith(" s behind")
        assert wrong == []
        with looking() as call:
            done = await sayso.audit.tail(200)
        assert call.age_s is not None
        assert "action.succeeded" in {one.kind for one in done}


async def approve(desk: Desk, approval: str) -> None:
    """Maria says yes to what she sees."""
    sayso = desk.work.sayso
    view = await sayso.solutions.get(approval)
    _, secret = await sayso.sessions.begin("maria", via="token")
    await sayso.solutions.answer(
        view.id, "approve", token=secret, revision=view.revision, digest=view.digest
    )


async def looked_at(workspace: Workspace) -> tuple[str, list[Code]]:
    """What `sayso doctor` says of the replica, and the codes of what is wrong."""
    facts: list[tuple[str, str]] = []
    wrong: list[SaysoError] = []
    await asyncio.to_thread(examine, workspace, facts, wrong, Out(as_json=True))
    return dict(facts)["replica"], [one.code for one in wrong]


@pytest.mark.promise("store:replica")
async def test_check_and_doctor_refuse_what_is_no_standby_of_the_database(
    streaming: Streaming, tmp_path: Path
) -> None:
    """Each says what it is; what stands in a secret is resolved as the primary's is."""
    primary = streaming.primary.url("other")
    (tmp_path / "replica.url").write_text(f"{primary}&application_name=no")
    (tmp_path / "replica.url").chmod(0o600)
    store = {"url": primary, "replica": "file:replica.url"}
    workspace = make_shop_workspace(tmp_path, store=store)
    assert await looked_at(workspace) == ("is not read", [Code.STORE_REPLICA])
    checker = Checker(workspace, FakeClock().now())
    await checker.database()
    (problem,) = [one for one in checker.problems if one.place == "[store] replica"]
    assert (problem.code, problem.warning) == (Code.STORE_REPLICA, False)
    assert "takes writes of its own" in problem.message
    for wrong in ({"url": primary, "replica": primary}, {"replica": primary}):
        with pytest.raises(ConfigError) as refused:
            make_shop_workspace(tmp_path, store=wrong)
        assert refused.value.code is Code.INVALID_SETTING


@pytest.mark.promise("store:replica")
async def test_a_replica_that_is_too_old_away_or_another_is_not_read(
    streaming: Streaming, caplog: pytest.LogCaptureFixture
) -> None:
    """The primary answers, and the log says so; or an error does, where the settings want that."""
    primary, standby = streaming.primary.url(), streaming.standby.url()

    def beside(url: str, most_s: int = MANY_S, *, falls_back: bool = True) -> PostgresStore:
        plan = ReplicaPlan(url=url, most_s=most_s, falls_back=falls_back)
        return PostgresStore(primary, replica=plan)

    for url, why in ((primary, "takes writes"), (streaming.standby.url("other"), "another")):
        store = beside(url)
        with pytest.raises(ConfigError, match=why) as refused:
            await store.replica_age()
        assert refused.value.code is Code.STORE_REPLICA
        with looking() as call:
            await store.read(lambda reader: reader.one("log.meta", key="x"))
        assert why in call.instead
        assert why in caplog.text
        await store.close()

    store, strict = beside(standby, 0), beside(standby, 0, falls_back=False)
    await store.write(lambda tx: tx.run("log.meta_insert", key="early", value="v"))
    streaming.catch_up()
    assert await store.replica_age() == 0
    streaming.hold_back()
    assert await store.replica_age() == 0, "nothing was written since, so it is as of now"
    await store.write(lambda tx: tx.run("log.meta_insert", key="late", value="v"))
    with looking() as call:
        assert await store.read(lambda reader: reader.one("log.meta", key="late"))
    assert call.age_s is None
    assert "too far behind" in call.instead
    with looking():
        with acting():
            assert await strict.read(lambda reader: reader.one("log.meta", key="late"))
        with pytest.raises(RetryableError) as stale:
            await strict.read(lambda reader: reader.one("log.meta", key="late"))
        assert await strict.read(lambda reader: reader.one("log.meta", key="late"), brief=True)
    assert stale.value.code is Code.STORE_REPLICA
    assert "sayso doctor" in stale.value.next_step
    await strict.close()
    await store.close()
    streaming.go_on()

    reads = PostgresStore(standby, only_reads=True)
    with pytest.raises(RetryableError, match="takes no writes"):
        await reads.write(lambda tx: tx.run("log.meta_insert", key="no", value="v"))
    seen = await reads.read(lambda reader: reader.all("log.tenants"))
    hidden = await reads.read(lambda reader: reader.all("log.tenants"), tenant=Tenant("nobody"))
    assert seen
    assert not hidden, "row-level security holds there, too"
    await reads.close()

    store = beside(standby)
    streaming.standby.stop()
    with looking() as call:
        assert await store.read(lambda reader: reader.one("log.meta", key="late"))
    assert "cannot be read" in call.instead
    await store.close()
