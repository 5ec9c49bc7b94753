"""The seven writing tools of τ²-bench's retail domain as actions, with the facts that rules read.

Nothing is decided here: what is asked for is read at the shop and told to the policy
(`retail.cedar`) as typed facts. Only what is not there at all, under exactly that id, is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tau2.retail_shop import Json, RetailShop

from sayso import Absence, Args, Call, Code, Receipt, RefusedError, Resolved, Subject, verifiable
from sayso.actions.model.definition import Effect, FactType, FactValue
from sayso.actions.model.snapshot import Record
from sayso.connectors.define import OwnConnector, action

SURE = verifiable(settle_after_s=0)
ITEMS: dict[str, FactType] = {
    "status": "string",
    "items": "long",
    "of_the_order": "bool",
    "pairs": "bool",
    "same_products": "bool",
    "other_variants": "bool",
    "available": "bool",
    "own_method": "bool",
    "covered": "bool",
}


class OrderArgs(Args):
    """An order of the customer's."""

    order_id: str


class CancelArgs(OrderArgs):
    """Why it is cancelled, in the customer's choice of words."""

    reason: str


class AddressArgs(Args):
    """A postal address."""

    address1: str
    address2: str
    city: str
    state: str
    country: str
    zip: str


class OrderAddressArgs(AddressArgs):
    """Where an order goes."""

    order_id: str


class PaymentArgs(OrderArgs):
    """By what an order is paid."""

    payment_method_id: str


class ReturnArgs(PaymentArgs):
    """What is given back, and to where the money goes."""

    item_ids: list[str]


class SwapArgs(ReturnArgs):
    """What is given back, and what comes in its place."""

    new_item_ids: list[str]


