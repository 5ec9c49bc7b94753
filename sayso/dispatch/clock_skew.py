"""What would not come due when it should, made due: a minute after a start or a step back.

- What a clock that was ahead has put off. A lease is some seconds, and by a clock that is forty
  days ahead it ends in forty days. Where its process dies and the clock is put right, nobody would
  look the call up until then, send the card, or refresh the token.
- What waits for something that is over. Whoever ends what holds an action puts it back in the same
  commit, so there is none; one that is left all the same would wait for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from sayso.ids import Clock, to_micros
from sayso.store.base import Store, Transaction

logger = logging.getLogger("sayso.dispatch")

FAR_AHEAD_MICROS = 3_600_000_000
"""No pause that the engine makes by itself is longer, so a clock that is right set no such time."""
CALM_S = 60.0
"""How long after a step back nothing is taken over: a live worker's next sign of life is by the
right clock, and on PostgreSQL each asks the server what time it is every 30 s."""
_PUT_OFF = ("action", "request", "nudged_action", "nudged_request", "card", "refresh")
"""What can be: `dispatch.sql` says where."""
_BACK_MICROS = 30_000_000
"""Clocks that are kept right go back by less."""


class Stragglers:
    """Sees to them once a process has started, and once the clock has gone back.

    Args:
        monotonic: seconds of a clock that never jumps.
    """

    def __init__(self, store: Store, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._ahead: int | None = None
        self._look_at: float | None = None

    async def put_due(self) -> None:
        """Make due what was put off or left, a minute after the start and after each step back.

        At any other time it asks the store nothing.

        Raises:
            ConfigError, RetryableError: the store cannot be written; the next look tries again.
        """
        now, moment = to_micros(self._clock.now()), self._monotonic()
        ahead = now - int(moment * 1e6)
        if self._ahead is None or ahead < self._ahead - _BACK_MICROS:
            self._look_at = moment + CALM_S
        self._ahead = ahead
        if self._look_at is None or moment < self._look_at:
            return
        latest = now + FAR_AHEAD_MICROS
        far = await self._store.read(lambda tx: tx.one("dispatch.put_off_action", latest=latest))
        nouns = _PUT_OFF if far is not None else _PUT_OFF[1:]
        brought = await self._store.write(lambda tx: _bring_forward(tx, nouns, now))
        left = await self._store.write(lambda tx: tx.run("dispatch.put_back", now=now))
        self._look_at = None
        if brought:
            logger.warning("the clock was ahead: %d rows that it put off are due now", brought)
        if left:
            logger.warning("%d actions waited for what is over, and are due now", left)


def _bring_forward(tx: Transaction, nouns: Sequence[str], now: int) -> int:
    # NOTE: whoever would still be at it is fenced off, and the call is looked up first.
    return sum(
        tx.run(f"dispatch.bring_forward_{noun}", now=now, latest=now + FAR_AHEAD_MICROS)
        for noun in nouns
    )
