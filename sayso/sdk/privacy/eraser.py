"""Erasing a customer: the steps in their order, and the list that tells a restored backup."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson

from sayso.actions.controls.erasure import (
    ErasureMark,
    OpenActions,
    blank_actions,
    blank_stops,
    check_at_rest,
)
from sayso.actions.customers.links import Links
from sayso.agent.erasure import (
    blank_requests,
    check_unplanned,
    end_requests,
    requests_left,
)
from sayso.agent.requests import Requests
from sayso.audit.atomic_files import sync_folder
from sayso.audit.authority.by import By
from sayso.audit.customer_links import ERASED
from sayso.audit.erasure import ErasureOrder, ErasureRow, Erasures, erasure_of_row
from sayso.errors import Code, ConfigError, RefusedError
from sayso.ids import Clock, Tenant, to_micros
from sayso.store.base import Reader, Scrubbed, Store, Transaction, text
from sayso.store.private_files import make_private_folder


class ErasedList:
    """One line of JSON for each erased subject: tenant, pseudonym, time. Nothing personal.

    Args:
        path: the file; made when the first subject is erased.

    Guarantees: a line is synced to disk before the erasure that it tells of is called done.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, tenant: Tenant, pseudonym: str, at: int) -> None:
        """Add a line, unless it is there already.

        Args:
            at: microseconds since 1970.

        Raises:
            ConfigError: `invalid_setting`, when the file cannot be written.
        """
        if (tenant, pseudonym) in set(self.read()):
            return
        line = orjson.dumps({"tenant": tenant, "pseudonym": pseudonym, "at": at}) + b"\n"
        try:
            make_private_folder(self._path.parent)
            _append(self._path, line)
        except OSError as error:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"the list of erased customers `{self._path}` cannot be written",
                next_step="correct `retention.erased_list`; the erasure then goes on",
                detail=str(error),
            ) from error

    def read(self) -> Iterator[tuple[Tenant, str]]:
        """Tenant and pseudonym of each line; a line that a crash cut off is left out."""
        return read_list(self._path)


def _append(path: Path, line: bytes) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        # INVARIANT: the line is a line of its own, also behind one that a crash cut off.
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        view = memoryview(line)
        while view:  # a disk that is nearly full takes a part
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if not size:  # its name has to be on the disk, too
        sync_folder(path.parent)


def read_list(path: Path) -> Iterator[tuple[Tenant, str]]:
    """The lines of such a list; none where there is no file."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    for line in lines:
        try:
            value: object = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        match value:
            case {"tenant": str(tenant), "pseudonym": str(pseudonym)}:
                yield Tenant(tenant), pseudonym
            case _:
                continue


BATCH = 200
"""So many rows are blanked in one transaction, so that nobody is held up for long."""
STEPS = ("begun", "listed", "texts", "actions", "requests", "stops", "finished")
"""After which steps `passing` is told; a crash at any of them is taken up again."""


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
    links: Links
    clock: Clock
    listed: ErasedList
    passing: Callable[[str], None] = lambda step: None

    async def erase(self, order: ErasureOrder, *, only: bool = False) -> list[ErasureRow]:
        """Erase a customer with every account that is linked; empty when nothing is held.

        Args:
            only: the one account, of a link that is wrong.

        Returns:
            The erasure of the account that was asked for, and then those of the others.

        Raises:
            RefusedError: `legal_hold`, `subject_in_use`, for any of them; nothing is erased then.
        """
        begun = await self.store.write(partial(self._begin, order=order, only=only))
        return [await self.resume(row) for row in begun]

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
        mark = ErasureMark(tenant=row.tenant, pseudonym=row.pseudonym, seq=row.begun_seq, now=now)
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

    def _begin(self, tx: Transaction, order: ErasureOrder, only: bool) -> list[ErasureRow]:
        known = self.erasures.known(tx, order)
        if known is not None:
            return [known, *self.erasures.beside(tx, known)]
        tenant, now = order.tenant, to_micros(self.clock.now())
        if not self.erasures.holds_something(tx, tenant, order.subject_id):
            return []
        linked = self.links.person(tx, tenant, order.subject_id, now)
        others = [order.of_account(end.account, end.pseudonym) for end in linked]
        # INVARIANT: what keeps any account keeps them all, also from whoever names one alone.
        for one in (order, *others):
            with _named(order, one):
                self.erasures.check_free(tx, one)
        erased = [order] if only else [order, *others]
        for one in erased:
            with _named(order, one):
                check_at_rest(tx, tenant, one.subject_id)
                check_unplanned(tx, tenant, one.subject_id, now)
        # INVARIANT: nothing that could still run is left when the keys go.
        ended = {one: self.open_actions.end(tx, tenant, one.subject_id) for one in erased}
        by = By(actor=order.by, credential=order.credential, via=order.via)
        for one in erased:
            ended[one] += end_requests(tx, self.requests, tenant, one.subject_id)
            self.links.end_all(tx, tenant, one.subject_id, why=ERASED, by=by, now=now)
        beside = [self.erasures.begin(tx, one, ended[one]) for one in erased[1:]]
        first = self.erasures.begin(tx, order, ended[order], [row.id for row in beside])
        return [first, *beside]

    def _texts(self, tx: Transaction, row: ErasureRow) -> int:
        return self.erasures.delete_texts(tx, row, BATCH)

    async def _blank(self, subject_id: str, mark: ErasureMark) -> None:
        tenant, store = mark.tenant, self.store
        while await store.write(lambda tx: blank_actions(tx, mark, subject_id, BATCH)) == BATCH:
            pass
        self.passing("actions")
        while await store.read(lambda reader: requests_left(reader, tenant, subject_id, BATCH)):
            await store.write(lambda tx: blank_requests(tx, mark, subject_id, BATCH))
        self.passing("requests")
        await store.write(lambda tx: blank_stops(tx, mark, subject_id))
        self.passing("stops")


@contextmanager
def _named(order: ErasureOrder, one: ErasureOrder) -> Generator[None]:
    """Have a refusal because of another account say which it is."""
    try:
        yield
    except RefusedError as error:
        if one is order:
            raise
        raise RefusedError(
            error.code,
            f"`{one.subject_id}` is the same customer's, and {error.message}",
            next_step=f"{error.next_step}; or end the link, where it is wrong",
            detail=error.detail,
        ) from error


def _under_way(reader: Reader) -> list[ErasureRow]:
    return [
        erasure_of_row(row)
        for tenant in reader.all("log.tenants")
        for row in reader.all("erasure.under_way", tenant=text(tenant, "tenant"))
    ]
