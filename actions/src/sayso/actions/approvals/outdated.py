"""Outdated cards: what the policy in force asks is not what people were shown."""

from __future__ import annotations

from sayso.actions.model.action_row import ActionRow
from sayso.actions.policy.base import Outcome
from sayso.actions.policy.evaluator import Evaluator
from sayso.errors import Code, RefusedError
from sayso.store.base import Reader


class OutdatedCardError(RefusedError):
    """The policy asks something else by now than the card did, so a yes to it counts nothing.

    Attributes:
        action_id: of the action, which is judged again by the policy in force.
        reason: why, for the log.
    """

    def __init__(self, code: Code, reason: str, *, action_id: str, explain: str = "") -> None:
        message = f"{reason}: {explain}" if explain else reason
        super().__init__(code, message, next_step="load the card again; it is judged anew")
        self.action_id = action_id
        self.reason = reason


def check_still_asked(evaluator: Evaluator, reader: Reader, row: ActionRow, now: int) -> None:
    """Refuse a yes that cannot count, rather than have it stand on the card for nothing.

    Args:
        row: an action that waits for people.
        now: microseconds since 1970.

    Raises:
        OutdatedCardError: `policy_denied` when the policy in force denies it whoever says yes;
            `stale_revision` when it has changed, or asks others than the card did.
    """
    asked = evaluator.asks(reader, row, now)
    explain = ""
    if asked.outcome is Outcome.DENY:
        code, reason, explain = Code.POLICY_DENIED, "the policy denies it now", asked.explain
    elif evaluator.is_outdated(reader, row):
        code, reason = Code.STALE_REVISION, "the policy has changed since this was shown"
    elif asked.outcome is Outcome.ASK and row.judgement and asked.roles != row.judgement.roles:
        code, reason = Code.STALE_REVISION, "the policy asks other people by now"
    else:
        return
    raise OutdatedCardError(code, reason, action_id=row.id, explain=explain)
