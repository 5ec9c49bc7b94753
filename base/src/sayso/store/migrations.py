"""Schema versions: numbered SQL files, applied once each, in order.

A new database begins with the base, one file that makes version 33. A database of a released
version that is older goes there by files of its own (`0032_pre_from_0028`, `0033_post_unused`).
Every later change is the next number, one file for both stores (`store/dialect.py`): the highest in
`sql/migrations` and one. A `pre` file needs no `post` file before it: that one may wait still.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from importlib import resources
from typing import Self

from sayso.errors import Code, ConfigError
from sayso.store.dialect import Dialect, sql_for

FORMAT = 1
"""What rows and entries mean. Every released database says its own in `meta`, by the key
`format/000001` and so on; one that says none is of a build from before the first release. A release
that gives them another meaning adds a file that brings rows there and inserts the next number."""

COPYING = "format/copying"
"""Stands among the formats while rows are copied into a database (`store/transfer.py`), and sorts
behind every number: whoever looks for the format meets it, code of before included."""
_HALF_COPIED = -1

FORMAT_QUERY = "select max(key) from {meta} where key like 'format/%'"

_FILE = re.compile(r"(\d{4})_(pre|post)_(?:(base)|from_(\d{4})|\w+)\.sql")
_TOUCHED = re.compile(
    r"^(?:create|drop|alter) (?:unique )?(table|index|trigger) (?:if exists )?(\w+)", re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One numbered file.

    Attributes:
        number: the version that it makes.
        name: the file's, such as `0033_pre_base`.
        phase: `pre` files run before new code is deployed and must leave old code working; `post`
            files run after it.
        since: the version that it is applied to; 0 for the base.
    """

    number: int
    name: str
    phase: str
    sql: str
    since: int

    def touched(self) -> set[tuple[str, str]]:
        """The tables, indexes and triggers that it makes, changes or drops, as (kind, name)."""
        return set(_TOUCHED.findall(self.sql.lower()))


@functools.cache
def read_migrations(dialect: Dialect) -> tuple[Migration, ...]:
    """The migrations of a store, lowest first."""
    folder = resources.files("sayso.store") / "sql" / "migrations"
    found: list[Migration] = []
    for file in folder.iterdir():
        if match := _FILE.fullmatch(file.name):
            number = int(match[1])
            found.append(
                Migration(
                    number=number,
                    name=file.name.removesuffix(".sql"),
                    phase=match[2],
                    sql=sql_for(dialect, file.read_text(encoding="utf-8")),
                    since=0 if match[3] else int(match[4] or number - 1),
                )
            )
    known = tuple(sorted(found, key=lambda migration: (migration.number, migration.since)))
    assert len({migration.since for migration in known}) == len(known), "two files begin at one"
    assert known[-1].number in {step.number for step in migration_steps(known, 0)}
    return known


def schema_version() -> int:
    """The version that this code expects."""
    return read_migrations("sqlite")[-1].number


def migration_steps(known: Sequence[Migration], version: int) -> tuple[Migration, ...]:
    """The files that a database lacks, in the order in which they are applied.

    Args:
        version: that it has; 0 for a new one.

    Raises:
        ConfigError: `older_build`, for a version that no release has made.
    """
    by_start = {migration.since: migration for migration in known}
    steps: list[Migration] = []
    while version < known[-1].number:
        if version not in by_start:
            raise older_build()
        steps.append(by_start[version])
        version = steps[-1].number
    return tuple(steps)


def applied_of(numbers: Iterable[int]) -> tuple[int, frozenset[int]]:
    """The version by the numbers that a database has noted, and what was applied ahead of it.

    A `pre` file may be applied while a `post` file before it waits for the servers to be replaced.
    """
    noted = sorted(numbers)
    version = noted[0] if noted else 0
    while version + 1 in noted:
        version += 1
    return version, frozenset(number for number in noted if number > version)


