"""Makes a walk that found something shorter, as long as it finds the same."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from walk.driver import Found, Step, Walked

Again = Callable[[Sequence[Step]], Awaitable[Walked]]
_CHANGING = re.compile(r"\b[a-z]{2,5}_[A-Za-z0-9]{8,}\b|\d+")


def same(one: Found | None, other: Found) -> bool:
    """Whether two findings are of the same thing, whatever its ids and amounts."""
    return one is not None and (one.kind, _gist(one.what)) == (other.kind, _gist(other.what))


async def shrink(walked: Walked, again: Again, *, tries: int = 80) -> Walked:
    """The shortest walk that was found within so many tries; itself where none is shorter.

    Source: Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input (2002).
    """
    found = walked.found
    assert found is not None, "of a walk that found something"
    best, steps = walked, walked.steps[: found.step]
    size = max(1, len(steps) // 2)
    while tries > 0 and steps:
        shorter = None
        for start in range(0, len(steps), size):
            if tries <= 0:
                break
            tries -= 1
            wanted = [*steps[:start], *steps[start + size :]]
            tried = await again(wanted)
            if same(tried.found, found):
                assert tried.found is not None, "it is the same"
                shorter = tried
                break
        if shorter is not None and shorter.found is not None:
            best, steps = shorter, shorter.steps[: shorter.found.step]
            size = min(size, max(1, len(steps) // 2))
        elif size == 1:
            break
        else:
            size = max(1, size // 2)
    return best


def _gist(what: str) -> str:
    return _CHANGING.sub("…", what)[:60]
