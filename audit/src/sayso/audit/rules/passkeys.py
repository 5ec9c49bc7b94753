"""The rules of passkeys: a yes above a set amount needs a signature, and the log holds it.

INVARIANT: nothing here trusts the log's own key. Whoever holds it, the database and the server can
add entries, but no signature of a passkey that an earlier one has vouched for.
"""

from __future__ import annotations

from typing import cast

from sayso.audit.authority.passkeys import (
    DAY_MICROS,
    Assertion,
    PasskeyRule,
    is_looser,
    is_public_key,
    tier_of,
)
from sayso.audit.event import Event
from sayso.audit.fields import Fields, object_in
from sayso.audit.rules.actions import YES, judgement_in, life_of
from sayso.audit.rules.people import check_admin, deciding_fault
from sayso.audit.rules.replayed import ActionLife, ReplayedState, Unsigned
from sayso.audit.verifier.verification import Check, Damage, Findings

_OPEN = frozenset({"pending", "approved"})
_TOKEN = "tok_"  # noqa: S105  (how ids begin, not a secret)


def check_yes(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether a yes that needs a passkey is signed, and each signature beside a yes is valid."""
    life = life_of(replayed, event)
    if event.text("decision") not in YES or life is None or not life.known:
        return
    named = f"the yes of `{event.actor[:60]}` to the action `{(event.top('action') or '')[:64]}`"
    if event.text("decision") != "edit" and _is_another_amount(replayed, event, life):
        message = f"{named} names another amount than people were asked about"
        findings.add(Check.RULE_PASSKEY, Damage.RULE_BROKEN, message, event.seq)
    if "passkey" not in event.data:
        if _needs_one(replayed, event):
            message = f"{named} has no signature of a passkey, which this amount needs"
            findings.add(Check.RULE_PASSKEY, Damage.RULE_BROKEN, message, event.seq)
        return
    fault = _fault(replayed, event, "yes") or _bound_fault(event)
    if fault is not None:
        message = f"the signature beside {named} {fault}"
        findings.add(Check.RULE_PASSKEY, Damage.RULE_BROKEN, message, event.seq)


def check_called(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether the call is for the amount that was judged, by which it is told what needs one."""
    life = life_of(replayed, event)
    if life is not None and life.known and _is_another_amount(replayed, event, life):
        message = f"the action `{(event.top('action') or '')[:64]}` was called for another amount"
        findings.add(Check.RULE_PASSKEY, Damage.RULE_BROKEN, message, event.seq)


def _is_another_amount(replayed: ReplayedState, event: Event, life: ActionLife) -> bool:
    money = None if life.minor is None else (life.minor, life.currency)
    return bool(replayed.authority.passkey_rule.amounts) and event.amount != money


def check_enrolled(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether it is a new passkey with a usable key, of whoever says so in a session of theirs."""
    name, person = event.text("passkey_id") or "", event.text("person")
    named = event.text("credential") or ""
    fits = (
        bool(name)
        and name not in replayed.authority.passkeys
        and person == event.actor
        and event.actor_kind == "person"
        and replayed.authority.person(event.actor) is not None
        and named.startswith(_TOKEN)
        and bool(event.text("rp_id"))
        and is_public_key(event.text("public_key") or "")
    )
    if not fits or deciding_fault(replayed, event, frozenset()) is not None:
        message = f"`{event.actor[:60]}` cannot have enrolled the passkey `{name[:60]}`"
        findings.add(Check.RULE_PASSKEY, Damage.RULE_BROKEN, message, event.seq)


def check_confirmed(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether somebody who decides has signed, with a passkey that counts, whose this one is."""
    known = replayed.authority.passkeys.get(event.text("passkey_id") or "")
    statement = object_in(object_in(event.data, "passkey"), "statement")
    same = known is not None and (
        statement.get("passkey_id"),
        statement.get("of"),
        statement.get("public_key"),
    ) == (known.id, known.person, known.public_key)
    person = replayed.authority.person(event.actor)
    fault = _fault(replayed, event, "confirm")
    if not same or known is None or known.confirmed_by or person is None or not person.roles:
        fault = fault or "is not about a passkey that waits for it"
    if fault is not None:
        message = f"the signature by which `{event.actor[:60]}` confirmed a passkey {fault}"
        findings.add(Check.RULE_PASSKEY, Damage.RULE_BROKEN, message, event.seq)


def check_removed(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether it was there, and whoever removed it may: its person, or who says who people are."""
    known = replayed.authority.passkeys.get(event.text("passkey_id") or "")
    if known is None:
        message = "a passkey was removed that was not there"
        findings.add(Check.RULE_PASSKEY, Damage.RULE_BROKEN, message, event.seq)
    elif known.person != event.actor:
        check_admin(replayed, event, "removed a passkey", findings)
    elif (fault := deciding_fault(replayed, event, frozenset())) is not None:
        message = f"{fault} removed a passkey"
        findings.add(Check.RULE_CREDENTIAL, Damage.RULE_BROKEN, message, event.seq)


def check_required(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether whoever lets more go without a passkey has signed just that with one."""
    rule, amounts = replayed.authority.passkey_rule, tier_of(event.data.get("amounts"))
    sums = event.text("sums") or ""
    if rule.root is None or not is_looser(rule, PasskeyRule(amounts=amounts, sums=sums)):
        check_admin(replayed, event, "said which yes needs a passkey", findings)
        return
    statement = object_in(object_in(event.data, "passkey"), "statement")
    fault = _fault(replayed, event, "loosen")
    said = tier_of(statement.get("amounts")), statement.get("sums") or ""
    if fault is None and said != (amounts, sums):
        fault = "is about other amounts"
    if fault is not None:
        message = f"more is agreed to without a passkey, and the signature for that {fault}"
        findings.add(Check.RULE_PASSKEY, Damage.RULE_BROKEN, message, event.seq)


def count(replayed: ReplayedState, event: Event) -> None:
    """Take in what was agreed to without a passkey, so that no sum slips through."""
    action, life = event.top("action"), life_of(replayed, event)
    if life is not None and judgement_in(event) is not None:
        life.minor, life.currency = event.amount or (None, "")
    choice, status = event.text("decision"), event.text("approval_status")
    if action is None or (judgement_in(event) is None and choice is None and status is None):
        return
    agreed: Unsigned = {}
    if choice in YES and "passkey" not in event.data and status in _OPEN and event.amount:
        agreed[action] = [event.amount[1], event.amount[0], event.at]
    for unsigned in _unsigned_with(replayed, event):
        unsigned.pop(action, None)
        unsigned.update(agreed)


def _unsigned_with(replayed: ReplayedState, event: Event) -> list[Unsigned]:
    """What was agreed to without a passkey: of the same request, and of the customer in a day."""
    request, subject = event.top("request"), event.top("subject")
    found = [] if request is None else [replayed.requests.of(request).unsigned]
    if subject is not None and replayed.authority.passkey_rule.sums:
        theirs = replayed.customers.of(subject).unsigned
        old = [name for name, one in theirs.items() if int(one[2]) <= event.at - DAY_MICROS]
        for action in old:
            del theirs[action]
        found.append(theirs)
    return found


def _needs_one(replayed: ReplayedState, event: Event) -> bool:
    money, rule = event.amount, replayed.authority.passkey_rule
    if money is None or not rule.amounts:
        return False
    total, currency = money
    others: Unsigned = {}
    for unsigned in _unsigned_with(replayed, event):
        others |= unsigned
    for action, (other, minor, _) in others.items():
        if action != event.top("action") and other == currency:
            total += cast("int", minor)
    return rule.needs(currency, total)


def _fault(replayed: ReplayedState, event: Event, say: str) -> str | None:
    """What is wrong with the signature in an entry, in words; None when nothing is."""
    said = Assertion.of(event.data)
    if said is None:
        return "is not there"
    key = replayed.authority.passkey(said.id, event.actor)
    if key is None:
        return "is of no passkey that counts for them"
    about = tuple(said.statement.get(name) for name in ("say", "tenant", "person"))
    if about != (say, replayed.tenant, event.actor):
        return "is about something else"
    return said.fault(key)


def _bound_fault(event: Event) -> str | None:
    """Whether what was signed is this very yes: to what was shown, as it was agreed to."""
    statement = object_in(object_in(event.data, "passkey"), "statement")
    solution = event.text("solution")
    if solution is not None and statement.get("solution") != solution:
        return "is about another solution"
    steps = statement.get("steps")
    for one in cast("list[object]", steps) if isinstance(steps, list) else []:
        if isinstance(one, dict) and _is_about(cast("Fields", one), event):
            return None
    return "is not about this"


def _is_about(step: Fields, event: Event) -> bool:
    choice = event.text("decision")
    if (step.get("approval"), step.get("choice")) != (event.top("approval"), choice):
        return False
    if choice == "edit":
        money = (step.get("minor"), step.get("currency"))
        return step.get("digest") == event.text("was_digest") and money == event.amount
    shown = (step.get("digest"), step.get("revision"))
    return shown == (event.top("digest"), event.whole("revision"))
