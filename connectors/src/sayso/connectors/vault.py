"""Sealing what the database keeps of a connection: AES-256-GCM, bound to its place.

A sealed value, version 1, in bytes:

    "sv1"  kid (8)  nonce (12)  ciphertext with its tag (16)

The associated data is `sayso/vault/v1|LENGTH|TENANT|CONNECTION|KID`, so that a value which is
moved to another row, to another tenant or under another key's name does not open. The kid is made
from the key itself, so two keys cannot have one name, and a file with a key needs nothing else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sayso.errors import Code, ConfigError, IntegrityError
from sayso.ids import Entropy
from sayso.secret import Secret

MAGIC = b"sv1"
KEY_BYTES = 32
MAKE_A_KEY = "openssl rand -base64 32"
"""How a person makes a key."""

_KID_BYTES = 8
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEAD_BYTES = len(MAGIC) + _KID_BYTES


class Vault:
    """Seals with the newest key, and opens with that one and older ones.

    Args:
        key: 32 bytes in base64.
        older: keys that were `key` once, so that what they sealed can be read.
        entropy: gives the nonces.

    Raises:
        ConfigError: `invalid_setting`, for a key that is none; the message holds no part of it.
    """

    def __init__(self, key: Secret, older: Sequence[Secret] = (), *, entropy: Entropy) -> None:
        self._entropy = entropy
        self._kid, box = _box(key)
        self._boxes = {**dict(_box(secret) for secret in older), self._kid: box}

    def seal(self, plain: bytes, *, tenant: str, connection: str) -> bytes:
        """Encrypt for one place.

        Guarantees: a nonce has 96 random bits, so one key is good for 2^32 values.
        """
        nonce = self._entropy(_NONCE_BYTES)
        place = _place(tenant, connection, self._kid)
        return MAGIC + self._kid + nonce + self._boxes[self._kid].encrypt(nonce, plain, place)

    def open(self, sealed: bytes, *, tenant: str, connection: str) -> bytes:
        """What was sealed for this place.

        Raises:
            ConfigError: `key_mismatch`, when no key of this vault sealed it.
            IntegrityError: `tampered`, when it was changed, or sealed for another place.
        """
        if not sealed.startswith(MAGIC) or len(sealed) < _HEAD_BYTES + _NONCE_BYTES + _TAG_BYTES:
            raise _tampered(connection)
        kid, rest = sealed[len(MAGIC) : _HEAD_BYTES], sealed[_HEAD_BYTES:]
        box = self._boxes.get(kid)
        if box is None:
            raise ConfigError(
                Code.KEY_MISMATCH,
                f"the token of the connection `{connection[:60]}` was sealed by the key "
                f"`{kid.hex()}`, which is not among the vault's",
                next_step="name that key's file in `older_keys` of [vault]",
            )
        nonce, ciphertext = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            return box.decrypt(nonce, ciphertext, _place(tenant, connection, kid))
        except InvalidTag:
            raise _tampered(connection) from None

    def can_open(self, sealed: bytes) -> bool:
        """Whether the key that sealed it is here."""
        return sealed.startswith(MAGIC) and sealed[len(MAGIC) : _HEAD_BYTES] in self._boxes

    def is_current(self, sealed: bytes) -> bool:
        """Whether the newest key sealed it."""
        return sealed.startswith(MAGIC + self._kid)


def new_key(entropy: Entropy) -> Secret:
    """A key for `Vault`, as it stands in a file."""
    return Secret(base64.b64encode(entropy(KEY_BYTES)).decode())


def _box(secret: Secret) -> tuple[bytes, AESGCM]:
    """A key's name and its cipher."""
    try:
        key = base64.b64decode(secret.reveal().strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"the vault's key is not {KEY_BYTES} bytes in base64",
            next_step=f"make one with `{MAKE_A_KEY}`, or bring back the one that was there",
        )
    kid = hashlib.sha256(b"sayso/vault/kid/v1\0" + key).digest()[:_KID_BYTES]
    return kid, AESGCM(key)


def _place(tenant: str, connection: str, kid: bytes) -> bytes:
    # The length keeps `a|b` + `c` apart from `a` + `b|c`.
    return f"sayso/vault/v1|{len(tenant)}|{tenant}|{connection}|{kid.hex()}".encode()


def _tampered(connection: str) -> IntegrityError:
    return IntegrityError(
        Code.TAMPERED,
        f"the stored token of the connection `{connection[:60]}` was changed outside of Sayso",
        next_step="find out who wrote to the database, then authorise the connection again",
    )
