"""The rules of an action's life: judged, approved by those who were asked, called once, ended."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import cast

from sayso.audit.authority.credentials import DECIDE
from sayso.audit.customer_codes import VERIFIED_BY
from sayso.audit.customer_links import LINKS
from sayso.audit.event import Event, texts_of
from sayso.audit.fields import Fields, object_in, text_or_none
from sayso.audit.request_digests import rests_on_a_yes
from sayso.audit.rules.people import deciding_fault
from sayso.audit.rules.quorum import covers
from sayso.audit.rules.replayed import ActionLife, ReplayedState
from sayso.audit.rules.transitions import START, is_allowed
from sayso.audit.verifier.verification import Check, Damage, Findings

YES = frozenset({"approve", "edit"})
_OPEN = frozenset({"pending", "approved"})
"""What an approval is while its yes may still count."""
_UNDER_WAY = frozenset({"executing", "unknown"})
_BY_OUTCOME = {"allow": "approved", "ask": "pending_approval", "deny": "refused"}


def life_of(replayed: ReplayedState, event: Event) -> ActionLife | None:
    """The action that an entry moves; None where it only mentions one."""
    action = event.top("action")
    return None if action is None or event.top("status") is None else replayed.actions.of(action)


# ---- judging -----------------------------------------------------------------------------------


def check_transition(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether its state may change so, by an entry of that kind."""
    life, status = life_of(replayed, event), event.top("status")
    if life is None or status is None or not is_known(replayed, event, life):
        return
    if not is_allowed(life.status, status, event.kind):
        message = f"{_named(event)} went from {life.status} to {status[:40]} by {event.kind}"
        findings.add(Check.RULE_TRANSITION, Damage.RULE_BROKEN, message, event.seq)


