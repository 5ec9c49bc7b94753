"""Schema versions in a SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from sayso.errors import Code, ConfigError
from sayso.store.migrations import (
    FORMAT_QUERY,
    Migration,
    MigrationPlan,
    check_format,
    expected_at,
    format_number,
    migration_steps,
    missing_steps,
    newer_version,
    numbers_of,
    other_shape,
    plain_words,
    read_migrations,
)

APPLICATION_ID = 0x53617953
"""Marks a SQLite file as ours (`SayS`), in its header."""

_APPLIED = "schema/"


def migrate(
    connection: sqlite3.Connection,
    *,
    only_pre: bool = False,
    migrations: Sequence[Migration] | None = None,
) -> int:
    """Bring a SQLite file to this code's version; returns the version it had.

    Args:
        only_pre: stop before the first `post` file: what may run before new code is deployed.
        migrations: all there are; ours when None.

    Guarantees: each file is applied in one transaction with its number, so that a crash leaves a
    version that exists; two processes at once apply it once. Another program's file is left as
    it is, and so is one that does not hold what its version makes.

    Raises:
        ConfigError: `older_build`, `store_version`; before anything is changed.
    """
    known = read_migrations("sqlite") if migrations is None else migrations
    before: int | None = None
    while True:
        connection.execute("begin immediate")
        try:
            # INVARIANT: looked at under the lock, or another process's tables would look foreign.
            version = _stored_version(connection)
            before = version if before is None else before
            step = None
            if not belongs_to_another(connection):
                step = _next_step(connection, known, version, only_pre=only_pre)
            if step is None:
                connection.execute("rollback")
                return before
            if version == before > 0:
                _check_shape(connection, known, version)
            _apply(connection, known, version, step)
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise


def plan_migration(connection: sqlite3.Connection) -> MigrationPlan:
    """What `migrate` would do to a SQLite file; changes nothing.

    Raises:
        ConfigError: as `migrate`, and `store_version` for a version that is newer than this code.
    """
    known = read_migrations("sqlite")
    version = _stored_version(connection)
    if version > known[-1].number:
        raise newer_version(version, known[-1].number)
    step = _next_step(connection, known, version)
    if step is not None and version > 0:
        _check_shape(connection, known, version)
    return MigrationPlan.of(known, version, _ahead(connection, version))


def _next_step(
    connection: sqlite3.Connection,
    known: Sequence[Migration],
    version: int,
    *,
    only_pre: bool = False,
) -> Migration | None:
    if version > 0:
        check_format(stored_format(connection))
    ahead = _ahead(connection, version)
    return next(iter(missing_steps(known, version, ahead, only_pre=only_pre)), None)


def _apply(
    connection: sqlite3.Connection, known: Sequence[Migration], version: int, step: Migration
) -> None:
    for statement in _statements(step.sql):
        connection.execute(statement)
    # For code that does not have the file, and so cannot know its phase.
    noted = [(f"{_APPLIED}{number:06d}", step.name) for number in numbers_of(step)]
    connection.executemany("insert into meta (key, value) values (?, ?)", noted)
    ahead = _ahead(connection, version)
    for next_one in migration_steps(known, version):
        if next_one.number not in ahead:
            break  # what is applied already is of a version that comes later
        version = next_one.number
    connection.execute(f"pragma user_version = {version}")
    connection.execute(f"pragma application_id = {APPLICATION_ID}")


def _ahead(connection: sqlite3.Connection, version: int) -> frozenset[int]:
    """The numbers of the files beyond its version that a SQLite file has."""
    there = connection.execute("select count(*) from sqlite_master where name = 'meta'").fetchone()
    if not there[0]:
        return frozenset()
    rows = connection.execute(
        "select key from meta where key > ? and key like ?",
        [f"{_APPLIED}{version:06d}", f"{_APPLIED}%"],
    ).fetchall()
    return frozenset(int(str(key).removeprefix(_APPLIED)) for (key,) in rows)


def belongs_to_another(connection: sqlite3.Connection) -> bool:
    """Whether the file was made by another program: not marked as ours, and not empty."""
    if connection.execute("pragma application_id").fetchone()[0] == APPLICATION_ID:
        return False
    row = connection.execute("select count(*) from sqlite_master").fetchone()
    return _stored_version(connection) > 0 or int(row[0]) > 0


def check_version(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration] | None = None
) -> None:
    """Refuse a file that is not ours or whose version does not fit this code.

    Processes are replaced one after the other, so a newer file is taken as long as only `pre` files
    are new to this code, and an older one as long as only `post` files are missing.

    Args:
        migrations: all that this code knows; ours when None.

    Raises:
        ConfigError: `not_a_database`, `older_build`, `store_version`.
    """
    version = _stored_version(connection)
    ours = connection.execute("pragma application_id").fetchone()[0] == APPLICATION_ID
    if not ours and not belongs_to_another(connection):
        raise ConfigError(
            Code.NOT_A_DATABASE,
            f"the database `{path.name}` is an empty file",
            next_step="bring back the file that was there, or run `sayso migrate`, which makes an "
            "empty one",
        )
    if not ours:
        raise ConfigError(
            Code.NOT_A_DATABASE,
            f"`{path.name}` is a SQLite file of another program",
            next_step="point `store.url` at a new file",
        )
    known = read_migrations("sqlite") if migrations is None else migrations
    if version > 0:
        check_format(stored_format(connection))
    newest = known[-1].number
    if version > newest and not _takes_older_code(connection, version, newest):
        raise newer_version(version, newest)
    # A version that was set to zero is not what its own notes of what was applied say.
    ahead = _ahead(connection, version) if version else frozenset[int]()
    if missing_steps(known, version, ahead, only_pre=True):
        raise ConfigError(
            Code.STORE_VERSION,
            f"the database `{path.name}` has version {version}, this Sayso needs {newest}",
            next_step="run `sayso migrate`",
        )


def _check_shape(connection: sqlite3.Connection, known: Sequence[Migration], version: int) -> None:
    """Refuse a file whose tables are not those of its version: no later file would fit it.

    Raises:
        ConfigError: `store_version`.
    """
    files, free = expected_at(known, version, _ahead(connection, version))
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        migrate(model, migrations=files)
        there = dict(_shape(connection))
        for part, words in _shape(model):
            if part not in free and there.get(part) != words:
                raise other_shape(version, f"{part[0]} `{part[1]}`")


def _shape(connection: sqlite3.Connection) -> Iterator[tuple[tuple[str, str], str]]:
    """Tables by their columns, indexes and triggers by their words."""
    rows = connection.execute(
        "select type, name, case type when 'table' then (select group_concat(name, ', ')"
        " from (select name from pragma_table_info(m.name) order by cid)) else sql end"
        " from sqlite_master m where sql is not null order by rowid"
    )
    for kind, name, words in rows:
        yield (str(kind), str(name)), plain_words(str(words))


def stored_format(connection: sqlite3.Connection) -> int:
    """The format that a SQLite file says; 0 where it says none."""
    there = connection.execute("select count(*) from sqlite_master where name = 'meta'").fetchone()
    if not there[0]:
        return 0
    return format_number(connection.execute(FORMAT_QUERY.format(meta="meta")).fetchone()[0])


def _takes_older_code(connection: sqlite3.Connection, version: int, known: int) -> bool:
    """Whether all that was applied after the files that this code knows is told to be `pre`."""
    rows = connection.execute(
        "select value from meta where key > ? and key <= ?",
        [f"{_APPLIED}{known:06d}", f"{_APPLIED}{version:06d}"],
    ).fetchall()
    return len(rows) == version - known and all("_pre_" in str(row[0]) for row in rows)


def _stored_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("pragma user_version").fetchone()[0])


def _statements(sql: str) -> list[str]:
    """Split a file into statements; a trigger's body is kept whole."""
    found: list[str] = []
    pending = ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    assert not pending.strip() or pending.strip().startswith("--"), "a statement has no end"
    return found
