"""Blanking what was kept long enough: rows, the text beside the log, idle customers' keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sayso.actions.controls.erasure import ErasureMark, blank_action
from sayso.actions.customers.links import Links
from sayso.actions.model.action_row import read_action
from sayso.agent.erasure import blank_request
from sayso.agent.request_row import read_request
from sayso.audit.authority.by import By
from sayso.audit.authority.state import Authority
from sayso.audit.customer_links import SWEPT
from sayso.audit.entry import Entry, EntryKind, Json, StoredEntry
from sayso.audit.erasure import RETENTION
from sayso.audit.log import AuditLog
from sayso.audit.personal import Personal
from sayso.audit.retention_clock import note_time
from sayso.ids import Clock, Tenant, rfc3339, to_micros
from sayso.sdk.privacy.eraser import BATCH
from sayso.store.base import Reader, Row, Store, Transaction, text, text_or_none

_TEXTS_OF_A_REQUEST = ("messages_ref", "words_ref", "reply_ref")


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How much a sweep has blanked."""

    actions: int = 0
    requests: int = 0
    subjects: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeper:
    """Blanks what has ended and is older than it is kept.

    Attributes:
        authority: what is in force by the log, as `Directory.at` tells it.
        passing: told of each batch that is durable; for tests that end the process there.

    Guarantees: each batch is one transaction with its entry; a crash loses nothing, and the next
    sweep goes on. What is open, belongs to a plan that is open, or is under a legal hold stays.
    """

    store: Store
    log: AuditLog
    personal: Personal
    clock: Clock
    authority: Callable[[Reader, Tenant], Authority]
    links: Links
    passing: Callable[[str], None] = lambda step: None

    async def sweep(self, tenant: Tenant, before: int) -> Swept:
        """Blank what was begun and last changed before a time.

        Args:
            before: microseconds since 1970.
        """
        actions = await self._repeat(partial(self._actions, tenant=tenant, before=before))
        self.passing("actions")
        requests = 0
        while swept := await self.store.write(
            partial(self._requests, tenant=tenant, before=before)
        ):
            requests += swept
            self.passing("requests")
        subjects = 0
        # Looked for without the writing lock, since it may have to look at many to find few.
        while idle := await self.store.read(
            lambda reader: _old(reader, "erasure.idle_subjects", tenant, before)
        ):
            swept = await self.store.write(
                partial(self._subjects, tenant=tenant, before=before, found=idle)
            )
            subjects += swept
            self.passing("subjects")
            if not swept:
                break
        return Swept(actions=actions, requests=requests, subjects=subjects)

    async def put_off(self, tenant: Tenant, now: int, before: int) -> bool:
        """Whether more is old enough by the clock alone; the log notes the time then, if it has to.

        Args:
            now, before: by the clock; see `agreed_time`.
        """

        def is_anything_old(reader: Reader) -> bool:
            queries = ("old_actions", "old_requests", "idle_subjects")
            return any(_old(reader, f"erasure.{query}", tenant, before) for query in queries)

        if not await self.store.read(is_anything_old):
            return False
        await note_time(self.store, self.log, tenant, now, before)
        return True

    async def _repeat(self, batch: Callable[[Transaction], int]) -> int:
        total = 0
        while done := await self.store.write(batch):
            total += done
        return total

    def _actions(self, tx: Transaction, tenant: Tenant, before: int) -> int:
        rows = self._free(tx, tenant, _old(tx, "erasure.old_actions", tenant, before))
        if not rows:
            return 0
        seq = self._append(tx, tenant, before, rows, "actions")
        for row in rows:
            action = read_action(row)
            for one in tx.all("log.of_action", tenant=tenant, action=action.id):
                pii = StoredEntry.read(text(one, "body").encode()).entry.pii
                if pii is not None:
                    tx.run("erasure.delete_text", tenant=tenant, ref=pii.ref)
            blank_action(tx, self._mark(row, tenant, seq), action)
        return len(rows)

    def _requests(self, tx: Transaction, tenant: Tenant, before: int) -> int:
        rows = self._free(tx, tenant, _old(tx, "erasure.old_requests", tenant, before))
        if not rows:
            return 0
        seq = self._append(tx, tenant, before, rows, "requests")
        for row in rows:
            refs = [text_or_none(row, name) for name in _TEXTS_OF_A_REQUEST]
            for ref in (*refs, *read_request(row).turns):
                if ref is not None:
                    tx.run("erasure.delete_text", tenant=tenant, ref=ref)
            blank_request(tx, self._mark(row, tenant, seq), row)
        return len(rows)

    def _subjects(self, tx: Transaction, tenant: Tenant, before: int, found: list[Row]) -> int:
        idle = [row for row in found if tx.one("erasure.idle", tenant=tenant, id=row["id"])]
        rows = self._free(tx, tenant, idle)
        if not rows:
            return 0
        by, now = By(actor=RETENTION, via="retention"), to_micros(self.clock.now())
        for row in rows:
            self.links.end_all(tx, tenant, text(row, "id"), why=SWEPT, by=by, now=now)
        self._append(tx, tenant, before, rows, "subjects")
        for row in rows:
            self.personal.destroy_key(tx, tenant, text(row, "id"))
            while tx.run(
                "erasure.delete_texts",
                tenant=tenant,
                pseudonym=text(row, "pseudonym"),
                limit=BATCH,
            ):
                pass
        return len(rows)

    def _free(self, reader: Reader, tenant: Tenant, rows: list[Row]) -> list[Row]:
        """Those whose customer no hold keeps, by the log: its row may have been deleted."""
        authority = self.authority(reader, tenant)
        if not authority.holds:
            return rows
        return [row for row in rows if authority.hold_on(text(row, "pseudonym")) is None]

    def _append(
        self, tx: Transaction, tenant: Tenant, before: int, rows: list[Row], what: str
    ) -> int:
        of: list[Json] = [*sorted({text(row, "pseudonym") for row in rows})]
        entry = Entry(
            kind=EntryKind.RETENTION_SWEPT,
            actor=RETENTION,
            data={"before": rfc3339(before), what: len(rows), "of": of},
        )
        return self.log.append(tx, tenant, entry)

    def _mark(self, row: Row, tenant: Tenant, seq: int) -> ErasureMark:
        now = to_micros(self.clock.now())
        return ErasureMark(tenant=tenant, pseudonym=text(row, "pseudonym"), seq=seq, now=now)


def _old(reader: Reader, query: str, tenant: Tenant, before: int) -> list[Row]:
    return reader.all(query, tenant=tenant, before=before, limit=BATCH)