class Retail(OwnConnector):
    """The shop's tools."""

    name = "retail"

    def __init__(self, shop: RetailShop) -> None:
        super().__init__()
        self.shop = shop

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """The customer's own profile and orders, and nobody else's."""
        user = self.shop.user(subject.id)
        if user is None:
            raise RefusedError(Code.UNKNOWN_SUBJECT, "there is no such customer")
        orders = [Record(kind="order", id=name, title=f"order {name}") for name in user["orders"]]
        return [Record(kind="profile", id=subject.id, title="your profile"), *orders]

    # ---- resolving: what is read for the policy ----------------------------------------------

    @action(
        summary="Cancel a pending order",
        guarantee=SURE,
        effect=Effect.CANCELLATION,
        facts={"status": "string", "reason": "string"},
    )
    async def cancel_pending_order(self, args: CancelArgs, subject: Subject) -> Resolved:
        """Read the order."""
        order = self._order(args.order_id)
        return self._resolved(args, order, {"status": order["status"], "reason": args.reason})

    @action(summary="Change where a pending order goes", guarantee=SURE, facts={"status": "string"})
    async def modify_pending_order_address(
        self, args: OrderAddressArgs, subject: Subject
    ) -> Resolved:
        """Read the order."""
        order = self._order(args.order_id)
        return self._resolved(args, order, {"status": order["status"]})

    @action(
        summary="Change by what a pending order is paid",
        guarantee=SURE,
        facts={
            "status": "string",
            "own_method": "bool",
            "paid_once": "bool",
            "other_method": "bool",
            "covered": "bool",
        },
    )
    async def modify_pending_order_payment(self, args: PaymentArgs, subject: Subject) -> Resolved:
        """Read the order and the customer's payment methods."""
        order = self._order(args.order_id)
        paid = order["payment_history"]
        facts: dict[str, FactValue] = {
            "status": order["status"],
            "own_method": args.payment_method_id in self._methods(order),
            "paid_once": len(paid) == 1 and paid[0]["transaction_type"] == "payment",
            "other_method": paid[0]["payment_method_id"] != args.payment_method_id,
            "covered": self._covers(order, args.payment_method_id, paid[0]["amount"]),
        }
        return self._resolved(args, order, facts)

    @action(summary="Change the items of a pending order", guarantee=SURE, facts=ITEMS)
    async def modify_pending_order_items(self, args: SwapArgs, subject: Subject) -> Resolved:
        """Read the order, the catalogue and the customer's payment methods."""
        order = self._order(args.order_id)
        return self._resolved(args, order, self._swap(order, args))

    @action(summary="Exchange items of a delivered order", guarantee=SURE, facts=ITEMS)
    async def exchange_delivered_order_items(self, args: SwapArgs, subject: Subject) -> Resolved:
        """Read the order, the catalogue and the customer's payment methods."""
        order = self._order(args.order_id)
        return self._resolved(args, order, self._swap(order, args))

    @action(
        summary="Take items of a delivered order back",
        guarantee=SURE,
        facts={
            "status": "string",
            "items": "long",
            "of_the_order": "bool",
            "own_method": "bool",
            "as_paid_or_gift_card": "bool",
        },
    )
    async def return_delivered_order_items(self, args: ReturnArgs, subject: Subject) -> Resolved:
        """Read the order and the customer's payment methods."""
        order = self._order(args.order_id)
        method = self._methods(order).get(args.payment_method_id)
        paid_by = order["payment_history"][0]["payment_method_id"]
        gift_card = method is not None and method["source"] == "gift_card"
        facts: dict[str, FactValue] = {
            "status": order["status"],
            "items": len(args.item_ids),
            "of_the_order": _holds(order, args.item_ids),
            "own_method": method is not None,
            "as_paid_or_gift_card": args.payment_method_id == paid_by or gift_card,
        }
        return self._resolved(args, order, facts)

    @action(summary="Change the customer's own address", guarantee=SURE)
    async def modify_user_address(self, args: AddressArgs, subject: Subject) -> Resolved:
        """Read the profile."""
        if self.shop.user(subject.id) is None:
            raise RefusedError(Code.UNKNOWN_SUBJECT, "there is no such customer")
        return self.resolved(args, subject, kind="profile", account="the shop", payee="themselves")

    # ---- calling -----------------------------------------------------------------------------

    @cancel_pending_order.calls
    @modify_pending_order_address.calls
    @modify_pending_order_payment.calls
    @modify_pending_order_items.calls
    @exchange_delivered_order_items.calls
    @return_delivered_order_items.calls
    @modify_user_address.calls
    async def do(self, call: Call) -> Receipt:
        """Have the shop's tool do it."""
        tool = call.action.partition(".")[2]
        self.shop.apply(tool, call.resolved.owner, call.resolved.args)
        self.shop.done.add(call.action_id)
        return Receipt(id=call.action_id, status="done")

    @cancel_pending_order.looks_up
    @modify_pending_order_address.looks_up
    @modify_pending_order_payment.looks_up
    @modify_pending_order_items.looks_up
    @exchange_delivered_order_items.looks_up
    @return_delivered_order_items.looks_up
    @modify_user_address.looks_up
    async def find(self, call: Call) -> Receipt | Absence:
        """Find it again by our reference."""
        if call.action_id in self.shop.done:
            return Receipt(id=call.action_id, status="done")
        return Absence.ABSENT

    # ---- reading -----------------------------------------------------------------------------

    def _order(self, order_id: str) -> Json:
        order = self.shop.order(order_id)
        if order is None:
            raise RefusedError(Code.UNKNOWN_OBJECT, "there is no such order")
        return order

    def _methods(self, order: Json) -> dict[str, Any]:
        user = self.shop.user(order["user_id"])
        return user["payment_methods"] if user is not None else {}

    def _covers(self, order: Json, name: str, amount: float) -> bool:
        """Whether a gift card holds the amount; other methods hold any."""
        method = self._methods(order).get(name)
        if method is None or method["source"] != "gift_card":
            return True
        return bool(method["balance"] >= amount)

    def _swap(self, order: Json, args: SwapArgs) -> dict[str, FactValue]:
        old, new = args.item_ids, args.new_item_ids
        products = {item["item_id"]: item["product_id"] for item in order["items"]}
        found = [self.shop.variant(name) for name in new]
        pairs = list(zip(old, found, strict=False))
        difference = self.shop.difference(order, old, new)
        return {
            "status": order["status"],
            "items": len(old),
            "of_the_order": _holds(order, old),
            "pairs": len(old) == len(new),
            "same_products": all(
                variant is not None and variant[0] == products.get(name) for name, variant in pairs
            ),
            "other_variants": all(was != becomes for was, becomes in zip(old, new, strict=False)),
            "available": all(variant is not None and variant[1]["available"] for variant in found),
            "own_method": args.payment_method_id in self._methods(order),
            "covered": self._covers(order, args.payment_method_id, difference),
        }

    def _resolved(
        self, args: OrderArgs | OrderAddressArgs, order: Json, facts: Mapping[str, FactValue]
    ) -> Resolved:
        return Resolved(
            args=args.model_dump(mode="json"),
            object_kind="order",
            object_id=order["order_id"],
            owner=order["user_id"],
            owner_proof="order.user_id",
            account="the shop",
            payee="the customer, as they pay",
            preconditions={"order.status": order["status"]},
            fields={"order": order["order_id"], "status": order["status"]},
            facts=facts,
        )


def _holds(order: Json, item_ids: Sequence[str]) -> bool:
    """Whether the order has these items, each as often as it is named."""
    held = Counter(item["item_id"] for item in order["items"])
    return not Counter(item_ids) - held
