"""The list of erased subjects outside the database, by which a restored backup is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from sayso.audit.atomic_files import sync_folder
from sayso.errors import Code, ConfigError
from sayso.ids import Tenant
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
