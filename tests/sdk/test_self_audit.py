"""A server judges its own logs while it serves, and signs nothing on top of one that fails."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from actions.steps import MAIN, decide, propose, say, shown, stock
from audit.test_rebuilt import BOUND, CHANGES, keyring_of
from support.busy_shop import live, planner
from support.postgres import fresh_database
from support.postgres_server import PostgresServer
from support.shop_workspace import STORE_URLS, ShopWorkspace, make_shop_workspace, open_shop

from sayso.audit.log import AuditLog
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.errors import Code, IntegrityError
from sayso.ids import Tenant
from sayso.sdk.audit.alarms import FILE
from sayso.sdk.audit.kept_heads import FILE as HEADS
from sayso.sdk.audit.kept_heads import read_heads
from sayso.sdk.audit.log_judge import JudgeProgress, LogJudge
from sayso.sdk.audit.self_audit import SelfAudit
from sayso.sdk.wiring.database import is_postgres, open_store
from sayso.store.postgres.connection import connect_plainly
from sayso.store.sqlite.writer import SqliteReader
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.promise("audit:self")

SOON_S = 60.0
"""A small log is judged anew within two seconds; the machine may be busy."""
LOOK_EVERY_S = 0.05

ENTRY = (
    "update log_entry set body = replace(body, '\"amount_minor\":2000', '\"amount_minor\":2')"
    " where body like '%\"amount_minor\":2000%'"
)
ROW = "update action set amount_minor = 1 where amount_minor = 2000"
GONE = "delete from vote where person = 'finn'"


@pytest.fixture(params=["sqlite", "postgres"])
def shop_store(
    request: pytest.FixtureRequest, postgres_server: PostgresServer, tmp_path: Path
) -> Generator[str]:
    """Where a shop opened in this test keeps its rows."""
    if request.param == "sqlite":
        yield ""
        return
    with fresh_database(postgres_server) as url:
        STORE_URLS.append(url)
        try:
            asyncio.run(open_store(make_shop_workspace(tmp_path), create=True).close())
            yield url
        finally:
            STORE_URLS.remove(url)


def _write(opened: ShopWorkspace, statement: str) -> None:
    """What somebody does who can write the database: triggers off, nobody is told."""
    if is_postgres(opened.workspace):
        with connect_plainly(opened.workspace.store_url) as admin:
            table = statement.split()[2 if statement.startswith("delete") else 1]
            admin.execute("set search_path to sayso")
            admin.execute(f"alter table {table} disable trigger all".encode())
            assert admin.execute(statement.encode()).rowcount > 0
        return
    with closing(sqlite3.connect(opened.workspace.store_path)) as rows, rows:
        for (name,) in rows.execute("select name from sqlite_master where type = 'trigger'"):
            rows.execute(f"drop trigger {name}")
        rows.execute("pragma ignore_check_constraints = on")
        assert rows.execute(statement).rowcount > 0


@asynccontextmanager
async def judging(opened: ShopWorkspace) -> AsyncGenerator[SelfAudit]:
    audit = SelfAudit(opened.sayso, every_s=LOOK_EVERY_S)
    task = asyncio.create_task(audit.run())
    try:
        yield audit
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _all_judged(audit: SelfAudit) -> None:
    async with asyncio.timeout(SOON_S):
        await audit.catch_up()


async def until_refused(audit: SelfAudit, opened: ShopWorkspace, *, refused: bool) -> None:
    async with asyncio.timeout(SOON_S), audit.looked:
        while bool(opened.sayso.unverified) is not refused:
            await audit.looked.wait()


async def _note(opened: ShopWorkspace) -> Any:
    row = await opened.sayso.container.store.read(lambda tx: tx.one("log.head", tenant=MAIN))
    return None if row is None else dict(row)


@pytest.mark.tampers("rows and entries are changed under a server, which has to notice")
@pytest.mark.parametrize("change", [ENTRY, ROW, GONE], ids=["entry", "row", "vote"])
async def test_what_is_changed_under_a_server_stops_it(
    change: str, shop_store: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Within seconds: not ready, one line at ERROR, nothing more is signed, nothing is taken in."""
    async with open_shop(tmp_path, planner=planner()) as opened, judging(opened) as audit:
        stock(opened, "o19")
        waiting = await propose(opened, order="o19", subject="cus_1")
        await live(opened)
        await _all_judged(audit)
        await opened.sayso.check_ready()
        _write(opened, change)
        await until_refused(audit, opened, refused=True)
        before = await _note(opened)
        with pytest.raises(IntegrityError) as not_ready:
            await opened.sayso.check_ready()
        assert not_ready.value.code is Code.TAMPERED
        assert "does not verify" in not_ready.value.message
        assert "sayso audit" in not_ready.value.next_step
        stock(opened, "o20")
        with pytest.raises(IntegrityError) as asked:
            await propose(opened, 100, order="o20")
        assert asked.value.code is Code.TAMPERED
        with pytest.raises(IntegrityError):
            await decide(opened, say(await shown(opened, waiting)))
        assert await _note(opened) == before
        errors = [one for one in caplog.records if one.levelno >= logging.ERROR]
        assert [one.name for one in errors] == ["sayso.audit"]
        assert (tmp_path / FILE).exists()


