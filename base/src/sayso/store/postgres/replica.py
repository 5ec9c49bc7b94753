"""A standby beside a store: what only looks is read there, as old as it says it is."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sayso.errors import Code, ConfigError, IntegrityError, RetryableError, SaysoError
from sayso.store.base import Reader, integer, integer_or_none, text
from sayso.store.replica import Looking

logger = logging.getLogger("sayso.store")
T = TypeVar("T")

CATCH_UP_S = 1.0
"""So long a call that has written waits for the replica to have that."""
_GRACE_S = 0.2
"""So long it is let catch up before it is called old: after a pause the last commit that it has
may be hours old, and the next one is on its way."""
_PAUSE_S = 0.02
_AWAY_S = 5.0
"""So long nobody tries again what could not be read."""
_MARKS = 600
_COMPARED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaPlan:
    """How a replica is used.

    Attributes:
        url: of the standby.
        most_s: the oldest that is read. falls_back: else the primary is read in its place.
    """

    url: str
    most_s: int
    falls_back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """Where the primary was: a position in its journal, and the time in µs, by its clock."""

    flushed: int
    at: int
    identity: str


class ReadingStore(Protocol):
    """The store of the replica."""

    async def read(self, work: Callable[[Reader], T], *, tenant: str | None = None) -> T:
        """See `Store.read`."""
        ...

    async def close(self) -> None:
        """See `Store.close`."""
        ...


class OwnRead(Protocol):
    """Reads from the primary."""

    def __call__(self, work: Callable[[Reader], T], tenant: str | None) -> Awaitable[T]: ...


class _BehindError(Exception):
    """The replica has not yet what it must have; it is waited for."""


class Replica:
    """Reads for calls that only look.

    Args:
        opening: opens the standby; blocks.
        own: reads from the primary.

    Guarantees: nothing is read from what is no standby of the primary's database, whose newest
    entries are the primary's too, and nothing that is older than the plan allows. The age is by the
    primary's clock alone: a replica that has all that the primary had when it was asked is as of
    that moment, however long ago anything was written.
    """

    def __init__(
        self, plan: ReplicaPlan, opening: Callable[[], ReadingStore], own: OwnRead
    ) -> None:
        self._plan = plan
        self._opening = opening
        self._own = own
        self._store: ReadingStore | None = None
        self._turn = asyncio.Lock()
        self._marks: deque[tuple[int, int]] = deque(maxlen=_MARKS)
        self._is_proven = False
        self._away: tuple[float, SaysoError] | None = None
        self._said = ""

    async def read(self, call: Looking, work: Callable[[Reader], T], tenant: str | None) -> T:
        """What the work gives, from the replica; from the primary where it cannot be read.

        Raises:
            ConfigError, RetryableError: `store_replica`, where the plan has no falling back.
        """
        if call.instead:
            return await self._own(work, tenant)
        try:
            done, age_s = await self._read(call, work, tenant)
        except IntegrityError:
            raise
        except SaysoError as error:
            if not self._plan.falls_back:
                raise
            if error.code is Code.STORE_REPLICA:
                call.instead = error.message
                self._say(call.instead)
            # What it refuses may only be too new for it: the primary says what is so.
            return await self._own(work, tenant)
        call.age_s = max(age_s, call.age_s or 0)
        call.wrote = False
        self._said = ""
        return done

    async def age(self) -> int:
        """How old it is now, in whole seconds.

        Raises:
            ConfigError, RetryableError: `store_replica`.
        """
        return (await self._read(Looking(), lambda reader: None, None))[1]

    async def close(self) -> None:
        """Let go of the standby."""
        async with self._turn:
            if self._store is not None:
                await self._store.close()
                self._store = None

    async def _read(
        self, call: Looking, work: Callable[[Reader], T], tenant: str | None
    ) -> tuple[T, int]:
        if self._away is not None and time.monotonic() < self._away[0]:
            raise self._away[1]
        mark, sees_all = call.mark, call.wrote
        if sees_all or not isinstance(mark, _Mark):
            mark = call.mark = await self._primary()
        began = time.monotonic()
        while True:
            waits = call.age_s is None and time.monotonic() < began + _GRACE_S
            try:
                return await self._of_standby(work, tenant, mark, sees_all=sees_all, waits=waits)
            except _BehindError as error:
                if time.monotonic() > began + CATCH_UP_S:
                    stale = _stale(str(error))
                    if not sees_all:  # for everybody, not for this call alone
                        self._away = (time.monotonic() + _AWAY_S, stale)
                    raise stale from None
                await asyncio.sleep(_PAUSE_S)

    async def _of_standby(
        self,
        work: Callable[[Reader], T],
        tenant: str | None,
        mark: _Mark,
        *,
        sees_all: bool,
        waits: bool,
    ) -> tuple[T, int]:
        marks = tuple(self._marks)
        began: list[bool] = []

        def measured(reader: Reader) -> tuple[T, int]:
            age = _age(reader, mark, marks)
            if (sees_all and age.replayed < mark.flushed) or (waits and age.seconds > 1):
                raise _BehindError("it has not yet what was just written")
            if age.seconds > self._plan.most_s:
                raise _stale(f"it is {age.seconds:,} s behind, and may be {self._plan.most_s:,}")
            began.append(True)
            return work(reader), age.seconds

        try:
            store = await self._opened()
            return await store.read(measured, tenant=tenant)
        except SaysoError as error:
            if error.code not in _OF_THE_STORE:
                raise
            why = error if error.code is Code.STORE_REPLICA else _away(error)
            if not began:
                self._away = (time.monotonic() + _AWAY_S, why)
                self._is_proven = False
            raise why from None

    async def _primary(self) -> _Mark:
        row = await self._own(lambda reader: reader.one("replica.primary"), None)
        assert row is not None, "it has one row"
        mark = _Mark(
            flushed=integer(row, "flushed"),
            at=integer(row, "at"),
            identity=text(row, "identity"),
        )
        self._marks.append((mark.flushed, mark.at))
        return mark

    async def _opened(self) -> ReadingStore:
        async with self._turn:
            if self._store is None:
                loop = asyncio.get_running_loop()
                opened: ReadingStore = await loop.run_in_executor(None, self._opening)
                self._store = opened
            if not self._is_proven:
                await self._prove(self._store)
                self._is_proven = True
            return self._store

    async def _prove(self, store: ReadingStore) -> None:
        """That the newest entries of its logs stand at the same place of the primary's."""
        mark = await self._primary()

        def newest(reader: Reader) -> list[tuple[str, int, str]]:
            _age(reader, mark, ())
            rows = reader.all("replica.newest_entries", limit=_COMPARED)
            return [(text(row, "tenant"), integer(row, "seq"), text(row, "body")) for row in rows]

        def same(reader: Reader) -> bool:
            for tenant, seq, body in theirs:
                rows = reader.all("log.bodies", tenant=tenant, from_seq=seq, limit=1)
                if not rows:  # pruned long ago, or not to be seen here for another instant
                    raise _BehindError("the primary has not its newest entries")
                if text(rows[0], "body") != body:
                    return False
            return True

        theirs = await store.read(newest)
        if not await self._own(same, None):
            raise _other("its log is not the log of `store.url`")

    def _say(self, why: str) -> None:
        """Say it once; they are words of this file and of `errors`, and quote nobody."""
        if self._said != why:
            self._said = why
            logger.warning("%s; the primary is read in its place", why)


