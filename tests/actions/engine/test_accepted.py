"""A provider that takes a call on as work of its own: no accident, looked up until it shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.steps import advance, assert_verified, propose, stock
from support.shop import Shop
from support.shop_workspace import open_shop

from sayso.actions.engine.reconcile import (
    KEY_MARGIN_S,
    LEAST_KEY_MARGIN_S,
    CallAgain,
    Wait,
    after_look_up,
)
from sayso.actions.model.action_row import ActionRow, get_action
from sayso.actions.model.definition import Guarantee, idempotent, verifiable
from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.errors import Code, OutcomeUnknownError
from sayso.testing.clock import FakeClock


class Queueing(Shop):
    """Pays some time after it was asked to; by then the look-up shows it."""

    def __init__(self, clock: FakeClock, delay_s: int) -> None:
        super().__init__(verifiable(settle_after_s=600))
        self._clock = clock
        self._delay_s = delay_s
        self.looked = 0

    async def call(self, call: Call) -> Receipt:
        """Take it on."""
        self._from = self._clock.now()
        await super().call(call)
        raise OutcomeUnknownError(Code.ACCEPTED, "the shop works on it", look_up_after_s=5)

    async def look_up(self, call: Call) -> Receipt | Absence:
        """Show it once it is done."""
        self.looked += 1
        if (self._clock.now() - self._from).total_seconds() < self._delay_s:
            return Absence.ABSENT
        return await super().look_up(call)


@pytest.mark.promise("engine:accepted")
async def test_what_is_taken_on_is_looked_up_until_it_is_done(tmp_path: Path) -> None:
    """First when the provider says, then soon and again, and called once."""
    clock = FakeClock()
    shop = Queueing(clock, delay_s=40)
    async with open_shop(tmp_path, shop=shop, clock=clock) as opened:
        stock(opened)
        view = await propose(opened, 2000)
        assert view.status == "unknown"
        row = await opened.sayso.container.store.read(
            lambda reader: get_action(reader, opened.sayso.container.tenant, view.id)
        )
        assert row is not None
        assert row.error is not None
        assert row.error["code"] == Code.ACCEPTED.value
        assert row.due_at is not None
        waited = 0
        while view.status == "unknown":
            clock.advance(seconds=5)
            waited += 5
            view = await advance(opened, view)
            assert waited < 200, "it is looked for only when an absence would be proof"
        assert view.status == "succeeded"
        assert shop.looked > 1
        assert len(shop.books.payouts) == len(shop.books.calls) == 1
        assert_verified(opened)


def _row(guarantee: Guarantee, age_s: int) -> tuple[ActionRow, int]:
    """An action that was called so long ago, and now."""
    assert guarantee.retention_s is not None
    now = 10**15
    called_at = now - age_s * 1_000_000
    row = ActionRow.__new__(ActionRow)
    values = {
        "attempts": 0,
        "error": None,
        "called_at": called_at,
        "call_key_until": called_at + guarantee.retention_s * 1_000_000,
    }
    for name, value in values.items():
        object.__setattr__(row, name, value)
    return row, now


@pytest.mark.promise("engine:short-keys")
@pytest.mark.parametrize(
    ("minutes", "age_s", "again"),
    [
        (30, 60, True),
        (30, 30 * 60 - LEAST_KEY_MARGIN_S - 31, True),
        (30, 30 * 60 - LEAST_KEY_MARGIN_S + 31, False),
        (30, 29 * 60 + 30, False),
        (24 * 60, 24 * 3600 - KEY_MARGIN_S - 1, True),
        (24 * 60, 24 * 3600 - KEY_MARGIN_S + 1, False),
    ],
)
def test_a_key_is_trusted_until_the_end_of_a_call_that_begins_now(
    minutes: int, age_s: int, again: bool
) -> None:
    """A call at 29:30 would land after a key of half an hour is gone."""
    guarantee = idempotent(minutes=minutes, settle_after_s=None)
    row, now = _row(guarantee, age_s)
    found = after_look_up(row, guarantee, Absence.CANNOT_TELL, now)
    assert isinstance(found, CallAgain if again else Wait)


def test_a_guarantee_says_minutes_where_it_has_no_hours() -> None:
    """`0 h` would be no promise."""
    assert "idempotent, 30 min" in idempotent(minutes=30).sentence
    assert "idempotent, 24 h" in idempotent(hours=24).sentence
    assert "idempotent, 45 min" in idempotent(minutes=45).sentence
