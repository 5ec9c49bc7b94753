"""Whether the people who said yes are those who were asked: one answer for all who need it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence


def covers(asked: Sequence[Sequence[str]], given: Mapping[str, Collection[str]]) -> bool:
    """Whether distinct people fill every place of one of the ways in which it was asked.

    Args:
        asked: the ways that would do; each a role for each person, such as `[["finance", "lead"]]`.
        given: the people who said yes, with the roles that their word counts for.
    """
    return any(_fills(list(roles), given) for roles in asked)


def _fills(places: list[str], given: Mapping[str, Collection[str]]) -> bool:
    taken: dict[str, int] = {}

    def find(place: int, tried: set[str]) -> bool:
        for person, roles in given.items():
            if places[place] not in roles or person in tried:
                continue
            tried.add(person)
            if person not in taken or find(taken[person], tried):
                taken[person] = place
                return True
        return False

    return bool(places) and all(find(place, set()) for place in range(len(places)))
