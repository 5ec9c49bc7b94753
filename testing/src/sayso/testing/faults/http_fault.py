"""What can go wrong between a connector and its provider, whoever that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sayso.sandbox.faults import Aim

HttpFaultKind = Literal[
    "drop_before",
    "answer_before",
    "cut_request",
    "drop_after",
    "answer_after",
    "reset_after_bytes",
    "close_after_bytes",
    "html_garbage",
    "not_http",
    "empty",
    "huge_body",
    "redirect",
    "do_twice",
    "slow_before",
    "slow_after",
    "hold_before",
    "hold_after",
    "trickle",
]
"""What goes wrong with one request.

| kind | the provider gets | the caller sees |
|---|---|---|
| drop_before | nothing | the connection closes without a byte |
| answer_before | nothing | `status` |
| cut_request | its first `after_bytes` bytes | the connection closes without a byte |
| drop_after | the request | the connection closes without a byte |
| answer_after | the request | `status` |
| reset_after_bytes | the request | `after_bytes` bytes of the answer, then a TCP reset |
| close_after_bytes | the request | `after_bytes` bytes of the answer, then a polite end |
| html_garbage | the request | 200 with a page of HTML |
| not_http | the request | bytes that are no HTTP |
| empty | the request | 200 with the answer's own content type and no body |
| huge_body | the request | 200, then `after_bytes` bytes of blanks and never the end |
| redirect | the request | `status` with this very address as `Location` |
| do_twice | the request twice, as a network may repeat it | the answer to the first |
| slow_before, slow_after | the request, after or before `seconds` | the answer, late |
| hold_before, hold_after | the request, after or before `release` | the answer, then |
| trickle | the request | the answer byte by byte, `seconds` apart |
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFault(Aim):
    """One thing that goes wrong the next `times` times a matching request comes.

    Attributes:
        kind: see `HttpFaultKind`.
        status: for answer_before and answer_after (500 unless given), and redirect (307, which
            asks for the same method and body again).
        after_bytes: for cut_request, reset_after_bytes, close_after_bytes and huge_body.
        seconds: for slow and trickle, real time.
        retry_after_s: sent as `Retry-After` with a `status`, when given.
    """

    kind: HttpFaultKind
    status: int = 0
    after_bytes: int = 0
    seconds: float = 0.0
    retry_after_s: int | None = None

    @property
    def label(self) -> str:
        """What to call it in a test's name."""
        return f"{self.kind}-{self.status}" if self.status else self.kind


QUICK_FAULTS: tuple[HttpFault, ...] = (
    HttpFault(kind="drop_before"),
    HttpFault(kind="answer_before", status=429, retry_after_s=1),
    HttpFault(kind="answer_before", status=500),
    HttpFault(kind="answer_before", status=503),
    HttpFault(kind="cut_request", after_bytes=60),
    HttpFault(kind="drop_after"),
    HttpFault(kind="answer_after", status=500),
    HttpFault(kind="answer_after", status=503),
    HttpFault(kind="reset_after_bytes", after_bytes=40),
    HttpFault(kind="close_after_bytes", after_bytes=40),
    HttpFault(kind="html_garbage"),
    HttpFault(kind="not_http"),
    HttpFault(kind="empty"),
    HttpFault(kind="redirect", status=302),
    HttpFault(kind="redirect", status=307),
)
"""Every fault that needs no waiting and that every guarantee can stand."""

LIES: tuple[HttpFault, ...] = (
    HttpFault(kind="do_twice"),
    HttpFault(kind="answer_after", status=429, retry_after_s=1),
)
"""The request is repeated on the way, or 429 is said although it was done: only a provider that
drops a repeated key has one effect then."""


def waiting_faults(timeout_s: float) -> tuple[HttpFault, ...]:
    """The faults that a caller meets only by its own time-out.

    Args:
        timeout_s: how long the caller waits for an answer, all in all.
    """
    return (
        HttpFault(kind="slow_after", seconds=3 * timeout_s),
        HttpFault(kind="trickle", seconds=timeout_s / 4),
        HttpFault(kind="huge_body", after_bytes=8 * 1024 * 1024),
    )
