"""The items of a subscription: all of them, what they cost together, and when they are paid until.

A subscription shows its first items only, and says when there are more. What is said of its price
and of its period is said of all of them, so the rest is read before anything is.

Source: Stripe docs: The subscription object (`items.has_more`); List all subscription items.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from sayso.actions.model.snapshot import Absence
from sayso.connectors.stripe.currency import from_stripe
from sayso.connectors.stripe.proof import find_listed
from sayso.errors import Code, RetryableError
from sayso.ids import rfc3339_of_seconds
from sayso.money import Money

if TYPE_CHECKING:
    import stripe  # only the types: the SDK itself is imported by the first call

    from sayso.connectors.stripe.api import StripeApi


async def with_all_items(api: StripeApi, found: stripe.Subscription) -> stripe.Subscription:
    """The subscription with all of its items; it costs no request when they are all there.

    Raises:
        RetryableError: `provider_unavailable`: the list cannot be read to its end now.
    """
    if not _more(found):
        return found
    read: list[stripe.SubscriptionItem] = []

    async def page(after: str | None) -> stripe.ListObject[stripe.SubscriptionItem]:
        # The list from its start: nothing says that it has the order of what was shown.
        listed: stripe.ListObject[stripe.SubscriptionItem] = await api.page(
            "subscription_items", after=after, subscription=found.id
        )
        return listed

    def keep(item: stripe.SubscriptionItem) -> bool:
        read.append(item)
        return False

    if await find_listed(page, keep) is not Absence.ABSENT:
        raise RetryableError(
            Code.PROVIDER_UNAVAILABLE, "stripe's list of a subscription's items has no end"
        )
    found.items.data, found.items.has_more = read, False
    return found


def price_of(found: stripe.Subscription) -> tuple[Money, str]:
    """What all items cost together, and per what: `month`, `3 months`, `month and year`, ….

    Metered and tiered items have no fixed price and count as nothing.
    """
    parts = prices_of(found)
    total = sum((amount.amount_minor for amount, _ in parts), 0)
    return Money(total, parts[0][0].currency), " and ".join(name for _, name in parts if name)


def prices_of(found: stripe.Subscription) -> list[tuple[Money, str]]:
    """What it costs in each interval in which it costs anything, in the order of its items.

    Source: Stripe changelog 2025-07-30.basil: items of one subscription can have different
    intervals.
    """
    costs: dict[str, Decimal] = {}
    for item in found.items.data:
        interval = _interval_of(item)
        costs[interval] = costs.get(interval, Decimal(0)) + _cost_of(item)
    fixed = [(interval, cost) for interval, cost in costs.items() if cost]
    return [
        (from_stripe(int(cost.to_integral_value(ROUND_HALF_UP)), found.currency), interval)
        for interval, cost in fixed or [*costs.items(), ("", Decimal(0))][:1]
    ]


def _interval_of(item: stripe.SubscriptionItem) -> str:
    recurring = item.price.recurring
    if recurring is None:
        return ""
    count = recurring.interval_count
    return recurring.interval if count == 1 else f"{count} {recurring.interval}s"


def _cost_of(item: stripe.SubscriptionItem) -> Decimal:
    """In Stripe's units of the currency, which a price may be a fraction of.

    Source: Stripe docs: Prices (`unit_amount_decimal`, `transform_quantity`, `usage_type`).
    """
    price, quantity = item.price, item.quantity if "quantity" in item else None
    if price.recurring is not None and price.recurring.usage_type == "metered":
        return Decimal(0)
    each = price.unit_amount_decimal if "unit_amount_decimal" in price else None
    each = Decimal(price.unit_amount or 0) if each is None else Decimal(each)
    many = 1 if quantity is None else quantity
    packs = price.transform_quantity if "transform_quantity" in price else None
    if packs is not None:
        up = packs.divide_by - 1 if packs.round == "up" else 0
        many = (many + up) // packs.divide_by
    return each * many


def period_end(found: stripe.Subscription) -> int | None:
    """When it is paid until, seconds since 1970; the item that is paid longest counts."""
    return max(_period_ends(found), default=None)


def first_period_end(found: stripe.Subscription) -> int | None:
    """When a cancellation at the period's end ends it: with the item whose period ends first.

    Source: Stripe changelog 2025-07-30.basil: "for mixed interval subscriptions the existing
    `cancel_at_period_end` feature always resolves to the earliest item period end".
    """
    return min(_period_ends(found), default=None)


def _more(found: stripe.Subscription) -> bool:
    return "has_more" in found.items and found.items.has_more


def _period_ends(found: stripe.Subscription) -> list[int]:
    if _more(found):
        return []  # an answer to a write: what it doesn't show may end sooner or later
    return [item.current_period_end for item in found.items.data if "current_period_end" in item]


def ends_at(found: stripe.Subscription) -> int | None:
    """When it ends by itself as it is set now, seconds since 1970; None when it goes on.

    Stripe sets `cancel_at` for the period's end too, and a shop can set any other time.
    """
    set_for = found.cancel_at if "cancel_at" in found else None
    if set_for is None and found.cancel_at_period_end:
        return first_period_end(found)
    return set_for


def day_of(seconds: int) -> str:
    """The day of a time of Stripe's, such as `2026-12-01`."""
    return rfc3339_of_seconds(seconds)[:10]
