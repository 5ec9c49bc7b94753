"""An OpenID provider over HTTP with keys of its own, right in everything until told otherwise."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, urlencode

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sayso.serving import OrderlyServer, listen

CLIENT, SECRET = "sayso", "s3cret"
Claims = dict[str, Any]


@dataclass(kw_only=True)
class OpenIdProvider:
    """The provider, and the switches for every bad token.

    Attributes:
        now: seconds since 1970. person: the claims of whoever signs in next.
        spoil: changes the claims of the ID token before it is signed.
        forge: makes the token itself of them, in place of a right signature.
        metadata: changes what it says of itself. callback: changes what the browser brings back.
        answers_iss: whether it says who it is with each answer (RFC 9207), and announces that.
        asked: what browsers came with. codes: what each code was for.
    """

    now: Callable[[], float]
    issuer: str = ""
    person: Claims = field(default_factory=lambda: {"sub": "u-1", "groups": ["leads"]})
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    spoil: Callable[[Claims], Claims] = lambda claims: claims
    forge: Callable[[OpenIdProvider, Claims], str] | None = None
    metadata: Claims = field(default_factory=dict[str, Any])
    callback: dict[str, str] = field(default_factory=dict[str, str])
    answers_iss: bool = True
    once: bool = True
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    keys_read: int = 0

    def described(self) -> Claims:
        """What it says of itself."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "none"],
            "authorization_response_iss_parameter_supported": self.answers_iss,
        } | self.metadata

    def describe(self, _: Request) -> Response:
        """The same, over HTTP."""
        return JSONResponse(self.described())

    def claims(self, nonce: str) -> Claims:
        """What stands in the right ID token."""
        at = int(self.now())
        said = {"iss": self.issuer, "aud": CLIENT, "iat": at, "exp": at + 300, "nonce": nonce}
        return self.spoil(said | self.person)

    def token(self, claims: Claims) -> str:
        """The ID token."""
        if self.forge is not None:
            return self.forge(self, claims)
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def authorize(self, request: Request) -> Response:
        """Somebody signs in; the browser goes back."""
        asked = dict(request.query_params)
        self.asked.append(asked)
        code = token_urlsafe(16)
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"]}
        if self.answers_iss:
            back["iss"] = self.issuer
        back = {name: value for name, value in (back | self.callback).items() if value}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", status_code=302)

    async def redeem(self, request: Request) -> Response:
        """A code for an ID token, with the secret of the client and of PKCE."""
        form = {name: one[0] for name, one in parse_qs((await request.body()).decode()).items()}
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.get(form.get("code", ""))
        right = asked is not None and (
            request.headers.get("authorization") == f"Basic {basic}"
            and form.get("redirect_uri") == asked["redirect_uri"]
            and asked.get("code_challenge_method") == "S256"
            and asked.get("code_challenge") == _challenge(form.get("code_verifier", ""))
        )
        if asked is None or not right:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        if self.once:
            del self.codes[form["code"]]
        token = self.token(self.claims(asked["nonce"]))
        return JSONResponse({"access_token": "at", "token_type": "Bearer", "id_token": token})

    def published(self, request: Request) -> Response:
        """Its public keys."""
        self.keys_read += 1
        return JSONResponse(KeySet([self.key]).as_dict(private=False))


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return _encoded(digest)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(_: OpenIdProvider, claims: Claims) -> str:
    """`alg: none`, which the provider's description lists."""
    parts = [json.dumps(one).encode() for one in ({"alg": "none"}, claims)]
    return ".".join(map(_encoded, parts)) + "."


def by_the_public_key(provider: OpenIdProvider, claims: Claims) -> str:
    """HS256, with the public key as the secret."""
    public = provider.key.as_pem(private=False)
    header = {"alg": "HS256", "kid": provider.key.kid}
    signed = ".".join(_encoded(json.dumps(one).encode()) for one in (header, claims))
    # By hand: the library refuses to make one.
    return f"{signed}.{_encoded(hmac.digest(public, signed.encode(), 'sha256'))}"


def by_another_key(provider: OpenIdProvider, claims: Claims) -> str:
    """The right name of a key, and another one."""
    other = RSAKey.generate_key(2048, {"kid": "k1"})
    return jwt.encode({"alg": "RS256", "kid": provider.key.kid}, claims, other)


def with_its_own_key(_: OpenIdProvider, claims: Claims) -> str:
    """A token that brings the key along, by which it is to be checked."""
    own = RSAKey.generate_key(2048, {"kid": "own"})
    header: dict[str, Any] = {"alg": "RS256", "kid": "own"}
    header["jwk"] = own.as_dict(private=False)
    return jwt.encode(header, claims, own)


@asynccontextmanager
async def open_provider(now: Callable[[], float]) -> AsyncGenerator[OpenIdProvider]:
    """The provider on a port of this machine."""
    provider = OpenIdProvider(now=now)
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", provider.describe),
            Route("/authorize", provider.authorize),
            Route("/token", provider.redeem, methods=["POST"]),
            Route("/keys", provider.published),
        ]
    )
    urls: asyncio.Queue[str] = asyncio.Queue()
    server = OrderlyServer(app, grace_s=1, ready=urls.put_nowait)
    task = asyncio.create_task(server.run_on(listen("127.0.0.1", 0)))
    try:
        provider.issuer = await asyncio.wait_for(urls.get(), 10)
        yield provider
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 15)