async def test_a_log_that_verifies_again_is_signed_again(tmp_path: Path) -> None:
    """What was changed is put back: nobody has to start anything anew."""
    async with open_shop(tmp_path) as opened, judging(opened) as audit:
        stock(opened, "o1", "o2")
        await propose(opened, 2_000, order="o1")
        await _all_judged(audit)
        _write(opened, ROW)
        await until_refused(audit, opened, refused=True)
        _write(opened, "update action set amount_minor = 2000 where amount_minor = 1")
        await until_refused(audit, opened, refused=False)
        assert (await propose(opened, 100, order="o2")).status == "succeeded"
        assert not (tmp_path / FILE).exists()


async def test_a_log_that_is_put_back_is_noticed_and_stays_so(tmp_path: Path) -> None:
    """An older log is a true one; only whoever was there knows that it had another past."""
    async with open_shop(tmp_path) as opened:
        stock(opened, "o1", "o2")
        await propose(opened, 2_000, order="o1")
        store, container = opened.sayso.container.store, opened.sayso.container
        judge = await _over(opened, LogJudge(container.log, container.keyring, MAIN))
        assert not judge.findings.kept
        size, root = judge.known
        longer = LogJudge(container.log, container.keyring, MAIN, (size + 1, root))
        await store.read(longer.step)
        assert longer.findings.decided
        other = LogJudge(container.log, container.keyring, MAIN, (size, b"\0" * 32))
        assert (await _over(opened, other)).findings.decided


async def _over(opened: ShopWorkspace, judge: LogJudge) -> LogJudge:
    while await opened.sayso.container.store.read(judge.step) is not JudgeProgress.OVER:
        if judge.findings.decided:
            break
    return judge


@pytest.mark.tampers("rows and entries are changed under a server, which has to notice")
async def test_a_process_that_begins_later_signs_nothing_either(tmp_path: Path) -> None:
    """A command that decides beside the server; and once the log verifies, the verifier says so."""
    async with open_shop(tmp_path) as opened, judging(opened) as audit:
        stock(opened, "o1")
        await propose(opened, 2_000, order="o1")
        await _all_judged(audit)
        _write(opened, ROW)
        await until_refused(audit, opened, refused=True)
    async with open_shop(tmp_path) as opened:
        stock(opened, "o2")
        with pytest.raises(IntegrityError):
            await propose(opened, 100, order="o2")
        opened.sayso.audit.verify()
        assert opened.sayso.unverified == {MAIN}
        _write(opened, "update action set amount_minor = 2000 where amount_minor = 1")
        opened.sayso.audit.verify()
        assert not opened.sayso.unverified
        assert (await propose(opened, 100, order="o2")).status == "succeeded"


async def test_a_busy_server_is_never_accused(shop_store: str, tmp_path: Path) -> None:
    """Refunds, edits, stops, plans, erasures, lost answers; judged again and again meanwhile."""
    async with open_shop(tmp_path, planner=planner()) as opened, judging(opened) as audit:
        for number in range(30):
            stock(opened, f"p{number}", customer=f"cus_p{number % 11}")
            view = await propose(
                opened,
                9_900 if number % 3 else 100,
                order=f"p{number}",
                subject=f"cus_p{number % 11}",
            )
            if view.status == "pending_approval":
                await decide(opened, say(await shown(opened, view)))
        await live(opened)
        await _all_judged(audit)
        assert not opened.sayso.unverified
        await opened.sayso.check_ready()


@asynccontextmanager
async def others_writing(server: PostgresServer) -> AsyncGenerator[None]:
    """Somebody else's database on the same server, which is never at rest."""
    with fresh_database(server) as url, connect_plainly(url) as rows:
        rows.execute("create table noise (number int)")

        async def write_on() -> None:
            while True:
                await asyncio.to_thread(rows.execute, "insert into noise values (1)")

        writing = asyncio.create_task(write_on())
        try:
            yield
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)


