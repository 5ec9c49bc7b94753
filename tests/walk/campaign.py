"""Many walks, one after another, over the variants in turn."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from walk.driver import Step, Walked, drawn, walk
from walk.places import Places
from walk.variants import VARIANTS


@dataclass(kw_only=True)
class Campaign:
    """What came of it.

    Attributes:
        steps: taken and judged. found: the walks that found something, by their number.
    """

    walks: int = 0
    steps: int = 0
    seconds: float = 0.0
    found: dict[int, Walked] = field(default_factory=dict[int, Walked])
    done: dict[str, int] = field(default_factory=dict[str, int])
    """How often each operation did something, by its name and its door."""

    def count(self, kind: str) -> int:
        """How many walks found something of a kind."""
        return sum(one.found is not None and one.found.kind == kind for one in self.found.values())


Tell = Callable[[Campaign, int, Walked], Awaitable[bool]]


def variant_of(number: int, only: str = "") -> str:
    """The variant of a walk by its number."""
    names = list(VARIANTS)
    return only or names[number % len(names)]


def steps_of(
    variant: str, seed: int, number: int, steps: int, often: frozenset[str] = frozenset()
) -> list[Step]:
    """The steps of a walk by its number."""
    return drawn(VARIANTS[variant], seed * 1_000_003 + number, steps, often)


async def campaign(
    places: Places,
    *,
    numbers: Sequence[int],
    seed: int,
    steps: int,
    variant: str = "",
    often: frozenset[str] = frozenset(),
    tell: Tell | None = None,
    came: Campaign | None = None,
) -> Campaign:
    """Walk so many walks.

    Args:
        numbers: of the walks. variant: all in turn where it is empty.
        often: operations to draw more often.
        tell: is told of each walk; it ends here where that says False.
        came: where to note what came of it; it is returned.
    """
    came = Campaign() if came is None else came
    began = time.monotonic()
    for number in numbers:
        chosen = variant_of(number, variant)
        walked = await walk(places, chosen, steps_of(chosen, seed, number, steps, often))
        came.walks += 1
        came.steps += len(walked.journal)
        came.seconds = time.monotonic() - began
        for line in walked.journal:
            what = line.partition(" #")[0]
            came.done[what] = came.done.get(what, 0) + 1
        if walked.found is not None:
            came.found[number] = walked
        if tell is not None and not await tell(came, number, walked):
            break
    return came
