"""How much of a core a server may take to judge its own logs.

What is new is judged soon, whatever it takes. What was judged before is read over and over: quickly
while that is little, and by a small share of a core where it is much, however often it changes.
"""

from __future__ import annotations

_SHARE_NEW = 0.25
"""Of a core, while entries wait to be read for the first time."""
_SHARE_LITTLE = 0.05
"""Of a core, as long as something is saved."""
_SHARE_MUCH = 0.005
"""Of a core, over hours: so much is saved, and no more is taken once nothing is left of it."""
_MOST_SAVED_S = 2.0


class Pace:
    """Says how long to rest after each piece of reading.

    Guarantees: over a long time, what was judged before takes at most half a per cent of a core,
    and two seconds of its time beside that.
    """

    def __init__(self) -> None:
        self._saved_s = _MOST_SAVED_S
        self._at_s: float | None = None

    def rest_after(self, took_s: float, now_s: float, *, behind: bool) -> float:
        """Seconds to rest.

        Args:
            took_s: processor time of the piece.
            now_s: by a clock that never jumps.
            behind: whether entries wait to be read for the first time.
        """
        passed_s = 0.0 if self._at_s is None else now_s - self._at_s
        self._at_s = now_s
        saved_s = min(_MOST_SAVED_S, self._saved_s + passed_s * _SHARE_MUCH)
        self._saved_s = max(0.0, saved_s - took_s)
        again = _SHARE_LITTLE if self._saved_s > 0 else _SHARE_MUCH
        share = _SHARE_NEW if behind else again
        return took_s * (1 - share) / share
