"""The shop of the served workspace: it has every order that the benches propose refunds of."""

from __future__ import annotations

from support.shop import Books, Order, Shop

from sayso.money import Money

PAID_MINOR = 50_000


class EveryOrder(dict[str, Order]):
    """Order `o7` is of customer `cus_7`; each is made when it is first asked for."""

    def get(self, key: str, default: object = None, /) -> Order:
        """The order."""
        return self[key]

    def __missing__(self, key: str) -> Order:
        order = Order(key, f"cus_{key.removeprefix('o')}", Money(PAID_MINOR, "USD"))
        self[key] = order
        return order


CONNECTORS = [Shop(books=Books(orders=EveryOrder()))]
