"""Rate limits: how many calls leave in a second, to a connector, for a tenant, by all workers.

A bucket is a row that is taken from in the transaction that commits the intent, so that the whole
fleet shares it. What finds its bucket empty is due later, and nothing else about it changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sayso.actions.engine.reconcile import SKEW_MICROS
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.priority import HIGHEST, WAITED_FOR
from sayso.actions.model.status import Status
from sayso.ids import Tenant
from sayso.store.base import Transaction, integer, integer_or_none

PATTERN = r"[1-9][0-9]{0,5}/(s|m|h)"
_MICROS: Mapping[str, int] = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
_FIRST = "first"
_AGING_MICROS = 30_000_000
_FARTHEST_MICROS = 600_000_000
"""A place in the line is at most so far away; what stands there longer asks again then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A number of calls in a time, spread evenly.

    Attributes:
        every_micros: between two calls of a steady stream.
        at_once: how many may leave at the same moment after a pause: what one second allows.
    """

    every_micros: int
    at_once: int

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read `25/s`, `100/m` or `1000/h`.

        Raises:
            ValueError: it is none of these.
        """
        if not re.fullmatch(PATTERN, text):
            raise ValueError(f"`{text[:20]}` is no rate; write such as 25/s, 100/m or 1000/h")
        count, _, unit = text.partition("/")
        every = _MICROS[unit] // int(count)
        return cls(every_micros=every, at_once=max(1, 1_000_000 // every))


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """The rates of a workspace; none of them costs nothing.

    Attributes:
        connectors: by name; for all tenants together, as a provider counts.
        tenant: for each tenant that is not in `tenants`.
        tenants: by name.
    """

    connectors: Mapping[str, Rate] = field(default_factory=dict[str, Rate])
    tenant: Rate | None = None
    tenants: Mapping[str, Rate] = field(default_factory=dict[str, Rate])

    def whose(self, row: ActionRow) -> Tenant | None:
        """The tenant that a claim is about; None where a rate counts it, by a row of several."""
        return None if self._of(row) else row.tenant

    def puts_off(self, tx: Transaction, row: ActionRow, now: int) -> bool:
        """Take one call from the action's buckets, or have the action due once there is one.

        Args:
            row: about to be claimed.
            now: microseconds since 1970.

        Returns:
            True when its call must not leave now; its row is due later then, without an entry.
            Nothing is taken then from any bucket.
        """
        wanted = self._of(row)
        if not wanted:
            return False
        if not _is_present(tx, row):
            return False  # somebody else was faster, as the claim finds out
        lane = _lane(row, now)
        waited = row.due_at is not None and row.due_at > row.updated_at
        buckets = [_Bucket.read(tx, name, rate, lane, now) for name, rate in wanted]
        full = [bucket for bucket in buckets if bucket.holds_back(now, waited=waited)]
        for bucket in full or buckets:
            bucket.book(tx, now) if full else bucket.take(tx, now)
        if not full:
            return False
        tx.run(
            "action.due_again",
            tenant=row.tenant,
            id=row.id,
            last_seq=row.last_seq,
            due_at=max(bucket.slot(now) for bucket in full),
        )
        return True

    def _of(self, row: ActionRow) -> list[tuple[str, Rate]]:
        connector = row.name.partition(".")[0]
        found = (
            (f"connector:{connector}", self.connectors.get(connector)),
            (f"tenant:{row.tenant}", self.tenants.get(row.tenant, self.tenant)),
        )
        return [(name, rate) for name, rate in found if rate is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bucket:
    """One bucket as this transaction sees it, and the line of those who wait for it.

    SOURCE: the generic cell rate algorithm (ITU-T I.371): one number, when the next call of a
    steady stream would leave, says how full the bucket is.
    """

    name: str
    rate: Rate
    line: str
    next_at: int
    line_ends_at: int
    first_ends_at: int

    @classmethod
    def read(cls, tx: Transaction, name: str, rate: Rate, lane: str, now: int) -> _Bucket:
        line, first = f"{name}/{lane}", f"{name}/{_FIRST}"
        full = now + rate.at_once * rate.every_micros
        farthest = now + _FARTHEST_MICROS
        return cls(
            name=name,
            rate=rate,
            line=line,
            next_at=_stored(tx, name, full),
            line_ends_at=_stored(tx, line, farthest),
            first_ends_at=0 if line == first else _stored(tx, first, farthest),
        )

    @property
    def _free_at(self) -> int:
        return self.next_at - (self.rate.at_once - 1) * self.rate.every_micros

    def holds_back(self, now: int, *, waited: bool) -> bool:
        """Whether nothing is left, or others came first."""
        before = self.first_ends_at if waited else max(self.first_ends_at, self.line_ends_at)
        return self._free_at > now or before > now

    def slot(self, now: int) -> int:
        """When it is the turn of the next one in the line."""
        return min(max(self._free_at, self.line_ends_at, now + 1), now + _FARTHEST_MICROS)

    def take(self, tx: Transaction, now: int) -> None:
        """Take one call."""
        next_at = max(self.next_at, now) + self.rate.every_micros
        tx.run("rate.put", bucket=self.name, next_at=next_at)

    def book(self, tx: Transaction, now: int) -> None:
        """Take the next place in the line, each as far from the one before as the rate says."""
        ends_at = min(self.slot(now) + self.rate.every_micros, now + _FARTHEST_MICROS)
        tx.run("rate.put", bucket=self.line, next_at=ends_at)


def _is_present(tx: Transaction, row: ActionRow) -> bool:
    present = tx.one("dispatch.state_of_action", tenant=row.tenant, id=row.id)
    if present is None or integer(present, "last_seq") != row.last_seq:
        return False
    # An extended lease counts as a change.
    leased = row.status is Status.EXECUTING
    return not leased or integer_or_none(present, "due_at") == row.due_at


def _stored(tx: Transaction, bucket: str, most: int) -> int:
    """What a bucket holds; far more than there can be was written before the clock went back.

    NOTE: a little more is what a worker wrote whose clock is ahead of this one's.
    """
    found = tx.one("rate.of", bucket=bucket)
    next_at = 0 if found is None else integer(found, "next_at")
    return next_at if next_at <= most + SKEW_MICROS else 0


def _lane(row: ActionRow, now: int) -> str:
    """Whoever somebody waits for has a line of its own; and in the end everybody is in it."""
    steps = max(0, now - row.updated_at) // _AGING_MICROS
    return _FIRST if min(HIGHEST, row.priority + steps) >= WAITED_FOR else "then"
