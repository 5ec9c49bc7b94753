"""A shop whose look-up is behind its books, as a provider with an eventually consistent list is."""

from __future__ import annotations

from support.shop import Shop

from sayso.actions.model.definition import Guarantee
from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.ids import Clock


class SlowToShow(Shop):
    """Its look-up shows a payout only some seconds after the call, within what it declares."""

    def __init__(self, guarantee: Guarantee, clock: Clock, delay_s: int) -> None:
        super().__init__(guarantee)
        self._clock = clock
        self._delay_s = delay_s
        self._paid_at: dict[str, float] = {}

    async def call(self, call: Call) -> Receipt:
        try:
            return await super().call(call)
        finally:
            for payout in self.books.payouts:
                self._paid_at.setdefault(payout.id, self._clock.now().timestamp())

    async def look_up(self, call: Call) -> Receipt | Absence:
        found = await super().look_up(call)
        if not isinstance(found, Receipt):
            return found
        shown_at = self._paid_at[found.id] + self._delay_s
        return found if self._clock.now().timestamp() >= shown_at else Absence.ABSENT
