"""Signatures of providers' webhooks, each by its own scheme.

| provider | header | what is signed |
|---|---|---|
| Stripe | `Stripe-Signature: t=…,v1=…` | HMAC-SHA256, hex, of `t.body`; five minutes |
| Shopify | `X-Shopify-Hmac-Sha256` | HMAC-SHA256, base64, of the body |
| Zendesk | `X-Zendesk-Webhook-Signature` and `-Timestamp` | HMAC-SHA256, base64, of time and body |
| Intercom | `X-Hub-Signature: sha1=…` | HMAC-SHA1, hex, of the body, by the client secret |

Where no time is signed, an old call can be sent again; what follows from one is the same twice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal

from sayso.secret import Secret

Provider = Literal["stripe", "shopify", "zendesk", "intercom"]
Signing = Literal["hmac-sha256", "hmac-sha1", "secret", "zendesk"]
"""How a help desk shows that a webhook is its own."""
TOLERANCE_S = 300
_MOST_SIGNATURES = 8


def is_signed(
    provider: Provider, secret: Secret, headers: Mapping[str, str], body: bytes, now: datetime
) -> bool:
    """Whether the provider has signed this very body, and lately where it says when.

    Args:
        headers: by lower-case name.
        body: as it came, byte by byte.
    """
    key = secret.reveal().encode()
    match provider:
        case "stripe":
            return _stripe(key, headers.get("stripe-signature", ""), body, now)
        case "shopify":
            wanted = base64.b64encode(_sha256(key, body)).decode()
            return _same(wanted, headers.get("x-shopify-hmac-sha256", ""))
        case "zendesk":
            at = headers.get("x-zendesk-webhook-signature-timestamp", "")
            wanted = base64.b64encode(_sha256(key, at.encode() + body)).decode()
            given = headers.get("x-zendesk-webhook-signature", "")
            return _same(wanted, given) and _is_recent(at, now)
        case "intercom":
            wanted = "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest()
            return _same(wanted, headers.get("x-hub-signature", ""))


def is_rung(
    signed: Signing,
    header: str | None,
    secret: Secret,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> bool:
    """Whether a desk's webhook is its own, as far as the desk can show it.

    Args:
        header: where the signature is, or the secret itself.
        headers: by lower-case name.
    """
    key = secret.reveal().encode()
    given = headers.get((header or "").lower(), "")
    match signed:
        case "zendesk":
            return is_signed("zendesk", secret, headers, body, now)
        case "secret":
            return bool(key) and _same(secret.reveal(), given)
        case "hmac-sha256":
            return _same(_sha256(key, body).hex(), given.removeprefix("sha256="))
        case "hmac-sha1":
            return _same(hmac.new(key, body, hashlib.sha1).hexdigest(), given.removeprefix("sha1="))


def _stripe(key: bytes, header: str, body: bytes, now: datetime) -> bool:
    parts = [part.partition("=") for part in header.split(",")[: _MOST_SIGNATURES + 1]]
    at = next((value for name, _, value in parts if name.strip() == "t"), "")
    if not at.isascii() or not at.isdecimal() or len(at) > 12:
        return False
    if abs(now.timestamp() - int(at)) > TOLERANCE_S:
        return False
    wanted = _sha256(key, at.encode() + b"." + body).hex()
    # While a secret is rolled there are two.
    return any(_same(wanted, one) for one in _named(parts, "v1"))


def _named(parts: list[tuple[str, str, str]], wanted: str) -> Iterator[str]:
    return (value for name, _, value in parts if name.strip() == wanted)


def _is_recent(at: str, now: datetime) -> bool:
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return False
    if moment.tzinfo is None:
        return False
    return abs((now - moment).total_seconds()) <= TOLERANCE_S


def _sha256(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _same(wanted: str, given: str) -> bool:
    return hmac.compare_digest(wanted.encode(), given.encode())
