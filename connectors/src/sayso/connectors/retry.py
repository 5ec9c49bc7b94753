"""The one policy for asking again: only what surely did nothing, and not for ever.

A write goes through it only when it failed with `RetryableError`, which says that no byte of it did
anything. A read changes nothing, so its time-outs and lost answers arrive here as `RetryableError`
too. `OutcomeUnknownError` and `RefusedError` always pass through at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from sayso.errors import RetryableError

T = TypeVar("T")

Sleep = Callable[[float], Awaitable[None]]
"""Waits that many seconds; `asyncio.sleep` unless a test says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long to ask again.

    Attributes:
        attempts: tries in all, the first one counted; 1 never asks again.
        first_wait_s: seconds before the second try; each further wait doubles.
        max_wait_s: the longest wait between two tries, in seconds.
        budget_s: seconds of waiting in all; a wait that would go beyond it is not begun, so a
            provider that asks for a long pause gets its error passed on at once.
        sleep: waits.
        dice: a number from 0 up to 1, for the jitter: half of each wait is random, so that many
            workers do not come back at the same instant.

    Source: the waits are "equal jitter" of the AWS Architecture Blog, Exponential Backoff and
    Jitter (2015); `Retry-After` is RFC 9110 §10.2.3.
    """

    attempts: int = 3
    first_wait_s: float = 0.25
    max_wait_s: float = 4.0
    budget_s: float = 8.0
    sleep: Sleep = asyncio.sleep
    dice: Callable[[], float] = random.random

    async def run(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until there is an answer, it is final, or the policy is used up.

        Args:
            ask: one try; called afresh each time.

        Raises:
            RetryableError: of the last try.
            SaysoError: anything else, of the first try that raised it.
        """
        # The first try takes nothing of what counts and waits, which sees the error that it raised.
        failed: list[RetryableError] = []
        try:
            return await ask()
        except RetryableError as error:
            failed.append(error)
        retrying = AsyncRetrying(
            sleep=self._wait,
            wait=self._seconds,
            stop=self._used_up,
            retry=retry_if_exception_type(RetryableError),
            reraise=True,
        )

        async def attempt() -> T:
            if failed:
                raise failed.pop()
            return await ask()

        return await retrying(attempt)

    async def _wait(self, seconds: float) -> None:
        await self.sleep(seconds)

    def _seconds(self, state: RetryCallState) -> float:
        ceiling = min(self.max_wait_s, self.first_wait_s * 2.0 ** (state.attempt_number - 1))
        wait = ceiling / 2 + ceiling / 2 * self.dice()
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.retry_after_s if isinstance(error, RetryableError) else None
        # INVARIANT: never sooner than the provider asked; too long a pause ends the tries instead.
        return wait if asked is None else max(wait, asked)

    def _used_up(self, state: RetryCallState) -> bool:
        waited = state.idle_for + state.upcoming_sleep
        return state.attempt_number >= self.attempts or waited > self.budget_s
