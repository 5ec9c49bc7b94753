"""The shop of τ²-bench's retail domain, as a provider: its records, and what its tools do to them.

SOURCE: the database and the tools' results are those of τ²-bench (Sierra Research, MIT). It checks
nothing that a policy is to check: whoever owns what, and in which state it is, is judged before.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class RetailShop:
    """Products, customers and orders by id; what was written since `reset` is kept beside them.

    Attributes:
        writes: how many tools have written since.
        done: the effects by our reference.
    """

    products: Mapping[str, Json]
    first_users: Mapping[str, Json]
    first_orders: Mapping[str, Json]
    users: dict[str, Json] = field(default_factory=dict[str, Json])
    orders: dict[str, Json] = field(default_factory=dict[str, Json])
    writes: int = 0
    done: set[str] = field(default_factory=set[str])

    def reset(self) -> None:
        """Back to the first records."""
        self.users.clear()
        self.orders.clear()
        self.done.clear()
        self.writes = 0

    def user(self, user_id: str) -> Json | None:
        """A customer, as they are now."""
        return self.users.get(user_id) or self.first_users.get(user_id)

    def order(self, order_id: str) -> Json | None:
        """An order, as it is now; its id has to be exactly right."""
        return self.orders.get(order_id) or self.first_orders.get(order_id)

    def variant(self, item_id: str) -> tuple[str, Json] | None:
        """The product's id and the variant of an item."""
        for product_id, product in self.products.items():
            found = product["variants"].get(item_id)
            if found is not None:
                return product_id, found
        return None

    def changes(self) -> Json:
        """The fields that differ from the first records."""
        users = _changed(self.first_users, self.users)
        orders = _changed(self.first_orders, self.orders)
        return {name: found for name, found in (("users", users), ("orders", orders)) if found}

    # ---- the tools ---------------------------------------------------------------------------

    def apply(self, tool: str, user_id: str, given: Mapping[str, Any]) -> None:
        """Do what a tool does; `user_id` is the owner of what it is about."""
        self.writes += 1
        user = self._own(self.users, self.first_users, user_id)
        if tool == "modify_user_address":
            user["address"] = _address(given)
            return
        order = self._own(self.orders, self.first_orders, given["order_id"])
        match tool:
            case "cancel_pending_order":
                self._cancel(user, order, given["reason"])
            case "modify_pending_order_address":
                order["address"] = _address(given)
            case "modify_pending_order_payment":
                self._pay_otherwise(user, order, given["payment_method_id"])
            case "modify_pending_order_items":
                self._change_items(user, order, given)
            case "exchange_delivered_order_items":
                self._exchange(order, given)
            case "return_delivered_order_items":
                order["status"] = "return requested"
                order["return_items"] = sorted(given["item_ids"])
                order["return_payment_method_id"] = given["payment_method_id"]
            case _:
                raise KeyError(tool)

    @staticmethod
    def _own(now: dict[str, Json], first: Mapping[str, Json], name: str) -> Json:
        if name not in now:
            now[name] = copy.deepcopy(first[name])
        return now[name]

    @staticmethod
    def _cancel(user: Json, order: Json, reason: str) -> None:
        order["status"], order["cancel_reason"] = "cancelled", reason
        for payment in list(order["payment_history"]):
            _move(user, order, payment["payment_method_id"], -payment["amount"])

    @staticmethod
    def _pay_otherwise(user: Json, order: Json, method: str) -> None:
        paid = order["payment_history"][0]
        _move(user, order, method, paid["amount"])
        _move(user, order, paid["payment_method_id"], -paid["amount"])

    def _change_items(self, user: Json, order: Json, given: Mapping[str, Any]) -> None:
        order["status"] = "pending (item modified)"
        difference = self.difference(order, given["item_ids"], given["new_item_ids"])
        _move(user, order, given["payment_method_id"], difference)
        for old, new in zip(given["item_ids"], given["new_item_ids"], strict=True):
            variant = self.variant(new)
            assert variant is not None, "checked before"
            item = next(item for item in order["items"] if item["item_id"] == old)
            item.update(item_id=new, price=variant[1]["price"], options=variant[1]["options"])

    def _exchange(self, order: Json, given: Mapping[str, Any]) -> None:
        order["status"] = "exchange requested"
        order["exchange_items"] = sorted(given["item_ids"])
        order["exchange_new_items"] = sorted(given["new_item_ids"])
        order["exchange_payment_method_id"] = given["payment_method_id"]
        difference = self.difference(order, given["item_ids"], given["new_item_ids"])
        order["exchange_price_difference"] = round(difference, 2)

    def difference(self, order: Json, old: Sequence[str], new: Sequence[str]) -> float:
        """What the new items cost above the old ones; what is not known counts as nothing."""
        prices = {item["item_id"]: item["price"] for item in order["items"]}
        found = [self.variant(name) for name in new]
        costs = sum(variant[1]["price"] for variant in found if variant is not None)
        return float(costs - sum(prices.get(name, 0) for name in old))


def _move(user: Json, order: Json, method: str, amount: float) -> None:
    """Take an amount by a payment method, or give it back where it is below zero."""
    kind = "payment" if amount > 0 else "refund"
    entry = {"transaction_type": kind, "amount": abs(amount), "payment_method_id": method}
    order["payment_history"].append(entry)
    kept = user["payment_methods"][method]
    if kept["source"] == "gift_card":
        kept["balance"] = round(kept["balance"] - amount, 2)


def _address(given: Mapping[str, Any]) -> Json:
    return {
        name: given[name] for name in ("address1", "address2", "city", "country", "state", "zip")
    }


def _changed(first: Mapping[str, Json], now: Mapping[str, Json]) -> Json:
    changed = {
        name: {key: value for key, value in record.items() if first[name].get(key) != value}
        for name, record in now.items()
    }
    return {name: fields for name, fields in changed.items() if fields}
