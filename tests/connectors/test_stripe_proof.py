"""What proves at Stripe that it was this action, over lists of any length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from sayso.actions.model.snapshot import Absence
from sayso.connectors.stripe.proof import MOST_LISTED, PAGE, find_listed


@dataclass(frozen=True, slots=True)
class Listed:
    """An object of a list."""

    id: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, as the SDK shows it."""

    data: Sequence[Listed]
    has_more: bool


@dataclass(slots=True)
class Listing:
    """A list of so many objects, `o1` first, given out page by page."""

    length: int
    pages: int = 0

    async def read(self, after: str | None) -> Page:
        """As Stripe does with `starting_after`."""
        self.pages += 1
        begun = 0 if after is None else int(after.removeprefix("o"))
        ended = min(begun + PAGE, self.length)
        data = [Listed(f"o{number}") for number in range(begun + 1, ended + 1)]
        return Page(data, ended < self.length)


@pytest.mark.promise("connectors:proof")
@pytest.mark.parametrize("place", [1, PAGE, PAGE + 1, 3 * PAGE, MOST_LISTED])
async def test_it_is_found_on_whatever_page_it_stands(place: int) -> None:
    """Our reference counts wherever in the list it is, and no page beyond it is read."""
    listing = Listing(MOST_LISTED + PAGE)
    assert await find_listed(listing.read, lambda one: one.id == f"o{place}") == Listed(f"o{place}")
    assert listing.pages == -(-place // PAGE)


@pytest.mark.promise("connectors:proof")
@pytest.mark.parametrize(
    ("length", "found"),
    [
        (0, Absence.ABSENT),
        (PAGE, Absence.ABSENT),
        (PAGE + 1, Absence.ABSENT),
        (MOST_LISTED, Absence.ABSENT),
        (MOST_LISTED + 1, Absence.CANNOT_TELL),
    ],
)
async def test_only_a_list_that_was_read_to_its_end_proves_absence(
    length: int, found: Absence
) -> None:
    """What was not read may hold it, so nothing is called again for its sake."""
    assert await find_listed(Listing(length).read, lambda one: False) is found


@pytest.mark.promise("connectors:proof")
async def test_a_list_that_says_that_it_goes_on_and_does_not_proves_nothing() -> None:
    """An empty page with `has_more` contradicts itself: the look-up cannot tell."""

    async def read(after: str | None) -> Page:
        return Page([], has_more=True)

    assert await find_listed(read, lambda one: True) is Absence.CANNOT_TELL
