"""Signed checkpoints: who says how long the log is, and what stands in it.

C2SP signed notes with tlog-checkpoint text. A parser here accepts exactly what the writer writes:
it builds the note again from what it understood and compares the bytes, because a lenient parser
lets somebody change a note without changing its meaning.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NoReturn, Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sayso.audit.tree.merkle import HASH_BYTES
from sayso.errors import Code, ConfigError, IntegrityError

ED25519 = 1
"""SOURCE: c2sp.org/signed-note: signature type 0x01."""

_TYPED_BYTES = 33  # the type, and a public key or a seed

MAX_NOTE_BYTES = 16 * 1024
MAX_SIGNATURES = 16

_SIGNATURE_START = "— "
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")

KEY_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,255}")
"""What can be the name of a key, and the origin of a log."""

_SECRET = "PRIVATE+KEY+"  # noqa: S105  (how such a text begins)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How long a log is, and its root at that length.

    Attributes:
        origin: which log: `<deployment>/<tenant>`.
        size: the number of entries.
        root: the Merkle root over them, 32 bytes.

    Source: c2sp.org/tlog-checkpoint, without extension lines.
    """

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The three lines that are signed, each ending in a line feed."""
        return f"{self.origin}\n{self.size}\n{encode64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a checkpoint.

        Raises:
            IntegrityError: `tampered`, when it is not exactly what `text` writes.
        """
        lines = text.split("\n")
        if len(lines) != 4 or not KEY_NAME.fullmatch(lines[0]) or not _SIZE.fullmatch(lines[1]):
            _malformed("the checkpoint's lines")
        root = _decode(lines[2])
        checkpoint = cls(origin=lines[0], size=int(lines[1]), root=root)
        if len(root) != HASH_BYTES or checkpoint.text() != text:
            _malformed("the checkpoint's root or end")
        return checkpoint


class Signer(Protocol):
    """Whoever holds a signing key: a file, an environment variable, later a KMS."""

    @property
    def vkey(self) -> str:
        """The public key as C2SP writes it: `name+keyid+base64(0x01 || public key)`."""
        ...

    @property
    def name(self) -> str:
        """The key's name: the log's origin, or the witness's name."""
        ...

    @property
    def key_id(self) -> bytes:
        """The four bytes that tell keys of one name apart."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature over the message, without the key id."""
        ...


class NamedKey:
    """A key under a name, as C2SP writes it: what signs, and what judges a signature.

    Attributes:
        vkey: the public key, `name+keyid+base64(type || key)`.
        name: the log's origin, or the witness's name.
        key_id: the four bytes that tell keys of one name apart.
    """

    def __init__(self, name: str, kind: int, public_key: bytes) -> None:
        """Args: the key's name, its type byte, and the public key's bytes."""
        typed = bytes([kind]) + public_key
        self.name: Final = name
        self.key_id: Final = key_id_of(name, typed)
        self.vkey: Final = vkey_of(name, typed)


