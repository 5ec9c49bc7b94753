"""The rules of a customer's request: it is asked first, and what follows is about it.

What is drafted in it is proposed once, by a person who may, and exactly as it was left to them.
"""

from __future__ import annotations

from sayso.audit.authority.credentials import DECIDE
from sayso.audit.customer_links import ACCOUNTS, ACCOUNTS_UNTIL
from sayso.audit.event import Event
from sayso.audit.request_digests import rests_on_a_yes
from sayso.audit.rules.people import deciding_fault
from sayso.audit.rules.replayed import ReplayedState, RequestLife
from sayso.audit.verifier.verification import Check, Damage, Findings


def check_asked_before(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether a request was asked before anything else is told of it."""
    request = event.top("request")
    if replayed.whole and request is not None and not replayed.requests.of(request).requester:
        message = f"the request `{request[:64]}` was never asked"
        findings.add(Check.RULE_TRANSITION, Damage.RULE_BROKEN, message, event.seq)


def ask(replayed: ReplayedState, event: Event) -> None:
    """Take in who asked, and as which account."""
    request = event.top("request")
    if request is not None:
        life = replayed.requests.of(request)
        life.requester, life.subject = event.by, event.top("subject") or ""
        life.assurance = event.text("assurance") or ""
        _sign(life, event)


def _sign(life: RequestLife, event: Event) -> None:
    """Take in the further accounts that a signed assertion named with the customer's words."""
    until = event.whole(ACCOUNTS_UNTIL)
    for account in event.texts(ACCOUNTS) if until is not None else ():
        life.signed[account] = max(until or 0, life.signed.get(account, 0))


def check_proposed(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether who proposes a draft may, and it is the one that was left to people last."""
    request = event.top("request")
    if request is None or not replayed.requests.of(request).requester:
        return
    named = f"what was drafted for the request `{request[:64]}`"
    person = replayed.authority.person(event.actor)
    if event.actor_kind != "person" or person is None or not person.roles:
        message = f"`{event.actor[:60]}` proposed {named} without a role"
        findings.add(Check.RULE_APPROVER, Damage.RULE_BROKEN, message, event.seq)
    fault = deciding_fault(replayed, event, {DECIDE})
    if fault is not None:
        message = f"{fault} proposed {named}"
        findings.add(Check.RULE_CREDENTIAL, Damage.RULE_BROKEN, message, event.seq)
    if replayed.whole and event.text("draft") != (replayed.requests.of(request).draft or None):
        message = f"`{event.actor[:60]}` proposed another thing than {named}"
        findings.add(Check.RULE_BOUND, Damage.RULE_BROKEN, message, event.seq)


def check_answered(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether the customer answers what they were asked last."""
    request = event.top("request")
    if request is None:
        return
    life = replayed.requests.of(request)
    if life.asked and (life.answered or event.text("asked") != life.asked):
        message = f"the customer of the request `{request[:64]}` answers what nobody asked"
        findings.add(Check.RULE_BOUND, Damage.RULE_BROKEN, message, event.seq)


def check_restated(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether what a customer said yes to is planned, as it was restated to them."""
    request = event.top("request")
    if request is None or event.data.get("confirmed") is not True:
        return
    life, plan = replayed.requests.of(request), event.text("plan")
    is_told = life.asked or (replayed.whole and plan is not None)  # older logs say less
    if is_told and not (life.asked and life.answered and plan == life.restated):
        message = f"the plan of the request `{request[:64]}` is not the one that was restated"
        findings.add(Check.RULE_BOUND, Damage.RULE_BROKEN, message, event.seq)


def check_on_a_yes(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether the customer has said yes to a plan that none of their words show."""
    request = event.top("request")
    if request is None or not rests_on_a_yes(event.text("planner") or ""):
        return
    if event.data.get("confirmed") is not True:
        message = f"the plan of the request `{request[:64]}` rests on a yes that nobody said"
        findings.add(Check.RULE_BOUND, Damage.RULE_BROKEN, message, event.seq)


def check_not_withdrawn(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether nothing goes on in a request that its customer has taken back."""
    request = event.top("request")
    if request is not None and replayed.requests.of(request).withdrawn:
        message = f"the request `{request[:64]}` goes on by {event.kind}, and was taken back"
        findings.add(Check.RULE_WITHDRAWN, Damage.RULE_BROKEN, message, event.seq)


def withdraw(replayed: ReplayedState, event: Event) -> None:
    """Take in that the customer has taken it back."""
    follow(replayed, event)
    request = event.top("request")
    if request is not None:
        replayed.requests.of(request).withdrawn = True


def follow(replayed: ReplayedState, event: Event) -> None:
    """Take in what is drafted from here on: nothing, unless the entry says so."""
    request = event.top("request")
    if request is not None:
        drafts = event.kind in {"request.handed_over", "request.questioned"}
        life = replayed.requests.of(request)
        life.draft = (event.text("draft") or "") if drafts else ""
        _sign(life, event)
        if event.kind == "request.questioned":
            life.asked, life.restated = event.text("asked") or "", event.text("plan") or ""
        if event.kind == "request.planned" and rests_on_a_yes(event.text("planner") or ""):
            life.on_a_yes += [step.partition(" ")[0] for step in event.texts("steps")]
        life.answered = event.kind == "request.continued"