def missing_steps(
    known: Sequence[Migration], version: int, ahead: Set[int], *, only_pre: bool = False
) -> tuple[Migration, ...]:
    """The files that a database lacks, lowest first.

    Args:
        ahead: the numbers of those beyond its version that it has.
        only_pre: those alone that may be applied before new code is deployed.

    Raises:
        ConfigError: `older_build`.
    """
    steps = (step for step in migration_steps(known, version) if step.number not in ahead)
    return tuple(step for step in steps if not only_pre or step.phase == "pre")


def numbers_of(step: Migration) -> range:
    """The numbers under which a file is noted, for code that knows only some of them."""
    return range(step.since + 1 if step.since else step.number, step.number + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationPlan:
    """What a migration would do.

    Attributes:
        version: that the database has; 0 where there is none yet.
        pending: the files that it lacks, those first that may be applied while old code runs.
    """

    version: int
    pending: tuple[Migration, ...]

    @property
    def before_deploy(self) -> tuple[Migration, ...]:
        """The `pre` files, under which the old code goes on."""
        return tuple(one for one in self.pending if one.phase == "pre")

    @classmethod
    def of(cls, known: Sequence[Migration], version: int, ahead: Set[int] = frozenset()) -> Self:
        """What a database of a version lacks.

        Raises:
            ConfigError: `older_build`.
        """
        missing = missing_steps(known, version, ahead)
        return cls(
            version=version,
            pending=tuple(sorted(missing, key=lambda step: (step.phase != "pre", step.number))),
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
        ConfigError: `older_build`; `store_version` for a format that a newer Sayso writes;
            `store_half_copied`.
    """
    if found == _HALF_COPIED:
        raise ConfigError(
            Code.STORE_HALF_COPIED,
            "a copy into this database was begun, and has not ended",
            next_step="run the `sayso store copy` once more that began it, which begins anew; the"
            " database that it copies is as it was",
        )
    if found == 0:
        raise older_build()
    if found > FORMAT:
        raise ConfigError(
            Code.STORE_VERSION,
            f"the database has format {found}, this Sayso knows {FORMAT}",
            next_step="upgrade Sayso",
        )


def older_build() -> ConfigError:
    """Say that no release has made a database, so that nobody knows what its rows mean."""
    return ConfigError(
        Code.OLDER_BUILD,
        "the database was made by a build from before the first release, whose rows and"
        " entries mean something else; nothing was changed",
        next_step="go on in a new workspace (`sayso init`); keep this one as it is with the"
        " build that made it, which reads and verifies its log",
    )


def format_number(key: object) -> int:
    """The format by the highest of its keys in `meta`; 0 where there is none, or no such number."""
    if key == COPYING:
        return _HALF_COPIED
    number = str(key or "").removeprefix("format/")
    return int(number) if number.isascii() and number.isdigit() else 0


def other_shape(version: int, what: str) -> ConfigError:
    """Say that a database does not hold what its version makes.

    Args:
        what: what it lacks or has otherwise, such as ``table `hold` ``.
    """
    return ConfigError(
        Code.STORE_VERSION,
        f"the database has version {version}, but its {what} is not as that version makes it;"
        " nothing was changed",
        next_step="where somebody changed it, make it as its statement says, which"
        " `sayso migrate --sql` prints; a database of a build from before a release is not"
        " upgraded, so begin a new one",
    )


def expected_at(
    known: Sequence[Migration], version: int, ahead: Set[int] = frozenset()
) -> tuple[tuple[Migration, ...], frozenset[tuple[str, str]]]:
    """What a database of a version has to hold.

    Returns:
        The files that make it in a new database, and the parts, as (kind, name), that may be
        otherwise: of a version before the base no file is kept, so it has to be as the base but for
        what the files on the way there touch.
    """
    first, *later = migration_steps(known, 0)
    beyond = [step for step in later if step.number in ahead]
    free = frozenset(part for step in beyond for part in step.touched())
    if version >= first.number:
        return (first, *(step for step in later if step.number <= version)), free
    way = (step for step in migration_steps(known, version) if step.number <= first.number)
    return (first,), free | {part for step in way for part in step.touched()}


def plain_words(sql: str) -> str:
    """A statement without its lines, which mean nothing."""
    return " ".join(sql.split())