class Ed25519Signer(NamedKey):
    """A signer with its Ed25519 key in memory.

    Args:
        name: the key's name; no blanks and no plus sign.
        private_key: the key; kept, so that signing costs no parsing.

    Raises:
        ConfigError: `invalid_setting`, when the name cannot stand in a note.
    """

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        if not KEY_NAME.fullmatch(name):
            raise ConfigError(
                Code.INVALID_SETTING,
                f"`{name[:40]}` cannot be the name of a signing key",
                next_step="use a name without blanks and plus signs",
            )
        super().__init__(name, ED25519, private_key.public_key().public_bytes_raw())
        self._private_key = private_key

    @classmethod
    def generate(cls, name: str) -> Self:
        """A signer with a new key from the system's random source."""
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def from_text(cls, skey: str) -> Self:
        """A signer from `PRIVATE+KEY+name+keyid+base64(0x01 || seed)`.

        Args:
            skey: the text of `to_text`; one line feed at the end is allowed, as files have it.

        Raises:
            ConfigError: `invalid_setting`, when it is no such key. The message holds no part of it.
        """
        written = skey.removesuffix("\n")
        name, secret = read_skey(written) or ("", b"")
        if len(secret) == _TYPED_BYTES and secret[0] == ED25519:
            signer = cls(name, Ed25519PrivateKey.from_private_bytes(secret[1:]))
            if signer.to_text() == written:
                return signer
        raise ConfigError(
            Code.INVALID_SETTING,
            "that is no signing key",
            next_step="use the text that was stored when the key was made",
        )

    def named(self, name: str) -> Ed25519Signer:
        """The same key under another name: one key signs the logs of all tenants."""
        return Ed25519Signer(name, self._private_key)

    def to_text(self) -> str:
        """The secret key as C2SP writes it, for a file that only its owner can read."""
        seed = self._private_key.private_bytes_raw()
        return skey_of(self.name, self.key_id, bytes([ED25519]) + seed)

    def __repr__(self) -> str:
        return f"Ed25519Signer({self.vkey!r})"

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature, 64 bytes."""
        return self._private_key.sign(message)


class NoteKey(Protocol):
    """A public key of any kind that can judge signature lines of a note."""

    @property
    def vkey(self) -> str:
        """The key as C2SP writes it."""
        ...

    @property
    def name(self) -> str:
        """The key's name."""
        ...

    @property
    def key_id(self) -> bytes:
        """The four bytes that tell keys of one name apart."""
        ...

    def accepts(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made the signature over exactly this message."""
        ...


class Verifier(NamedKey):
    """A public key that can judge the signatures of one signer."""

    def __init__(self, name: str, public_key: bytes) -> None:
        """Args: the key's name, and 32 bytes of Ed25519 public key."""
        super().__init__(name, ED25519, public_key)
        self._key = Ed25519PublicKey.from_public_bytes(public_key)

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read `name+keyid+base64(0x01 || public key)`.

        Raises:
            IntegrityError: `key_mismatch`, when it is no Ed25519 vkey, or its id is not its own.
        """
        name, public = read_vkey(vkey) or ("", b"")
        if len(public) != _TYPED_BYTES or public[0] != ED25519:
            raise IntegrityError(
                Code.KEY_MISMATCH,
                f"`{vkey[:60]}` is no public key of a log",
                next_step="copy the whole line, `name+id+key`, without blanks",
            )
        return cls(name, public[1:])

    def named(self, name: str) -> Verifier:
        """The same key under another name."""
        return Verifier(name, self._key.public_bytes_raw())

    def accepts(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made the signature over exactly this message."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureLine:
    """One signature as it stands in a note, not yet judged.

    Attributes:
        name: whose it says it is.
        key_id: four bytes.
        signature: the rest.
    """

    name: str
    key_id: bytes
    signature: bytes

    def text(self) -> str:
        """The line, ending in a line feed."""
        return f"{_SIGNATURE_START}{self.name} {encode64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedNote:
    """A note of which at least one signature was accepted.

    Attributes:
        text: what was signed, ending in a line feed.
        verified_by: the keys whose signature was accepted, in the order of the note.
    """

    text: str
    verified_by: tuple[NoteKey, ...]


def sign_note(text: str, signers: Sequence[Signer]) -> str:
    """The signed note: the text, a blank line, one line for each signer.

    Args:
        text: ends in a line feed.
    """
    message = text.encode()
    lines = [
        SignatureLine(name=signer.name, key_id=signer.key_id, signature=signer.sign(message)).text()
        for signer in signers
    ]
    return f"{text}\n{''.join(lines)}"


def sign_checkpoint(checkpoint: Checkpoint, *signers: Signer) -> str:
    """The checkpoint as a signed note."""
    return sign_note(checkpoint.text(), signers)


def parse_note(note: str | bytes) -> tuple[str, tuple[SignatureLine, ...]]:
    """Split a note into its text and its signatures, which are not judged here.

    Raises:
        IntegrityError: `tampered`, when it is not exactly what `sign_note` writes, or has two
            signatures of one key.
    """
    if len(note) > MAX_NOTE_BYTES:
        _malformed("its length")
    try:
        whole = note.decode() if isinstance(note, bytes) else note
    except UnicodeDecodeError:
        _malformed("its encoding")
    text, blank, tail = whole.rpartition("\n\n")
    lines = tail.split("\n")
    if not blank or not text or lines.pop() != "" or not 0 < len(lines) <= MAX_SIGNATURES:
        _malformed("its lines")
    text += "\n"
    if any(char < " " and char != "\n" for char in text):
        _malformed("a control character")
    signatures = tuple(map(_parse_signature, lines))
    if len({(line.name, line.key_id) for line in signatures}) != len(signatures):
        _malformed("two signatures of one key")
    # INVARIANT: one meaning has one form, so that no byte can change unnoticed.
    if f"{text}\n{''.join(line.text() for line in signatures)}" != whole:
        _malformed("its form")
    return text, signatures


def _parse_signature(line: str) -> SignatureLine:
    name, blank, encoded = line.removeprefix(_SIGNATURE_START).partition(" ")
    if not line.startswith(_SIGNATURE_START) or not blank or not KEY_NAME.fullmatch(name):
        _malformed("a signature line")
    decoded = _decode(encoded)
    if len(decoded) < 5:
        _malformed("a signature")
    return SignatureLine(name=name, key_id=decoded[:4], signature=decoded[4:])


def open_note(note: str | bytes, verifiers: Iterable[NoteKey]) -> OpenedNote:
    """The text of a note that at least one of the keys signed.

    Signatures of other keys are passed over, since witnesses add theirs.

    Raises:
        IntegrityError: `tampered` when it is no note; `bad_signature` when one of the keys did not
            make the signature that carries its name and id; `key_mismatch` when none of the keys
            signed it.

    Source: c2sp.org/signed-note.
    """
    text, signatures = parse_note(note)
    known: dict[tuple[str, bytes], NoteKey] = {}
    for verifier in verifiers:
        other = known.setdefault((verifier.name, verifier.key_id), verifier)
        if other.vkey != verifier.vkey:
            # NOTE: ids have 32 bits, so somebody can make a second key with the same id.
            raise IntegrityError(
                Code.KEY_MISMATCH, f"two different keys have the name and id of `{other.vkey}`"
            )
    message = text.encode()
    accepted: list[NoteKey] = []
    for line in signatures:
        key = known.get((line.name, line.key_id))
        if key is None:
            continue
        if not key.accepts(message, line.signature):
            raise IntegrityError(
                Code.BAD_SIGNATURE, f"the signature of `{line.name[:80]}` does not fit the note"
            )
        accepted.append(key)
    if not accepted:
        raise IntegrityError(
            Code.KEY_MISMATCH,
            "no known key signed the note",
            next_step="check the public key, and whose log this is",
        )
    return OpenedNote(text=text, verified_by=tuple(accepted))


def open_checkpoint(note: str | bytes, verifiers: Iterable[NoteKey]) -> Checkpoint:
    """The checkpoint of a note that at least one of the keys signed.

    Raises:
        IntegrityError: as `open_note`; `tampered` also when the text is no checkpoint.
    """
    return Checkpoint.parse(open_note(note, verifiers).text)


def _decode(text: str) -> bytes:
    decoded = decode64(text)
    if decoded is None:
        _malformed("its base64")
    return decoded


def _malformed(what: str) -> NoReturn:
    raise IntegrityError(Code.TAMPERED, f"that is no signed checkpoint, by {what}")


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
