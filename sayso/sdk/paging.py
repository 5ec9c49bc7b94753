"""How many rows one page may have."""

from __future__ import annotations

from sayso.errors import Code, RefusedError

MAX_PAGE = 200


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
