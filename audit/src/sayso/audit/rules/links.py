"""The rules of links: who may tie two accounts, and what an action may rest on that goes over them.

An action of a request is for the account that wrote, or says by which links its account is the same
customer's. What it says is held against the links that the log itself gives, at that very entry.
"""

from __future__ import annotations

from sayso.audit.authority.credentials import DECIDE
from sayso.audit.customer_links import (
    ALONE,
    BY_PERSON,
    ENDINGS,
    LINK,
    LINKED_WITH,
    LINKS,
    PROOFS,
    WRITTEN_AS,
)
from sayso.audit.event import Event
from sayso.audit.rules.actions import is_known, judgement_in, life_of
from sayso.audit.rules.people import acting_fault, deciding_fault
from sayso.audit.rules.replayed import SKEW_MICROS, ActionLife, LinkLife, ReplayedState
from sayso.audit.rules.transitions import START
from sayso.audit.verifier.verification import Check, Damage, Findings

_FOR_A_WHILE = {"code": "a code", "signed": "an assertion"}

# ---- links -------------------------------------------------------------------------------------


def check_linked(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether a link is new, ties two accounts, begins now, and rests on something."""
    link = replayed.links.of(event.text(LINK) or "")
    fault = _again_fault(replayed, event, link) if _is_again(event) else _new_fault(event, link)
    if fault is None and not _is_again(event):
        fault = _held_fault(replayed, event)
    if fault is None and event.at + SKEW_MICROS < replayed.last_at:
        fault = "is dated before the entry that came before it"
    if fault is None and {event.top("subject"), event.text(LINKED_WITH)} & replayed.erasing.keys():
        fault = "ties an account that is being erased"
    _convict(event, fault, findings)
    if not _is_again(event):
        _check_by(replayed, event, "tied", event.text("proof") == "person", findings)


def check_unlinked(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether a link that holds ends, for a reason, and by who may end it."""
    link, why = replayed.links.of(event.text(LINK) or ""), event.text("why") or ""
    fault: str | None = None
    if not link.account:
        fault = "ends, and never began" if replayed.whole else None
    elif link.ended:
        fault = "ends once more"
    elif (event.top("subject"), event.text(LINKED_WITH)) != (link.account, link.other):
        fault = "ends between other accounts than it ties"
    if why not in ENDINGS:
        fault = f"ends for no reason that there is: `{why[:40]}`"
    _convict(event, fault, findings)
    _check_by(replayed, event, "untied", why == BY_PERSON, findings)


def _new_fault(event: Event, link: LinkLife) -> str | None:
    until, proof = event.whole("until"), event.text("proof")
    if link.account:
        return "begins, and another one has its id"
    if not event.text(LINK) or not event.top("subject") or not event.text(LINKED_WITH):
        return "has no id, or not two ends"
    if event.top("subject") == event.text(LINKED_WITH):
        return "ties an account to itself"
    if proof not in PROOFS:
        return f"rests on no proof that there is: `{(proof or '')[:40]}`"
    if "since" in event.data or "by" in event.data:
        return "says that it is older than its entry"
    if until is not None and until <= event.at:
        return "is over before it begins"
    if proof in _FOR_A_WHILE and (until is None or event.top("request") is None):
        return f"rests on {_FOR_A_WHILE[proof]}, and is not for one conversation and a while"
    return None


def _held_fault(replayed: ReplayedState, event: Event) -> str | None:
    """What is wrong with a link that rests on what its conversation has to tell of."""
    if not replayed.whole or event.text("proof") not in _FOR_A_WHILE:
        return None
    return (_code_fault if event.text("proof") == "code" else _signed_fault)(replayed, event)


def _signed_fault(replayed: ReplayedState, event: Event) -> str | None:
    """What is wrong with a link by an assertion that never came, or for longer than it holds."""
    life = replayed.requests.of(event.top("request") or "")
    if event.top("subject") != life.subject:
        return "rests on an assertion, and is not of the account that it was about"
    until = life.signed.get(event.text(LINKED_WITH) or "")
    if until is None:
        return "rests on an assertion that names no such account"
    return "holds longer than its assertion" if (event.whole("until") or 0) > until else None


def _code_fault(replayed: ReplayedState, event: Event) -> str | None:
    """What is wrong with a link by a code that nobody has sent back, or not for so long."""
    known = replayed.requests.of(event.top("request") or "").verified
    ends = [known[end] for end in (event.top("subject"), event.text(LINKED_WITH)) if end in known]
    if not any(by in {"code", "link"} for _, by in ends):
        return "rests on a code that nobody has sent back"
    until = event.whole("until") or 0
    if not any(isinstance(last, int) and until <= last for last, _ in ends):
        return "holds longer than its code"
    return None


def _is_again(event: Event) -> bool:
    return event.data.get("again") is True


def _again_fault(replayed: ReplayedState, event: Event, link: LinkLife) -> str | None:
    """What is wrong with a link that is told again, as pruning tells it."""
    if not link.account:
        return "is told again, and was never told" if replayed.whole else None
    if link.ended:
        return "is told again, and has ended"
    return None if link == _life(event) else "is told again as another one than it was"


def _check_by(
    replayed: ReplayedState, event: Event, what: str, by_person: bool, findings: Findings
) -> None:
    """Whether who tied or untied may: a person with a role, where it rests on their word."""
    person = replayed.authority.person(event.actor)
    is_person = event.actor_kind == "person"
    if by_person and (not is_person or person is None or not person.roles):
        message = f"`{event.actor[:60]}` {what} two accounts without a role"
        findings.add(Check.RULE_APPROVER, Damage.RULE_BROKEN, message, event.seq)
    judge = deciding_fault if by_person else acting_fault
    fault = judge(replayed, event, {DECIDE} if by_person else frozenset())
    if fault is not None:
        message = f"{fault} {what} two accounts"
        findings.add(Check.RULE_CREDENTIAL, Damage.RULE_BROKEN, message, event.seq)


def _convict(event: Event, fault: str | None, findings: Findings) -> None:
    if fault is not None:
        message = f"the link `{(event.text(LINK) or '')[:60]}` {fault}"
        findings.add(Check.RULE_LINK, Damage.RULE_BROKEN, message, event.seq)


def begin(replayed: ReplayedState, event: Event) -> None:
    """Take in a link."""
    name = event.text(LINK) or ""
    if not replayed.links.of(name).account:  # else the first one counts, and so does its end
        life = _life(event)
        replayed.links.put(name, life)
        for end in (life.account, life.other):
            replayed.accounts.of(end).links.append(name)


def end(replayed: ReplayedState, event: Event) -> None:
    """Take in that a link holds no more."""
    name = event.text(LINK) or ""
    life = replayed.links.of(name)
    life.ended = True
    for account in (life.account, life.other):
        near = replayed.accounts.of(account)
        near.links = [link for link in near.links if link != name]


def _life(event: Event) -> LinkLife:
    return LinkLife(
        account=event.top("subject") or "",
        other=event.text(LINKED_WITH) or "",
        proof=event.text("proof") or "",
        by=event.text("by") or event.by,
        begun_at=(event.whole("since") or 0) if _is_again(event) else event.at,
        until=event.whole("until"),
        request=event.top("request"),
    )


# ---- what goes over them -----------------------------------------------------------------------


def check_reach(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether an action is for who wrote, or for whom the links lead to that it names."""
    life = life_of(replayed, event)
    if life is None or not is_known(replayed, event, life):
        return
    first = life.status == START
    if first or WRITTEN_AS in event.data or LINKS in event.data:
        fault = _reach_fault(replayed, event, life, first=first)
        if fault is not None:
            message = f"the action `{(event.top('action') or '')[:64]}` {fault}"
            findings.add(Check.RULE_REACH, Damage.RULE_BROKEN, message, event.seq)


def _reach_fault(
    replayed: ReplayedState, event: Event, life: ActionLife, *, first: bool
) -> str | None:
    wrote, request = event.text(WRITTEN_AS), event.top("request")
    asker = replayed.requests.of(request).subject if request is not None else ""
    undoes = (event.text("undoes") or "") if first else life.undoes
    # What was done over links is undone over the same ones, although they may have ended since.
    undone = bool(undoes) and replayed.actions.of(undoes).subject == event.top("subject")
    if wrote is None:
        if LINKS in event.data:
            return "goes over links, and does not say from whom"
        if asker and event.top("subject") != asker and not undone:
            return "is for another account than the one that wrote, and says by no link why"
        return None
    if asker and wrote != asker:
        return "says that another account wrote than the one that its request is of"
    at = wrote
    for name in event.texts(LINKS):
        link = replayed.links.of(name)
        fault = _link_fault(event, link, at, is_new=first and not undone)
        if fault is not None:
            return f"goes over the link `{name[:60]}`, which {fault}"
        at = link.other if link.account == at else link.account
    return None if at == event.top("subject") else "is for an account that its links don't lead to"


def _link_fault(event: Event, link: LinkLife, at: str, *, is_new: bool) -> str | None:
    """What keeps an action from going over a link from that account.

    Args:
        is_new: whether it goes over it from here on, so that the link has to be in force.
    """
    if not link.account:
        return "the log does not tell of"
    if is_new and link.ended:
        return "had ended"
    if is_new and link.until is not None and event.at >= link.until + SKEW_MICROS:
        return "was over by its time"
    if link.request is not None and event.top("request") != link.request:
        return "is for another conversation"
    if at == link.other and link.proof == "email":
        return "leads from where the address is verified, and not back"
    return None if at in {link.account, link.other} else "ties other accounts"


def check_alone(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether money that moves without a person rests on proofs that are enough for that."""
    life, judged = life_of(replayed, event), judgement_in(event)
    if life is None or judged is None or event.amount is None or event.kind == "action.edited":
        return
    names = event.texts(LINKS) if LINKS in event.data else life.links
    alone = judged.get("outcome") == "allow" and event.top("status") == "approved"
    for name in names if alone and event.amount[0] > 0 else ():
        link = replayed.links.of(name)
        if link.account and link.proof not in ALONE:
            message = f"the action `{(event.top('action') or '')[:64]}` moves money by itself over"
            message += f" the link `{name[:60]}`, whose proof is `{link.proof[:20]}`"
            findings.add(Check.RULE_REACH, Damage.RULE_BROKEN, message, event.seq)
