"""The rows of sealed segments, read from a store."""

from __future__ import annotations

from sayso.audit.segments.sealed import SealedSegment, parse_sealed
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.ids import Tenant
from sayso.store.base import Reader, Row, integer


def read_segment(row: Row) -> SealedSegment:
    """The typed form of a stored row.

    Raises:
        IntegrityError: `tampered`, when it can be no segment.
    """
    found = parse_row(row)
    if found is None:
        raise IntegrityError(
            Code.TAMPERED,
            f"the row of the sealed segment at {row['first']!r} says what no row can say",
            next_step="run `sayso audit verify`",
        )
    return found


def parse_row(row: Row) -> SealedSegment | None:
    """The same; None for a row that can be no segment."""
    return parse_sealed(
        first=row["first"],
        count=row["count"],
        root=row["root"],
        tile=row["tile"],
        rotations=row["rotations"],
        file=row["file"],
        length=row["bytes"],
        sha256_hex=row["sha256"],
        sealed_seq=row["sealed_seq"],
        pruned_to=row["pruned_to"],
    )


def read_segments(reader: Reader, tenant: Tenant) -> list[SealedSegment]:
    """The sealed segments of a log, in its order."""
    return [read_segment(row) for row in reader.all("segment.of_tenant", tenant=tenant)]


def pruned_to(reader: Reader, tenant: Tenant) -> int:
    """The lowest index that is still in the database; 0 when nothing was pruned."""
    row = reader.one("segment.pruned_to", tenant=tenant)
    assert row is not None
    return integer(row, "size")


def check_present(reader: Reader, tenant: Tenant, seq: int) -> None:
    """Refuse an entry that is not in the database any more.

    Raises:
        RefusedError: `pruned`, naming the file that it is in.
    """
    if seq < pruned_to(reader, tenant):
        row = reader.one("segment.at", tenant=tenant, seq=seq)
        assert row is not None
        raise pruned_entry(seq, read_segment(row).file)


def pruned_entry(seq: int, file: str) -> RefusedError:
    """What to say about an entry that is only in a sealed segment."""
    return RefusedError(
        Code.PRUNED,
        f"the entry {seq} was kept as long as it had to be, and is not in the database any more",
        next_step=f"it is in the sealed segment {file}; see docs/how-to/keep-the-log-small.md",
    )
