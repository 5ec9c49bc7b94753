"""Cosignatures: what a witness says about a checkpoint, and when it said so.

Two kinds, told apart by the type byte of the key: Ed25519 (0x04) and ML-DSA-44 (0x06). A log signs
with the second kind too, beside its own Ed25519 signature, under its origin as the name.

Source: c2sp.org/tlog-cosignature.
"""

from __future__ import annotations

from typing import ClassVar, Final, Generic, Protocol, Self, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from sayso.audit.signed_note.note import (
    KEY_NAME,
    Checkpoint,
    NamedKey,
    SignatureLine,
    read_skey,
    read_vkey,
    skey_of,
)
from sayso.errors import Code, ConfigError, IntegrityError

COSIGNATURE_ED25519 = 4
COSIGNATURE_ML_DSA_44 = 6
MAX_TIME_S = 2**63 - 1

_TIME_BYTES = 8
_SEED_BYTES = 32
_LABEL = b"subtree/v1\n\x00"
_SIZES = {COSIGNATURE_ED25519: 32, COSIGNATURE_ML_DSA_44: 1312}

K = TypeVar("K", Ed25519PrivateKey, MLDSA44PrivateKey)


class Cosigner(Protocol):
    """Whoever holds a key that cosigns."""

    @property
    def vkey(self) -> str:
        """The public key as C2SP writes it."""
        ...

    @property
    def name(self) -> str:
        """The key's name."""
        ...

    def cosign(self, text: str, at_s: int) -> SignatureLine:
        """The signature line for the text of a checkpoint.

        Args:
            at_s: whole seconds since 1970, UTC.
        """
        ...


class _HeldKey(NamedKey, Generic[K]):
    """A cosigning key in memory, of whichever kind."""

    _KIND: ClassVar[int]

    def __init__(self, name: str, private_key: K) -> None:
        public = private_key.public_key().public_bytes_raw()
        super().__init__(check_key_name(name), self._KIND, public)
        self._private_key: K = private_key

    def to_text(self) -> str:
        """The secret key (its seed of 32 bytes), for a file that only its owner can read."""
        seed = self._private_key.private_bytes_raw()
        return skey_of(self.name, self.key_id, bytes([self._KIND]) + seed)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.key_id.hex()!r})"

    def _signed(self, message: bytes, at_s: int) -> SignatureLine:
        return SignatureLine(
            name=self.name,
            key_id=self.key_id,
            signature=at_s.to_bytes(_TIME_BYTES) + self._private_key.sign(message),
        )


class Ed25519Cosigner(_HeldKey[Ed25519PrivateKey]):
    """A witness's key in memory.

    Args:
        name: the witness's name; no blanks and no plus sign.
    """

    _KIND = COSIGNATURE_ED25519

    @classmethod
    def generate(cls, name: str) -> Self:
        """A cosigner with a new key from the system's random source."""
        return cls(name, Ed25519PrivateKey.generate())

    def cosign(self, text: str, at_s: int) -> SignatureLine:
        """Say that this was the newest consistent checkpoint of its log at that time."""
        return self._signed(_ed25519_message(text.encode(), at_s), at_s)


class MlDsaCosigner(_HeldKey[MLDSA44PrivateKey]):
    """An ML-DSA-44 key in memory, of a witness or of a log.

    Args:
        name: the witness's name, or the log's origin.
    """

    _KIND = COSIGNATURE_ML_DSA_44

    @classmethod
    def generate(cls, name: str) -> Self:
        """A cosigner with a new key from the system's random source."""
        return cls(name, MLDSA44PrivateKey.generate())

    def named(self, name: str) -> MlDsaCosigner:
        """The same key under another name: one key signs the logs of all tenants."""
        return MlDsaCosigner(name, self._private_key)

    def cosign(self, text: str, at_s: int) -> SignatureLine:
        """Sign the tree of a checkpoint; the signature has 2,420 bytes."""
        return self._signed(_ml_dsa_message(self.name, text, at_s), at_s)


