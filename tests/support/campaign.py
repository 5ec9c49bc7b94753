"""How long campaigns are: tests that try at random, or one in so many of thousands of places.

The suite has each of them briefly; they are marked `campaign`. `SAYSO_CAMPAIGNS=10` makes all of
them so many times as long, each up to whatever there is to try:

    SAYSO_CAMPAIGNS=10 ./run test -m campaign
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
TIMES = max(1, int(os.environ.get("SAYSO_CAMPAIGNS", "1")))


def trials(count: int) -> int:
    """So many trials, where the suite makes `count`."""
    return count * TIMES


def stride(places: int) -> int:
    """How far apart the places are that are tried, where they are `places` apart in the suite."""
    return max(1, places // TIMES)


def some(things: Sequence[T], *, every: int) -> Sequence[T]:
    """The first of the things and each that is a stride of `every` further."""
    return things[:: stride(every)]
