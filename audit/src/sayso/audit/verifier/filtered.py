"""Judges entries that carry their proofs, row by row; nothing shows what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from sayso.audit.entry import StoredEntry
from sayso.audit.signed_note.consistency_proof import is_beginning
from sayso.audit.signed_note.cosigned_checkpoints import judge_anchors, read_witnessed
from sayso.audit.signed_note.note import Checkpoint
from sayso.audit.signed_note.timestamps import judge_stamped, read_stamped
from sayso.audit.signing.keys import KeyHistory, ListedKey, listed_history
from sayso.audit.tree.merkle import leaf_hash, verify_inclusion
from sayso.audit.verifier.bundle import ProvenRow
from sayso.audit.verifier.checks import (
    OpenedHead,
    OutsideCheckpoint,
    SourceHead,
    Trust,
    add_older,
    as_bytes,
    evidence_of,
    judge_opened,
    open_head,
    outside_as_witnessed,
    signed_by,
)
from sayso.audit.verifier.guard import guard
from sayso.audit.verifier.verification import (
    AnchoredAt,
    Check,
    Damage,
    Findings,
    LogVerification,
    StampedAt,
)
from sayso.audit.verifier.walk import Progress, decode
from sayso.errors import IntegrityError


class ProvenRows(Protocol):
    """What holds rows that carry their proofs."""

    tenant: str

    def proven_rows(self) -> Iterator[ProvenRow]: ...


class Filtered:
    """Judges a filtered export row by row."""

    def __init__(self, reader: ProvenRows, outer: Findings) -> None:
        self._reader = reader
        self._outer = outer
        self._findings = Findings()
        self.first: int | None = None
        self.last: int | None = None

    def judge(
        self,
        origin: str,
        head: SourceHead,
        keys: Sequence[ListedKey],
        seen: Sequence[OutsideCheckpoint],
        trust: Trust,
        *,
        deep: bool = False,
        progress: Progress | None = None,
    ) -> LogVerification:
        findings = self._findings
        opened = open_head(head, origin, keys, trust, findings)
        history = listed_history(keys, trust.pinned)
        pinned = judge_opened(opened, history, trust, findings)
        evidence = evidence_of(seen, history, trust, findings)
        anchor = self._judge_anchor(head, opened, seen, trust)
        stamps = self._judge_stamps(opened, history, trust)
        count = self._judge_rows(opened.checkpoint if opened else None, progress, deep=deep)
        if not count:
            findings.add(Check.LOG_NOT_EMPTY, Damage.EMPTY, "the bundle has no entries")
        checkpoint = opened.checkpoint if opened else None
        return LogVerification(
            tenant=self._reader.tenant,
            origin=checkpoint.origin if checkpoint else "",
            entries=count,
            size=checkpoint.size if checkpoint else None,
            root_hex=checkpoint.root.hex() if checkpoint else "",
            vkey=opened.vkey if opened else "",
            pinned=pinned,
            note=as_bytes(head.note).decode() if opened else "",
            checkpoints=_compare(evidence, checkpoint, trust, findings),
            anchor=anchor,
            stamps=stamps,
            complete=False,
            findings=tuple(findings.kept),
            dropped=findings.dropped,
            warnings=tuple(findings.warnings),
            verdict=findings.verdict,
        )

    def _judge_anchor(
        self,
        head: SourceHead,
        opened: OpenedHead | None,
        seen: Sequence[OutsideCheckpoint],
        trust: Trust,
    ) -> AnchoredAt | None:
        """Only what was cosigned at the head's own size, or beyond it, can be compared."""
        if trust.policy is None or opened is None:
            return None
        own = opened.checkpoint
        told = read_witnessed(trust.witnessed, own.origin, held=True)
        notes = (
            *read_witnessed((as_bytes(head.note),), own.origin),
            *(one for one in told if one.checkpoint.size >= own.size),
            *outside_as_witnessed(seen),
        )
        roots = {own.size: own.root}
        return judge_anchors(notes, trust.policy, roots.get, own.size, self._findings)

    def _judge_stamps(
        self, opened: OpenedHead | None, history: KeyHistory, trust: Trust
    ) -> tuple[StampedAt, ...]:
        """Only what has a time stamp at the head's own size can be compared."""
        if trust.authorities is None or opened is None:
            return ()
        own = opened.checkpoint
        dated = read_stamped(trust.stamped, (), trust.authorities, own.origin, self._findings)
        dated = tuple(one for one in dated if one.checkpoint.size == own.size)
        roots = {own.size: own.root}
        judged = signed_by(history, trust)
        return judge_stamped(dated, judged, roots.get, own.size, self._findings)

    def _judge_rows(
        self, checkpoint: Checkpoint | None, progress: Progress | None, *, deep: bool
    ) -> int:
        findings, tenant = self._findings, self._reader.tenant
        size, root = (checkpoint.size, checkpoint.root) if checkpoint else (0, b"")
        count = 0
        for row in guard(self._reader.proven_rows(), self._outer):
            seq, count = row.seq, count + 1
            if self.last is not None and seq <= self.last:
                message = "the entries are not in the order of the log"
                findings.add(Check.SEQ_DENSE, Damage.REORDERED, message, seq)
            self.first = seq if self.first is None else self.first
            self.last = seq
            fields = decode(row.body)
            if fields is None:
                message = "the body is not canonical JSON"
                findings.add(Check.BODY_CANONICAL, Damage.NON_CANONICAL, message, seq)
            elif fields.get("seq") != seq:
                message = "the body has another index"
                findings.add(Check.BODY_SEQ, Damage.REORDERED, message, seq)
            elif fields.get("tenant") != tenant:
                message = "the body belongs to another tenant"
                findings.add(Check.BODY_TENANT, Damage.FOREIGN_TENANT, message, seq)
            elif deep:
                self._judge_deeply(row.body, seq)
            if not verify_inclusion(leaf_hash(row.body), seq, size, row.proof, root):
                message = "the proof does not lead from this entry to the signed root"
                findings.add(Check.ROW_PROVEN, Damage.EDITED, message, seq)
            if not row.agrees:
                message = "what stands beside the body says something else than the body"
                findings.add(Check.PROJECTIONS_AGREE, Damage.EDITED, message, seq)
            if progress is not None and not count & 1023:
                progress(count, count)
        return count

    def _judge_deeply(self, body: bytes, seq: int) -> None:
        try:
            StoredEntry.read(body)
        except IntegrityError as error:
            self._findings.add(Check.BODY_FORMAT, Damage.NON_CANONICAL, error.message, seq)


