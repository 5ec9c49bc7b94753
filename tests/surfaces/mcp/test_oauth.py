"""MCP as an OAuth resource server: a hosted client signs the customer in, and sets no headers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl, ValidationError
from starlette.applications import Starlette
from starlette.routing import Route
from support.openid_provider import (
    CLIENT,
    SECRET,
    OpenIdProvider,
    by_another_key,
    by_the_public_key,
    open_provider,
    unsigned,
    with_its_own_key,
)
from support.shop_workspace import open_shop
from surfaces.mcp.mcp_workspace import TIMEOUT_S, call

from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, ConfigError
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Scope
from sayso.settings import IdentitySection
from sayso.surfaces.mcp import create_mcp_app, metadata_routes
from sayso.testing.clock import FakeClock

RESOURCE = "https://mcp.shop.example/mcp"
BACK = "http://127.0.0.1:9/back"
METADATA = "https://mcp.shop.example/.well-known/oauth-protected-resource/mcp"
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
ACCEPT = {"Accept": "application/json, text/event-stream"}
pytestmark = pytest.mark.promise("mcp:oauth")
Claims = dict[str, Any]


@dataclass(kw_only=True)
class Served:
    """The app of an open shop, and who signs its customers in."""

    sayso: Sayso
    provider: OpenIdProvider
    app: Starlette

    def token(self, **changed: object) -> str:
        """An access token of `ana`; `...` leaves a claim out."""
        at = int(self.provider.now())
        said: Claims = {"iss": self.provider.issuer, "aud": RESOURCE, "iat": at, "exp": at + 300}
        said = {
            name: one for name, one in (said | {"sub": "ana"} | changed).items() if one is not ...
        }
        return self.provider.token(said)

    def http(self, **more: Any) -> httpx2.AsyncClient:
        """A client for which the name of the shop leads to the app."""
        mounts = {"https://mcp.shop.example": httpx2.ASGITransport(self.app)}
        return httpx2.AsyncClient(mounts=mounts, trust_env=False, timeout=TIMEOUT_S, **more)

    async def post(self, headers: Mapping[str, str]) -> httpx2.Response:
        """A list of tools, as any program can ask for it."""
        async with self.http() as http:
            return await http.post(RESOURCE, json=LIST, headers={**ACCEPT, **headers})


@asynccontextmanager
async def serving(folder: Path, **more: object) -> AsyncGenerator[Served]:
    """A shop that believes one provider."""
    clock = FakeClock()
    async with open_provider(lambda: clock.now().timestamp()) as provider:
        login = {
            "kind": "oidc",
            "keys": f"{provider.issuer}/keys",
            "issuer": provider.issuer,
            "audience": RESOURCE,
            "resource": RESOURCE,
        }
        async with open_shop(folder, clock=clock, identity={"login": login | more}) as shop:
            for whose in ("ana", "ben"):
                shop.shop.books.add(f"order-{whose}", whose, Money(2_000, "USD"))
            async with create_mcp_app(shop.sayso) as mcp:
                routes = [Route("/mcp", mcp), *metadata_routes(shop.sayso)]
                yield Served(sayso=shop.sayso, provider=provider, app=Starlette(routes=routes))


@dataclass
class Kept:
    """What the client of the library keeps: it is registered at the provider already."""

    client: OAuthClientInformationFull
    tokens: OAuthToken | None = None
    opened: list[str] = field(default_factory=list[str])

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


async def test_the_official_client_finds_the_issuer_signs_in_and_acts_for_that_customer(
    tmp_path: Path,
) -> None:
    """From a 401 to a refund with no setting but the address; another's order is not there."""
    async with serving(tmp_path) as served:
        served.provider.access = served.token
        client = OAuthClientInformationFull(
            client_id=CLIENT,
            client_secret=SECRET,
            redirect_uris=[AnyUrl(BACK)],
            token_endpoint_auth_method="client_secret_basic",
            issuer=served.provider.issuer,
        )
        kept = Kept(client)

        async def open_browser(url: str) -> None:
            async with httpx2.AsyncClient(trust_env=False) as browser:
                kept.opened.append((await browser.get(url)).headers["location"])

        async def come_back() -> AuthorizationCodeResult:
            told = parse_qs(urlsplit(kept.opened[-1]).query)
            return AuthorizationCodeResult(
                code=told["code"][0], state=told["state"][0], iss=told["iss"][0]
            )

        signs_in = OAuthClientProvider(
            server_url=RESOURCE,
            client_metadata=OAuthClientMetadata(redirect_uris=[AnyUrl(BACK)]),
            storage=kept,
            redirect_handler=open_browser,
            callback_handler=come_back,
        )
        async with (
            asyncio.timeout(TIMEOUT_S),
            served.http(auth=signs_in) as http,
            Client(streamable_http_client(RESOURCE, http_client=http)) as mcp,
        ):
            done, is_error = await call(mcp, "shop_refund", {"order": "order-ana"})
            assert (is_error, done["status"]) == (False, "succeeded")
            theirs, is_error = await call(mcp, "shop_refund", {"order": "order-ben"})
            assert is_error, theirs
        assert served.provider.asked[0]["resource"] == RESOURCE
        action = await served.sayso.actions.get(done["id"])
        assert (action.subject, action.assurance) == ("ana", "signed_in")
        assert action.timeline[0].actor == "service:mcp"


