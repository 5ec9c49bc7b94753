"""What an answer that says no means."""

from __future__ import annotations

from typing import Literal

from sayso.connectors.manifest.schema.base import ManifestTable, Path

MEANINGS = Literal[
    "unknown_subject",
    "unknown_object",
    "nothing_refundable",
    "already_in_state",
    "wrong_state",
    "amount_too_large",
    "currency_mismatch",
    "provider_refused",
    "key_reused",
    "stale",
    "needs_reauth",
    "needs_permission",
    "later",
    "unknown",
]


class ErrorAt(ManifestTable):
    """Where an answer that says no has its code and its words."""

    code: Path | None = None
    message: Path | None = None


class ErrorWhen(ManifestTable):
    """Which answers a rule is about; all that is given has to hold."""

    status: list[int] | None = None
    code: list[str | int] | None = None
    graphql_code: list[str] | None = None
    user_error_text: list[str] | None = None


class ErrorRule(ManifestTable):
    """What an answer means.

    Attributes:
        nothing_done: the address where the provider says that nothing was done then; without it a
            rule may only make an answer less sure.
    """

    when: ErrorWhen
    means: MEANINGS
    nothing_done: str | None = None
