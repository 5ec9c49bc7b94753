"""What every table of a manifest is made of: closed tables, paths, durations, and picks."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from sayso.reading import check_expression

MAX_BYTES = 64 * 1024
MAX_READS = 5
MAX_PAGES = 20

_DURATION = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds_of(duration: str) -> int:
    """`90s`, `30m`, `24h`, `45d` in seconds.

    Raises:
        ValueError: for another form.
    """
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError("write a duration such as `90s`, `30m`, `24h` or `45d`")
    return int(found[1]) * _SECONDS[found[2]]


def _is_duration(value: str) -> str:
    seconds_of(value)
    return value


def _is_path(value: str) -> str:
    check_expression(value)
    return value


def _is_pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return value


Path = Annotated[str, Field(min_length=1), AfterValidator(_is_path)]
"""JMESPath over an answer, or over all that was read."""
Duration = Annotated[str, AfterValidator(_is_duration)]
Pattern = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_is_pattern)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Line = Annotated[str, Field(max_length=300, pattern=r"^[^\r\n]*$")]
Names = Annotated[dict[str, JsonValue], Field(max_length=100)]


class ManifestTable(BaseModel):
    """Any table of a manifest: closed and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


PICKS = ("text", "long", "bool", "money", "date", "days_since", "days_until", "count", "word")


class Pick(ManifestTable):
    """One typed value out of what was read; null without a `default` is an error, never empty.

    Attributes:
        text, long, bool, money, date, days_since, days_until, count, word: the path, under the
            name of its type; exactly one.
        max: characters of a text.
        default: for null.
        currency: where the currency of `money` is read; `'USD'` in quotes is a literal.
        unit: of this amount, where it differs from `[money] unit`.
        minus: an amount to take off, as captured less refunded.
        of: what each word is shown as.
    """

    text: Path | None = None
    long: Path | None = None
    bool_: Path | None = Field(default=None, alias="bool")
    money: Path | None = None
    date: Path | None = None
    days_since: Path | None = None
    days_until: Path | None = None
    count: Path | None = None
    word: Path | None = None
    max: Annotated[int, Field(ge=1, le=10_000)] | None = None
    default: str | int | bool | None = None
    currency: Path | None = None
    unit: Literal["minor", "major", "minor_text"] | None = None
    minus: Path | None = None
    of: dict[str, Line] | None = None

    @property
    def kind(self) -> str:
        """Which type it has."""
        return next(name for name in PICKS if self._path(name) is not None)

    @property
    def path(self) -> str:
        """Where it is read."""
        path = self._path(self.kind)
        assert path is not None
        return path

    def _path(self, name: str) -> str | None:
        found: str | None = getattr(self, "bool_" if name == "bool" else name)
        return found

    @model_validator(mode="after")
    def _one_type(self) -> Pick:
        given = [name for name in PICKS if self._path(name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(PICKS)}")
        money = given == ["money"]
        if money != (self.currency is not None):
            raise ValueError("`money` and `currency` go together")
        if not money and (self.minus is not None or self.unit is not None):
            raise ValueError("`minus` and `unit` are for `money`")
        if self.max is not None and given != ["text"]:
            raise ValueError("`max` is for `text`")
        if self.of is not None and given != ["word"]:
            raise ValueError("`of` is for `word`")
        return self


AnyPick = Path | Pick
"""A bare path is a text on a card, and keeps its type in facts and preconditions."""
Picks = Annotated[dict[Annotated[str, Field(min_length=1, max_length=60)], AnyPick], Field()]
