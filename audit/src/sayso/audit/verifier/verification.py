"""What a verification says: which checks ran, what they found, and what follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby

from sayso.audit.entry import Json
from sayso.audit.verifier.damage import UNDECIDED, Check, Damage
from sayso.audit.verifier.finding import Finding, RowFault, row_digest, rule_digest
from sayso.ids import rfc3339
from sayso.verdicts import NEXT_STEP_OF, NEXT_STEPS, AccusationKind, Cause

__all__ = [
    "MAX_FINDINGS",
    "UNDECIDED",
    "Accepted",
    "AnchoredAt",
    "Check",
    "Damage",
    "FileState",
    "Finding",
    "Findings",
    "LogVerification",
    "RowFault",
    "SegmentFile",
    "StampedAt",
    "Verdict",
    "Verification",
    "combine",
    "next_step_of",
    "worst",
]


class Verdict(StrEnum):
    """What follows. Each has its exit status, so that a script can tell them apart."""

    VERIFIED = "verified"
    TAMPERED = "tampered"
    CANNOT_JUDGE = "cannot_judge"

    WRONG_KEY = "wrong_key"
    """What would have to be opened was sealed by a key that is not at hand."""
    DAMAGED = "damaged"
    """The medium does not give back what was written."""
    OLDER_BUILD = "older_build"
    """An older build made it, and it is not upgraded yet."""

    @property
    def exit_status(self) -> int:
        """0 verified, 1 tampered, 2 everything else: nothing was judged to the end."""
        return _EXIT_STATUS.get(self, 2)


_EXIT_STATUS = {Verdict.VERIFIED: 0, Verdict.TAMPERED: 1}
_BY_DAMAGE = {
    Damage.DAMAGED: Verdict.DAMAGED,
    Damage.WRONG_KEY: Verdict.WRONG_KEY,
    Damage.OLDER_BUILD: Verdict.OLDER_BUILD,
}
_WORST_FIRST = (
    *(Verdict.TAMPERED, Verdict.DAMAGED, Verdict.WRONG_KEY, Verdict.OLDER_BUILD),
    Verdict.CANNOT_JUDGE,
)


MAX_FINDINGS = 100
"""More findings of one log are counted, not kept: a log of strangers has millions."""


@dataclass(slots=True, kw_only=True)
class Findings:
    """Where checks put what they find.

    Attributes:
        tenant: whose log; empty where it is about none.
        kept: the first `MAX_FINDINGS`, in the order they were found.
        dropped: how many more there were.
        warnings: what a reader should know and what is no damage.
        accepted: what two people have accepted: the entry that says so, by the finding's digest.
        unjudged: how many more there seemed to be once reading had broken off.
    """

    tenant: str = ""
    kept: list[Finding] = field(default_factory=list["Finding"])
    dropped: int = 0
    warnings: list[str] = field(default_factory=list[str])
    accepted: Mapping[str, int] = field(default_factory=dict[str, int])
    unjudged: int = 0
    _broke_off: bool = False
    _decided_beyond: bool = False

    @property
    def decided(self) -> bool:
        """Whether one of them, kept or not, means tampered, and nobody has accepted it."""
        return self._decided_beyond or self.accusing is not None

    @property
    def accusing(self) -> Finding | None:
        """The first that means tampered, and that nobody has accepted."""
        return next(
            (one for one in self.kept if one.damage.accuses and self.seq_of(one) is None), None
        )

    @property
    def open(self) -> tuple[Finding, ...]:
        """Those that nobody has accepted."""
        return tuple(one for one in self.kept if self.seq_of(one) is None)

    @property
    def agreed(self) -> tuple[Accepted, ...]:
        """Those that two people have accepted."""
        seqs = ((one, self.seq_of(one)) for one in self.kept)
        return tuple(Accepted(finding=one, seq=seq) for one, seq in seqs if seq is not None)

    @property
    def all_warnings(self) -> tuple[str, ...]:
        """What a reader should know, also of what could not be judged any more."""
        more = f"{self.unjudged} more seem wrong or missing, beyond where reading broke off"
        return (*self.warnings, more) if self.unjudged else tuple(self.warnings)

    def seq_of(self, found: Finding) -> int | None:
        """The entry by which two people accepted a finding; None for every other one."""
        return self.accepted.get(found.digest) if found.digest else None

    def add(
        self,
        check: Check,
        damage: Damage,
        message: str,
        seq: int | None = None,
        last_seq: int | None = None,
    ) -> None:
        """Keep a finding, or count it when there are many."""
        self._put(Finding(check=check, damage=damage, message=message, seq=seq, last_seq=last_seq))

    def add_row(self, check: Check, fault: RowFault, message: str, seq: int | None = None) -> None:
        """The same of a row that is not what its entries say."""
        self._put(
            Finding(
                check=check,
                damage=Damage.STATE_DISAGREES,
                message=message,
                seq=seq,
                row=fault,
                digest=row_digest(self.tenant, fault),
            )
        )

    def attach(self, fault: RowFault) -> bool:
        """Say all that differs in a row of which something was found already; whether it was."""
        found = False
        for at, one in enumerate(self.kept):
            if one.row is not None and (one.row.table, one.row.name) == (fault.table, fault.name):
                self.kept[at] = replace(one, row=fault, digest=row_digest(self.tenant, fault))
                found = True
        return found

    def name_rules(self, since: int, leaf: bytes) -> None:
        """Give what was found of an entry by the rules the names by which it can be accepted.

        Args:
            since: so many were kept before the entry was judged.
            leaf: of the entry.
        """
        seen: Counter[Check] = Counter()
        for at in range(since, len(self.kept)):
            found = self.kept[at]
            if found.damage is Damage.RULE_BROKEN and found.seq is not None:
                digest = rule_digest(self.tenant, found.check, found.seq, leaf, seen[found.check])
                self.kept[at] = replace(found, digest=digest)
                seen[found.check] += 1

    def break_off(self, message: str) -> None:
        """Say that the medium gave nothing more: what seems to be missing now accuses nobody."""
        self.add(Check.SOURCE_UNDAMAGED, Damage.DAMAGED, message)
        self._broke_off = True

    def _put(self, found: Finding) -> None:
        if self._broke_off and found.damage.accuses:
            self.unjudged += 1
            return
        if len(self.kept) >= MAX_FINDINGS:
            self.dropped += 1
            self._decided_beyond = self._decided_beyond or found.damage.accuses
            return
        self.kept.append(found)

    @property
    def verdict(self) -> Verdict:
        """What follows from the findings so far."""
        if self.decided:
            return Verdict.TAMPERED
        left = [one for one in self.kept if not one.damage.accuses]
        if not left:
            return Verdict.VERIFIED
        return worst({_BY_DAMAGE.get(one.damage, Verdict.CANNOT_JUDGE) for one in left})


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A finding that two people have accepted, and the entry that says so."""

    finding: Finding
    seq: int

    def to_json(self) -> dict[str, Json]:
        """The same for `--json`."""
        return {**self.finding.to_json(), "accepted_by_entry": self.seq}


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
        findings: what is wrong, in the order found, without what two people have accepted.
        accepted: what is wrong and was accepted, with the entry that says so.
        asked: repairs and acceptances that one person asked for: who, by their digests.
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
    accepted: tuple[Accepted, ...] = ()
    asked: Mapping[str, str] = field(default_factory=dict[str, str])
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
        more = self._witnessed() + self._stamped() + self._ruled() + self._agreed()
        return f"{what}; {key}; {anchor}{more}"

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

    def _agreed(self) -> str:
        """What is wrong and was accepted, by how many people and in which entries."""
        if not self.accepted:
            return ""
        count = len(self.accepted)
        entries = ", ".join(str(seq) for seq in sorted({one.seq for one in self.accepted}))
        return f"; {count:,} finding{'s' * (count > 1)} accepted by two people: entry {entries}"

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
            "accepted": [one.to_json() for one in self.accepted],
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
            "next_step": next_step_of(self) or None,
            "entries": self.entries,
            "findings": [found.to_json() for found in self.findings],
            "warnings": list(self.warnings),
            "logs": [log.to_json() for log in self.logs],
        }


