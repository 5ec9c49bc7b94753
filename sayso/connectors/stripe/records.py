"""What a planner may see of the customer at Stripe: payments and subscriptions, newest first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

from sayso.actions.model.definition import FactValue, Subject
from sayso.actions.model.snapshot import Record
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
from sayso.ids import rfc3339
from sayso.text import plain

if TYPE_CHECKING:
    import stripe  # only the types: the SDK itself is imported by the first call

    from sayso.connectors.stripe.api import StripeApi

MOST_RECORDS = 50
_NUMBER = re.compile(r"(?<![\w.])#?([A-Z]{0,4}-?\d{3,12})(?![\w.])")
_ORDER_KEYS = ("order", "order_id", "order_number", "invoice")


class _Created(Protocol):
    @property
    def created(self) -> int: ...


T = TypeVar("T", bound=_Created)


async def list_records(api: StripeApi, subject: Subject) -> list[Record]:
    """The newest `MOST_RECORDS` charges and subscriptions together. Changes nothing.

    Raises:
        RefusedError: `unknown_subject`.
        RetryableError: Stripe cannot be read now.
    """
    customer = await read_customer(api, subject)
    charges = await api.read(
        lambda client: client.v1.charges.list_async(
            {"customer": customer.id, "limit": MOST_RECORDS}
        )
    )
    subscriptions = await api.read(
        lambda client: client.v1.subscriptions.list_async(
            {"customer": customer.id, "limit": MOST_RECORDS, "status": "all"}
        )
    )
    whole = [await with_all_items(api, one) for one in subscriptions.data]
    dated = [*_dated(charges.data, _charge), *_dated(whole, _subscription)]
    dated.sort(key=lambda pair: pair[0], reverse=True)
    return [record for _, record in dated[:MOST_RECORDS]]


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
    created = rfc3339(charge.created * 1_000_000)
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
    )


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


def _subscription(subscription: stripe.Subscription) -> Record:
    price, interval = price_of(subscription)
    paid, ends = period_end(subscription), ends_at(subscription)
    facts: dict[str, FactValue] = {
        "price": price,
        "interval": interval,
        "created": rfc3339(subscription.created * 1_000_000),
        "status": subscription.status,
        "ends_with_period": subscription.cancel_at_period_end,
    }
    if paid is not None:
        facts["paid_until"] = rfc3339(paid * 1_000_000)
    if ends is not None and subscription.status not in OVER:
        facts["ends_at"] = rfc3339(ends * 1_000_000)
    return Record(
        kind="subscription",
        id=subscription.id,
        title=f"subscription {title_of(subscription)}, {state_of(subscription)}",
        facts=facts,
        references=(subscription.id,),
    )
