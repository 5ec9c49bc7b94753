"""Who calls too often waits, nobody else does, and a connection is not held half open."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from surfaces.http.api_server import ApiServer

from sayso.audit.verifier.database import MOST_TENANTS
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.serving import HEADERS_S
from sayso.surfaces.http.gate import CallPace, Gate, Gates

pytestmark = pytest.mark.promise("http:held-up")


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def _only_good(scope: Scope, receive: Receive, send: Send) -> None:
    good = (b"authorization", b"Bearer good") in scope["headers"]
    await PlainTextResponse("", status_code=200 if good else 401)(scope, receive, send)


def _client(clock: Clock, held_s: float = 0.0) -> httpx.AsyncClient:
    gates = Gates(
        token=CallPace(per_s=2, burst=4), stranger=CallPace(per_s=1, burst=3), held_s=held_s
    )
    transport = httpx.ASGITransport(app=Gate(_only_good, gates, clock))
    return httpx.AsyncClient(transport=transport, base_url="http://sayso.example")


async def _call(client: httpx.AsyncClient, token: str, path: str = "/v1/actions") -> httpx.Response:
    return await client.get(path, headers={"Authorization": f"Bearer {token}"})


async def test_unknown_tokens_of_one_address_are_held_up_and_known_ones_are_not() -> None:
    """Behind one address, such as a proxy's, a guesser does not lock out who is known."""
    clock = Clock()
    async with _client(clock) as client:
        assert (await _call(client, "good")).status_code == 200
        said = [(await _call(client, f"guess-{number}")).status_code for number in range(6)]
        assert said == [401, 401, 401, 429, 429, 429]
        late = await _call(client, "guess")
        assert late.status_code == 429
        assert int(late.headers["Retry-After"]) >= 1
        assert late.json()["code"] == "too_many_calls"
        assert (await _call(client, "good")).status_code == 200
        assert (await _call(client, "guess", "/healthz")).status_code == 401
        clock.now += 1
        assert (await _call(client, "guess")).status_code == 401


async def test_a_stranger_who_does_not_wait_is_made_to() -> None:
    """Else saying `429` as fast as somebody asks would be what keeps the server from others."""
    clock = Clock()
    async with _client(clock, held_s=0.2) as client:
        for number in range(3):
            assert (await _call(client, f"guess-{number}")).status_code == 401
        began = time.monotonic()
        late = asyncio.create_task(_call(client, "guess"))
        assert (await _call(client, "good", "/healthz")).status_code == 200
        assert (await late).status_code == 429
        assert time.monotonic() - began >= 0.2


async def test_one_token_is_held_up_by_itself() -> None:
    """And is answered again after the time that it was told."""
    clock = Clock()
    async with _client(clock) as client:
        said = [(await _call(client, "good")).status_code for _ in range(7)]
        assert said == [200] * 5 + [429] * 2
        clock.now += 0.5
        assert (await _call(client, "good")).status_code == 200


def test_a_connection_whose_headers_do_not_arrive_is_closed(api: ApiServer) -> None:
    """It would hold a place for as long as somebody likes."""
    address = httpx.URL(api.url)
    with socket.create_connection(
        (address.host, address.port or 80), timeout=HEADERS_S + 10
    ) as one:
        one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert one.recv(1) == b""


def test_a_database_of_very_many_logs_is_refused(api: ApiServer, tmp_path: Path) -> None:
    """Whoever can write it could else keep a verifier busy for days."""
    copy = tmp_path / "copy.db"
    with (
        closing(sqlite3.connect(api.sayso.workspace.store_path)) as there,
        closing(sqlite3.connect(copy)) as here,
    ):
        there.backup(here)
        rows = ((f"t{number}",) for number in range(MOST_TENANTS + 1))
        here.executemany("insert into log_key values (?, 'k', 0, null)", rows)
        here.commit()
    found = verify(copy)
    assert found.verdict is Verdict.CANNOT_JUDGE
    assert f"{MOST_TENANTS:,}" in found.all_findings[0].message
