"""The file itself: what its triggers refuse, which files are taken, and what processes do to it."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from support.shop_workspace import open_shop

from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.errors import Code, ConfigError, RetryableError
from sayso.money import Money
from sayso.store.migrations import FORMAT, Migration, read_migrations, schema_version
from sayso.store.sqlite.schema import APPLICATION_ID, check_version, migrate, stored_format
from sayso.store.sqlite.store import SqliteStore, open_connection, plan_file

WORKER = Path(__file__).with_name("sqlite_worker.py")
OTHER_INDEX = (
    "drop index approval_by_action;create index approval_by_action on approval (tenant, action_id)"
)
_WAIT_S = 60


@contextmanager
def worker(path: Path, command: str, count: int = 0) -> Generator[subprocess.Popen[str]]:
    """A process of `sqlite_worker.py`; killed at the end, if it still runs."""
    with subprocess.Popen(
        [sys.executable, str(WORKER), str(path), command, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def make_file(path: Path) -> Path:
    """An empty store."""
    with closing(open_connection(path, create=True)) as connection:
        migrate(connection)
    return path


async def refund_in(folder: Path) -> Path:
    """A database with one action that waits for a manager."""
    async with open_shop(folder) as opened:
        opened.shop.books.add("o1", "cus_1", Money(100_000, "USD"))
        await opened.sayso.propose(
            "shop.refund",
            {"order": "o1", "amount": {"amount_minor": 12900, "currency": "USD"}},
            subject="cus_1",
        )
        return opened.workspace.store_path


GUARDED = {
    "an entry is changed": "update log_entry set body = '{}' where seq = 0",
    "an entry is moved": "update log_entry set seq = 99 where seq = 0",
    "an entry is deleted": "delete from log_entry where seq = 0",
    "an entry is replaced": "insert or replace into log_entry (tenant, seq, body)"
    " values ('main', 0, '{}')",
    "an entry is replaced by its row": "insert or replace into log_entry (id, tenant, seq, body)"
    " values (1, 'main', 0, '{}')",
    "an index is left out": "insert into log_entry (tenant, seq, body) values ('main', 99, '{}')",
    "a tenant begins at one": "insert into log_entry (tenant, seq, body) values ('new', 1, '{}')",
    "a head shrinks": "update log_head set size = size - 1",
    "a head changes hands": "update log_head set tenant = 'other'",
    "a head is deleted": "delete from log_head",
    "an action names no entry": "update action set last_seq = 9999, status = 'succeeded'",
    "an action changes without an entry": "update action set status = 'succeeded'",
    "an action is revised without an entry": "update action set revision = revision + 1",
    "an action's snapshot changes": "update action set snapshot = '{}'",
    "an action is deleted": "delete from action",
    "an approval changes without an entry": "update approval set status = 'approved'",
    "an approval's digest changes": "update approval set digest = 'x'",
}


def change(connection: sqlite3.Connection, statement: str) -> None:
    """Run it and commit."""
    connection.execute(statement)
    connection.commit()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One database for all that is refused: none of it may change it."""
    return asyncio.run(refund_in(tmp_path_factory.mktemp("guarded")))


@pytest.mark.parametrize("what", GUARDED)
def test_the_database_refuses(guarded: Path, what: str) -> None:
    """The schema guards the log whoever holds the file, not only our code."""
    with closing(sqlite3.connect(guarded)) as connection:
        connection.execute("pragma foreign_keys = on")
        before = list(connection.iterdump())
        with pytest.raises(sqlite3.IntegrityError):
            change(connection, GUARDED[what])
        connection.rollback()
        assert list(connection.iterdump()) == before


def test_two_processes_write_one_log(tmp_path: Path) -> None:
    """Any number of processes share the file: the log is dense and verifies."""
    path = make_file(tmp_path / "sayso.db")
    with worker(path, "enter", 100) as one, worker(path, "enter", 100) as two:
        told = [process.communicate(timeout=_WAIT_S)[0].split() for process in (one, two)]
    assert [len(seqs) for seqs in told] == [100, 100]
    assert sorted(int(seq) for seqs in told for seq in seqs) == list(range(200))
    found = verify(path, deep=True)
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    assert found.logs[0].size == 200


def test_a_killed_writer_loses_nothing_that_it_told(tmp_path: Path) -> None:
    """kill -9, ten times: the file is sound, told entries stay, the log verifies."""
    path = make_file(tmp_path / "sayso.db")
    told: list[int] = []
    for life in range(10):
        with worker(path, "enter", 100_000) as process:
            assert process.stdout is not None
            for _ in range(4 + 12 * life):
                told.append(int(process.stdout.readline()))  # noqa: PERF401  (it is a pipe)
            process.send_signal(signal.SIGKILL)
            told += [int(line) for line in process.stdout if line.endswith("\n")]
            process.wait(_WAIT_S)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        seqs = [seq for (seq,) in connection.execute("select seq from log_entry order by seq")]
    assert seqs == list(range(len(seqs)))
    assert len(set(told)) == len(told)
    assert set(told) <= set(seqs)
    assert verify(path, deep=True).verdict is Verdict.VERIFIED


