"""A signing key that never leaves its KMS, HSM or Vault, through securesystemslib's signers.

What signs is addressed as securesystemslib does it: `gcpkms:…`, `awskms:…`, `hv:…`, and whatever
else is registered there. The key must be Ed25519, since that is what every reader of a checkpoint
understands; a signature that does not fit the public key stops the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sayso.audit.signed_note.note import ED25519, Verifier, decode64, key_id_of
from sayso.errors import Code, ConfigError, IntegrityError
from sayso.extras import missing_extra

if TYPE_CHECKING:
    from securesystemslib.signer import (  # type: ignore[attr-defined]
        Signer as RemoteKey,  # pyright: ignore[reportPrivateImportUsage]
    )


class KmsSigner:
    """Signs through a service.

    Args:
        name: the key's name: the log's origin.
        public_key: 32 bytes of Ed25519.
        remote: securesystemslib's signer.

    Guarantees: a signature is checked before it is used, so a service that answers with another
    key's signature is found out before anything is committed.
    """

    def __init__(self, name: str, public_key: bytes, remote: RemoteKey) -> None:
        self._verifier = Verifier(name, public_key)
        self._public_key = public_key
        self._remote = remote

    def named(self, name: str) -> KmsSigner:
        """The same key under another name."""
        return KmsSigner(name, self._public_key, self._remote)

    @property
    def vkey(self) -> str:
        """The public key as C2SP writes it."""
        return self._verifier.vkey

    @property
    def name(self) -> str:
        """The key's name."""
        return self._verifier.name

    @property
    def key_id(self) -> bytes:
        """The four bytes that tell keys of one name apart."""
        return key_id_of(self.name, bytes([ED25519]) + self._public_key)

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature, 64 bytes.

        Raises:
            ConfigError: `missing_secret`, when the service does not sign.
            IntegrityError: `bad_signature`, when what it gives does not fit the public key.
        """
        try:
            signature = bytes.fromhex(self._remote.sign(message).signature)
        except Exception as error:  # every service has errors of its own
            raise ConfigError(
                Code.MISSING_SECRET,
                "the service that holds the signing key does not sign",
                next_step="check that it can be reached, and this process's rights there",
                detail=f"{type(error).__name__}: {error}",
            ) from error
        if not self._verifier.accepts(message, signature):
            raise IntegrityError(
                Code.BAD_SIGNATURE,
                "the service signed with another key than the one that is set",
                next_step="correct `signing.public_key`, or the address of the key",
            )
        return signature


def open_kms_signer(name: str, address: str, public_key: str | None, setting: str) -> KmsSigner:
    """Connect to the key behind an address.

    Args:
        address: as securesystemslib's `Signer.from_priv_key_uri` takes it.
        public_key: 32 bytes in base64.
        setting: what the settings call the public key.

    Raises:
        ConfigError: `missing_extra`, `invalid_setting`, `missing_secret`.
    """
    try:
        # An optional extra, which does not re-export its names as type checkers want it.
        from securesystemslib.signer import (  # type: ignore[attr-defined]
            Signer,  # pyright: ignore[reportPrivateImportUsage]
            SSlibKey,  # pyright: ignore[reportPrivateImportUsage]
        )
    except ImportError as error:
        raise missing_extra("kms", "keys in a KMS need an optional part") from error
    raw = decode64(public_key) if public_key else None
    if raw is None or len(raw) != 32:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`{setting}` is no Ed25519 public key",
            next_step="write its 32 bytes in base64",
        )
    key = SSlibKey("sayso", "ed25519", "ed25519", {"public": raw.hex()})
    try:
        remote = Signer.from_priv_key_uri(address, key)
    except Exception as error:  # every service has errors of its own
        raise ConfigError(
            Code.MISSING_SECRET,
            f"the signing key behind `kms:{address[:60]}` cannot be used",
            next_step="check the address, and what that service needs to be installed",
            detail=f"{type(error).__name__}: {error}",
        ) from error
    return KmsSigner(name, raw, remote)
