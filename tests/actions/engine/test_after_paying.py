"""A provider that fails after it has paid, in ten ways: paid once at most, and told truly.

The shop is a double of our own (`support.paying_shop`); a real one is in tests/real.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from actions.steps import MAIN, PlugPulledError, advance, assert_verified, propose, stock
from support.paying_shop import LATE_S, PayingShop
from support.shop import PROVEN_ON, Shop, ShopFault
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.engine.engine import Boundary
from sayso.actions.engine.outcomes import LEFT_TOPIC
from sayso.actions.model.action_row import get_action
from sayso.actions.model.definition import (
    Effect,
    Guarantee,
    at_most_once,
    idempotent,
    verifiable,
)
from sayso.actions.model.guarantee import effective
from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.errors import Code, OutcomeUnknownError
from sayso.sdk.views.rows import ActionView
from sayso.testing.clock import FakeClock
from sayso.testing.faults.paying import PayingFault

DOCS = "https://shop.example/docs"
DECLARED: dict[str, Guarantee] = {
    "nothing": at_most_once(),
    "a reference": verifiable(settle_after_s=120),
    "a key": idempotent(hours=24),
    "a key and a reference": idempotent(hours=24, settle_after_s=120),
    "a page and no proof of the reference": verifiable(
        settle_after_s=120, record="with", source=DOCS
    ),
    "a proof of what it does not do": idempotent(
        hours=24, settle_after_s=120, record="after", source=DOCS, proven=PROVEN_ON
    ),
}
"""What is claimed of a shop that has somebody else pay."""


async def lived(opened: ShopWorkspace, minor: int = 1999, *, hours: int = 26) -> ActionView:
    """A refund, and every moment of a day at which the engine may look or call again."""
    view = await propose(opened, minor)
    for step_s in (1, 5, 30, 60, 100, 200, 300, 400, 900, *[3600] * hours):
        opened.clock.advance(seconds=step_s)
        view = await advance(opened, view)
    return view


async def told(opened: ShopWorkspace) -> list[str]:
    """The actions that the surfaces tell people of."""
    return [row.key for row in await opened.sayso.outbox.due(LEFT_TOPIC, limit=9)]


@pytest.mark.promise("engine:after-paying")
@pytest.mark.parametrize("fault", list(PayingFault))
@pytest.mark.parametrize("declared", DECLARED.values(), ids=DECLARED.keys())
async def test_who_fails_after_paying_has_paid_once(
    tmp_path: Path, declared: Guarantee, fault: PayingFault
) -> None:
    """Whatever is claimed: one call, and what nobody can know is a person's, never `failed`."""
    clock = FakeClock()
    shop = PayingShop(declared, fault, clock)
    async with open_shop(tmp_path, shop=shop, clock=clock) as opened:
        stock(opened)
        view = await lived(opened)
        assert len(shop.books.payouts) == len(shop.books.calls) == 1
        assert view.status in {"succeeded", "unknown", "accepted"}
        work = [one.about for one in await opened.sayso.work.list()]
        if view.status == "succeeded":
            assert view.receipt is not None
            assert view.receipt.amount == shop.books.payouts[0].amount
        if view.status != "succeeded" or fault is PayingFault.AMOUNT_ROUNDED:
            assert view.id in work
            assert await told(opened) == [view.id]
        assert_verified(opened)


