"""Serving: the port, the host, the end."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from support.workspace import make_workspace
from surfaces.http.api_server import (
    TIMEOUT_S,
    ApiServer,
    as_json,
    problem,
    refund,
    serving,
)

from sayso.errors import Code, ConfigError
from sayso.sandbox import Sandbox
from sayso.sdk.client import Sayso
from sayso.sdk.progress.changes import StoreChanges
from sayso.serving import listen
from sayso.surfaces.http.app import create_app
from sayso.surfaces.http.server import LateApp, end_streams, serve
from sayso.testing.clock import FakeClock


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_loopback_is_served(host: str) -> None:
    """Port 0 takes any free one."""
    with listen(host, 0) as listener:
        assert listener.getsockname()[1] > 0


def test_answers_are_not_held_back() -> None:
    """The protocol is named, so that asyncio turns Nagle's algorithm off for each connection."""
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.promise("http:closed")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.com", "", "127.1.evil"])
def test_a_host_that_others_reach_is_refused(host: str) -> None:
    """Unless it is said in so many words (tokens travel unencrypted here)."""
    with pytest.raises(ConfigError) as caught:
        listen(host, 0)
    assert caught.value.code is Code.INVALID_SETTING
    assert "--allow-remote" in caught.value.next_step


def test_allow_remote_takes_any_address_of_this_machine() -> None:
    """The operator has said so."""
    with listen("0.0.0.0", 0, allow_remote=True) as listener:
        assert listener.getsockname()[0] == "0.0.0.0"


def test_a_port_in_use_is_said_before_anything_else(tmp_path: Path) -> None:
    """`port_in_use` with the next step; nobody is told that it is ready."""
    told: list[str] = []

    async def main(port: int) -> None:
        async with Sayso(make_workspace(tmp_path), mode="decide") as sayso:
            with pytest.raises(ConfigError) as caught:
                await serve(sayso, port=port, ready=told.append)
            assert caught.value.code is Code.PORT_IN_USE
            assert str(port) in caught.value.message
            assert "--port" in caught.value.next_step

    with listen("127.0.0.1", 0) as taken:
        asyncio.run(main(taken.getsockname()[1]))
    assert told == []


def test_a_host_of_another_machine_is_said() -> None:
    """TEST-NET-1 (RFC 5737) is nobody's address."""
    with pytest.raises(ConfigError) as caught:
        listen("192.0.2.1", 0, allow_remote=True)
    assert caught.value.code is Code.INVALID_SETTING


_PROGRAM = """
    import asyncio, sys
    from pathlib import Path
    from sayso.sdk.client import Sayso
    from sayso.surfaces.http.server import serve

    async def main():
        async with Sayso.open(sys.argv[1], environment={"STRIPE_KEY": "x"}) as sayso:
            await serve(sayso, port=0, ready=lambda url: print(url, flush=True))
        print("closed", flush=True)

    asyncio.run(main())
"""


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(tmp_path: Path, stop: signal.Signals) -> None:
    """The server stops, the workspace is closed, the process ends with 0 and says nothing else."""
    make_workspace(tmp_path)
    command = [sys.executable, "-c", textwrap.dedent(_PROGRAM), str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/healthz").status_code == 200
        process.send_signal(stop)
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, err
    assert out == "closed\n"
    assert err == ""


async def test_streams_end_when_the_server_does(tmp_path: Path, sandbox: Sandbox) -> None:
    """An open stream does not hold the server up: its client is told, and comes back later."""
    body = {
        "subject": {"id": "cus_demo_ana", "assurance": "signed_in"},
        "messages": [{"role": "customer", "content": "Please refund order 1042."}],
    }
    with serving(tmp_path, sandbox, FakeClock()) as api:
        asked = await asyncio.to_thread(api.post, "/v1/requests?wait=20", body)
        path = f"/v1/requests/{as_json(asked)['id']}/events"
        async with (
            asyncio.timeout(TIMEOUT_S),
            httpx.AsyncClient(base_url=api.url, timeout=TIMEOUT_S) as client,
            client.stream("GET", path, headers=api.headers("bot")) as answer,
        ):
            lines = answer.aiter_lines()
            await anext(lines)
            api.loop.call_soon_threadsafe(api.stop)
            rest = [line async for line in lines]
    assert not any(line.startswith("event: end") for line in rest)


def test_it_can_be_mounted(tmp_path: Path, sandbox: Sandbox) -> None:
    """Under a prefix of another app: same routes, and links with the prefix."""

    def mounted(sayso: Sayso) -> FastAPI:
        app = FastAPI()
        app.mount("/sayso", create_app(sayso))
        return app

    with serving(tmp_path, sandbox, FakeClock(), mounted) as api:
        order, customer = api.order(4_000)
        answer = api.post("/sayso/v1/actions", refund(order, customer))
        assert answer.status_code == 201
        where = answer.headers["location"]
        assert where.startswith("/sayso/v1/actions/")
        assert as_json(api.get(where))["status"] == "succeeded"
        problem(api.get("/sayso/v1/actions", by=None), 401, "unauthenticated")
        assert api.get("/v1/actions").status_code == 404


def test_garbage_is_no_request(api: ApiServer) -> None:
    """Bytes that are no HTTP get a 400, and the server goes on."""
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert b" 400 " in connection.recv(1024)
    assert api.get("/healthz", by=None).status_code == 200


async def test_an_app_that_is_made_late_is_made_once_and_ends_its_streams() -> None:
    """Two first calls at once make one; one that was never called has nothing to end."""
    made: list[Starlette] = []
    stopped: list[str] = []

    class Changes(StoreChanges):
        async def stop(self) -> None:
            stopped.append("stopped")

    async def version() -> int:
        return 0

    def make() -> Starlette:
        made.append(Starlette(routes=[Route("/", lambda request: PlainTextResponse("here"))]))
        made[-1].state.changes = Changes(version)
        return made[-1]

    site = Starlette(routes=[Mount("/late", LateApp("this", make))])
    await end_streams(site)
    transport = httpx.ASGITransport(site)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        answers = await asyncio.gather(*(http.get("/late/") for _ in range(3)))
    assert [answer.text for answer in answers] == ["here"] * 3
    assert (len(made), stopped) == (1, [])
    await end_streams(site)
    assert stopped == ["stopped"]
