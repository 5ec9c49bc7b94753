"""Which endpoints there are, what they take, and which permission they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sayso.sandbox.call import LIST_PARAMS, Handler
from sayso.sandbox.customers import (
    BALANCE_PARAMS,
    CUSTOMER_PARAMS,
    create_balance_transaction,
    create_customer,
    list_balance_transactions,
    list_cards,
    list_customers,
    read_account,
    read_balance,
    read_balance_transaction,
    read_card,
    read_customer,
    update_customer,
)
from sayso.sandbox.payments import (
    CAPTURE_CHARGE_PARAMS,
    CAPTURE_INTENT_PARAMS,
    CHARGE_PARAMS,
    INTENT_PARAMS,
    capture_charge,
    capture_intent,
    create_charge,
    create_intent,
    list_charges,
    list_intents,
    read_charge,
    read_intent,
)
from sayso.sandbox.refunds import (
    REFUND_PARAMS,
    create_refund,
    list_refunds,
    read_refund,
    update_refund,
)
from sayso.sandbox.subscriptions import (
    CANCEL_PARAMS,
    CREATE_PARAMS,
    PRICE_PARAMS,
    PRODUCT_PARAMS,
    UPDATE_PARAMS,
    cancel_subscription,
    create_price,
    create_product,
    create_subscription,
    list_items,
    list_prices,
    list_products,
    list_subscriptions,
    read_price,
    read_product,
    read_subscription,
    update_subscription,
)

Resource = Literal[
    "account",
    "balance",
    "charge",
    "customer",
    "payment_intent",
    "payment_method",
    "price",
    "product",
    "refund",
    "subscription",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One endpoint.

    Attributes:
        method: HTTP method.
        path: segments, `*` where an id stands.
        handler: does it.
        resource: what a restricted key must be allowed to read (GET) or write.
        params: the top-level parameters it takes.
    """

    method: str
    path: tuple[str, ...]
    handler: Handler
    resource: Resource
    params: frozenset[str]

    @property
    def permission(self) -> str:
        """Such as `charge_read`; writing includes reading."""
        return f"{self.resource}_{'read' if self.method == 'GET' else 'write'}"

    def match(self, method: str, segments: tuple[str, ...]) -> tuple[str, ...] | None:
        """The ids in the path, or None when it is another endpoint's."""
        if method != self.method or len(segments) != len(self.path):
            return None
        pairs = tuple(zip(self.path, segments, strict=True))
        if any(mine not in ("*", theirs) for mine, theirs in pairs):
            return None
        return tuple(theirs for mine, theirs in pairs if mine == "*")


_EXPAND = frozenset({"expand"})


def _route(
    method: str,
    path: str,
    handler: Handler,
    resource: Resource,
    params: frozenset[str] = _EXPAND,
) -> Route:
    segments = tuple(path.split("/"))
    return Route(method=method, path=segments, handler=handler, resource=resource, params=params)


ROUTES: tuple[Route, ...] = (
    _route("GET", "account", read_account, "account"),
    _route("GET", "balance", read_balance, "balance"),
    _route("POST", "customers", create_customer, "customer", CUSTOMER_PARAMS),
    _route("GET", "customers", list_customers, "customer", LIST_PARAMS | {"email"}),
    _route("GET", "customers/*", read_customer, "customer"),
    _route("POST", "customers/*", update_customer, "customer", CUSTOMER_PARAMS),
    _route(
        "POST",
        "customers/*/balance_transactions",
        create_balance_transaction,
        "customer",
        BALANCE_PARAMS,
    ),
    _route(
        "GET",
        "customers/*/balance_transactions",
        list_balance_transactions,
        "customer",
        LIST_PARAMS,
    ),
    _route("GET", "customers/*/balance_transactions/*", read_balance_transaction, "customer"),
    _route(
        "GET", "customers/*/payment_methods", list_cards, "payment_method", LIST_PARAMS | {"type"}
    ),
    _route("GET", "payment_methods/*", read_card, "payment_method"),
    _route("POST", "charges", create_charge, "charge", CHARGE_PARAMS),
    _route("GET", "charges", list_charges, "charge", LIST_PARAMS | {"customer", "payment_intent"}),
    _route("GET", "charges/*", read_charge, "charge"),
    _route("POST", "charges/*/capture", capture_charge, "charge", CAPTURE_CHARGE_PARAMS),
    _route("POST", "payment_intents", create_intent, "payment_intent", INTENT_PARAMS),
    _route("GET", "payment_intents", list_intents, "payment_intent", LIST_PARAMS | {"customer"}),
    _route("GET", "payment_intents/*", read_intent, "payment_intent"),
    _route(
        "POST",
        "payment_intents/*/capture",
        capture_intent,
        "payment_intent",
        CAPTURE_INTENT_PARAMS,
    ),
    _route("POST", "refunds", create_refund, "refund", REFUND_PARAMS),
    _route("GET", "refunds", list_refunds, "refund", LIST_PARAMS | {"charge", "payment_intent"}),
    _route("GET", "refunds/*", read_refund, "refund"),
    _route("POST", "refunds/*", update_refund, "refund", frozenset({"metadata", "expand"})),
    _route("POST", "subscriptions", create_subscription, "subscription", CREATE_PARAMS),
    _route(
        "GET",
        "subscriptions",
        list_subscriptions,
        "subscription",
        LIST_PARAMS | {"customer", "status", "price"},
    ),
    _route("GET", "subscriptions/*", read_subscription, "subscription"),
    _route("POST", "subscriptions/*", update_subscription, "subscription", UPDATE_PARAMS),
    _route("DELETE", "subscriptions/*", cancel_subscription, "subscription", CANCEL_PARAMS),
    _route(
        "GET",
        "subscription_items",
        list_items,
        "subscription",
        (LIST_PARAMS - {"created"}) | {"subscription"},
    ),
    _route("POST", "products", create_product, "product", PRODUCT_PARAMS),
    _route("GET", "products", list_products, "product", LIST_PARAMS | {"ids"}),
    _route("GET", "products/*", read_product, "product"),
    _route("POST", "prices", create_price, "price", PRICE_PARAMS),
    _route("GET", "prices", list_prices, "price", LIST_PARAMS | {"product"}),
    _route("GET", "prices/*", read_price, "price"),
)


def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The endpoint of a path such as `/v1/charges/ch_1`, with the ids in it."""
    if not path.startswith("/v1/"):
        return None
    segments = tuple(path.removeprefix("/v1/").strip("/").split("/"))
    for route in ROUTES:
        ids = route.match(method, segments)
        if ids is not None:
            return route, ids
    return None
