"""The desk loop: sweeps, hears the log, and attends to threads that something is due in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from sayso.audit.entry import StoredEntry
from sayso.audit.segments.rows import pruned_to
from sayso.connectors.desk import Changes, Ringing
from sayso.connectors.desks import Desks
from sayso.errors import SaysoError, logged, logged_with_frames
from sayso.ids import from_micros, to_micros
from sayso.sdk.desk.attendant import Attendant
from sayso.sdk.desk.lease import LEASE_MICROS, renewing
from sayso.sdk.desk.rows import DeskRow, Place, ThreadRow, desk_row, ring_changed, thread_row
from sayso.sdk.desk.seat import heed_colleagues
from sayso.store.base import Reader, SqlValue, Transaction, integer, integer_or_none, text

if TYPE_CHECKING:
    from sayso.sdk.container import Container
    from sayso.settings import DeskSection

logger = logging.getLogger("sayso.desk")
_AT_ONCE = 16
"""Threads of one desk that are attended to at the same time."""
_PAGE = 500
_LONGEST_LOOK_S = 30.0
_AFTER_TROUBLE_S = 5.0
_MOST_PAGES = 200
"""Pages of changes that one sweep reads before threads have their turn."""


class DeskLoop:
    """Looks after every desk of a workspace. Any number of processes may run one."""

    def __init__(self, container: Container, desks: Mapping[str, DeskSection]) -> None:
        self._container = container
        self.desks = [
            OneDesk(container, Place(tenant=container.tenant, name=name, section=section))
            for name, section in desks.items()
        ]

    async def run(self) -> None:
        """Serve until cancelled."""
        await asyncio.gather(*(one.run() for one in self.desks))

    async def drain(self) -> None:
        """Do all that is due now; what failed is due again later."""
        for one in self.desks:
            await one.drain()


@dataclass(slots=True, kw_only=True)
class _Sweep:
    """A sweep that is under way. `held`: until when the desk is this process's alone."""

    held: int
    cursor: str


