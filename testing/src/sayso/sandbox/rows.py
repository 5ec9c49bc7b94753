"""What the sandbox remembers: one frozen row per provider object, addressed by its id.

A row holds only what can differ between two objects; everything constant is added when it is shown
(`shapes`). Times are whole seconds since 1970, amounts are minor units, currencies are lower-case,
as on the wire. Rows are never changed, only replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

ACCOUNT_ID = "acct_sandbox"

Metadata: TypeAlias = dict[str, str]

SubscriptionStatus = Literal["active", "trialing", "past_due", "canceled"]
Interval = Literal["day", "week", "month", "year"]


def no_metadata() -> Metadata:
    """An empty mapping, typed."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer. A negative `balance` is credit towards later invoices."""

    id: str
    created: int
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    description: str | None = None
    address: Metadata = field(default_factory=no_metadata)
    balance: int = 0
    currency: str | None = None
    payment_method: str | None = None
    metadata: Metadata = field(default_factory=no_metadata)
    object: Literal["customer"] = "customer"

    @property
    def parents(self) -> tuple[str | None, ...]:
        """Ids under which it is listed."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCard:
    """A payment method of type card; `brand` and `last4` are all that is known of the number."""

    id: str
    created: int
    brand: str
    last4: str
    customer: str | None = None
    exp_month: int = 8
    exp_year: int = 2030
    object: Literal["payment_method"] = "payment_method"

    @property
    def parents(self) -> tuple[str | None, ...]:
        """Ids under which it is listed."""
        return (self.customer,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A charge: money that came in, or did not (`status` failed), or is only authorised.

    Attributes:
        captured: whether money was taken; until then it is only authorised.
        amount_captured: how much of `amount`, in a partial capture; None for all of it.
        released: what a partial capture left that counts as refunded (`captures.py`).
    """

    id: str
    created: int
    amount: int
    currency: str
    captured: bool = True
    amount_captured: int | None = None
    amount_refunded: int = 0
    released: int = 0
    customer: str | None = None
    payment_intent: str | None = None
    payment_method: str | None = None
    brand: str = "visa"
    last4: str = "4242"
    description: str | None = None
    status: Literal["succeeded", "failed"] = "succeeded"
    disputed: bool = False
    failure_code: str | None = None
    failure_message: str | None = None
    metadata: Metadata = field(default_factory=no_metadata)
    object: Literal["charge"] = "charge"

    @property
    def parents(self) -> tuple[str | None, ...]:
        """Ids under which it is listed."""
        return (self.customer, self.payment_intent)

    @property
    def taken(self) -> int:
        """The money that came in, minor units."""
        if self.status != "succeeded" or not self.captured:
            return 0
        return self.amount if self.amount_captured is None else self.amount_captured

    @property
    def unrefunded(self) -> int:
        """What can still be given back, minor units, never negative."""
        return max(0, self.taken - self.amount_refunded)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentIntent:
    """A confirmed payment intent with its one charge.

    Attributes:
        manual: whether it is captured by a call of its own.
        amount_received: how much was captured, in a partial capture; None for all of it.
    """

    id: str
    created: int
    amount: int
    currency: str
    customer: str | None = None
    payment_method: str | None = None
    latest_charge: str | None = None
    description: str | None = None
    status: Literal["succeeded", "requires_payment_method", "requires_capture"] = "succeeded"
    manual: bool = False
    amount_received: int | None = None
    metadata: Metadata = field(default_factory=no_metadata)
    object: Literal["payment_intent"] = "payment_intent"

    @property
    def parents(self) -> tuple[str | None, ...]:
        """Ids under which it is listed."""
        return (self.customer,)


