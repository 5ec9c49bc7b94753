"""A push service with its browsers: checks who pushes, and reads what came as a browser does.

What reads is another implementation than what writes: `http_ece`, by an author of the standard.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import http_ece  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

_MOST_BYTES = 4096
_A_DAY_S = 86_400


def unpadded(raw: bytes) -> str:
    """Base64url as browsers write it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(frozen=True, kw_only=True)
class Push:
    """What came for a browser, read by it."""

    title: str
    body: str
    tag: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def words(self) -> str:
        """Everything that somebody reads on a locked screen."""
        return f"{self.title} {self.body}"


@dataclass(kw_only=True)
class SoftBrowser:
    """A subscription, with the halves of its keys that never leave a browser.

    Attributes:
        status: what its push service answers to whoever pushes; 201 takes it.
    """

    endpoint: str
    key: str
    status: int = 201
    got: list[Push] = field(default_factory=list)
    tries: int = 0
    _private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    _auth: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def said(self) -> str:
        """The subscription as the page sends it."""
        point = self._private.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        keys = {"p256dh": unpadded(point), "auth": unpadded(self._auth)}
        return json.dumps({"endpoint": self.endpoint, "expirationTime": None, "keys": keys})

    def read(self, headers: dict[str, str], raw: bytes) -> Push:
        """Decrypt one. Source: RFC 8291 §3.4, RFC 8188."""
        plain: bytes = http_ece.decrypt(
            raw, private_key=self._private, auth_secret=self._auth, version="aes128gcm"
        )
        return Push(**json.loads(plain), headers=headers, raw=raw)


class PushService:
    """Takes pushes on a port of its own, for any number of browsers."""

    def __init__(self) -> None:
        self.browsers: dict[str, SoftBrowser] = {}
        self.refused: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self.take))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        serving = self._server.serve_forever
        threading.Thread(target=serving, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def subscribe(self, key: str) -> SoftBrowser:
        """A new browser, turned on with a server's key; nobody else may push to it."""
        path = f"/push/{len(self.browsers)}"
        made = self.browsers[path] = SoftBrowser(endpoint=f"{self.url}{path}", key=key)
        return made

    def take(self, path: str, headers: dict[str, str], raw: bytes) -> int:
        """The status for one push; it is read only where everything about it is right."""
        browser = self.browsers.get(path)
        if browser is None:
            return 404
        browser.tries += 1
        if browser.status != 201:
            return browser.status
        problem = self._problem(browser, headers, raw)
        if problem:
            self.refused.append(problem)
            return 403
        browser.got.append(browser.read(headers, raw))
        return 201

    def _problem(self, browser: SoftBrowser, headers: dict[str, str], raw: bytes) -> str:
        """What a push service refuses. Source: RFC 8030 §5, RFC 8292 §4."""
        scheme, _, said = headers.get("authorization", "").partition(" ")
        parts = dict(one.strip().split("=", 1) for one in said.split(",") if "=" in one)
        if scheme != "vapid" or parts.get("k") != browser.key:
            return "another key"
        point = base64.urlsafe_b64decode(browser.key + "=" * (-len(browser.key) % 4))
        numbers = {"x": unpadded(point[1:33]), "y": unpadded(point[33:])}
        key = ECKey.import_key({"kty": "EC", "crv": "P-256", **numbers})
        claims = jwt.decode(parts["t"], key, algorithms=["ES256"]).claims
        if not self.url.startswith(claims["aud"]) or not claims["sub"].startswith("mailto:"):
            return "another audience, or nobody to write to"
        if not time.time() < claims["exp"] <= time.time() + _A_DAY_S:
            return "too late, or good for too long"
        if headers.get("content-encoding") != "aes128gcm" or len(raw) > _MOST_BYTES:
            return "not encrypted as the standard says"
        if not headers.get("ttl", "").isdecimal() or len(headers.get("topic", "")) > 32:
            return "no time to live, or a long topic"
        return ""


def _handler_of(take: Callable[[str, dict[str, str], bytes], int]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            raw = self.rfile.read(int(headers.get("content-length", "0")))
            self.send_response(take(self.path, headers, raw))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its name)
            pass

    return Handler
