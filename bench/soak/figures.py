"""What the log says of a soak: how long it took until somebody took over from the dead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from bench.crash.ledger import Logged
from sayso.audit.entry import EntryKind

SETTLED = (EntryKind.ACTION_SUCCEEDED, EntryKind.ACTION_RECONCILED, EntryKind.ACTION_FAILED)
_TAKEN_OVER = (EntryKind.ACTION_INTENT, EntryKind.ACTION_RECONCILED, EntryKind.ACTION_UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """What was done to a worker.

    Attributes:
        at: microseconds since 1970.
        calling: actions whose call had left the worker without an answer.
    """

    what: Literal["killed", "paused"]
    at: int
    calling: frozenset[str]


@dataclass(slots=True, kw_only=True)
class TakeOvers:
    """How long it took, in seconds.

    Attributes:
        killed: from the kill to the next entry about an action that the dead had claimed.
        paused: the same from SIGSTOP.
        living: take-overs that no blow explains: a worker too busy to extend its lease.
    """

    killed: list[float] = field(default_factory=list[float])
    paused: list[float] = field(default_factory=list[float])
    living: int = 0


def by_action(entries: Sequence[Logged]) -> Mapping[str, list[Logged]]:
    """The entries of each action, in order."""
    found: dict[str, list[Logged]] = defaultdict(list)
    for entry in entries:
        found[entry.action_id].append(entry)
    return found


def take_overs(entries: Sequence[Logged], blows: Sequence[Blow]) -> TakeOvers:
    """Every intent that somebody else had to see to.

    Where several blows fall between the intent and what followed, the one to the worker that was
    calling counts; else the earliest, so that no time comes out too short.
    """
    found = TakeOvers()
    for own in by_action(entries).values():
        for intent, after in pairwise(own):
            if intent.kind != EntryKind.ACTION_INTENT or after.kind not in _TAKEN_OVER:
                continue
            between = [blow for blow in blows if intent.at <= blow.at <= after.at]
            calling = [blow for blow in between if intent.action_id in blow.calling]
            if not between:
                found.living += 1
                continue
            blow = (calling or between)[0]
            times = found.killed if blow.what == "killed" else found.paused
            times.append((after.at - blow.at) / 1e6)
    return found


def settled_twice(entries: Sequence[Logged]) -> list[str]:
    """Actions that the log settles more than once, so that a late write did change something."""
    return [
        action_id
        for action_id, own in by_action(entries).items()
        if sum(entry.kind in SETTLED for entry in own) > 1
    ]


def taken_over_between(own: Sequence[Logged], begin: int, end: int) -> bool:
    """Whether somebody saw to the action in that time (microseconds since 1970)."""
    return any(entry.kind in _TAKEN_OVER and begin <= entry.at <= end for entry in own)
