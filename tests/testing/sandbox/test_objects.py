"""Every endpoint, called by the official SDK."""

from __future__ import annotations

import pytest
import stripe
from testing.sandbox.shop import NOON

from sayso.sandbox import Sandbox

# The SDK hands its form to httpx in a way that httpx deprecated; it is not ours to repair.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

NOW = int(NOON.timestamp())


def test_a_customer_is_made_changed_and_found(client: stripe.StripeClient) -> None:
    """Customers are created, read, updated, and listed by e-mail address."""
    made = client.v1.customers.create(
        {"name": "Olga", "email": "olga@example.com", "metadata": {"tier": "gold", "old": "x"}}
    )
    changed = client.v1.customers.update(
        made.id,
        {
            "address": {"line1": "Main Street 1", "country": "DE"},
            "phone": "+49 30 1234",
            "metadata": {"old": "", "new": "y"},
        },
    )
    found = client.v1.customers.list({"email": "olga@example.com"}).data
    read = client.v1.customers.retrieve(made.id)

    assert [customer.id for customer in found] == [made.id]
    assert read.name == "Olga"
    assert read.metadata is not None
    assert read.metadata.to_dict() == {"tier": "gold", "new": "y"}
    assert changed.address is not None
    assert (changed.address.line1, changed.address.city) == ("Main Street 1", None)
    assert (read.created, read.balance, read.livemode) == (NOW, 0, False)


def test_a_list_comes_in_pages_newest_first(client: stripe.StripeClient) -> None:
    """Stripe docs: Pagination: `limit`, `has_more`, `starting_after`, `ending_before`."""
    first = client.v1.customers.list({"limit": 5})
    second = client.v1.customers.list({"limit": 100, "starting_after": first.data[-1].id})
    back = client.v1.customers.list({"limit": 2, "ending_before": second.data[0].id})

    assert first.has_more
    assert not second.has_more
    assert [customer.id for customer in first.data][:2] == ["cus_demo_hugo", "cus_demo_grace"]
    assert len(first.data) + len(second.data) == 14
    assert [customer.id for customer in back.data] == [one.id for one in first.data[-2:]]
    assert back.has_more


def test_auto_pagination_sees_every_object_once(client: stripe.StripeClient) -> None:
    """The SDK's own paging walks the whole list."""
    pages = client.v1.charges.list({"limit": 3})
    ids = [charge.id for charge in pages.auto_paging_iter()]

    assert len(ids) == len(set(ids)) == 17


def test_a_list_can_be_narrowed_by_age(client: stripe.StripeClient) -> None:
    """`created` takes a range, as Stripe's lists do."""
    fresh = client.v1.charges.list({"created": {"gte": NOW - 2 * 86_400}, "limit": 100}).data

    assert [charge.customer for charge in fresh] == ["cus_demo_lena", "cus_demo_lena"]


