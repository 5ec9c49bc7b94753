"""What a process leaves itself in the database: how far it has read a log, and what that said.

It saves the next process from reading the log from its beginning. Whoever can write the database
can put an older note in its place, which costs a longer read and changes nothing; one of their own
is not taken, since only the key outside the database can seal it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson

from sayso.audit.authority.codec import state_of, to_json
from sayso.audit.authority.state import Authority
from sayso.audit.limit_sums import LimitSums, LoggedUse, ToldUse, UsesOfAction

_VERSION = 2
"""Version 1 knew nothing of limits, so whoever finds one reads the log from its beginning, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How far a log was followed.

    Attributes:
        size: how many entries. frontier: of the tree over them, as `Frontier.to_bytes` has it.
        state: what they say is in force.
        told: what may change what is used of limits, of the entries that were read last.
        begun: what was used where the reading began; None where it went on from what was known.
    """

    size: int
    frontier: bytes
    state: Authority
    told: Sequence[ToldUse] = ()
    begun: LimitSums | None = None


def encode_note(tenant: str, followed: Followed, sums: LimitSums) -> bytes:
    """The note as it is stored; whose log it is about stands in it.

    Args:
        sums: what is used of limits at that very size.
    """
    return orjson.dumps(
        {
            "v": _VERSION,
            "tenant": tenant,
            "size": followed.size,
            "frontier": base64.b64encode(followed.frontier).decode(),
            "state": to_json(followed.state),
            "limits": _sums_to_json(sums),
        }
    )


def decode_note(tenant: str, encoded: bytes) -> Followed | None:
    """What a note says, whose seal fits; None for another version's, or another log's."""
    fields = cast("dict[str, Any]", orjson.loads(encoded))
    if fields.get("v") != _VERSION or fields.get("tenant") != tenant:
        return None
    return Followed(
        size=fields["size"],
        frontier=base64.b64decode(fields["frontier"]),
        state=state_of(fields["state"]),
        begun=_sums_of(fields["limits"], fields["size"]),
    )


def _sums_to_json(sums: LimitSums) -> dict[str, Any]:
    sums.sweep()
    return {
        "sums": [
            [*name, [[*place, *used] for place, used in buckets.items()]]
            for name, buckets in sums.sums.items()
        ],
        "open": {
            name: [life.holding, [list(use) for use in life.uses]]
            for name, life in sums.open.items()
        },
        "kept": sums.kept,
        "newest": sums.newest,
    }


def _sums_of(said: dict[str, Any], size: int) -> LimitSums:
    return LimitSums(
        size=size,
        sums={
            (limit, currency, key): {
                (bucket, mark): (number, minor) for bucket, mark, number, minor in buckets
            }
            for limit, currency, key, buckets in said["sums"]
        },
        open={
            name: UsesOfAction(holding, tuple(LoggedUse(tuple(use[0]), *use[1:]) for use in uses))
            for name, (holding, uses) in said["open"].items()
        },
        kept=said["kept"],
        newest=said["newest"],
    )