class OneDesk:
    """One desk. Its threads are attended to side by side, each by itself."""

    def __init__(self, container: Container, place: Place) -> None:
        self._container = container
        self._place = place
        self._desks = Desks(container.connectors)
        self._account: str | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._begun_threads = 0

    async def run(self) -> None:
        """Serve until cancelled."""
        changes = self._container.changes
        listening = asyncio.create_task(self._listen(), name=f"desk {self._place.name} rings")
        try:
            while True:
                version, left_s = -1, _AFTER_TROUBLE_S
                try:
                    version = await changes.version()
                    left_s = await self._round()
                except SaysoError as error:
                    logger.warning("%s waits: %s", self._place.name, logged(error))
                except Exception as error:  # noqa: BLE001
                    # The edge of the process: whatever it is, it must not end this for good.
                    logger.error("%s broke off: %s", self._place.name, logged_with_frames(error))  # noqa: TRY400
                if changes.stopped:
                    await asyncio.sleep(_AFTER_TROUBLE_S)
                await changes.later_than(version, left_s)
        finally:
            for task in (listening, *self._running.values()):
                task.cancel()
            await asyncio.gather(listening, *self._running.values(), return_exceptions=True)

    async def drain(self) -> None:
        """Do all that is due now."""
        begun = -1
        while self._running or begun != self._begun_threads:
            begun = self._begun_threads
            await self._round()
            if self._running:
                await asyncio.wait(list(self._running.values()))

    async def _round(self) -> float:
        """Sweep and read the log where that is due, begin with due threads.

        Returns:
            Seconds until something else is due.
        """
        row = await self._begun()
        if row.sweep_at <= self._now():
            await self.sweep(row)
        while await self._read_on():
            pass
        await self._attend_due(row)
        return await self._left_s()

    async def _begun(self) -> DeskRow:
        row = await self._container.store.read(lambda reader: desk_row(reader, self._place))
        if row is not None:
            return row

        def begin(tx: Transaction) -> DeskRow | None:
            head = tx.one("log.head", tenant=self._place.tenant)
            read_to = -1 if head is None else integer(head, "size") - 1
            named = {"tenant": self._place.tenant, "name": self._place.name}
            # Many desks tell whole seconds: what is written in this one must not seem older.
            now = self._now() // 1_000_000 * 1_000_000
            tx.run("desk.begin", **named, now=now, read_to=read_to)
            return desk_row(tx, self._place)

        begun = await self._container.store.write(begin)
        assert begun is not None, "it was begun just now"
        return begun

    # ---- the sweep -----------------------------------------------------------------------------

    async def sweep(self, row: DeskRow) -> bool:
        """Read all that has changed at the desk; whether it was this process's turn.

        INVARIANT: one process reads a desk's changes at a time, whoever it is: under a lease, which
        each page renews. The cursor moves in the transaction that keeps what came before it.
        """
        now, until = self._now(), self._lease()
        if await self._run("desk.lease", now=now, until=until) != 1:
            return False
        sweeping = _Sweep(held=until, cursor=row.cursor)
        try:
            more = await self._sweep_pages(sweeping, from_micros(row.begun_at))
        except SaysoError as error:
            problem, again = error.code.value, self._now() + int(_AFTER_TROUBLE_S * 6e6)
            logger.warning("%s cannot be read: %s", self._place.name, logged(error))
            said: dict[str, SqlValue] = {"due_at": again, "problem": problem}
            await self._run("desk.failed", held=sweeping.held, now=self._now(), **said)
            return True
        now = self._now()
        every = 0 if more else int(self._place.section.sweep_s * 1e6)
        await self._run("desk.swept", held=sweeping.held, now=now, due_at=now + every)
        return True

    async def _sweep_pages(self, sweeping: _Sweep, begun: datetime) -> bool:
        for _ in range(_MOST_PAGES):
            reading = self._desks.changes(
                self._place.connector,
                sweeping.cursor,
                begun,
                customers=self._place.section.customers,
            )
            page = await renewing(reading, partial(self._renew, sweeping))
            until, is_new = self._lease(), page.cursor != sweeping.cursor
            if not await self._kept(page, sweeping, until):
                return False  # it took too long, and another process goes on from there
            sweeping.held, sweeping.cursor = until, page.cursor
            if not page.more or not is_new:
                return False
        return True

    async def _renew(self, sweeping: _Sweep) -> None:
        until = self._lease()
        if await self._run("desk.renew", held=sweeping.held, until=until) == 1:
            sweeping.held = until

    async def _kept(self, page: Changes, sweeping: _Sweep, until: int) -> bool:
        held, was = sweeping.held, sweeping.cursor

        def keep(tx: Transaction) -> bool:
            named = {"tenant": self._place.tenant, "name": self._place.name}
            moves = {"cursor": page.cursor, "was": was}
            if tx.run("desk.move_cursor", **named, **moves, held=held, until=until) != 1:
                return False
            threads = [*page.threads, *(one.thread for one in page.messages)]
            for thread in dict.fromkeys(threads):
                ring_changed(tx, self._place, thread, self._now(), page)
            return True

        return await self._container.store.write(keep)

    def _lease(self) -> int:
        return self._now() + LEASE_MICROS

    async def _run(self, query: str, **fields: SqlValue) -> int:
        """Run one statement about the desk."""
        values: dict[str, SqlValue] = {"tenant": self._place.tenant, "name": self._place.name}
        return await self._container.store.write(lambda tx: tx.run(query, **values, **fields))

    async def _listen(self) -> None:
        """Look again as soon as a desk says by itself that something may have changed."""
        try:
            ringing: Ringing | None = self._desks.ringing(self._place.connector)
        except SaysoError:
            return
        while ringing is not None:
            try:
                await ringing.ring()
                await self.sweep_now()
            except SaysoError as error:
                logger.warning("%s does not ring: %s", self._place.name, logged(error))
                await asyncio.sleep(_AFTER_TROUBLE_S * 6)

    async def sweep_now(self) -> None:
        """Have the desk be read as soon as it can be."""
        await self._run("desk.sweep_now", now=self._now())

    # ---- the log -------------------------------------------------------------------------------

    async def _read_on(self) -> bool:
        """Wake the threads that the next page of the log is about; whether there may be more."""
        row = await self._container.store.read(lambda reader: desk_row(reader, self._place))
        assert row is not None, "it was begun"
        found = await self._container.store.read(lambda reader: self._newer(reader, row.read_to))
        if not found:
            return False
        last = found[-1].seq
        requests = {one.entry.request for one in found if one.entry.request}
        actions = {one.entry.action for one in found if one.entry.action}

        def write(tx: Transaction) -> None:
            named = {"tenant": self._place.tenant, "name": self._place.name}
            if tx.run("desk.read_on", **named, read_to=last, was=row.read_to) != 1:
                return
            heed_colleagues(tx, self._container, self._place, (one.entry for one in found))
            for thread in self._threads_of(tx, requests, actions):
                where = {"tenant": self._place.tenant, "desk": self._place.name}
                tx.run("desk.wake", **where, id=thread, now=self._now())

        await self._container.store.write(write)
        return len(found) == _PAGE

    def _newer(self, reader: Reader, after: int) -> Sequence[StoredEntry]:
        tenant = self._place.tenant
        after = max(after, pruned_to(reader, tenant) - 1)
        rows = reader.all("event.since", tenant=tenant, after=after, limit=_PAGE)
        return [StoredEntry.read(text(row, "body").encode()) for row in rows]

    def _threads_of(
        self, reader: Reader, requests: set[str], actions: set[str]
    ) -> Mapping[str, None]:
        tenant, found = self._place.tenant, dict[str, None]()
        rows = [
            row
            for one in sorted(requests)
            for row in reader.all("desk.threads_of_request", tenant=tenant, request_id=one)
        ]
        rows += [
            row
            for one in sorted(actions)
            for row in reader.all("desk.thread_of_action", tenant=tenant, action_id=one)
        ]
        for row in rows:
            if text(row, "desk") == self._place.name:
                found[text(row, "thread")] = None
        return found

    # ---- the threads ---------------------------------------------------------------------------

    async def _attend_due(self, desk: DeskRow) -> None:
        room = _AT_ONCE - len(self._running)
        if room <= 0:
            return
        where = {"tenant": self._place.tenant, "desk": self._place.name}
        rows = await self._container.store.read(
            lambda reader: reader.all("desk.due", **where, now=self._now(), limit=room)
        )
        threads = [thread_row(row) for row in rows]
        if not threads:
            return
        if self._account is None:
            self._account = await self._desks.account(self._place.connector)
        attendant = Attendant(self._container, self._place, desk, self._account)
        for thread in threads:
            if thread.id not in self._running:
                self._begun_threads += 1
                work = self._attend(attendant, thread)
                self._running[thread.id] = asyncio.create_task(work, name="sayso attends")

    async def _attend(self, attendant: Attendant, thread: ThreadRow) -> None:
        try:
            await attendant.attend(thread)
        except SaysoError as error:
            logger.warning("%s: a thread waits: %s", self._place.name, logged(error))
        except Exception as error:  # noqa: BLE001
            # One strange thread must not stop the others; it is due again later.
            logger.error("%s: a thread broke off: %s", self._place.name, logged_with_frames(error))  # noqa: TRY400
        finally:
            self._running.pop(thread.id, None)

    def _now(self) -> int:
        return to_micros(self._container.clock.now())

    async def _left_s(self) -> float:
        where = {"tenant": self._place.tenant, "desk": self._place.name}
        row, following = await self._container.store.read(
            lambda reader: (
                desk_row(reader, self._place),
                reader.one("desk.next_due", **where),
            )
        )
        ats = [row.sweep_at] if row is not None else []
        at = None if following is None else integer_or_none(following, "at")
        ats += [] if at is None else [at]
        left = (min(ats, default=0) - self._now()) / 1e6 if ats else _LONGEST_LOOK_S
        floor = 0.05 if len(self._running) < _AT_ONCE else 0.5
        return min(_LONGEST_LOOK_S, max(floor, left))
