"""The words all shapes share."""

from __future__ import annotations

Json = dict[str, object]
"""A JSON object on its way out."""

API_VERSION = "2026-10-28.endive"
"""The version answered when the caller names none."""

NO_ADDRESS: Json = {
    "city": None,
    "country": None,
    "line1": None,
    "line2": None,
    "postal_code": None,
    "state": None,
}


def list_of(data: list[Json], url: str, *, has_more: bool = False) -> Json:
    """A Stripe list object."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def billing() -> Json:
    """Billing details nobody filled in."""
    return {
        "address": dict(NO_ADDRESS),
        "email": None,
        "name": None,
        "phone": None,
        "tax_id": None,
    }


def checks() -> Json:
    """What the bank checked of a card."""
    return {
        "address_line1_check": None,
        "address_postal_code_check": None,
        "cvc_check": "pass",
    }
