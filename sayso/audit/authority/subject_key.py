"""The keys of subjects' text: what they are bound to, and the names that follow from them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

from sayso.audit.authority.keyring import Keyring
from sayso.errors import ConfigError, IntegrityError

PREFIX = "sub_"
"""Begins the name under which the log knows a subject."""


def pseudonym_of(key: bytes, tenant: str, subject_id: str) -> str:
    """The name under which the log knows a subject: it follows from their key and their id."""
    mac = hmac.digest(key, f"{tenant}\0{subject_id}".encode(), hashlib.sha256)
    return PREFIX + base64.b32encode(mac[:15]).decode().lower()


def place_of(tenant: str, subject_id: str, pseudonym: str, created_at: int) -> bytes:
    """Whose key it is: in another row, or beside other values, a wrapped key does not open."""
    # The lengths keep `a|b` + `c` apart from `a` + `b|c`.
    parts = (len(tenant), tenant, len(subject_id), subject_id, pseudonym, created_at)
    return "|".join(map(str, ("sayso/subject-key/v1", *parts))).encode()


def key_of(keyring: Keyring, tenant: str, row: Mapping[str, object]) -> bytes | None:
    """The key of a subject's row, of which nothing is trusted; None when it does not open.

    Args:
        row: `id`, `pseudonym`, `key` and `created_at`.
    """
    wrapped, created_at = row.get("key"), row.get("created_at")
    if not isinstance(wrapped, bytes) or not isinstance(created_at, int):
        return None
    place = place_of(tenant, str(row.get("id")), str(row.get("pseudonym")), created_at)
    try:
        return keyring.unwrap(wrapped, place)
    except (IntegrityError, ConfigError):
        return None
