"""Denied calls: what a provider said it had not done is looked up before its action ends as a no.

A provider can do it and deny it, and show it late. An action that goes stale after a harmless call
is judged again and may wait for people for days; whatever ends it then looks once more. What is
found is settled as done, and what cannot be asked about now does not end yet. A call that shows
nothing by then ends as the provider said: its word, and two look-ups in vain.
"""

from __future__ import annotations

from sayso.actions.calls import call_of, look_up
from sayso.actions.moves import Moves
from sayso.actions.reach import Reach
from sayso.actions.recovery import not_proven
from sayso.actions.rows import ActionRow
from sayso.actions.settling import Settlements
from sayso.actions.snapshot import Absence, Receipt
from sayso.errors import Code, RefusedError, RetryableError, SaysoError
from sayso.store.base import Store
from sayso.telemetry import Telemetry


class DeniedCalls:
    """Finds what calls did that were said to be harmless.

    Args:
        timeout_s: seconds for one look-up.
    """

    def __init__(
        self, *, store: Store, reach: Reach, moves: Moves, telemetry: Telemetry, timeout_s: float
    ) -> None:
        self._store = store
        self._reach = reach
        self._moves = moves
        self._settlements = Settlements(moves)
        self._telemetry = telemetry
        self._timeout_s = timeout_s

    async def look_up(self, row: ActionRow) -> Receipt | Absence | SaysoError:
        """What the provider shows of the action's calls."""
        with self._telemetry.span("sayso.look_up", row.traceparent, {"sayso.action": row.name}):
            return await look_up(self._reach, call_of(row), self._timeout_s)

    async def settle(self, row: ActionRow) -> ActionRow | None:
        """Write down the effect of a harmless call after all; None when none is to be found.

        Also None for what was never called, and when somebody else was faster.

        Raises:
            RetryableError: `provider_unavailable`; nobody can know now, so nothing may end.
        """
        if row.call_key is None:
            return None
        try:
            guarantee = self._reach.action(row.name).guarantee
        except RefusedError:
            return None  # no such action any more: nobody can ask, and the provider said no
        found = await self.look_up(row)
        if isinstance(found, Receipt):
            return await self._store.write(
                lambda tx: self._settlements.reconcile(tx, row, found), brief=True
            )
        check_not_done(not_proven(row, guarantee, found, self._moves.now()))
        return None


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