async def test_a_lock_of_another_process_is_waited_for_and_then_said(tmp_path: Path) -> None:
    """`store_busy`, with nothing half done; when the lock goes, work goes on (errors.md)."""
    path = make_file(tmp_path / "sayso.db")
    store = SqliteStore(path, busy_timeout_s=0.05)
    with worker(path, "hold") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(RetryableError) as caught:
            await store.write(lambda tx: tx.run("log.meta_insert", key="k", value="v"))
        assert caught.value.code is Code.STORE_BUSY
        process.communicate(timeout=_WAIT_S)
    assert await store.read(lambda reader: reader.one("log.meta", key="k")) is None
    await store.write(lambda tx: tx.run("log.meta_insert", key="k", value="v"))
    await store.close()


def refusal(path: Path, *, create: bool = False) -> ConfigError:
    """Why the file is not opened."""
    with pytest.raises(ConfigError) as caught:
        SqliteStore(path, create=create)
    return caught.value


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("content", [b"not a database at all " * 100, b"SQLite format 3\0" * 64])
def test_a_file_that_is_no_database_is_refused(
    tmp_path: Path, content: bytes, create: bool
) -> None:
    """`not_a_database`, and the file stays as it is (errors.md)."""
    path = tmp_path / "sayso.db"
    path.write_bytes(content)
    assert refusal(path, create=create).code is Code.NOT_A_DATABASE
    assert path.read_bytes() == content


def test_a_file_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    """`store_unavailable`; only `create` makes a file."""
    path = tmp_path / "sayso.db"
    assert refusal(path).code is Code.STORE_UNAVAILABLE
    assert not path.exists()


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("version", [0, 1, 7])
def test_another_programs_database_is_refused_and_left_alone(
    tmp_path: Path, version: int, create: bool
) -> None:
    """`not_a_database`, whatever version it says it has; not one byte of it changes (errors.md)."""
    path = tmp_path / "sayso.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table theirs (x)")
        connection.execute(f"pragma user_version = {version}")
    before = path.read_bytes()
    assert refusal(path, create=create).code is Code.NOT_A_DATABASE
    assert path.read_bytes() == before


@pytest.mark.parametrize("create", [False, True])
def test_a_newer_database_is_refused(tmp_path: Path, create: bool) -> None:
    """`store_version`: this code does not know what a newer one keeps there."""
    path = make_file(tmp_path / "sayso.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma user_version = {schema_version() + 1}")
    error = refusal(path, create=create)
    assert error.code is Code.STORE_VERSION
    assert error.next_step == "upgrade Sayso"


ADDS = Migration(
    number=schema_version() + 1,
    name="0099_pre_adds",
    phase="pre",
    sql="alter table rate add column more text;",
    since=schema_version(),
)
ENDS = Migration(
    number=schema_version() + 2,
    name="0100_post_ends",
    phase="post",
    sql="drop index personal_by_subject;",
    since=schema_version() + 1,
)


async def test_only_pre_files_run_before_new_code(tmp_path: Path) -> None:
    """`pre`, then the processes one by one, then `post`; as on PostgreSQL (stores.md)."""
    path = make_file(tmp_path / "sayso.db")
    ours = read_migrations("sqlite")
    files = [*ours, ADDS, ENDS]
    with closing(open_connection(path, create=False)) as connection:
        migrate(connection, only_pre=True, migrations=files)
        check_version(connection, path, ours)
        check_version(connection, path, files)
        store = SqliteStore(path)
        assert await store.write(lambda tx: tx.run("log.meta_insert", key="k", value="v")) == 1
        await store.close()
        migrate(connection, migrations=files)
        check_version(connection, path, files)
    assert refusal(path).next_step == "upgrade Sayso"


