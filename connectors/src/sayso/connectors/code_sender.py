"""Sending a customer a code by which they show that an account is theirs: a role of connectors."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sayso.actions.customers.contact import CodeMessage, Medium


@runtime_checkable
class CodeSender(Protocol):
    """A connector that can send a customer a code."""

    @property
    def sends_to(self) -> Medium | None:
        """Where it sends to; None where it does not."""
        ...

    async def send_code(self, code: CodeMessage) -> None:
        """Hand it over, to exactly this recipient.

        Raises:
            RefusedError, RetryableError, OutcomeUnknownError: it was not, or perhaps not.
        """
        ...