def read_cosigner(skey: str) -> Ed25519Cosigner | MlDsaCosigner:
    """The cosigner of a secret key's text; one line feed at the end is allowed.

    Raises:
        ConfigError: `invalid_setting`, when it is no such key. The message holds no part of it.
    """
    written = skey.removesuffix("\n")
    name, secret = read_skey(written) or ("", b"")
    found: Ed25519Cosigner | MlDsaCosigner | None = None
    if len(secret) == 1 + _SEED_BYTES:
        if secret[0] == COSIGNATURE_ED25519:
            found = Ed25519Cosigner(name, Ed25519PrivateKey.from_private_bytes(secret[1:]))
        elif secret[0] == COSIGNATURE_ML_DSA_44:
            found = MlDsaCosigner(name, MLDSA44PrivateKey.from_seed_bytes(secret[1:]))
    if found is None or found.to_text() != written:
        raise ConfigError(
            Code.INVALID_SETTING,
            "that is no cosigning key",
            next_step="use the text that was stored when the key was made",
        )
    return found


class CosignatureVerifier(NamedKey):
    """A public key that judges the cosignatures of one witness, or a log's ML-DSA-44 signature.

    Attributes:
        public_key: bare, without its type.
    """

    def __init__(self, name: str, kind: int, public_key: bytes) -> None:
        """Args: the key's name, its type byte (4 or 6), and the public key's bytes."""
        super().__init__(name, kind, public_key)
        self._key: Ed25519PublicKey | MLDSA44PublicKey
        if kind == COSIGNATURE_ED25519:
            self._key = Ed25519PublicKey.from_public_bytes(public_key)
        else:
            self._key = MLDSA44PublicKey.from_public_bytes(public_key)
        self.public_key: Final = public_key

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read `name+keyid+base64(type || public key)`.

        Raises:
            IntegrityError: `key_mismatch`, when it is none of type 0x04 or 0x06, or its id is not
                its own.
        """
        name, typed = read_vkey(vkey) or ("", b"")
        if typed and _SIZES.get(typed[0]) == len(typed) - 1:
            return cls(name, typed[0], typed[1:])
        raise IntegrityError(
            Code.KEY_MISMATCH,
            f"`{vkey[:60]}` is no public key of a witness",
            next_step="copy the whole line that the witness prints, `name+id+key`",
        )

    def accepts(self, message: bytes, signature: bytes) -> bool:
        """Whether this key cosigned exactly this text of a checkpoint."""
        at_s = int.from_bytes(signature[:_TIME_BYTES])
        if len(signature) <= _TIME_BYTES or at_s > MAX_TIME_S:
            return False
        try:
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature[_TIME_BYTES:], _ed25519_message(message, at_s))
            else:
                signed = _ml_dsa_message(self.name, message.decode(), at_s)
                self._key.verify(signature[_TIME_BYTES:], signed)
        except (InvalidSignature, IntegrityError, UnicodeDecodeError, ValueError):
            return False
        return True


def check_key_name(name: str) -> str:
    """The name itself.

    Raises:
        ConfigError: `invalid_setting`, when it cannot stand in a note.
    """
    if not KEY_NAME.fullmatch(name) or len(name.encode()) > 255:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`{name[:40]}` cannot be the name of a key",
            next_step="use a name without blanks and plus signs, such as witness.example/finance",
        )
    return name


def time_of(signature: bytes) -> int:
    """When a cosignature was made: whole seconds since 1970, UTC, as the cosigner says."""
    return int.from_bytes(signature[:_TIME_BYTES])


def _ed25519_message(text: bytes, at_s: int) -> bytes:
    return b"cosignature/v1\ntime %d\n%s" % (at_s, text)


def _ml_dsa_message(name: str, text: str, at_s: int) -> bytes:
    checkpoint = Checkpoint.parse(text)
    return subtree_message(name, at_s, checkpoint.origin, 0, checkpoint.size, checkpoint.root)


def subtree_message(name: str, at_s: int, origin: str, start: int, end: int, root: bytes) -> bytes:
    """What an ML-DSA-44 cosignature signs. Source: c2sp.org/tlog-cosignature, cosigned_message."""
    own, log = name.encode(), origin.encode()
    return b"".join(
        (
            _LABEL,
            bytes([len(own)]) + own,
            at_s.to_bytes(8),
            bytes([len(log)]) + log,
            start.to_bytes(8),
            end.to_bytes(8),
            root,
        )
    )