def test_a_refund_takes_the_rest_of_the_charge(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    """Without `amount` all that is left is refunded, and the charge says so."""
    refund = client.v1.refunds.create(
        {
            "charge": "ch_demo_chloe_1",
            "reason": "requested_by_customer",
            "metadata": {"ticket": "7"},
        }
    )
    charge = client.v1.charges.retrieve("ch_demo_chloe_1")

    assert (refund.amount, refund.currency, refund.status) == (6900, "eur", "succeeded")
    assert refund.payment_intent == "pi_demo_chloe_1"
    assert (charge.refunded, charge.amount_refunded) == (True, 8900)
    (effect,) = sandbox.books().effects
    assert (effect.kind, effect.target, effect.amount) == ("refund", "ch_demo_chloe_1", 6900)
    assert effect.metadata == {"ticket": "7"}


def test_a_part_is_refunded_by_payment_intent(client: stripe.StripeClient) -> None:
    """A payment intent stands for its charge; zero-decimal currencies are not scaled."""
    refund = client.v1.refunds.create({"payment_intent": "pi_demo_daichi_1", "amount": 400})
    charge = client.v1.charges.retrieve("ch_demo_daichi_1")
    listed = client.v1.refunds.list({"payment_intent": "pi_demo_daichi_1"}).data

    assert (refund.charge, refund.amount, refund.currency) == ("ch_demo_daichi_1", 400, "jpy")
    assert (charge.refunded, charge.amount_refunded, charge.amount) == (False, 400, 5400)
    assert [one.id for one in listed] == [refund.id]


def test_refunds_are_read_changed_and_listed(client: stripe.StripeClient) -> None:
    """Refunds keep their metadata, which can be changed, and are listed by charge."""
    refund = client.v1.refunds.create({"charge": "ch_demo_marco_1", "amount": 100})
    client.v1.refunds.update(refund.id, {"metadata": {"seen": "yes"}})

    metadata = client.v1.refunds.retrieve(refund.id).metadata
    assert metadata is not None
    assert metadata.to_dict() == {"seen": "yes"}
    listed = client.v1.refunds.list({"charge": "ch_demo_marco_1"}).data
    assert [one.id for one in listed] == [refund.id]


def test_charges_are_made_and_listed_by_customer(client: stripe.StripeClient) -> None:
    """A charge made with a test card can be refunded like any other."""
    made = client.v1.charges.create(
        {
            "amount": 700,
            "currency": "usd",
            "customer": "cus_demo_hugo",
            "source": "tok_mastercard",
            "description": "Order 2001: tea",
        }
    )
    listed = client.v1.charges.list({"customer": "cus_demo_hugo"}).data

    assert [charge.id for charge in listed] == [made.id]
    assert made.payment_method_details is not None
    assert made.payment_method_details.card is not None
    assert made.payment_method_details.card.last4 == "4444"
    assert client.v1.refunds.create({"charge": made.id}).amount == 700


def test_a_confirmed_payment_intent_has_a_charge(client: stripe.StripeClient) -> None:
    """`confirm=true` pays at once; `latest_charge` can be expanded."""
    made = client.v1.payment_intents.create(
        {
            "amount": 1234,
            "currency": "eur",
            "customer": "cus_demo_ella",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "expand": ["latest_charge"],
        }
    )
    read = client.v1.payment_intents.retrieve(made.id)
    listed = client.v1.payment_intents.list({"customer": "cus_demo_ella"}).data

    assert made.status == "succeeded"
    assert isinstance(made.latest_charge, stripe.Charge)
    assert made.latest_charge.amount == 1234
    assert read.latest_charge == made.latest_charge.id
    assert made.id in [intent.id for intent in listed]


def test_a_subscription_is_made_and_listed(client: stripe.StripeClient) -> None:
    """Products and prices carry it; cancelled subscriptions are only listed on request."""
    product = client.v1.products.create({"name": "Tea club"})
    price = client.v1.prices.create(
        {
            "product": product.id,
            "currency": "usd",
            "unit_amount": 1500,
            "recurring": {"interval": "month"},
        }
    )
    made = client.v1.subscriptions.create(
        {"customer": "cus_demo_jonas", "items": [{"price": price.id, "quantity": 2}]}
    )
    read = client.v1.subscriptions.retrieve(made.id, {"expand": ["items.data.price.product"]})
    listed = client.v1.subscriptions.list({"customer": "cus_demo_jonas"}).data
    every = client.v1.subscriptions.list({"customer": "cus_demo_jonas", "status": "all"}).data
    item = read["items"]["data"][0]

    assert (made.status, made.currency) == ("active", "usd")
    assert [one.id for one in listed] == [made.id]
    assert [one.id for one in every] == [made.id, "sub_demo_jonas"]
    assert (item["quantity"], item["price"]["product"]["name"]) == (2, "Tea club")
    assert item["current_period_end"] == NOW + 30 * 86_400
    assert client.v1.products.retrieve(product.id).name == "Tea club"
    assert client.v1.prices.retrieve(price.id).unit_amount == 1500
    assert [one.id for one in client.v1.prices.list({"product": product.id}).data] == [price.id]
    assert len(client.v1.products.list().data) == 3


def test_a_trial_begins_with_its_end_known(client: stripe.StripeClient) -> None:
    """`trial_period_days` makes a trialing subscription whose first period is the trial."""
    made = client.v1.subscriptions.create(
        {
            "customer": "cus_demo_ella",
            "items": [{"price": "price_demo_basic"}],
            "trial_period_days": 7,
        }
    )

    assert (made.status, made.trial_end) == ("trialing", NOW + 7 * 86_400)


def test_a_subscription_ends_with_its_period(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    """`cancel_at_period_end` keeps it active until the clock passes the end."""
    updated = client.v1.subscriptions.update(
        "sub_demo_ana", {"cancel_at_period_end": True, "metadata": {"why": "moved"}}
    )
    sandbox.advance(days=32)
    later = client.v1.subscriptions.retrieve("sub_demo_ana")

    assert (updated.status, updated.cancel_at_period_end) == ("active", True)
    assert updated.cancel_at == updated["items"]["data"][0]["current_period_end"]
    assert (later.status, later.ended_at) == ("canceled", updated.cancel_at)
    (effect,) = sandbox.books().effects
    assert (effect.kind, effect.id) == ("cancel_at_period_end", "sub_demo_ana")


def test_a_subscription_shows_ten_items_and_lists_the_rest(client: stripe.StripeClient) -> None:
    """Stripe docs, Pagination: ten at once, `has_more`, and a list that reads on behind an id."""
    made = client.v1.subscriptions.create(
        {
            "customer": "cus_demo_jonas",
            "items": [{"price": "price_demo_basic", "quantity": count} for count in range(1, 13)],
        }
    )
    shown = made["items"]
    first = client.v1.subscription_items.list({"subscription": made.id})
    second = client.v1.subscription_items.list(
        {"subscription": made.id, "starting_after": first.data[-1].id}
    )
    paged = list(shown.auto_paging_iter())

    assert (len(shown.data), shown.has_more) == (10, True)
    assert (len(first.data), first.has_more) == (10, True)
    assert ([item.quantity for item in second.data], second.has_more) == ([11, 12], False)
    assert [item.quantity for item in paged] == list(range(1, 13))


def test_a_subscription_ends_on_a_day_of_its_own(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    """`cancel_at` ends it on that very second, within a period or after some."""
    ends = NOW + 40 * 86_400
    updated = client.v1.subscriptions.update("sub_demo_ana", {"cancel_at": ends})
    sandbox.advance(days=39)
    before = client.v1.subscriptions.retrieve("sub_demo_ana")
    sandbox.advance(days=2)
    later = client.v1.subscriptions.retrieve("sub_demo_ana")

    assert (updated.cancel_at, updated.cancel_at_period_end) == (ends, False)
    assert (before.status, before.cancel_at) == ("active", ends)
    assert (later.status, later.ended_at) == ("canceled", ends)


def test_a_cancellation_can_be_taken_back(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    """`cancel_at_period_end=false` keeps the subscription, and the books say `keep`."""
    kept = client.v1.subscriptions.update("sub_demo_ines", {"cancel_at_period_end": False})

    assert (kept.cancel_at_period_end, kept.cancel_at, kept.canceled_at) == (False, None, None)
    assert [effect.kind for effect in sandbox.books().effects] == ["keep"]


def test_a_subscription_is_cancelled_at_once(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    """DELETE cancels now; `prorate` and `invoice_now` are taken; it can still be read."""
    cancelled = client.v1.subscriptions.cancel(
        "sub_demo_ben",
        {
            "prorate": True,
            "invoice_now": True,
            "cancellation_details": {"comment": "too dear", "feedback": "too_expensive"},
        },
    )
    read = client.v1.subscriptions.retrieve("sub_demo_ben")

    assert (cancelled.status, cancelled.ended_at, cancelled.canceled_at) == ("canceled", NOW, NOW)
    assert read.cancellation_details is not None
    assert read.cancellation_details.comment == "too dear"
    assert [effect.kind for effect in sandbox.books().effects] == ["cancel"]
    assert client.v1.subscriptions.list({"customer": "cus_demo_ben"}).data == []


def test_credit_makes_the_balance_negative(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    """A negative balance transaction is credit, and `customer.balance` follows."""
    credit = client.v1.customers.balance_transactions.create(
        "cus_demo_lena", {"amount": -1500, "currency": "usd", "description": "sorry"}
    )
    read = client.v1.customers.balance_transactions.retrieve("cus_demo_lena", credit.id)
    listed = client.v1.customers.balance_transactions.list("cus_demo_lena").data

    assert (credit.amount, credit.ending_balance, read.description) == (-1500, -2000, "sorry")
    assert client.v1.customers.retrieve("cus_demo_lena").balance == -2000
    assert [one.id for one in listed] == [credit.id]
    assert sandbox.books().credits == {"usd": 1500}
    assert sandbox.books().money_out == {}


def test_the_account_and_its_balance_are_read(client: stripe.StripeClient) -> None:
    """GET /v1/account and /v1/balance; a refund lowers the balance of its currency."""
    account = client.v1.accounts.retrieve_current()
    before = {one.currency: one.amount for one in client.v1.balance.retrieve().available}
    client.v1.refunds.create({"charge": "ch_demo_marco_1", "amount": 900})
    after = {one.currency: one.amount for one in client.v1.balance.retrieve().available}

    assert account.id == "acct_sandbox"
    assert before["eur"] - after["eur"] == 900
    assert before["usd"] == after["usd"]


def test_cards_are_listed_by_customer(client: stripe.StripeClient) -> None:
    """A customer's cards show brand and last four digits, and no more of the number."""
    listed = client.v1.customers.payment_methods.list("cus_demo_ines").data
    card = client.v1.payment_methods.retrieve("pm_demo_ines").card

    assert [one.id for one in listed] == ["pm_demo_ines"]
    assert card is not None
    assert (card.brand, card.last4) == ("amex", "8431")


def test_ids_expand_into_the_objects_they_name(client: stripe.StripeClient) -> None:
    """Stripe docs: Expanding responses: single ids, in lists, several levels, child lists."""
    refund = client.v1.refunds.create(
        {"charge": "ch_demo_ana_1", "amount": 5, "expand": ["charge.customer", "payment_intent"]}
    )
    charges = client.v1.charges.list({"customer": "cus_demo_ana", "expand": ["data.customer"]})
    charge = client.v1.charges.retrieve("ch_demo_ana_1", {"expand": ["refunds"]})
    customer = client.v1.customers.retrieve("cus_demo_ana", {"expand": ["subscriptions"]})

    assert isinstance(refund.charge, stripe.Charge)
    assert isinstance(refund.charge.customer, stripe.Customer)
    assert refund.charge.customer.name == "Ana Torres"
    assert all(isinstance(one.customer, stripe.Customer) for one in charges.data)
    assert charge.refunds is not None
    assert [one.id for one in charge.refunds.data] == [refund.id]
    assert customer.subscriptions is not None
    assert [one.id for one in customer.subscriptions.data] == ["sub_demo_ana"]


async def test_the_asynchronous_sdk_gets_the_same(
    async_client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    """The `_async` methods work unchanged: read, refund, cancel, credit."""
    charge = await async_client.v1.charges.retrieve_async("ch_demo_ana_1")
    refund = await async_client.v1.refunds.create_async(
        {"charge": charge.id, "amount": 100}, {"idempotency_key": "async-1"}
    )
    again = await async_client.v1.refunds.create_async(
        {"charge": charge.id, "amount": 100}, {"idempotency_key": "async-1"}
    )
    await async_client.v1.subscriptions.cancel_async("sub_demo_ben")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await async_client.v1.customers.retrieve_async("cus_none")

    assert refund.id == again.id
    assert caught.value.code == "resource_missing"
    assert [effect.kind for effect in sandbox.books().effects] == ["refund", "cancel"]


def test_every_answer_has_stripes_headers(client: stripe.StripeClient) -> None:
    """`Request-Id` is new for every call; `Stripe-Version` repeats what the SDK pinned."""
    one = client.v1.balance.retrieve().last_response
    two = client.v1.balance.retrieve().last_response

    assert one is not None
    assert two is not None
    assert one.request_id is not None
    assert one.request_id.startswith("req_")
    assert one.request_id != two.request_id
    assert one.headers["Stripe-Version"] == stripe.api_version
