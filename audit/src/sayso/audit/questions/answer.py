"""What a question is asked with, and what is given back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sayso.audit.entry import Json
from sayso.audit.queries.query import parse_query
from sayso.audit.questions.catalog import NamedQuestion
from sayso.audit.questions.index import QuestionIndex
from sayso.errors import Code, RefusedError
from sayso.money import Money

MOST_ROWS = 1000
"""Of one answer; more are said to be there, and found by fewer days."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OVER = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Z]{3})")
_EVER = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionScope:
    """With what a question is asked.

    Attributes:
        since, until: microseconds since 1970; from included, to excluded.
        over: only more money than this, in this currency; None for any.
    """

    since: int = 0
    until: int = _EVER
    over: Money | None = None

    @classmethod
    def read(cls, since: str = "", until: str = "", over: str = "") -> QuestionScope:
        """Read what was typed.

        Args:
            since, until: days in UTC such as `2026-11-01`, both included; empty for all.
            over: such as `100USD` or `99.50EUR`; empty for any.

        Raises:
            RefusedError: `invalid_input`.
        """
        for day in (since, until):
            if day and not _DAY.fullmatch(day):
                raise _unreadable(day, "write a day as 2026-11-01")
        days = parse_query(f"created:{since}..{until}" if since or until else "")
        match = _OVER.fullmatch(over) if over else None
        if over and match is None:
            raise _unreadable(over, "write an amount as 100USD")
        return cls(
            since=days.at_from or 0,
            until=_EVER if days.at_to is None else days.at_to,
            over=None if match is None else Money.parse(match[1], match[2]),
        )

    @property
    def parameters(self) -> Mapping[str, int | str]:
        """The same for SQL."""
        return {
            "since": self.since,
            "until": self.until,
            "over_minor": 0 if self.over is None else self.over.amount_minor,
            "over_currency": "" if self.over is None else self.over.currency,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """What the rows of an answer rest on.

    Attributes:
        entries: that were read. size: of the signed head, whose entries are 0 to `size - 1`.
        complete: whether all of them that are kept were read, so that no row is missing.
        pinned: whether whoever asks knew the key beforehand that signed it.
        words: what was verified and what was not, in one sentence.
    """

    entries: int
    size: int
    complete: bool
    pinned: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer, whose rows come from verified entries alone.

    Attributes:
        columns: the heads of the table. rows: texts and numbers, in the order of the question.
        more: there are more rows than these; fewer days show them.
        covered: what it rests on.
    """

    question: NamedQuestion
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]
    more: bool
    covered: Covered

    @property
    def nothing(self) -> str:
        """What it means that there is no row; empty where there is one."""
        if self.rows:
            return ""
        if self.covered.complete:
            return self.question.empty
        held = f"{self.covered.entries:,} of {self.covered.size:,} entries"
        return f"No row. That proves nothing: this holds {held}, and what is left out isn't found."

    @property
    def items(self) -> list[dict[str, Json]]:
        """The rows, each under the heads of its columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def to_json(self) -> dict[str, Json]:
        """The answer for `--json`."""
        return {
            "question": self.question.name,
            "title": self.question.title,
            "columns": list(self.columns),
            "items": list[Json](self.items),
            "more": self.more,
            "nothing": self.nothing or None,
            "entries": self.covered.entries,
            "size": self.covered.size,
            "complete": self.covered.complete,
            "pinned": self.covered.pinned,
            "verified": self.covered.words,
        }


def answer(
    index: QuestionIndex,
    question: NamedQuestion,
    asked: QuestionScope,
    covered: Covered,
    most: int = MOST_ROWS,
) -> Answer:
    """Ask the index, whose entries have been verified.

    Raises:
        RefusedError: `invalid_input`, where it takes too long.
    """
    columns, rows = index.ask(question.sql, asked.parameters, most + 1)
    return Answer(
        question=question,
        columns=columns,
        rows=tuple(rows[:most]),
        more=len(rows) > most,
        covered=covered,
    )


def _unreadable(said: str, hint: str) -> RefusedError:
    return RefusedError(Code.INVALID_INPUT, f"`{said[:40]}` can't be read", next_step=hint)
