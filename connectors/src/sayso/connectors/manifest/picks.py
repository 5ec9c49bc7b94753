"""Typed values out of what was read; null without a default is an error, never an empty fact."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final, Literal

from sayso.actions.model.definition import FactType, FactValue
from sayso.connectors.manifest.schema import AnyPick, MoneyUnit, Pick
from sayso.errors import Code, RefusedError, RetryableError
from sayso.json import JsonValue
from sayso.money import Money, exponent_of
from sayso.reading import ReadingError, read
from sayso.text import plain

Unit = Literal["minor", "major", "minor_text"]
Document = Mapping[str, object]

_LINE: Final = 120
_EPOCH_MILLIS = 10**11
"""Numbers above it are milliseconds: as seconds they would be in the year 5138."""
_TYPES: Mapping[str, FactType] = {
    "text": "string",
    "word": "string",
    "date": "string",
    "long": "long",
    "count": "long",
    "days_since": "long",
    "days_until": "long",
    "bool": "bool",
    "money": "decimal",
}


class PickError(ValueError):
    """What was read does not have the form that the manifest says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picker:
    """Picks values by the rules of one manifest.

    Attributes:
        money: how the provider writes amounts; None where it has none.
        now: the time, for ages in days.
    """

    money: MoneyUnit | None
    now: Callable[[], datetime]

    def value(self, pick: AnyPick, document: Document) -> FactValue | None:
        """The value with its type; None where there is nothing and no default.

        Raises:
            PickError: where something else is there than the pick says.
        """
        if isinstance(pick, str):
            return _bare(pick, _read(pick, document))
        found = _read(pick.path, document)
        if found is None and pick.kind != "count":
            return pick.default
        return self._typed(pick, found, document)

    def _typed(self, pick: Pick, found: JsonValue, document: Document) -> FactValue:
        match pick.kind:
            case "text":
                return plain(_as_text(pick.path, found), limit=pick.max or _LINE)
            case "word":
                word = _as_text(pick.path, found)
                return (pick.of or {}).get(word, plain(word, limit=_LINE))
            case "long":
                return _as_int(pick.path, found)
            case "count":
                return len(found) if isinstance(found, (list, tuple, dict)) else 0
            case "bool":
                if not isinstance(found, bool):
                    raise PickError(f"`{pick.path}` is neither true nor false")
                return found
            case "money":
                return self._amount(pick, found, document)
            case "date":
                return moment(pick.path, found).date().isoformat()
            case "days_since":
                return max(0, (self.now() - moment(pick.path, found)).days)
            case "days_until":
                return max(0, (moment(pick.path, found) - self.now()).days)
            case _:
                raise AssertionError(pick.kind)

    def fact(self, name: str, pick: AnyPick, document: Document) -> FactValue:
        """As `value`, for whatever needs one.

        Raises:
            PickError: also where there is nothing.
        """
        found = self.value(pick, document)
        if found is None:
            path = pick if isinstance(pick, str) else pick.path
            raise PickError(f"`{name}`: nothing is at `{path}`, and it has no default")
        return found

    def shown(self, name: str, pick: AnyPick, document: Document) -> str:
        """The value as a card shows it: one line, nothing hidden; of an argument, all of it."""
        found = self.fact(name, pick, document)
        if isinstance(found, bool):
            return "yes" if found else "no"
        text = str(found)
        if isinstance(pick, str):
            # INVARIANT: an argument is shown whole, since a yes is bound to all of it.
            whole = pick.startswith("args.")
            return text if whole else plain(text, limit=_LINE)
        return text

    def amount(self, pick: Pick, document: Document) -> Money:
        """An amount.

        Raises:
            PickError: where there is none.
        """
        found = self.fact("amount", pick, document)
        assert isinstance(found, Money)
        return found

    def _amount(self, pick: Pick, found: JsonValue, document: Document) -> Money:
        assert pick.currency is not None
        code = _read(pick.currency, document)
        if not isinstance(code, str):
            raise PickError(f"`{pick.currency}` is no currency")
        amount = self.read_money(found, code, pick.unit)
        if pick.minus is not None:
            less = _read(pick.minus, document)
            if less is not None:
                amount -= self.read_money(less, code, pick.unit)
        return amount

    def read_money(self, found: JsonValue, currency: str, unit: Unit | None = None) -> Money:
        """The provider's amount as ours.

        Raises:
            PickError: for a float, or what is no amount in this currency.
        """
        code = currency.upper()
        form = unit or (self.money.unit if self.money is not None else "minor")
        number = _decimal(found, is_text=form == "minor_text")
        try:
            ours = exponent_of(code)
            places = self._places(code) if form != "major" else 0
            minor = number.scaleb(ours - places)
            if minor != minor.to_integral_value():
                raise PickError(f"`{found}` {code} is no whole number of the smallest unit")
            return Money(int(minor), code)
        except RefusedError as error:
            raise PickError(error.message) from error

    def written(self, amount: Money) -> dict[str, JsonValue]:
        """An amount as templates name it: `minor` and `major` are the provider's.

        Raises:
            RefusedError: `invalid_money`, where the provider has fewer decimals than it needs.
        """
        theirs = Decimal(amount.amount_minor).scaleb(
            self._places(amount.currency) - exponent_of(amount.currency)
        )
        step = self.money.multiples.get(amount.currency, 1) if self.money is not None else 1
        if theirs % step != 0:
            steps = max(theirs // step, Decimal(1)) * step
            ours = steps.scaleb(exponent_of(amount.currency) - self._places(amount.currency))
            whole = Money(int(ours), amount.currency)
            raise RefusedError(
                Code.INVALID_MONEY,
                f"{amount} is finer than the provider takes",
                next_step=f"round the amount, such as to {whole}",
            )
        return {
            "minor": int(theirs),
            "minor_text": str(int(theirs)),
            "major": f"{amount.decimal:f}",
            # A double holds 15 digits, which is more than any amount of ours has decimals for.
            "major_number": float(amount.decimal),
            "currency": amount.currency,
            "currency_lower": amount.currency.lower(),
            "text": str(amount),
        }

    def _places(self, currency: str) -> int:
        special = self.money.exponents if self.money is not None else {}
        return special.get(currency, exponent_of(currency))


def fact_type(pick: AnyPick) -> FactType:
    """The type that a fact has in the policy; a bare path is a text."""
    return "string" if isinstance(pick, str) else _TYPES[pick.kind]


def _bare(path: str, found: JsonValue) -> FactValue | None:
    if found is None or isinstance(found, (str, bool, int)):
        return found
    if isinstance(found, Decimal):
        return str(found)
    raise PickError(f"`{path}` is a list or an object, and a single value is needed")


def _read(path: str, document: Document) -> JsonValue:
    try:
        return read(path, document)
    except ReadingError as error:
        raise PickError(str(error)) from error


def _as_text(path: str, found: JsonValue) -> str:
    if isinstance(found, str):
        return found
    if isinstance(found, (int, Decimal)) and not isinstance(found, bool):
        return str(found)
    raise PickError(f"`{path}` is no text")


def _as_int(path: str, found: JsonValue) -> int:
    if isinstance(found, str) and re.fullmatch(r"-?[0-9]{1,15}", found):
        return int(found)
    if isinstance(found, Decimal) and found == found.to_integral_value():
        return int(found)
    if isinstance(found, int) and not isinstance(found, bool) and abs(found) < 10**15:
        return found
    raise PickError(f"`{path}` is no whole number")


def _decimal(found: JsonValue | Decimal, *, is_text: bool) -> Decimal:
    if isinstance(found, str) and re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,10})?", found):
        return Decimal(found)
    exact = isinstance(found, (int, Decimal)) and not isinstance(found, bool)
    if exact and not is_text and abs(found) < 10**15:  # type: ignore[operator, arg-type]
        return Decimal(found)  # type: ignore[arg-type]
    raise PickError("what should be an amount is none")


def moment(path: str, found: JsonValue) -> datetime:
    """A time: RFC 3339, a day, or seconds or milliseconds since 1970.

    Raises:
        PickError: for anything else.
    """
    try:
        if isinstance(found, (int, Decimal)) and not isinstance(found, bool):
            seconds = found / 1000 if found > _EPOCH_MILLIS else found
            return datetime.fromtimestamp(float(seconds), UTC)
        if isinstance(found, str):
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", found):
                day = date.fromisoformat(found)
                return datetime(day.year, day.month, day.day, tzinfo=UTC)
            read_at = datetime.fromisoformat(found)
            return read_at if read_at.tzinfo is not None else read_at.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise PickError(f"`{path}` is no time") from error
    raise PickError(f"`{path}` is no time")


def as_failure(error: Exception, name: str) -> RetryableError:
    """The error of an answer that does not have the form which the manifest says."""
    return RetryableError(
        Code.CONNECTOR_FAILED,
        f"an answer to `{name}` does not have the form that its manifest says: {error}",
        next_step="compare the manifest with the provider's answers, then review it anew",
    )
