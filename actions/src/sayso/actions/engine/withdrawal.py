"""Withdrawals: what a customer takes back before it was begun is not done, whoever says yes."""

from __future__ import annotations

from collections.abc import Sequence

from sayso.actions.approvals.transitions import Transitions
from sayso.actions.context import EngineContext
from sayso.actions.engine.late_effects import DeniedCalls
from sayso.actions.model.action_row import ActionRow, get_action
from sayso.actions.model.status import Status
from sayso.audit.entry import Actor
from sayso.errors import RetryableError
from sayso.store.base import Transaction

_LOOK_UP_S = 5.0
"""Seconds for the look-up of what was called before; whoever withdraws waits for it."""
NOT_BEGUN = frozenset({Status.PLANNED, Status.STALE, Status.PENDING_APPROVAL, Status.APPROVED})
"""States in which nobody calls the provider without moving the action first."""


class Withdrawals:
    """Ends actions that their customer has taken back."""

    def __init__(self, context: EngineContext) -> None:
        self._transitions = Transitions(context)
        self._denied = DeniedCalls(context, _LOOK_UP_S)

    async def settle_called(self, rows: Sequence[ActionRow]) -> None:
        """Write down what earlier calls did after all of what has not begun again.

        Where nobody can know that now, nothing waits for it: what was called is looked up again
        hours and days after its end.
        """
        for row in rows:
            if row.status in NOT_BEGUN and row.call_key is not None:
                try:
                    await self._denied.settle(row)
                except RetryableError:
                    continue

    def stop(self, tx: Transaction, rows: Sequence[ActionRow], actor: Actor) -> list[ActionRow]:
        """End those that have not begun, each as it is in this very transaction.

        What only takes another step back goes on: it is part of the end of its plan.

        Returns:
            Those that were ended.
        """
        stopped: list[ActionRow] = []
        for row in rows:
            present = get_action(tx, row.tenant, row.id)
            if present.status not in NOT_BEGUN or present.undoes is not None:
                continue
            ended = self._transitions.withdraw(tx, present, actor)
            if ended is not None:
                stopped.append(ended)
        return stopped
