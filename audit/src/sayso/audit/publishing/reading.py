"""Reads what publishing needs from the database: heads, what was published, and proofs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sayso.audit.signed_note.note import Checkpoint, parse_note
from sayso.audit.tree.merkle import HASH_BYTES, Frontier, consistency_proof, leaf_hash, node_hash
from sayso.ids import Tenant
from sayso.store.base import Reader, Row, Store, blob, integer, text

_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHead:
    """The newest signed head of a log, and the frontier that leads up to it."""

    checkpoint: Checkpoint
    note: str
    frontier: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a place took last.

    Attributes:
        size, frontier: of the tree then.
        note: as the place kept it, with cosignatures.
        at_micros: when, by this machine's clock.
    """

    size: int
    frontier: bytes
    note: str
    at_micros: int


async def read_tenants(store: Store) -> list[Tenant]:
    """Every tenant that has a log."""
    rows = await store.read(lambda reader: reader.all("log.tenants"))
    return [Tenant(text(row, "tenant")) for row in rows]


async def read_pair(
    store: Store, tenant: Tenant, place: str
) -> tuple[SignedHead | None, Published | None]:
    """A log's head, and what a place took last, from one snapshot.

    Raises:
        IntegrityError: `tampered`, when the head is no signed checkpoint.
    """

    def work(reader: Reader) -> tuple[SignedHead | None, Published | None]:
        head = reader.one("log.head", tenant=tenant)
        row = reader.one("publication.newest", tenant=tenant, place=place)
        published = None if row is None else _published(row)
        if head is None:
            return None, published
        note = text(head, "note")
        signed = SignedHead(
            checkpoint=Checkpoint.parse(parse_note(note)[0]),
            note=note,
            frontier=blob(head, "frontier"),
        )
        return signed, published

    return await store.read(work, tenant=tenant)


def _published(row: Row) -> Published:
    return Published(
        size=integer(row, "size"),
        frontier=blob(row, "frontier"),
        note=text(row, "note"),
        at_micros=integer(row, "at"),
    )


async def prove_consistency(
    store: Store, tenant: Tenant, old_size: int, new_size: int, known: Published | None
) -> Sequence[bytes]:
    """The consistency proof between two sizes of a log.

    From the size that was published last it costs what was added since; from any other, one pass
    over the log.

    Raises:
        RefusedError: `invalid_input`, when the sizes are in no such order.
    """
    old = Frontier()
    if known is not None and known.size == old_size:
        old = Frontier.from_bytes(known.size, known.frontier)
    else:
        while old.size < old_size:
            old.extend(await _leaves(store, tenant, old.size, min(_PAGE, old_size - old.size)))
    leaves: list[bytes] = []
    while (at := old_size + len(leaves)) < new_size:
        leaves += await _leaves(store, tenant, at, min(_PAGE, new_size - at))
    return consistency_proof(TailHashes(old, leaves), old_size, new_size)


async def _leaves(store: Store, tenant: Tenant, start: int, count: int) -> list[bytes]:
    def work(reader: Reader) -> list[bytes]:
        rows = reader.all("log.bodies", tenant=tenant, from_seq=start, limit=count)
        assert len(rows) == count, "the head counts entries that are there"
        return [leaf_hash(text(row, "body").encode()) for row in rows]

    return await store.read(work, tenant=tenant)


class TailHashes:
    """A hash source that knows a tree from its frontier at one size, and the leaves beyond it.

    It answers exactly what `consistency_proof(source, old_size, …)` asks: the complete subtrees of
    the old frontier, and those that begin at or after the old size. So a proof costs what was
    added, not what is there.

    Args:
        old: the frontier at the old size.
        leaves: the leaf hashes from there on, in order.
    """

    def __init__(self, old: Frontier, leaves: Sequence[bytes]) -> None:
        self._old_size = old.size
        self._leaves = leaves
        self._known: dict[tuple[int, int], bytes] = {}
        encoded, begin = old.to_bytes(), 0
        for at in range(0, len(encoded), HASH_BYTES):
            level = (old.size - begin).bit_length() - 1
            self._known[level, begin >> level] = encoded[at : at + HASH_BYTES]
            begin += 1 << level

    def hash_of(self, level: int, index: int) -> bytes:
        """The root over the leaves `[index << level, (index + 1) << level)`, 32 bytes."""
        found = self._known.get((level, index))
        if found is None:
            if level == 0:
                at = index - self._old_size
                assert at >= 0, "a proof asks for no leaf inside the old tree"
                found = self._leaves[at]
            else:
                left = self.hash_of(level - 1, 2 * index)
                found = node_hash(left, self.hash_of(level - 1, 2 * index + 1))
            self._known[level, index] = found
        return found
