"""Faults: what can be made to go wrong, for which calls, how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sayso.sandbox.aim import Aim

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
