"""What people really did at Stripe, which shadow is compared with: by hand, and by actions."""

from __future__ import annotations

import httpx
import pytest
from connectors.benches import ANA
from connectors.stripe_account import StripeAccount, open_account

from sayso.actions.model.snapshot import Receipt, SeenEffect
from sayso.money import Money

CHARGE = "ch_demo_ana_1"


def by_hand(account: StripeAccount, path: str, method: str = "POST", **params: str) -> None:
    """What somebody does in Stripe's dashboard."""
    answer = httpx.request(
        method,
        f"{account.sandbox.url}/v1/{path}",
        data=params,
        auth=(account.sandbox.api_key, ""),
        timeout=60,
    )
    assert answer.status_code == 200, answer.text


async def seen(account: StripeAccount, since: int = 0) -> list[SeenEffect]:
    """What the connector sees of Ana, in the order of the actions' names."""
    found = await account.connectors.effects_of("stripe.refund", ANA, since)
    assert found is not None
    return sorted(found, key=lambda effect: (effect.action, effect.is_ours))


@pytest.mark.promise("rollout:shadow")
async def test_refunds_credit_and_cancellations_by_hand_are_seen() -> None:
    """Each with the object that it was done on and what moved; ours carry our reference."""
    async with open_account() as account:
        before = await seen(account)
        by_hand(account, "refunds", charge=CHARGE, amount="500")
        by_hand(
            account,
            f"customers/{ANA.id}/balance_transactions",
            amount="-700",
            currency="usd",
        )
        call = await account.plan(
            "stripe.refund", {"charge": CHARGE, "amount": {"amount_minor": 300, "currency": "USD"}}
        )
        assert isinstance(await account.outcome(call), Receipt)
        new = [effect for effect in await seen(account) if effect not in before]
        assert [(one.action, one.object_id, one.amount, one.is_ours) for one in new] == [
            ("stripe.credit", ANA.id, Money(700, "USD"), False),
            ("stripe.refund", CHARGE, Money(500, "USD"), False),
            ("stripe.refund", CHARGE, Money(300, "USD"), True),
        ]
        later = max(one.at for one in new) + 1
        assert await seen(account, later) == []
