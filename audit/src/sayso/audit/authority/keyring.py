"""The key outside the database: it makes tokens count, and opens what is sealed of people.

From each root, 32 bytes that only the host has, three keys are derived: one for the hashes under
which tokens are stored, one that wraps the subjects' keys, one for the notes a process leaves
itself in the database. Whoever has the database alone has none of them.
What a subject's key is bound to, and the name that follows from it, stand at the end, and so does
what the seal of a row is over.

Whoever can write the database changes a row for a moment, has the server sign what follows from it,
and puts it back. So each entry that moves a row carries a seal over all of it that entries decide,
under a key that is never in the database, and the next move compares it before anything is signed.
An older row with its older seal is older than the newest entry about it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sayso.audit.signing.keys import LogSigner
from sayso.errors import Code, ConfigError, IntegrityError, RefusedError
from sayso.ids import Entropy
from sayso.verdicts import older_build, wrong_key

ROOT_BYTES = 32
MAGIC = b"sk1"
"""Begins a wrapped key: magic, kid (8), nonce (12), the wrapped 32 bytes with their tag (16)."""

_KID_BYTES = 8
_NONCE_BYTES = 12
_WRAPPED_BYTES = len(MAGIC) + _KID_BYTES + _NONCE_BYTES + ROOT_BYTES + 16
_DIGEST = "sha256"
"""By name: OpenSSL looks up a digest that is handed over as a function each time."""
_LABEL = b"sayso/root-key/v1\n"
"""What a key in a KMS signs, so that its signature is a root: Ed25519 gives the same one always."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Root:
    """One root's derived keys; never printed, since none of its fields is shown."""

    kid: bytes
    kid_hex: str
    token: bytes
    note: bytes
    row: bytes
    box: AESGCM

    def __repr__(self) -> str:
        return f"_Root({self.kid_hex})"


class Keyring:
    """Keys tokens, wraps subjects' keys and vouches for notes.

    Args:
        root: 32 bytes; what is made now is made with this one.
        older: roots of before, so that what they made still counts.
    """

    def __init__(self, root: bytes, older: Sequence[bytes] = ()) -> None:
        roots = [_root(one) for one in (root, *older)]
        self._newest = roots[0]
        self._roots = {one.kid: one for one in reversed(roots)}
        others = (one for one in self._roots.values() if one.kid != self._newest.kid)
        self._in_order = (self._newest, *others)

    @property
    def kid(self) -> str:
        """The name of the newest root: 16 hex digits that tell nothing about it."""
        return self._newest.kid_hex

    # ---- tokens --------------------------------------------------------------------------------

    def token_hash(self, secret: str) -> bytes:
        """Under which hash a new token's secret is stored, 32 bytes."""
        return hmac.digest(self._newest.token, secret.encode(), _DIGEST)

    def token_hashes(self, secret: str) -> list[bytes]:
        """Every hash that it may be stored under, the newest root's first."""
        encoded = secret.encode()
        return [hmac.digest(one.token, encoded, _DIGEST) for one in self._in_order]

    # ---- notes ---------------------------------------------------------------------------------

    def seal_note(self, note: bytes) -> bytes:
        """What makes a note in the database our own: kid (8) and its MAC (32)."""
        return self._newest.kid + hmac.digest(self._newest.note, note, _DIGEST)

    def is_own_note(self, note: bytes, seal: bytes) -> bool:
        """Whether a process with one of these roots wrote exactly this note."""
        root = self._roots.get(seal[:_KID_BYTES])
        if root is None:
            return False
        own = hmac.digest(root.note, note, _DIGEST)
        return hmac.compare_digest(own, seal[_KID_BYTES:])

    # ---- rows ----------------------------------------------------------------------------------

    def seal_row(self, row: bytes) -> str:
        """What says in an entry that a row was exactly this: the kid and half a MAC, in hex."""
        return _row_seal(self._newest, row)

    def row_seals(self, row: bytes) -> list[str]:
        """The seal of a row under each root, as `seal_row` made it under one; the newest first."""
        return [_row_seal(one, row) for one in self._in_order]

    def is_own_row(self, row: bytes, seal: str) -> bool:
        """Whether a row is the one that was sealed; also where no root here can tell."""
        return fits_seal(self.row_seals(row), seal)

    # ---- subjects' keys ------------------------------------------------------------------------

    def wrap(self, key: bytes, place: bytes, entropy: Entropy) -> bytes:
        """A subject's key as the database keeps it.

        Args:
            key: 32 bytes.
            place: whose it is; moved to somebody else, it does not open.

        Guarantees: a nonce has 96 random bits, so one root is good for 2^32 subjects.
        """
        nonce = entropy(_NONCE_BYTES)
        root = self._newest
        return MAGIC + root.kid + nonce + root.box.encrypt(nonce, key, place)

    def unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        """The key behind what `wrap` made for this place.

        Raises:
            ConfigError: `key_mismatch`, when no root here has wrapped it.
            IntegrityError: `tampered`, when it was changed, or belongs to another place.
        """
        if len(wrapped) == ROOT_BYTES:
            raise older_build(UNWRAPPED, REWRAP)
        if len(wrapped) != _WRAPPED_BYTES or not wrapped.startswith(MAGIC):
            raise _changed()
        kid, rest = wrapped[len(MAGIC) :][:_KID_BYTES], wrapped[len(MAGIC) + _KID_BYTES :]
        root = self._roots.get(kid)
        if root is None:
            raise wrong_key(unknown_key(kid.hex()))
        try:
            return root.box.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], place)
        except InvalidTag:
            raise _changed() from None

    def trouble(self, wrapped: bytes) -> ConfigError | None:
        """Why a subject's key does not open, where nobody has changed it; None for every other one.

        Args:
            wrapped: as the database keeps it.
        """
        if len(wrapped) == ROOT_BYTES:
            return older_build(UNWRAPPED, REWRAP)
        if len(wrapped) != _WRAPPED_BYTES or not wrapped.startswith(MAGIC):
            return None
        kid = wrapped[len(MAGIC) :][:_KID_BYTES]
        return None if kid in self._roots else wrong_key(unknown_key(kid.hex()))

    def is_current(self, wrapped: bytes) -> bool:
        """Whether the newest root has wrapped it."""
        return wrapped.startswith(MAGIC + self._newest.kid)


