"""The tree of a log for those who verify from outside: proofs, tiles, and a folder of both."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sayso.audit.queries.index import LogIndex
from sayso.audit.segments.rows import check_present, pruned_to
from sayso.audit.signed_note.note import Checkpoint, parse_note
from sayso.audit.tree.files import (
    WIDTH,
    TileName,
    bundle_bytes,
    tile_bytes,
    tiles_of,
    write_tiles,
)
from sayso.audit.tree.merkle import HashSource, consistency_proof, leaf_hash, root_at
from sayso.audit.tree.proof import prove
from sayso.audit.witness.request import AddCheckpoint
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.sdk.audit.index import LogIndexes, fill_whole, unindexed, unproven
from sayso.store.base import Reader, text

if TYPE_CHECKING:
    from sayso.sdk.container import Container

T = TypeVar("T")
Work = Callable[[Reader, HashSource, Checkpoint, str], "T | None"]
"""Gets a snapshot, the tree's hashes, the head and its note; None when the hashes do not fit."""


class LogTree:
    """Proofs and tiles of the logs of an open workspace.

    The hashes come from an index that is trusted with nothing: whatever is given out is compared
    with the signed head first.
    """

    def __init__(self, container: Container, indexes: LogIndexes) -> None:
        self._container = container
        self._indexes = indexes

    async def prove_inclusion(self, tenant: Tenant, seq: int) -> str:
        """That an entry stands under the newest signed head, as a C2SP tlog-proof.

        Raises:
            RefusedError: `not_found`, when there is no such entry; `pruned`.
            IntegrityError: `tampered`, when the rows do not lead to the head.
        """

        def work(reader: Reader, hashes: HashSource, head: Checkpoint, note: str) -> str | None:
            if not 0 <= seq < head.size:
                raise _nothing(f"there is no entry {seq}; the log has {head.size}")
            check_present(reader, tenant, seq)
            proof = prove(hashes, note, head, seq, _bodies(reader, tenant, seq, 1)[0])
            return None if proof is None else proof.text()

        return await self._with_hashes(tenant, work)

    async def prove_consistency(self, tenant: Tenant, old_size: int) -> str:
        """That the log only grew since it had `old_size` entries.

        Returns:
            The lines `old SIZE`, the proof, an empty line and the newest signed head: what a
            witness takes (c2sp.org/tlog-witness).

        Raises:
            RefusedError: `invalid_input`, when the log had never so many entries.
            IntegrityError: `tampered`, when the rows do not lead to the head.
        """

        def work(reader: Reader, hashes: HashSource, head: Checkpoint, note: str) -> str | None:
            if root_at(hashes, head.size) != head.root:
                return None
            if old_size % WIDTH:  # of what was pruned, the hashes of each 256 entries are kept
                check_present(reader, tenant, old_size)
            proof = consistency_proof(hashes, old_size, head.size) if old_size else ()
            return AddCheckpoint(old_size=old_size, proof=proof, note=note).encoded().decode()

        return await self._with_hashes(tenant, work)

    async def tile(self, tenant: Tenant, path: str) -> bytes:
        """A tile, by its path below `tile/` as c2sp.org/tlog-tiles writes it.

        Raises:
            RefusedError: `not_found`, when there is none of that path yet.
        """
        name = TileName.parse(path)

        def work(reader: Reader, hashes: HashSource, head: Checkpoint, _: str) -> bytes | None:
            if name is None or name.end > head.size:
                raise _nothing(f"there is no tile `{path[:60]}`")
            if not name.level:
                check_present(reader, tenant, name.index * WIDTH)
            bodies = (
                _bodies(reader, tenant, name.index * WIDTH, name.width) if not name.level else []
            )
            if name.level is None:
                return bundle_bytes(bodies)
            found = tile_bytes(hashes, name)
            fits = name.level or found == b"".join(map(leaf_hash, bodies))
            return found if fits and root_at(hashes, head.size) == head.root else None

        return await self._with_hashes(tenant, work)

    async def write(self, tenant: Tenant, folder: Path) -> int:
        """Bring a folder up to the newest head, as static tiles; returns how many files it wrote.

        Raises:
            OSError: the folder cannot be written.
            RefusedError: `pruned`, when the folder lacks tiles that only a sealed segment has.
            IntegrityError: `tampered`, when the rows do not lead to the head.
        """

        def work(reader: Reader, hashes: HashSource, head: Checkpoint, note: str) -> int | None:
            if root_at(hashes, head.size) != head.root:
                return None
            for missing in tiles_of(pruned_to(reader, tenant)):
                if not missing.level and not (folder / "tile" / missing.path()).exists():
                    check_present(reader, tenant, missing.index * WIDTH)
            return write_tiles(folder, note, head.size, hashes, partial(_bodies, reader, tenant))

        return await self._with_hashes(tenant, work)

    async def _with_hashes(self, tenant: Tenant, work: Work[T]) -> T:
        index = await self._indexes.filled(self._container.store, tenant)
        if index is None:
            raise unindexed()
        for last in (False, True):
            try:
                found = await self._container.store.read(partial(_on_head, work, index, tenant))
            except LookupError:  # the index is behind the head
                found = None
            if found is not None:
                return found
            if not last:
                index.forget()  # perhaps it is only the index that is wrong
                await self._indexes.filled(self._container.store, tenant)
        raise unproven()


def _on_head(work: Work[T], index: LogIndex, tenant: Tenant, reader: Reader) -> T | None:
    row = reader.one("log.head", tenant=tenant)
    if row is None:
        raise RefusedError(
            Code.NOTHING_TO_VERIFY, "the log is empty", next_step="propose something first"
        )
    note = text(row, "note")
    head = Checkpoint.parse(parse_note(note)[0])
    fill_whole(index, reader, head.size)
    return work(reader, index.hashes, head, note)


def _bodies(reader: Reader, tenant: Tenant, start: int, count: int) -> list[bytes]:
    rows = reader.all("log.bodies", tenant=tenant, from_seq=start, limit=count)
    if len(rows) != count:
        raise unproven()
    return [text(row, "body").encode() for row in rows]


def _nothing(message: str) -> RefusedError:
    return RefusedError(
        Code.NOT_FOUND, message, next_step="see `GET /v1/audit/checkpoint` for the log's size"
    )
