"""Keys as C2SP writes them: `name+keyid+base64(type || key)`; and base64 that has one form.

Source: c2sp.org/signed-note.
"""

from __future__ import annotations

import base64
import binascii
import re
from hashlib import sha256


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


KEY_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,255}")
"""What can be the name of a key, and the origin of a log."""

_SECRET = "PRIVATE+KEY+"  # noqa: S105  (how such a text begins)


def key_id_of(name: str, typed_public_key: bytes) -> bytes:
    """The key id: SHA-256(name || LF || type || public key), first four bytes."""
    return sha256(name.encode() + b"\n" + typed_public_key).digest()[:4]


def vkey_of(name: str, typed_public_key: bytes) -> str:
    """A public key: `name+keyid+base64(type || public key)`."""
    key_id = key_id_of(name, typed_public_key)
    return f"{name}+{key_id.hex()}+{encode64(typed_public_key)}"


def skey_of(name: str, key_id: bytes, typed_seed: bytes) -> str:
    """A secret key: `PRIVATE+KEY+name+keyid+base64(type || seed)`."""
    return f"{_SECRET}{name}+{key_id.hex()}+{encode64(typed_seed)}"


def read_vkey(text: str) -> tuple[str, bytes] | None:
    """The name, and the type and public key, of a text of `vkey_of`; None for every other text."""
    name, _, rest = text.partition("+")
    typed = decode64(rest.partition("+")[2])
    if not typed or not KEY_NAME.fullmatch(name) or vkey_of(name, typed) != text:
        return None
    return name, typed


def read_skey(text: str) -> tuple[str, bytes] | None:
    """The name, and the type and seed, of a text like those of `skey_of`; None for others.

    Whether the id is the key's own is not known before the public key is.
    """
    name, _, rest = text.removeprefix(_SECRET).partition("+")
    typed = decode64(rest.partition("+")[2])
    if not typed or not text.startswith(_SECRET) or not KEY_NAME.fullmatch(name):
        return None
    return name, typed
