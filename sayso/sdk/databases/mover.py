"""Moves a tenant to another database: sealed, copied, verified, switched, and taken away.

Each step is told by an entry, so whoever goes on after a crash begins where the last one ended. The
tenant's own log says where it goes on, and not the directory, which only finds it:

1. `tenant.leaving` in the old database: no new work; what is under way ends, or its lease does.
2. All rows are copied in one transaction of the new database, and its log is verified there.
3. `tenant.moved` in the old one, with the head that was copied: nothing follows it there.
4. The same entry in the new one, and `tenant.settled` behind it: there the log goes on.
5. `tenant.placed` in the operator's log: callers find it there.
6. The rows in the old one go; the log stays, and proves that nothing was done since.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from sayso.audit.entry import Actor, Entry, EntryKind
from sayso.audit.log import read_place
from sayso.audit.place import LogPlace
from sayso.audit.signed_note.note import encode64
from sayso.audit.tree.merkle import Frontier, leaf_hash
from sayso.audit.verifier.verification import Verdict
from sayso.errors import (
    Code,
    ConfigError,
    IntegrityError,
    RefusedError,
    RetryableError,
    SaysoError,
)
from sayso.ids import Tenant, to_micros
from sayso.sdk.audit.stored import is_left
from sayso.sdk.client import Sayso
from sayso.sdk.databases.names import database_names
from sayso.sdk.databases.transfers import clear_left, clear_moved, copy_tenant
from sayso.sdk.views.tenants import Moved
from sayso.settings import is_name
from sayso.settings.store import HOME_DATABASE
from sayso.store.base import Reader, Row, Transaction, blob, integer, text

STEPS: Final = ("leaving", "idle", "copied", "verified", "moved", "settled", "placed", "cleared")
"""What is told when it is done; for tests, and for who looks on."""
PARKED: Final = timedelta(minutes=10) // timedelta(microseconds=1)
"""So long nothing that is due begins in the old database; it comes due by itself then."""
_COPIES = 3
_LOOK_EVERY_S = 0.1
_WAKES = ("actions", "requests", "outbox", "webhooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    size: int
    frontier: bytes


class Mover:
    """Moves one tenant.

    Args:
        home: the open workspace in whose database the directory is.
        source, target: the open workspaces to move from and to, each by its name.
        wait_s: so long what is under way may take to end.
        passing: told after each of `STEPS`.
    """

    def __init__(
        self,
        home: Sayso,
        source: tuple[str, Sayso],
        target: tuple[str, Sayso],
        tenant: str,
        by: Actor,
        *,
        wait_s: float = 30.0,
        passing: Callable[[str], None] = lambda step: None,
    ) -> None:
        self._home = home
        self._from, self._source = source
        self._to, self._target = target
        self._tenant = Tenant(tenant)
        self._by = by
        self._gone = LogPlace(kind=EntryKind.TENANT_MOVED, to=self._to)
        self._wait_s = wait_s
        self._passing = passing

    async def move(self, *, new: bool = False) -> Moved:
        """Move it, or go on where an earlier call ended.

        Args:
            new: a tenant of whom nothing is known begins there.

        Raises:
            RefusedError: `not_found`; `already_in_state`; `wrong_state`, with what to do first.
            RetryableError: `tenant_moving`, when calls do not end in time: it stays where it is.
            IntegrityError: `tampered`, when what was copied does not verify: likewise.
        """
        await self._check()
        if self._from == self._to:
            return await self._tidy_up()
        had = await self._source.container.store.read(self._head)
        if had is None:
            return await self._begin_there(new=new)
        place = await self._source.container.store.read(self._place)
        rows = 0
        if place.kind is not EntryKind.TENANT_MOVED:
            rows = await self._leave(place)
        elif place.to != self._to:
            raise RefusedError(
                Code.WRONG_STATE,
                f"`{self._tenant}` has left `{self._from}` for `{place.to}`, and has not arrived",
                next_step=f"finish that: `sayso tenant move {self._tenant} --to {place.to}`",
            )
        size = await self._arrive()
        await self._place_there()
        await self._clear(self._from)
        return Moved(tenant=self._tenant, source=self._from, target=self._to, size=size, rows=rows)

    async def stay(self) -> None:
        """Have a tenant that leaves go on where it is, and take the rows of the copy away.

        Raises:
            RefusedError: `wrong_state`, when it does not leave, or has left already, and nothing of
                a copy is left either.
            RetryableError: `store_unavailable`, when it stays and the copy could not be cleared.
        """

        def work(tx: Transaction) -> list[str]:
            place = read_place(tx, self._tenant)
            if place.kind is not EntryKind.TENANT_LEAVING:
                return []
            self._settle(self._source, tx, self._from)
            return [place.to]

        left = await self._source.container.store.write(work)
        self._source.container.dispatcher.wake()
        if not await self._clear_copies(left) and not left:
            raise RefusedError(
                Code.WRONG_STATE,
                f"`{self._tenant}` is not about to leave `{self._from}`",
                next_step="see where it is: `sayso tenant show`",
            )

    async def _clear_copies(self, left: list[str]) -> bool:
        """Take away what never arrived, where the tenant was to go, or wherever it is."""

        def settled(reader: Reader) -> int | None:
            head, place = self._head(reader), self._place(reader)
            return head.size if head and place.kind is EntryKind.TENANT_SETTLED else None

        # INVARIANT: a move that begins after this has a longer copy, which is left alone.
        size = await self._source.container.store.read(settled)
        if size is None:
            return False
        had = False
        for name in left or database_names(self._home.workspace):
            if name == self._from:
                continue
            where = self._home.workspace.in_database(name)
            try:
                had |= await asyncio.to_thread(clear_left, where, self._tenant, size)
            except SaysoError as error:
                if not left and isinstance(error, ConfigError):  # of one that is not there
                    continue
                raise RetryableError(
                    Code.STORE_UNAVAILABLE,
                    f"`{self._tenant}` stays in `{self._from}`, and `{name}` may still have a copy"
                    f" of its customers: {error.message}",
                    next_step="an erasure does not reach them there: once it can be written, run"
                    f" `sayso tenant move {self._tenant} --stay` again",
                ) from error
        return had

    # ---- the steps -----------------------------------------------------------------------------

    async def _check(self) -> None:
        """Refuse what cannot be moved at all, before anything is said."""
        if not is_name(self._tenant):
            raise RefusedError(Code.INVALID_INPUT, f"`{self._tenant[:40]}` is no name of a tenant")
        if self._tenant == self._home.tenant:
            raise RefusedError(
                Code.WRONG_STATE,
                f"`{self._tenant}` runs the workspace, and its log has the directory",
                next_step="move the whole database instead: `sayso store copy`",
            )
        # Whether it can be reached and written, with all that it is judged by there.
        await self._target.container.store.write(
            lambda tx: tx.one("log.head", tenant=self._home.tenant), about=self._home.tenant
        )

        def alone(reader: Reader) -> bool:
            return reader.one(
                "tenant.stops_for_others", home=self._tenant
            ) is None and not reader.all("tenant.versions_after", home=self._tenant, after=0)

        if not await self._source.container.store.read(alone):
            raise RefusedError(
                Code.WRONG_STATE,
                f"the log of `{self._tenant}` tells of a stop of every tenant, or of the policy",
                next_step="end that stop first; who has put a policy in force stays where it is",
            )

    async def _tidy_up(self) -> Moved:
        """Take away what an earlier call, which was killed at its end, has left elsewhere."""
        left = False
        for name in database_names(self._home.workspace):
            if name != self._to:
                with contextlib.suppress(ConfigError):  # of one that is not there
                    left |= await self._clear(name)
        if not left:
            raise RefusedError(
                Code.ALREADY_IN_STATE,
                f"`{self._tenant}` is in `{self._to}` already",
                next_step="there is nothing to do; `sayso tenant show` says where each tenant is",
            )
        return Moved(tenant=self._tenant, source=self._from, target=self._to)

    async def _clear(self, name: str) -> bool:
        where = self._home.workspace.in_database(name)
        had = await asyncio.to_thread(clear_moved, where, self._tenant)
        self._passing("cleared")
        return had

    async def _begin_there(self, *, new: bool) -> Moved:
        if not new:
            raise RefusedError(
                Code.NOT_FOUND,
                f"there is no tenant `{self._tenant}` in `{self._from}`",
                next_step="see that the name is right; with --new it begins in the other database",
            )
        await self._place_there()
        return Moved(tenant=self._tenant, source=self._from, target=self._to, had_log=False)

    async def _leave(self, place: LogPlace) -> int:
        """Seal it, copy it, and have its log end here; returns how many rows were copied."""
        await self._source.container.store.write(partial(self._begin_to_leave, place=place))
        self._passing("leaving")
        try:
            for _ in range(_COPIES):
                await self._until_idle()
                self._passing("idle")
                head = await self._source.container.store.read(self._head)
                copied = await asyncio.to_thread(
                    copy_tenant,
                    self._home.workspace.in_database(self._from),
                    self._home.workspace.in_database(self._to),
                    self._tenant,
                    lambda done, total: None,
                )
                self._passing("copied")
                assert head is not None, "it has a log"
                await self._verify(head)
                self._passing("verified")
                if await self._source.container.store.write(partial(self._end, head=head)):
                    self._passing("moved")
                    return sum(copied.rows.values())
        except Exception:
            # INVARIANT: nobody goes on in the new database before `tenant.moved` is there.
            with contextlib.suppress(RefusedError):  # it has left, and the next call goes on
                await self.stay()
            raise
        await self.stay()
        raise _busy(self._tenant, "something was still being written down")

    def _begin_to_leave(self, tx: Transaction, place: LogPlace) -> None:
        now = read_place(tx, self._tenant)
        if (now.kind is EntryKind.TENANT_LEAVING and now.to != self._to) or now.kind not in (
            EntryKind.TENANT_LEAVING,
            place.kind,
        ):
            raise RefusedError(
                Code.WRONG_STATE,
                f"`{self._tenant}` is being moved to `{now.to}`",
                next_step=f"finish that, or end it: `sayso tenant move {self._tenant} --stay`",
            )
        if now.kind is not EntryKind.TENANT_LEAVING:
            entry = Entry(
                kind=EntryKind.TENANT_LEAVING,
                actor=self._by,
                data={"from": self._from, "to": self._to},
            )
            self._source.container.log.append(tx, self._tenant, entry)
        moment = self._now(self._source)
        for what in _WAKES:
            named = {"now": moment} if what == "outbox" else {}
            tx.run(f"tenant.park_{what}", tenant=self._tenant, until=moment + PARKED, **named)

    async def _until_idle(self) -> None:
        """Wait until nobody has anything in hand.

        Raises:
            RetryableError: `tenant_moving`.
        """
        until = time.monotonic() + self._wait_s
        store = self._source.container.store
        while True:
            row = await store.read(self._in_hand)
            assert row is not None, "of an aggregate"
            calls, deliveries = integer(row, "calls"), integer(row, "deliveries")
            if not calls and not deliveries:
                return
            if time.monotonic() >= until:
                raise _busy(self._tenant, f"{calls} calls and {deliveries} webhooks are under way")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _verify(self, head: _Head) -> None:
        """Whether what was copied is the log, whole and right, and the rows are what it says."""
        found = await asyncio.to_thread(self._target.audit.verify, tenant=self._tenant)
        there = await self._target.container.store.read(self._head)
        lost = await self._is_left(self._target) and not await self._is_left(self._source)
        if found.verdict is not Verdict.VERIFIED or there != head or lost:
            if await self._source.container.store.read(self._place) == self._gone:
                return  # another call, which has verified it, was quicker
            other = "its rows are gone" if lost else "its head is another one"
            said = "; ".join(one.message for one in found.findings[:3]) or other
            raise IntegrityError(
                Code.TAMPERED,
                f"the copy of `{self._tenant}` in `{self._to}` does not verify: {said}",
                next_step="it stays where it is; ask the old database: `sayso audit verify`",
            )

    async def _is_left(self, sayso: Sayso) -> bool:
        """Whether it has no rows there, as a copy that was cleared, which verifies by its log."""
        return await sayso.container.store.read(lambda reader: is_left(reader, self._tenant))

    def _end(self, tx: Transaction, head: _Head) -> bool:
        """Have the log end here with what was copied; False where it has grown since."""
        place = read_place(tx, self._tenant)
        if place.kind is EntryKind.TENANT_MOVED:
            return place == self._gone
        if place != LogPlace(kind=EntryKind.TENANT_LEAVING, to=self._to):
            raise RefusedError(Code.WRONG_STATE, f"`{self._tenant}` stays in `{self._from}`")
        if self._head(tx) != head:
            return False
        root = Frontier.from_bytes(head.size, head.frontier).root()
        entry = Entry(
            kind=EntryKind.TENANT_MOVED,
            actor=self._by,
            data={"from": self._from, "to": self._to, "size": head.size, "root": encode64(root)},
        )
        self._source.container.log.append(tx, self._tenant, entry)
        return True

    async def _arrive(self) -> int:
        """Have the log go on in the new database, behind the entry by which it has left."""

        def last(reader: Reader) -> tuple[str, str, _Head]:
            head, row = self._head(reader), reader.one("log.head", tenant=self._tenant)
            assert head is not None, "it has moved"
            assert row is not None, "likewise"
            (body,) = reader.all("log.bodies", tenant=self._tenant, from_seq=head.size - 1, limit=1)
            return text(body, "body"), text(row, "note"), head

        body, note, head = await self._source.container.store.read(last)

        def work(tx: Transaction) -> None:
            there = self._head(tx)
            if there is not None and there.size >= head.size and self._has(tx, head.size, body):
                # Another call has done this, or has copied the entry by which it has left, too.
                if read_place(tx, self._tenant) == self._gone:
                    self._settle(self._target, tx, self._to)
                return
            grown = Frontier.from_bytes(there.size, there.frontier) if there else Frontier()
            grown.append(leaf_hash(body.encode()))
            if grown.to_bytes() != head.frontier:
                raise IntegrityError(
                    Code.TAMPERED,
                    f"`{self._to}` has not what `{self._tenant}` left with",
                    next_step="run `sayso audit verify` on both",
                )
            tx.run("log.append", tenant=self._tenant, seq=head.size - 1, body=body)
            tx.run(
                "log.head_sign",
                tenant=self._tenant,
                note=note,
                size=head.size,
                frontier=head.frontier,
            )
            self._settle(self._target, tx, self._to)

        await self._target.container.store.write(work)
        self._passing("settled")
        return head.size

    def _settle(self, sayso: Sayso, tx: Transaction, name: str) -> None:
        """Have the log go on here, and what waited come due."""
        data = {"from": self._from, "to": name}
        entry = Entry(kind=EntryKind.TENANT_SETTLED, actor=self._by, data=dict(data))
        sayso.container.log.append(tx, self._tenant, entry)
        now = self._now(sayso)
        for what in _WAKES:
            tx.run(f"tenant.wake_{what}", tenant=self._tenant, now=now, until=now + PARKED)

    async def _place_there(self) -> None:
        container = self._home.container

        def work(tx: Transaction) -> None:
            places = container.directory.follower.at(tx, container.tenant).places
            if places.get(self._tenant, HOME_DATABASE) != self._from:
                return  # another call has, and perhaps moved it on since
            entry = Entry(
                kind=EntryKind.TENANT_PLACED,
                actor=self._by,
                data={"tenant": self._tenant, "database": self._to},
            )
            container.log.append(tx, container.tenant, entry)

        await container.store.write(work)
        await container.directory.see(container.store, container.tenant)
        assert container.copies is not None, "there are others"
        with contextlib.suppress(SaysoError):  # else servers bring it
            # So that a home which is put back from before this is found to be older.
            for name in {self._from, self._to} - {HOME_DATABASE}:
                await container.copies.bring_to(name)
        self._passing("placed")

    # ---- what is there -------------------------------------------------------------------------

    def _head(self, reader: Reader) -> _Head | None:
        row = reader.one("log.head", tenant=self._tenant)
        if row is None or not integer(row, "size"):
            return None
        return _Head(size=integer(row, "size"), frontier=blob(row, "frontier"))

    def _has(self, reader: Reader, size: int, body: str) -> bool:
        """Whether the entry that makes a log this long is this one."""
        rows = reader.all("log.bodies", tenant=self._tenant, from_seq=size - 1, limit=1)
        return bool(rows) and text(rows[0], "body") == body

    def _place(self, reader: Reader) -> LogPlace:
        return read_place(reader, self._tenant)

    def _in_hand(self, reader: Reader) -> Row | None:
        now = self._now(self._source)
        return reader.one("tenant.in_hand", tenant=self._tenant, now=now)

    def _now(self, sayso: Sayso) -> int:
        return to_micros(sayso.container.clock.now())


def _busy(tenant: str, why: str) -> RetryableError:
    return RetryableError(
        Code.TENANT_MOVING,
        f"`{tenant}` was not moved, and goes on where it is: {why}",
        next_step="try again when less is going on, or give the command more time with --wait",
    )