async def test_whoever_has_no_token_is_told_where_to_get_one(tmp_path: Path) -> None:
    """RFC 9728: the 401 names the metadata, and the metadata this resource and its issuer."""
    async with serving(tmp_path) as served:
        for sent, error in (({}, ""), ({"Authorization": "Bearer x.y.z"}, "invalid_token")):
            answer = await served.post(sent)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
            challenge = answer.headers["www-authenticate"]
            assert challenge.startswith("Bearer ")
            assert f'resource_metadata="{METADATA}"' in challenge
            assert (f'error="{error}"' in challenge) is bool(error)
        async with served.http() as http:
            told = (await http.get(METADATA)).json()
        assert (told["resource"], told["authorization_servers"]) == (
            RESOURCE,
            [served.provider.issuer],
        )


async def test_a_token_for_something_else_opens_nothing(tmp_path: Path) -> None:
    """Made for another resource or for a sign-in, by another issuer, ended, or of nobody."""
    bad: tuple[Claims, ...] = (
        *({"aud": "https://other.example/mcp"}, {"aud": CLIENT}, {"aud": ...}),
        *({"iss": "https://other.example"}, {"exp": 1}, {"exp": ...}),
        *({"sub": ...}, {"sub": ""}, {"sub": ["ana"]}),
    )
    async with serving(tmp_path) as served:
        for changed in bad:
            answer = await served.post({"Authorization": f"Bearer {served.token(**changed)}"})
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), changed


async def test_a_forged_token_opens_nothing(tmp_path: Path) -> None:
    """Unsigned, signed by another key, by the public one, or by the one that it brings along."""
    forgeries: tuple[Callable[[OpenIdProvider, Claims], str], ...] = (
        *(unsigned, by_another_key),
        *(by_the_public_key, with_its_own_key),
    )
    async with serving(tmp_path) as served:
        for forge in forgeries:
            served.provider.forge = forge
            answer = await served.post({"Authorization": f"Bearer {served.token()}"})
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        served.provider.forge = None
        good = await served.post({"Authorization": f"Bearer {served.token()}"})
        assert good.status_code == 200, good.text


async def test_no_header_says_who_the_customer_is_beside_an_access_token(tmp_path: Path) -> None:
    """Whoever calls with a customer's token would name another one; a service's token still may."""
    async with serving(tmp_path) as served:
        signed_in = {"Authorization": f"Bearer {served.token()}"}
        for name, value in (
            ("Sayso-Subject", "ben"),
            ("Sayso-Assurance", "signed_in"),
            ("Sayso-Assertion", f"login {served.token(sub='ben')}"),
        ):
            answer = await served.post({**signed_in, name: value})
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
        page = await served.post({**signed_in, "Origin": "https://evil.example"})
        assert (page.status_code, page.json()["code"]) == (403, "forbidden")
        by = Actor(kind=ActorKind.SERVICE, id="test")
        scopes = frozenset({Scope.READ})
        _, secret = await served.sayso.tokens.create(
            served.sayso.tenant, "service", "bot", scopes, days=1, by=by
        )
        named = {"Sayso-Subject": "ben", "Sayso-Assurance": "verified"}
        bot = await served.post({"Authorization": f"Bearer {secret}", **named})
        assert bot.status_code == 200, bot.text


async def test_without_the_setting_an_access_token_is_an_unknown_one(tmp_path: Path) -> None:
    """Nothing is offered, and the assertion of a bot's own host stays what it was."""
    async with serving(tmp_path, resource=None) as served:
        answer = await served.post({"Authorization": f"Bearer {served.token()}"})
        assert answer.status_code == 401
        assert "resource_metadata" not in answer.headers["www-authenticate"]
        async with served.http() as http:
            assert (await http.get(METADATA)).status_code == 404


async def test_a_process_is_one_resource(tmp_path: Path) -> None:
    """Two addresses, an address of another kind of platform, and one that is none are refused."""
    more = {"kind": "oidc", "keys": "https://a.example/k", "issuer": "i", "audience": "a"}
    other = more | {"resource": "https://other.example/mcp"}
    login = more | {"resource": RESOURCE}
    async with open_shop(tmp_path, identity={"login": login, "other": other}) as shop:
        with pytest.raises(ConfigError) as caught:
            create_mcp_app(shop.sayso)
        assert caught.value.code is Code.INVALID_SETTING
    for wrong in ("http://mcp.shop.example/mcp", "https://a@b/mcp", "https://a/mcp#x", "mcp", ""):
        with pytest.raises(ValidationError):
            IdentitySection.model_validate(more | {"resource": wrong})
    with pytest.raises(ValidationError, match="OAuth"):
        IdentitySection.model_validate(
            {"kind": "intercom", "secret": "env:A", "resource": RESOURCE}
        )
