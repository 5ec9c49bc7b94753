"""Writes `tests/vectors/timestamp`: `python tests/vectors/make_timestamp_vectors.py`.

The authority's keys are made anew each time, so the bytes differ from run to run; what they say
does not.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from support.time_stamp_authority import FakeAuthority, imprint_of

VECTORS = Path(__file__).parent
FOLDER = VECTORS / "timestamp"
CENTURY_DAYS = 36_500


def write_vectors(folder: Path) -> None:
    """The head of the vector `bundle` with a time stamp, and the authority's root."""
    authority = FakeAuthority(days=CENTURY_DAYS)
    note = (VECTORS / "bundle" / "checkpoint").read_bytes()
    folder.mkdir(exist_ok=True)
    (folder / "007.tsa.checkpoint").write_bytes(note)
    (folder / "007.tsa.tst").write_bytes(authority.token(imprint_of(sha256(note).digest())))
    (folder / "tsa.pem").write_bytes(authority.roots_pem)


if __name__ == "__main__":
    write_vectors(FOLDER)
