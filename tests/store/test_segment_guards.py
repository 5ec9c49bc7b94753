"""What the databases themselves refuse, so that no entry is lost but with its segment."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from psycopg import errors
from store.segment_keeper import TENANT, Keeper

from sayso.errors import IntegrityError
from sayso.store.base import Store, Transaction
from sayso.store.postgres.connection import connect, connect_plainly
from sayso.store.postgres.store import PostgresStore
from sayso.store.sqlite.store import SqliteStore


def append_at(seq: int, tx: Transaction) -> None:
    """Put an entry at that index, beside the log's only writer."""
    tx.run("log.append", tenant=TENANT, seq=seq, body="{}")


@pytest.fixture
def keeper(store: Store, tmp_path: Path) -> Keeper:
    return Keeper(store, tmp_path / "segments")


@pytest.mark.promise("audit:pruned")
@pytest.mark.parametrize("size", [0, 256, 512])
async def test_nothing_is_marked_without_its_entry(keeper: Keeper, size: int) -> None:
    """The database refuses it, whoever asks; also out of order."""
    await keeper.enter(600)
    await keeper.seal()
    with pytest.raises(IntegrityError):
        await keeper.store.write(
            lambda tx: tx.run(
                "segment.prune", tenant=TENANT, first=256, to=512, was=256, pruned_seq=601
            )
        )
    with pytest.raises(IntegrityError):
        await keeper.store.write(lambda tx: keeper.mark(tx, size=size, first=256))
    assert await keeper.indexes() == list(range(602))


@pytest.mark.promise("audit:pruned")
async def test_no_entry_goes_that_is_younger_than_half_a_year(store: Store, tmp_path: Path) -> None:
    """AI Act, Art. 19: by the database's own clock, whatever a program believes."""
    keeper = Keeper(store, tmp_path, start=datetime.now(UTC) - timedelta(days=182))
    await keeper.enter(299)
    await keeper.seal()
    with pytest.raises(IntegrityError):
        await keeper.prune()
    assert len(await keeper.indexes()) == 301


@pytest.mark.promise("audit:pruned")
async def test_the_first_index_is_not_taken_a_second_time(keeper: Keeper) -> None:
    """Dense from the first entry on, also when that is gone."""
    await keeper.enter(300)
    await keeper.seal()
    await keeper.prune()
    for seq in (0, 1, 255, 304):
        with pytest.raises(IntegrityError):
            await keeper.store.write(partial(append_at, seq))


@pytest.mark.promise("audit:sealed")
async def test_a_segment_needs_its_entry(keeper: Keeper) -> None:
    """No row of a segment without the entry that tells of its file."""
    await keeper.enter(300)
    with pytest.raises(IntegrityError):
        await keeper.store.write(
            lambda tx: tx.run(
                "segment.insert",
                tenant=TENANT,
                first=0,
                count=256,
                root=bytes(32),
                tile=bytes(32),
                rotations="[]",
                file="x",
                bytes=1,
                sha256="",
                sealed_seq=299,
            )
        )


@pytest.mark.promise("audit:sealed")
async def test_rows_that_are_not_the_signed_ones_stay_as_they_are(tmp_path: Path) -> None:
    """Neither sealed nor pruned, since a file of them would make a forgery look kept."""
    path = tmp_path / "sayso.db"
    keeper = Keeper(SqliteStore(path, create=True), tmp_path / "segments")
    await keeper.enter(600)
    change(path, "update log_entry set body = replace(body, 'agt_1', 'agt_2') where seq = 300")
    with pytest.raises(IntegrityError):
        await keeper.seal()
    assert not list(keeper.segments.folder.glob("*/*.gz"))
    change(path, "update log_entry set body = replace(body, 'agt_2', 'agt_1') where seq = 300")
    await keeper.seal()
    change(path, "update log_entry set body = replace(body, 'agt_1', 'agt_2') where seq = 300")
    with pytest.raises(IntegrityError):
        await keeper.prune()
    assert (await keeper.indexes())[0] == 256, "the first segment was right, and went"
    await keeper.store.close()


def change(path: Path, statement: str) -> None:
    """What somebody does who can write the file."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("drop trigger if exists log_entry_is_never_changed")
    assert connection.execute(statement).rowcount == 1
    connection.close()


DELETIONS = (
    "delete from log_entry where seq = 0",
    "delete from log_segment",
    "update log_segment set pruned_to = 256 where first = 0",
    "update log_segment set pruned_to = 256, pruned_seq = 601 where first = 0",
    "update log_segment set rotations = 'none'",
    "update log_segment set first = 1024, pruned_to = 1024",
    (
        "insert into log_segment select tenant, 512, count, root, tile, rotations, file, bytes,"
        " sha256, sealed_seq, 512, null from log_segment where first = 0"
    ),
)


@pytest.mark.promise("audit:pruned")
@pytest.mark.parametrize("statement", DELETIONS)
async def test_sqlite_gives_nothing_up(tmp_path: Path, statement: str) -> None:
    """Whoever opens the file, as long as they let the triggers be."""
    path = tmp_path / "sayso.db"
    keeper = Keeper(SqliteStore(path, create=True), tmp_path / "segments")
    await keeper.enter(600)
    await keeper.seal()
    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    connection.close()
    assert await keeper.indexes() == list(range(602))
    await keeper.store.close()


@pytest.mark.promise("audit:pruned")
@pytest.mark.parametrize("statement", [*DELETIONS, "truncate log_segment", "truncate log_entry"])
async def test_postgres_gives_nothing_up(postgres_url: str, tmp_path: Path, statement: str) -> None:
    """Neither the workers' login, nor the owner, nor a superuser without replication."""
    keeper = Keeper(PostgresStore(postgres_url), tmp_path / "segments")
    await keeper.enter(600)
    await keeper.seal()
    with connect_plainly(postgres_url) as superuser:
        superuser.execute("set search_path to sayso; set app.tenant = '*'")
        superuser.execute("set session_replication_role = replica")
        with pytest.raises((errors.IntegrityError, errors.FeatureNotSupported)):
            superuser.execute(statement.encode())
    with connect(postgres_url) as app:
        app.execute("set app.tenant = '*'")
        with pytest.raises((errors.InsufficientPrivilege, errors.IntegrityError)):
            app.execute(statement.encode())
    assert await keeper.indexes() == list(range(602))
    await keeper.store.close()
