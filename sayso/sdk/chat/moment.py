"""Times in a sentence, which each chat shows in its own way, such as in its reader's zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A point in time.

    Attributes:
        at: in RFC 3339, in UTC. seconds: they matter, as where something starts in a few.
    """

    at: str
    seconds: bool = False

    @property
    def unix_s(self) -> int:
        """Whole seconds since 1970."""
        return int(datetime.fromisoformat(self.at).timestamp())

    @property
    def text(self) -> str:
        """In UTC, with the zone, such as `2026-11-25 12:00 UTC`."""
        return f"{self.at[:10]} {self.at[11 : 19 if self.seconds else 16]} UTC"


Pieces: TypeAlias = tuple[str | Moment, ...]
"""A sentence in pieces; its texts have gone through the chat's `fit`."""


def plain(pieces: Pieces) -> str:
    """The sentence with its times in UTC."""
    return "".join(one if isinstance(one, str) else one.text for one in pieces)
