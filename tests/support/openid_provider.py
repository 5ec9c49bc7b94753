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

from joserfc import jws, jwt
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
        refreshes: whether a code gives a refresh token, which is good once.
        signs_refreshes: whether the answer to one has an ID token, or there is only the userinfo.
        thin: whether ID tokens leave the groups to the userinfo.
        down: whether it answers 503 for all but its description; dumb: only for the userinfo.
        calls: what was asked of each endpoint but the browser's, in order.
        access: makes its access tokens, which say nothing unless told otherwise.
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
    refreshes: bool = False
    signs_refreshes: bool = True
    thin: bool = False
    down: bool = False
    dumb: bool = False
    alive: set[str] = field(default_factory=set[str])
    calls: list[str] = field(default_factory=list[str])
    access: Callable[[], str] = lambda: "at"

    def described(self) -> Claims:
        """What it says of itself."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "revocation_endpoint": f"{self.issuer}/revoke",
            "end_session_endpoint": f"{self.issuer}/end",
            "id_token_signing_alg_values_supported": ["RS256", "none"],
            "authorization_response_iss_parameter_supported": self.answers_iss,
        } | self.metadata

    def describe(self, _: Request) -> Response:
        """The same, over HTTP."""
        return JSONResponse(self.described())

    def claims(self, nonce: str | None) -> Claims:
        """What stands in the right ID token; none has a nonce after a refresh."""
        at = int(self.now())
        said = {"iss": self.issuer, "aud": CLIENT, "iat": at, "exp": at + 300, "sid": "s-1"}
        said |= self.person | ({} if nonce is None else {"nonce": nonce})
        if self.thin:
            said.pop("groups", None)
        return self.spoil(said)

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
        """A code or a refresh token for an ID token, by the secrets of the client and of PKCE."""
        form = await _form_of(request)
        self.calls.append(form["grant_type"])
        if self.down:
            return JSONResponse({"error": "server_error"}, status_code=503)
        if request.headers.get("authorization") != _basic():
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        if form["grant_type"] == "refresh_token":
            if "offline_access" in form.get("scope", ""):  # as without a consent to it
                return JSONResponse({"error": "invalid_scope"}, status_code=400)
            return self._refreshed(form.get("refresh_token", ""))
        asked = self.codes.get(form.get("code", ""))
        right = asked is not None and (
            form.get("redirect_uri") == asked["redirect_uri"]
            and asked.get("code_challenge_method") == "S256"
            and asked.get("code_challenge") == _challenge(form.get("code_verifier", ""))
        )
        if asked is None or not right:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        if self.once:
            del self.codes[form["code"]]
        return self._given(self.claims(asked.get("nonce")))

    def _refreshed(self, refresh: str) -> Response:
        if refresh not in self.alive:
            self.alive.clear()  # a second use ends the family
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        self.alive.remove(refresh)
        return self._given(self.claims(None) if self.signs_refreshes else None)

    def _given(self, claims: Claims | None) -> Response:
        said: Claims = {"access_token": self.access(), "token_type": "Bearer"}
        if claims is not None:
            said["id_token"] = self.token(claims)
        if self.refreshes:
            said["refresh_token"] = token_urlsafe(16)
            self.alive.add(said["refresh_token"])
        return JSONResponse(said)

    def userinfo(self, request: Request) -> Response:
        """The same of the person, for the access token."""
        self.calls.append("userinfo")
        right = request.headers.get("authorization") == "Bearer at"
        away = self.down or self.dumb
        return JSONResponse(self.person, status_code=503 if away else 200 if right else 401)

    async def revoke(self, request: Request) -> Response:
        """Forget a refresh token."""
        self.calls.append("revoke")
        self.alive.discard((await _form_of(request)).get("token", ""))
        return Response()

    def logout_token(self, **changed: Any) -> str:
        """What it sends when it has signed somebody out; `...` leaves a claim out."""
        at = int(self.now())
        said: Claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": at,
            "exp": at + 120,
            "jti": token_urlsafe(8),
            "sub": self.person["sub"],
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }
        said |= changed
        said = {name: one for name, one in said.items() if one is not ...}
        header = {"alg": "RS256", "kid": self.key.kid, "typ": "logout+jwt"}
        # Without the library's own defaults, such as the `iat` that it adds.
        return jws.serialize_compact(header, json.dumps(said).encode(), self.key)

    def published(self, request: Request) -> Response:
        """Its public keys."""
        self.keys_read += 1
        return JSONResponse(KeySet([self.key]).as_dict(private=False))


async def _form_of(request: Request) -> dict[str, str]:
    return {name: one[0] for name, one in parse_qs((await request.body()).decode()).items()}


def _basic() -> str:
    return "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()


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


def by_a_nameless_key(provider: OpenIdProvider, claims: Claims) -> str:
    """Signed well, by a provider that does not say by which key."""
    return jwt.encode({"alg": "RS256"}, claims, provider.key)


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
            Route("/userinfo", provider.userinfo),
            Route("/revoke", provider.revoke, methods=["POST"]),
        ]
    )
    urls: asyncio.Queue[str] = asyncio.Queue()
    server = OrderlyServer(app, grace_s=1, ready=urls.put_nowait)
    task = asyncio.create_task(server.run_on(listen("127.0.0.1", 0)))
    try:
        provider.issuer = await asyncio.wait_for(urls.get(), 60)
        yield provider
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 60)
