"""The rules of test cards: shown once, answered once by whom a true one would ask, never done."""

from __future__ import annotations

from sayso.audit.authority.credentials import DECIDE
from sayso.audit.event import Event
from sayso.audit.rules.people import deciding_fault
from sayso.audit.rules.world import World
from sayso.audit.verifier.verification import Check, Damage, Findings


def check_shown(world: World, event: Event, findings: Findings) -> None:
    """Whether the system shows a card that was never told of, to somebody."""
    name = event.text("canary") or ""
    fits = bool(name) and name not in world.canaries and bool(event.texts("roles"))
    if not fits or event.actor_kind != "system":
        message = f"`{name[:60]}` cannot have become a test card here"
        findings.add(Check.RULE_CANARY, Damage.RULE_BROKEN, message, event.seq)


def check_ended(world: World, event: Event, findings: Findings) -> None:
    """Whether a card that waits ends: by the system, or by whom a true one would ask."""
    name = event.text("canary") or ""
    roles = world.canaries.get(name)
    if not roles and (world.whole or name in world.canaries):
        message = f"the test card `{name[:60]}` ended, and did not wait"
        findings.add(Check.RULE_CANARY, Damage.RULE_BROKEN, message, event.seq)
    by = "system" if event.kind == "canary.ended" else "person"
    if event.actor_kind != by:
        message = f"the test card `{name[:60]}` was ended by a {event.actor_kind}"
        findings.add(Check.RULE_CANARY, Damage.RULE_BROKEN, message, event.seq)
    if by == "system":
        return
    person = world.authority.person(event.actor)
    if person is None or (roles and not person.roles & roles):
        message = f"the test card `{name[:60]}` was answered by `{event.actor[:60]}`, who may not"
        findings.add(Check.RULE_CANARY, Damage.RULE_BROKEN, message, event.seq)
    fault = deciding_fault(world, event, {DECIDE})
    if fault is not None:
        message = f"{fault} answered a test card"
        findings.add(Check.RULE_CREDENTIAL, Damage.RULE_BROKEN, message, event.seq)


def check_is_none(world: World, event: Event, findings: Findings) -> None:
    """Whether what moves an action is about a true card: nothing is ever done by a test card."""
    if world.canaries and event.top("approval") in world.canaries:
        message = f"the test card `{(event.top('approval') or '')[:60]}` has moved an action"
        findings.add(Check.RULE_CANARY, Damage.RULE_BROKEN, message, event.seq)


def show(world: World, event: Event) -> None:
    """Take in that a card waits, and for which roles."""
    world.canaries[event.text("canary") or ""] = frozenset(event.texts("roles"))


def end(world: World, event: Event) -> None:
    """Take in that it does not wait any more."""
    world.canaries[event.text("canary") or ""] = frozenset()
