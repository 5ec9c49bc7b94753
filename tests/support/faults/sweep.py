"""`sweep`: the same life again and again, each time with the loss at another point."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from support.faults.points import Points


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What a sweep went through.

    Attributes:
        points: the names that counted in the run without a loss, in order.
        struck: the names at which a run was struck, in order.
    """

    points: tuple[str, ...]
    struck: tuple[str, ...]


async def sweep(
    run: Callable[[int], Awaitable[Points]], *, first: int = 1, every: int = 1
) -> Sweep:
    """Run once to count the points, then once for each of them.

    Args:
        run: a whole life in a fresh place, struck at the point with that number (0: at none); it
            judges what came of it by assertions, and returns its points.
        first, every: which points: `first`, `first + every` and so on.

    Raises:
        AssertionError: with every point whose run was judged wrong, or that was never reached.
    """
    whole = await run(0)
    assert whole.counted, "the run passed no point that counts"
    struck: list[str] = []
    wrong: list[str] = []
    for at in range(first, whole.counted + 1, every):
        try:
            points = await run(at)
        except AssertionError as error:
            wrong.append(f"at {at} of {whole.counted}: {error}")
            continue
        if points.struck_at is None:
            wrong.append(f"at {at} of {whole.counted}: never reached")
        else:
            struck.append(points.struck_at)
    assert not wrong, "\n".join([f"{len(wrong)} wrong:", *wrong])
    return Sweep(points=whole.passed, struck=tuple(struck))
