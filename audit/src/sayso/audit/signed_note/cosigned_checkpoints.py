"""How far a log is vouched for by others: cosigned checkpoints, judged by the auditor's policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sayso.audit.signed_note.cosignature import time_of
from sayso.audit.signed_note.note import Checkpoint, parse_note
from sayso.audit.signed_note.witness_policy import WitnessPolicy
from sayso.audit.verifier.verification import AnchoredAt, Check, Damage, Findings
from sayso.errors import IntegrityError

RootAt = Callable[[int], "bytes | None"]
"""The root at a size, as it was read; None where that size was not reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """A checkpoint with whatever lines stand under it; its cosignatures are not judged yet.

    Attributes:
        note: exact bytes.
        checkpoint: what it says.
        held: whether it was given from outside, and so is no part of what is judged.
        compared: whether the log was compared with it already.
    """

    note: bytes
    checkpoint: Checkpoint
    held: bool = False
    compared: bool = False


def read_witnessed(
    notes: Iterable[bytes], origin: str, *, held: bool = False
) -> tuple[Witnessed, ...]:
    """Those of the notes that are checkpoints of this log; others say nothing about it."""
    found: dict[bytes, Witnessed] = {}
    for note in notes:
        try:
            checkpoint = Checkpoint.parse(parse_note(note)[0])
        except IntegrityError:
            continue
        if checkpoint.origin == origin:
            found[note] = Witnessed(note=note, checkpoint=checkpoint, held=held)
    return tuple(found.values())


def is_cosigned(note: bytes, policy: WitnessPolicy | None) -> bool:
    """Whether enough witnesses vouch for a checkpoint, whoever else signed it."""
    if policy is None:
        return False
    checkpoint = Checkpoint.parse(parse_note(note)[0])
    return _cosigned(Witnessed(note=note, checkpoint=checkpoint), policy, Findings()) is not None


def judge_anchors(
    candidates: Sequence[Witnessed],
    policy: WitnessPolicy,
    root_at: RootAt,
    size: int,
    findings: Findings,
) -> AnchoredAt | None:
    """The newest checkpoint with enough cosignatures that the log agrees with.

    Whether the log's own key signed it does not matter: what a witness cosigned is evidence even
    against whoever holds that key.

    Args:
        size: how many entries the log has.
    """
    best: AnchoredAt | None = None
    for one in candidates:
        anchor = _cosigned(one, policy, findings)
        if anchor is None:
            continue
        root = root_at(anchor.size)
        if root == one.checkpoint.root and anchor.size <= size:
            if best is None or (anchor.size, anchor.at_s) > (best.size, best.at_s):
                best = anchor
        elif not one.compared:
            _contradicts(one.checkpoint, anchor, root, size, findings)
    if best is None and policy.wants_witnesses:
        message = "no checkpoint has the cosignatures that the policy asks for"
        findings.add(Check.ANCHOR_PRESENT, Damage.UNWITNESSED, message)
    return best


def _contradicts(
    checkpoint: Checkpoint, anchor: AnchoredAt, root: bytes | None, size: int, findings: Findings
) -> None:
    who = ", ".join(anchor.witnesses)
    if root is None or checkpoint.size > size:
        message = f"{who} saw {checkpoint.size} entries, and now there are {size}"
        findings.add(Check.ANCHOR_REACHED, Damage.ROLLED_BACK, message, size)
    else:
        message = f"the first {checkpoint.size} entries are not those that {who} saw"
        findings.add(Check.ANCHOR_ROOT, Damage.FORKED, message, 0, checkpoint.size - 1)


def _cosigned(one: Witnessed, policy: WitnessPolicy, findings: Findings) -> AnchoredAt | None:
    text, lines = parse_note(one.note)
    message = text.encode()
    seconds = {
        (key.name, key.key_id): key
        for key in policy.second_keys()
        if key.name == one.checkpoint.origin
    }
    known = {
        (witness.key.name, witness.key.key_id): witness for witness in policy.witnesses.values()
    }
    times: dict[str, int] = {}
    fits = True
    for line in lines:
        witness, second = known.get((line.name, line.key_id)), seconds.get((line.name, line.key_id))
        key = witness.key if witness else second
        if key is None:
            continue
        if not key.accepts(message, line.signature):
            said = f"a signature of `{key.name[:80]}` does not fit the checkpoint"
            damage = Damage.UNWITNESSED if one.held else Damage.BAD_SIGNATURE
            findings.add(Check.COSIGNATURE_FITS, damage, said)
            fits = False
        elif witness is not None:
            times[witness.name] = time_of(line.signature)
        else:
            seconds.pop((line.name, line.key_id))
    # A log for which the policy names an ML-DSA-44 key must have signed with it too.
    if not fits or seconds or not times or not policy.satisfied_by(times):
        return None
    return AnchoredAt(
        size=one.checkpoint.size, witnesses=tuple(sorted(times)), at_s=max(times.values())
    )
