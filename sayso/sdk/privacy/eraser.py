"""Erasing a customer: the steps in their order, each to be taken again after a crash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from sayso.actions.controls.erasure import (
    Mark,
    OpenActions,
    blank_actions,
    blank_stops,
    check_at_rest,
)
from sayso.agent.erasure import (
    blank_requests,
    check_unplanned,
    end_requests,
    requests_left,
    thread_of,
)
from sayso.agent.requests import Requests
from sayso.audit.erasure import ErasureOrder, ErasureRow, Erasures, erasure_of_row
from sayso.ids import Clock, Tenant, to_micros
from sayso.sdk.privacy.erased_list import ErasedList
from sayso.store.base import Reader, Scrubbed, Store, Transaction, text

BATCH = 200
"""So many rows are blanked in one transaction, so that nobody is held up for long."""
STEPS = ("begun", "listed", "texts", "actions", "threads", "requests", "stops", "finished")
"""After which steps `passing` is told; a crash at any of them is taken up again."""


class Threads(Protocol):
    """Where the planner keeps what it thinks about."""

    async def forget(self, threads: list[str]) -> None:
        """Delete threads; those that there are not are no error."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Eraser:
    """Erases customers.

    Attributes:
        listed: the list outside the database, by which a restored backup is told.
        passing: told of each step that is durable; for tests that end the process there.

    Guarantees: the key of the sealed text is destroyed in the transaction that begins an erasure,
    together with the end of all that was open. Every step may be repeated; `resume` goes on where
    a crash left off. While an erasure is under way nothing new of the customer is taken in.
    """

    store: Store
    erasures: Erasures
    open_actions: OpenActions
    requests: Requests
    threads: Threads
    clock: Clock
    listed: ErasedList
    passing: Callable[[str], None] = lambda step: None

    async def erase(self, order: ErasureOrder) -> ErasureRow | None:
        """Erase a customer; None when nothing is held under that id.

        Raises:
            RefusedError: `legal_hold`, `subject_in_use`.
        """
        begun = await self.store.write(partial(self._begin, order=order))
        return None if begun is None else await self.resume(begun)

    async def resume(self, row: ErasureRow) -> ErasureRow:
        """Take an erasure from where it is to its end."""
        if row.subject_id is None:
            return row
        self.passing("begun")
        self.listed.add(row.tenant, row.pseudonym, row.begun_at)
        self.passing("listed")
        while await self.store.write(partial(self._texts, row=row)) == BATCH:
            pass
        self.passing("texts")
        now = to_micros(self.clock.now())
        mark = Mark(tenant=row.tenant, pseudonym=row.pseudonym, seq=row.begun_seq, now=now)
        await self._blank(row.subject_id, mark)
        done = await self.store.write(lambda tx: self.erasures.finish(tx, row))
        self.passing("finished")
        return done

    async def resume_all(self, only: Tenant | None = None) -> list[ErasureRow]:
        """Finish what crashes left under way, of one tenant or of all."""
        rows = [row for row in await self.store.read(_under_way) if only in (None, row.tenant)]
        return [await self.resume(row) for row in rows]

    async def scrub(self, *, rewrite: bool = False) -> bool:
        """Have the database let go of what it has deleted, as far as it can.

        Args:
            rewrite: write the whole file anew, which takes as long as the file is large.

        Returns:
            Whether the database's own files hold nothing deleted any more; False where that is up
            to the server (docs/how-to/erase-a-customer.md), or while somebody reads an old state.
        """
        if isinstance(self.store, Scrubbed):
            return await self.store.scrub(rewrite=rewrite)
        return False

    def _begin(self, tx: Transaction, order: ErasureOrder) -> ErasureRow | None:
        known = self.erasures.known(tx, order)
        if known is not None:
            return known
        tenant, subject = order.tenant, order.subject_id
        if not self.erasures.holds_something(tx, tenant, subject):
            return None
        self.erasures.check_free(tx, order)
        check_at_rest(tx, tenant, subject)
        check_unplanned(tx, tenant, subject, to_micros(self.clock.now()))
        # INVARIANT: nothing that could still run is left when the key goes.
        ended = self.open_actions.end(tx, tenant, subject)
        ended += end_requests(tx, self.requests, tenant, subject)
        return self.erasures.begin(tx, order, ended)

    def _texts(self, tx: Transaction, row: ErasureRow) -> int:
        return self.erasures.delete_texts(tx, row, BATCH)

    async def _blank(self, subject_id: str, mark: Mark) -> None:
        tenant, store = mark.tenant, self.store
        while await store.write(lambda tx: blank_actions(tx, mark, subject_id, BATCH)) == BATCH:
            pass
        self.passing("actions")
        while left := await store.read(
            lambda reader: requests_left(reader, tenant, subject_id, BATCH)
        ):
            await self.threads.forget([thread_of(one) for one in left])
            self.passing("threads")
            await store.write(lambda tx: blank_requests(tx, mark, subject_id, BATCH))
        self.passing("requests")
        await store.write(lambda tx: blank_stops(tx, mark, subject_id))
        self.passing("stops")


def _under_way(reader: Reader) -> list[ErasureRow]:
    return [
        erasure_of_row(row)
        for tenant in reader.all("log.tenants")
        for row in reader.all("erasure.under_way", tenant=text(tenant, "tenant"))
    ]
