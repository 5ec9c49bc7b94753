"""One HTTP message in, one out, as values."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it came.

    Attributes:
        method: in capitals.
        path: decoded, without the query.
        query: the query, still encoded.
        headers: names in lower case.
        body: the text, UTF-8.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str

    @property
    def idempotency_key(self) -> str:
        """The `Idempotency-Key` header, or empty."""
        return self.headers.get("idempotency-key", "")

    @property
    def api_version(self) -> str:
        """The `Stripe-Version` header, or empty."""
        return self.headers.get("stripe-version", "")

    @property
    def api_key(self) -> str:
        """The key of `Authorization`, bearer or basic, or empty."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                return base64.b64decode(value, validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                return ""
        return value.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response.

    Attributes:
        status: HTTP status.
        body: the bytes.
        headers: names and values besides length and connection.
    """

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What leaves by the socket.

    Attributes:
        answer: the response; None closes the connection without a byte.
        reset_after_bytes: how much of it leaves before the connection is reset; None for all.
    """

    answer: Answer | None
    reset_after_bytes: int | None = None
