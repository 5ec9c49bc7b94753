"""What people really did at Stripe, which shadow is compared with: by hand, and by actions."""

from __future__ import annotations

from functools import partial

import httpx
import pytest
from connectors.benches import ANA, stripe_on
from connectors.stripe_account import StripeAccount, open_account
from connectors.stripe_front import recording

from sayso.actions.model.snapshot import Receipt, SeenEffect
from sayso.connectors.registry import Connectors
from sayso.money import Money
from sayso.sandbox import Sandbox

CHARGE = "ch_demo_ana_1"
SUBSCRIPTION = "sub_demo_ana"


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
async def test_refunds_and_credit_by_hand_are_seen() -> None:
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


@pytest.mark.promise("rollout:shadow")
@pytest.mark.parametrize(
    ("first", "then", "ours"),
    [
        ("", "now", [False]),
        ("", "period_end", [False]),
        ("now", "", [True]),
        ("period_end", "", [True]),
        ("period_end", "now", [False]),
    ],
)
async def test_a_cancellation_is_of_whoever_set_its_end(
    first: str, then: str, ours: list[bool]
) -> None:
    """Also where somebody ends at once what an action of ours had set to end later."""
    async with open_account() as account:
        before = await seen(account)
        if first:
            call = await account.plan(
                "stripe.cancel_subscription", {"subscription": SUBSCRIPTION, "when": first}
            )
            assert isinstance(await account.outcome(call), Receipt)
        if then == "now":
            by_hand(account, f"subscriptions/{SUBSCRIPTION}", "DELETE")
        elif then:
            by_hand(account, f"subscriptions/{SUBSCRIPTION}", cancel_at_period_end="true")
        new = [effect for effect in await seen(account) if effect not in before]
        assert [(one.action, one.object_id, one.amount) for one in new] == [
            ("stripe.cancel_subscription", SUBSCRIPTION, None)
        ]
        assert [one.is_ours for one in new] == ours


@pytest.mark.promise("inbound:elsewhere")
async def test_a_refund_by_a_credit_note_of_ours_is_ours() -> None:
    """Stripe puts our reference on the note alone; another note's refund, or a lie, is not ours."""
    with Sandbox.start(seed="demo") as sandbox:
        refund = httpx.post(
            f"{sandbox.url}/v1/refunds",
            data={"charge": CHARGE, "amount": "500"},
            auth=(sandbox.api_key, ""),
            timeout=60,
        ).json()["id"]
        for metadata, named, ours in (
            ({"sayso_action": "act_1"}, refund, True),
            ({"sayso_action": "act_1"}, "re_other", False),
            ({}, refund, False),
        ):
            note: dict[str, object] = {
                "object": "credit_note",
                "id": "cn_1",
                "metadata": metadata,
                "refunds": [{"amount_refunded": 500, "refund": named}],
            }
            with recording(sandbox.url, partial(_with_note, note)) as front:
                stripe = Connectors([stripe_on(front.url, sandbox.api_key)])
                (seen,) = await stripe.refunds_told("stripe", "refund", refund)
                await stripe.close()
            assert (seen.id, seen.owner, seen.is_ours) == (refund, ANA.id, ours)


def _with_note(note: dict[str, object], path: str, answer: httpx.Response) -> httpx.Response:
    listed = {"object": "list", "data": [note], "has_more": False}
    return httpx.Response(200, json=listed) if path == "/v1/credit_notes" else answer
