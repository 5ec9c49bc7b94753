"""What an endpoint gets and gives: one call, its parameters, its work; shown objects and lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

from sayso.sandbox.billing_clock import as_of
from sayso.sandbox.params import Params
from sayso.sandbox.problems import invalid_param, missing_resource
from sayso.sandbox.rows import KIND_NAMES, Price, Refund, Row, Subscription
from sayso.sandbox.shapes import API_VERSION, Json, list_of, show
from sayso.sandbox.state import Work

_MAX_DEPTH = 4
# Lists that an object only shows when asked to.
_CHILDREN: dict[tuple[str, str], tuple[type[Row], str]] = {
    ("charge", "refunds"): (Refund, "/v1/charges/{id}/refunds"),
    ("customer", "subscriptions"): (Subscription, "/v1/customers/{id}/subscriptions"),
}


def expand(call: EndpointCall, body: Json) -> Json:
    """Expand the answer in place as the call's `expand` says.

    Raises:
        StripeError: for a property that cannot be expanded, or more than four levels.
    """
    for path in call.params.strings("expand"):
        segments = path.split(".")
        if len(segments) > _MAX_DEPTH:
            raise invalid_param(
                f"You cannot expand more than {_MAX_DEPTH} levels of a property. You tried to "
                f"expand {path}",
                "expand",
            )
        _expand(call, body, segments, path)
    return body


def _expand(call: EndpointCall, node: object, segments: list[str], path: str) -> None:
    if isinstance(node, list):
        for member in cast("list[object]", node):
            _expand(call, member, segments, path)
        return
    if not isinstance(node, dict) or not segments:
        return
    shown = cast("Json", node)
    name, *rest = segments
    children = _CHILDREN.get((str(shown.get("object")), name))
    if children is not None:
        kind, url = children
        parent = str(shown["id"])
        rows = call.work.state.rows_of(kind, parent)
        data = [call.show(row) for row in rows if not _is_over(call, row)]
        shown[name] = list_of(data[:10], url.format(id=parent), has_more=len(data) > 10)
    elif name not in shown:
        raise invalid_param(f"This property cannot be expanded ({path}).", "expand")
    elif isinstance(value := shown[name], str):
        row = call.work.rows.get(value) or call.work.state.find(value)
        if row is None:
            raise invalid_param(f"This property cannot be expanded ({path}).", "expand")
        shown[name] = call.show(row)
    _expand(call, shown[name], rest, path)


def _is_over(call: EndpointCall, row: Row) -> bool:
    return isinstance(row, Subscription) and call.roll(row).status == "canceled"


R = TypeVar("R", bound=Row)

_MAX_LIMIT = 100
LIST_PARAMS = frozenset({"limit", "starting_after", "ending_before", "created", "expand"})
"""What every list endpoint takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCall:
    """One call of one endpoint.

    Attributes:
        path: the path as it came.
        ids: the variable parts of the path, in order.
        params: query and body together.
        work: reads what is, takes what becomes.
        version: the API version that the caller asked for.
    """

    path: str
    ids: tuple[str, ...]
    params: Params
    work: Work
    version: str = API_VERSION

    @property
    def now(self) -> int:
        """Seconds since 1970, by the sandbox's clock."""
        return self.work.now

    def need(self, kind: type[R], row_id: str, *, param: str = "id", status: int = 404) -> R:
        """The object, current.

        Raises:
            StripeError: `resource_missing`.
        """
        row = self.work.get(kind, row_id)
        if row is None:
            raise missing_resource(KIND_NAMES[kind], row_id, param, status)
        return row

    def parent(self, kind: type[R], param: str) -> str | None:
        """The id a list is narrowed to, or None for all.

        Raises:
            StripeError: `resource_missing`, when it names nothing.
        """
        row_id = self.params.text(param)
        if row_id is not None:
            self.need(kind, row_id, param=param, status=400)
        return row_id

    def subscription(self, row_id: str) -> Subscription:
        """The subscription as it is now.

        Raises:
            StripeError: `resource_missing`.
        """
        return self.roll(self.need(Subscription, row_id))

    def roll(self, row: Subscription) -> Subscription:
        """The subscription as it is now, given as stored."""
        price = self.work.get(Price, row.price)
        if price is None or price.interval is None:
            return row
        return as_of(row, self.now, price.interval, price.interval_count)

    def show(self, row: Row) -> Json:
        """The object as JSON, current."""
        if isinstance(row, Subscription):
            return show(self.roll(row), self.prices_of(row))
        return show(row)

    def prices_of(self, row: Subscription) -> dict[str, Price]:
        """The prices of a subscription's items, by id."""
        found = (self.work.get(Price, item.price) for item in row.items)
        return {price.id: price for price in found if price is not None}


Handler = Callable[[EndpointCall], Json]
"""An endpoint: does its work and shows the result, or raises `StripeError`."""


def page(call: EndpointCall, rows: Sequence[Row]) -> Json:
    """One page of a list, newest first.

    Args:
        call: its parameters say `limit`, `starting_after`, `ending_before` and `created`.
        rows: all that fit the endpoint's own filters, newest first.

    Raises:
        StripeError: for a limit outside of 1 to 100, or a cursor that names nothing.

    Source: Stripe docs: Pagination.
    """
    kept = [row for row in rows if _in_range(call.params, row.created)]
    chosen, more = cut(call, kept)
    return list_of([call.show(row) for row in chosen], call.path, has_more=more)


class _Listed(Protocol):
    @property
    def id(self) -> str: ...


L = TypeVar("L", bound=_Listed)


def cut(call: EndpointCall, kept: Sequence[L]) -> tuple[Sequence[L], bool]:
    """The page of a list that the call asks for, and whether the list goes on behind it.

    Raises:
        StripeError: for a limit outside of 1 to 100, or a cursor that names nothing.
    """
    limit = call.params.integer("limit")
    limit = 10 if limit is None else limit
    if not 1 <= limit <= _MAX_LIMIT:
        raise invalid_param(
            "This value must be greater than or equal to 1."
            if limit < 1
            else "This value must be less than or equal to 100.",
            "limit",
            "parameter_invalid_integer",
        )
    after, before = call.params.text("starting_after"), call.params.text("ending_before")
    if before is not None:
        kept = kept[: _position(kept, before, "ending_before")]
        return kept[-limit:], len(kept) > limit
    kept = kept if after is None else kept[_position(kept, after, "starting_after") + 1 :]
    return kept[:limit], len(kept) > limit


def _position(rows: Sequence[_Listed], row_id: str, param: str) -> int:
    for index, row in enumerate(rows):
        if row.id == row_id:
            return index
    noun = KIND_NAMES.get(type(rows[0]), "object") if rows else "object"
    raise missing_resource(noun, row_id, param, 400)


def _in_range(params: Params, created: int) -> bool:
    exact = params.integer("created")
    if exact is not None and created != exact:
        return False
    bounds = {name: params.integer(f"created[{name}]") for name in ("gt", "gte", "lt", "lte")}
    return (
        (bounds["gt"] is None or created > bounds["gt"])
        and (bounds["gte"] is None or created >= bounds["gte"])
        and (bounds["lt"] is None or created < bounds["lt"])
        and (bounds["lte"] is None or created <= bounds["lte"])
    )