@dataclass(frozen=True, slots=True)
class _Age:
    replayed: int
    seconds: int


def _age(reader: Reader, mark: _Mark, marks: tuple[tuple[int, int], ...]) -> _Age:
    """How old this snapshot of a standby is.

    Raises:
        ConfigError: `store_replica`, when it is none of that primary.
    """
    row = reader.one("replica.standby")
    assert row is not None, "it has one row"
    if not integer(row, "follows"):
        raise _other("it is no standby: it takes writes of its own")
    if text(row, "identity") != mark.identity:
        raise _other("it is a standby of another database")
    replayed = integer(row, "replayed")
    if replayed >= mark.flushed:
        return _Age(replayed, 0)
    # Positions that it has passed, and the last commit that it has: it is as of the latest of them.
    passed = max((at for flushed, at in marks if flushed <= replayed), default=0)
    as_of = max(passed, integer_or_none(row, "committed_at") or 0)
    return _Age(replayed, max(-((as_of - mark.at) // 1_000_000), 1))


_OF_THE_STORE = frozenset(
    {
        Code.STORE_REPLICA,
        Code.STORE_BUSY,
        Code.STORE_READ_ONLY,
        Code.STORE_FULL,
        Code.STORE_UNAVAILABLE,
        Code.STORE_VERSION,
        Code.OLDER_BUILD,
        Code.DAMAGED,
    }
)
_NEXT = "see that it runs and follows its primary, by `sayso doctor`; or take `store.replica` out"


def _stale(why: str) -> RetryableError:
    return RetryableError(
        Code.STORE_REPLICA, f"`store.replica` is too far behind: {why}", next_step=_NEXT
    )


def _away(error: SaysoError) -> RetryableError:
    return RetryableError(
        Code.STORE_REPLICA,
        f"`store.replica` cannot be read: {error.message}",
        next_step=_NEXT,
        detail=error.detail or "",
    )


def _other(why: str) -> ConfigError:
    return ConfigError(
        Code.STORE_REPLICA,
        f"`store.replica` is not read: {why}",
        next_step="name a streaming standby of the database that `store.url` names",
    )