def _compare(
    seen: Sequence[OutsideCheckpoint],
    checkpoint: Checkpoint | None,
    trust: Trust,
    findings: Findings,
) -> tuple[int, ...]:
    """Compare the head with the outside checkpoints: of its own size, or by proofs of growth.

    One that cannot be compared leaves the verdict open: a log that was rewritten since would not
    show. Heads that were kept for their time stamps are passed over, since these say when.
    """
    confirmed: list[int] = []
    dated = {one.note for one in trust.stamped}
    for one in seen:
        own = one.checkpoint
        if checkpoint is not None and own.size > checkpoint.size:
            if is_beginning(checkpoint.size, checkpoint.root, own, trust.growths):
                add_older(findings, checkpoint.size, own)
                continue
            message = f"the log had {own.size} entries, and this head has {checkpoint.size}"
            findings.add(Check.CHECKPOINT_REACHED, Damage.ROLLED_BACK, message)
        elif checkpoint is None or not _begins(own, checkpoint, trust):
            message = f"a filtered bundle cannot be compared with the checkpoint at {own.size}"
            if one.note in dated:
                findings.warnings.append(message)
            else:
                message += " without a proof that the log grew from there (--grown)"
                findings.add(Check.CHECKPOINT_COMPARED, Damage.UNCOMPARED, message)
        elif own.size == checkpoint.size and own.root != checkpoint.root:
            message = f"the first {own.size} entries are not what they were"
            findings.add(Check.CHECKPOINT_ROOT, Damage.FORKED, message, 0, own.size - 1)
        else:
            confirmed.append(own.size)
    return tuple(confirmed)


def _begins(own: Checkpoint, head: Checkpoint, trust: Trust) -> bool:
    """Whether a checkpoint can be compared: it has the head's size, or is proven to begin it."""
    return own.size == head.size or is_beginning(own.size, own.root, head, trust.growths)
