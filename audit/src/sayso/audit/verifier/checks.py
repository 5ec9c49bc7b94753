"""The checks on one tenant's log, whatever it was read from. Nothing here does I/O.

Two kinds of evidence are weighed: what the log says about itself (its signed head), and what was
kept elsewhere (pinned keys, earlier checkpoints). Only the second kind catches somebody who holds
the log's own key, or who puts an old copy in its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sayso.audit.authority.keyring import Keyring
from sayso.audit.log_of_logs import EnteredHead, judge_entered
from sayso.audit.rules.replayed import StopEverywhere
from sayso.audit.segments.sealed import SealedSegment
from sayso.audit.signed_note.consistency_proof import Growth, is_beginning
from sayso.audit.signed_note.cosigned_checkpoints import (
    Witnessed,
    is_cosigned,
    judge_anchors,
    read_witnessed,
)
from sayso.audit.signed_note.note import Checkpoint, Verifier, open_checkpoint, parse_note
from sayso.audit.signed_note.timestamps import (
    Authorities,
    DatedHead,
    SignedBy,
    StampedNote,
    judge_stamped,
    read_stamped,
)
from sayso.audit.signed_note.witness_policy import WitnessPolicy
from sayso.audit.signing.keys import (
    KeyHistory,
    ListedKey,
    judge_head_key,
    judge_keys,
    listed_verifiers,
)
from sayso.audit.tree.merkle import HASH_BYTES, Frontier
from sayso.audit.verifier.sealed_checks import SealedPart
from sayso.audit.verifier.state_checks import BodyAt, StateRow, judge_state, pruned_sizes
from sayso.audit.verifier.stored_rows import StoredRow
from sayso.audit.verifier.verification import Check, Damage, Findings, LogVerification
from sayso.audit.verifier.walk import Progress, Row, Walk
from sayso.errors import Code, IntegrityError


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What the caller knows from elsewhere.

    Attributes:
        keys: the public keys that may sign; empty takes whatever the source lists, which proves
            only that the source agrees with itself.
        checkpoints: signed notes seen earlier, exact bytes; each must still hold, if it is signed.
        remembered: those of them that verified when the caller read the log before: they are
            evidence whatever keys the log has now.
        witnessed: notes from elsewhere that count as far as witnesses of the policy cosigned them.
        policy: which witnesses count; its logs' keys are among `keys`.
        segments: the folder of the sealed segments' files; None when they are not at hand.
        growths: proofs that a log only grew: by them an export may be older than a checkpoint, and
            a filtered one is held against an older one.
        authorities: whose time stamps count; None when no time stamp is looked at.
        stamped: heads with time stamps that the caller kept; the heads are among `checkpoints`.
        keyring: opens what is sealed of customers, so that their rows are held against it.
    """

    keys: tuple[Verifier, ...] = ()
    checkpoints: tuple[bytes, ...] = ()
    remembered: frozenset[bytes] = frozenset()
    witnessed: tuple[bytes, ...] = ()
    policy: WitnessPolicy | None = None
    segments: Path | None = None
    growths: tuple[Growth, ...] = ()
    authorities: Authorities | None = None
    stamped: tuple[StampedNote, ...] = ()
    keyring: Keyring | None = None

    @classmethod
    def parse(
        cls,
        vkeys: Iterable[str] = (),
        checkpoints: Iterable[bytes] = (),
        *,
        remembered: Iterable[bytes] = (),
        witnessed: Iterable[bytes] = (),
        policy: WitnessPolicy | None = None,
        segments: Path | None = None,
        growths: Iterable[bytes] = (),
        authorities: Authorities | None = None,
        stamped: Iterable[StampedNote] = (),
        keyring: Keyring | None = None,
    ) -> Self:
        """From the text of keys, the bytes of notes and of proofs, a policy, a folder, time stamps.

        Raises:
            IntegrityError: `key_mismatch`, when one of the keys is none.
            RefusedError: `invalid_input`, when one of the proofs is none.
        """
        keys = {key.vkey: key for key in map(Verifier.parse, vkeys)}
        keys |= {key.vkey: key for key in (policy.log_keys() if policy else ())}
        held, own = tuple(stamped), tuple(remembered)
        return cls(
            keys=tuple(keys.values()),
            checkpoints=tuple(dict.fromkeys((*checkpoints, *own, *(one.note for one in held)))),
            remembered=frozenset(own),
            witnessed=tuple(witnessed),
            policy=policy,
            segments=segments,
            growths=tuple(map(Growth.parse, growths)),
            authorities=authorities,
            stamped=held,
            keyring=keyring,
        )

    @property
    def pinned(self) -> frozenset[str]:
        """The keys that may sign, as C2SP writes them."""
        return frozenset(key.vkey for key in self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHead:
    """The newest signed head as the source holds it.

    Attributes:
        note: the signed note.
        size, frontier: what stands beside the note in a database; None where there is nothing.
    """

    note: str | bytes
    size: int | None = None
    frontier: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedHead:
    """A head that could be read.

    Attributes:
        checkpoint: what it says.
        signer: the key that signed it; None when no known key did.
    """

    checkpoint: Checkpoint
    signer: Verifier | None = None

    @property
    def vkey(self) -> str:
        """The key that signed it, as C2SP writes it; empty when no known key did."""
        return self.signer.vkey if self.signer else ""


def open_head(
    head: SourceHead, origin: str, keys: Sequence[ListedKey], trust: Trust, findings: Findings
) -> OpenedHead | None:
    """Read the signed head and judge its origin and its signature; whose key it is comes later.

    Returns:
        None when it is no signed checkpoint at all.
    """
    try:
        text, signatures = parse_note(head.note)
        checkpoint = Checkpoint.parse(text)
    except IntegrityError as error:
        findings.add(Check.HEAD_IS_NOTE, Damage.EDITED, f"the signed head: {error.message}")
        return None
    if checkpoint.origin != origin:
        message = f"the signed head belongs to `{checkpoint.origin[:80]}`, not to `{origin[:80]}`"
        findings.add(Check.HEAD_ORIGIN, Damage.FOREIGN_TENANT, message)
    listed = listed_verifiers(keys, findings)
    # SOURCE: c2sp.org/tlog-checkpoint: a log signs under its origin. The key of another log that is
    # trusted as well says nothing about this one.
    known = {key.key_id: key for key in (*listed, *trust.keys) if key.name == origin}
    signer: Verifier | None = None
    for line in signatures:
        key = known.get(line.key_id) if line.name == origin else None
        if key is None:
            continue
        if not key.accepts(text.encode(), line.signature):
            message = f"the signature of `{key.vkey[:80]}` does not fit the head"
            findings.add(Check.HEAD_SIGNED, Damage.BAD_SIGNATURE, message)
        signer = signer or key
    if signer is None:
        message = "the head is signed by a key that nobody lists"
        findings.add(Check.HEAD_KEY_LISTED, Damage.FORGED, message)
    elif signer.vkey not in {key.vkey for key in listed}:
        message = f"the pinned key `{signer.vkey}` signed the head, and the source lists others"
        findings.add(Check.HEAD_KEY_LISTED, Damage.EDITED, message)
    return OpenedHead(checkpoint=checkpoint, signer=signer)


def judge_opened(
    opened: OpenedHead | None, history: KeyHistory, trust: Trust, findings: Findings
) -> bool:
    """Judge the key of a head; returns whether the caller trusts it."""
    if opened is None or opened.signer is None:
        return False
    return judge_head_key(opened.signer, opened.checkpoint.size, history, trust.pinned, findings)


def peaks_of(head: SourceHead, checkpoint: Checkpoint) -> dict[int, bytes]:
    """The frontier that leads up to the signed root, cut at the end of each complete subtree.

    Returns:
        `{size: the frontier's bytes at that size}`; empty when the stored frontier does not lead to
        the signed root, because then it proves nothing.
    """
    if head.frontier is None:
        return {}
    try:
        frontier = Frontier.from_bytes(checkpoint.size, head.frontier)
    except IntegrityError:
        return {}
    if frontier.root() != checkpoint.root:
        return {}
    cuts: dict[int, bytes] = {}
    size, rest = 0, checkpoint.size
    while rest:
        size += 1 << (rest.bit_length() - 1)
        rest = checkpoint.size - size
        cuts[size] = head.frontier[: HASH_BYTES * (len(cuts) + 1)]
    return cuts


def judge_root(
    walk: Walk, checkpoint: Checkpoint, peaks: dict[int, bytes], findings: Findings
) -> None:
    """Compare what was read with what the head signs, and say where they part."""
    count, size = walk.frontier.size, checkpoint.size
    reached = walk.at_marks.get(size)
    if reached is not None and reached.root() == checkpoint.root:
        if count > size:
            message = f"{count - size} entries follow that the head does not sign"
            findings.add(Check.HEAD_ROOT, Damage.FORGED, message, size, count - 1)
        return
    good, bad = 0, size
    parted = False
    for cut, peak in peaks.items():
        own = walk.at_marks.get(cut)
        if own is None or own.to_bytes() != peak:
            bad, parted = cut, own is not None
            break
        good = cut
    if count >= size:
        message = "the entries are not those that the head signs"
        findings.add(Check.HEAD_ROOT, Damage.EDITED, message, good, bad - 1)
    elif parted:
        message = f"{size - count} entries are missing; the head signs {size}"
        findings.add(Check.HEAD_ROOT, Damage.DELETED, message, good, bad - 1)
    else:
        message = f"the log ends at {count}, and its head signs {size} entries"
        findings.add(Check.HEAD_ROOT, Damage.TRUNCATED, message, good, count)


def judge_head_row(head: SourceHead, checkpoint: Checkpoint, findings: Findings) -> None:
    """Compare what stands beside the signed note with the note."""
    if head.size is not None and head.size != checkpoint.size:
        message = f"the head's row says {head.size} entries, its note {checkpoint.size}"
        findings.add(Check.HEAD_ROW_SIZE, Damage.EDITED, message)
    if head.frontier is not None and not (peaks_of(head, checkpoint) or checkpoint.size == 0):
        message = "the stored frontier does not lead to the signed root"
        findings.add(Check.HEAD_ROW_FRONTIER, Damage.EDITED, message)


def judge_checkpoints(
    checkpoints: Sequence[Checkpoint],
    walk: Walk,
    size: int,
    findings: Findings,
    growths: Sequence[Growth] = (),
) -> tuple[int, ...]:
    """Compare the log with what it was at earlier sizes.

    Args:
        size: how many entries the log has: what its head signs, or what is there when it has none.
        growths: by these it may be older than a checkpoint, and not rolled back.

    Returns:
        The sizes at which it still is what it was.
    """
    confirmed: list[int] = []
    for checkpoint in sorted(checkpoints, key=lambda seen: seen.size):
        own = walk.at_marks.get(checkpoint.size)
        if checkpoint.size in walk.unseen:
            message = (
                f"the checkpoint at {checkpoint.size} can only be compared with a sealed segment"
            )
            findings.add(Check.CHECKPOINT_COMPARED, Damage.PRUNED, message)
        elif checkpoint.size > size and _began(walk, size, checkpoint, growths):
            add_older(findings, size, checkpoint)
        elif checkpoint.size > size or own is None:
            message = f"the log had {checkpoint.size} entries, and now it has {size}"
            findings.add(Check.CHECKPOINT_REACHED, Damage.ROLLED_BACK, message, size)
        elif own.root() != checkpoint.root:
            message = f"the first {checkpoint.size} entries are not what they were"
            first = max(confirmed, default=0)
            last = checkpoint.size - 1
            findings.add(Check.CHECKPOINT_ROOT, Damage.FORKED, message, first, last)
        else:
            confirmed.append(checkpoint.size)
    return tuple(confirmed)


def add_older(findings: Findings, size: int, seen: Checkpoint) -> None:
    """Say that what was verified is the beginning of the log that a checkpoint tells of."""
    message = (
        f"older than the checkpoint you hold ({size} < {seen.size}): it is the"
        f" beginning of that log, without its newest {seen.size - size} entries"
    )
    findings.add(Check.CHECKPOINT_REACHED, Damage.OLDER, message)


def _began(walk: Walk, size: int, seen: Checkpoint, growths: Sequence[Growth]) -> bool:
    """Whether what was read, and not only what its head says, is proven to begin a later tree."""
    own = walk.at_marks.get(size)
    return own is not None and is_beginning(size, own.root(), seen, growths)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSource:
    """One tenant's log as a database or a full bundle holds it; none of it is trusted.

    Attributes:
        tenant: whose log.
        origin: what its head must be called: `<deployment>/<tenant>`.
        head: the newest signed head; None when there is none.
        keys: the keys that the source lists.
        pages: seq, body and projected columns of each entry, in the order of seq; read once. The
            next page may raise; a row of one never does.
        columns: the names of the projected columns in each row.
        as_row_text: whether they stand in a row as one text, of `projections.row_text`.
        state: rows of `action` and `approval` to compare with their entries, read after `pages`;
            None when there are none.
        stored: whole rows of the tables that the log determines, read last, in a deep walk only.
        entered: heads of this log in the source's log of logs.
        witnessed: notes that the source keeps with cosignatures; they count by those alone.
        stamped: heads that the source keeps with time stamps, read before `pages`, once.
        body_at: the stored body at an index, asked for while `state` is read.
        exported: whether it was made once and is no log that goes on, so that it may be older than
            what the caller holds.
        everywhere: stops of every tenant that stand in other logs of the source.
        sealed: the rows of sealed segments, with None in the place of one that can be no segment;
            None where the source lists none, whatever the entries say.
    """

    tenant: str
    origin: str
    head: SourceHead | None
    keys: tuple[ListedKey, ...]
    pages: Iterable[Iterable[Row]]
    columns: tuple[str, ...] = ()
    as_row_text: bool = False
    state: Mapping[str, Iterable[StateRow]] | None = None
    stored: Mapping[str, Iterable[StoredRow]] | None = None
    entered: tuple[EnteredHead, ...] = ()
    witnessed: tuple[bytes, ...] = ()
    stamped: Iterable[StampedNote] = ()
    body_at: BodyAt = lambda _: None
    exported: bool = False
    everywhere: tuple[StopEverywhere, ...] = ()
    sealed: tuple[SealedSegment | None, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideCheckpoint:
    """A checkpoint from outside that could be read; its signature is judged with its log."""

    note: bytes
    checkpoint: Checkpoint


def read_checkpoints(trust: Trust, findings: Findings) -> tuple[OutsideCheckpoint, ...]:
    """The caller's checkpoints, as far as they are any."""
    seen: list[OutsideCheckpoint] = []
    for note in trust.checkpoints:
        try:
            checkpoint = Checkpoint.parse(parse_note(note)[0])
        except IntegrityError as error:
            message = f"an outside checkpoint: {error.message}"
            findings.add(Check.CHECKPOINT_READABLE, Damage.UNREADABLE, message)
        else:
            seen.append(OutsideCheckpoint(note=note, checkpoint=checkpoint))
    return tuple(seen)


def evidence_of(
    seen: Iterable[OutsideCheckpoint], history: KeyHistory, trust: Trust, findings: Findings
) -> tuple[OutsideCheckpoint, ...]:
    """Those of one log's outside checkpoints that the log has to agree with.

    INVARIANT: anybody can write a checkpoint of any log, so one convicts nobody unless somebody
    whom the caller knows has signed it, or the caller has verified it before. What nobody signed is
    told and leaves the verdict open.
    """
    ranged = {period.key.vkey for period in history.periods}
    found: list[OutsideCheckpoint] = []
    for one in seen:
        try:
            open_checkpoint(one.note, _known_keys(one.checkpoint, history, trust, ranged))
        except IntegrityError as error:
            counts = one.note in trust.remembered or is_cosigned(one.note, trust.policy)
            message = f"the outside checkpoint at {one.checkpoint.size}: {error.message}"
            if not counts:
                message += ", so it is no evidence"
                if error.code is Code.KEY_MISMATCH:
                    message += "; pin its key if it is known to you"
            findings.add(Check.CHECKPOINT_SIGNED, Damage.UNKNOWN_KEY, message)
            if not counts:
                continue
        found.append(one)
    return tuple(found)


def signed_by(history: KeyHistory, trust: Trust) -> SignedBy:
    """Tells whether a key that this log may have signed a head of it."""
    ranged = {period.key.vkey for period in history.periods}

    def judge(note: bytes, checkpoint: Checkpoint) -> bool:
        try:
            open_checkpoint(note, _known_keys(checkpoint, history, trust, ranged))
        except IntegrityError:
            return False
        return True

    return judge


def _known_keys(
    checkpoint: Checkpoint, history: KeyHistory, trust: Trust, ranged: Collection[str]
) -> list[Verifier]:
    """Who may have signed a head: the log's key at that size, and pinned keys it does not tell."""
    origin = checkpoint.origin
    known = [key for key in trust.keys if key.vkey not in ranged and key.name == origin]
    if history.pinned or not trust.keys:
        known += history.at(checkpoint.size)
    return known


def witnessed_notes(
    source: LogSource, seen: Sequence[OutsideCheckpoint], trust: Trust
) -> tuple[Witnessed, ...]:
    """Every note of a log that may carry cosignatures: the log's own, and those from elsewhere."""
    if trust.policy is None:
        return ()
    own = () if source.head is None else (as_bytes(source.head.note),)
    return (
        *read_witnessed((*own, *source.witnessed), source.origin),
        *read_witnessed(trust.witnessed, source.origin, held=True),
        *outside_as_witnessed(seen),
    )


def outside_as_witnessed(seen: Iterable[OutsideCheckpoint]) -> Iterator[Witnessed]:
    """The outside checkpoints; what of them is evidence is compared with the log by itself."""
    for one in seen:
        yield Witnessed(note=one.note, checkpoint=one.checkpoint, held=True, compared=True)


def as_bytes(note: str | bytes) -> bytes:
    """A note's exact bytes."""
    return note.encode() if isinstance(note, str) else note


def judge_log(
    source: LogSource,
    seen: Sequence[OutsideCheckpoint],
    trust: Trust,
    *,
    deep: bool = False,
    progress: Progress | None = None,
    findings: Findings | None = None,
) -> LogVerification:
    """Every check on one complete log.

    Args:
        findings: in which its source says where reading broke off; new ones when None.
    """
    findings = Findings(tenant=source.tenant) if findings is None else findings
    head = source.head
    opened = open_head(head, source.origin, source.keys, trust, findings) if head else None
    peaks = peaks_of(head, opened.checkpoint) if head and opened else {}
    witnessed = witnessed_notes(source, seen, trust)
    marks = {*peaks, *(one.checkpoint.size for one in seen)}
    marks |= {one.checkpoint.size for one in witnessed}
    dated: tuple[DatedHead, ...] = ()
    if trust.authorities is not None:
        dated = read_stamped(
            trust.stamped, source.stamped, trust.authorities, source.origin, findings
        )
        marks |= {one.checkpoint.size for one in dated}
    marks |= {one.size for one in source.entered}
    if opened:
        marks.add(opened.checkpoint.size)
    sealed = SealedPart(source.sealed, source.tenant, source.origin, trust.segments, findings)
    marks |= sealed.marks
    walk = Walk(
        tenant=source.tenant,
        marks=marks,
        columns=source.columns,
        as_row_text=source.as_row_text,
        deep=deep,
        everywhere=source.everywhere,
        findings=findings,
    )
    sealed.walk(walk, opened.checkpoint.size if opened else 0)
    walk.run(source.pages, opened.checkpoint.size if opened else 0, progress)
    count = walk.frontier.size
    history = judge_keys(source.keys, walk.rotations, source.origin, trust.pinned, findings)
    pinned = judge_opened(opened, history, trust, findings)
    evidence = evidence_of(seen, history, trust, findings)
    sealed.judge(walk, history)
    if head and opened:
        judge_root(walk, opened.checkpoint, peaks, findings)
        judge_head_row(head, opened.checkpoint, findings)
    elif head is None and count:
        findings.add(Check.HEAD_PRESENT, Damage.DELETED, "there are entries and no signed head")
    size = opened.checkpoint.size if opened else count
    growths = trust.growths if source.exported else ()
    held = [one.checkpoint for one in evidence]
    confirmed = judge_checkpoints(held, walk, size, findings, growths)
    if not count and not size:
        findings.add(Check.LOG_NOT_EMPTY, Damage.EMPTY, "the log has no entries")
    anchor = None
    if trust.policy is not None:
        reached = [one for one in witnessed if one.checkpoint.size not in walk.unseen]
        anchor = judge_anchors(reached, trust.policy, walk.root_at, size, findings)
    comparable = [one for one in dated if one.checkpoint.size not in walk.unseen]
    stamps = judge_stamped(comparable, signed_by(history, trust), walk.root_at, size, findings)
    if source.entered:
        roots = {one: at.root() for one, at in walk.at_marks.items()}
        entered = [one for one in source.entered if one.size not in walk.unseen]
        judge_entered(entered, roots, size, findings)
    if walk.unseen:
        findings.warnings.append(
            f"{len(walk.unseen)} earlier sizes lie among entries that were not read"
        )
    state_rows = uncompared = 0
    if source.state is not None:
        state_rows, uncompared = judge_state(source.state, walk, source.body_at, findings)
    if walk.replayed is not None:
        findings.accepted = walk.replayed.accepted
    rebuilt_rows = 0
    if source.stored is not None and walk.rebuilt is not None:
        unread = walk.skipped > 0
        rebuilt_rows = walk.rebuilt.compare(
            source.stored,
            findings,
            unread=unread,
            pruned=pruned_sizes(walk),
            keyring=trust.keyring,
        )
    return LogVerification(
        tenant=source.tenant,
        origin=opened.checkpoint.origin if opened else "",
        entries=count - walk.skipped,
        size=opened.checkpoint.size if opened else None,
        root_hex=opened.checkpoint.root.hex() if opened else "",
        vkey=opened.vkey if opened else "",
        pinned=pinned,
        note=as_bytes(head.note).decode() if head and opened else "",
        checkpoints=confirmed,
        anchor=anchor,
        stamps=stamps,
        state_rows=state_rows,
        rebuilt_rows=rebuilt_rows,
        deep=deep,
        judged=0 if walk.replayed is None else walk.replayed.judged,
        rules_from=None if walk.replayed is None else walk.replayed.authority.adopted,
        complete=not walk.skipped,
        pruned_to=sealed.pruned_to,
        segments=sealed.files,
        uncompared_rows=uncompared,
        findings=findings.open,
        accepted=findings.agreed,
        asked={name: one.by for name, one in walk.replayed.asked.items()} if walk.replayed else {},
        dropped=findings.dropped,
        warnings=findings.all_warnings,
        verdict=findings.verdict,
    )
