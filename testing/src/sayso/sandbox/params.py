"""Request parameters as Stripe's SDKs send them: form-encoded, nested with brackets.

`items[0][price]=price_1&metadata[order]=1042&expand[0]=customer` stays flat here and is read by
name, so that a wrong value is refused with the name the caller used.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl

from sayso.errors import RefusedError
from sayso.money import exponent_of
from sayso.sandbox.problems import invalid_param, missing_param, unknown_param

_MAX_DIGITS = 12
_TRUTHS = {"true": True, "false": False}


class Params:
    """The parameters of one call, read by name. Every refusal is Stripe's own.

    Args:
        pairs: names (with brackets) and values, decoded.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = tuple(pairs)
        self._values = dict(self._pairs)

    @classmethod
    def decode(cls, *encoded: str) -> Params:
        """Read form-encoded text (query, body), later parts winning."""
        return cls(
            pair
            for text in encoded
            for pair in parse_qsl(text, keep_blank_values=True, encoding="utf-8")
        )

    @property
    def fingerprint(self) -> str:
        """Equal exactly when all names and values are equal, in whatever order they came."""
        return repr(sorted(self._pairs))

    def check_known(self, allowed: frozenset[str]) -> None:
        """Refuse names outside of `allowed` (top-level names).

        Raises:
            StripeError: `parameter_unknown`.
        """
        for name in self._values:
            if name.partition("[")[0] not in allowed:
                raise unknown_param(name)

    def text(self, name: str) -> str | None:
        """The value, or None when it is absent or empty (Stripe unsets with empty strings)."""
        return self._values.get(name) or None

    def given(self, name: str) -> bool:
        """Whether it was sent, be it empty."""
        return name in self._values

    def required(self, name: str) -> str:
        """The value.

        Raises:
            StripeError: `parameter_missing`.
        """
        value = self.text(name)
        if value is None:
            raise missing_param(name)
        return value

    def integer(self, name: str) -> int | None:
        """A whole number.

        Raises:
            StripeError: `parameter_invalid_integer`.
        """
        value = self.text(name)
        if value is None:
            return None
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
            raise invalid_param(f"Invalid integer: {value}", name, "parameter_invalid_integer")
        return int(value)

    def amount(self, name: str) -> int | None:
        """A positive amount in minor units.

        Raises:
            StripeError: `parameter_invalid_integer`, also for zero and less.
        """
        value = self.integer(name)
        if value is not None and value < 1:
            raise invalid_param(
                "This value must be greater than or equal to 1.",
                name,
                "parameter_invalid_integer",
            )
        return value

    def check_units(self, name: str, amount: int, currency: str) -> None:
        """Refuse what Stripe takes in larger steps only.

        Source: Stripe docs: Supported currencies, "Three-decimal currencies" and "Special cases".

        Raises:
            StripeError: for 1.231 KWD, or 1.50 ISK.
        """
        code = currency.upper()
        step = 100 if code in {"ISK", "UGX"} else 10 if exponent_of(code) == 3 else 1
        if amount % step:
            raise invalid_param(
                f"Invalid amount. {code} amounts must be divisible by {step}.", name
            )

    def currency(self, name: str) -> str:
        """An ISO 4217 code in lower case; required.

        Raises:
            StripeError: `parameter_missing`, or for no currency in use.
        """
        value = self.required(name).lower()
        try:
            exponent_of(value.upper())
        except RefusedError as error:
            raise invalid_param(f"Invalid currency: {value}.", name) from error
        return value

    def flag(self, name: str) -> bool | None:
        """`true` or `false`.

        Raises:
            StripeError: for anything else.
        """
        value = self.text(name)
        if value is None:
            return None
        if value not in _TRUTHS:
            raise invalid_param(f"Invalid boolean: {value}", name)
        return _TRUTHS[value]

    def choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """One of `allowed`.

        Raises:
            StripeError: for anything else, naming what is allowed.
        """
        value = self.text(name)
        if value is not None and value not in allowed:
            *most, last = allowed
            listed = f"{', '.join(most)}, or {last}" if most else last
            raise invalid_param(f"Invalid {name}: must be one of {listed}", name)
        return value

    def mapping(self, name: str) -> dict[str, str] | None:
        """The members of `name[…]`, or None when neither they nor `name` were sent."""
        prefix = f"{name}["
        members = {
            key[len(prefix) : -1]: value
            for key, value in self._values.items()
            if key.startswith(prefix) and key.endswith("]")
        }
        return members if members or name in self._values else None

    def strings(self, name: str) -> tuple[str, ...]:
        """The values of `name[0]`, `name[1]`, … or `name[]`, in the order they came."""
        prefix = f"{name}["
        return tuple(value for key, value in self._pairs if key.startswith(prefix))

    def indexes(self, name: str) -> tuple[str, ...]:
        """The distinct indexes of `name[i][…]`, in the order they came."""
        prefix = f"{name}["
        found = {
            key[len(prefix) :].partition("]")[0]: None
            for key in self._values
            if key.startswith(prefix)
        }
        return tuple(found)


def merge_metadata(old: dict[str, str], new: dict[str, str] | None) -> dict[str, str]:
    """The metadata after an update: sent names replace, empty values remove, `{}` removes all.

    Source: Stripe docs: Metadata.
    """
    if new is None:
        return dict(old)
    if not new:
        return {}
    merged = old | new
    return {name: value for name, value in merged.items() if value != ""}
