"""The rules of the policy: one version after the other, by who may, and by two where it loosens."""

from __future__ import annotations

from sayso.audit.authority.state import PolicyInForce
from sayso.audit.event import Event
from sayso.audit.rules.people import check_admin
from sayso.audit.rules.replayed import PolicyChange, ReplayedState
from sayso.audit.verifier.verification import Check, Damage, Findings

_LOOSER = "looser"


def check_activated(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether it is the next version, and whoever put it in force may: the second person, too."""
    number, before = event.whole("version"), replayed.authority.policy
    fits = number is not None and bool(event.text("sha256"))
    if before is not None:
        fits = fits and number == before.number + 1 and event.whole("parent") == before.number
    elif replayed.whole:
        fits = fits and number == 1 and event.whole("parent") is None
    if not fits:
        message = "an entry activates a version of the policy that is not the next one"
        findings.add(Check.RULE_POLICY, Damage.RULE_BROKEN, message, event.seq)
    fault = None if before is None else _fault(replayed, event, before)
    if fault is not None:
        message = f"version {number} of the policy was activated {fault}"
        findings.add(Check.RULE_POLICY, Damage.RULE_BROKEN, message, event.seq)
    check_admin(replayed, event, "activated a policy", findings)


def check_asked(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether who asks for a second person may ask."""
    before = replayed.authority.policy
    if before is not None and not _has(replayed, event.actor, before.activate):
        message = f"`{event.actor[:60]}` asked for a change of the policy, and may not"
        findings.add(Check.RULE_POLICY, Damage.RULE_BROKEN, message, event.seq)
    check_admin(replayed, event, "asked for a change of the policy", findings)


def check_withdrawn(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether who ended a change that waited has a credential for it."""
    check_admin(replayed, event, "ended a change of the policy", findings)


def ask(replayed: ReplayedState, event: Event) -> None:
    """Take in that a change waits for a second person."""
    replayed.changes[event.text("change") or ""] = PolicyChange(
        sha256=event.text("sha256") or "",
        parent=event.whole("parent"),
        asked_by=event.actor,
    )


def end(replayed: ReplayedState, event: Event) -> None:
    """Take in that a change waits no more."""
    replayed.changes.pop(event.text("change") or "", None)


def _fault(replayed: ReplayedState, event: Event, before: PolicyInForce) -> str | None:
    """What is wrong with who put it in force, in words; None when nothing is."""
    if event.actor_kind != "person":
        return None  # files that are followed; by the host's word, as `check_admin` sees to
    asked_by = event.text("asked_by")
    if asked_by is None:
        if event.text("direction") == _LOOSER and before.loosening_needs > 1:
            return "by one person, although it loosens something"
        return None if _has(replayed, event.actor, before.activate) else "by somebody who may not"
    change = replayed.changes.get(event.text("change") or "")
    same = change is not None and (change.sha256, change.parent, change.asked_by) == (
        event.text("sha256"),
        event.whole("parent"),
        asked_by,
    )
    if not same and (change is not None or replayed.whole):
        return "by a second person, to whom nobody had put just this"
    if asked_by == event.actor:
        return "by one person in the place of two"
    may = _has(replayed, event.actor, before.confirm) and _has(replayed, asked_by, before.activate)
    return None if may else "by two people who may not"


def _has(replayed: ReplayedState, name: str, roles: frozenset[str]) -> bool:
    person = replayed.authority.person(name)
    return person is not None and bool(person.roles & roles)