@pytest.mark.parametrize("create", [False, True])
def test_a_database_that_says_no_format_is_of_an_older_build(tmp_path: Path, create: bool) -> None:
    """`older_build`, whatever its tables are, and not one byte changes (stores.md)."""
    path = make_file(tmp_path / "sayso.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("delete from meta where key like 'format/%'")
        connection.commit()
    before = path.read_bytes()
    assert refusal(path, create=create).code is Code.OLDER_BUILD
    with pytest.raises(ConfigError) as caught:
        plan_file(path)
    assert caught.value.code is Code.OLDER_BUILD
    assert path.read_bytes() == before


@pytest.mark.parametrize("create", [False, True])
def test_a_database_of_a_newer_format_is_refused(tmp_path: Path, create: bool) -> None:
    """Its rows mean what only a newer Sayso knows, though every table may be the same."""
    path = make_file(tmp_path / "sayso.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("insert into meta values ('format/000002', '9.9.9')")
        connection.commit()
    error = refusal(path, create=create)
    assert (error.code, error.next_step) == (Code.STORE_VERSION, "upgrade Sayso")


def test_a_new_file_says_the_format_that_this_code_writes(tmp_path: Path) -> None:
    """Whoever raises `FORMAT` adds the file that brings rows there."""
    with closing(open_connection(make_file(tmp_path / "sayso.db"), create=False)) as connection:
        assert stored_format(connection) == FORMAT


def test_a_plan_names_what_would_be_done_and_does_nothing(tmp_path: Path) -> None:
    """Also for a file that is not there yet, which it doesn't make."""
    path = tmp_path / "sayso.db"
    assert [step.number for step in plan_file(path).pending][-1] == schema_version()
    assert not path.exists()


def test_an_older_database_is_refused_until_it_is_migrated(tmp_path: Path) -> None:
    """`store_version`, with the command that helps."""
    path = tmp_path / "sayso.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma application_id = {APPLICATION_ID}")
        connection.execute("pragma user_version = 0")
    error = refusal(path)
    assert error.code is Code.STORE_VERSION
    assert error.next_step == "run `sayso migrate`"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("drop table rate", "table `rate`"),
        ("alter table request drop column wakes", "table `request`"),
        ("drop trigger stop_is_never_deleted", "trigger `stop_is_never_deleted`"),
        (OTHER_INDEX, "index `approval_by_action`"),
    ],
)
def test_a_database_that_is_not_what_its_version_makes_is_not_upgraded(
    tmp_path: Path, change: str, named: str
) -> None:
    """`store_version`, and not one byte changes: files of a build from before a release had the
    same numbers and other tables, and were upgraded halfway, then read wrongly (migrations.py)."""
    path = tmp_path / "sayso.db"
    with closing(open_connection(path, create=True)) as connection:
        migrate(connection)
        connection.executescript(change)
    before = path.read_bytes()
    with (
        closing(open_connection(path, create=False)) as connection,
        pytest.raises(ConfigError) as caught,
    ):
        migrate(connection, migrations=[*read_migrations("sqlite"), ADDS])
    assert caught.value.code is Code.STORE_VERSION
    assert named in caught.value.message
    assert f"version {schema_version()}" in caught.value.message
    assert path.read_bytes() == before


@pytest.mark.parametrize("at", [2, 7, 60, 120, 131])
async def test_a_crash_inside_a_migration_leaves_a_version_that_exists(
    tmp_path: Path, at: int
) -> None:
    """Each file is applied whole or not at all, and the next start finishes it."""
    path = tmp_path / "sayso.db"
    with worker(path, "die", at) as process:
        assert process.wait(_WAIT_S) == -signal.SIGKILL
    with closing(sqlite3.connect(path)) as connection:
        version = connection.execute("pragma user_version").fetchone()[0]
        tables = connection.execute("select count(*) from sqlite_master").fetchone()[0]
    assert (version == 0) == (tables == 0)
    store = SqliteStore(path, create=True)
    assert await store.write(lambda tx: tx.run("log.meta_insert", key="k", value="v")) == 1
    await store.close()


def test_processes_that_make_one_file_at_once_make_it_once(tmp_path: Path) -> None:
    """Whoever is second finds it made (migrations.py)."""
    for attempt in range(3):
        path = tmp_path / f"{attempt}.db"
        with worker(path, "migrate") as one, worker(path, "migrate") as two:
            assert [process.wait(_WAIT_S) for process in (one, two)] == [0, 0]
        with closing(open_connection(path, create=False)) as connection:
            assert migrate(connection) == schema_version()


def test_a_new_file_that_another_process_has_in_hand_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself waits for nobody where a file is switched to its log."""
    path = tmp_path / "new.db"
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("begin immediate")
        with pytest.raises(RetryableError) as busy:
            open_connection(path, create=True, busy_timeout_s=0.0)
        assert busy.value.code is Code.STORE_BUSY
        with ThreadPoolExecutor(1) as pool:
            opening = pool.submit(open_connection, path, create=True, busy_timeout_s=_WAIT_S)
            assert not wait([opening], timeout=0.2).done
            other.execute("rollback")
            with closing(opening.result(_WAIT_S)) as opened:
                assert opened.execute("pragma journal_mode").fetchone()[0] == "wal"


def test_whoever_waits_for_another_ones_migration_goes_on(tmp_path: Path) -> None:
    """The tables that appear while it waits are ours, not another program's (migrations.py)."""
    path = tmp_path / "sayso.db"
    with (
        closing(open_connection(path, create=True)) as first,
        closing(open_connection(path, create=True)) as second,
    ):
        overtaken = False

        def overtake(statement: str) -> None:
            nonlocal overtaken
            if not overtaken and statement.startswith("begin"):
                overtaken = True
                migrate(first)

        second.set_trace_callback(overtake)
        assert migrate(second) == schema_version()
        assert overtaken
