"""The form of a promise."""

from __future__ import annotations

from typing import NamedTuple


class Promise(NamedTuple):
    """One sentence that a test proves.

    Attributes:
        sentence: what holds, in the present tense.
        origin: where it was asked for.
    """

    sentence: str
    origin: str
