"""A passkey in software, which signs whatever a test wants: the right thing and the wrong one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from secrets import token_bytes

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sayso.audit.authority.passkeys import Assertion, Signature, challenge_of, to_base64url
from sayso.audit.entry import Json

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass(frozen=True, kw_only=True)
class SoftPasskey:
    """Keeps a key for one host."""

    rp_id: str = "localhost"
    id: bytes = field(default_factory=lambda: token_bytes(16))
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))

    @property
    def name(self) -> str:
        """The credential id, base64url."""
        return to_base64url(self.id)

    @property
    def public_key(self) -> str:
        """SubjectPublicKeyInfo, base64url."""
        public = self.key.public_key()
        return to_base64url(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    def sign(
        self,
        statement: dict[str, Json],
        *,
        challenge: str | None = None,
        origin: str | None = None,
        kind: str = "webauthn.get",
        rp_id: str | None = None,
        flags: int = PRESENT | VERIFIED,
        **more: object,
    ) -> Assertion:
        """An assertion over a statement, with whatever is named done otherwise."""
        host = self.rp_id
        told = hashlib.sha256((rp_id or host).encode()).digest() + bytes([flags]) + bytes(4)
        client = self._client(
            kind, challenge_of(statement) if challenge is None else challenge, origin, **more
        )
        signed = self.key.sign(told + hashlib.sha256(client).digest(), ECDSA(SHA256()))
        return Assertion(
            id=self.name,
            authenticator_data=to_base64url(told),
            client_data=to_base64url(client),
            signature=to_base64url(signed),
            statement=statement,
        )

    def signature(self, challenge: str, nonce: str, *, origin: str | None = None) -> Signature:
        """What a browser sends once a page has asked for that challenge."""
        made = self.sign({"say": "-"}, challenge=challenge, origin=origin)
        return Signature(
            id=made.id,
            authenticator_data=made.authenticator_data,
            client_data=made.client_data,
            signature=made.signature,
            nonce=nonce,
        )

    def register(self, challenge: str, *, origin: str, flags: int = PRESENT | VERIFIED) -> str:
        """What a browser sends once it has made this passkey, as JSON."""
        numbers = self.key.public_key().public_numbers()
        public = {
            1: 2,
            3: -7,
            -1: 1,
            -2: numbers.x.to_bytes(32, "big"),
            -3: numbers.y.to_bytes(32, "big"),
        }
        told = (
            hashlib.sha256(self.rp_id.encode()).digest()
            + bytes([flags | ATTESTED])
            + bytes(4)
            + bytes(16)
            + len(self.id).to_bytes(2, "big")
            + self.id
            + cbor2.dumps(public)
        )
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": told})
        response = {
            "clientDataJSON": to_base64url(self._client("webauthn.create", challenge, origin)),
            "attestationObject": to_base64url(attestation),
        }
        return json.dumps(
            {"id": self.name, "rawId": self.name, "type": "public-key", "response": response}
        )

    def _client(self, kind: str, challenge: str, origin: str | None, **more: object) -> bytes:
        host = self.rp_id
        own = f"https://{host}" if host != "localhost" else "http://localhost:8390"
        said = {"type": kind, "challenge": challenge, "origin": own if origin is None else origin}
        return json.dumps({**said, **more}).encode()
