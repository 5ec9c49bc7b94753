"""Quorum: whether enough different people have agreed."""

from __future__ import annotations

from collections.abc import Sequence

from sayso.actions.policy.base import Approver


def are_enough(roles: Sequence[str], approvers: Sequence[Approver]) -> bool:
    """Whether each of these roles has a person of its own among those who said yes.

    The policy counts people and roles by itself; this holds a step to what its whole plan asks.
    """
    taken: dict[int, int] = {}  # place of the role by place of the person: Kuhn's matching

    def place(role: int, seen: set[int]) -> bool:
        for person, approver in enumerate(approvers):
            if person in seen or roles[role] not in approver.roles:
                continue
            seen.add(person)
            if person not in taken or place(taken[person], seen):
                taken[person] = role
                return True
        return False

    return all(place(role, set()) for role in range(len(roles)))
