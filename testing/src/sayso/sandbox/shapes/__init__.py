"""Rows as Stripe shows them: every field of today's API, in its shape.

Source: Stripe's published example resources, API version `API_VERSION`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import assert_never

from sayso.sandbox.rows import (
    BalanceTransaction,
    Charge,
    Customer,
    PaymentCard,
    PaymentIntent,
    Price,
    Product,
    Refund,
    Row,
    Subscription,
)
from sayso.sandbox.shapes.billing import price_json, product_json, subscription_json
from sayso.sandbox.shapes.customers import (
    balance_transaction_json,
    card_json,
    customer_json,
)
from sayso.sandbox.shapes.parts import API_VERSION, Json, list_of
from sayso.sandbox.shapes.payments import charge_json, payment_intent_json, refund_json

NO_PRICES: Mapping[str, Price] = MappingProxyType({})

__all__ = ["API_VERSION", "Json", "list_of", "show"]


def show(row: Row, prices: Mapping[str, Price] = NO_PRICES) -> Json:
    """The row as JSON.

    Args:
        row: the object.
        prices: the prices of a subscription's items, by id, which are shown inside it.
    """
    match row:
        case Customer():
            return customer_json(row)
        case PaymentCard():
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
            return subscription_json(row, prices)
        case BalanceTransaction():
            return balance_transaction_json(row)
        case _:
            assert_never(row)