def combine(source: str, logs: tuple[LogVerification, ...], findings: Findings) -> Verification:
    """Put the logs together; nothing to verify is never verified."""
    verdict = worst({findings.verdict, *(log.verdict for log in logs)})
    if verdict is Verdict.VERIFIED and not logs:
        verdict = Verdict.CANNOT_JUDGE
    return Verification(
        source=source,
        logs=logs,
        findings=findings.open,
        warnings=findings.all_warnings,
        verdict=verdict,
    )


def worst(verdicts: Collection[Verdict]) -> Verdict:
    """Tampering outweighs what leaves the verdict open, and the rest what is verified."""
    return next((one for one in _WORST_FIRST if one in verdicts), Verdict.VERIFIED)


_CAUSES = {
    Verdict.DAMAGED: Cause.DAMAGED,
    Verdict.WRONG_KEY: Cause.WRONG_KEY,
    Verdict.OLDER_BUILD: Cause.OLDER_BUILD,
}


def next_step_of(found: Verification) -> str:
    """What to do about a verdict, in the words of every surface; empty where nothing is wrong."""
    if found.verdict is Verdict.TAMPERED:
        sorts = {one.sort for one in found.all_findings}
        return NEXT_STEP_OF[
            next((sort for sort in AccusationKind if sort in sorts), AccusationKind.BYTES)
        ]
    cause = _CAUSES.get(found.verdict)
    return "" if cause is None else NEXT_STEPS[cause]
