"""The rows of endpoints, and every change of one with its entry of the log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sayso.audit.authority.keyring import Keyring
from sayso.audit.entry import Actor, Entry, EntryKind, Json
from sayso.audit.log import AuditLog
from sayso.errors import Code, RefusedError
from sayso.ids import Clock, Entropy, IdSource, Tenant, to_micros
from sayso.sdk.webhooks.endpoint import (
    READ_SEALED,
    Endpoint,
    SigningSecret,
    new_secret,
    read_endpoint,
    seal,
    seal_read,
)
from sayso.store.base import Reader, Store, Transaction, integer

if TYPE_CHECKING:
    from sayso.connectors.vault import Vault

MOST_ENDPOINTS = 20
"""Of one tenant: each is called with every change."""
OVERLAP_S = 24 * 3600
"""How long the secret before a rotation signs as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who changes an endpoint.

    Attributes:
        via: the mark of the call; the same call once more changes nothing.
    """

    actor: Actor
    via: str


class Endpoints:
    """Adds, changes and removes endpoints.

    Args:
        vault: opens and seals; asked for when it is needed first.
        keyring: seals how far the log was read.
    """

    def __init__(
        self,
        store: Store,
        log: AuditLog,
        clock: Clock,
        ids: IdSource,
        vault: Callable[[], Vault],
        entropy: Entropy,
        keyring: Keyring,
    ) -> None:
        self._keyring = keyring
        self._store = store
        self._log = log
        self._clock = clock
        self._ids = ids
        self._vault = vault
        self._entropy = entropy

    async def add(
        self, tenant: Tenant, url: str, kinds: Sequence[str], key: str, who: Who
    ) -> Endpoint:
        """Make an endpoint that is told of what comes from now on.

        Raises:
            RefusedError: `idempotency_conflict`; `invalid_input` when there are too many.
        """

        def work(tx: Transaction) -> Endpoint:
            known = tx.one("webhook.by_key", tenant=tenant, idempotency_key=key)
            if known is not None:
                return _same(read_endpoint(known, vault), url, kinds)
            if len(tx.all("webhook.of_tenant", tenant=tenant)) >= MOST_ENDPOINTS:
                raise RefusedError(
                    Code.INVALID_INPUT,
                    f"a tenant has at most {MOST_ENDPOINTS} webhooks",
                    next_step="remove one that nobody needs any more",
                )
            webhook_id = self._ids.new("whk")
            secrets = [SigningSecret(value=new_secret(self._entropy))]
            data: dict[str, Json] = {
                **_entry_data(url),
                "kinds": list[Json](kinds),
                **READ_SEALED,
            }
            seq = self._append(tx, tenant, EntryKind.WEBHOOK_ADDED, webhook_id, who, data)
            now = self._now()
            tx.run(
                "webhook.insert",
                tenant=tenant,
                id=webhook_id,
                sealed=seal(vault, tenant, webhook_id, url, kinds, secrets),
                idempotency_key=key,
                via=who.via,
                created_at=now,
                read_to=seq,
                read_seal=seal_read(self._keyring, tenant, webhook_id, seq),
                due_at=now,
                last_seq=seq,
            )
            return self._get(tx, tenant, webhook_id)

        vault = self._vault()
        return await self._store.write(work)

    async def rotate(self, tenant: Tenant, webhook_id: str, who: Who) -> Endpoint:
        """Sign with a new secret from now on, and for a day with the one before as well."""

        def change(tx: Transaction, known: Endpoint) -> None:
            now = self._now()
            until = now + OVERLAP_S * 1_000_000
            secrets = [
                SigningSecret(value=new_secret(self._entropy)),
                replace(known.secrets[0], until=until),
            ]
            data: dict[str, Json] = {"older_until": until}
            seq = self._append(tx, tenant, EntryKind.WEBHOOK_ROTATED, webhook_id, who, data)
            tx.run(
                "webhook.rotate",
                tenant=tenant,
                id=webhook_id,
                sealed=seal(self._vault(), tenant, webhook_id, known.url, known.kinds, secrets),
                via=who.via,
                last_seq=seq,
            )

        return await self._change(tenant, webhook_id, who, change)

    async def disable(self, tenant: Tenant, webhook_id: str, who: Who, *, why: str) -> Endpoint:
        """Call it no more; what comes meanwhile is told once it is enabled again."""

        def change(tx: Transaction, known: Endpoint) -> None:
            if known.disabled_at is not None:
                return
            data: dict[str, Json] = {"why": why}
            seq = self._append(tx, tenant, EntryKind.WEBHOOK_DISABLED, webhook_id, who, data)
            tx.run(
                "webhook.disable",
                tenant=tenant,
                id=webhook_id,
                now=self._now(),
                why=why,
                via=who.via,
                last_seq=seq,
            )

        return await self._change(tenant, webhook_id, who, change)

    async def enable(self, tenant: Tenant, webhook_id: str, who: Who) -> Endpoint:
        """Call it again, at once, also where it has failed until now."""

        def change(tx: Transaction, known: Endpoint) -> None:
            now, where = self._now(), {"tenant": tenant, "id": webhook_id}
            if known.disabled_at is not None or known.failures:
                seq = self._append(tx, tenant, EntryKind.WEBHOOK_ENABLED, webhook_id, who, {})
                tx.run("webhook.enable", **where, now=now, via=who.via, last_seq=seq)
            tx.run("webhook.bring_forward", **where, now=now)

        return await self._change(tenant, webhook_id, who, change)

    async def replay(self, tenant: Tenant, webhook_id: str, after: int, who: Who) -> Endpoint:
        """Tell everything behind an entry once more, with the same ids.

        Raises:
            RefusedError: `invalid_input` for an entry that the log has not reached.
        """

        def change(tx: Transaction, known: Endpoint) -> None:
            head = tx.one("log.head", tenant=tenant)
            size = 0 if head is None else integer(head, "size")
            if not -1 <= after < size:
                raise RefusedError(
                    Code.INVALID_INPUT,
                    f"there is no entry {after}: the log has {size}",
                    next_step="pass the `seq` of the last event that arrived, or -1 for all",
                )
            data: dict[str, Json] = {"after": after, **READ_SEALED}
            read_to = min(after, known.read_to)
            seq = self._append(tx, tenant, EntryKind.WEBHOOK_REPLAYED, webhook_id, who, data)
            tx.run(
                "webhook.rewind",
                tenant=tenant,
                id=webhook_id,
                read_to=read_to,
                read_seal=seal_read(self._keyring, tenant, webhook_id, read_to),
                now=self._now(),
                via=who.via,
                last_seq=seq,
            )

        return await self._change(tenant, webhook_id, who, change)

    async def remove(self, tenant: Tenant, webhook_id: str, who: Who) -> Endpoint:
        """Forget it, its secrets, and what was still to be told; returns how it was."""

        def work(tx: Transaction) -> Endpoint:
            known = self._get(tx, tenant, webhook_id)
            self._append(tx, tenant, EntryKind.WEBHOOK_REMOVED, webhook_id, who, {})
            tx.run("webhook.forget", tenant=tenant, id=webhook_id)
            tx.run("webhook.remove", tenant=tenant, id=webhook_id)
            return known

        return await self._store.write(work)

    async def _change(
        self,
        tenant: Tenant,
        webhook_id: str,
        who: Who,
        change: Callable[[Transaction, Endpoint], None],
    ) -> Endpoint:
        def work(tx: Transaction) -> Endpoint:
            known = self._get(tx, tenant, webhook_id)
            if who.via == known.via:  # this very call, once more
                return known
            change(tx, known)
            return self._get(tx, tenant, webhook_id)

        self._vault()  # what is wrong with it is said before the writer is held
        return await self._store.write(work)

    def read(self, reader: Reader, tenant: Tenant) -> list[Endpoint]:
        """A tenant's endpoints, oldest first."""
        rows = reader.all("webhook.of_tenant", tenant=tenant)
        return [read_endpoint(row, self._vault()) for row in rows]

    def get(self, reader: Reader, tenant: Tenant, webhook_id: str) -> Endpoint:
        """One of them.

        Raises:
            RefusedError: `not_found`.
        """
        return self._get(reader, tenant, webhook_id)

    def _get(self, reader: Reader, tenant: Tenant, webhook_id: str) -> Endpoint:
        row = reader.one("webhook.by_id", tenant=tenant, id=webhook_id)
        if row is None:
            raise RefusedError(
                Code.NOT_FOUND,
                f"there is no webhook `{webhook_id[:40]}`",
                next_step="`sayso webhooks list` shows them all",
            )
        return read_endpoint(row, self._vault())

    def _append(
        self,
        tx: Transaction,
        tenant: Tenant,
        kind: EntryKind,
        webhook_id: str,
        who: Who,
        data: dict[str, Json],
    ) -> int:
        said: dict[str, Json] = {"webhook": webhook_id, "via": who.via, **data}
        return self._log.append(tx, tenant, Entry(kind=kind, actor=who.actor, data=said))

    def _now(self) -> int:
        return to_micros(self._clock.now())


def _same(known: Endpoint, url: str, kinds: Sequence[str]) -> Endpoint:
    if (known.url, known.kinds) != (url, tuple(kinds)):
        raise RefusedError(
            Code.IDEMPOTENCY_CONFLICT,
            "this idempotency key was used for another webhook",
            next_step="use a new key for a new webhook",
        )
    return known


def _entry_data(url: str) -> dict[str, Json]:
    """What the log holds of an address, which may hold a secret: its host, and a digest of it."""
    host = url.split("/", 3)[2]
    return {"host": host, "url_sha256": hashlib.sha256(url.encode()).hexdigest()}
