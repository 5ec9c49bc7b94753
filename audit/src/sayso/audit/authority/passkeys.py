"""Passkeys as the log knows them, and what they sign: a yes that only its person can make.

A passkey's private key never leaves the device of its person. What it signs says in canonical JSON
what was shown and what was agreed to, so that whoever has the log can check each yes without this
server, and nobody who has the database, the server and all its keys can write one.

SOURCE: W3C Web Authentication Level 3, section 7.2, verifying an authentication assertion.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self, cast
from urllib.parse import urlsplit

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from sayso.audit.entry import Json, canonical_bytes, profile_fault
from sayso.audit.event import Event
from sayso.audit.fields import Fields, object_in, text_or_none
from sayso.errors import RefusedError

ENROLLED, CONFIRMED, REMOVED = "passkey.enrolled", "passkey.confirmed", "passkey.removed"
REQUIRED = "passkey.required"
KINDS = frozenset({ENROLLED, CONFIRMED, REMOVED, REQUIRED})

_CONTEXT = b"sayso/passkey/v1\0"
_USER_PRESENT, _USER_VERIFIED = 0x01, 0x04
_SHORTEST_DATA = 37
MOST_CHARS = 4096
"""Of each part of an assertion; real ones have a few hundred."""

Tier = Mapping[str, int]
"""From which amount on a yes needs a passkey: minor units by currency."""

CUSTOMER_DAY = "customer_day"
DAY_MICROS = 86_400_000_000
NEVER = 2**63
"""Above every amount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A passkey that an entry made known.

    Attributes:
        id: the credential id, base64url. person: whose.
        public_key: SubjectPublicKeyInfo, base64url.
        rp_id: the host name that it belongs to, such as `sayso.example.com`.
        origin: scheme, host and port of the page that enrolled it; empty where its entry is from
            before that was said.
        name: what its person calls it.
        confirmed_by: whose passkey has signed that it is theirs; its own person's name for the
            first of a log; empty while nobody has, and it counts for nothing.
        seq: the entry that enrolled it. at: when, in microseconds since 1970.
    """

    id: str
    person: str
    public_key: str
    rp_id: str
    name: str
    confirmed_by: str
    seq: int
    at: int
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyRule:
    """From which amount on a yes needs a passkey.

    Attributes:
        amounts: minor units by currency; empty while no yes needs one.
        root: the entry with the first passkey of the log, by which every other one is confirmed;
            None while there was none.
        at: when the amounts were said, in microseconds since 1970. seq: the entry that said them.
        sums: `CUSTOMER_DAY` where the amounts are of what a customer gets in a day and any other
            currency needs one from its first unit on; empty for an entry from before that, whose
            amounts are of one request and bind the currencies that they name.
    """

    amounts: Tier = field(default_factory=dict[str, int])
    root: int | None = None
    at: int = 0
    seq: int = 0
    sums: str = ""

    def needs(self, currency: str, minor: int) -> bool:
        """Whether a yes to this amount needs a passkey."""
        return minor >= self.start(currency)

    def start(self, currency: str) -> int:
        """From which amount on, in minor units; `NEVER` where no amount of it needs one."""
        other = 0 if self.amounts and self.sums else NEVER
        return self.amounts.get(currency, other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What a passkey signed: who, what, and the signature, as the browser gave it.

    Attributes:
        id, authenticator_data, client_data, signature: base64url.
        statement: what was agreed to; the challenge is its digest.
    """

    id: str
    authenticator_data: str
    client_data: str
    signature: str
    statement: dict[str, Json]

    def to_json(self) -> dict[str, Json]:
        """As it stands in an entry, beside what it was for."""
        return {
            "id": self.id,
            "authenticator_data": self.authenticator_data,
            "client_data": self.client_data,
            "signature": self.signature,
            "statement": self.statement,
        }

    @classmethod
    def of(cls, data: Fields) -> Self | None:
        """The one in an entry's `data`; None where there is none, or only a part of one."""
        said = object_in(data, "passkey")
        texts = {name: text_or_none(said, name) or "" for name in _PARTS}
        statement = dict(object_in(said, "statement"))
        if not all(texts.values()) or not statement:
            return None
        return cls(**texts, statement=cast("dict[str, Json]", statement))

    def fault(self, key: Passkey) -> str | None:
        """What is wrong with it as a word of this passkey's, in words; None when nothing is."""
        if any(len(getattr(self, name)) > MOST_CHARS for name in _PARTS):
            return "is too long"
        try:
            told = _from_base64url(self.authenticator_data)
            client_data = _from_base64url(self.client_data)
            signature = _from_base64url(self.signature)
            client: object = orjson.loads(client_data)
            challenge = challenge_of(self.statement)
        except (ValueError, RefusedError):
            return "cannot be read"
        if self.id != key.id:
            return "is of another passkey"
        if not isinstance(client, dict):
            return "cannot be read"
        said = cast("Fields", client)
        if said.get("type") != "webauthn.get" or said.get("crossOrigin") is True:
            return "was made for something else"
        if said.get("challenge") != challenge:
            return "is about something else"
        origin = text_or_none(said, "origin") or ""
        # A port is another site: whoever serves one on the same host could ask for signatures.
        if not is_origin_of(origin, key.rp_id) or (key.origin and origin != key.origin):
            return "was made on another site"
        if len(told) < _SHORTEST_DATA or told[:32] != hashlib.sha256(key.rp_id.encode()).digest():
            return "was made for another site"
        if not told[32] & _USER_PRESENT or not told[32] & _USER_VERIFIED:
            return "was made without its person being verified"
        signed = told + hashlib.sha256(client_data).digest()
        return None if _is_signed(key.public_key, signature, signed) else "is not signed by it"


