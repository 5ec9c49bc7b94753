"""How customers, their cards and their balance look."""

from __future__ import annotations

from sayso.sandbox.rows import BalanceTransaction, Customer, PaymentCard
from sayso.sandbox.shapes.parts import NO_ADDRESS, Json, billing, checks


def customer_json(row: Customer) -> Json:
    """A customer."""
    return {
        "id": row.id,
        "object": "customer",
        "address": _address(row.address),
        "balance": row.balance,
        "created": row.created,
        "currency": row.currency,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": row.description,
        "discount": None,
        "email": row.email,
        "invoice_prefix": row.id[-8:].upper().replace("_", "0"),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": row.payment_method,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": dict(row.metadata),
        "name": row.name,
        "next_invoice_sequence": 1,
        "phone": row.phone,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def _address(sent: dict[str, str]) -> Json | None:
    return NO_ADDRESS | sent if sent else None


def card_json(row: PaymentCard) -> Json:
    """A payment method of type card."""
    return {
        "id": row.id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing(),
        "card": {
            "brand": row.brand,
            "checks": checks(),
            "country": "US",
            "display_brand": row.brand,
            "exp_month": row.exp_month,
            "exp_year": row.exp_year,
            "fingerprint": f"sbx{row.brand}{row.last4}",
            "funding": "credit",
            "generated_from": None,
            "last4": row.last4,
            "networks": {"available": [row.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": row.created,
        "customer": row.customer,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def balance_transaction_json(row: BalanceTransaction) -> Json:
    """A change of a customer's balance."""
    return {
        "id": row.id,
        "object": "customer_balance_transaction",
        "amount": row.amount,
        "checkout_session": None,
        "created": row.created,
        "credit_note": None,
        "currency": row.currency,
        "customer": row.customer,
        "customer_account": None,
        "description": row.description,
        "ending_balance": row.ending_balance,
        "invoice": None,
        "livemode": False,
        "metadata": dict(row.metadata),
        "type": "adjustment",
    }
