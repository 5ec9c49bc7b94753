"""The rules of test cards: shown once, answered once by whom a true one would ask, never done."""

from __future__ import annotations

from sayso.audit.authority.credentials import DECIDE
from sayso.audit.event import Event
from sayso.audit.rules.people import deciding_fault
from sayso.audit.rules.replayed import ReplayedState
from sayso.audit.verifier.verification import Check, Damage, Findings


def check_shown(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether the system shows a card that was never told of, to somebody."""
    name = event.text("canary") or ""
    fits = bool(name) and name not in replayed.canaries and bool(event.texts("roles"))
    if not fits or event.actor_kind != "system":
        message = f"`{name[:60]}` cannot have become a test card here"
        findings.add(Check.RULE_CANARY, Damage.RULE_BROKEN, message, event.seq)


def check_ended(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether a card that waits ends: by the system, or by whom a true one would ask."""
    name = event.text("canary") or ""
    roles = replayed.canaries.get(name)
    if not roles and (replayed.whole or name in replayed.canaries):
        message = f"the test card `{name[:60]}` ended, and did not wait"
        findings.add(Check.RULE_CANARY, Damage.RULE_BROKEN, message, event.seq)
    by = "system" if event.kind == "canary.ended" else "person"
    if event.actor_kind != by:
        message = f"the test card `{name[:60]}` was ended by a {event.actor_kind}"
        findings.add(Check.RULE_CANARY, Damage.RULE_BROKEN, message, event.seq)
    if by == "system":
        return
    person = replayed.authority.person(event.actor)
    if person is None or (roles and not person.roles & roles):
        message = f"the test card `{name[:60]}` was answered by `{event.actor[:60]}`, who may not"
        findings.add(Check.RULE_CANARY, Damage.RULE_BROKEN, message, event.seq)
    fault = deciding_fault(replayed, event, {DECIDE})
    if fault is not None:
        message = f"{fault} answered a test card"
        findings.add(Check.RULE_CREDENTIAL, Damage.RULE_BROKEN, message, event.seq)


def check_is_none(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether what moves an action is about a true card: nothing is ever done by a test card."""
    if replayed.canaries and event.top("approval") in replayed.canaries:
        message = f"the test card `{(event.top('approval') or '')[:60]}` has moved an action"
        findings.add(Check.RULE_CANARY, Damage.RULE_BROKEN, message, event.seq)


def show(replayed: ReplayedState, event: Event) -> None:
    """Take in that a card waits, and for which roles."""
    replayed.canaries[event.text("canary") or ""] = frozenset(event.texts("roles"))


def end(replayed: ReplayedState, event: Event) -> None:
    """Take in that it does not wait any more."""
    replayed.canaries[event.text("canary") or ""] = frozenset()
