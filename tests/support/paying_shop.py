"""A shop that has somebody else pay, and fails after that. Our own double: no shop was asked.

The acquirer's books (`books.payouts`) are apart from what the shop has written down (`shown`), as
they are where a payment handler is called inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from support.shop import Payout, Shop

from sayso.actions.model.definition import Guarantee
from sayso.actions.model.snapshot import Absence, Call, Finality, Receipt
from sayso.errors import Code, OutcomeUnknownError
from sayso.ids import Clock
from sayso.money import Money
from sayso.testing.faults.paying import PayingFault

LATE_S = 400
"""So long after the payment a late record is written."""
_LOSES_ITS_KEY = {
    PayingFault.KILLED_BEFORE_COMMIT,
    PayingFault.ROLLED_BACK,
    PayingFault.ANSWERED_TWICE,
    PayingFault.KEY_IGNORED,
}
_ANSWERS = {PayingFault.ERROR_ANSWERED, PayingFault.ROLLED_BACK, PayingFault.ANSWERED_TWICE}
_NEVER_SHOWN = {
    PayingFault.KILLED_BEFORE_COMMIT,
    PayingFault.ROLLED_BACK,
    PayingFault.LISTED_ELSEWHERE,
    PayingFault.ANSWERED_TWICE,
}


class PayingShop(Shop):
    """Pays each call, and then does what `fault` says, each time.

    Args:
        guarantee: what its connector declares, true or not.
        seconds: the time now, of a clock that both sides read.
    """

    def __init__(self, guarantee: Guarantee, fault: PayingFault, clock: Clock) -> None:
        super().__init__(guarantee, as_declared=True)
        self.fault = fault
        self._seconds: Callable[[], float] = lambda: clock.now().timestamp()
        self._shown_at: dict[str, float] = {}
        self._keys: dict[str, Payout] = {}
        self.looks = 0

    async def call(self, call: Call) -> Receipt:
        """Pay, unless the key is known; then fail."""
        self.books.calls.append(call.idempotency_key)
        known = self._keys.get(call.idempotency_key)
        payout = known or self._pay_out(call)
        if self.fault in _ANSWERS:
            raise OutcomeUnknownError(
                Code.OUTCOME_UNKNOWN, "the shop answered: internal error", answered=True
            )
        if self.fault is PayingFault.AMOUNT_ROUNDED:
            return self._receipt(payout)
        if self.fault is PayingFault.PENDING_THEN_GONE:
            return replace(self._receipt(payout), status="pending", finality=Finality.PENDING)
        raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "no answer came")

    def _pay_out(self, call: Call) -> Payout:
        amount = call.resolved.amount
        assert amount is not None
        if self.fault is PayingFault.AMOUNT_ROUNDED:
            amount = Money(-(-amount.amount_minor // 100) * 100, amount.currency)
        order = self.books.orders[call.resolved.object_id]
        payout = Payout(f"pay_{len(self.books.payouts) + 1}", order.id, amount, call.action_id)
        self.books.payouts.append(payout)
        if self.fault not in _NEVER_SHOWN:
            order.refunded_minor += amount.amount_minor
            late_s = LATE_S if self.fault is PayingFault.LATE_RECORD else 0
            self._shown_at[payout.id] = self._seconds() + late_s
        if self.fault not in _LOSES_ITS_KEY:
            self._keys[call.idempotency_key] = payout
        return payout

    async def look_up(self, call: Call) -> Receipt | Absence:
        """What the shop itself has written down by now."""
        self.looks += 1
        for payout in self.books.payouts:
            shown_at = self._shown_at.get(payout.id)
            is_shown = shown_at is not None and self._seconds() >= shown_at
            if payout.reference == call.action_id and is_shown:
                if self.fault is not PayingFault.PENDING_THEN_GONE:
                    return self._receipt(payout)
                if self.looks == 1:
                    return replace(
                        self._receipt(payout), status="pending", finality=Finality.PENDING
                    )
        return Absence.ABSENT
