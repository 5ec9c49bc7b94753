"""What Stripe may leave out of an answer: filled in where it means nothing, in one place.

A field that Stripe documents as nullable, or has moved from one version of its API to another, must
not lose a whole answer where it is absent. Nothing that says whose it is, how much, or how it
stands is ever made up: without that an answer cannot be read.

| object | absent | read as |
|---|---|---|
| customer | `balance`, `currency`, `name`, `email`, `phone` | 0, none |
| charge | `disputed`, `description`, `payment_intent`, `payment_method_details` | no, none |
| refund | `reason`, `failure_reason` | none |
| subscription | `currency` | its items' |
| subscription_item | `price`; its period | its `plan`, in today's words; the subscription's |

Source: Stripe API reference; changelog 2025-03-31.basil (periods of items), Plans API (`plan`).
"""

from __future__ import annotations

from typing import Any, cast

import orjson

_NULLABLE: dict[str, dict[str, object]] = {
    "customer": {
        "balance": 0,
        "currency": None,
        "name": None,
        "email": None,
        "phone": None,
        "metadata": {},
    },
    "charge": {
        "disputed": False,
        "description": None,
        "payment_intent": None,
        "payment_method_details": None,
        "metadata": {},
    },
    "refund": {"reason": None, "failure_reason": None, "metadata": {}},
    "subscription": {"cancellation_details": None, "cancel_at": None, "metadata": {}},
}
_PERIOD = ("current_period_start", "current_period_end")


def with_optional(body: bytes) -> bytes:
    """An answer with what Stripe may leave out; the very same bytes where nothing is missing."""
    try:
        found: object = orjson.loads(body)
    except ValueError:
        return body
    return orjson.dumps(found) if _complete(found) else body


def _complete(value: object) -> bool:
    """Fill in, inside first; whether anything was missing."""
    if isinstance(value, list):
        return True in {_complete(one) for one in cast("list[object]", value)}
    if not isinstance(value, dict):
        return False
    table = cast("dict[str, Any]", value)
    changed = True in {_complete(one) for one in table.values()}
    return fill_in(table) or changed


def fill_in(table: dict[str, Any]) -> bool:
    """Fill in what a decoded object may leave out, in place; whether anything was missing."""
    changed = False
    kind = table.get("object")
    for name, default in _NULLABLE.get(str(kind), {}).items():
        if name not in table:
            table[name], changed = default, True
    return _subscription(table) or changed if kind == "subscription" else changed


def _subscription(table: dict[str, Any]) -> bool:
    changed = False
    for item in _tables(_table(table.get("items")).get("data")):
        for end in _PERIOD:
            if end not in item and end in table:
                item[end], changed = table[end], True
        plan = _table(item.get("plan"))
        if "price" not in item and plan:
            item["price"], changed = _price_of(plan), True
        price = _table(item.get("price"))
        if "currency" not in table and "currency" in price:
            table["currency"], changed = price["currency"], True
    return changed


def _table(value: object) -> dict[str, Any]:
    """A decoded object; an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _tables(value: object) -> list[dict[str, Any]]:
    """The objects of a decoded list."""
    listed = cast("list[object]", value) if isinstance(value, list) else []
    return [table for one in listed if (table := _table(one))]


def _price_of(plan: dict[str, Any]) -> dict[str, Any]:
    """A plan in the words of today's API."""
    recurring = {
        "interval": plan.get("interval"),
        "interval_count": plan.get("interval_count", 1),
        "usage_type": plan.get("usage_type", "licensed"),
    }
    return {
        "id": plan.get("id"),
        "object": "price",
        "currency": plan.get("currency"),
        "product": plan.get("product"),
        "unit_amount": plan.get("amount"),
        "recurring": recurring,
    }
