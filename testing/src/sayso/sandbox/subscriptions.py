"""Subscriptions, and the products and prices they need."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from sayso.sandbox.billing_clock import after
from sayso.sandbox.call import EndpointCall, cut, page
from sayso.sandbox.journal import EffectKind, JournalEffect
from sayso.sandbox.params import merge_metadata
from sayso.sandbox.problems import (
    StripeError,
    invalid_param,
    missing_param,
    missing_resource,
)
from sayso.sandbox.rows import (
    Customer,
    Interval,
    Price,
    Product,
    Subscription,
    SubscriptionItem,
)
from sayso.sandbox.shapes import Json, list_of
from sayso.sandbox.shapes.billing import item_json

CREATE_PARAMS = frozenset(
    {
        "customer",
        "items",
        "trial_period_days",
        "cancel_at",
        "cancel_at_period_end",
        "default_payment_method",
        "description",
        "metadata",
        "expand",
    }
)
UPDATE_PARAMS = frozenset(
    {
        "cancel_at",
        "cancel_at_period_end",
        "cancellation_details",
        "description",
        "metadata",
        "proration_behavior",
        "expand",
    }
)
CANCEL_PARAMS = frozenset({"prorate", "invoice_now", "cancellation_details", "expand"})
PRODUCT_PARAMS = frozenset({"id", "name", "description", "metadata", "expand"})
PRICE_PARAMS = frozenset({"product", "unit_amount", "currency", "recurring", "metadata", "expand"})
_DAY = 86_400
_MOST_ITEMS = 20
"""Source: Stripe docs: Create a subscription ("up to 20 subscription items")."""
_INTERVALS = ("day", "week", "month", "year")
_STATUSES = ("active", "past_due", "trialing", "canceled", "all", "ended")


def create_subscription(call: EndpointCall) -> Json:
    """POST /v1/subscriptions. Nothing is billed."""
    customer_id = call.params.required("customer")
    trial_days = call.params.integer("trial_period_days") or 0
    at_end, cancel_at = _ending(call)
    customer = call.need(Customer, customer_id, param="customer", status=400)
    first, *others = _new_items(call)
    price = call.need(Price, first.price)
    assert price.interval is not None
    trial_end = call.now + trial_days * _DAY if trial_days > 0 else None
    row = Subscription(
        id=call.work.new_id("sub"),
        created=call.now,
        customer=customer.id,
        item=first.id,
        price=price.id,
        currency=price.currency,
        quantity=first.quantity,
        others=tuple(others),
        status="active" if trial_end is None else "trialing",
        period_start=call.now,
        period_end=trial_end or after(call.now, price.interval, price.interval_count),
        trial_start=None if trial_end is None else call.now,
        trial_end=trial_end,
        cancel_at_period_end=at_end or False,
        cancel_at=cancel_at,
        canceled_at=call.now if at_end or cancel_at is not None else None,
        description=call.params.text("description"),
        payment_method=call.params.text("default_payment_method"),
        metadata=merge_metadata({}, call.params.mapping("metadata")),
    )
    return call.show(call.work.put(row))


def _new_items(call: EndpointCall) -> list[SubscriptionItem]:
    indexes = call.params.indexes("items")
    if not indexes:
        raise missing_param("items")
    if len(indexes) > _MOST_ITEMS:
        raise invalid_param(f"You may only specify up to {_MOST_ITEMS} items.", "items")
    made = [_new_item(call, f"items[{index}]") for index in indexes]
    kinds = {
        (price.currency, price.interval, price.interval_count)
        for price in (call.need(Price, item.price) for item in made)
    }
    if len(kinds) > 1:
        # SOURCE: Stripe docs: Mixed intervals need `billing_mode=flexible`, not kept here.
        raise invalid_param(
            "This sandbox keeps items of one currency and one billing interval.", "items"
        )
    return made


def _new_item(call: EndpointCall, at: str) -> SubscriptionItem:
    quantity = call.params.amount(f"{at}[quantity]") or 1
    price_param = f"{at}[price]"
    price = call.need(Price, call.params.required(price_param), param=price_param, status=400)
    if price.interval is None:
        raise invalid_param(
            "The price specified is set to `type=one_time` but this field only accepts prices "
            "with `type=recurring`.",
            price_param,
            began=True,
        )
    return SubscriptionItem(id=call.work.new_id("si"), price=price.id, quantity=quantity)


def _ending(call: EndpointCall) -> tuple[bool | None, int | None]:
    """What the call says of an end: with the period, and at a time; one of the two at most."""
    at_end, at = call.params.flag("cancel_at_period_end"), call.params.integer("cancel_at")
    if at_end and at is not None:
        raise invalid_param(
            "You can only specify one of `cancel_at` and `cancel_at_period_end`.", "cancel_at"
        )
    if at is not None and at <= call.now:
        raise invalid_param("`cancel_at` must be a timestamp in the future.", "cancel_at")
    return at_end, at


def list_items(call: EndpointCall) -> Json:
    """GET /v1/subscription_items of one subscription.

    Source: Stripe docs: List all subscription items (`limit` 1 to 100, 10 when absent).
    """
    subscription_id = call.params.required("subscription")
    row = call.roll(call.need(Subscription, subscription_id, param="subscription", status=400))
    chosen, more = cut(call, row.items)
    prices = call.prices_of(row)
    return list_of([item_json(row, item, prices) for item in chosen], call.path, has_more=more)


def _record(call: EndpointCall, row: Subscription, kind: EffectKind) -> None:
    call.work.record(
        lambda number: JournalEffect(
            number=number,
            at=call.now,
            kind=kind,
            id=row.id,
            target=row.id,
            customer=row.customer,
            metadata=row.metadata,
            idempotency_key=call.work.key,
        )
    )


def update_subscription(call: EndpointCall) -> Json:
    """POST /v1/subscriptions/{id}: cancel at the period's end or take that back, metadata.

    Source: Stripe docs: Update a subscription.
    """
    at_end, cancel_at = _ending(call)
    row = call.subscription(call.ids[0])
    if row.status == "canceled" and (at_end is not None or call.params.given("description")):
        raise StripeError(
            400,
            "A canceled subscription can only update its cancellation_details and metadata.",
        )
    changed = _with_details(call, row)
    if call.params.given("description"):
        changed = replace(changed, description=call.params.text("description"))
    kind: EffectKind = "subscription_update"
    if at_end is not None and (at_end != row.cancel_at_period_end or call.work.buggy):
        kind = "cancel_at_period_end" if at_end else "keep"
        changed = replace(
            changed,
            cancel_at_period_end=at_end,
            # NOTE: there is one time to end at: the period's end replaces any other.
            cancel_at=None if at_end else changed.cancel_at,
            canceled_at=call.now if at_end else None,
        )
    if call.params.given("cancel_at"):
        changed = replace(
            changed,
            cancel_at=cancel_at,
            cancel_at_period_end=False,
            canceled_at=None if cancel_at is None else call.now,
        )
    if changed != row or kind != "subscription_update":
        _record(call, changed, kind)
    return call.show(call.work.put(changed))


def _with_details(call: EndpointCall, row: Subscription) -> Subscription:
    details = call.params.mapping("cancellation_details") or {}
    return replace(
        row,
        cancel_comment=details.get("comment", row.cancel_comment),
        cancel_feedback=details.get("feedback", row.cancel_feedback),
        metadata=merge_metadata(row.metadata, call.params.mapping("metadata")),
    )


def cancel_subscription(call: EndpointCall) -> Json:
    """DELETE /v1/subscriptions/{id}: at once; `prorate` and `invoice_now` are read, not billed."""
    call.params.flag("prorate")
    call.params.flag("invoice_now")
    row = call.subscription(call.ids[0])
    if row.status == "canceled" and not call.work.buggy:
        # SOURCE: stripe-go#1887: to cancel, a cancelled subscription is no longer there.
        raise missing_resource("subscription", row.id, "id")
    changed = replace(
        _with_details(call, row),
        status="canceled",
        cancel_at_period_end=False,
        cancel_at=None,
        canceled_at=call.now,
        ended_at=call.now,
    )
    _record(call, changed, "cancel")
    return call.show(call.work.put(changed))


def read_subscription(call: EndpointCall) -> Json:
    """GET /v1/subscriptions/{id}, also when it was cancelled."""
    return call.show(call.subscription(call.ids[0]))


def list_subscriptions(call: EndpointCall) -> Json:
    """GET /v1/subscriptions: those not cancelled, unless `status` says otherwise."""
    status = call.params.choice("status", _STATUSES)
    wanted = "canceled" if status == "ended" else status
    price = call.params.text("price")
    rows = [
        call.roll(row)
        for row in call.work.state.rows_of(Subscription, call.parent(Customer, "customer"))
        if price is None or row.price == price
    ]
    return page(
        call,
        [
            row
            for row in rows
            if wanted == "all"
            or row.status == wanted
            or (wanted is None and row.status != "canceled")
        ],
    )


def create_product(call: EndpointCall) -> Json:
    """POST /v1/products."""
    name = call.params.required("name")
    chosen = call.params.text("id")
    if chosen is not None and call.work.state.find(chosen) is not None:
        raise StripeError(400, f"Product already exists: {chosen}", code="resource_already_exists")
    return call.show(
        call.work.put(
            Product(
                id=chosen or call.work.new_id("prod"),
                created=call.now,
                name=name,
                description=call.params.text("description"),
                metadata=merge_metadata({}, call.params.mapping("metadata")),
            )
        )
    )


def read_product(call: EndpointCall) -> Json:
    """GET /v1/products/{id}."""
    return call.show(call.need(Product, call.ids[0]))


def list_products(call: EndpointCall) -> Json:
    """GET /v1/products, all or those of `ids`."""
    wanted = set((call.params.mapping("ids") or {}).values())
    rows = call.work.state.rows_of(Product)
    return page(call, [row for row in rows if not wanted or row.id in wanted])


def create_price(call: EndpointCall) -> Json:
    """POST /v1/prices: per unit, recurring or one-time."""
    amount = call.params.integer("unit_amount")
    if amount is None:
        raise missing_param("unit_amount")
    currency, product = call.params.currency("currency"), call.params.required("product")
    interval = call.params.choice("recurring[interval]", _INTERVALS)
    count = call.params.amount("recurring[interval_count]") or 1
    call.need(Product, product, param="product", status=400)
    return call.show(
        call.work.put(
            Price(
                id=call.work.new_id("price"),
                created=call.now,
                product=product,
                unit_amount=amount,
                currency=currency,
                interval=cast("Interval | None", interval),
                interval_count=count,
                metadata=merge_metadata({}, call.params.mapping("metadata")),
            )
        )
    )


def read_price(call: EndpointCall) -> Json:
    """GET /v1/prices/{id}."""
    return call.show(call.need(Price, call.ids[0], param="price"))


def list_prices(call: EndpointCall) -> Json:
    """GET /v1/prices, all or of a product."""
    return page(call, call.work.state.rows_of(Price, call.parent(Product, "product")))
