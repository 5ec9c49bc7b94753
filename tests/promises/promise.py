"""The form of a promise."""

from __future__ import annotations

from typing import NamedTuple


class Promise(NamedTuple):
    """One sentence that a test proves.

    Attributes:
        sentence: what holds, in the present tense.
        invariants: which of the twelve invariants it is a part of, such as `invariant 2`.
    """

    sentence: str
    invariants: str = ""
