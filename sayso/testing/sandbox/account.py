"""The account itself and its balance."""

from __future__ import annotations

from sayso.testing.sandbox.call import Call
from sayso.testing.sandbox.rows import ACCOUNT_ID, Charge, Refund
from sayso.testing.sandbox.shapes import Json


def read_account(call: Call) -> Json:
    """GET /v1/account."""
    return {
        "id": ACCOUNT_ID,
        "object": "account",
        "business_profile": {
            "mcc": None,
            "name": "Sayso Sandbox",
            "product_description": None,
            "support_address": None,
            "support_email": None,
            "support_phone": None,
            "support_url": None,
            "url": None,
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "US",
        "created": 1_600_000_000,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "owner@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "dashboard": {"display_name": "Sayso Sandbox", "timezone": "Etc/UTC"},
            "payments": {"statement_descriptor": "SANDBOX"},
        },
        "type": "standard",
    }


def read_balance(call: Call) -> Json:
    """GET /v1/balance: all that came in less all that was refunded, without fees."""
    sums: dict[str, int] = {"usd": 0}
    for charge in call.work.state.rows_of(Charge):
        came_in = charge.taken + charge.released
        if came_in:
            sums[charge.currency] = sums.get(charge.currency, 0) + came_in
    for refund in call.work.state.rows_of(Refund):
        sums[refund.currency] = sums.get(refund.currency, 0) - refund.amount
    return {
        "object": "balance",
        "available": [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency, amount in sorted(sums.items())
        ],
        "livemode": False,
        "pending": [{"amount": 0, "currency": "usd", "source_types": {"card": 0}}],
    }
