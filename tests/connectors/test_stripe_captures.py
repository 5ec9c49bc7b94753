"""Charges that were captured in part: what the card says of them, and what a planner sees."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest
import stripe
from connectors.benches import BEN
from connectors.stripe_account import StripeAccount, open_account

from sayso.actions.model.snapshot import Receipt, Record
from sayso.connectors.stripe.charges import Left, left_of
from sayso.errors import Code, RefusedError
from sayso.json import JsonObject
from sayso.money import Money

Way = Literal["new", "old"]
OLD = "2025-02-24.acacia"
"""The last version whose partial capture makes a refund of what it lets go."""
BOTH = pytest.mark.parametrize("way", ["new", "old"])


def usd(cents: int) -> Money:
    return Money(cents, "USD")


async def pay(
    account: StripeAccount,
    way: Way = "new",
    *,
    take: int | None,
    amount: int = 10_000,
    refund: int = 0,
) -> str:
    """What the shop does by itself, with the official SDK; the charge.

    Args:
        way: by which version of the API the shop captures.
        take: how much is captured; None leaves it authorised.
        amount: how much is authorised.
        refund: how much is refunded afterwards, by hand.
    """

    def act() -> str:
        client = stripe.StripeClient(
            account.sandbox.api_key, base_addresses={"api": account.sandbox.url}
        )
        intent = client.v1.payment_intents.create(
            {
                "amount": amount,
                "currency": "usd",
                "customer": BEN.id,
                "payment_method": "pm_card_visa",
                "confirm": True,
                "capture_method": "manual",
                "description": "Order 3001: shelf",
            }
        )
        charge = intent.latest_charge
        assert isinstance(charge, str)
        if take is not None:
            options: stripe.RequestOptions = {"stripe_version": OLD} if way == "old" else {}
            client.v1.payment_intents.capture(intent.id, {"amount_to_capture": take}, options)
        if refund:
            client.v1.refunds.create({"charge": charge, "amount": refund})
        return charge

    return await asyncio.to_thread(act)


def refund_of(charge: str, cents: int | None = None) -> tuple[str, JsonObject]:
    if cents is None:
        return "stripe.refund", {"charge": charge}
    amount: JsonObject = {"amount_minor": cents, "currency": "USD"}
    return "stripe.refund", {"charge": charge, "amount": amount}


async def record_of(account: StripeAccount, charge: str) -> Record:
    return next(one for one in await account.connectors.list_records(BEN) if one.id == charge)


async def refused(account: StripeAccount, asked: tuple[str, JsonObject]) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        await account.resolve(*asked, BEN)
    return caught.value


@pytest.mark.promise("connectors:stripe-left")
async def test_nothing_was_refunded_of_what_was_captured_in_part() -> None:
    """$60 of $100 were taken: $60 are left, on the card and for the planner (basil, 2025-03-31)."""
    async with open_account() as account:
        charge = await pay(account, take=6_000)
        found = await account.resolve(*refund_of(charge), BEN)
        record = await record_of(account, charge)
        assert found.amount == usd(6_000)
        assert found.fields["paid"].startswith("$60.00 on ")
        assert found.fields["paid"].endswith(", of $100.00 authorised")
        assert found.fields["refunded so far"] == "$0.00"
        assert found.fields["left afterwards"] == "$0.00"
        assert (found.facts["charge_amount"], found.facts["full"]) == (usd(6_000), True)
        assert (record.facts["amount"], record.facts["left"]) == (usd(6_000), usd(6_000))
        assert record.title.startswith("$60.00 on ")
        call = await account.plan(*refund_of(charge), BEN)
        assert isinstance(await account.outcome(call), Receipt)
        assert account.sandbox.books().money_out == {"usd": 6_000}
        assert (await record_of(account, charge)).facts["left"] == usd(0)
        assert (await refused(account, refund_of(charge))).code is Code.NOTHING_REFUNDABLE


@pytest.mark.promise("connectors:stripe-left")
@pytest.mark.parametrize("refund", [1_000, 4_000, 4_500])
async def test_what_was_refunded_of_a_part_is_told_apart_from_what_was_let_go(refund: int) -> None:
    """Also when it is as much as was let go, unless it looks like that in every way."""
    async with open_account() as account:
        charge = await pay(account, take=6_000, refund=refund)
        assert (await record_of(account, charge)).facts["left"] == usd(6_000 - refund)
        if refund == 4_000:
            error = await refused(account, refund_of(charge))
            assert error.code is Code.WRONG_STATE
            assert "name the amount, up to $60.00" in error.next_step
            return
        found = await account.resolve(*refund_of(charge), BEN)
        assert found.amount == usd(6_000 - refund)
        assert found.fields["refunded so far"] == str(usd(refund))


@pytest.mark.promise("connectors:stripe-left")
async def test_a_refund_of_ours_is_never_taken_for_what_was_let_go() -> None:
    """It carries our reference, so what is left is known."""
    async with open_account() as account:
        charge = await pay(account, take=6_000)
        call = await account.plan(*refund_of(charge, 4_000), BEN)
        assert isinstance(await account.outcome(call), Receipt)
        found = await account.resolve(*refund_of(charge), BEN)
        assert found.amount == usd(2_000)
        assert found.fields["refunded so far"] == "$40.00"


@pytest.mark.promise("connectors:stripe-left")
@BOTH
async def test_a_named_amount_is_refunded_whichever_way_the_shop_captured(way: Way) -> None:
    """The card says what is not known, and Stripe, which knows it, has the last word."""
    async with open_account() as account:
        charge = await pay(account, way, take=6_000, refund=4_000 if way == "new" else 0)
        call = await account.plan(*refund_of(charge, 6_000), BEN)
        shown = call.resolved.fields
        assert shown["refunded so far"] == (
            "$0.00 to $40.00: stripe may count what was never taken"
        )
        assert shown["left afterwards"] == "at most $0.00"
        assert (await refused(account, refund_of(charge, 6_001))).code is Code.AMOUNT_TOO_LARGE
        outcome = await account.outcome(call)
        if way == "old":
            assert isinstance(outcome, Receipt)
            assert account.sandbox.books().money_out == {"usd": 6_000}
        else:
            assert isinstance(outcome, RefusedError)
            assert outcome.code is Code.PROVIDER_REFUSED
            assert account.sandbox.books().money_out == {"usd": 4_000}


@pytest.mark.promise("connectors:stripe-left")
@pytest.mark.parametrize(("refund", "left"), [(2_500, 3_500), (6_000, 0)])
async def test_what_only_the_old_way_can_mean_is_read_so(refund: int, left: int) -> None:
    """More than was taken counts as refunded, so what was let go stands in it."""
    async with open_account() as account:
        charge = await pay(account, "old", take=6_000, refund=refund)
        assert (await record_of(account, charge)).facts["left"] == usd(left)
        if left:
            found = await account.resolve(*refund_of(charge), BEN)
            assert found.amount == usd(left)
            assert found.fields["refunded so far"] == str(usd(refund))
        else:
            assert (await refused(account, refund_of(charge))).code is Code.NOTHING_REFUNDABLE


@pytest.mark.promise("connectors:stripe-left")
async def test_nothing_is_left_of_what_is_only_authorised() -> None:
    """It is no money yet: the planner sees so, and a refund is refused in words that say so."""
    async with open_account() as account:
        charge = await pay(account, take=None)
        record = await record_of(account, charge)
        assert (record.facts["left"], record.facts["status"]) == (usd(0), "uncaptured")
        assert record.title.startswith("$100.00 on ")
        error = await refused(account, refund_of(charge))
        assert error.code is Code.WRONG_STATE
        assert "(not captured)" in error.message


@pytest.mark.promise("connectors:stripe-left")
async def test_a_partial_capture_does_not_count_as_a_refund_before() -> None:
    """`refunded_before` counts what went back, not what was never taken."""
    async with open_account() as account:
        await pay(account, take=6_000)
        await pay(account, take=None)
        before = await account.resolve("stripe.refund", {"charge": "ch_demo_ben_1"}, BEN)
        await pay(account, take=6_000, refund=100)
        after = await account.resolve("stripe.refund", {"charge": "ch_demo_ben_1"}, BEN)
        assert (before.facts["refunded_before"], after.facts["refunded_before"]) == (0, 1)


@pytest.mark.promise("connectors:stripe-left")
@pytest.mark.parametrize(
    ("taken", "counted", "refunded", "left", "perhaps"),
    [
        (100, 0, False, 100, 100),
        (100, 30, False, 70, 70),
        (100, 100, True, 0, 0),
        (60, 0, False, 60, 60),
        (60, 39, False, 21, 21),
        (60, 40, False, 20, 60),
        (60, 60, False, 0, 40),
        (60, 60, True, 0, 0),
        (60, 61, False, 39, 39),
        (60, 100, True, 0, 0),
        (120, 0, False, 120, 120),
        (30, 40, False, 0, 0),
        (30, 70, False, 30, 30),
        (50, 50, False, 0, 50),
    ],
)
def test_each_figure_that_stripe_gives_has_its_readings(
    taken: int, counted: int, refunded: bool, left: int, perhaps: int
) -> None:
    """Of 100 authorised: what surely is left, and what may be, in whichever way it was counted."""
    charge = stripe.Charge.construct_from(
        {
            "id": "ch_1",
            "object": "charge",
            "amount": 100,
            "amount_captured": taken,
            "amount_refunded": counted,
            "captured": True,
            "refunded": refunded,
            "status": "succeeded",
        },
        None,
    )
    let_go = max(0, 100 - taken)
    assert left_of(charge) == Left(taken=taken, let_go=let_go, left=left, perhaps=perhaps)
