"""The rules of stops, holds and erasures: one person begins, two end, and nothing passes under."""

from __future__ import annotations

from sayso.audit.authority.credentials import ADMIN, DECIDE, STOP
from sayso.audit.authority.state import OpenHold, OpenStop
from sayso.audit.event import Event
from sayso.audit.rules.people import acting_fault
from sayso.audit.rules.replayed import ReplayedState
from sayso.audit.verifier.verification import Check, Damage, Findings

# ---- stops -------------------------------------------------------------------------------------


def check_stop(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether who stopped may."""
    fault = acting_fault(replayed, event, {STOP, DECIDE})
    if fault is not None:
        message = f"{fault} engaged a stop"
        findings.add(Check.RULE_CREDENTIAL, Damage.RULE_BROKEN, message, event.seq)


def check_resume(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether a stop that is in force ends by two people: one asks, another one confirms."""
    stop = replayed.authority.stops.get(event.text("stop") or "")
    _check_second(replayed, event, "stop", stop, findings)


# ---- holds -------------------------------------------------------------------------------------


def check_hold(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether who placed a hold may."""
    fault = acting_fault(replayed, event, {DECIDE})
    if fault is not None:
        message = f"{fault} placed a hold"
        findings.add(Check.RULE_CREDENTIAL, Damage.RULE_BROKEN, message, event.seq)


def check_release(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether a hold that is in force ends by two people."""
    hold = replayed.authority.holds.get(event.text("hold") or "")
    _check_second(replayed, event, "hold", hold, findings)


def _check_second(
    replayed: ReplayedState,
    event: Event,
    noun: str,
    found: OpenStop | OpenHold | None,
    findings: Findings,
) -> None:
    """One word about the end of a stop or a hold."""
    if found is None:
        message = f"a {noun} was released that was not in force"
        findings.add(Check.RULE_TWO_PEOPLE, Damage.RULE_BROKEN, message, event.seq)
        return
    confirms = event.kind.endswith(".released")
    person = replayed.authority.person(event.actor)
    alone = confirms and found.asked_by in {None, event.actor}
    if person is None or not person.roles or alone:
        message = f"the {noun} `{found.id[:60]}` was not released by two people with a role"
        findings.add(Check.RULE_TWO_PEOPLE, Damage.RULE_BROKEN, message, event.seq)
    fault = acting_fault(replayed, event, {DECIDE})
    if fault is not None:
        message = f"{fault} released the {noun} `{found.id[:60]}`"
        findings.add(Check.RULE_CREDENTIAL, Damage.RULE_BROKEN, message, event.seq)


# ---- erasure -----------------------------------------------------------------------------------


def check_erasing(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether nothing kept what there is of the customer, and who erased may."""
    hold = replayed.authority.hold_on(event.top("subject"))
    if hold is not None:
        message = f"a customer was erased under the hold `{hold.id[:60]}`"
        findings.add(Check.RULE_HELD, Damage.RULE_BROKEN, message, event.seq)
    fault = acting_fault(replayed, event, {DECIDE})
    if fault is not None:
        message = f"{fault} erased a customer"
        findings.add(Check.RULE_CREDENTIAL, Damage.RULE_BROKEN, message, event.seq)


def check_erased(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether the end of an erasure is of one that has begun."""
    if replayed.erasing.get(event.top("subject") or "") != event.text("erasure"):
        message = "an erasure ended that had not begun"
        findings.add(Check.RULE_ERASURE, Damage.RULE_BROKEN, message, event.seq)


_SWEPT = ("actions", "requests", "subjects")


def check_swept(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether no hold kept what a sweep took."""
    for subject in event.texts("of"):
        hold = replayed.authority.hold_on(subject)
        if hold is not None:
            message = f"a customer's text was swept under the hold `{hold.id[:60]}`"
            findings.add(Check.RULE_HELD, Damage.RULE_BROKEN, message, event.seq)
    unsaid = "of" not in event.data and any(event.whole(name) for name in _SWEPT)
    if unsaid and replayed.authority.holds:
        message = "a sweep does not say whose text it took, while a hold was in force"
        findings.add(Check.RULE_HELD, Damage.RULE_BROKEN, message, event.seq)


def check_pruned(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether no hold kept the log, and who pruned it may."""
    if replayed.authority.holds:
        message = "entries were pruned while a hold was in force"
        findings.add(Check.RULE_HELD, Damage.RULE_BROKEN, message, event.seq)
    fault = acting_fault(replayed, event, {ADMIN, DECIDE})
    if fault is not None:
        message = f"{fault} pruned the log"
        findings.add(Check.RULE_CREDENTIAL, Damage.RULE_BROKEN, message, event.seq)


def begin_erasure(replayed: ReplayedState, event: Event) -> None:
    """Take in that an erasure is under way."""
    replayed.erasing[event.top("subject") or ""] = event.text("erasure") or ""


def end_erasure(replayed: ReplayedState, event: Event) -> None:
    """Take in that it is done."""
    replayed.erasing.pop(event.top("subject") or "", None)
