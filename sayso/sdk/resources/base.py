"""What every resource of the SDK's front stands on; at the end, pages and states of its lists."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from sayso.actions.approvals.decision import DecisionChoice
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, is_id
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.sdk.container import Container

State = TypeVar("State", bound=StrEnum)

SDK = Actor(kind=ActorKind.SERVICE, id="sdk")
"""Who asks when nobody in particular does."""
MAX_PAGE = 200
_SHOWN_CHARACTERS = 40


class Resource:
    """One noun of an open workspace."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def _tenant(self, tenant: str | None) -> Tenant:
        """The tenant that is meant; the workspace's own where none is named."""
        return self._container.tenant if tenant is None else Tenant(tenant)


def page_of(limit: int) -> int:
    """The limit of a page.

    Raises:
        RefusedError: `invalid_input`, when it is not 1 to 200.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"a page has 1 to {MAX_PAGE} rows",
            next_step=f"ask for 1 to {MAX_PAGE}, and then for the page behind the last id",
        )
    return limit


def cursor_of(prefix: str, after: str | None) -> str | None:
    """The id of the last row of the page before; None for the first page.

    Args:
        prefix: of the ids of these rows, such as `act`.

    Raises:
        RefusedError: `invalid_input`, when it is no id of such a row: it would begin anywhere, and
            whoever follows it would read the same page for ever.
    """
    if after is None or is_id(prefix, after):
        return after
    raise RefusedError(
        Code.INVALID_INPUT,
        f"`after`: `{plain(after, limit=_SHOWN_CHARACTERS)}` is no id of such a row",
        next_step=f"pass the id of the last row of the page before, `{prefix}_…`",
    )


def as_choice(choice: str) -> DecisionChoice:
    """A decision.

    Raises:
        RefusedError: `invalid_input`.
    """
    try:
        return DecisionChoice(choice)
    except ValueError:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`{choice[:40]}` is no decision",
            next_step="say approve, reject or edit",
        ) from None


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