RefundStatus = Literal["succeeded", "pending", "requires_action", "failed", "canceled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund of (part of) one charge; most are `succeeded` at once.

    Attributes:
        releases: it gives back what a partial capture by an old API version never took.
        status: as it is until `ends_at`, in seconds since 1970, and `ends_as` from then on; None
            for what does not change any more.
        failure_reason: why it failed, or will.
    """

    id: str
    created: int
    amount: int
    currency: str
    charge: str
    payment_intent: str | None = None
    reason: str | None = None
    releases: bool = False
    status: RefundStatus = "succeeded"
    ends_at: int | None = None
    ends_as: RefundStatus = "succeeded"
    failure_reason: str | None = None
    metadata: Metadata = field(default_factory=no_metadata)
    object: Literal["refund"] = "refund"

    @property
    def parents(self) -> tuple[str | None, ...]:
        """Ids under which it is listed."""
        return (self.charge, self.payment_intent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What a price is for."""

    id: str
    created: int
    name: str
    description: str | None = None
    active: bool = True
    metadata: Metadata = field(default_factory=no_metadata)
    object: Literal["product"] = "product"

    @property
    def parents(self) -> tuple[str | None, ...]:
        """Ids under which it is listed."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A recurring (or, without `interval`, one-time) price of a product."""

    id: str
    created: int
    product: str
    unit_amount: int
    currency: str
    interval: Interval | None = None
    interval_count: int = 1
    active: bool = True
    metadata: Metadata = field(default_factory=no_metadata)
    object: Literal["price"] = "price"

    @property
    def parents(self) -> tuple[str | None, ...]:
        """Ids under which it is listed."""
        return (self.product,)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionItem:
    """One more item of a subscription, billed in the same periods as the first."""

    id: str
    price: str
    quantity: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription, as it was at the start of its stored period.

    `clockwork.as_of` says what it is at a later time. `item`, `price` and `quantity` are of its
    first item, `others` has the rest; `cancel_at` is a day of a shop's own choice.
    """

    id: str
    created: int
    customer: str
    item: str
    price: str
    currency: str
    period_start: int
    period_end: int
    quantity: int = 1
    others: tuple[SubscriptionItem, ...] = ()
    status: SubscriptionStatus = "active"
    trial_start: int | None = None
    trial_end: int | None = None
    cancel_at_period_end: bool = False
    cancel_at: int | None = None
    canceled_at: int | None = None
    ended_at: int | None = None
    cancel_comment: str | None = None
    cancel_feedback: str | None = None
    description: str | None = None
    payment_method: str | None = None
    metadata: Metadata = field(default_factory=no_metadata)
    object: Literal["subscription"] = "subscription"

    @property
    def parents(self) -> tuple[str | None, ...]:
        """Ids under which it is listed."""
        return (self.customer,)

    @property
    def items(self) -> tuple[SubscriptionItem, ...]:
        """All of its items, the first one first."""
        first = SubscriptionItem(id=self.item, price=self.price, quantity=self.quantity)
        return (first, *self.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceTransaction:
    """One change of a customer's balance; a negative `amount` is credit for the customer."""

    id: str
    created: int
    customer: str
    amount: int
    currency: str
    ending_balance: int
    description: str | None = None
    metadata: Metadata = field(default_factory=no_metadata)
    object: Literal["customer_balance_transaction"] = "customer_balance_transaction"

    @property
    def parents(self) -> tuple[str | None, ...]:
        """Ids under which it is listed."""
        return (self.customer,)


Row: TypeAlias = (
    Customer
    | PaymentCard
    | Charge
    | PaymentIntent
    | Refund
    | Product
    | Price
    | Subscription
    | BalanceTransaction
)

StoredRow: TypeAlias = Annotated[Row, Field(discriminator="object")]
"""A row as it stands in the books file, told apart by `object`."""

KIND_NAMES: dict[type[object], str] = {
    Customer: "customer",
    PaymentCard: "payment_method",
    Charge: "charge",
    PaymentIntent: "payment_intent",
    Refund: "refund",
    Product: "product",
    Price: "price",
    Subscription: "subscription",
    BalanceTransaction: "customer_balance_transaction",
}
"""Stripe's `object` of each kind of row."""
