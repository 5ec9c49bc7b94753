"""What a verification says: which checks ran, what they found, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby

from sayso.audit.entry import Json
from sayso.ids import rfc3339


class Verdict(StrEnum):
    """What follows. Each has its exit status, so that a script can tell them apart."""

    VERIFIED = "verified"
    TAMPERED = "tampered"
    CANNOT_JUDGE = "cannot_judge"

    @property
    def exit_status(self) -> int:
        """0 verified, 1 tampered, 2 cannot judge."""
        return _EXIT_STATUS[self]


_EXIT_STATUS = {Verdict.VERIFIED: 0, Verdict.TAMPERED: 1, Verdict.CANNOT_JUDGE: 2}


class Damage(StrEnum):
    """What kind of harm was found. Closed."""

    EDITED = "edited"
    """An entry, a head or a projected column was changed."""
    DELETED = "deleted"
    """Entries are missing from the middle."""
    REORDERED = "reordered"
    """An entry stands where another one was."""
    TRUNCATED = "truncated"
    """Entries are missing from the end; the signed head still counts them."""
    FORGED = "forged"
    """Something is there that the log's key did not sign."""
    FORKED = "forked"
    """The signed log contradicts a checkpoint that was signed earlier: history was rewritten."""
    ROLLED_BACK = "rolled_back"
    """The signed log is shorter than a checkpoint seen earlier."""
    OLDER = "older"
    """The export is shorter than a checkpoint that the caller holds, and proven to be the beginning
    of that log: made earlier, or of a log that was rolled back since."""
    STATE_DISAGREES = "state_disagrees"
    """A row does not say what the entries about it say."""
    RULE_BROKEN = "rule_broken"
    """An entry says that something was done that the log's rules do not allow."""
    BAD_SIGNATURE = "bad_signature"
    FOREIGN_TENANT = "foreign_tenant"
    """An entry or a head belongs to another tenant or deployment."""
    NON_CANONICAL = "non_canonical"
    """An entry, or a file of a bundle, is not in the form that the writer writes."""
    UNKNOWN_KEY = "unknown_key"
    """The key is not one of those that were named as trusted."""
    UNWITNESSED = "unwitnessed"
    """The policy asks for cosignatures that no checkpoint has."""
    UNSTAMPED = "unstamped"
    """A time stamp was to be verified, and there is none that holds."""
    PRUNED = "pruned"
    """What would have to be read is only in a sealed segment, whose file is not there."""
    UNCOMPARED = "uncompared"
    """The caller holds a head of a size at which proofs of single entries say nothing."""
    UNREADABLE = "unreadable"
    """The source cannot be read as what it should be."""
    EMPTY = "empty"
    """There is nothing to verify, which is not the same as verified."""


UNDECIDED = frozenset(
    {
        Damage.OLDER,
        Damage.UNKNOWN_KEY,
        Damage.UNWITNESSED,
        Damage.UNSTAMPED,
        Damage.PRUNED,
        Damage.UNCOMPARED,
        Damage.UNREADABLE,
        Damage.EMPTY,
    }
)
"""What leaves the verdict open; every other damage means tampered."""


