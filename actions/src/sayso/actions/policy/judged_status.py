"""What an action is once it was judged, and when it is looked at next."""

from __future__ import annotations

from sayso.actions.limits.definition import RULE_PREFIX as LIMIT
from sayso.actions.model.status import Status
from sayso.actions.policy.base import Judgement, Outcome
from sayso.actions.policy.own_words import OWN_WORDS
from sayso.actions.rollout.definition import RULE_PREFIX as DIAL
from sayso.errors import Code


def status_of(judgement: Judgement) -> tuple[Status, dict[str, str] | None]:
    """Its status, and why it ends where it does."""
    match judgement.outcome:
        case Outcome.ALLOW:
            return Status.APPROVED, None
        case Outcome.ASK:
            return Status.PENDING_APPROVAL, None
        case Outcome.DENY:
            first = judgement.rules[0] if judgement.rules else ""
            code = Code.OVERTAKEN if first == OWN_WORDS else Code.POLICY_DENIED
            if first.startswith(LIMIT):
                code = Code.LIMIT_REACHED
            elif first.startswith(DIAL):
                code = Code.NOT_ROLLED_OUT
            error = {"code": code.value, "message": judgement.explain}
            return Status.REFUSED, error


def due_at(status: Status, first_look_at: int, now: int) -> int | None:
    """When somebody has to look at it next; None for never."""
    match status:
        case Status.PENDING_APPROVAL:
            return first_look_at
        case Status.APPROVED:
            return now
        case _:
            return None
