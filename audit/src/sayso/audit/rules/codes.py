"""The rules of codes: who is known to write, since when and by what, and what may go by that.

A code that comes back was sent to the same account in the same request, while its question was
open. What an action rests on beyond the caller's word is held against what the log tells of it.
"""

from __future__ import annotations

from sayso.audit.authority.credentials import DECIDE
from sayso.audit.customer_codes import (
    BY,
    CODE_MICROS,
    LONGEST_MICROS,
    TO,
    UNTIL,
    VERIFIED_BY,
    VerifiedBy,
)
from sayso.audit.customer_links import WRITTEN_AS
from sayso.audit.event import Event
from sayso.audit.rules.actions import is_known, judgement_in, life_of
from sayso.audit.rules.people import deciding_fault
from sayso.audit.rules.replayed import SKEW_MICROS, ReplayedState
from sayso.audit.verifier.verification import Check, Damage, Findings


def check_sent(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether a code is for somebody who wrote, and counts for ten minutes."""
    _convict(event, _place_fault(replayed, event, CODE_MICROS), "a code went", findings)


def send(replayed: ReplayedState, event: Event) -> None:
    """Take in that a code is on its way."""
    request, account, until = event.top("request"), event.top("subject"), event.whole(UNTIL)
    if request is not None and account is not None and until is not None:
        replayed.requests.of(request).codes[account] = until


def check_verified(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether who writes has shown it: by what was sent there, or by a colleague's word."""
    by = event.text(BY) or ""
    fault = _place_fault(replayed, event, LONGEST_MICROS)
    if fault is None and by not in set(VerifiedBy):
        fault = f"by nothing that there is: `{by[:40]}`"
    if fault is None and by == VerifiedBy.LINK and event.text(TO) == "phone":
        fault = "by a link, which no text message has"
    if fault is None and by != VerifiedBy.PERSON and replayed.whole:
        life = replayed.requests.of(event.top("request") or "")
        until = life.codes.get(event.top("subject") or "")
        if until is None:
            fault = "and no code went there"
        elif event.at >= until + SKEW_MICROS:
            fault = "after its code was over"
    _convict(event, fault, "somebody is known", findings)
    if by == VerifiedBy.PERSON:
        _check_person(replayed, event, findings)


def _check_person(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    person = replayed.authority.person(event.actor)
    if event.actor_kind != "person" or person is None or not person.roles:
        message = f"`{event.actor[:60]}` vouched for a customer without a role"
        findings.add(Check.RULE_APPROVER, Damage.RULE_BROKEN, message, event.seq)
    fault = deciding_fault(replayed, event, {DECIDE})
    if fault is not None:
        message = f"{fault} vouched for a customer"
        findings.add(Check.RULE_CREDENTIAL, Damage.RULE_BROKEN, message, event.seq)


def verify(replayed: ReplayedState, event: Event) -> None:
    """Take in that an account is known to be the writer's; what was sent there counts no more."""
    request, account, until = event.top("request"), event.top("subject"), event.whole(UNTIL)
    if request is None or account is None or until is None:
        return
    life = replayed.requests.of(request)
    life.codes.pop(account, None)
    life.verified[account] = [until, event.text(BY) or ""]


def _place_fault(replayed: ReplayedState, event: Event, longest: int) -> str | None:
    request, account, until = event.top("request"), event.top("subject"), event.whole(UNTIL)
    if request is None or not account:
        return "for no request, or no account"
    if until is None or until <= event.at or until > event.at + longest + SKEW_MICROS:
        return "for a time that there is not"
    asker = replayed.requests.of(request).subject
    if asker and event.text(WRITTEN_AS) != asker:
        return "for another customer than the one who wrote"
    return None


def check_known(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether an action that moves money is for somebody who is known, at that very entry."""
    life, judged = life_of(replayed, event), judgement_in(event)
    request = event.top("request")
    if life is None or judged is None or request is None or not is_known(replayed, event, life):
        return
    asked, allowed = replayed.requests.of(request), judged.get("outcome") == "allow"
    edited = event.kind == "action.edited"
    said = event.text(VERIFIED_BY) or (life.verified_by if edited else "") or None
    fault: str | None = None
    if said is not None:
        until, by = asked.verified.get(event.top("subject") or "", [0, ""])
        if by != said:
            fault = f"goes by `{said[:20]}`, by which the log knows nobody"
        elif isinstance(until, int) and event.at >= until + SKEW_MICROS:
            fault = "goes by what was over by its time"
        # NOTE: of less, the one who said so is asked, even where nobody would have been.
        elif said == VerifiedBy.PERSON and allowed and not edited and _moves(event):
            fault = "moves money by itself on a colleague's word"
    elif asked.assurance == "unverified" and judged.get("outcome") != "deny" and _moves(event):
        fault = "moves money for somebody whom nobody knows"
    if fault is not None and not life.undoes:
        message = f"the action `{(event.top('action') or '')[:64]}` {fault}"
        findings.add(Check.RULE_REACH, Damage.RULE_BROKEN, message, event.seq)


def _moves(event: Event) -> bool:
    return event.amount is not None and event.amount[0] > 0


def _convict(event: Event, fault: str | None, what: str, findings: Findings) -> None:
    if fault is not None:
        message = f"in the request `{(event.top('request') or '')[:64]}` {what} {fault}"
        findings.add(Check.RULE_CODE, Damage.RULE_BROKEN, message, event.seq)