class Check(StrEnum):
    """One question the verifier asks. `tests/audit/test_verify_checks.py` removes each in turn."""

    SOURCE_READABLE = "source_readable"
    SOURCE_CONSISTENT = "source_consistent"
    SOURCE_TABLES = "source_tables"
    LOG_NOT_EMPTY = "log_not_empty"
    SEQ_DENSE = "seq_dense"
    BODY_CANONICAL = "body_canonical"
    BODY_FORMAT = "body_format"
    BODY_TENANT = "body_tenant"
    BODY_SEQ = "body_seq"
    PROJECTIONS_AGREE = "projections_agree"
    HEAD_PRESENT = "head_present"
    HEAD_IS_NOTE = "head_is_note"
    HEAD_SIGNED = "head_signed"
    HEAD_KEY_LISTED = "head_key_listed"
    HEAD_KEY_TRUSTED = "head_key_trusted"
    HEAD_KEY_IN_RANGE = "head_key_in_range"
    KEY_ROTATION = "key_rotation"
    KEY_INTRODUCED = "key_introduced"
    HEAD_ORIGIN = "head_origin"
    HEAD_ROOT = "head_root"
    HEAD_ROW_SIZE = "head_row_size"
    HEAD_ROW_FRONTIER = "head_row_frontier"
    CHECKPOINT_READABLE = "checkpoint_readable"
    CHECKPOINT_SIGNED = "checkpoint_signed"
    CHECKPOINT_HAS_LOG = "checkpoint_has_log"
    PINNED_HAS_LOG = "pinned_has_log"
    CHECKPOINT_REACHED = "checkpoint_reached"
    CHECKPOINT_ROOT = "checkpoint_root"
    CHECKPOINT_COMPARED = "checkpoint_compared"
    COSIGNATURE_FITS = "cosignature_fits"
    ANCHOR_PRESENT = "anchor_present"
    ANCHOR_REACHED = "anchor_reached"
    ANCHOR_ROOT = "anchor_root"
    TIMESTAMP_PRESENT = "timestamp_present"
    TIMESTAMP_TRUSTED = "timestamp_trusted"
    TIMESTAMP_FITS = "timestamp_fits"
    TIMESTAMP_REACHED = "timestamp_reached"
    TIMESTAMP_ROOT = "timestamp_root"
    ENTERED_HAS_LOG = "entered_has_log"
    ENTERED_REACHED = "entered_reached"
    ENTERED_ROOT = "entered_root"
    STATE_ENTRY = "state_entry"
    STATE_STATUS = "state_status"
    STATE_LATEST = "state_latest"
    STATE_ROW_PRESENT = "state_row_present"
    STATE_REBUILT = "state_rebuilt"
    STATE_BOUND = "state_bound"
    STATE_ERASED = "state_erased"
    SEGMENT_ROW = "segment_row"
    SEGMENT_SEALED = "segment_sealed"
    SEGMENT_PRUNED = "segment_pruned"
    SEGMENT_PRESENT = "segment_present"
    SEGMENT_FORM = "segment_form"
    SEGMENT_DIGEST = "segment_digest"
    SEGMENT_ROOT = "segment_root"
    SEGMENT_SIGNED = "segment_signed"
    RULE_TRANSITION = "rule_transition"
    RULE_JUDGED = "rule_judged"
    RULE_POLICY = "rule_policy"
    RULE_APPROVED = "rule_approved"
    RULE_BOUND = "rule_bound"
    RULE_UNEXPIRED = "rule_unexpired"
    RULE_QUORUM = "rule_quorum"
    RULE_APPROVER = "rule_approver"
    RULE_OWN_REQUEST = "rule_own_request"
    RULE_CREDENTIAL = "rule_credential"
    RULE_STOPPED = "rule_stopped"
    RULE_CALL_KEY = "rule_call_key"
    RULE_COMPENSATED = "rule_compensated"
    RULE_TWO_PEOPLE = "rule_two_people"
    RULE_HELD = "rule_held"
    RULE_ERASURE = "rule_erasure"
    RULE_PEOPLE = "rule_people"
    RULE_TOKEN = "rule_token"  # noqa: S105  (a check, not a secret)
    RULE_LIMIT = "rule_limit"
    RULE_STATED = "rule_stated"
    RULE_PASSKEY = "rule_passkey"
    RULE_CANARY = "rule_canary"
    BUNDLE_MANIFEST = "bundle_manifest"
    ROW_PROVEN = "row_proven"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        check: which question had the wrong answer.
        damage: what kind of harm it is.
        message: for a person, one sentence without a full stop.
        seq: the first index that can be bad, from 0; None when it is about no entry.
        last_seq: the last index that can be the first bad one, when it is not exactly `seq`.
    """

    check: Check
    damage: Damage
    message: str
    seq: int | None = None
    last_seq: int | None = None

    def to_json(self) -> dict[str, Json]:
        """The finding for `--json`."""
        return {
            "check": self.check.value,
            "damage": self.damage.value,
            "message": self.message,
            "seq": self.seq,
            "last_seq": self.last_seq,
        }


MAX_FINDINGS = 100
"""More findings of one log are counted, not kept: a log of strangers has millions."""


@dataclass(slots=True, kw_only=True)
class Findings:
    """Where checks put what they find.

    Attributes:
        kept: the first `MAX_FINDINGS`, in the order they were found.
        dropped: how many more there were.
        warnings: what a reader should know and what is no damage.
    """

    kept: list[Finding] = field(default_factory=list["Finding"])
    dropped: int = 0
    warnings: list[str] = field(default_factory=list[str])
    decided: bool = False
    """Whether one of them, kept or not, means tampered."""

    def add(
        self,
        check: Check,
        damage: Damage,
        message: str,
        seq: int | None = None,
        last_seq: int | None = None,
    ) -> None:
        """Keep a finding, or count it when there are many."""
        self.decided = self.decided or damage not in UNDECIDED
        if len(self.kept) >= MAX_FINDINGS:
            self.dropped += 1
            return
        self.kept.append(
            Finding(check=check, damage=damage, message=message, seq=seq, last_seq=last_seq)
        )

    @property
    def verdict(self) -> Verdict:
        """What follows from the findings so far."""
        if self.decided:
            return Verdict.TAMPERED
        return Verdict.CANNOT_JUDGE if self.kept else Verdict.VERIFIED


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchoredAt:
    """How far others vouch for a log.

    Attributes:
        size: how many entries the checkpoint covers that they cosigned.
        witnesses: who, by the policy's names, sorted.
        at_s: when the last of them said so; whole seconds since 1970, UTC.
    """

    size: int
    witnesses: tuple[str, ...]
    at_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StampedAt:
    """Since when a log had so many entries, by a time stamp of its head.

    Attributes:
        size: how many entries the head covers.
        before_s: they existed before that; whole seconds since 1970, UTC.
        authority: who says so.
    """

    size: int
    before_s: int
    authority: str

    @property
    def before(self) -> str:
        """The same as a person reads it."""
        return rfc3339(self.before_s * 1_000_000)[:19] + "Z"


class FileState(StrEnum):
    """What was found where a sealed segment's file should be."""

    VERIFIED = "read and verified"
    MISSING = "missing"
    DAMAGED = "damaged"
    NOT_AT_HAND = "not at hand, covered by their hashes only"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFile:
    """A sealed segment of a log.

    Attributes:
        first, last: the indexes of its entries.
        file: the name of its file.
        state: what was found there.
    """

    first: int
    last: int
    file: str
    state: FileState