_PARTS = ("id", "authenticator_data", "client_data", "signature")


def challenge_of(statement: dict[str, Json]) -> str:
    """What a passkey has to sign for a statement: SHA-256 over its canonical form, base64url.

    Raises:
        RefusedError: `invalid_input`, for what no entry can hold.
    """
    if profile_fault(statement) is not None:
        return ""
    return to_base64url(hashlib.sha256(_CONTEXT + canonical_bytes(statement)).digest())


def is_origin_of(origin: str, rp_id: str) -> bool:
    """Whether pages of an origin speak for a host: by https, or on this machine itself."""
    try:
        parts = urlsplit(origin)
        host = parts.hostname
    except ValueError:
        return False
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host == "localhost")
    return is_safe and host == rp_id


def to_base64url(data: bytes) -> str:
    """Without padding, as WebAuthn writes bytes."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _from_base64url(text: str) -> bytes:
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("no base64url") from error


def is_public_key(text: str) -> bool:
    """Whether it is a public key of a kind that assertions are checked with."""
    try:
        key = load_der_public_key(_from_base64url(text))
    except (ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(key, EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey)


def _is_signed(public_key: str, signature: bytes, signed: bytes) -> bool:
    try:
        key = load_der_public_key(_from_base64url(public_key))
        if isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, signed, ECDSA(SHA256()))
        elif isinstance(key, Ed25519PublicKey):
            key.verify(signature, signed)
        elif isinstance(key, RSAPublicKey):
            key.verify(signature, signed, PKCS1v15(), SHA256())
        else:
            return False
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def is_looser(now: PasskeyRule, then: PasskeyRule) -> bool:
    """Whether some yes that needs a passkey now would need none then."""
    currencies = {*now.amounts, *then.amounts, ""}  # "" stands for every other one
    return any(then.start(currency) > now.start(currency) for currency in currencies) or (
        bool(now.amounts and now.sums) and not then.sums
    )


def tier_to_json(tier: Tier) -> list[Json]:
    """As it stands in an entry: pairs, since a currency is no key there."""
    return [[currency, minor] for currency, minor in sorted(tier.items())]


def tier_of(said: object) -> dict[str, int]:
    """The amounts behind `tier_to_json`; what is none is left out."""
    found: dict[str, int] = {}
    for pair in cast("list[object]", said) if isinstance(said, list) else []:
        match pair:
            case [str(currency), int(minor)] if minor >= 0:
                found[currency] = minor
            case _:
                continue
    return found


# ---- what entries change -------------------------------------------------------------------------


def passkey_of(event: Event, root: int | None) -> Passkey | None:
    """The passkey that an entry `passkey.enrolled` makes known; None when it describes none."""
    name, person, key = event.text("passkey_id"), event.text("person"), event.text("public_key")
    if not name or not person or not key:
        return None
    return Passkey(
        id=name,
        person=person,
        public_key=key,
        rp_id=event.text("rp_id") or "",
        origin=event.text("origin") or "",
        name=event.text("name") or "",
        confirmed_by=person if root is None else "",
        seq=event.seq,
        at=event.at,
    )


def confirmed(known: Passkey, event: Event) -> Passkey:
    """The same, once an entry `passkey.confirmed` has confirmed it."""
    return replace(known, confirmed_by=event.actor)


# ---- what is signed ------------------------------------------------------------------------------


def statement(say: str, tenant: str, person: str, nonce: str, **more: Json) -> dict[str, Json]:
    """What somebody signs.

    Args:
        say: `yes`, `confirm` or `loosen`.
        nonce: from this server, so that what was signed before is not said again.
        more: `yes`: `solution`, `revision`, `steps`; `confirm`: `passkey_id`, `of`, `public_key`;
            `loosen`: `amounts`.
    """
    return {"say": say, "tenant": tenant, "person": person, "nonce": nonce, **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a browser sends once a person's passkey has signed; `says` tells what it is about.

    Attributes:
        id, authenticator_data, client_data, signature: base64url, as in `Assertion`.
        nonce: the one that was signed with.
    """

    id: str
    authenticator_data: str
    client_data: str
    signature: str
    nonce: str

    def says(self, statement: dict[str, Json]) -> Assertion:
        """The signature together with what it is for."""
        return Assertion(
            id=self.id,
            authenticator_data=self.authenticator_data,
            client_data=self.client_data,
            signature=self.signature,
            statement=statement,
        )
