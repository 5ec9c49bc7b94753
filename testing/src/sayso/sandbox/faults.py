"""Faults: what can be made to go wrong, for which requests, after how many, how often."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Generic, Literal, TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """The requests that something goes wrong with.

    Attributes:
        method: `GET`, `POST`, `DELETE`, or `*`.
        path: a shell pattern over the path without the query, such as `/v1/customers/*`.
        skip: how many matching requests are let through first.
        times: how many are spoilt then, 1 or more.
    """

    method: str = "*"
    path: str = "*"
    skip: int = 0
    times: int = 1

    def matches(self, method: str, path: str) -> bool:
        """Whether the request is one of those it means."""
        return self.method in ("*", method) and fnmatchcase(path, self.path)


F = TypeVar("F", bound=Aim)


class FaultQueue(Generic[F]):
    """The faults that wait for their requests; the oldest that matches is taken first."""

    def __init__(self) -> None:
        self._waiting: list[F] = []

    def add(self, faults: Iterable[F]) -> None:
        """Queue behind what waits already."""
        self._waiting.extend(fault for fault in faults if fault.times > 0)

    def clear(self) -> None:
        """Forget all of them."""
        self._waiting.clear()

    def waiting(self) -> tuple[F, ...]:
        """What still waits, oldest first."""
        return tuple(self._waiting)

    def take(self, method: str, path: str) -> F | None:
        """The fault for this request, used up by one, or None."""
        for index, fault in enumerate(self._waiting):
            if not fault.matches(method, path):
                continue
            if fault.skip > 0:
                self._waiting[index] = replace(fault, skip=fault.skip - 1)
                return None
            if fault.times > 1:
                self._waiting[index] = replace(fault, times=fault.times - 1)
            else:
                del self._waiting[index]
            return fault
        return None


FaultKind = Literal[
    "answer_500_before",
    "answer_500_after",
    "drop_before",
    "drop_after",
    "reset_after_bytes",
    "slow_before",
    "slow_after",
    "hold_before",
    "hold_after",
    "rate_limit",
    "do_twice",
    "html_garbage",
]
"""What goes wrong. Everything but `…_before` and `rate_limit` happens after the call took effect.

| kind | what the provider did | what the caller sees |
|---|---|---|
| answer_500_before | nothing, and saves nothing for the key | 500 |
| answer_500_after | the effect; the saved answer of the key is the 500 | 500, also on every retry |
| drop_before | nothing | the connection closes without a byte |
| drop_after | the effect | the connection closes without a byte |
| reset_after_bytes | the effect | `after_bytes` bytes of the answer, then a TCP reset |
| slow_before, slow_after | the effect, after or before waiting `seconds` | the answer, late |
| hold_before, hold_after | the effect, after or before waiting for `release` | the answer, then |
| rate_limit | nothing | 429 with `Retry-After: retry_after_s` |
| do_twice | the effect twice (a bug of the provider) | the answer to the first |
| html_garbage | the effect | 200 with a page of HTML |
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(Aim):
    """One thing that goes wrong the next `times` times a matching call comes.

    What happens between a caller and any provider is `sayso.testing.faults.HttpFault`; these are
    the provider's own, which also decide what is kept under an idempotency key.

    Attributes:
        kind: see `FaultKind`.
        method: `GET`, `POST`, `DELETE`, or `*`.
        path: a shell pattern over the path, such as `/v1/refunds` or `/v1/customers/*`.
        skip: how many matching calls are let through first.
        times: how many calls it spoils, 1 or more.
        seconds: for slow: how long to wait, real time.
        after_bytes: for reset_after_bytes: how much of the answer still leaves.
        retry_after_s: for rate_limit.
    """

    kind: FaultKind
    method: str = "POST"
    path: str = "/v1/*"
    seconds: float = 0.0
    after_bytes: int = 0
    retry_after_s: int = 1
