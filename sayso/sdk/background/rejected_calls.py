"""Calls that did not get as far as the engine: counted, and told to the log once a minute."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from sayso.actions.model.digest import storable
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.log import AuditLog
from sayso.errors import Code, SaysoError
from sayso.ids import Clock, Tenant, to_micros
from sayso.sdk.resources.tokens import Token
from sayso.store.base import Store

logger = logging.getLogger("sayso.edge")

_EDGE = Actor(kind=ActorKind.SYSTEM, id="edge")
_MOST_HOLDERS = 10
_MOST_VIA_CHARS = 40
_Way: TypeAlias = tuple[Tenant, str]


@dataclass(slots=True, kw_only=True)
class _Turned:
    """What one tenant's callers, by one way, were turned away with since the last entry."""

    codes: Counter[str] = field(default_factory=Counter[str])
    holders: set[str] = field(default_factory=set[str])
    since: int = 0


class RejectedCalls:
    """Records calls that a surface refuses by itself: no token, no scope, no JSON, no such path.

    The first one after a quiet time is told at once, the others are counted and told together, so
    that a flood makes one entry a minute for each tenant and process, and no more.

    A call that carries no valid token stands in the log of the workspace's own tenant.

    Guarantees: what it cannot write is kept and told later; the caller's answer does not wait for
    more than one entry a minute. A process that is killed loses the counts of its last minute.

    Args:
        tenant: the workspace's own.
        every: how often it tells.
    """

    def __init__(
        self,
        store: Store,
        log: AuditLog,
        clock: Clock,
        tenant: Tenant,
        *,
        every: timedelta = timedelta(minutes=1),
    ) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._tenant = tenant
        self._every = every
        self._turned: dict[_Way, _Turned] = {}
        self._told_at: dict[_Way, datetime] = {}

    async def note(self, code: Code, token: Token | None, *, via: str) -> None:
        """Count one call, and tell the log of all that were counted when it is time.

        Args:
            token: of the call; None where it has no valid one.
            via: how it came: the surface's name.
        """
        tenant, now = self._tenant if token is None else token.tenant, self._clock.now()
        where = (tenant, storable(via, _MOST_VIA_CHARS))
        turned = self._turned.setdefault(where, _Turned(since=to_micros(now)))
        turned.codes[code.value] += 1
        if token is not None and len(turned.holders) < _MOST_HOLDERS:
            turned.holders.add(token.holder)
        told_at = self._told_at.get(where)
        # A clock that went back would else keep everything back until it has caught up.
        if told_at is None or not told_at <= now < told_at + self._every:
            self._told_at[where] = now
            await self._tell(where)

    async def flush(self) -> None:
        """Tell whatever was counted."""
        for where in list(self._turned):
            await self._tell(where)

    async def _tell(self, where: _Way) -> None:
        turned = self._turned.pop(where)
        tenant, via = where
        data: dict[str, Json] = {
            "via": via,
            "counts": dict[str, Json](turned.codes),
            "holders": list[Json](sorted(turned.holders)),
            "since": turned.since,
        }
        entry = Entry(kind=EntryKind.CALLS_TURNED_AWAY, actor=_EDGE, data=data)
        try:
            await self._store.write(lambda tx: self._log.append(tx, tenant, entry))
        except SaysoError as error:
            logger.warning("calls that were turned away are not in the log yet: %s", error.code)
            again = self._turned.setdefault(where, _Turned(since=turned.since))
            again.codes += turned.codes
            again.holders |= turned.holders
            again.since = turned.since
