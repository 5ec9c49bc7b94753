"""Every way to be told no, with Stripe's status, type, code and parameter."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import stripe
from testing.sandbox.shop import FrozenClock, Shop

from sayso.sandbox import Sandbox

Attempt = Callable[[stripe.StripeClient], object]


def _call(method: str, path: str, **params: object) -> Attempt:
    def attempt(client: stripe.StripeClient) -> object:
        # The SDK leaves the type of these parameters out.
        return client.raw_request(  # pyright: ignore[reportUnknownMemberType]
            method, path, **params
        )

    return attempt


def _refund(**params: object) -> Attempt:
    return _call("post", "/v1/refunds", **params)


def _post(path: str, **params: object) -> Attempt:
    return _call("post", path, **params)


def _get(path: str) -> Attempt:
    return _call("get", path)


def _param_of(error: stripe.InvalidRequestError) -> str | None:
    return error.error.param if error.error is not None else None


@pytest.mark.parametrize(
    ("attempt", "status", "code", "param"),
    [
        (_refund(charge="ch_demo_ella_1"), 400, "charge_already_refunded", None),
        (_refund(charge="ch_demo_chloe_1", amount=6901), 400, None, "amount"),
        (_refund(charge="ch_demo_farid_1"), 400, "charge_disputed", None),
        (_refund(charge="ch_demo_grace_1"), 400, None, None),
        (_refund(charge="ch_none"), 404, "resource_missing", "id"),
        (_refund(payment_intent="pi_none"), 404, "resource_missing", "payment_intent"),
        (_refund(), 400, "parameter_missing", None),
        (_refund(charge="ch_demo_ana_1", amount="1.5"), 400, "parameter_invalid_integer", "amount"),
        (_refund(charge="ch_demo_ana_1", amount=0), 400, "parameter_invalid_integer", "amount"),
        (_refund(charge="ch_demo_ana_1", reason="mood"), 400, None, "reason"),
        (_refund(charge="ch_demo_ana_1", payee="me"), 400, "parameter_unknown", "payee"),
        (_refund(charge="ch_demo_ana_1", expand=["payee"]), 400, None, "expand"),
        (_refund(charge="ch_demo_ana_1", expand=["a.b.c.d.e"]), 400, None, "expand"),
        (_get("/v1/customers/cus_none"), 404, "resource_missing", "id"),
        (_get("/v1/charges/ch_none"), 404, "resource_missing", "id"),
        (_get("/v1/refunds/re_none"), 404, "resource_missing", "id"),
        (_get("/v1/payment_intents/pi_none"), 404, "resource_missing", "intent"),
        (_get("/v1/subscriptions/sub_none"), 404, "resource_missing", "id"),
        (_get("/v1/charges?customer=cus_none"), 400, "resource_missing", "customer"),
        (_get("/v1/charges?limit=0"), 400, "parameter_invalid_integer", "limit"),
        (_get("/v1/charges?limit=101"), 400, "parameter_invalid_integer", "limit"),
        (_get("/v1/charges?starting_after=ch_no"), 400, "resource_missing", "starting_after"),
        (_get("/v1/subscriptions?status=sleepy"), 400, None, "status"),
        (_get("/v1/nothing"), 404, "url_invalid", None),
        (
            _get("/v1/customers/cus_demo_ana/balance_transactions/cbtxn_none"),
            404,
            "resource_missing",
            "transaction",
        ),
        (
            _post("/v1/subscriptions/sub_demo_jonas", cancel_at_period_end=True),
            400,
            None,
            None,
        ),
        (
            _post("/v1/subscriptions/sub_demo_ana", cancel_at_period_end="soon"),
            400,
            None,
            "cancel_at_period_end",
        ),
        (_post("/v1/subscriptions", customer="cus_demo_ana"), 400, "parameter_missing", "items"),
        (_post("/v1/customers", email="nobody"), 400, "email_invalid", "email"),
        (
            _post("/v1/customers/cus_demo_ana/balance_transactions", currency="usd"),
            400,
            "parameter_missing",
            "amount",
        ),
        (
            _post("/v1/customers/cus_demo_ana/balance_transactions", amount=-5, currency="eur"),
            400,
            None,
            "currency",
        ),
        (
            _post("/v1/customers/cus_demo_ana/balance_transactions", amount=-5, currency="zzz"),
            400,
            None,
            "currency",
        ),
        (
            _refund(charge="ch_demo_ana_1", amount=10**13),
            400,
            "parameter_invalid_integer",
            "amount",
        ),
        (_refund(charge="ch_demo_ana_1", amount=10**11), 400, None, "amount"),
        (
            _post("/v1/charges", amount=10**8, currency="usd", source="tok_visa"),
            400,
            "amount_too_large",
            "amount",
        ),
        (
            _post("/v1/products", id="prod_demo_plus", name="Plus"),
            400,
            "resource_already_exists",
            None,
        ),
        (
            _post("/v1/payment_intents", amount=1, currency="usd", payment_method="pm_card_visa"),
            400,
            None,
            "confirm",
        ),
        (
            _post("/v1/charges", amount=1, currency="zzz", source="tok_visa"),
            400,
            None,
            "currency",
        ),
        (
            _post("/v1/charges", amount=1, currency="usd", source="tok_nobody"),
            400,
            "resource_missing",
            "source",
        ),
    ],
)
def test_a_call_that_cannot_be_is_refused(
    sandbox: Sandbox,
    client: stripe.StripeClient,
    attempt: Attempt,
    status: int,
    code: str | None,
    param: str | None,
) -> None:
    """Stripe docs: Errors: invalid requests name what is wrong, and nothing happens."""
    with pytest.raises(stripe.InvalidRequestError) as caught:
        attempt(client)

    assert caught.value.http_status == status
    assert caught.value.code == code
    assert _param_of(caught.value) == param
    assert sandbox.books().effects == ()


def test_refusals_use_stripes_sentences(client: stripe.StripeClient) -> None:
    """The sentences that callers are known to match on are Stripe's."""
    sentences: list[str | None] = []
    for attempt in (
        _refund(charge="ch_demo_ella_1"),
        _refund(charge="ch_demo_chloe_1", amount=7000),
        _get("/v1/customers/cus_none"),
        _refund(amount=3),
        _post("/v1/subscriptions/sub_demo_jonas", cancel_at_period_end=True),
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            attempt(client)
        sentences.append(caught.value.user_message)

    assert sentences == [
        "Charge ch_demo_ella_1 has already been refunded.",
        "Refund amount (€70.00) is greater than unrefunded amount on charge (€69.00)",
        "No such customer: 'cus_none'",
        (
            "One of the following params should be provided for this request: payment_intent or "
            "charge."
        ),
        "A canceled subscription can only update its cancellation_details and metadata.",
    ]


def test_a_cancelled_subscription_is_not_there_to_cancel(client: stripe.StripeClient) -> None:
    """stripe-go#1887: cancelling twice answers 404 `resource_missing`."""
    client.v1.subscriptions.cancel("sub_demo_ben")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.subscriptions.cancel("sub_demo_ben")

    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


def test_a_declined_card_is_a_card_error(client: stripe.StripeClient) -> None:
    """402 `card_declined` names the failed charge, which stays on record."""
    with pytest.raises(stripe.CardError) as caught:
        client.v1.charges.create({"amount": 900, "currency": "usd", "source": "tok_chargeDeclined"})
    assert caught.value.error is not None
    failed = client.v1.charges.retrieve(caught.value.error.charge or "")

    assert (caught.value.http_status, caught.value.code) == (402, "card_declined")
    assert (failed.status, failed.paid, failed.failure_code) == ("failed", False, "card_declined")


def test_a_declined_payment_intent_wants_another_card(client: stripe.StripeClient) -> None:
    """The payment intent stays, as `requires_payment_method`."""
    with pytest.raises(stripe.CardError):
        client.v1.payment_intents.create(
            {
                "amount": 900,
                "currency": "usd",
                "customer": "cus_demo_hugo",
                "payment_method": "pm_card_chargeDeclined",
                "confirm": True,
            }
        )
    (intent,) = client.v1.payment_intents.list({"customer": "cus_demo_hugo"}).data

    assert (intent.status, intent.amount_received) == ("requires_payment_method", 0)


def test_a_disputed_charge_is_made_with_stripes_test_card(client: stripe.StripeClient) -> None:
    """`tok_createDispute` makes a charge that the bank takes back."""
    charge = client.v1.charges.create(
        {"amount": 900, "currency": "usd", "source": "tok_createDispute"}
    )
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"charge": charge.id})

    assert charge.disputed
    assert caught.value.code == "charge_disputed"


