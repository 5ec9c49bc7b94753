"""The rules of a customer's request: it is asked first, and what follows is about it."""

from __future__ import annotations

from sayso.audit.event import Event
from sayso.audit.rules.world import World
from sayso.audit.verifier.verification import Check, Damage, Findings


def check_asked_before(world: World, event: Event, findings: Findings) -> None:
    """Whether a request was asked before anything else is told of it."""
    request = event.top("request")
    if world.whole and request is not None and not world.requests.of(request).requester:
        message = f"the request `{request[:64]}` was never asked"
        findings.add(Check.RULE_TRANSITION, Damage.RULE_BROKEN, message, event.seq)


def ask(world: World, event: Event) -> None:
    """Take in who asked."""
    request = event.top("request")
    if request is not None:
        world.requests.of(request).requester = event.by
