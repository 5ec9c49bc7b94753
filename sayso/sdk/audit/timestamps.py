"""Writes the time stamps of a workspace's logs where an auditor can take them along."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sayso.audit.signed_note.timestamps import NOTE_SUFFIX, STAMP_SUFFIX
from sayso.errors import Code, IntegrityError
from sayso.store.base import Reader, Row, blob, integer, text

if TYPE_CHECKING:
    from sayso.sdk.client import Sayso

_PAGE = 100


async def write_timestamps(sayso: Sayso, folder: Path) -> int:
    """Write every head that has a time stamp, and its token beside it; returns how many are new.

    `acme/main/x001/x204/331.tsa.checkpoint` is what was stamped, byte for byte, and `….tsa.tst` the
    token that the place `tsa` gave. What is there already is compared, and never written again.

    Raises:
        IntegrityError: `tampered`, when a file there says something else.
        ConfigError: `invalid_setting`, when a log's name cannot be that of a folder.
        OSError: the folder cannot be written.
    """
    from sayso.audit.publishing.reading import read_tenants  # as publishing does

    store, count = sayso.container.store, 0
    for tenant in await read_tenants(store):
        origin = sayso.container.log.origin_of(tenant)
        size, place = -1, ""
        while rows := await store.read(
            partial(_page, tenant=tenant, size=size, place=place), tenant=tenant
        ):
            count += await asyncio.to_thread(_write_all, folder, origin, rows)
            size, place = integer(rows[-1], "size"), text(rows[-1], "place")
    return count


def _page(reader: Reader, *, tenant: str, size: int, place: str) -> list[Row]:
    return reader.all("publication.stamped", tenant=tenant, size=size, place=place, limit=_PAGE)


def _write_all(folder: Path, origin: str, rows: Sequence[Row]) -> int:
    from sayso.audit.publishing.directory import checkpoint_path  # as above

    count = 0
    for row in rows:
        path = checkpoint_path(folder, origin, integer(row, "size"))
        stem = path.with_name(f"{path.stem}.{text(row, 'place')}")
        # The head first, so that no token ever stands there without it.
        _write(Path(f"{stem}{NOTE_SUFFIX}"), text(row, "note").encode())
        count += _write(Path(f"{stem}{STAMP_SUFFIX}"), blob(row, "token"))
    return count


def _write(path: Path, content: bytes) -> bool:
    """Write a file, whole or not at all; returns whether it was not there before."""
    if path.exists():
        if path.read_bytes() != content:
            raise IntegrityError(
                Code.TAMPERED,
                f"`{path}` is not what the database holds now",
                next_step="run `sayso audit verify --timestamps` with that folder",
            )
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)
    return True
