"""Behind a proxy that ends TLS: HSTS, and cookies that are sent by TLS alone, with no URL set."""

from __future__ import annotations

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from sayso.serving import STRICT_TRANSPORT, BehindTls

pytestmark = pytest.mark.promise("console:tls")
HSTS = "strict-transport-security"


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    answer = PlainTextResponse("hello")
    answer.set_cookie("session", "s", httponly=True)
    answer.set_cookie("kept", "k", secure=True)
    await answer(scope, receive, send)


async def get(
    headers: dict[str, str], *, always: bool = False, scheme: str = "http"
) -> httpx.Response:
    """What a browser gets."""
    transport = httpx.ASGITransport(BehindTls(_app, always=always))
    async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://sayso.test") as client:
        return await client.get("/", headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Proto": "https"},
        {"X-Forwarded-Proto": "HTTPS, http"},
        {"Forwarded": 'for=192.0.2.1; proto="https"; host=sayso.test'},
    ],
)
async def test_what_came_by_tls_is_told_to_stay_there(headers: dict[str, str]) -> None:
    """As the proxy says; each cookie is `Secure` once."""
    answer = await get(headers)
    assert answer.headers[HSTS] == STRICT_TRANSPORT
    cookies = answer.headers.get_list("set-cookie")
    assert [one.lower().count("secure") for one in cookies] == [1, 1]


async def test_where_the_settings_say_https_the_proxy_need_not() -> None:
    """A `url` of https in [console]."""
    assert (await get({}, always=True)).headers[HSTS] == STRICT_TRANSPORT
    assert (await get({}, scheme="https")).headers[HSTS] == STRICT_TRANSPORT


@pytest.mark.parametrize(
    "headers", [{}, {"X-Forwarded-Proto": "http"}, {"Forwarded": "proto=http"}]
)
async def test_on_this_machine_nothing_changes(headers: dict[str, str]) -> None:
    """A `Secure` cookie would not come back over http, and nobody could sign in."""
    answer = await get(headers)
    assert HSTS not in answer.headers
    cookies = answer.headers.get_list("set-cookie")
    assert [one.lower().count("secure") for one in cookies] == [0, 1]
