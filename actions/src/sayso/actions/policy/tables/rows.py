"""What a row says: a sort, conditions, an amount, and who has to agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal, TypeAlias


class RowKind(StrEnum):
    """The three sorts of rows."""

    ALLOW = "allow"
    """May be done; with `by` once these people agreed."""
    ASK = "ask"
    """Whatever allows it, `by` has to agree."""
    NEVER = "never"
    """Nobody can approve it."""


Bound = Literal["over", "at_least", "under", "up_to"]
BOUNDS: tuple[Bound, ...] = ("over", "at_least", "under", "up_to")


@dataclass(frozen=True, slots=True)
class TextIs:
    """A text is one of these words, or none of them."""

    name: str
    words: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class NumberIs:
    """A number is within bounds."""

    name: str
    bounds: tuple[tuple[Bound, int], ...]


@dataclass(frozen=True, slots=True)
class MoneyIs:
    """An amount in one currency is within bounds; in another currency it is not."""

    name: str
    currency: str
    bounds: tuple[tuple[Bound, Decimal], ...]


@dataclass(frozen=True, slots=True)
class FlagIs:
    """A yes-or-no fact is so."""

    name: str
    value: bool


@dataclass(frozen=True, slots=True)
class HourIs:
    """The local hour is from one to before another, over midnight.

    Within a day it is a `NumberIs`.
    """

    start: int
    end: int


Condition: TypeAlias = "TextIs | NumberIs | MoneyIs | FlagIs | HourIs"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """One row; one Cedar rule.

    Attributes:
        id: `FILE.ROW`, or a rule\'s own.
        say: the sentence that people read where it decided.
        conditions: all of them have to hold, in order.
        amounts: by currency: `up_to` of an `allow`, `over` of the others; empty for any amount.
        by: one of these roles has to be among those who agree; empty for nobody.
        people: how many have to agree.
    """

    sort: RowKind
    id: str
    say: str
    conditions: tuple[Condition, ...] = ()
    amounts: Mapping[str, Decimal] | None = None
    by: tuple[str, ...] = ()
    people: int = 1


NAMES: dict[str, str] = {
    "count_30d": "count30d",
    "amount_30d": "amount30d",
    "hour": "localHour",
    "utc_hour": "hour",
    "assurance": "principal.assurance",
    "kind": "resource.kind",
}
"""Names in a table that are called otherwise in Cedar; all others are the same."""


def name_in_table(name: str) -> str:
    """How a table calls a field of Cedar."""
    return next((ours for ours, theirs in NAMES.items() if theirs == name), name)
