"""Base64 that has one form: what decodes differently from how it is written is refused."""

from __future__ import annotations

import base64
import binascii


def encode64(data: bytes) -> str:
    """Standard base64 with padding. Source: RFC 4648 section 4."""
    return base64.b64encode(data).decode("ascii")


def decode64(text: str) -> bytes | None:
    """The bytes of text that `encode64` writes; None for every other text."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # NOTE: b64decode ignores the unused low bits of the last digit.
    return decoded if encode64(decoded) == text else None
