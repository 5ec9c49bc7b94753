"""What a process leaves itself in the database: how far it has read a log, and what that said.

It saves the next process from reading the log from its beginning. Whoever can write the database
can put an older note in its place, which costs a longer read and changes nothing; one of their own
is not taken, since only the key outside the database can seal it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, cast

import orjson

from sayso.audit.authority.codec import state_of, to_json
from sayso.audit.authority.state import Authority

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How far a log was followed.

    Attributes:
        size: how many entries. frontier: of the tree over them, as `Frontier.to_bytes` has it.
        state: what they say is in force.
    """

    size: int
    frontier: bytes
    state: Authority


def encode_note(tenant: str, followed: Followed) -> bytes:
    """The note as it is stored; whose log it is about stands in it."""
    return orjson.dumps(
        {
            "v": _VERSION,
            "tenant": tenant,
            "size": followed.size,
            "frontier": base64.b64encode(followed.frontier).decode(),
            "state": to_json(followed.state),
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
    )
