"""Writes the vectors of sealed segments: `python tests/vectors/make_sealed_vectors.py`.

They are written once and read ever after: what gzip makes of the same bytes differs between builds
of zlib, so a test compares what is inside.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from audit.sealed_log import COUNT, SealedLog

from sayso.audit.exports.bundle import write_bundle


def write_sealed(folder: Path) -> None:
    """Write `segments/main/` with two files, and `bundle/` of the log with one of them pruned."""
    shutil.rmtree(folder, ignore_errors=True)
    log = SealedLog(folder)
    log.prune(COUNT)
    write_bundle(
        folder / "bundle",
        tenant=log.tenant,
        note=log.note(),
        vkeys=[log.signer.vkey],
        entries=list(enumerate(log.bodies))[COUNT:],
        kept=[row.segment for row in log.rows],
    )


if __name__ == "__main__":
    write_sealed(Path(__file__).parent / "sealed")
