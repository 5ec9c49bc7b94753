"""Remembers what was answered to each signed request, so that a replay runs nothing."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

REMEMBERED_S = 600.0
"""SOURCE: SL-6. Slack's own window is five minutes to either side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer. `json` says which of the two media types the body has."""

    status: int
    body: str = ""
    json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    until: float
    reply: Future[Reply]


class Replays:
    """One entry per accepted signature; safe to use from many threads.

    INVARIANT: only requests whose signature is good get here, so nobody else can fill it. And a
    request that was answered with an error is forgotten: Slack may send the very same again, and
    then it has to count.

    Args:
        monotonic_s: seconds of a clock that never jumps.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._kept: dict[bytes, _Kept] = {}
        self._lock = threading.Lock()

    def claim(self, signature: str) -> Future[Reply] | None:
        """None for the first of its kind; else what the first was, or will be, answered."""
        key = _key(signature)
        now = self._monotonic_s()
        with self._lock:
            while self._kept:
                oldest = next(iter(self._kept))
                if self._kept[oldest].until > now:
                    break
                del self._kept[oldest]
            known = self._kept.get(key)
            if known is not None:
                return known.reply
            self._kept[key] = _Kept(until=now + REMEMBERED_S, reply=Future())
            return None

    def settle(self, signature: str, reply: Reply) -> None:
        """Say what the first was answered."""
        key = _key(signature)
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return
            if reply.status >= 500:
                del self._kept[key]
        kept.reply.set_result(reply)


def _key(signature: str) -> bytes:
    return hashlib.sha256(signature.encode()).digest()