@dataclass(frozen=True, slots=True, kw_only=True)
class LogVerification:
    """What was found out about one tenant's log.

    Attributes:
        tenant: whose log.
        origin: what its signed head calls it; empty when there is no readable head.
        entries: how many bodies were hashed.
        size: what the signed head says; None when there is no readable head.
        root_hex: the root of the signed head, 64 hex digits.
        vkey: the key that signed the head; empty when none did.
        pinned: whether that key was named as trusted from outside.
        note: the signed head, exact; empty when there is no readable one.
        checkpoints: the sizes of the outside checkpoints that were confirmed.
        anchor: how far witnesses vouch for it, by the caller's policy; None for not at all.
        stamps: the time stamps of its heads that hold, by size; they say when, and nothing else.
        state_rows: how many rows of actions and approvals were compared.
        rebuilt_rows: how many rows were compared with all that the entries say of them; 0 where
            the walk was not deep, or there are no rows.
        deep: whether the rules and the columns of rows were judged, as far as they can be.
        judged: how many entries were judged by the rules; 0 where the walk was not deep.
        rules_from: the entry with which the log adopted its rules; None when it has not, or where
            the walk was not deep.
        complete: whether all entries up to `size` were seen; False for a filtered bundle.
        pruned_to: the lowest index that the source still holds.
        segments: the sealed segments, in order.
        uncompared_rows: how many rows of actions and approvals point at entries that were not read.
        findings: what is wrong, in the order found.
        dropped: how many findings were not kept.
        warnings: what is no damage, and worth knowing.
    """

    tenant: str
    origin: str = ""
    entries: int = 0
    size: int | None = None
    root_hex: str = ""
    vkey: str = ""
    pinned: bool = False
    note: str = ""
    checkpoints: tuple[int, ...] = ()
    anchor: AnchoredAt | None = None
    stamps: tuple[StampedAt, ...] = ()
    state_rows: int = 0
    rebuilt_rows: int = 0
    deep: bool = True
    judged: int = 0
    rules_from: int | None = None
    complete: bool = True
    pruned_to: int = 0
    segments: tuple[SegmentFile, ...] = ()
    uncompared_rows: int = 0
    findings: tuple[Finding, ...] = ()
    dropped: int = 0
    warnings: tuple[str, ...] = ()
    verdict: Verdict = Verdict.CANNOT_JUDGE

    @property
    def first_bad_seq(self) -> int | None:
        """The lowest index that any finding names, from 0."""
        return min((found.seq for found in self.findings if found.seq is not None), default=None)

    @property
    def is_whole(self) -> bool:
        """Whether the whole tree was compared with its head, of pruned entries the hashes."""
        return self.complete or self.pruned_to > 0

    @property
    def coverage(self) -> str:
        """In one sentence, what a verified verdict covers, and what it does not."""
        if self.pruned_to:
            size = self.size or self.pruned_to
            what = f"verified {self.pruned_to:,} to {size - 1:,}"
        elif self.complete:
            what = f"all {self.entries} entries"
        else:
            what = f"{self.entries} of {self.size} entries, each by its proof; completeness is not"
        what += self._sealed()
        key = f"by {self.vkey}" if self.pinned else "self-signed: key taken from the source"
        if not self.checkpoints:
            anchor = "no outside checkpoint, so a rollback would not show"
        else:
            newest = max(self.checkpoints)
            rest = (self.size or 0) - newest
            anchor = f"agrees with the outside checkpoint at {newest}, {rest} entries beyond it"
        return f"{what}; {key}; {anchor}{self._witnessed()}{self._stamped()}{self._ruled()}"

    def _sealed(self) -> str:
        """What is in files, and what was found there; those of pruned entries in any case."""
        said = ""
        told = [
            one
            for one in self.segments
            if one.first < self.pruned_to or one.state is not FileState.NOT_AT_HAND
        ]
        for state, run in groupby(told, key=lambda one: one.state):
            files = list(run)
            name = files[0].file if len(files) == 1 else f"{files[0].file} to {files[-1].file}"
            said += f"; {files[0].first:,} to {files[-1].last:,} sealed in {name}: {state.value}"
        if self.uncompared_rows:
            said += f"; {self.uncompared_rows:,} rows of ended actions not compared"
        return said

    def _witnessed(self) -> str:
        if self.anchor is None:
            return ""
        at = rfc3339(self.anchor.at_s * 1_000_000)[:19] + "Z"
        who = ", ".join(self.anchor.witnesses)
        rest = (self.size or 0) - self.anchor.size
        return f"; anchored to {self.anchor.size:,} by {who} at {at}, {rest:,} unanchored"

    def _ruled(self) -> str:
        """What was judged beside the tree."""
        if not self.deep:
            return "; quick: no rules and no columns of rows were judged"
        if not self.judged:
            return ""
        skipped = self.entries - self.judged
        return f"; {self.judged:,} judged by the rules" + (f", {skipped:,} not" if skipped else "")

    def _stamped(self) -> str:
        """The newest time stamp; each of the others says it of fewer entries, and earlier."""
        if not self.stamps:
            return ""
        newest = self.stamps[-1]
        rest = (self.size or 0) - newest.size
        others = len(self.stamps) - 1
        more = f", and {others:,} more time stamp{'s' * (others > 1)}" if others else ""
        said = f"{newest.size:,} existed before {newest.before} by {newest.authority}"
        return f"; {said}, {rest:,} without a time stamp{more}"

    def to_json(self) -> dict[str, Json]:
        """The verification of this log for `--json`."""
        return {
            "tenant": self.tenant,
            "verdict": self.verdict.value,
            "origin": self.origin,
            "entries": self.entries,
            "size": self.size,
            "root": self.root_hex,
            "vkey": self.vkey,
            "pinned": self.pinned,
            "checkpoints": list(self.checkpoints),
            "anchored": None
            if self.anchor is None
            else {
                "size": self.anchor.size,
                "witnesses": list(self.anchor.witnesses),
                "at": rfc3339(self.anchor.at_s * 1_000_000),
                "unanchored": (self.size or 0) - self.anchor.size,
            },
            "timestamps": [
                {"size": one.size, "before": one.before, "authority": one.authority}
                for one in self.stamps
            ],
            "state_rows": self.state_rows,
            "rebuilt_rows": self.rebuilt_rows,
            "deep": self.deep,
            "judged": self.judged,
            "rules_from": self.rules_from,
            "complete": self.complete,
            "pruned_to": self.pruned_to,
            "segments": [
                {
                    "first": one.first,
                    "last": one.last,
                    "file": one.file,
                    "state": one.state.name.lower(),
                    "pruned": one.first < self.pruned_to,
                }
                for one in self.segments
            ],
            "uncompared_rows": self.uncompared_rows,
            "first_bad_seq": self.first_bad_seq,
            "findings": [found.to_json() for found in self.findings],
            "findings_dropped": self.dropped,
            "warnings": list(self.warnings),
            "coverage": self.coverage,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found out about a database or a bundle.

    Attributes:
        source: the path that was read.
        logs: one for each tenant.
        findings: what is wrong and belongs to no single log.
        warnings: what is no damage, worth knowing, and belongs to no single log.
        verdict: the worst of all: tampered, else cannot judge, else verified.
    """

    source: str
    logs: tuple[LogVerification, ...]
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...] = ()
    verdict: Verdict

    @property
    def exit_status(self) -> int:
        """0 verified, 1 tampered, 2 cannot judge."""
        return self.verdict.exit_status

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """The findings of every log, and those of none."""
        return (*self.findings, *(found for log in self.logs for found in log.findings))

    @property
    def entries(self) -> int:
        """How many bodies were hashed."""
        return sum(log.entries for log in self.logs)

    def to_json(self) -> dict[str, Json]:
        """The whole verification for `--json`."""
        return {
            "source": self.source,
            "verdict": self.verdict.value,
            "entries": self.entries,
            "findings": [found.to_json() for found in self.findings],
            "warnings": list(self.warnings),
            "logs": [log.to_json() for log in self.logs],
        }


def combine(source: str, logs: tuple[LogVerification, ...], findings: Findings) -> Verification:
    """Put the logs together; nothing to verify is never verified."""
    verdicts = {findings.verdict, *(log.verdict for log in logs)}
    if Verdict.TAMPERED in verdicts:
        verdict = Verdict.TAMPERED
    elif Verdict.CANNOT_JUDGE in verdicts or not logs:
        verdict = Verdict.CANNOT_JUDGE
    else:
        verdict = Verdict.VERIFIED
    return Verification(
        source=source,
        logs=logs,
        findings=tuple(findings.kept),
        warnings=tuple(findings.warnings),
        verdict=verdict,
    )
