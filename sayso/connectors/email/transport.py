"""The contract of a transport: how a finished message leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sayso.actions.action import Guarantee
from sayso.actions.snapshot import Absence, Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message on its way.

    Attributes:
        message_id: derived from the idempotency key, so that every try carries the same one.
        sender, recipient: bare addresses.
        content: the whole message, RFC 5322, lines ended by CRLF.
    """

    message_id: str
    sender: str
    recipient: str
    content: bytes


class Transport(Protocol):
    """Sends messages."""

    @property
    def guarantee(self) -> Guarantee:
        """How it keeps one message at one delivery."""
        ...

    @property
    def title(self) -> str:
        """What acts, as cards show it, such as `smtp.example.com as support@example.com`."""
        ...

    async def send(self, letter: Letter) -> Receipt:
        """Hand the message over.

        Raises:
            RefusedError: `provider_refused`, `needs_reauth`: it was not taken and will not be.
            RetryableError: it was surely not taken.
            OutcomeUnknownError: it was handed over whole and no answer came.
        """
        ...

    async def look_up(self, message_id: str) -> Receipt | Absence:
        """Whether a message with that id was handed over. Changes nothing.

        Raises:
            RetryableError: it cannot be seen now.
        """
        ...
