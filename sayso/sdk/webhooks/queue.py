"""What waits for an endpoint: entries of the log become deliveries, one for each request or action.

The log is the outbox: an entry is committed with the change that it tells, so what is read from it
can be neither lost nor told before it is so (docs/decisions/0080).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sayso.audit.authority.keyring import Keyring
from sayso.audit.entry import StoredEntry
from sayso.audit.segments.rows import pruned_to
from sayso.ids import Clock, to_micros
from sayso.sdk.resources.events import entries_about, event_of, is_event
from sayso.sdk.views.rows import EventView
from sayso.sdk.webhooks.endpoint import Endpoint, seal_read, was_read
from sayso.store.base import Reader, Row, SqlValue, Store, Transaction, integer, text

logger = logging.getLogger("sayso.webhooks")
PAGE = 500
"""Entries that one transaction looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What waits of one item, leased to whoever holds this.

    Attributes:
        item_id: the request; or the action, where it came of none.
        after_seq, to_seq: the entries about it behind the first, up to the second.
        attempts: how often somebody has begun since the last one that arrived; names the lease.
    """

    item_id: str
    after_seq: int
    to_seq: int
    attempts: int


class DeliveryQueue:
    """The deliveries of endpoints. Any number of processes may use it.

    Guarantees: the events of an item are leased by one process at a time, in their order.
    """

    def __init__(self, store: Store, clock: Clock, keyring: Keyring) -> None:
        self._keyring = keyring
        self._store = store
        self._clock = clock

    async def bring_forward(self, *, behind_s: float) -> None:
        """Make due what a clock that has gone back since has put further off than that."""
        now = self._now()
        latest = now + int(behind_s * 1e6)
        await self._store.write(
            lambda tx: tx.run("webhook.bring_forward_all", now=now, latest=latest)
        )

    async def read_on(self, endpoint: Endpoint) -> bool:
        """Put the next page of the log into deliveries; whether there may be more of it."""

        def work(tx: Transaction) -> bool:
            row = tx.one("webhook.by_id", tenant=endpoint.tenant, id=endpoint.id)
            if row is None or row["disabled_at"] is not None:
                return False
            return _read_page(tx, self._keyring, endpoint, row, self._now())

        return await self._store.write(work, about=endpoint.tenant)

    async def lease(self, endpoint: Endpoint, *, limit: int, lease_s: float) -> list[Delivery]:
        """Take what is due, for so many seconds."""

        def work(tx: Transaction) -> list[Delivery]:
            now = self._now()
            named = {"tenant": endpoint.tenant, "id": endpoint.id}
            rows = tx.all("webhook.deliveries_due", **named, now=now, limit=limit)
            until = now + int(lease_s * 1e6)
            for row in rows:
                item_id = text(row, "item_id")
                tx.run("webhook.lease", **named, item_id=item_id, now=now, until=until)
            return [_leased(row) for row in rows]

        due = await self._store.read(
            lambda reader: reader.all(
                "webhook.deliveries_due",
                tenant=endpoint.tenant,
                id=endpoint.id,
                now=self._now(),
                limit=1,
            ),
            brief=True,
        )
        return await self._store.write(work, about=endpoint.tenant) if due else []

    async def events(self, endpoint: Endpoint, delivery: Delivery) -> tuple[list[EventView], int]:
        """What is to be told next of an item, oldest first, and up to which entry that is all.

        An entry that is only in a sealed segment any more is not told.
        """

        def work(reader: Reader) -> tuple[list[EventView], int]:
            after = delivery.after_seq
            tenant, item_id = endpoint.tenant, delivery.item_id
            found = entries_about(reader, tenant, item_id, after=after, limit=PAGE)
            told = [
                event_of(stored)
                for stored in found
                if stored.seq <= delivery.to_seq and _is_told(endpoint, stored)
            ]
            return told, found[-1].seq if len(found) == PAGE else delivery.to_seq

        return await self._store.read(work)

    async def arrived(self, endpoint: Endpoint, delivery: Delivery, reached: int) -> None:
        """All of it up to `reached` has arrived."""
        where = _where(endpoint, delivery)

        def work(tx: Transaction) -> None:
            now = self._now()
            ended = tx.run("webhook.done", **where, after_seq=reached)
            if not ended:
                tx.run("webhook.arrived", **where, after_seq=reached, now=now)
            named = {"tenant": endpoint.tenant, "id": endpoint.id}
            if endpoint.failures and tx.run("webhook.endpoint_well", **named, now=now):
                tx.run("webhook.bring_forward", **named, now=now)

        await self._store.write(work, about=endpoint.tenant)

    async def failed(
        self,
        endpoint: Endpoint,
        delivery: Delivery,
        reached: int,
        problem: str,
        *,
        again_s: float,
        endpoint_again_s: float,
    ) -> None:
        """It has arrived up to `reached`, and what comes next has not; both are tried again."""
        where = _where(endpoint, delivery)

        def work(tx: Transaction) -> None:
            now = self._now()
            tx.run("webhook.failed", **where, after_seq=reached, due_at=now + int(again_s * 1e6))
            tx.run(
                "webhook.endpoint_failed",
                tenant=endpoint.tenant,
                id=endpoint.id,
                problem=problem,
                now=now,
                due_at=now + int(endpoint_again_s * 1e6),
            )

        await self._store.write(work, about=endpoint.tenant)

    def _now(self) -> int:
        return to_micros(self._clock.now())


def _read_page(tx: Transaction, keyring: Keyring, endpoint: Endpoint, row: Row, now: int) -> bool:
    was = integer(row, "read_to")
    tenant = endpoint.tenant
    after = max(_read_to(tx, keyring, endpoint, row), pruned_to(tx, tenant) - 1)
    rows = tx.all("event.since", tenant=tenant, after=after, limit=PAGE)
    if not rows:
        return False
    named = {"tenant": tenant, "id": endpoint.id}
    if not tx.run("webhook.read_on", **named, was=was, **_reached(keyring, endpoint, rows)):
        return True  # somebody else was faster
    spans: dict[str, tuple[int, int]] = {}
    for one in rows:
        stored = StoredEntry.read(text(one, "body").encode())
        if _is_told(endpoint, stored):
            item_id = stored.entry.request or stored.entry.action or ""
            first = spans.get(item_id, (stored.seq, 0))[0]
            spans[item_id] = (first, stored.seq)
    for item_id, (first, last) in spans.items():
        tx.run("webhook.put", **named, item_id=item_id, after_seq=first - 1, to_seq=last, now=now)
    return len(rows) == PAGE


def _reached(keyring: Keyring, endpoint: Endpoint, rows: Sequence[Row]) -> dict[str, SqlValue]:
    last = integer(rows[-1], "seq")
    return {"read_to": last, "read_seal": seal_read(keyring, endpoint.tenant, endpoint.id, last)}


def _read_to(tx: Transaction, keyring: Keyring, endpoint: Endpoint, row: Row) -> int:
    """How far the log was read for an endpoint.

    INVARIANT: whoever writes the database has nothing left out. Where the server has not read that
    far, all is told once more from where the log says that the endpoint began, with the same ids.
    """
    if was_read(keyring, row):
        return integer(row, "read_to")
    found = tx.one("webhook.begins", tenant=endpoint.tenant, id=endpoint.id)
    if found is None and row["read_seal"] is None:  # an older Sayso made it, and that is pruned
        return integer(row, "read_to")
    if found is None:
        return -1
    data = StoredEntry.read(text(found, "body").encode()).entry.data
    if row["read_seal"] is None and "read_sealed" not in data:
        return integer(row, "read_to")
    logger.warning("%s was moved by another program: all is told once more", endpoint.id)
    after = data.get("after")
    return after if isinstance(after, int) else integer(found, "seq")


def _is_told(endpoint: Endpoint, stored: StoredEntry) -> bool:
    return is_event(stored) and endpoint.wants(stored.entry.kind.value)


def _leased(row: Row) -> Delivery:
    return Delivery(
        item_id=text(row, "item_id"),
        after_seq=integer(row, "after_seq"),
        to_seq=integer(row, "to_seq"),
        attempts=integer(row, "attempts") + 1,
    )


def _where(endpoint: Endpoint, delivery: Delivery) -> dict[str, str | int]:
    return {
        "tenant": endpoint.tenant,
        "id": endpoint.id,
        "item_id": delivery.item_id,
        "attempts": delivery.attempts,
        "was": delivery.after_seq,
    }


def waiting(reader: Reader, endpoint: Endpoint) -> int:
    """For how many requests and actions something waits to be told."""
    row = reader.one("webhook.waiting", tenant=endpoint.tenant, id=endpoint.id)
    return 0 if row is None else integer(row, "count")
