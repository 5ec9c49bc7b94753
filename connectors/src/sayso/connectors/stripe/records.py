"""What a planner may see of the customer at Stripe: payments and subscriptions, newest first."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

from sayso.actions.model.definition import FactValue, Subject
from sayso.actions.model.snapshot import Record, RecordState
from sayso.connectors.ahead import Ahead
from sayso.connectors.stripe.charges import left_of
from sayso.connectors.stripe.currency import from_stripe
from sayso.connectors.stripe.customer import read_customer
from sayso.connectors.stripe.items import (
    ends_at,
    period_end,
    price_of,
    with_all_items,
)
from sayso.connectors.stripe.refunds import paid_with
from sayso.connectors.stripe.subscriptions import OVER, state_of, title_of
from sayso.errors import RefusedError
from sayso.ids import Clock, rfc3339_of_seconds
from sayso.money import Money
from sayso.text import plain

if TYPE_CHECKING:
    import stripe  # only the types: the SDK itself is imported by the first call

    from sayso.connectors.stripe.api import StripeApi

MOST_RECORDS = 50
_MOST_PRODUCTS = 100
_NAMES_LAST = timedelta(minutes=10)
_NUMBER = re.compile(r"(?<![\w.])#?([A-Z]{0,4}-?\d{3,12})(?![\w.])")
_ORDER_KEYS = ("order", "order_id", "order_number", "invoice")


class _Created(Protocol):
    @property
    def created(self) -> int: ...


T = TypeVar("T", bound=_Created)


class ProductNames:
    """What the products of prices are called, read once and kept for a while.

    Stripe does not expand as deep as a subscription's product in a list, so they are read by id.

    Source: Stripe docs: Expanding responses (four levels).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._names: dict[str, str] = {}
        self._read_at: datetime | None = None

    async def of(self, api: StripeApi, subscriptions: Iterable[stripe.Subscription]) -> None:
        """Have the names of all their products; one request for those that are not known.

        A key that may not read products is no error: the plans stay without a name then.
        """
        now = self._clock.now()
        if self._read_at is None or now - self._read_at > _NAMES_LAST:
            self._names, self._read_at = {}, now
        wanted = {p for one in subscriptions for p in _products_of(one)} - set(self._names)
        if not wanted:
            return
        ids = sorted(wanted)[:_MOST_PRODUCTS]
        try:
            found: stripe.ListObject[stripe.Product] = await api.read(
                "products", ids=ids, limit=len(ids)
            )
        except RefusedError:
            self._names.update(dict.fromkeys(ids, ""))
            return
        self._names.update(dict.fromkeys(ids, ""))
        self._names.update({one.id: plain(one.name) for one in found.data})

    def named(self, subscription: stripe.Subscription) -> str:
        """The names of a subscription's products; empty where none is known."""
        names = [self._names.get(product, "") for product in _products_of(subscription)]
        return " + ".join(dict.fromkeys(name for name in names if name))


async def list_records(api: StripeApi, subject: Subject, names: ProductNames) -> list[Record]:
    """The newest `MOST_RECORDS` charges and subscriptions together. Changes nothing.

    Raises:
        RefusedError: `unknown_subject`.
        RetryableError: Stripe cannot be read now.

    Guarantees: what does not depend on each other is read at once; a customer that there is not is
    told of before anything else that went wrong.
    """
    async with Ahead() as ahead:
        known = ahead.read(read_customer(api, subject))
        theirs: dict[str, str | int] = {"customer": subject.id, "limit": MOST_RECORDS}
        paid = ahead.read(api.read("charges", **theirs))
        subscribed = ahead.read(api.read("subscriptions", **theirs, status="all"))
        await known
        charges: stripe.ListObject[stripe.Charge] = await paid
        subscriptions: stripe.ListObject[stripe.Subscription] = await subscribed
    *whole, _ = await asyncio.gather(
        *(with_all_items(api, one) for one in subscriptions.data),
        names.of(api, subscriptions.data),
    )
    dated = [
        *_dated(charges.data, _charge),
        *_dated([one for one in whole if one is not None], lambda one: _subscription(one, names)),
    ]
    dated.sort(key=lambda pair: pair[0], reverse=True)
    return [record for _, record in dated[:MOST_RECORDS]]


def _products_of(subscription: stripe.Subscription) -> Iterator[str]:
    for item in subscription.items.data:
        product = item.price.product
        if isinstance(product, str):
            yield product


def _dated(found: Iterable[T], record_of: Callable[[T], Record]) -> Iterator[tuple[int, Record]]:
    for one in found:
        try:
            yield one.created, record_of(one)
        except RefusedError:
            # In something that is no ISO currency (a stablecoin): no action of ours takes it.
            continue


