"""Schema versions: numbered SQL files, applied once each, in order."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from itertools import takewhile
from pathlib import Path

from sayso.errors import Code, ConfigError

APPLICATION_ID = 0x53617953
"""Marks a SQLite file as ours (`SayS`), in its header."""

FORMAT = 1
"""What rows and entries mean. Every released database says its own in `meta`, by the key
`format/000001` and so on; one that says none is of a build from before the first release. A release
that gives them another meaning adds a file that brings rows there and inserts the next number."""

FORMAT_QUERY = "select max(key) from {meta} where key like 'format/%'"

_APPLIED = "schema/"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationPlan:
    """What a migration would do.

    Attributes:
        version: that the database has; 0 where there is none yet.
        pending: the files that it lacks, lowest first.
    """

    version: int
    pending: tuple[Migration, ...]

    @property
    def before_deploy(self) -> tuple[Migration, ...]:
        """Those before the first `post` file, under which the old code goes on."""
        return tuple(takewhile(lambda one: one.phase == "pre", self.pending))


def migrate(
    connection: sqlite3.Connection,
    *,
    to: int | None = None,
    only_pre: bool = False,
    migrations: Sequence[Migration] | None = None,
) -> int:
    """Bring a SQLite file to this code's version; returns the version it had.

    Args:
        to: stop at this version; None for the newest.
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
    for migration in known[:to]:
        connection.execute("begin immediate")
        try:
            # INVARIANT: looked at under the lock, or another process's tables would look foreign.
            if belongs_to_another(connection):
                connection.execute("rollback")
                return _stored_version(connection)
            version = _stored_version(connection)
            before = version if before is None else before
            if migration.number > version:
                if only_pre and migration.phase == "post":
                    connection.execute("rollback")
                    return before
                if version == before > 0:
                    check_format(stored_format(connection))
                    _check_shape(connection, known[:version])
                _apply(connection, migration)
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
    return before or 0


def plan_migration(connection: sqlite3.Connection) -> MigrationPlan:
    """What `migrate` would do to a SQLite file; changes nothing.

    Raises:
        ConfigError: as `migrate`, and `store_version` for a version that is newer than this code.
    """
    known = read_migrations("sqlite")
    version = _stored_version(connection)
    if version > 0:
        check_format(stored_format(connection))
    if version > len(known):
        raise newer_version(version, len(known))
    if 0 < version < len(known):
        _check_shape(connection, known[:version])
    return MigrationPlan(version=version, pending=tuple(known[version:]))


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    for statement in _statements(migration.sql):
        connection.execute(statement)
    # For code that does not have the file, and so cannot know its phase.
    key = f"{_APPLIED}{migration.number:06d}"
    connection.execute("insert into meta (key, value) values (?, ?)", [key, migration.name])
    connection.execute(f"pragma user_version = {migration.number}")
    connection.execute(f"pragma application_id = {APPLICATION_ID}")


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
    if version > len(known) and not _takes_older_code(connection, version, len(known)):
        raise newer_version(version, len(known))
    if any(migration.phase == "pre" for migration in known[version:]):
        raise ConfigError(
            Code.STORE_VERSION,
            f"the database `{path.name}` has version {version}, this Sayso needs {len(known)}",
            next_step="run `sayso migrate`",
        )


def newer_version(version: int, known: int) -> ConfigError:
    """Say that a database holds what this code does not know."""
    return ConfigError(
        Code.STORE_VERSION,
        f"the database has version {version}, this Sayso knows {known}",
        next_step="upgrade Sayso",
    )


def check_format(found: int) -> None:
    """Refuse a database whose rows and entries mean something else than this code takes them for.

    Args:
        found: the highest format that the database says; 0 where it says none.

    Raises:
        ConfigError: `older_build`; `store_version` for a format that a newer Sayso writes.
    """
    if found == 0:
        raise ConfigError(
            Code.OLDER_BUILD,
            "the database was made by a build from before the first release, whose rows and"
            " entries mean something else; nothing was changed",
            next_step="go on in a new workspace (`sayso init`); keep this one as it is with the"
            " build that made it, which reads and verifies its log",
        )
    if found > FORMAT:
        raise ConfigError(
            Code.STORE_VERSION,
            f"the database has format {found}, this Sayso knows {FORMAT}",
            next_step="upgrade Sayso",
        )


def format_number(key: object) -> int:
    """The format by the highest of its keys in `meta`; 0 where there is none, or no such number."""
    number = str(key or "").removeprefix("format/")
    return int(number) if number.isascii() and number.isdigit() else 0


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


def _check_shape(connection: sqlite3.Connection, applied: Sequence[Migration]) -> None:
    """Refuse a file whose tables are not those of its version: no later file would fit it.

    Raises:
        ConfigError: `store_version`.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        migrate(model, migrations=applied)
        there = _shape(connection)
        for (kind, name), words in _shape(model).items():
            if there.get((kind, name)) != words:
                raise other_shape(len(applied), f"{kind} `{name}`", "sqlite")


def _shape(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Tables by their columns, indexes and triggers by their text."""
    rows = connection.execute(
        "select type, name, case type when 'table' then (select group_concat(name, ', ')"
        " from (select name from pragma_table_info(m.name) order by cid)) else sql end"
        " from sqlite_master m where sql is not null order by rowid"
    )
    return {(str(kind), str(name)): str(words) for kind, name, words in rows}


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
