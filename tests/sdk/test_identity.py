"""Who the customer is: a platform's signed word, in place of the bot's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from pydantic import ValidationError
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.model.definition import Assurance, Subject
from sayso.errors import Code, RefusedError, RetryableError
from sayso.settings import IdentitySection
from sayso.testing.clock import START

SECRET = "a secret of thirty-two characters"
NOW = int(START.timestamp())
GOOD = {"user_id": "ana", "exp": NOW + 300}
RSA = RSAKey.generate_key(2048, parameters={"kid": "r1"}, auto_kid=False)


def signed(claims: Mapping[str, object], secret: str = SECRET, algorithm: str = "HS256") -> str:
    """A platform's JWT."""
    header = {"alg": algorithm, "kid": "app_1"}
    return jwt.encode(header, dict(claims), OctKey.import_key(secret), algorithms=[algorithm])


def confused(claims: Mapping[str, object]) -> str:
    """A token signed by the public key as if it were a shared secret."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=")
        for one in ({"alg": "HS256", "kid": "r1"}, claims)
    ]
    text = b".".join(parts)
    mac = hmac.new(RSA.as_pem(private=False), text, hashlib.sha256).digest()
    return (text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


class Keys(ThreadingHTTPServer):
    """An OIDC provider's published keys."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/keys"
        self.body = json.dumps({"keys": [RSA.as_dict(private=False)]}).encode()
        self.asked = 0


class _Handler(BaseHTTPRequestHandler):
    @property
    def keys(self) -> Keys:
        return cast("Keys", self.server)

    def do_GET(self) -> None:
        self.keys.asked += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.keys.body)))
        self.end_headers()
        self.wfile.write(self.keys.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
        """Say nothing."""


@pytest.fixture
def keys() -> Iterator[Keys]:
    """The provider's keys on a loopback port."""
    with Keys() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@asynccontextmanager
async def opened(
    folder: Path, keys: Keys | None = None, *, required: bool = False
) -> AsyncGenerator[ShopWorkspace]:
    """A workspace that believes Intercom, and an OIDC provider where there is one."""
    (folder / "keys").mkdir(parents=True)
    (folder / "keys" / "identity.key").write_text(SECRET)
    desk = {"kind": "intercom", "secret": "file:keys/identity.key", "required": required}
    identity: dict[str, object] = {"desk": desk}
    if keys is not None:
        identity["login"] = {
            "kind": "oidc",
            "keys": keys.url,
            "issuer": "https://login.example",
            "audience": "shop",
        }
    async with open_shop(folder, identity=identity) as shop:
        yield shop


@pytest.mark.promise("identity:signed")
async def test_an_assertion_says_who_the_customer_is(tmp_path: Path) -> None:
    """With the right key and a time; nothing else holds, and the refusal says no more."""
    async with opened(tmp_path) as shop:
        identity = shop.sayso.identity
        found = await identity.subject("desk", signed(GOOD))
        assert found == Subject(id="ana", assurance=Assurance.SIGNED_IN)
        none = jwt.encode({"alg": "HS256"}, GOOD, OctKey.import_key("x" * 32)).split(".")
        unsigned = "eyJhbGciOiJub25lIn0." + none[1] + "."
        for wrong in (
            signed(GOOD, secret="another secret of thirty-two char"),
            signed(GOOD | {"exp": NOW - 3600}),
            signed({"user_id": "ana"}),
            signed({"exp": NOW + 300}),
            signed(GOOD | {"user_id": 7}),
            signed(GOOD | {"user_id": "../etc"}),
            signed(GOOD | {"nbf": NOW + 3600}),
            signed(GOOD, algorithm="HS512"),
            unsigned,
            "x",
            "é",
            "a" * 9_000,
        ):
            with pytest.raises(RefusedError) as refused:
                await identity.subject("desk", wrong)
            assert refused.value.code in (Code.UNAUTHENTICATED, Code.INVALID_INPUT), wrong
        with pytest.raises(RefusedError) as refused:
            await identity.subject("nobody", signed(GOOD))
        assert refused.value.code is Code.NOT_FOUND


@pytest.mark.promise("identity:signed")
async def test_an_id_token_is_judged_by_the_keys_that_its_issuer_publishes(
    tmp_path: Path, keys: Keys
) -> None:
    """They are read once; another audience, issuer or key is nobody's, and so is a confused key."""
    claims = {"sub": "ana", "iss": "https://login.example", "aud": "shop", "exp": NOW + 300}
    header = {"alg": "RS256", "kid": "r1"}
    async with opened(tmp_path, keys) as shop:
        identity = shop.sayso.identity
        assert (await identity.subject("login", jwt.encode(header, claims, RSA))).id == "ana"
        other = RSAKey.generate_key(2048, parameters={"kid": "r1"}, auto_kid=False)
        curve = ECKey.generate_key("P-256")
        for wrong in (
            jwt.encode(header, claims | {"aud": "another"}, RSA),
            jwt.encode(header, claims | {"iss": "https://evil.example"}, RSA),
            jwt.encode(header, claims, other),
            jwt.encode({"alg": "ES256", "kid": "r1"}, claims, curve),
            confused(claims),
        ):
            with pytest.raises(RefusedError):
                await identity.subject("login", wrong)
        assert keys.asked == 1
        keys.body = b"<html>"
        shop.clock.advance(hours=1)
        with pytest.raises(RetryableError, match="cannot be read"):
            await identity.subject("login", jwt.encode(header, claims, RSA))


@pytest.mark.promise("identity:bot")
async def test_a_bots_word_is_worth_less_than_an_assertion(tmp_path: Path) -> None:
    """Where one is required, a customer without it is unverified; another's is refused."""
    ana = Subject(id="ana", assurance=Assurance.SIGNED_IN)
    async with opened(tmp_path, required=True) as shop:
        identity = shop.sayso.identity
        assert (await identity.checked(ana, None, None)).assurance is Assurance.UNVERIFIED
        weak = Subject(id="ana", assurance=Assurance.UNVERIFIED)
        assert (await identity.checked(weak, "desk", signed(GOOD))).assurance is (
            Assurance.SIGNED_IN
        )
        with pytest.raises(RefusedError, match="does not hold"):
            await identity.checked(Subject(id="ben"), "desk", signed(GOOD))
    async with opened(tmp_path / "loose") as shop:
        assert await shop.sayso.identity.checked(ana, None, None) == ana


@pytest.mark.parametrize(
    "section",
    [
        {"kind": "oidc", "keys": "https://x.example/keys"},
        {"kind": "intercom"},
        {"kind": "zendesk", "secret": "env:X", "keys": "https://x.example"},
    ],
)
def test_a_section_says_whom_to_believe(section: dict[str, str]) -> None:
    """What is missing is told where the workspace is read."""
    with pytest.raises(ValidationError):
        IdentitySection.model_validate(section)