UNWRAPPED = "the database was made by an older build: customers' keys are not wrapped yet"
REWRAP = "run `sayso privacy rewrap`, once, with every server stopped"


def unknown_key(kid: str) -> str:
    """What to say of a key that is not among the vault's."""
    return f"a customer's key was wrapped by the key `{kid}`, which is not at hand"


def _changed() -> IntegrityError:
    return IntegrityError(
        Code.TAMPERED,
        "a customer's key was changed by another program than Sayso",
        next_step="run `sayso audit verify`, and restore the database from a backup",
    )


def fits_seal(own: Sequence[str], seal: str) -> bool:
    """Whether one of a row's seals is the one that an entry has; also where no root can tell."""
    kid = seal[: 2 * _KID_BYTES]
    return seal in own or not any(one.startswith(kid) for one in own)


def _row_seal(root: _Root, row: bytes) -> str:
    return root.kid_hex + hmac.digest(root.row, row, _DIGEST)[:16].hex()


def _root(root: bytes) -> _Root:
    def derived(purpose: str) -> bytes:
        info = f"sayso/{purpose}/v1".encode()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(root)

    kid = derived("root-kid")[:_KID_BYTES]
    return _Root(
        kid=kid,
        kid_hex=kid.hex(),
        token=derived("token"),
        note=derived("note"),
        row=derived("row"),
        box=AESGCM(derived("subject-key")),
    )


def root_of_text(text: str) -> bytes:
    """The root behind 32 bytes in base64, as the vault's key file has them.

    Raises:
        ConfigError: `invalid_setting`; the message holds no part of it.
    """
    try:
        root = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        root = b""
    if len(root) != ROOT_BYTES:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"the vault's key is not {ROOT_BYTES} bytes in base64",
            next_step="make one with `openssl rand -base64 32`, or bring back the one that was"
            " there",
        )
    return root


def root_of_signer(signer: LogSigner) -> bytes:
    """The root that a key in a KMS or HSM stands for: the hash of what it signs of a fixed text.

    Raises:
        ConfigError: `invalid_setting`, when the key does not sign the same text alike twice.
    """
    first, second = signer.sign(_LABEL), signer.sign(_LABEL)
    if first != second:
        raise ConfigError(
            Code.INVALID_SETTING,
            "the key in the KMS signs one text in two ways, so it cannot be the vault's key",
            next_step="name an Ed25519 key in `vault.key`",
        )
    return hashlib.sha256(b"sayso/root-of-signature/v1\0" + first).digest()


PREFIX = "sub_"
"""Begins the name under which the log knows a subject."""


def pseudonym_of(key: bytes, tenant: str, subject_id: str) -> str:
    """The name under which the log knows a subject: it follows from their key and their id."""
    mac = hmac.digest(key, f"{tenant}\0{subject_id}".encode(), _DIGEST)
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
    if len(wrapped) == ROOT_BYTES:
        return wrapped  # of an older build; whose it is shows by the name that follows from it
    try:
        return keyring.unwrap(wrapped, place)
    except (IntegrityError, ConfigError):
        return None


ROW = "row"
"""Where an entry's `data` has the seal."""

SEALED: Mapping[str, tuple[str, ...]] = {
    "action": (
        *("tenant", "id", "idempotency_key", "fingerprint", "requester", "request_id", "step"),
        *("after", "name", "subject_id", "assurance", "args", "reason_ref", "planner", "status"),
        *("revision", "snapshot", "digest", "amount_minor", "currency", "error", "receipt"),
        *("call_key", "call_key_until", "called_at", "fence", "created_at", "on_failure", "undoes"),
        "occupies",
    ),
    "request": (
        *("tenant", "id", "idempotency_key", "fingerprint", "requester", "subject_id", "assurance"),
        *("messages_ref", "words_ref", "status", "planner", "plan", "question", "turns"),
        *("reply_ref", "created_at", "conversation"),
    ),
    "customer_link": (
        *("tenant", "id", "account", "other", "proof", "linked_by", "linked_at", "until"),
        *("request_id", "reason_ref", "ended_by", "ended_at", "ended_why", "ended_ref"),
    ),
}
"""The columns that only change with an entry; when it is due, and how often it was tried, do not
stand there. NOTE: they are sealed in this order."""
_VALUES: Mapping[str, Callable[[Mapping[str, object]], tuple[object, ...]]] = {
    table: itemgetter(*columns) for table, columns in SEALED.items()
}
"""Takes them out of a whole row at once: each change of an action is sealed twice."""


def sealed_bytes(table: str, row: Mapping[str, object]) -> bytes:
    """What the seal of a row is over.

    Raises:
        RefusedError: `invalid_input`, for text that is none, which no row can hold.
    """
    try:
        values = _VALUES[table](row)
    except KeyError:  # of a source that doesn't have them all
        values = tuple(row.get(column) for column in SEALED[table])
    try:
        return orjson.dumps((table, *values))
    except TypeError as error:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"the {table} holds text that is no Unicode",
            next_step="send whole characters",
        ) from error
