"""Stripe: refunds, cancellations and account credit. The SDK is imported by the first call."""

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
