"""Pages of what waits for people: where one ended, and where each one stands."""

from __future__ import annotations

from dataclasses import dataclass

from sayso.errors import Code, RefusedError
from sayso.sdk.views.solution import SolutionView


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxCursor:
    """Where a page of an inbox ended. `at`: microseconds since 1970, when that one expires."""

    at: int = 0
    id: str = ""

    def __str__(self) -> str:
        return f"{self.at}.{self.id}"

    @classmethod
    def read(cls, said: str) -> InboxCursor:
        """The place behind its external form; the beginning for an empty one.

        Raises:
            RefusedError: `invalid_input`.
        """
        if not said:
            return cls()
        at, _, approval_id = said.partition(".")
        if not at.isascii() or not at.isdecimal() or len(at) > 17 or len(approval_id) > 60:
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`{said[:40]}` is no place in an inbox",
                next_step="begin at the first page",
            )
        return cls(at=int(at), id=approval_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPage:
    """A page of what waits, the soonest first.

    Attributes:
        items: each solution once. after: of the last one, when there is more.
    """

    items: tuple[SolutionView, ...]
    after: InboxCursor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPlace:
    """Where one stands in an inbox.

    Attributes:
        at: microseconds since 1970, when it ends. id, action_id: of one of its approvals.
    """

    at: int
    id: str
    action_id: str
