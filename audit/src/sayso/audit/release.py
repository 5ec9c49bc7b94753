"""Release: one person stops or holds something, and two end it: one asks, another confirms."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

from sayso.errors import Code, RefusedError


class Released(Protocol):
    """Something that two people end, as far as they have come."""

    @property
    def asked_by(self) -> str | None:
        """Who asked for the end, by id."""
        ...

    @property
    def asked_key(self) -> str | None:
        """By which call."""
        ...

    @property
    def released_by(self) -> str | None:
        """Who confirmed it, by id."""
        ...

    @property
    def released_key(self) -> str | None:
        """By which call."""
        ...

    @property
    def in_force(self) -> bool:
        """Whether it has not ended yet."""
        ...


class Word(Enum):
    """What one more person's word does."""

    REPEATS = auto()
    """Nothing: the same call was made before."""
    ASKS = auto()
    """It is the first: nobody has asked, or who did has no say any more."""
    CONFIRMS = auto()
    """It is the second, and ends it."""


def word_about(
    row: Released,
    *,
    person: str,
    key: str,
    noun: str,
    confirm: str,
    has_say: Callable[[str], bool],
) -> Word:
    """What this person's word does now.

    Args:
        key: of the call, as the row keeps it.
        noun: what it is, in words. confirm: the next step of whoever has asked already.
        has_say: whether somebody has a say in it now, by id.

    Raises:
        RefusedError: `already_decided`, `own_request` for the same person's second word.
    """
    if (person, key) in {(row.asked_by, row.asked_key), (row.released_by, row.released_key)}:
        return Word.REPEATS
    if not row.in_force:
        raise RefusedError(
            Code.ALREADY_DECIDED,
            f"this {noun} was released by {row.asked_by} and {row.released_by} already",
            next_step="nothing",
        )
    if row.asked_by is None or not has_say(row.asked_by):
        return Word.ASKS
    if row.asked_by == person:
        raise RefusedError(
            Code.OWN_REQUEST,
            "you asked for this yourself, so somebody else has to confirm it",
            next_step=confirm,
        )
    return Word.CONFIRMS
