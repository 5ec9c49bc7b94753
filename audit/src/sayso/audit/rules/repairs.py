"""The rules of repairs and acceptances: two people, each by a credential of theirs."""

from __future__ import annotations

from sayso.audit.authority.credentials import DECIDE, HOST
from sayso.audit.event import Event
from sayso.audit.rules.people import deciding_fault
from sayso.audit.rules.replayed import Asked, ReplayedState
from sayso.audit.verifier.damage import Check, Damage
from sayso.audit.verifier.verification import Findings

ASKS = frozenset({"audit.repair_asked", "audit.accept_asked"})
KINDS = ASKS | {"audit.repaired", "audit.finding_accepted"}
"""What may be told by a log of which rows, or what its rules forbid, are wrong."""


def about(event: Event) -> str:
    """What is asked for or done: the digest of a repair, or of a finding."""
    return event.text("repair") or event.text("finding") or ""


def check_repair(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether rows are rebuilt, or a finding is accepted, by two people: one asks, one confirms."""
    fault = repair_fault(replayed, event)
    if fault is not None:
        message = f"{fault} at `{event.kind}`"
        findings.add(Check.RULE_REPAIR, Damage.RULE_BROKEN, message, event.seq)


def repair_fault(replayed: ReplayedState, event: Event) -> str | None:
    """What is wrong with who asks for it or confirms it, in words; None when nothing is."""
    person = replayed.authority.person(event.actor)
    if event.actor_kind != "person" or person is None or not person.roles:
        return f"`{event.actor[:60]}` acted without a role"
    # INVARIANT: by a credential of each of them. Whoever runs the host is one, whatever they say.
    if event.text("credential") == HOST:
        return f"`{event.actor[:60]}` acted by the host's word"
    fault = deciding_fault(replayed, event, {DECIDE})
    if fault is not None:
        return f"{fault} acted"
    if not about(event):
        return "nothing is named"
    if event.kind in ASKS:
        return None
    asked = replayed.asked.get(about(event))
    if asked is None or asked.kind != _asking(event.kind) or asked.by != event.text("asked_by"):
        return "nobody had asked for just this"
    if asked.by == event.actor:
        return "one person stood in the place of two"
    if (other := replayed.authority.person(asked.by)) is None or not other.roles:
        return f"`{asked.by[:60]}`, who had asked, has no role"
    return None


def follow(replayed: ReplayedState, event: Event) -> None:
    """Take in what is asked for, and what two people have accepted."""
    if not replayed.judges or repair_fault(replayed, event) is not None:
        return  # INVARIANT: what breaks the rules accepts nothing
    name = about(event)
    if event.kind in ASKS:
        replayed.asked[name] = Asked(kind=event.kind, by=event.actor, seq=event.seq)
        return
    replayed.asked.pop(name, None)
    if event.kind == "audit.finding_accepted":
        replayed.accepted[name] = event.seq


def _asking(kind: str) -> str:
    return "audit.repair_asked" if kind == "audit.repaired" else "audit.accept_asked"