@pytest.mark.tampers("rows are changed under a server, which has to notice")
async def test_a_log_is_judged_while_others_write_to_the_same_server(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    """The server numbers all transactions: what others write keeps no judge from ending."""
    STORE_URLS.append(postgres_url)
    try:
        async with (
            others_writing(postgres_server),
            open_shop(tmp_path) as opened,
            judging(opened) as audit,
        ):
            stock(opened, "o1")
            await propose(opened, 2_000, order="o1")
            await _all_judged(audit)
            _write(opened, ROW)
            await _all_judged(audit)
            assert opened.sayso.unverified == {MAIN}
    finally:
        STORE_URLS.remove(postgres_url)


@pytest.mark.tampers("rows are changed under a server, which has to notice")
async def test_an_earlier_transaction_that_ends_last_is_noticed(
    postgres_url: str, tmp_path: Path
) -> None:
    """The server has given out no higher number since, and yet something was written."""
    STORE_URLS.append(postgres_url)
    try:
        async with open_shop(tmp_path) as opened:
            stock(opened, "o1")
            await propose(opened, 2_000, order="o1")
            with connect_plainly(postgres_url) as early, connect_plainly(postgres_url) as late:
                for rows, table in ((early, "early"), (late, "late")):
                    rows.execute("begin")
                    rows.execute(f"create table {table} (number int)".encode())
                late.execute("commit")
                async with judging(opened) as audit:
                    await _all_judged(audit)
                    early.execute("set search_path to sayso")
                    early.execute("alter table action disable trigger all")
                    early.execute(ROW)
                    early.execute("commit")
                    await _all_judged(audit)
                    assert opened.sayso.unverified == {MAIN}
    finally:
        STORE_URLS.remove(postgres_url)


# ---- what the judge sees is what the verifier sees -----------------------------------------------


@pytest.fixture(scope="module")
def lived_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lived")
    asyncio.run(_live(folder))
    with closing(sqlite3.connect(folder / "sayso.db", isolation_level=None)) as rows:
        rows.execute("pragma wal_checkpoint(truncate)")
    return folder / "sayso.db"


async def _live(folder: Path) -> None:
    async with open_shop(folder, planner=planner()) as opened:
        await live(opened)


def _judged(path: Path, home: Path) -> LogJudge:
    workspace = make_shop_workspace(home)
    log = AuditLog("test", workspace.signer(), FakeClock())
    judge = LogJudge(log, keyring_of(home), Tenant("main"))
    with closing(sqlite3.connect(path, isolation_level=None)) as rows:
        rows.row_factory = sqlite3.Row
        reader = SqliteReader(rows)
        for _ in range(1_000):
            if judge.findings.decided or judge.step(reader) is JudgeProgress.OVER:
                break
    return judge


_ALL = {**CHANGES, **BOUND, "entry": ENTRY}


@pytest.mark.parametrize("what", ["nothing", *_ALL])
def test_each_change_that_the_verifier_finds_is_found_here(
    what: str, lived_file: Path, tmp_path: Path
) -> None:
    """One at a time, as the columns' own tests do it."""
    path = Path(shutil.copy(lived_file, tmp_path / "copy.db"))
    with closing(sqlite3.connect(path, isolation_level=None)) as rows:
        for (name,) in rows.execute("select name from sqlite_master where type = 'trigger'"):
            rows.execute(f"drop trigger {name}")
        if what != "nothing":
            rows.execute(_ALL[what])
    judge = _judged(path, lived_file.parent)
    assert judge.findings.decided is (what != "nothing"), judge.findings.kept


async def _kept(folder: Path) -> Path:
    """A shop whose log was judged to its newest entry; now its database is an older copy."""
    older = folder / "older.db"
    async with open_shop(folder / "shop") as opened:
        stock(opened)
        await propose(opened, 2000)
        with (
            closing(sqlite3.connect(opened.workspace.store_path)) as source,
            closing(sqlite3.connect(older)) as copy,
        ):
            source.backup(copy)
        stock(opened, "o2")
        await propose(opened, 2000, order="o2")
        async with judging(opened) as audit:
            await _all_judged(audit)
    for path in (folder / "shop").glob("sayso.db*"):
        path.unlink()
    shutil.copyfile(older, folder / "shop" / "sayso.db")
    return folder / "shop" / HEADS


@pytest.mark.promise("audit:kept-head")
async def test_an_older_copy_is_noticed_when_a_server_starts_on_it(tmp_path: Path) -> None:
    """It is a true one: only what the host has kept tells it from the newest."""
    await _kept(tmp_path)
    async with open_shop(tmp_path / "shop") as opened:
        stock(opened, "o3")
        with pytest.raises(IntegrityError, match="entries, and now it has"):
            await propose(opened, 2000, order="o3")
        async with judging(opened) as audit:
            await until_refused(audit, opened, refused=True)
        assert opened.shop.books.payouts == []


@pytest.mark.promise("audit:kept-head")
async def test_a_log_whose_end_was_cut_off_is_noticed_when_a_server_starts(tmp_path: Path) -> None:
    """By an old head, which the log's own key has signed: the log verifies by itself."""
    folder, older = tmp_path / "shop", tmp_path / "older.db"
    async with open_shop(folder) as opened:
        stock(opened, "o1", "o2")
        await propose(opened, 2000)
        with (
            closing(sqlite3.connect(opened.workspace.store_path)) as source,
            closing(sqlite3.connect(older)) as copy,
        ):
            source.backup(copy)
        await propose(opened, 2000, order="o2")
        async with judging(opened) as audit:
            await _all_judged(audit)
    with closing(sqlite3.connect(folder / "sayso.db", isolation_level=None)) as rows:
        for (name,) in rows.execute("select name from sqlite_master where type = 'trigger'"):
            rows.execute(f"drop trigger {name}")
        rows.execute("attach ? as older", (str(older),))
        (size,) = rows.execute("select size from older.log_head").fetchone()
        rows.execute("delete from log_entry where seq >= ?", (size,))
        rows.execute("delete from action where id not in (select id from older.action)")
        rows.execute("delete from personal where ref not in (select ref from older.personal)")
        note = "(select note from older.log_head), (select frontier from older.log_head)"
        rows.execute(f"update log_head set (note, frontier, size) = ({note}, ?)", (size,))
    found = verify(folder / "sayso.db")
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    async with open_shop(folder) as opened, judging(opened) as audit:
        await until_refused(audit, opened, refused=True)
        stock(opened, "o2")
        with pytest.raises(IntegrityError, match="the log had"):
            await propose(opened, 2000, order="o2")
        assert opened.shop.books.payouts == []


@pytest.mark.promise("audit:kept-head")
async def test_a_backup_that_is_put_back_on_purpose_accuses_nobody(tmp_path: Path) -> None:
    """Whoever restores it removes what the host has kept, as the page says; so does a new host."""
    kept = await _kept(tmp_path)
    kept.unlink()
    async with open_shop(tmp_path / "shop") as opened:
        stock(opened, "o3")
        assert (await propose(opened, 2000, order="o3")).status == "succeeded"
        async with judging(opened) as audit:
            await _all_judged(audit)
        assert not opened.sayso.unverified


@pytest.mark.promise("audit:kept-head")
@pytest.mark.parametrize("said", [b"", b"[]", b'{"main": 7}', b'{"main": {"size": "x"}}', b"\xff"])
def test_a_kept_file_that_cannot_be_read_is_none(tmp_path: Path, said: bytes) -> None:
    """A power cut may leave anything, which accuses nobody."""
    kept = tmp_path / HEADS
    kept.parent.mkdir()
    kept.write_bytes(said)
    assert read_heads(tmp_path) == {}


@pytest.mark.promise("audit:kept-head")
async def test_a_tenant_that_was_taken_away_whole_is_noticed(tmp_path: Path) -> None:
    """No row is left that could tell of it."""
    other = Tenant("other")
    async with open_shop(tmp_path) as opened:
        stock(opened)
        await opened.sayso.propose(
            "shop.refund", {"order": "o1"}, subject="cus_1", tenant=other, wait=False
        )
        async with judging(opened) as audit:
            await _all_judged(audit)
    with closing(sqlite3.connect(tmp_path / "sayso.db")) as rows, rows:
        made = rows.execute("select type, name, sql from sqlite_master where sql is not null")
        found = [(kind, name) for kind, name, sql in made if kind == "trigger" or "tenant" in sql]
        for kind, name in found:
            if kind == "trigger":
                rows.execute(f"drop trigger {name}")
        for kind, name in found:
            if kind == "table":
                rows.execute(f"delete from {name} where tenant = 'other'")
    async with open_shop(tmp_path) as opened, judging(opened) as audit:
        await until_refused(audit, opened, refused=True)
        assert other in opened.sayso.unverified
