"""Late effects: what a provider said it had not done is looked up before its action ends as a no.

A provider can do it and deny it, and show it late. An action that goes stale after a harmless call
is judged again and may wait for people for days; whatever ends it then looks once more. What is
found is settled as done, and what cannot be asked about now does not end yet. A call that shows
nothing by then ends as the provider said: its word, and two look-ups in vain. It is looked up a few
times more after that (`sayso.actions.model.ledger`), and what shows then is told to people.
"""

from __future__ import annotations

import logging

from sayso.actions.approvals.transitions import Transitions
from sayso.actions.context import EngineContext
from sayso.actions.engine.outcomes import Settlements
from sayso.actions.engine.reconcile import is_looked_up_first, not_proven
from sayso.actions.model.action_row import ActionRow, get_action
from sayso.actions.model.attempt import call_of, look_up
from sayso.actions.model.ledger import next_look
from sayso.actions.model.snapshot import Absence, EffectFailedError, Receipt
from sayso.errors import Code, RefusedError, RetryableError, SaysoError
from sayso.store.base import Transaction

logger = logging.getLogger("sayso.engine")


class DeniedCalls:
    """Finds what calls did that were said to be harmless.

    Args:
        timeout_s: seconds for one look-up.
    """

    def __init__(self, context: EngineContext, timeout_s: float) -> None:
        self._store = context.store
        self._registry = context.registry
        self._transitions = Transitions(context)
        self._settlements = Settlements(self._transitions)
        self._telemetry = context.telemetry
        self._timeout_s = timeout_s

    async def look_up(self, row: ActionRow) -> Receipt | Absence | SaysoError:
        """What the provider shows of the action's calls."""
        with self._telemetry.span("sayso.look_up", row.traceparent, {"sayso.action": row.name}):
            return await look_up(self._registry, call_of(row), self._timeout_s)

    async def done_before(self, row: ActionRow) -> Receipt | SaysoError | None:
        """What the provider holds of a claimed action that was never called, as the log says.

        None where nothing is there, or nobody asks, so that it is called. What cannot be looked up
        now is not called now.
        """
        if not is_looked_up_first(row, self._registry.action(row.name).guarantee):
            return None
        found = await self.look_up(row)
        if isinstance(found, Absence):
            return None
        if isinstance(found, (Receipt, EffectFailedError)):
            logger.warning("%s %s was done before its first call", row.name, row.id)
            return found
        return RetryableError(found.code, found.message, sent=False)

    async def settle(self, row: ActionRow) -> ActionRow | None:
        """Write down the effect of a harmless call after all; None when none is to be found.

        Also None for what was never called, and when somebody else was faster.

        Raises:
            RetryableError: `provider_unavailable`; nobody can know now, so nothing may end.
        """
        if row.call_key is None:
            return None
        try:
            guarantee = self._registry.action(row.name).guarantee
        except RefusedError:
            return None  # no such action any more: nobody can ask, and the provider said no
        found = await self.look_up(row)
        if isinstance(found, Receipt):
            return await self._store.write(
                lambda tx: self._settlements.reconcile(tx, row, found), brief=True, about=row.tenant
            )
        check_not_done(not_proven(row, guarantee, found, self._transitions.now()))
        return None

    async def look_late(self, row: ActionRow) -> ActionRow | None:
        """Look once more for the effect of what has ended as not done; None when none is found.

        A look-up that breaks off counts as one: the next one is hours or days later. What was never
        called is not looked up, though its row is due by somebody else's hand.
        """
        found = None if row.call_key is None else await self.look_up(row)
        if isinstance(found, Receipt):
            done = await self._store.write(
                lambda tx: self._tell_late(tx, row, found), brief=True, about=row.tenant
            )
            if done is not None:
                logger.error(
                    "%s %s had ended as %s, and the provider shows that it was done",
                    *(row.name, row.id, row.status),
                )
                self._telemetry.count_late(row.name)
            return done
        # Where nothing can be looked up, nothing will be.
        at = None if found is Absence.CANNOT_TELL else next_look(row, self._transitions.now())
        await self._store.write(
            lambda tx: tx.run(
                "action.due_again", tenant=row.tenant, id=row.id, last_seq=row.last_seq, due_at=at
            ),
            brief=True,
            about=row.tenant,
        )
        return None

    def _tell_late(self, tx: Transaction, row: ActionRow, found: Receipt) -> ActionRow | None:
        # What was erased while it was looked up is nobody's any more, and has no new entry.
        if get_action(tx, row.tenant, row.id).erased_seq is not None:
            return None
        return self._settlements.reconcile(tx, row, found)


def check_not_done(unproven: str | None) -> None:
    """Go no further after a harmless call while it may have had its effect after all.

    Raises:
        RetryableError: `provider_unavailable`; see `not_proven`.
    """
    if unproven is not None:
        raise RetryableError(
            Code.PROVIDER_UNAVAILABLE,
            f"an earlier call may still turn out to have done it: {unproven}",
            next_step="the engine looks again",
        )
