"""What callers say in words, as the floors below know it."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from sayso.actions.action import Assurance, Subject
from sayso.actions.decision import Choice
from sayso.errors import Code, RefusedError


def as_subject(subject: str | Subject) -> Subject:
    """A customer; one that is given by id alone was verified by the caller."""
    if isinstance(subject, Subject):
        return subject
    return Subject(id=subject, assurance=Assurance.VERIFIED)


def as_choice(choice: str) -> Choice:
    """A decision.

    Raises:
        RefusedError: `invalid_input`.
    """
    try:
        return Choice(choice)
    except ValueError:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`{choice[:40]}` is no decision",
            next_step="say approve, reject or edit",
        ) from None


State = TypeVar("State", bound=StrEnum)


def as_state(status: str | None, states: type[State], noun: str) -> str | None:
    """A state to look for; None is any.

    Raises:
        RefusedError: `invalid_input`, for one that there is not: nothing is ever in it.
    """
    if status is None or status in set(states):
        return status
    raise RefusedError(
        Code.INVALID_INPUT,
        f"`{status[:40]}` is no state of {noun}",
        next_step=f"use one of {', '.join(states)}",
    )
