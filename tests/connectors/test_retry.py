"""The one policy for asking again, without a clock."""

from __future__ import annotations

import pytest

from sayso.connectors.retry import RetryPolicy
from sayso.errors import (
    Code,
    OutcomeUnknownError,
    RefusedError,
    RetryableError,
    SaysoError,
)


class Provider:
    """Fails with the given errors in turn, then answers; remembers the pauses."""

    def __init__(self, *errors: SaysoError) -> None:
        self.errors = list(errors)
        self.calls = 0
        self.pauses: list[float] = []

    async def ask(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def policy(self, *, attempts: int = 4, dice: float = 1.0) -> RetryPolicy:
        return RetryPolicy(attempts=attempts, sleep=self.sleep, dice=lambda: dice)


def busy(retry_after_s: float | None = None) -> RetryableError:
    return RetryableError(Code.PROVIDER_UNAVAILABLE, "busy", retry_after_s=retry_after_s)


async def test_the_waits_double_and_half_of_each_is_random() -> None:
    """0.25, 0.5, 1 s at most; half of it at least."""
    for dice, waits in ((1.0, [0.25, 0.5, 1.0]), (0.0, [0.125, 0.25, 0.5])):
        provider = Provider(busy(), busy(), busy())
        assert await provider.policy(dice=dice).run(provider.ask) == "answer"
        assert provider.pauses == waits


async def test_a_pause_that_was_asked_for_is_kept() -> None:
    """Never sooner than `Retry-After`, and never shorter than our own wait."""
    provider = Provider(busy(3), busy(0))
    await provider.policy().run(provider.ask)
    assert provider.pauses == [3, 0.5]


async def test_a_pause_beyond_the_budget_is_not_begun() -> None:
    """The error goes on at once, with the provider's own pause in it."""
    provider = Provider(busy(30))
    with pytest.raises(RetryableError) as caught:
        await provider.policy().run(provider.ask)
    assert caught.value.retry_after_s == 30
    assert (provider.calls, provider.pauses) == (1, [])


async def test_waiting_in_all_has_an_end() -> None:
    """Many short pauses add up to the budget, and the last error goes on."""
    provider = Provider(*(busy(3) for _ in range(10)))
    with pytest.raises(RetryableError):
        await provider.policy(attempts=10).run(provider.ask)
    assert sum(provider.pauses) <= 8


@pytest.mark.parametrize(
    "error",
    [
        RefusedError(Code.PROVIDER_REFUSED, "no"),
        OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "perhaps"),
    ],
)
async def test_a_no_and_an_unknown_are_never_asked_again(error: SaysoError) -> None:
    """Only what surely did nothing is repeated."""
    provider = Provider(error)
    with pytest.raises(type(error)):
        await provider.policy().run(provider.ask)
    assert (provider.calls, provider.pauses) == (1, [])


async def test_once_is_once() -> None:
    """The policy of a write."""
    provider = Provider(busy())
    with pytest.raises(RetryableError):
        await RetryPolicy(attempts=1).run(provider.ask)
    assert provider.calls == 1
