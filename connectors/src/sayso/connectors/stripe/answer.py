"""What Stripe answers to a read, with the attributes of the SDK's objects and none of their making.

The SDK makes an object of every table within an answer, and a page of charges has hundreds; a
reader looks at a few of them. A `StripeAnswer` makes one when it is looked at.
"""

from __future__ import annotations

from typing import Any, cast

from sayso.connectors.stripe.optional import fill_in


class StripeAnswer:
    """A decoded object: `charge.amount`, `"amount" in charge`, `metadata["order"]`.

    Guarantees: a name that Stripe did not answer, and may not leave out, is an `AttributeError`, or
    a `KeyError` by `[]`, as with the SDK's own.
    """

    __slots__ = ("_table",)
    _table: dict[str, Any]

    def __init__(self, table: dict[str, Any]) -> None:
        fill_in(table)
        object.__setattr__(self, "_table", table)

    def __getattr__(self, name: str) -> Any:
        try:
            return _seen(self._table[name])
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: object) -> None:
        self._table[name] = value

    def __getitem__(self, name: str) -> Any:
        return _seen(self._table[name])

    def __contains__(self, name: str) -> bool:
        return name in self._table

    def to_dict(self) -> dict[str, Any]:
        """The decoded table itself."""
        return self._table


def _seen(value: object) -> Any:
    if isinstance(value, dict):
        return StripeAnswer(cast("dict[str, Any]", value))
    if isinstance(value, list):
        return [_seen(one) for one in cast("list[object]", value)]
    return value
