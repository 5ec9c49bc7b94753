"""Who might say yes: so many people, and the roles that they hold together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HypotheticalApprovals:
    """Some people\'s yes.

    Attributes:
        people: how many distinct ones. roles: all that they hold, together.
    """

    people: int
    roles: frozenset[str]


def all_approvals(roles: Sequence[str], max_people: int) -> list[HypotheticalApprovals]:
    """Every set of approvals that a rule could tell from another one, the fewest people first.

    One person may hold several roles, so two roles are no two people.
    """
    found = [HypotheticalApprovals(people=0, roles=frozenset())]
    subsets = [
        frozenset(chosen)
        for size in range(1, len(roles) + 1)
        for chosen in itertools.combinations(roles, size)
    ]
    for people in range(1, max_people + 1):
        found += [HypotheticalApprovals(people=people, roles=subset) for subset in subsets]
    return found


def who(roles: Sequence[str]) -> str:
    """The least people in words, such as `two people: support manager, finance`."""
    named = [role.replace("_", " ") for role in roles]
    if not named:
        return "nobody"
    if len(named) == 1:
        return f"{named[0]} alone"
    return f"{_NUMBERS[len(named)]} people: {', '.join(named)}"


_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five"}
