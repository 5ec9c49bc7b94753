"""The demo's customers, and what time does to subscriptions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import stripe
from testing.sandbox.shop import NOON, FrozenClock, Shop

from sayso.sandbox import DEMO, Sandbox, demo_rows, seed_demo
from sayso.sandbox.billing_clock import after, as_of
from sayso.sandbox.rows import Interval, Subscription

NOW = int(NOON.timestamp())


def test_the_seed_is_the_same_every_time(shop: Shop) -> None:
    """Same time, same rows; seeding again puts everything back as it was."""
    with Sandbox.start(clock=FrozenClock()) as sandbox:
        seed_demo(sandbox)
        client = shop.client(sandbox.url)
        client.v1.refunds.create({"charge": "ch_demo_ana_1"})
        seed_demo(sandbox)

        assert client.v1.charges.retrieve("ch_demo_ana_1").amount_refunded == 0
        assert demo_rows(NOW) == demo_rows(NOW)


def test_what_the_table_says_is_what_the_api_shows(client: stripe.StripeClient) -> None:
    """Every row of the table is found under its id, with its name, address, charges and age."""
    for who in DEMO:
        customer = client.v1.customers.retrieve(who.customer_id)
        charges = client.v1.charges.list({"customer": who.customer_id}).data
        assert (customer.name, customer.email) == (who.name, who.email)
        assert customer.created == NOW - who.days * 86_400
        assert [charge.id for charge in charges] == [
            who.charge_id(number) for number in range(1, len(who.charges) + 1)
        ]
        assert [charge.description for charge in charges] == [
            f"Order {charge.order}" for charge in who.charges
        ]
        for number in range(1, len(who.charges) + 1):
            intent = client.v1.payment_intents.retrieve(who.intent_id(number))
            assert intent.latest_charge == who.charge_id(number)


def test_the_seed_has_one_of_everything(client: stripe.StripeClient) -> None:
    """Three currencies and more, partly and fully refunded, disputed, failed, every state."""
    charges = client.v1.charges.list({"limit": 100}).data
    subscriptions = client.v1.subscriptions.list({"status": "all", "limit": 100}).data

    assert {charge.currency for charge in charges} >= {"usd", "eur", "jpy"}
    assert [charge.id for charge in charges if charge.refunded] == ["ch_demo_ella_1"]
    assert [one.id for one in charges if 0 < one.amount_refunded < one.amount] == [
        "ch_demo_chloe_1"
    ]
    assert [charge.id for charge in charges if charge.disputed] == ["ch_demo_farid_1"]
    assert [charge.id for charge in charges if charge.status == "failed"] == ["ch_demo_grace_1"]
    assert {one.status for one in subscriptions} == {"active", "trialing", "canceled"}
    assert [one.id for one in subscriptions if one.cancel_at_period_end] == ["sub_demo_ines"]


def test_customers_with_the_same_product_have_their_own_charges(
    client: stripe.StripeClient,
) -> None:
    """Ana and Ben bought the same thing for the same price; the charges are not each other's."""
    ana = client.v1.charges.retrieve("ch_demo_ana_1")
    ben = client.v1.charges.retrieve("ch_demo_ben_1")

    assert ana.amount == ben.amount
    assert (ana.customer, ben.customer) == ("cus_demo_ana", "cus_demo_ben")


def test_names_and_addresses_are_plainly_made_up() -> None:
    """Every address is at example.com (RFC 2606), and nobody appears twice."""
    assert all(who.email.endswith("@example.com") for who in DEMO)
    assert len({who.who for who in DEMO}) == len(DEMO) == 14


@pytest.mark.parametrize(
    ("start", "interval", "count", "end"),
    [
        ((2026, 1, 31), "month", 1, (2026, 2, 28)),
        ((2026, 12, 15), "month", 1, (2027, 1, 15)),
        ((2024, 2, 29), "year", 1, (2025, 2, 28)),
        ((2026, 11, 25), "week", 2, (2026, 12, 9)),
        ((2026, 11, 25), "day", 10, (2026, 12, 5)),
    ],
)
def test_periods_follow_the_calendar(
    start: tuple[int, int, int], interval: Interval, count: int, end: tuple[int, int, int]
) -> None:
    """A month is a calendar month; a day that the month lacks becomes its last."""
    began = int(datetime(*start, tzinfo=UTC).timestamp())

    assert after(began, interval, count) == int(datetime(*end, tzinfo=UTC).timestamp())


def test_time_rolls_a_subscription_on() -> None:
    """A trial becomes active at its end, then periods follow each other; cancelled stays so."""
    trial = Subscription(
        id="sub",
        created=0,
        customer="cus",
        item="si",
        price="price",
        currency="usd",
        status="trialing",
        period_start=0,
        period_end=10 * 86_400,
    )
    later = as_of(trial, 15 * 86_400, "week")
    assert (later.status, later.period_start) == ("active", 10 * 86_400)
    assert as_of(later, 25 * 86_400, "week").period_start == 24 * 86_400
    assert as_of(trial, 9 * 86_400, "week") == trial