@pytest.mark.parametrize("key", ["sk_test_somebody_else", "rk_test_x"])
def test_an_unknown_key_opens_nothing(sandbox: Sandbox, shop: Shop, key: str) -> None:
    """401 for a key the account does not have, and only its ends are repeated."""
    with pytest.raises(stripe.AuthenticationError) as caught:
        shop.client(sandbox.url, key).v1.balance.retrieve()

    assert caught.value.http_status == 401
    assert key not in str(caught.value)


def test_a_restricted_key_may_only_do_what_it_is_for(shop: Shop) -> None:
    """403 without the permission; writing includes reading. Source: Stripe docs: API keys."""
    keys = {"rk_test_refunds_only": frozenset({"charge_read", "refund_write"})}
    with Sandbox.start(clock=FrozenClock(), seed="demo", restricted_keys=keys) as sandbox:
        client = shop.client(sandbox.url, "rk_test_refunds_only")
        refund = client.v1.refunds.create({"charge": "ch_demo_ana_1", "amount": 1})
        client.v1.refunds.retrieve(refund.id)
        client.v1.charges.retrieve("ch_demo_ana_1")
        with pytest.raises(stripe.PermissionError) as caught:
            client.v1.subscriptions.cancel("sub_demo_ana")

        assert caught.value.http_status == 403
        assert "rak_subscription_write" in str(caught.value)
        assert "rk_test_refunds_only" not in str(caught.value)
        assert [effect.kind for effect in sandbox.books().effects] == ["refund"]
