"""How charges, payment intents and refunds look."""

from __future__ import annotations

from sayso.sandbox.rows import Charge, PaymentIntent, Refund
from sayso.sandbox.shapes.parts import Json, billing, checks


def charge_json(row: Charge) -> Json:
    """A charge."""
    paid = row.status == "succeeded"
    return {
        "id": row.id,
        "object": "charge",
        "amount": row.amount,
        "amount_captured": row.taken,
        "amount_refunded": row.amount_refunded + row.released,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": f"txn_{row.id.removeprefix('ch_')}" if row.taken else None,
        "billing_details": billing(),
        "calculated_statement_descriptor": "SANDBOX",
        "captured": row.taken > 0,
        "created": row.created,
        "currency": row.currency,
        "customer": row.customer,
        "description": row.description,
        "disputed": row.disputed,
        "failure_balance_transaction": None,
        "failure_code": row.failure_code,
        "failure_message": row.failure_message,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(row.metadata),
        "on_behalf_of": None,
        "outcome": _outcome(row),
        "paid": paid,
        "payment_intent": row.payment_intent,
        "payment_method": row.payment_method,
        "payment_method_details": {"card": _card_details(row), "type": "card"},
        "radar_options": {},
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": row.taken > 0 and row.unrefunded == 0,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": row.status,
        "transfer_data": None,
        "transfer_group": None,
    }


def _outcome(row: Charge) -> Json:
    if row.status == "succeeded":
        network, reason, seller, kind = (
            "approved_by_network",
            None,
            "Payment complete.",
            "authorized",
        )
    else:
        network, reason, seller, kind = (
            "declined_by_network",
            "generic_decline",
            "The bank did not return any further details with this decline.",
            "issuer_declined",
        )
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network,
        "reason": reason,
        "risk_level": "normal",
        "seller_message": seller,
        "type": kind,
    }


def _card_details(row: Charge) -> Json:
    return {
        "amount_authorized": row.amount,
        "authorization_code": None,
        "brand": row.brand,
        "checks": checks(),
        "country": "US",
        "exp_month": 8,
        "exp_year": 2030,
        "extended_authorization": {"status": "disabled"},
        "fingerprint": f"sbx{row.brand}{row.last4}",
        "funding": "credit",
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": row.last4,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": row.brand,
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": row.amount, "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": None,
        "wallet": None,
    }


def payment_intent_json(row: PaymentIntent) -> Json:
    """A payment intent."""
    return {
        "id": row.id,
        "object": "payment_intent",
        "amount": row.amount,
        "amount_capturable": row.amount if row.status == "requires_capture" else 0,
        "amount_details": {"tip": {}},
        "amount_received": _received(row),
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "manual" if row.manual else "automatic_async",
        "client_secret": f"{row.id}_secret_sandbox",
        "confirmation_method": "automatic",
        "created": row.created,
        "currency": row.currency,
        "customer": row.customer,
        "customer_account": None,
        "description": row.description,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": row.latest_charge,
        "livemode": False,
        "metadata": dict(row.metadata),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": row.payment_method,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": row.status,
        "transfer_data": None,
        "transfer_group": None,
    }


def _received(row: PaymentIntent) -> int:
    if row.status != "succeeded":
        return 0
    return row.amount if row.amount_received is None else row.amount_received


def refund_json(row: Refund) -> Json:
    """A refund."""
    failed: Json = {}
    if row.status == "failed":
        failed["failure_reason"] = row.failure_reason or "unknown"
    return failed | {
        "id": row.id,
        "object": "refund",
        "amount": row.amount,
        "balance_transaction": f"txn_{row.id.removeprefix('re_')}",
        "charge": row.charge,
        "created": row.created,
        "currency": row.currency,
        "customer": None,
        "customer_account": None,
        "destination_details": {
            "card": {"type": "reversal"}
            if row.releases
            else {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": dict(row.metadata),
        "payment_intent": row.payment_intent,
        "payment_method": None,
        "reason": row.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": row.status,
        "transfer_reversal": None,
    }
