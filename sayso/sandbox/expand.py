"""`expand[]`: ids replaced by the objects they name.

Source: Stripe docs: Expanding responses.
"""

from __future__ import annotations

from typing import cast

from sayso.sandbox.call import Call
from sayso.sandbox.problems import invalid_param
from sayso.sandbox.rows import Refund, Row, Subscription
from sayso.sandbox.shapes import Json, list_of

_MAX_DEPTH = 4
# Lists that an object only shows when asked to.
_CHILDREN: dict[tuple[str, str], tuple[type[Row], str]] = {
    ("charge", "refunds"): (Refund, "/v1/charges/{id}/refunds"),
    ("customer", "subscriptions"): (Subscription, "/v1/customers/{id}/subscriptions"),
}


def expand(call: Call, body: Json) -> Json:
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


def _expand(call: Call, node: object, segments: list[str], path: str) -> None:
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


def _is_over(call: Call, row: Row) -> bool:
    return isinstance(row, Subscription) and call.roll(row).status == "canceled"
