"""The contract of a store: rows, named queries and transactions. It knows no domain word."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias, TypeVar, runtime_checkable

from sayso.errors import SaysoError

SqlValue: TypeAlias = str | int | bytes | None
Row: TypeAlias = Mapping[str, SqlValue]
T = TypeVar("T")


class Reader(Protocol):
    """Reads one consistent snapshot by the names of queries in `store/sql/queries`."""

    @property
    def writes(self) -> bool:
        """Whether this is a `Transaction`: nobody else writes for its tenant meanwhile."""
        ...

    def one(self, query: str, /, **params: SqlValue) -> Row | None:
        """The first row of a named query, or None."""
        ...

    def all(self, query: str, /, **params: SqlValue) -> list[Row]:
        """All rows of a named query."""
        ...

    def each(self, query: str, params: Sequence[Mapping[str, SqlValue]], /) -> list[Row]:
        """The one row of a named query for each of these parameters, in one go.

        Args:
            query: has one row, whatever its parameters, as an aggregate without groups has.
        """
        ...

    def ahead(self, query: str, /, **params: SqlValue) -> None:
        """Say that this very query will be read next, in a transaction before anything is written.

        Several of them cost one wait for a server in place of one each. A write forgets those that
        were not read, since it may change their answers.
        """
        ...

    def recall(self, key: object) -> object | None:
        """What this unit, or an earlier one of the same commit, has remembered under `key`.

        Always None in a unit that only reads.
        """
        ...


class Transaction(Reader, Protocol):
    """Reads and writes; everything in it is committed together, or nothing is."""

    def run(self, query: str, /, **params: SqlValue) -> int:
        """Run a named statement; returns how many rows it changed.

        A query marked `(count unread)` may return -1 instead, without waiting for the database.
        One marked `(one row)` returns 1; where it changed another number of rows, its unit fails
        with `tampered`, at its end at the latest.
        """
        ...

    def before_commit(self, key: str, work: Callable[[Transaction], None]) -> None:
        """Run `work` once per `key` just before the commit that will hold this transaction.

        Where transactions share a commit, they share the call: it is for work that only the last
        of them needs, such as signing a tree's head.
        """
        ...

    def at_end(self, key: str, work: Callable[[Transaction], None]) -> None:
        """Run `work` once per `key` at the end of this unit, which fails with what it raises."""
        ...

    def remember(self, key: object, value: object) -> None:
        """Keep a value for this unit and those after it that share its commit.

        Nobody else writes for this tenant before that commit, so what was read or written once need
        not be read again. It is forgotten with the commit, and what a unit that fails remembered
        with the unit; so a value that changes has to be remembered anew, never changed in place.
        """
        ...


class Store(Protocol):
    """A database. Units of work are plain functions, so that they can be run on another thread.

    Guarantees: when `write` returns, the unit is durable (it survives a power loss); when it
    raises, nothing of the unit is stored. Units never see each other half done. A unit may be run
    on any thread, and again where the commit that it shares has failed or one of those in it has,
    or was not as brief as it was said to be, so it must touch nothing but its transaction.
    """

    async def write(
        self,
        work: Callable[[Transaction], T],
        *,
        tenant: str | None = None,
        about: str | None = None,
        brief: bool = False,
    ) -> T:
        """Run a unit of work in a transaction and wait until it is durable.

        Args:
            tenant: the only tenant whose rows the unit may see or change, where the database can
                hold it to that (docs/reference/stores.md); None for a unit that says so in each
                statement.
            about: the tenant that it is about. Where the database can (PostgreSQL), units about
                other tenants run meanwhile. A unit that turns out to reach beyond, with a statement
                that names somebody else or nobody and is not marked `(beside)`, is undone and run
                again alone, as one is that names no tenant at all. So naming it is only for speed.
            brief: the unit takes a millisecond at most, as a few rows by their keys do, and waits
                for nothing but the database. It may then be run on the caller's own event loop,
                which costs less than the turn of a thread; one that takes much longer is broken
                off there and run again on a thread.

        Raises:
            RetryableError: `store_busy`, when another process holds the lock for too long;
                `store_unavailable`, when the connection to a server was lost.
            OutcomeUnknownError: `store_unavailable`, when it was lost while the server committed
                and the server does not come back in time to be asked.
            ConfigError: `store_read_only`, `store_full`, `store_unavailable`.
        """
        ...

    async def read(
        self, work: Callable[[Reader], T], *, tenant: str | None = None, brief: bool = False
    ) -> T:
        """Run a unit that only reads, on one consistent snapshot; the others as with `write`."""
        ...

    async def version(self) -> int:
        """A number that differs after any process has committed; cheap, for wake-ups."""
        ...

    async def close(self) -> None:
        """Finish what was handed over, then let go of the database.

        From its beginning on, `write` and `read` raise `store_unavailable`; whoever closes once
        more waits until the first is done.
        """
        ...


def text(row: Row, column: str) -> str:
    """A column that holds text and is never null."""
    value = row[column]
    assert isinstance(value, str), column
    return value


def integer(row: Row, column: str) -> int:
    """A column that holds a whole number and is never null."""
    value = row[column]
    assert isinstance(value, int), column
    return value


def blob(row: Row, column: str) -> bytes:
    """A column that holds bytes and is never null."""
    value = row[column]
    assert isinstance(value, bytes), column
    return value


def text_or_none(row: Row, column: str) -> str | None:
    """A column that holds text or null."""
    value = row[column]
    assert value is None or isinstance(value, str), column
    return value


def integer_or_none(row: Row, column: str) -> int | None:
    """A column that holds a whole number or null."""
    value = row[column]
    assert value is None or isinstance(value, int), column
    return value


ROOM_BYTES: Final = 1024 * 1024
"""So much has to fit beside a database; the entries of some dozens of actions do."""


@runtime_checkable
class Roomed(Protocol):
    """A store that can tell whether it has room."""

    async def check_room(self) -> None:
        """Take some room and give it back at once; changes nothing that is stored.

        Raises:
            ConfigError: `store_full`, `store_read_only`, `store_unavailable`.
        """
        ...


async def check_room(store: Store) -> None:
    """The same for any store; one that cannot tell passes.

    Raises:
        ConfigError: `store_full`, `store_read_only`, `store_unavailable`.
    """
    if isinstance(store, Roomed):
        await store.check_room()


@runtime_checkable
class Examined(Protocol):
    """A store whose medium can be read as a whole, a part at a time, beside all other work."""

    @property
    def damage(self) -> SaysoError | None:
        """What a unit of this process could not read last; None once it was forgotten."""
        ...

    def forget_damage(self) -> None:
        """Take what could not be read for read again, after everything was examined."""
        ...

    async def parts(self) -> Sequence[str]:
        """What can be examined one by one: the whole where that is quick, else each table.

        Raises:
            ConfigError: `damaged`, when not even that can be read.
        """
        ...

    async def examine(self, part: str) -> None:
        """Read a part from the medium, on a connection of its own.

        Raises:
            ConfigError: `damaged`, naming the table, and the page where that is known.
            RetryableError: `store_busy`, `store_unavailable`.
        """
        ...


@runtime_checkable
class Scrubbed(Protocol):
    """A store that can clear its own files of what was deleted."""

    async def scrub(self, *, rewrite: bool = False) -> bool:
        """Clear the journal; with `rewrite`, write the whole file anew.

        Returns:
            Whether it is done; False while somebody else reads an older state.
        """
        ...
