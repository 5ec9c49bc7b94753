"""An old log beside the one that is written to: what seals and prunes it is killed, too.

The database lets nothing go that is younger than 183 days, so these entries are written by a clock
that stands long ago; they are a tenant's of their own, so that nothing open keeps them.
"""

from __future__ import annotations

import struct
import tarfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.log import AuditLog
from sayso.audit.segments.pruning import Pruner
from sayso.audit.segments.rows import read_segments
from sayso.audit.segments.sealing import Sealer, Segments
from sayso.errors import SaysoError
from sayso.ids import SystemClock, Tenant
from sayso.sdk.client import Sayso
from sayso.store.base import Transaction
from sayso.testing.clock import FakeClock

OLD = Tenant("old")
SEGMENTS = "segments"
_LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
_KEPT = timedelta(0)
"""By the time of the log, which stands in 2024; the database keeps its 183 days by itself."""
_BY = Actor(kind=ActorKind.SYSTEM, id="retention")
_IN_A_SEGMENT, _IN_A_PART, _AT_A_TIME = 512, 256, 300
"""As small as they may be, so that many are begun; a segment goes in two parts."""


class OldLog:
    """Writes to the old log, seals and prunes it.

    Args:
        folder: that of the lane.
    """

    def __init__(self, sayso: Sayso, folder: Path) -> None:
        self._store = sayso.container.store
        self._log = AuditLog("bench", sayso.workspace.signer(), FakeClock(_LONG_AGO))
        self._segments = Segments(folder=folder / SEGMENTS, entries=_IN_A_SEGMENT)

    async def enter(self) -> None:
        """Append some entries in one transaction."""

        def work(tx: Transaction) -> None:
            for number in range(_AT_A_TIME):
                data: dict[str, Json] = {"query": f"order {number}"}
                entry = Entry(kind=EntryKind.AUDIT_QUERIED, actor=_BY, data=data)
                self._log.append(tx, OLD, entry)

        await self._store.write(work)

    async def seal(self) -> None:
        """Seal what is full."""
        await Sealer(self._store, self._log, self._segments).seal(OLD, _BY)

    async def prune(self) -> None:
        """Prune what is sealed.

        Raises:
            SaysoError: what forbids it, which nothing does here.
        """
        pruner = Pruner(
            self._store,
            self._log,
            SystemClock(),
            self._segments,
            kept_for=lambda _: _KEPT,
            at_once=_IN_A_PART,
        )
        done = await pruner.prune(OLD, _BY)
        if done.blocked is not None:
            raise done.blocked

    async def finish(self) -> tuple[int, int, list[str]]:
        """Go on after the last death: seal and prune all.

        Returns:
            How many segments there are, how many entries were pruned, and what is not as it
            should be then.
        """
        try:
            await self.enter()
            await self.seal()
            await self.prune()
        except SaysoError as error:
            return 0, 0, [f"sealing does not go on: {error.message}"]
        rows = await self._store.read(lambda reader: read_segments(reader, OLD))
        wrong = [f"{one.file} is not pruned" for one in rows if one.pruned_to != one.end]
        there = {path.name for path in self._segments.folder.glob("*/*")} - {".lock"}
        listed = {one.file for one in rows}
        wrong += [f"{name} is in the folder, and in no row" for name in sorted(there - listed)]
        wrong += [f"{name} is in no folder" for name in sorted(listed - there)]
        return len(rows), sum(one.end - one.first for one in rows), wrong


def read_sealed(folder: Path) -> Mapping[int, str]:
    """The entries of all sealed files by index, read with no code of the log's own.

    SOURCE: docs/reference/audit-format.md, section 9: 256 in each `tile/entries`, each after its
    length as
    two bytes.
    """
    found: dict[int, str] = {}
    for path in sorted((folder / SEGMENTS).glob("*/*.tar.gz")):
        seq = int(path.name.partition("-")[0])
        with tarfile.open(path) as archive:
            names = [one.name for one in archive if one.name.startswith("tile/entries/")]
            for name in sorted(names):
                member = archive.extractfile(name)
                assert member is not None
                for body in _split(member.read()):
                    found[seq] = body.decode()
                    seq += 1
    return found


def _split(tile: bytes) -> Iterable[bytes]:
    at = 0
    while at < len(tile):
        (length,) = struct.unpack_from(">H", tile, at)
        yield tile[at + 2 : at + 2 + length]
        at += 2 + length
