"""How long a click may take: what Slack waits, and what each part of an answer has of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Bounds of one answer to Slack, in seconds; what takes longer is answered with an error.

    Attributes:
        whole_s: for all of it. Slack waits 3 s.
        ask_s: of one question to Slack, such as whose account it is.
        decide_s: what the database has for a decision, or for what is waiting.
        edit_s: the same for a lower amount, which reads the provider again before it writes.
        open_s: until Slack has opened a form.

    Source: SL-2; Slack docs, Acknowledging requests.
    """

    whole_s: float = 2.8
    ask_s: float = 1.0
    decide_s: float = 1.5
    edit_s: float = 2.2
    open_s: float = 1.5
