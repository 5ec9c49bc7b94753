"""The indexes of a workspace's logs: opened when they are first needed, filled before each use."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from sayso.audit.entry import StoredEntry
from sayso.audit.queries.index import LogIndex
from sayso.audit.signed_note.note import Verifier, open_checkpoint
from sayso.audit.tree.proof import EntryProof, prove
from sayso.errors import Code, ConfigError, IntegrityError
from sayso.ids import Tenant
from sayso.store.base import Reader, Store, integer, text
from sayso.store.private_files import make_private_folder

logger = logging.getLogger("sayso.audit")

PATIENCE_S = 1.0
"""So long a question waits for an index, in which it takes in some 20,000 entries."""


class LogIndexes:
    """Opens and fills the index of each tenant's log.

    Args:
        folder: where the files are, one for each tenant; made if need be. Where nothing can be
            written, they are temporary, and gone with the process.
        patience_s: how long a question waits for an index that is being filled.
    """

    def __init__(self, folder: Path, *, patience_s: float = PATIENCE_S) -> None:
        self._folder = folder
        self._patience_s = patience_s
        self._filling: dict[Tenant, asyncio.Task[None]] = {}
        self._lock = threading.Lock()
        self._open: dict[Tenant, LogIndex | None] = {}

    async def filled(self, store: Store, tenant: Tenant) -> LogIndex | None:
        """The index with all that the log holds now; None where SQLite has no full-text search.

        The first time, and after the file was deleted, this reads the whole log.
        """
        index = self._of(tenant)
        if index is not None:
            await _fill(store, index)
        return index

    async def filling(self, store: Store, tenant: Tenant) -> LogIndex | None:
        """The index as far as it is soon; what it does not hold yet is filled in meanwhile.

        A question that is answered by it reads the rest from the log, newest first, so nothing is
        missing from the answer.
        """
        index = self._of(tenant)
        if index is None:
            return None
        task = self._filling.get(tenant)
        if task is None or task.done():
            task = asyncio.create_task(_fill(store, index), name="sayso fills an index")
            self._filling[tenant] = task
        done, _ = await asyncio.wait([task], timeout=self._patience_s)
        for ended in done:
            ended.result()
        return index

    async def stop(self) -> None:
        """End what is being filled; the next question goes on from there."""
        for task in self._filling.values():
            task.cancel()
        await asyncio.gather(*self._filling.values(), return_exceptions=True)

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            for index in self._open.values():
                if index is not None:
                    index.close()
            self._open.clear()

    def _of(self, tenant: Tenant) -> LogIndex | None:
        with self._lock:
            if tenant not in self._open:
                self._open[tenant] = self._make(tenant)
            return self._open[tenant]

    def _make(self, tenant: Tenant) -> LogIndex | None:
        path = self._folder / f"{tenant.replace(':', '%3a')}.db"
        try:
            make_private_folder(self._folder)
            return LogIndex(path, tenant)
        except (OSError, sqlite3.Error) as error:
            logger.warning("no index can be kept in %s: %s", self._folder, error)
        try:
            return LogIndex(None, tenant)
        except sqlite3.Error as error:
            logger.warning("no index at all: %s", error)
            return None


async def _fill(store: Store, index: LogIndex) -> None:
    tenant = index.tenant
    while await store.read(lambda reader: fill(index, reader, size_of(reader, tenant))):
        pass


def fill(index: LogIndex, reader: Reader, size: int) -> int:
    """`LogIndex.fill`, as far as it goes: what is missing then is read from the log."""
    # NOTE: here and not around the store's read, which says of any error of SQLite that the
    # database cannot be used.
    try:
        return index.fill(reader, size)
    except sqlite3.OperationalError as error:
        # Another process fills it, or the disk is full.
        logger.warning("the index of `%s` is behind the log: %s", index.tenant, error)
        return 0


def fill_whole(index: LogIndex, reader: Reader, size: int) -> None:
    """Take in all entries, for whoever needs the tree's hashes.

    Raises:
        ConfigError: `store_unavailable`, when its file cannot be written.
    """
    try:
        while index.fill(reader, size):
            pass
    except sqlite3.OperationalError as error:
        raise ConfigError(
            Code.STORE_UNAVAILABLE,
            "the index of the log cannot be written",
            next_step="free disk space where `.sayso/index` is, or give this user write access",
            detail=str(error),
        ) from error


def size_of(reader: Reader, tenant: Tenant) -> int:
    """How many entries a log has."""
    head = reader.one("log.head", tenant=tenant)
    return 0 if head is None else integer(head, "size")


def prove_all(
    reader: Reader,
    tenant: Tenant,
    index: LogIndex,
    vkeys: Sequence[str],
    found: Sequence[StoredEntry],
) -> list[EntryProof] | None:
    """The proof of each entry against the newest head; None when the index does not lead to it.

    Raises:
        IntegrityError: when the head is not signed by one of the keys.
    """
    head = reader.one("log.head", tenant=tenant)
    if head is None:
        return []
    note = text(head, "note")
    checkpoint = open_checkpoint(note, map(Verifier.parse, vkeys))
    proofs = [prove(index.hashes, note, checkpoint, one.seq, one.encoded) for one in found]
    whole = [proof for proof in proofs if proof is not None]
    return whole if len(whole) == len(found) else None


def unproven() -> IntegrityError:
    """What to say when rows do not lead to the signed head."""
    return IntegrityError(
        Code.TAMPERED,
        "the log holds entries that its signed head does not cover",
        next_step="run `sayso audit verify`",
    )


def unindexed() -> ConfigError:
    """What to say where there is nothing to prove with."""
    return ConfigError(
        Code.MISSING_EXTRA,
        "this Python's SQLite has no full-text search, so entries cannot be proven one by one",
        next_step="use a Python whose SQLite has FTS5, or `sayso audit verify`",
    )
