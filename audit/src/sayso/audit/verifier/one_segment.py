"""Verifies the file of one sealed segment by itself: its entries lead to the checkpoint in it."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from sayso.audit.safe_open import open_regular
from sayso.audit.segments.segment import (
    CHECKPOINT,
    MANIFEST,
    PROOF,
    VKEYS,
    SegmentReader,
    is_segment_name,
    segment_name,
)
from sayso.audit.signing.keys import ListedKey, listed_history
from sayso.audit.tree.merkle import verify_subtree
from sayso.audit.verifier.checks import SourceHead, Trust, judge_opened, open_head
from sayso.audit.verifier.verification import (
    Check,
    Damage,
    FileState,
    Findings,
    LogVerification,
    SegmentFile,
    Verdict,
)
from sayso.audit.verifier.walk import Progress, Walk
from sayso.errors import Code, IntegrityError

_MAGIC = b"\x1f\x8b"
_MEMBERS = tuple(name.encode() for name in (MANIFEST, CHECKPOINT, VKEYS, PROOF, "tile/"))


def is_segment_file(path: Path) -> bool:
    """Whether the file begins as a segment's does."""
    try:
        with path.open("rb") as file:
            return file.read(2) == _MAGIC
    except OSError:
        return False


def _begins_as_segment(path: Path) -> bool:
    """Whether a part of a segment is packed in it first; else it is whatever somebody packed."""
    try:
        with open_regular(path) as file, gzip.GzipFile(fileobj=file) as packed:
            return packed.peek(16).startswith(_MEMBERS)
    except (OSError, EOFError, zlib.error):
        return False


def judge_segment_file(
    path: Path, trust: Trust, *, deep: bool = False, progress: Progress | None = None
) -> LogVerification:
    """Every check on one file; what is before and behind it in the log is not judged.

    Raises:
        IntegrityError: when the file cannot be read as a segment.
    """
    if not is_segment_name(path.name) and not _begins_as_segment(path):
        raise IntegrityError(
            Code.NOT_A_DATABASE,
            f"`{path.name}` is no segment of a log",
            next_step="give a database, or a file or folder that Sayso exported or sealed",
        )
    findings = Findings()
    with SegmentReader(path) as reader:
        info = reader.info
        # The tenant is the last part of the origin, so one of the two is made from the other.
        origin = f"{info.origin.rpartition('/')[0]}/{info.tenant}"
        keys = tuple(ListedKey(vkey=vkey) for vkey in reader.vkeys)
        opened = open_head(SourceHead(note=reader.note), origin, keys, trust, findings)
        pinned = judge_opened(opened, listed_history(keys, trust.pinned), trust, findings)
        findings.tenant = info.tenant
        walk = Walk(tenant=info.tenant, marks=(), begin=info.first, deep=deep, findings=findings)
        walk.run((enumerate(reader.bodies(), info.first),), info.count, progress)
        head = opened.checkpoint if opened else None
        index = info.first >> info.level
        if head is None or not verify_subtree(
            reader.root, info.level, index, info.size, reader.proof, head.root
        ):
            message = f"the entries of `{path.name}` do not lead to the checkpoint in it"
            last = info.first + info.count - 1
            findings.add(Check.SEGMENT_ROOT, Damage.EDITED, message, info.first, last)
        elif (head.size, head.origin) != (info.size, info.origin):
            message = f"the checkpoint in `{path.name}` is not the one that it tells of"
            findings.add(Check.SEGMENT_SIGNED, Damage.FORGED, message)
        named = segment_name(info.first, info.count, reader.digest[1])
        if is_segment_name(path.name) and path.name != named:
            message = f"the file `{path.name}` is another one than its name says"
            findings.add(Check.SEGMENT_DIGEST, Damage.EDITED, message)
    if walk.replayed is not None:
        findings.accepted = walk.replayed.accepted
    whole = findings.verdict is not Verdict.TAMPERED
    return LogVerification(
        tenant=info.tenant,
        origin=origin,
        entries=info.count,
        size=info.size,
        root_hex=head.root.hex() if head else "",
        vkey=opened.vkey if opened else "",
        pinned=pinned,
        complete=False,
        segments=(
            SegmentFile(
                first=info.first,
                last=info.first + info.count - 1,
                file=path.name,
                state=FileState.VERIFIED if whole else FileState.DAMAGED,
            ),
        ),
        findings=findings.open,
        accepted=findings.agreed,
        dropped=findings.dropped,
        warnings=findings.all_warnings,
        verdict=findings.verdict,
    )
