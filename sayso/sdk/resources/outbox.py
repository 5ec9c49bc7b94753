"""The outbox: what surfaces still have to tell, each row by one of them at a time.

A topic is read by its first consumer itself, as the cards of approvals are by Slack. Every further
one has a queue of its own (`subscribe`), with its own rows, attempts and leases; what is put into
the topic is put into each queue by the same statement, in the transaction of what it tells of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import orjson

from sayso.errors import Code, ConfigError
from sayso.ids import Tenant, to_micros
from sayso.json import JsonValue
from sayso.sdk.resources.base import Resource
from sayso.store.base import Reader, Row, Transaction, integer, text

_CONSUMERS = "consumers"
"""The topic under which the queues are noted, by their names."""
_PAGE = 500
Kept = Callable[[Mapping[str, JsonValue]], Mapping[str, JsonValue]]
_CONSUMER = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """Something to be told.

    Attributes:
        key: what it is about, such as an approval's id.
        version: rises with each change; only the version that was sent is marked as sent.
        attempts: how often somebody has begun to send it.
        state: what the surface has kept of it, such as where it was posted.
        asker, customer: of a card: who asked, and for whom. moves_money: whether money would move.
    """

    id: int
    tenant: Tenant
    key: str
    version: int
    attempts: int
    state: Mapping[str, JsonValue]
    asker: str = ""
    customer: str = ""
    moves_money: bool = False


class OutboxResource(Resource):
    """Leases rows to whoever sends them."""

    async def subscribe(self, consumer: str, topic: str) -> str:
        """The queue in which a consumer reads a topic by itself; made with the first call.

        Args:
            consumer: who reads, such as `mail`; the same name every time.

        Returns:
            The queue's name, which `due`, `due_cards` and `find` take as a topic.

        Guarantees: what was put into the topic, before it was made or while its consumer had left,
        is due in it once, as long as the topic holds it; what its consumer has told is not.

        Raises:
            ConfigError: `invalid_setting` for a name that is none.
        """
        queue, store = _queue(consumer, topic), self._container.store
        now, tenant = self._now(), self._container.tenant
        known = await self.find(_CONSUMERS, queue)
        if known is None or known.state:
            await store.write(
                lambda tx: tx.run("outbox.subscribe", tenant=tenant, queue=queue), about=tenant
            )
        # Whatever is put from here on is put into the queue as well. What was before, or was put by
        # a server of before, is added once: it is looked for outside of the writers' turn, and of
        # years of it a page at a time is written.
        names, after = {"tenant": tenant, "topic": topic, "queue": queue}, ""
        while page := await store.read(partial(_missed, names, after)):
            last = page[-1]
            await store.write(partial(_catch_up, names, after, last, now), about=tenant)
            after = last
        return queue

    async def unsubscribe(self, consumer: str, topic: str) -> None:
        """Put nothing into a consumer's queue from now on; what is in it stays, to come back to."""
        queue, tenant = _queue(consumer, topic), self._container.tenant
        await self._container.store.write(
            lambda tx: tx.run("outbox.unsubscribe", tenant=tenant, queue=queue), about=tenant
        )

    async def due(self, topic: str, *, limit: int) -> list[OutboxRow]:
        """Rows of a topic or a queue that are to be told now, oldest first."""
        now, tenant = self._now(), self._container.tenant
        rows = await self._container.store.read(
            lambda reader: reader.all(
                "outbox.due", tenant=tenant, topic=topic, now=now, limit=limit
            )
        )
        return [_read(row) for row in rows]

    async def due_cards(self, topic: str, *, limit: int) -> list[OutboxRow]:
        """The oldest card that is to be told now of each customer of whoever asked, oldest first.

        Of those that were told before, and of those that were not.
        """
        now, tenant = self._now(), self._container.tenant
        rows = await self._container.store.read(
            lambda reader: reader.all(
                "outbox.due_cards", tenant=tenant, topic=topic, now=now, limit=limit
            )
        )
        return [
            replace(
                _read(row),
                asker=text(row, "asker"),
                customer=text(row, "customer"),
                moves_money=integer(row, "moves") == 1,
            )
            for row in rows
        ]

    async def find(self, topic: str, key: str) -> OutboxRow | None:
        """The row of a topic about something; None when nothing was ever to be told of it."""
        tenant = self._container.tenant
        row = await self._container.store.read(
            lambda reader: reader.one("outbox.by_key", tenant=tenant, topic=topic, key=key)
        )
        return None if row is None else _read(row)

    async def first(
        self, topic: str, key: str, state: Mapping[str, JsonValue] | None = None
    ) -> bool:
        """Whether nobody has asked this before of a topic and a key; durable.

        Args:
            state: what the row keeps from the first time on.
        """
        now, tenant = self._now(), self._container.tenant
        kept = orjson.dumps(dict(state or {})).decode()

        def write(tx: Transaction) -> bool:
            if tx.one("outbox.by_key", tenant=tenant, topic=topic, key=key) is not None:
                return False
            tx.run("outbox.put", tenant=tenant, topic=topic, key=key, now=now)
            row = tx.one("outbox.by_key", tenant=tenant, topic=topic, key=key)
            assert row is not None, "it was put just now"
            tx.run("outbox.sent", id=integer(row, "id"), version=1, state=kept, now=now)
            return True

        return await self._container.store.write(write, about=tenant)

    async def lease(self, row: OutboxRow, lease_s: float) -> bool:
        """Have nobody else send the row for that long; False when somebody else has it already."""
        now = self._now()
        until = now + int(lease_s * 1e6)
        leased = await self._container.store.write(
            lambda tx: tx.run("outbox.lease", id=row.id, now=now, until=until),
            about=self._container.tenant,
        )
        return leased == 1

    async def sent(self, row: OutboxRow, state: Mapping[str, JsonValue]) -> None:
        """Mark this version as told, with what the surface wants to keep of it."""
        now, kept = self._now(), orjson.dumps(dict(state)).decode()
        await self._container.store.write(
            lambda tx: tx.run("outbox.sent", id=row.id, version=row.version, state=kept, now=now),
            about=self._container.tenant,
        )

    async def keep(self, topic: str, key: str, change: Kept) -> Mapping[str, JsonValue]:
        """Change what a row keeps, whether or not it is due; what others changed stays.

        Args:
            change: gives what is to be kept, of what is kept now.

        Returns:
            What it keeps now; empty where there is no such row.
        """
        tenant = self._container.tenant

        def write(tx: Transaction) -> Mapping[str, JsonValue]:
            row = tx.one("outbox.by_key", tenant=tenant, topic=topic, key=key)
            if row is None:
                return {}
            known = _read(row)
            state = dict(change(known.state))
            tx.run("outbox.keep", id=known.id, state=orjson.dumps(state).decode())
            return state

        return await self._container.store.write(write, about=tenant)

    def _now(self) -> int:
        return to_micros(self._container.clock.now())


def _missed(names: Mapping[str, str], after: str, reader: Reader) -> list[str]:
    rows = reader.all("outbox.missed", **names, after=after, limit=_PAGE)
    return [text(row, "key") for row in rows]


def _catch_up(names: Mapping[str, str], after: str, last: str, now: int, tx: Transaction) -> None:
    tx.run("outbox.catch_up", **names, after=after, last=last, now=now)


def _queue(consumer: str, topic: str) -> str:
    if not _CONSUMER.fullmatch(consumer):
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`{consumer[:40]}` is no name of a consumer",
            next_step="use up to 32 lower-case letters, digits, `_` and `-`",
        )
    return f"{topic}.{consumer}"


def _read(row: Row) -> OutboxRow:
    return OutboxRow(
        id=integer(row, "id"),
        tenant=Tenant(text(row, "tenant")),
        key=text(row, "key"),
        version=integer(row, "version"),
        attempts=integer(row, "attempts"),
        state=cast("dict[str, JsonValue]", orjson.loads(text(row, "state"))),
    )