def check_judgement(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether a judgement was made under an activated policy, and led where it leads."""
    life, judged = life_of(replayed, event), judgement_in(event)
    if life is None or judged is None:
        return
    number = judged.get("policy")
    known = type(number) is int and (
        replayed.may_judge_by(number, event.at) or _is_told_again(replayed, event, life, number)
    )
    if not known:
        message = f"{_named(event)} was judged by another policy than the one in force"
        findings.add(Check.RULE_POLICY, Damage.RULE_BROKEN, message, event.seq)
    outcome, status = text_or_none(judged, "outcome") or "", event.top("status")
    # Whatever was judged may be refused for another reason.
    led = status in {_BY_OUTCOME.get(outcome), "refused"}
    if event.kind == "action.edited" and outcome == "ask" and status == "approved":
        led = True  # by the editor's yes, which is judged as a yes
    if not led:
        message = f"{_named(event)} is {str(status)[:40]} after a judgement of `{outcome[:40]}`"
        findings.add(Check.RULE_JUDGED, Damage.RULE_BROKEN, message, event.seq)


def _is_told_again(replayed: ReplayedState, event: Event, life: ActionLife, number: int) -> bool:
    """Whether a refusal repeats the judgement that counts already; it was not judged anew.

    NOTE: what the provider refused, after the policy had changed, was told so in earlier logs.
    Nothing comes of such a judgement: what it led to is over.
    """
    same = number == life.policy and event.top("digest") == life.digest
    same = same or not is_known(replayed, event, life)
    return same and event.kind == "action.refused" and event.top("status") == "refused"


def check_decision(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether who decided may, about exactly what was asked, in time, and not of their own."""
    life, choice = life_of(replayed, event), event.text("decision")
    if life is None or choice is None or not life.known:
        return
    bound = event.top("approval") == life.approval and life.approval_status == "pending"
    same = event.whole("revision") == life.revision and event.top("digest") == life.digest
    if choice == "edit":
        same = event.text("was_digest") == life.digest
    if not bound or not same:
        message = f"a decision about {_named(event)} is not about what was asked"
        findings.add(Check.RULE_BOUND, Damage.RULE_BROKEN, message, event.seq)
    if life.expires_at is not None and event.at >= life.expires_at:
        message = f"a decision about {_named(event)} came after its time was over"
        findings.add(Check.RULE_UNEXPIRED, Damage.RULE_BROKEN, message, event.seq)
    _check_decider(replayed, event, life, findings)


def _check_decider(
    replayed: ReplayedState, event: Event, life: ActionLife, findings: Findings
) -> None:
    person = replayed.authority.person(event.actor)
    asked = {role for way in life.asked for role in way}
    held = frozenset[str]() if person is None else life.counted(person.roles)
    if event.actor_kind != "person" or person is None or not held & asked:
        message = f"`{event.actor[:60]}` decided about {_named(event)} without being asked"
        findings.add(Check.RULE_APPROVER, Damage.RULE_BROKEN, message, event.seq)
    if event.by in life.requesters:
        message = f"`{event.actor[:60]}` decided about {_named(event)}, their own request"
        findings.add(Check.RULE_OWN_REQUEST, Damage.RULE_BROKEN, message, event.seq)
    fault = deciding_fault(replayed, event, {DECIDE})
    if fault is not None:
        message = f"{fault} decided about {_named(event)}"
        findings.add(Check.RULE_CREDENTIAL, Damage.RULE_BROKEN, message, event.seq)


def check_approved(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether enough of those who were asked have said yes when it was approved by people."""
    life, choice = life_of(replayed, event), event.text("decision")
    if life is None or event.top("status") != "approved" or choice not in YES or not life.known:
        return
    asked, counted = life.asked, life.counted
    voters = [*life.votes, event.actor]
    if choice == "edit":
        judged = judgement_in(event) or {}
        if text_or_none(judged, "outcome") == "allow":
            return
        asked, voters = ways_in(judged), [event.actor]
    people = {name: replayed.authority.person(name) for name in voters}
    held = {name: counted(one.roles) for name, one in people.items() if one is not None}
    if not covers(asked, held):
        message = f"{_named(event)} was approved by fewer people than were asked"
        findings.add(Check.RULE_QUORUM, Damage.RULE_BROKEN, message, event.seq)


def check_not_taken_back(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether nothing is agreed to, or called, of what its customer has taken back.

    What takes another step back goes on, and so does what was under way: its call is found out
    about, under its own intent.
    """
    life = life_of(replayed, event)
    # NOTE: by what its first entry said, whatever a later one leaves out.
    request = "" if life is None else life.request or event.top("request") or ""
    if life is None or not request or not replayed.requests.of(request).withdrawn:
        return
    begun = life.status in _UNDER_WAY and event.kind != "action.pending"
    if not begun and not life.undoes and event.text("undoes") is None:
        message = f"{_named(event)} went on by {event.kind}, and was taken back"
        findings.add(Check.RULE_WITHDRAWN, Damage.RULE_BROKEN, message, event.seq)


def check_intent(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether a call may be made: judged, approved, in time, under no stop, with its own key."""
    life = life_of(replayed, event)
    if life is None:
        return
    stop = replayed.stop_on(event, life)
    if stop is not None and life.name:
        message = f"{_named(event)} was called under the stop `{stop[:60]}`"
        findings.add(Check.RULE_STOPPED, Damage.RULE_BROKEN, message, event.seq)
    action, digest = event.top("action") or "", event.top("digest") or ""
    if event.text("call_key") != derived_key(replayed.tenant, action, digest):
        message = f"the call of {_named(event)} has another key than its own"
        findings.add(Check.RULE_CALL_KEY, Damage.RULE_BROKEN, message, event.seq)
    if not life.known:
        return
    if not life.outcome or digest != life.digest:
        message = f"{_named(event)} was called, and is not what was judged"
        findings.add(Check.RULE_JUDGED, Damage.RULE_BROKEN, message, event.seq)
    elif event.data.get("again") is not True and life.outcome == "ask":
        _check_yes(replayed, event, life, findings)


def check_shown(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether people were asked about what no words of the customer's show."""
    life, judged = life_of(replayed, event), judgement_in(event)
    if life is None or judged is None or life.undoes or event.top("status") != "approved":
        return
    named = life.planner or event.text("planner") or ""
    unshown = rests_on_a_yes(named) or (
        bool(life.step) and life.step in replayed.requests.of(life.request).on_a_yes
    )
    if unshown and text_or_none(judged, "outcome") == "allow":
        message = f"{_named(event)} went by the customer's yes alone, which no words of theirs show"
        findings.add(Check.RULE_APPROVED, Damage.RULE_BROKEN, message, event.seq)


def _check_yes(replayed: ReplayedState, event: Event, life: ActionLife, findings: Findings) -> None:
    """Whether the yes that a call rests on still counts at that moment."""
    if life.approval_status != "approved" or event.top("approval") != life.approval:
        message = f"{_named(event)} was called without an approval"
        findings.add(Check.RULE_APPROVED, Damage.RULE_BROKEN, message, event.seq)
        return
    if life.expires_at is not None and event.at >= life.expires_at:
        message = f"{_named(event)} was called after the time of its approval was over"
        findings.add(Check.RULE_UNEXPIRED, Damage.RULE_BROKEN, message, event.seq)
    people = {name: replayed.authority.person(name) for name in life.votes}
    held = {name: life.counted(one.roles) for name, one in people.items() if one is not None}
    if not covers(life.asked, held):
        message = f"{_named(event)} was called on the yes of fewer people than were asked"
        findings.add(Check.RULE_QUORUM, Damage.RULE_BROKEN, message, event.seq)


def check_settled(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether who settled an unknown outcome may: a person with a role, who did not ask for it."""
    life = life_of(replayed, event)
    if life is None:
        return
    person = replayed.authority.person(event.actor)
    if event.actor_kind != "person" or person is None or not person.roles:
        message = f"`{event.actor[:60]}` settled {_named(event)} without a role"
        findings.add(Check.RULE_APPROVER, Damage.RULE_BROKEN, message, event.seq)
    if event.by in life.requesters:
        message = f"`{event.actor[:60]}` settled {_named(event)}, their own request"
        findings.add(Check.RULE_OWN_REQUEST, Damage.RULE_BROKEN, message, event.seq)
    fault = deciding_fault(replayed, event, {DECIDE})
    if fault is not None:
        message = f"{fault} settled {_named(event)}"
        findings.add(Check.RULE_CREDENTIAL, Damage.RULE_BROKEN, message, event.seq)


def check_compensated(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether another action took it back, and succeeded."""
    life, by = life_of(replayed, event), event.text("by")
    undo = replayed.actions.of(by or "")
    if life is None or not undo.known:
        return
    if undo.status != "succeeded" or undo.undoes != event.top("action"):
        message = f"{_named(event)} was taken back by nothing that succeeded"
        findings.add(Check.RULE_COMPENSATED, Damage.RULE_BROKEN, message, event.seq)


def check_escalated(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether it was the open question, at its present revision, that others may answer too."""
    life = replayed.actions.of(event.text("of_action") or "")
    if not life.known or life.approval_status != "pending":
        return
    if event.top("approval") != life.approval or event.whole("revision") != life.revision:
        message = "an approval was escalated that is not the one which waits"
        findings.add(Check.RULE_BOUND, Damage.RULE_BROKEN, message, event.seq)


# ---- what an entry makes true ------------------------------------------------------------------


def move(replayed: ReplayedState, event: Event) -> None:
    """Take in what an entry says of its action."""
    life = life_of(replayed, event)
    if life is None:
        return
    if life.status == START:
        _begin(replayed, event, life)
    life.status = event.top("status") or life.status
    life.links = list(event.texts(LINKS)) if LINKS in event.data else life.links
    judged, choice = judgement_in(event), event.text("decision")
    if judged is not None:
        _judge(event, life, judged)
    elif choice in YES:
        life.votes.append(event.actor)
    approval, status = event.top("approval"), event.text("approval_status")
    if approval is not None and status is not None:
        life.approval, life.approval_status = approval, status
        if status not in _OPEN:
            life.votes.clear()
    if event.kind == "action.intent":
        life.call_key = event.text("call_key") or ""


def _begin(replayed: ReplayedState, event: Event, life: ActionLife) -> None:
    life.known = replayed.whole or event.kind == "action.proposed"
    life.name = event.top("name") or ""
    life.subject = event.top("subject") or ""
    life.undoes = event.text("undoes") or ""
    life.planner, life.step = event.text("planner") or "", event.text("step") or ""
    life.requesters = [event.by]
    request = event.top("request")
    life.request = request or ""
    if request is not None and (asker := replayed.requests.of(request).requester):
        life.requesters.append(asker)


def _judge(event: Event, life: ActionLife, judged: Fields) -> None:
    """A new judgement: every yes to what was judged before is over."""
    life.outcome = text_or_none(judged, "outcome") or ""
    number = judged.get("policy")
    life.policy = number if type(number) is int else 0
    life.digest = event.top("digest") or ""
    life.name = event.top("name") or life.name
    # A yes to less is about the same customer, and doesn't say again how they are known.
    if event.kind != "action.edited":
        life.verified_by = event.text(VERIFIED_BY) or ""
    expires_at = judged.get("expires_at")
    life.expires_at = expires_at if type(expires_at) is int else None
    life.asked = ways_in(judged)
    life.votes = [event.actor] if event.kind == "action.edited" else []
    revision = event.whole("revision")
    life.revision = revision if revision is not None else life.revision


def escalate(replayed: ReplayedState, event: Event) -> None:
    """Take in that another role may decide too."""
    life = replayed.actions.of(event.text("of_action") or "")
    life.delegate = event.text("role") or ""
    # NOTE: entries of earlier logs name no roles, and mean all that were asked.
    asked = sorted({role for way in life.asked for role in way})
    life.delegated_roles = list(event.texts("roles")) if "roles" in event.data else asked
    life.delegated_revision = event.whole("revision") or 0


def judgement_in(event: Event) -> Fields | None:
    """What an entry says of a judgement that it tells; None when it tells none."""
    return judgement_of(event.kind, event.data)


def judgement_of(kind: str, data: Fields) -> Fields | None:
    """The same of the data of an entry of a kind."""
    if kind == "action.edited":
        return object_in(data, "judged")
    # NOTE: `action.resolved` has an outcome of another sort.
    return data if "policy_version" in data else None


def ways_in(judged: Fields) -> list[list[str]]:
    """The ways in which people can say yes, by a judgement: each a role for each person."""
    first = list(texts_of(judged.get("roles")))
    others = judged.get("either")
    more: Sequence[object] = cast("list[object]", others) if isinstance(others, list) else ()
    return [first, *(list(texts_of(one)) for one in more)]


def derived_key(tenant: str, action: str, digest: str) -> str:
    """The idempotency key that a call of this action has; see docs/audit-format.md."""
    parts = "\0".join((tenant, action, digest))
    return "sayso_" + hashlib.sha256(parts.encode()).hexdigest()[:40]


def is_known(replayed: ReplayedState, event: Event, life: ActionLife) -> bool:
    """Whether nothing of it is missing; of a first entry, whether it is one."""
    return life.known or (life.status == START and replayed.whole)


def _named(event: Event) -> str:
    return f"the action `{(event.top('action') or '')[:64]}`"
