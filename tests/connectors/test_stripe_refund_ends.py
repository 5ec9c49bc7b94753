"""Refunds that Stripe has not finished, or that a bank returns: by its own test cards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
import stripe
from connectors.benches import BEN, stripe_on
from connectors.stripe_account import StripeAccount, open_account
from support.shop_workspace import make_shop_workspace

from sayso.actions.model.snapshot import EffectFailedError, Finality, Receipt
from sayso.connectors.stripe.customer import reference_of
from sayso.money import Money
from sayso.sandbox import Sandbox
from sayso.sandbox.rows import Refund
from sayso.sdk.client import Sayso
from sayso.testing.clock import FakeClock

Card = Literal["pm_card_visa", "pm_card_pendingRefund", "pm_card_refundFail"]
ALLOWED = """
@id("all") @explain("any refund")
permit (principal, action == Action::"stripe.refund", resource);
"""


async def paid_with(sandbox: Sandbox, card: Card, cents: int = 5000) -> str:
    """A charge of that test card, made with the official SDK."""

    def pay() -> str:
        client = stripe.StripeClient(sandbox.api_key, base_addresses={"api": sandbox.url})
        intent = client.v1.payment_intents.create(
            {
                "amount": cents,
                "currency": "usd",
                "customer": BEN.id,
                "payment_method": card,
                "confirm": True,
            }
        )
        assert isinstance(intent.latest_charge, str)
        return intent.latest_charge

    return await asyncio.to_thread(pay)


async def refunded(account: StripeAccount, card: Card) -> tuple[Receipt, str]:
    """A refund of all of a charge, and the charge."""
    charge = await paid_with(account.sandbox, card)
    outcome = await account.outcome(await account.plan("stripe.refund", {"charge": charge}, BEN))
    assert isinstance(outcome, Receipt)
    return outcome, charge


@pytest.mark.promise("engine:followed")
@pytest.mark.parametrize(
    ("card", "status", "finality"),
    [
        ("pm_card_visa", "succeeded", Finality.DONE),
        ("pm_card_pendingRefund", "pending", Finality.PENDING),
        ("pm_card_refundFail", "succeeded", Finality.DONE),
    ],
)
async def test_a_receipt_says_how_far_stripe_has_come(
    card: Card, status: str, finality: Finality
) -> None:
    """Source: Stripe docs: Testing, refunds."""
    async with open_account() as account:
        receipt, _ = await refunded(account, card)
        assert (receipt.status, receipt.finality) == (status, finality)
        assert receipt.amount == Money(5000, "USD")


async def test_the_customers_bank_details_are_waited_for() -> None:
    """`requires_action`: nothing has been paid back, and nothing has failed."""
    async with open_account() as account:
        charge = await paid_with(account.sandbox, "pm_card_visa")
        call = await account.plan("stripe.refund", {"charge": charge}, BEN)
        done = await account.outcome(call)
        assert isinstance(done, Receipt)
        stored = Refund(
            id=done.id,
            created=int(datetime.now(UTC).timestamp()),
            amount=5000,
            currency="usd",
            charge=charge,
            metadata=dict(reference_of(call)),
        )
        account.sandbox.add(replace(stored, status="requires_action"))
        found = await account.look_up(call)
        assert isinstance(found, Receipt)
        assert (found.status, found.finality) == ("requires_action", Finality.PENDING)
        account.sandbox.add(replace(stored, status="canceled"))
        with pytest.raises(EffectFailedError, match="the refund canceled at stripe"):
            await account.look_up(call)


async def test_what_a_bank_returns_can_be_refunded_again() -> None:
    """The look-up says that it failed and why; the charge has its money again."""
    async with open_account() as account:
        charge = await paid_with(account.sandbox, "pm_card_refundFail")
        call = await account.plan("stripe.refund", {"charge": charge}, BEN)
        done = await account.outcome(call)
        assert isinstance(done, Receipt)
        account.sandbox.advance(days=1)
        with pytest.raises(EffectFailedError) as failed:
            await account.look_up(call)
        assert failed.value.message == "the refund failed at stripe: expired_or_canceled_card"
        assert (failed.value.receipt.id, failed.value.receipt.amount) == (done.id, None)
        again = await account.plan("stripe.refund", {"charge": charge}, BEN, number=2)
        assert again.resolved.amount == Money(5000, "USD")


@asynccontextmanager
async def opened(folder: Path, sandbox: Sandbox, clock: FakeClock) -> AsyncGenerator[Sayso]:
    """A workspace with nothing but Stripe in it."""
    workspace = make_shop_workspace(folder, ALLOWED)
    connector = stripe_on(sandbox.url, sandbox.api_key)
    async with Sayso(workspace, mode="decide", connectors=[connector], clock=clock) as sayso:
        yield sayso


@pytest.mark.promise("engine:followed")
@pytest.mark.parametrize(
    ("card", "first", "last"),
    [
        ("pm_card_pendingRefund", "accepted", "succeeded"),
        ("pm_card_refundFail", "succeeded", "failed"),
    ],
)
async def test_it_is_followed_until_it_ends(
    tmp_path: Path, card: Card, first: str, last: str
) -> None:
    """All the way: our HTTP calls, the log, and what the books of the provider say in the end."""
    clock = FakeClock(datetime.now(UTC))
    with Sandbox.start(seed="demo") as sandbox:
        charge = await paid_with(sandbox, card)
        async with opened(tmp_path, sandbox, clock) as sayso:
            action = await sayso.propose("stripe.refund", {"charge": charge}, subject=BEN.id)
            assert action.status == first
            sandbox.advance(days=2)
            clock.advance(days=2)
            await sayso.container.dispatcher.drain()
            action = await sayso.actions.get(action.id)
            assert action.status == last
            assert sayso.audit.verify(deep=True).verdict == "verified"
        (effect,) = sandbox.books().effects
        assert effect.calls == 1
