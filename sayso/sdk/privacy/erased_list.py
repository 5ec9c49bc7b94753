"""The list of erased subjects outside the database, by which a restored backup is told."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from sayso.audit.atomic_files import sync_folder
from sayso.audit.erasure import RETENTION, ErasureOrder
from sayso.errors import Code, ConfigError, SaysoError, logged
from sayso.ids import Tenant
from sayso.sdk.privacy.eraser import Eraser
from sayso.sdk.privacy.views import HeldAgainView
from sayso.store.base import Reader, Store, text
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


logger = logging.getLogger("sayso.retention")
REASON = "restored_backup"


async def find_restored(
    store: Store, listed: Iterable[tuple[Tenant, str]]
) -> list[tuple[Tenant, str, str]]:
    """Erased customers of whom the database has a key again: tenant, pseudonym, id."""

    def work(reader: Reader) -> list[tuple[Tenant, str, str]]:
        found: list[tuple[Tenant, str, str]] = []
        for tenant, pseudonym in listed:
            row = reader.one("erasure.subject_named", tenant=tenant, pseudonym=pseudonym)
            if row is not None:
                found.append((tenant, pseudonym, text(row, "id")))
        return found

    return await store.read(work)


class Restored:
    """Compares the database with the list of erased customers that is kept outside of it."""

    def __init__(self, store: Store, eraser: Eraser) -> None:
        self._store = store
        self._eraser = eraser

    async def erase_again(self, only: Tenant | None = None) -> HeldAgainView:
        """Erase whom `find_restored` finds; who cannot be erased now is said, and logged.

        Args:
            only: the one tenant whose customers are looked for; everybody's when None.
        """
        erased, left = 0, list[tuple[str, str]]()
        listed = [one for one in self._eraser.listed.read() if only in (None, one[0])]
        for tenant, pseudonym, subject_id in await find_restored(self._store, listed):
            order = ErasureOrder(
                tenant=tenant,
                subject_id=subject_id,
                reason=REASON,
                by=RETENTION,
                via="retention",
                key=f"restored/{pseudonym}",
            )
            try:
                await self._eraser.erase(order)
                erased += 1
            except SaysoError as error:
                left.append((pseudonym, error.message))
                logger.warning(
                    "%s was erased, is back from a backup, and cannot be erased again now: %s",
                    pseudonym,
                    logged(error),
                )
        if erased:
            logger.warning("%d erased customers were back from a backup; erased again", erased)
            await self._eraser.scrub()
        return HeldAgainView(erased=erased, left=tuple(left))
