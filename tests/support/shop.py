"""A small provider in memory, with a connector whose guarantee and faults a test chooses.

It keeps its own books, so that "one effect" is counted at the provider and not where it is claimed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pydantic import Field

from sayso.actions.model.definition import Action, Args, Effect, Guarantee, Subject, idempotent
from sayso.actions.model.snapshot import (
    Absence,
    Call,
    EffectFailedError,
    Finality,
    Receipt,
    Record,
    Resolved,
)
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError
from sayso.money import Money

PROVEN_ON = "2026-01-01"


class ShopFault(StrEnum):
    """What the provider does wrong with the next call."""

    LOST_AFTER = "lost_after"
    """Does it, and the answer is lost."""
    LOST_BEFORE = "lost_before"
    """The request is lost, which looks the same to the caller."""
    SAYS_NO = "says_no"
    UNREACHABLE = "unreachable"
    """Surely nothing was sent."""
    BUSY = "busy"
    """It answers that it has done nothing, and to come back later."""
    DENIES = "denies"
    """Does it, and answers like `UNREACHABLE`: a lie that no connector can tell from the truth."""
    BREAKS = "breaks"
    """The connector raises an error that the contract does not know, after doing it."""
    TWICE = "twice"
    """Does it, forgets the key and answers as if nothing had happened."""


@dataclass(slots=True)
class Order:
    """An order of the shop: who placed it and what can still be paid back."""

    id: str
    customer: str
    paid: Money
    refunded_minor: int = 0


@dataclass(frozen=True, slots=True)
class Payout:
    """One effect in the shop's books."""

    id: str
    order: str
    amount: Money
    reference: str


@dataclass(slots=True)
class Books:
    """The shop's own books: the orders, every payout in order, and each call by its key."""

    orders: dict[str, Order] = field(default_factory=dict[str, Order])
    payouts: list[Payout] = field(default_factory=list[Payout])
    calls: list[str] = field(default_factory=list[str])

    def add(self, order_id: str, customer: str, paid: Money) -> Order:
        """Put an order into the shop."""
        order = Order(order_id, customer, paid)
        self.orders[order_id] = order
        return order

    @property
    def paid_out_minor(self) -> int:
        """All payouts together, in minor units."""
        return sum(payout.amount.amount_minor for payout in self.payouts)


class RefundArgs(Args):
    """Arguments of `shop.refund`."""

    order: str = Field(min_length=1, max_length=64, description="the order's id")
    amount: Money | None = Field(default=None, description="what to pay back; all that is left")


def held_here(guarantee: Guarantee) -> Guarantee:
    """The same, of a shop that holds the money itself, as somebody has tried."""
    return replace(
        guarantee, record="with", source="https://shop.example/docs", keyed=True, proven=PROVEN_ON
    )


