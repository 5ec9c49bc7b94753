"""How fast we send to one channel: a token bucket with a clock and a sleep that tests replace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sayso.ids import monotonic_s

_LONGEST_LEASE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierPace:
    """Times of the notifier, all in seconds.

    Attributes:
        post_every_s, update_every_s: one new card, and one changed card, each so often.
        look_every_s: how often other processes' commits are looked for.
        lease_s: how long one try of sending may take before another process may try; doubles with
            each try.
        timeout_s: of one call to Slack; well below `lease_s`.
        monotonic: a clock that never jumps.
        sleep: waits.
    """

    post_every_s: float = 1.0
    update_every_s: float = 1.0
    look_every_s: float = 0.25
    lease_s: float = 10.0
    timeout_s: float = 5.0
    monotonic: Callable[[], float] = monotonic_s
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)

    def lease_of(self, attempts: int) -> float:
        """How long the next try may take after so many, in seconds."""
        return min(self.lease_s * float(2 ** min(attempts, 10)), _LONGEST_LEASE_S)


class Bucket:
    """Lets one thing pass every so often; nothing is saved up.

    Source: Slack docs, Rate limits: one message per second and channel; `chat.update` is tier 3.
    """

    def __init__(self, every_s: float, monotonic: Callable[[], float]) -> None:
        self._every_s = every_s
        self._monotonic = monotonic
        self._free_at = monotonic()

    @property
    def wait_s(self) -> float:
        """Seconds until the next one may pass; 0 when it may now."""
        return max(0.0, self._free_at - self._monotonic())

    def take(self) -> None:
        """One passes now."""
        self._free_at = self._monotonic() + self._every_s

    def pause(self, seconds: float) -> None:
        """Nothing passes for so long, as Slack's `Retry-After` asks."""
        self._free_at = max(self._free_at, self._monotonic() + seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTimeouts:
    """Bounds of one answer to Slack, in seconds; what takes longer is answered with an error.

    Attributes:
        whole_s: for all of it. Slack waits 3 s.
        ask_s: of one question to Slack, such as whose account it is.
        decide_s: what the database has for a decision, or for what is waiting.
        edit_s: the same for a lower amount, which reads the provider again before it writes.
        open_s: until Slack has opened a form.

    Source: Slack docs, Acknowledging requests.
    """

    whole_s: float = 2.8
    ask_s: float = 1.0
    decide_s: float = 1.5
    edit_s: float = 2.2
    open_s: float = 1.5
