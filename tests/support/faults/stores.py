"""`TappedStore`: a store that tells of each statement, so that something can go wrong there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from sayso.store.base import Reader, Row, SqlValue, Store, Transaction

T = TypeVar("T")
Passing = Callable[[str], None]

UNIT_END = "unit end"
COMMITTED = "committed"
FAILED = "failed"


class TappedStore:
    """Hands everything on to a store, and tells the name of each point before it is passed.

    | name | when |
    |---|---|
    | `read QUERY` | before a named query of a unit that only reads |
    | `write QUERY` | before a named query or statement of a unit that writes |
    | `unit end` | after a unit's last statement, before anything is committed |
    | `committed` | after the commit, before whoever waits hears of it |
    | `failed` | after a unit that writes has failed, before whoever waits hears of it |

    Args:
        store: the real one; closed with this one.
        passing: called with the name, on the store's own thread (`committed` and `failed`: on
            the caller's); an error that it raises is raised there. A `Points`, usually.
    """

    def __init__(self, store: Store, passing: Passing) -> None:
        self._store = store
        self.passing = passing

    async def write(
        self,
        work: Callable[[Transaction], T],
        *,
        tenant: str | None = None,
        about: str | None = None,
        brief: bool = False,  # what is tapped may be held up
    ) -> T:
        def tapped(tx: Transaction) -> T:
            result = work(_TappedTransaction(tx, self._pass))
            self._pass(UNIT_END)
            return result

        try:
            result = await self._store.write(tapped, tenant=tenant, about=about)
        except Exception:
            self._pass(FAILED)
            raise
        self._pass(COMMITTED)
        return result

    async def read(
        self,
        work: Callable[[Reader], T],
        *,
        tenant: str | None = None,
        brief: bool = False,
    ) -> T:
        return await self._store.read(
            lambda reader: work(_TappedReader(reader, self._pass)), tenant=tenant
        )

    async def version(self) -> int:
        return await self._store.version()

    async def close(self) -> None:
        await self._store.close()

    def _pass(self, name: str) -> None:
        self.passing(name)


class _TappedReader:
    def __init__(self, reader: Reader, passing: Passing, word: str = "read") -> None:
        self._reader = reader
        self._passing = passing
        self._word = word
        self.writes = reader.writes

    def one(self, query: str, /, **params: SqlValue) -> Row | None:
        self._passing(f"{self._word} {query}")
        return self._reader.one(query, **params)

    def all(self, query: str, /, **params: SqlValue) -> list[Row]:
        self._passing(f"{self._word} {query}")
        return self._reader.all(query, **params)

    def each(self, query: str, params: Sequence[Mapping[str, SqlValue]], /) -> list[Row]:
        self._passing(f"{self._word} {query}")
        return self._reader.each(query, params)

    def ahead(self, query: str, /, **params: SqlValue) -> None:
        self._reader.ahead(query, **params)

    def recall(self, key: object) -> object | None:
        return self._reader.recall(key)


class _TappedTransaction(_TappedReader):
    def __init__(self, tx: Transaction, passing: Passing) -> None:
        super().__init__(tx, passing, "write")
        self._tx = tx

    def run(self, query: str, /, **params: SqlValue) -> int:
        self._passing(f"{self._word} {query}")
        return self._tx.run(query, **params)

    def before_commit(self, key: str, work: Callable[[Transaction], None]) -> None:
        passing = self._passing
        self._tx.before_commit(key, lambda tx: work(_TappedTransaction(tx, passing)))

    def at_end(self, key: str, work: Callable[[Transaction], None]) -> None:
        passing = self._passing
        self._tx.at_end(key, lambda tx: work(_TappedTransaction(tx, passing)))

    def remember(self, key: object, value: object) -> None:
        self._tx.remember(key, value)
