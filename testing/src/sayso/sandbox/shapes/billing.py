"""How subscriptions, products and prices look."""

from __future__ import annotations

from collections.abc import Mapping

from sayso.sandbox.rows import Price, Product, Subscription, SubscriptionItem
from sayso.sandbox.shapes.parts import Json, list_of

ITEMS_SHOWN = 10
"""How many items a subscription itself shows. Source: Stripe docs: Pagination (the default)."""


def product_json(row: Product) -> Json:
    """A product."""
    return {
        "id": row.id,
        "object": "product",
        "active": row.active,
        "created": row.created,
        "default_price": None,
        "description": row.description,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": dict(row.metadata),
        "name": row.name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": row.created,
        "url": None,
    }


def price_json(row: Price) -> Json:
    """A price."""
    return {
        "id": row.id,
        "object": "price",
        "active": row.active,
        "billing_scheme": "per_unit",
        "created": row.created,
        "currency": row.currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": dict(row.metadata),
        "nickname": None,
        "product": row.product,
        "recurring": None
        if row.interval is None
        else {
            "interval": row.interval,
            "interval_count": row.interval_count,
            "meter": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        },
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time" if row.interval is None else "recurring",
        "unit_amount": row.unit_amount,
        "unit_amount_decimal": str(row.unit_amount),
    }


def subscription_json(row: Subscription, prices: Mapping[str, Price]) -> Json:
    """A subscription with its first items, at most `ITEMS_SHOWN`."""
    cancelling = row.cancel_at_period_end and row.status != "canceled"
    return {
        "id": row.id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": row.trial_end or row.created,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"flexible": None, "type": "classic"},
        "billing_thresholds": None,
        "cancel_at": row.period_end if cancelling else row.cancel_at,
        "cancel_at_period_end": row.cancel_at_period_end,
        "canceled_at": row.canceled_at,
        "cancellation_details": {
            "comment": row.cancel_comment,
            "feedback": row.cancel_feedback,
            "reason": "cancellation_requested" if row.canceled_at is not None else None,
        },
        "collection_method": "charge_automatically",
        "created": row.created,
        "currency": row.currency,
        "customer": row.customer,
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": row.payment_method,
        "default_source": None,
        "default_tax_rates": [],
        "description": row.description,
        "discounts": [],
        "ended_at": row.ended_at,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": list_of(
            [item_json(row, item, prices) for item in row.items[:ITEMS_SHOWN]],
            f"/v1/subscription_items?subscription={row.id}",
            has_more=len(row.items) > ITEMS_SHOWN,
        ),
        "latest_invoice": None,
        "livemode": False,
        "metadata": dict(row.metadata),
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": row.created,
        "status": row.status,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": row.trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": row.trial_start,
    }


def item_json(row: Subscription, item: SubscriptionItem, prices: Mapping[str, Price]) -> Json:
    """An item of a subscription."""
    price = prices.get(item.price)
    return {
        "id": item.id,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": row.created,
        # SOURCE: since 2025-03-31.basil the period stands on the item, not on the subscription.
        "current_period_end": row.period_end,
        "current_period_start": row.period_start,
        "discounts": [],
        "metadata": {},
        "price": None if price is None else price_json(price),
        "plan": None if price is None else _plan(price),
        "quantity": item.quantity,
        "subscription": row.id,
        "tax_rates": [],
    }


def _plan(row: Price) -> Json:
    return {
        "id": row.id,
        "object": "plan",
        "active": row.active,
        "amount": row.unit_amount,
        "amount_decimal": str(row.unit_amount),
        "billing_scheme": "per_unit",
        "created": row.created,
        "currency": row.currency,
        "interval": row.interval,
        "interval_count": row.interval_count,
        "livemode": False,
        "metadata": dict(row.metadata),
        "meter": None,
        "nickname": None,
        "product": row.product,
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }
