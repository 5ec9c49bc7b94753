"""Schema versions: numbered SQL files, applied once each, in order."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from sayso.errors import Code, ConfigError

APPLICATION_ID = 0x53617953
"""Marks a SQLite file as ours (`SayS`), in its header."""

_FILE = re.compile(r"(\d{4})_(pre|post)_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One numbered file.

    Attributes:
        name: the file's, such as `0001_pre_spine`.
        phase: `pre` files run before new code is deployed and must leave old code working; `post`
            files run after it.
    """

    number: int
    name: str
    phase: str
    sql: str


def read_migrations(dialect: str) -> list[Migration]:
    """The migrations of a dialect, lowest first."""
    folder = resources.files("sayso.store") / "sql" / dialect
    found = sorted(
        (
            Migration(
                number=int(match[1]),
                name=file.name.removesuffix(".sql"),
                phase=match[2],
                sql=file.read_text(encoding="utf-8"),
            )
            for file in folder.iterdir()
            if (match := _FILE.fullmatch(file.name))
        ),
        key=lambda migration: migration.number,
    )
    numbers = [migration.number for migration in found]
    assert numbers == list(range(1, len(found) + 1)), "numbers have a gap"
    return found


def sql_folder(dialect: str) -> str:
    """Where the files of a dialect are, for a message."""
    return str(resources.files("sayso.store") / "sql" / dialect)


def migration_files(dialect: str) -> list[tuple[int, str]]:
    """The migrations of a dialect as (number, SQL), lowest first."""
    return [(migration.number, migration.sql) for migration in read_migrations(dialect)]


def schema_version(dialect: str = "sqlite") -> int:
    """The version that this code expects."""
    return len(migration_files(dialect))


def migrate(connection: sqlite3.Connection, *, to: int | None = None) -> int:
    """Bring a SQLite file to this code's version; returns the version it had.

    Args:
        to: stop at this version; None for the newest.

    Guarantees: each file is applied in one transaction with its number, so that a crash leaves a
    version that exists; two processes at once apply it once. Another program's file is left as
    it is, and so is one that does not hold what its version makes.

    Raises:
        ConfigError: `store_version`, before anything is changed.
    """
    before: int | None = None
    for number, sql in migration_files("sqlite")[:to]:
        connection.execute("begin immediate")
        try:
            # INVARIANT: looked at under the lock, or another process's tables would look foreign.
            if belongs_to_another(connection):
                connection.execute("rollback")
                return _stored_version(connection)
            version = _stored_version(connection)
            before = version if before is None else before
            if number > version:
                if version == before > 0:
                    _check_shape(connection, version)
                for statement in _statements(sql):
                    connection.execute(statement)
                connection.execute(f"pragma user_version = {number}")
                connection.execute(f"pragma application_id = {APPLICATION_ID}")
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
    return before or 0


def belongs_to_another(connection: sqlite3.Connection) -> bool:
    """Whether the file was made by another program: not marked as ours, and not empty."""
    if connection.execute("pragma application_id").fetchone()[0] == APPLICATION_ID:
        return False
    row = connection.execute("select count(*) from sqlite_master").fetchone()
    return _stored_version(connection) > 0 or int(row[0]) > 0


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is not ours or has another version.

    Raises:
        ConfigError: `not_a_database`, `store_version`.
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
    expected = schema_version()
    if version > expected:
        raise ConfigError(
            Code.STORE_VERSION,
            f"the database `{path.name}` has version {version}, this Sayso knows {expected}",
            next_step="upgrade Sayso",
        )
    if version < expected:
        raise ConfigError(
            Code.STORE_VERSION,
            f"the database `{path.name}` has version {version}, this Sayso needs {expected}",
            next_step="run `sayso migrate`",
        )


def other_shape(version: int, what: str, dialect: str) -> ConfigError:
    """Say that a database does not hold what its version makes.

    Args:
        what: what it lacks or has otherwise, such as ``table `hold` ``.
    """
    return ConfigError(
        Code.STORE_VERSION,
        f"the database has version {version}, but its {what} is not as that version makes it;"
        " nothing was changed",
        next_step=f"where somebody changed it, make it as its statement in {sql_folder(dialect)}"
        " says; a database of a build from before a release is not upgraded, so begin a new one",
    )


def _check_shape(connection: sqlite3.Connection, version: int) -> None:
    """Refuse a file whose tables are not those of its version: no later file would fit it.

    Raises:
        ConfigError: `store_version`.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        migrate(model, to=version)
        there = _shape(connection)
        for (kind, name), words in _shape(model).items():
            if there.get((kind, name)) != words:
                raise other_shape(version, f"{kind} `{name}`", "sqlite")


def _shape(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Tables by their columns, indexes and triggers by their text."""
    rows = connection.execute(
        "select type, name, case type when 'table' then (select group_concat(name, ', ')"
        " from (select name from pragma_table_info(m.name) order by cid)) else sql end"
        " from sqlite_master m where sql is not null order by rowid"
    )
    return {(str(kind), str(name)): str(words) for kind, name, words in rows}


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
