"""Rows as Stripe shows them: every field of today's API, in its shape.

Source: Stripe's published example resources, API version `API_VERSION`.
"""

from __future__ import annotations

from typing import assert_never

from sayso.testing.sandbox.rows import (
    BalanceTransaction,
    Card,
    Charge,
    Customer,
    PaymentIntent,
    Price,
    Product,
    Refund,
    Row,
    Subscription,
)
from sayso.testing.sandbox.shapes.billing import price_json, product_json, subscription_json
from sayso.testing.sandbox.shapes.customers import (
    balance_transaction_json,
    card_json,
    customer_json,
)
from sayso.testing.sandbox.shapes.parts import API_VERSION, Json, list_of
from sayso.testing.sandbox.shapes.payments import charge_json, payment_intent_json, refund_json

__all__ = ["API_VERSION", "Json", "list_of", "show"]


def show(row: Row, price: Price | None = None) -> Json:
    """The row as JSON.

    Args:
        row: the object.
        price: the price of a subscription's item, which is shown inside it.
    """
    match row:
        case Customer():
            return customer_json(row)
        case Card():
            return card_json(row)
        case Charge():
            return charge_json(row)
        case PaymentIntent():
            return payment_intent_json(row)
        case Refund():
            return refund_json(row)
        case Product():
            return product_json(row)
        case Price():
            return price_json(row)
        case Subscription():
            return subscription_json(row, price)
        case BalanceTransaction():
            return balance_transaction_json(row)
        case _:
            assert_never(row)
