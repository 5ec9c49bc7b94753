"""Follow-ups: an effect that can still change is looked up until it cannot.

A provider may take a refund on and do it days later, or do it and have it returned by a bank. The
action is `accepted` or `succeeded` meanwhile; what the provider shows at growing intervals is
written down when it is something else, and an effect that has failed is told to people.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from sayso.actions.context import EngineContext
from sayso.actions.engine.late_effects import DeniedCalls
from sayso.actions.engine.outcomes import Settlements
from sayso.actions.engine.reconcile import MAX_GONE, next_follow_up
from sayso.actions.model.action_row import ActionRow, get_action
from sayso.actions.model.snapshot import Absence, EffectFailedError, Finality, Receipt
from sayso.actions.model.status import Status
from sayso.errors import Code, SaysoError
from sayso.store.base import Transaction

logger = logging.getLogger("sayso.engine")


class FollowUps:
    """Looks up what was taken on, or done and may come back."""

    def __init__(
        self, context: EngineContext, calls: DeniedCalls, settlements: Settlements
    ) -> None:
        self._context = context
        self._calls = calls
        self._settlements = settlements

    async def look(self, row: ActionRow) -> ActionRow | None:
        """Look an effect up once more; None when the provider shows what it showed before.

        Guarantees: only an effect that is there and has failed ends as `failed`; one that is not
        shown, or cannot be asked for, is looked up again, and then left to a person.
        """
        found = await self._calls.look_up(row)
        moved = await self._context.store.write(
            lambda tx: self._write(tx, row, found), brief=True, about=row.tenant
        )
        if moved is not None and moved.status is Status.FAILED:
            logger.error(
                "%s %s had been %s, and the provider shows that it failed",
                *(row.name, row.id, row.status),
            )
            self._context.telemetry.count_failed_later(row.name)
        elif moved is not None and moved.is_left:
            logger.warning("%s %s is not finished, and left to a person", row.name, row.id)
            self._context.telemetry.count_left(row.name)
        return moved

    def _write(
        self, tx: Transaction, row: ActionRow, found: Receipt | Absence | SaysoError
    ) -> ActionRow | None:
        # What was erased while it was looked up is nobody's any more, and has no new entry.
        if get_action(tx, row.tenant, row.id).erased_seq is not None:
            return None
        if isinstance(found, EffectFailedError):
            return self._settlements.effect_failed(tx, row, found)
        if isinstance(found, Receipt) and _is_news(row, found):
            return self._settlements.go_on(tx, row, found)
        now = self._context.now()
        attempts = row.attempts + 1
        at = None if found is Absence.CANNOT_TELL else next_follow_up(_looked_at(row), now)
        if isinstance(found, SaysoError) and row.status is Status.SUCCEEDED and row.attempts == 0:
            # It has not been read again yet; the longer ago it was done, the less it hurries.
            attempts, at = 0, now + max(60_000_000, (now - (row.called_at or now)) // 4)
        if row.status is Status.ACCEPTED:
            if found is Absence.ABSENT and row.attempts + 1 >= MAX_GONE:
                return self._settlements.leave(tx, row, "and shows it no more")
            if at is None:
                return self._settlements.leave(tx, row)
        tx.run(
            "action.read_again",
            tenant=row.tenant,
            id=row.id,
            last_seq=row.last_seq,
            attempts=attempts,
            due_at=at,
        )
        return None


def _looked_at(row: ActionRow) -> ActionRow:
    """The row once it was read again, where that was still to be done."""
    is_done = row.status is Status.SUCCEEDED and row.attempts == 0
    return replace(row, attempts=1) if is_done else row


def _is_news(row: ActionRow, found: Receipt) -> bool:
    """Whether the provider shows more than the row holds; a step back of what is done is none."""
    assert row.receipt is not None, "only what has a receipt is followed"
    if row.status is Status.SUCCEEDED and found.finality is Finality.PENDING:
        return False
    known = row.receipt
    if found.unfitting and (row.error or {}).get("code") != Code.DOES_NOT_FIT:
        return True
    return (found.finality, found.status, found.amount) != (
        known.finality,
        known.status,
        known.amount,
    )
