"""Stripe: refunds, cancellations and account credit. The SDK is imported by the first call.

`connector` is what the engine sees, `actions` what it can do: `refunds` (of `charges`),
`subscriptions` and their `items`, `reactivation`, `credits`. `customer` says whose an object is,
`proof` whether this action did it, `effects` what others did, `records` what a planner sees,
`person` who somebody is.
`api` is the one door to the SDK, `answer` what it reads; `problems` and `currency` put its errors
and amounts into ours, and `optional` what an answer may lack.
"""

from __future__ import annotations

from sayso.connectors.stripe.actions import (
    CANCEL_SUBSCRIPTION,
    CREDIT,
    REFUND,
    CancelArgs,
    CreditArgs,
    RefundArgs,
)
from sayso.connectors.stripe.connector import StripeConnector, connect

__all__ = [
    "CANCEL_SUBSCRIPTION",
    "CREDIT",
    "REFUND",
    "CancelArgs",
    "CreditArgs",
    "RefundArgs",
    "StripeConnector",
    "connect",
]
