"""Who may be answered from a replica: a call that only looks, for as long as its block lasts."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(slots=True, eq=False)
class Looking:
    """One call that only looks.

    Attributes:
        age_s: how old the oldest of what it read from the replica was, in whole seconds, rounded
            up; None while it has read nothing there.
        instead: why it was answered by the primary after all, in the words of an error; empty
            while it was not.
        mark: where the primary was when it began, as the store has it.
        wrote: it has written before it read anything, such as the entry of an export; what it
            reads has that in it. One that has read already goes on as of that.
    """

    age_s: int | None = None
    instead: str = ""
    mark: object = None
    wrote: bool = False
    is_over: bool = False


_NOW: ContextVar[Looking | None] = ContextVar("sayso_looking", default=None)


@contextmanager
def looking() -> Generator[Looking]:
    """Let what is read in this block come from the replica, where the store has one.

    A unit that is `brief` never does: those are what somebody acts on. A task that outlives the
    block reads from the primary.
    """
    call = Looking()
    token = _NOW.set(call)
    try:
        yield call
    finally:
        call.is_over = True
        _NOW.reset(token)


@contextmanager
def acting() -> Generator[None]:
    """Have what is read in this block come from the primary, whoever has called."""
    token = _NOW.set(None)
    try:
        yield
    finally:
        _NOW.reset(token)


def looking_now() -> Looking | None:
    """The call that this is part of, if it only looks."""
    call = _NOW.get()
    return None if call is None or call.is_over else call


@runtime_checkable
class Replicated(Protocol):
    """A store that may have a replica."""

    async def replica_age(self) -> int | None:
        """How many seconds its replica is behind; None where the settings name none.

        Raises:
            ConfigError: `store_replica`, when what they name is no standby of this database.
            RetryableError: `store_replica`, when it is away, or further behind than it may be.
        """
        ...
