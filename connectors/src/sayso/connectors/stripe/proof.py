"""Whether it was this action: the reference at Stripe proves it, and nothing else does.

Our reference reaches Stripe together with the effect or not at all, so whatever carries it was done
by this action, and what does not carry it was done by somebody else, however alike it looks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.errors import Code, OutcomeUnknownError, RefusedError

PAGE = 100
"""What Stripe gives at most of a list at once. Source: Stripe docs: Pagination."""

MOST_LISTED = 2_000
"""How much of one list is read; what lies beyond nobody has seen."""

LOOK_OR_WAIT = "wait for the look-up, or look in the Stripe dashboard"
"""The next step after an answer that proves nothing."""


class _Listed(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_Listed)
T_co = TypeVar("T_co", bound=_Listed, covariant=True)


class _Page(Protocol[T_co]):
    """What is used of the SDK's `ListObject`."""

    @property
    def data(self) -> Sequence[T_co]: ...
    @property
    def has_more(self) -> bool: ...


async def find_listed(
    read_page: Callable[[str | None], Awaitable[_Page[T]]],
    is_wanted: Callable[[T], bool],
) -> T | Absence:
    """The first of a list that is wanted, read page by page.

    Args:
        read_page: reads up to `PAGE` of the list after the object of that id; None is the first.
        is_wanted: whether the search ends with it.

    Returns:
        the object; `ABSENT` when the whole list holds none; `CANNOT_TELL` when it is longer than
        `MOST_LISTED`, or says that it goes on and does not.
    """
    after: str | None = None
    for _ in range(MOST_LISTED // PAGE):
        page = await read_page(after)
        for one in page.data:
            if is_wanted(one):
                return one
        # INVARIANT: only a list that was read to its end proves that there is none.
        if not page.has_more:
            return Absence.ABSENT
        if not page.data:
            return Absence.CANNOT_TELL
        after = page.data[-1].id
    return Absence.CANNOT_TELL


def proven(receipt: Receipt | None, *, otherwise: str) -> Receipt:
    """The receipt of this action.

    Args:
        receipt: None when the answer does not carry our reference.
        otherwise: what the answer lacks, for the message.

    Raises:
        OutcomeUnknownError: `outcome_unknown`, when there is none.
    """
    if receipt is None:
        raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, otherwise, next_step=LOOK_OR_WAIT)
    return receipt


async def done_before(
    look_up: Callable[[Call], Awaitable[Receipt | Absence]], call: Call, refusal: RefusedError
) -> Receipt:
    """The effect of an earlier try, when that is why Stripe says no now; else the refusal.

    Only our reference counts: what somebody else has done is no success of ours.

    Raises:
        RefusedError: `refusal` itself.
    """
    if refusal.code is not Code.PROVIDER_REFUSED:
        raise refusal
    try:
        found = await look_up(call)
    except RefusedError:
        raise refusal from None
    if isinstance(found, Receipt):
        return found
    raise refusal