def _charge(charge: stripe.Charge) -> Record:
    money = left_of(charge)
    # What was only authorised, or failed, is named by what it would have been.
    amount = from_stripe(money.taken or charge.amount, charge.currency)
    left = from_stripe(money.left, charge.currency)
    created = rfc3339_of_seconds(charge.created)
    described = plain(charge.description) or "payment"
    status = _status_of(charge)
    facts: dict[str, FactValue] = {
        "amount": amount,
        "left": left,
        "created": created,
        "status": status,
    }
    return Record(
        kind="charge",
        id=charge.id,
        title=f"{amount} on {created[:10]}, {described}, {paid_with(charge)}",
        facts=facts,
        references=_references(charge),
        label=described if charge.description else "",
        told=_told_of_charge(charge, status, amount, facts),
    )


_CHARGE_STATES = {
    "succeeded": "paid",
    "refunded": "refunded",
    "pending": "pending",
    "failed": "failed",
    "disputed": "disputed",
}


def _told_of_charge(
    charge: stripe.Charge, status: str, amount: Money, facts: Mapping[str, FactValue]
) -> RecordState | None:
    """What a customer can be told of a payment; nothing of one that was only authorised."""
    state = _CHARGE_STATES.get(status)
    if state is None:
        return None
    refunded = from_stripe(charge.amount_refunded, charge.currency)
    if state == "paid" and refunded.amount_minor > 0:
        state = "partly_refunded"
    values: dict[str, FactValue] = {"amount": amount, "paid_on": facts["created"]}
    if refunded.amount_minor > 0:
        values["refunded"] = refunded
    return RecordState(topic="payment", state=state, values=values)


def _status_of(charge: stripe.Charge) -> str:
    if charge.disputed:
        return "disputed"
    if charge.status == "succeeded" and not charge.captured:
        return "uncaptured"
    return "refunded" if charge.refunded else charge.status


def _references(charge: stripe.Charge) -> tuple[str, ...]:
    words = [found[1] for found in _NUMBER.finditer(charge.description or "")]
    words += [charge.metadata[key] for key in _ORDER_KEYS if key in charge.metadata]
    words.append(charge.id)
    if isinstance(charge.payment_intent, str):
        words.append(charge.payment_intent)
    return tuple(dict.fromkeys(plain(word, limit=120) for word in words))


def _subscription(subscription: stripe.Subscription, names: ProductNames) -> Record:
    price, interval = price_of(subscription)
    name = names.named(subscription)
    price_told = title_of(subscription)
    title = f"{name}, {price_told}" if name else f"subscription {price_told}"
    paid, ends = period_end(subscription), ends_at(subscription)
    facts: dict[str, FactValue] = {
        "price": price,
        "interval": interval,
        "created": rfc3339_of_seconds(subscription.created),
        "status": subscription.status,
        "ends_with_period": subscription.cancel_at_period_end,
    }
    if paid is not None:
        facts["paid_until"] = rfc3339_of_seconds(paid)
    if ends is not None and subscription.status not in OVER:
        facts["ends_at"] = rfc3339_of_seconds(ends)
    return Record(
        kind="subscription",
        id=subscription.id,
        title=f"{title}, {state_of(subscription)}",
        facts=facts,
        references=(subscription.id,),
        label=f"{name or 'subscription'} ({price_told})",
        told=_told_of_subscription(subscription, facts),
    )


_SUBSCRIPTION_STATES = {
    "active": "active",
    "trialing": "trialing",
    "past_due": "past_due",
    "unpaid": "past_due",
    "paused": "paused",
    "canceled": "ended",
}


def _told_of_subscription(
    subscription: stripe.Subscription, facts: Mapping[str, FactValue]
) -> RecordState | None:
    """What a customer can be told of a subscription; nothing of one whose first payment is open."""
    state = _SUBSCRIPTION_STATES.get(subscription.status)
    if state is None:
        return None
    if "ends_at" in facts and state in ("active", "trialing"):
        state = "ending"
    names = {"next_on": "paid_until", "trial_ends_on": "paid_until", "ends_on": "ends_at"}
    values = {name: facts[fact] for name, fact in names.items() if fact in facts}
    ended = subscription.ended_at if "ended_at" in subscription else None
    if ended is not None:
        values["ended_on"] = rfc3339_of_seconds(ended)
    if state == "past_due":  # else its label says what it costs
        values["price"] = facts["price"]
    return RecordState(topic="subscription", state=state, values=values)