class Shop:
    """The connector. Its one action is `shop.refund`.

    Args:
        guarantee: what it promises; the shop then keeps exactly that promise.
        books: the provider's books, shared by all processes of a test.
        as_declared: the guarantee says itself who holds the money; else the shop does, proven.
    """

    def __init__(
        self,
        guarantee: Guarantee | None = None,
        books: Books | None = None,
        *,
        as_declared: bool = False,
    ) -> None:
        self.books = books or Books()
        self.faults: list[ShopFault] = []
        self.version = "1"
        self.reads = 0
        self.finality = Finality.FINAL
        """How far the shop has come with what it has paid out."""
        self.came_back: str = ""
        """Why a bank has returned all that was paid out; empty while none has."""
        self.on_call: Callable[[Call], Awaitable[None]] | None = None
        """Runs before each call is carried out, so that a test can change the world under it."""
        declared = guarantee or idempotent(hours=24, settle_after_s=60)
        self._guarantee = declared if as_declared else held_here(declared)
        self._done: dict[str, Payout] = {}
        self.actions: Sequence[Action] = (
            Action(
                name="shop.refund",
                summary="Pay back an order, fully or partly",
                args=RefundArgs,
                guarantee=self._guarantee,
                effect=Effect.MONEY_OUT,
                reversible=False,
                sentence="Refund {amount} of order {order}",
                money_arg="amount",
                facts={"paid": "decimal"},
            ),
        )

    @property
    def name(self) -> str:
        return "shop"

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        assert isinstance(args, RefundArgs)
        self.reads += 1
        order = self.books.orders.get(args.order)
        if order is None:
            raise RefusedError(Code.UNKNOWN_OBJECT, f"there is no order `{args.order}`")
        if order.customer != subject.id:
            raise RefusedError(Code.NOT_OWNER, "that order is of another customer")
        left = order.paid.amount_minor - order.refunded_minor
        if left <= 0:
            raise RefusedError(Code.NOTHING_REFUNDABLE, "nothing is left to refund")
        amount = args.amount or Money(left, order.paid.currency)
        if amount.currency != order.paid.currency:
            raise RefusedError(Code.CURRENCY_MISMATCH, f"the order is in {order.paid.currency}")
        if amount.amount_minor > left:
            raise RefusedError(Code.AMOUNT_TOO_LARGE, f"only {left} minor units are left")
        return Resolved(
            args={"order": order.id, "amount": amount.to_json()},
            object_kind="order",
            object_id=order.id,
            owner=order.customer,
            owner_proof="order.customer",
            account="shop-1",
            payee="the card that paid",
            amount=amount,
            preconditions={"order.refunded": order.refunded_minor},
            fields={"order": order.id, "paid": str(order.paid)},
            facts={"paid": order.paid},
            personal={"name": f"customer {order.customer}"},
        )

    async def call(self, call: Call) -> Receipt:
        key = call.idempotency_key
        if self.on_call is not None:
            await self.on_call(call)
        self.books.calls.append(key)
        fault = self.faults.pop(0) if self.faults else None
        if fault is ShopFault.UNREACHABLE:
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, "the shop is closed", sent=False)
        if fault is ShopFault.BUSY:
            raise RetryableError(Code.PROVIDER_RATE_LIMITED, "the shop asks for a pause")
        if fault is ShopFault.SAYS_NO:
            raise RefusedError(Code.PROVIDER_REFUSED, "the shop said no")
        if fault is ShopFault.LOST_BEFORE:
            raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "no answer came")
        payout = self._pay(call, forget=fault is ShopFault.TWICE)
        if fault is ShopFault.LOST_AFTER:
            raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "no answer came")
        if fault is ShopFault.DENIES:
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, "the shop is closed")
        if fault is ShopFault.BREAKS:
            raise ZeroDivisionError("a bug in the connector")
        return self._receipt(payout)

    def _receipt(self, payout: Payout) -> Receipt:
        word = "sent" if self.finality is Finality.PENDING else "paid"
        receipt = Receipt(id=payout.id, status=word, amount=payout.amount, finality=self.finality)
        if self.came_back:
            failed = replace(receipt, status="returned", amount=None, finality=Finality.FINAL)
            raise EffectFailedError(self.came_back, receipt=failed)
        return receipt

    def _pay(self, call: Call, *, forget: bool) -> Payout:
        known = self._done.get(call.idempotency_key)
        if known is not None and self._guarantee.kind == "idempotent":
            return known
        amount = call.resolved.amount
        assert amount is not None
        order = self.books.orders[call.resolved.object_id]
        order.refunded_minor += amount.amount_minor
        payout = Payout(f"pay_{len(self.books.payouts) + 1}", order.id, amount, call.action_id)
        self.books.payouts.append(payout)
        if not forget:
            self._done[call.idempotency_key] = payout
        return payout

    async def look_up(self, call: Call) -> Receipt | Absence:
        if self._guarantee.kind == "at_most_once":
            return Absence.CANNOT_TELL
        for payout in self.books.payouts:
            if payout.reference == call.action_id:
                return self._receipt(payout)
        return Absence.ABSENT

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        return [
            Record(
                kind="order",
                id=order.id,
                title=f"{order.paid}, order {order.id}",
                label=f"order {order.id}",
                facts={"amount": order.paid},
            )
            for order in self.books.orders.values()
            if order.customer == subject.id
        ]

    async def close(self) -> None:
        return None
