"""How often people did exactly what shadow would have done, and whether it is enough to widen.

SOURCE: E. B. Wilson (1927), the score interval, with 95 % confidence. Looking after every case
would call one in eight ready that agrees in 90 % only; at five looks it is one in twenty.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

Z = 1.959963984540054
"""Of the normal distribution, for 95 %."""
LOOKS = (30, 60, 120, 240, 480)
"""At so many cases it is looked whether it is enough, and at no others."""
LEAST_CUSTOMERS = 30
LEAST_DAYS = 14
QUIET = timedelta(days=30)
BAR = 0.90
FEW = 30
"""Under so many no share is told, only how many of how many."""


class Match(StrEnum):
    """What people did, beside what shadow would have done."""

    SAME = "same"
    LESS = "less"
    MORE = "more"
    OTHER = "other"
    """Another action for this customer, or on this object."""
    NOTHING = "nothing"
    """Nothing until the end: refused or forgotten, which the provider cannot tell apart."""
    UNSEEN = "unseen"
    """Nobody can say; in no share, and told beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowCase:
    """One proposal of shadow that was compared.

    Attributes:
        day: of the proposal, in the workspace's zone.
    """

    customer: str
    day: date
    match: Match


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How often it was the same.

    Attributes:
        counts: of every match, `unseen` beside the others.
        low, high: between which the true share lies, rounded outwards to whole percents.
        missing: what keeps it from being ready to widen, in words; empty when it is.
    """

    counts: dict[Match, int]
    low: int
    high: int
    missing: tuple[str, ...]

    @property
    def same(self) -> int:
        """How many were the same."""
        return self.counts[Match.SAME]

    @property
    def counted(self) -> int:
        """Of how many."""
        return sum(count for match, count in self.counts.items() if match is not Match.UNSEEN)

    @property
    def words(self) -> str:
        """Such as `97 % of 212 (94 to 99)`; under 30 without a share."""
        if not self.counted:
            return "nothing to compare yet"
        if self.counted < FEW:
            return f"{self.same} of {self.counted}"
        share = round(100 * self.same / self.counted)
        return f"{share} % of {self.counted:,} ({self.low} to {self.high})"


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Between which two the true share lies."""
    if of == 0:
        return 0.0, 1.0
    share, square = hits / of, Z * Z
    middle = share + square / (2 * of)
    spread = Z * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    bottom = 1 + square / of
    low = 0.0 if hits == 0 else (middle - spread) / bottom
    high = 1.0 if hits == of else (middle + spread) / bottom
    return low, high


def percents(hits: int, of: int) -> tuple[int, int]:
    """The same in whole percents, rounded outwards."""
    low, high = wilson(hits, of)
    return math.floor(low * 100 + 1e-9), math.ceil(high * 100 - 1e-9)


def agreement_of(
    cases: Sequence[ShadowCase], *, wrong_since: timedelta | None, bar: float = BAR
) -> Agreement:
    """What cases say together.

    Args:
        cases: oldest first; of one customer on one day the first one counts.
        wrong_since: how long ago something of this segment turned out wrong; None for never.
        bar: what the lower end has to reach.
    """
    counts = dict.fromkeys(Match, 0)
    kept: list[ShadowCase] = []
    seen: set[tuple[str, date]] = set()
    for case in cases:
        if case.match is Match.UNSEEN:
            counts[Match.UNSEEN] += 1
        elif (case.customer, case.day) not in seen:
            seen.add((case.customer, case.day))
            kept.append(case)
    counts.update(Counter(case.match for case in kept))
    low, high = percents(counts[Match.SAME], len(kept))
    return Agreement(
        counts=counts,
        low=low,
        high=high,
        missing=tuple(_missing(kept, wrong_since, bar)),
    )


def _missing(kept: Sequence[ShadowCase], wrong_since: timedelta | None, bar: float) -> list[str]:
    look = max((one for one in LOOKS if one <= len(kept)), default=0)
    if not look:
        return [f"{LOOKS[0] - len(kept)} more cases until the first look"]
    cases = kept[:look]
    missing: list[str] = []
    low, _ = wilson(sum(case.match is Match.SAME for case in cases), look)
    if low < bar:
        following = next((one for one in LOOKS if one > look), None)
        then = f"; the next look is at {following}" if following else ""
        missing.append(
            f"at least {low:.0%} agree for sure, and it has to be {bar:.0%} (of {look}){then}"
        )
    customers = len({case.customer for case in cases})
    if customers < LEAST_CUSTOMERS:
        missing.append(f"{customers} customers, of at least {LEAST_CUSTOMERS}")
    days = {case.day for case in cases}
    if (max(days) - min(days)).days + 1 < LEAST_DAYS or len({day.weekday() for day in days}) < 7:
        missing.append(f"{LEAST_DAYS} days with every weekday")
    if wrong_since is not None and wrong_since < QUIET:
        missing.append(f"something was wrong {wrong_since.days} days ago, within {QUIET.days}")
    return missing