@pytest.mark.promise("engine:after-paying")
async def test_a_record_that_comes_minutes_later_is_found(tmp_path: Path) -> None:
    """The customer is told that it was done once the shop shows it, without a second call."""
    clock = FakeClock()
    shop = PayingShop(verifiable(settle_after_s=120), PayingFault.LATE_RECORD, clock)
    async with open_shop(tmp_path, shop=shop, clock=clock) as opened:
        stock(opened)
        view = await propose(opened, 1999)
        for _ in range(2 * LATE_S // 20):
            clock.advance(seconds=20)
            view = await advance(opened, view)
        assert view.status == "succeeded"
        assert len(shop.books.calls) == 1


@pytest.mark.promise("engine:after-paying:once-more")
async def test_a_payment_is_repeated_once_at_most_also_where_nothing_was_done(
    tmp_path: Path,
) -> None:
    """Under a proven key and a proven look-up: two calls in all, then a person."""
    shop = Shop(idempotent(hours=24, settle_after_s=60))
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        shop.faults += [ShopFault.LOST_BEFORE] * 9
        view = await lived(opened)
        assert (view.status, len(shop.books.calls), shop.books.payouts) == ("unknown", 2, [])
        assert view.id in [one.about for one in await opened.sayso.work.list()]


@pytest.mark.promise("engine:after-paying:once-more")
async def test_a_payment_that_is_denied_twice_is_called_no_more(tmp_path: Path) -> None:
    """`Surely not done` is believed once, and the second time people are told."""
    shop = Shop(idempotent(hours=24, settle_after_s=60))
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        shop.faults += [ShopFault.BUSY] * 9
        view = await lived(opened)
        assert (view.status, len(shop.books.calls)) == ("unknown", 2)
        assert view.id in [one.about for one in await opened.sayso.work.list()]
        assert await told(opened) == [view.id]
        assert_verified(opened)


@pytest.mark.promise("engine:after-paying:once-more")
async def test_a_shop_that_cannot_be_reached_is_tried_more_often(tmp_path: Path) -> None:
    """Where not a byte left there was no call: such tries are no repetitions of a payment."""
    shop = Shop(idempotent(hours=24, settle_after_s=60))
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        shop.faults += [ShopFault.UNREACHABLE] * 4 + [ShopFault.LOST_BEFORE]
        view = await lived(opened)
        assert (view.status, len(shop.books.payouts)) == ("succeeded", 1)


@pytest.mark.promise("engine:after-paying:worth")
@pytest.mark.parametrize(
    ("declared", "kind", "settle_after_s", "repeats"),
    [
        (idempotent(hours=24, settle_after_s=9, proven=PROVEN_ON), "at_most_once", None, 0),
        (
            idempotent(hours=24, settle_after_s=9, record="with", proven=PROVEN_ON),
            "at_most_once",
            None,
            0,
        ),
        (idempotent(hours=24, record="with", source=DOCS), "at_most_once", None, 0),
        (
            idempotent(hours=24, settle_after_s=9, record="with", source=DOCS),
            "idempotent",
            None,
            1,
        ),
        (
            idempotent(hours=24, settle_after_s=9, record="with", source=DOCS, proven=PROVEN_ON),
            "idempotent",
            9,
            1,
        ),
        (verifiable(settle_after_s=9, record="with", source=DOCS), "at_most_once", None, 0),
        (
            verifiable(settle_after_s=9, record="with", source=DOCS, proven=PROVEN_ON),
            "at_most_once",
            None,
            0,
        ),
        (
            verifiable(settle_after_s=9, record="with", source=DOCS, proven=PROVEN_ON, keyed=True),
            "verifiable",
            9,
            1,
        ),
    ],
)
def test_what_is_declared_for_money_is_worth_what_was_proven(
    declared: Guarantee, kind: str, settle_after_s: int | None, repeats: int
) -> None:
    """The one function from which card, docs and engine take it; done twice it changes nothing."""
    worth = effective(declared, money=True)
    assert (worth.kind, worth.settle_after_s, worth.repeats) == (kind, settle_after_s, repeats)
    assert effective(worth, money=True) == worth
    assert effective(declared, money=False) == declared


class TwoAtOnce(Shop):
    """Somebody refunds the order there at the same moment, which the shop allows.

    Its connector says so of a look-up alone, as a manifest with `after` does.
    """

    async def call(self, call: Call) -> Receipt:
        receipt = await super().call(call)
        self.books.orders[call.resolved.object_id].refunded_minor += 99_000
        return replace(receipt, read_again=True)

    async def look_up(self, call: Call) -> Receipt | Absence:
        found = await super().look_up(call)
        order = self.books.orders[call.resolved.object_id]
        if isinstance(found, Receipt) and order.refunded_minor > order.paid.amount_minor:
            return replace(found, unfitting="more was paid back than was paid")
        return found


@pytest.mark.promise("engine:after-paying:fits")
async def test_what_two_have_done_at_once_is_read_again_and_told(tmp_path: Path) -> None:
    """A person and Sayso refund one payment: both were done, the sum is wrong, people are told."""
    shop = TwoAtOnce(idempotent(hours=24, settle_after_s=60))
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        view = await advance(opened, await propose(opened, 4000))
        assert (view.status, view.error and view.error.code) == ("succeeded", "does_not_fit")
        (work,) = await opened.sayso.work.list()
        assert (work.about, work.kind, work.why) == (
            view.id,
            "unfitting",
            "more was paid back than was paid",
        )
        assert await told(opened) == [view.id]
        assert len(shop.books.calls) == 1
        for _ in range(3):
            opened.clock.advance(hours=9)
            await advance(opened, view)
        assert await told(opened) == [view.id]
        assert_verified(opened)


@pytest.mark.promise("engine:after-paying:fits")
async def test_what_fits_is_read_once_more_and_left(tmp_path: Path) -> None:
    """One read after the success, also where the process died in between; then nobody looks."""

    class Alone(TwoAtOnce):
        async def call(self, call: Call) -> Receipt:
            return replace(await Shop.call(self, call), read_again=True)

    shop = Alone(idempotent(hours=24, settle_after_s=60))

    def pull(boundary: Boundary) -> None:
        if boundary is Boundary.AFTER_OUTCOME:
            raise PlugPulledError

    async with open_shop(tmp_path, shop=shop, passing=pull) as opened:
        stock(opened)
        await propose(opened, 4000)
    async with open_shop(tmp_path, shop=shop, clock=opened.clock) as later:
        (view,) = await later.sayso.actions.list()
        opened.clock.advance(seconds=1)
        view = await advance(later, view)
        assert (view.status, view.error) == ("succeeded", None)
        due = await later.sayso.container.store.read(
            lambda reader: get_action(reader, MAIN, view.id).due_at
        )
        assert due is None
        assert_verified(later)


class Erring(Shop):
    """Moves no money, as far as its definition says, and answers each call with an error."""

    def __init__(self) -> None:
        super().__init__(verifiable(settle_after_s=60), as_declared=True)
        (refund,) = self.actions
        self.actions = (
            replace(refund, effect=Effect.CHANGE, guarantee=verifiable(settle_after_s=60)),
        )

    async def call(self, call: Call) -> Receipt:
        self.books.calls.append(call.idempotency_key)
        raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "internal error", answered=True)


@pytest.mark.promise("engine:after-paying:once-more")
async def test_what_is_answered_with_an_error_twice_is_called_no_more(tmp_path: Path) -> None:
    """Also where no money moves: it was called again, and again, for as long as it answered so."""
    shop = Erring()
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        view = await lived(opened)
        assert (view.status, len(shop.books.calls)) == ("unknown", 2)
        assert view.error is not None
        assert "with an error twice" in view.error.message
        assert await told(opened) == [view.id]
        assert_verified(opened)
