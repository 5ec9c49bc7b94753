"""Words to reply over a slow provider: `python -m bench.ask [--delay MS] [--asks N] [--json]`.

The sandbox of Stripe answers each request after a set delay, behind a relay that notes when each
began and ended. `ask` is called in process, over HTTP and over MCP, for a refund that a person has
to agree to: the first time after everything was ready, and then again. Rounds are how many requests
to the provider at least came one after the other: the longest chain of which none overlaps.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from bench.place import make_workspace, working_folder
from bench.report import Report, Row, median, print_report
from sayso.actions.model.ledger import SYSTEM
from sayso.sandbox import API_KEY, Sandbox
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.workspace import write_secret_file
from sayso.serving import listen
from sayso.surfaces.http.server import serve
from sayso.surfaces.mcp.app import serve_http
from sayso.surfaces.mcp.server import KEY

WORDS = "Please refund order 1042."
WHO = "cus_demo_ana"
ROUNDS_BAR = 3
ASK_BAR_S = 0.8
FIRST_BAR = 2.0
DELAY_OF_THE_BARS_MS = 250.0


@dataclass
class Relay:
    """Passes every request on after a delay, and notes its time."""

    target: str
    delay_s: float
    times: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    _port: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Listen until the block ends."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = int(server.sockets[0].getsockname()[1])
        async with httpx.AsyncClient(base_url=self.target) as self_client:
            self._client = self_client
            try:
                yield
            finally:
                server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._pass(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _pass(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        began = time.perf_counter()
        line, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, path, _ = line.split(" ", 2)
        headers = dict(one.split(": ", 1) for one in rest)
        size = next((int(v) for k, v in headers.items() if k.lower() == "content-length"), 0)
        body = await reader.readexactly(size)
        await asyncio.sleep(self.delay_s)
        kept = {k: v for k, v in headers.items() if k.lower() not in ("host", "content-length")}
        answer = await self._client.request(method, path, headers=kept, content=body)
        lines = [f"HTTP/1.1 {answer.status_code} OK", f"Content-Length: {len(answer.content)}"]
        lines += [f"{k}: {v}" for k, v in answer.headers.items() if k.lower() in _PASSED]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + answer.content)
        await writer.drain()
        self.times.append((began, time.perf_counter()))

    def rounds(self) -> int:
        """The longest chain of requests of which none overlaps; forgets them."""
        count = longest_chain(self.times)
        self.times.clear()
        return count


def longest_chain(times: Sequence[tuple[float, float]]) -> int:
    """So many at most came one after the other; each begins and ends."""
    count, until = 0, 0.0
    for began, ended in sorted(times, key=lambda one: one[1]):
        if began >= until:
            count, until = count + 1, ended
    return count


_PASSED = frozenset({"content-type", "request-id", "stripe-version"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one way of asking took: seconds of each ask, and the provider's rounds of each."""

    seconds: Sequence[float]
    rounds: Sequence[int]

    def rows(self, way: str) -> list[Row]:
        """First, later, and how many rounds."""
        first, later = self.seconds[0], median(self.seconds[1:])
        return [
            Row(case=f"{way}: first ask", value=first * 1000, unit="ms"),
            Row(case=f"{way}: later asks", value=later * 1000, unit="ms"),
            Row(case=f"{way}: first to later", value=first / later, unit="times"),
            Row(case=f"{way}: provider rounds, most", value=max(self.rounds), unit=""),
        ]

    def is_fast(self) -> bool:
        """Whether the bars are met."""
        first, later = self.seconds[0], median(self.seconds[1:])
        return max(self.rounds) <= ROUNDS_BAR and later <= ASK_BAR_S and first / later <= FIRST_BAR


async def measure(ask: Callable[[int], Awaitable[object]], relay: Relay, asks: int) -> Asked:
    """Ask so often, one after the other."""
    seconds: list[float] = []
    rounds: list[int] = []
    relay.times.clear()
    for number in range(asks):
        began = time.perf_counter()
        await ask(number)
        seconds.append(time.perf_counter() - began)
        rounds.append(relay.rounds())
    return Asked(seconds=seconds, rounds=rounds)


async def run(folder: Path, delay_ms: float, asks: int) -> dict[str, Asked]:
    """Each way in a workspace of its own."""
    found: dict[str, Asked] = {}
    with Sandbox.start(seed="demo") as sandbox:
        relay = Relay(target=sandbox.url, delay_s=delay_ms / 1000)
        async with relay.open():
            ways = (("in process", _in_process), ("HTTP", _over_http), ("MCP", _over_mcp))
            for way, measured in ways:
                tables = _tables(folder / way.replace(" ", "-"), relay)
                found[way] = await measured(folder / way.replace(" ", "-"), tables, relay, asks)
    return found


def _tables(folder: Path, relay: Relay) -> dict[str, object]:
    write_secret_file(folder / "stripe.key", API_KEY)
    return {"connectors": {"stripe": {"api_key": "file:stripe.key", "base_url": relay.url}}}


async def _in_process(folder: Path, tables: dict[str, object], relay: Relay, asks: int) -> Asked:
    async with Sayso(make_workspace(folder, **tables), mode="run") as sayso:
        await sayso.check_ready()
        return await measure(lambda _: sayso.ask(WHO, WORDS), relay, asks)


async def _over_http(folder: Path, tables: dict[str, object], relay: Relay, asks: int) -> Asked:
    async with Sayso(make_workspace(folder, **tables), mode="run") as sayso:
        opened = sayso.container
        scopes = frozenset({Scope.PROPOSE})
        _, secret = await opened.tokens.create(
            opened.tenant, "service", "bench", scopes, days=1, by=SYSTEM
        )
        url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        served = asyncio.create_task(serve(sayso, port=0, ready=url.set_result))
        async with httpx.AsyncClient(base_url=await url, timeout=60.0) as client:
            (await client.get("/readyz")).raise_for_status()
            headers = {"Authorization": f"Bearer {secret}"}

            async def ask(number: int) -> None:
                body = {
                    "subject": {"id": WHO, "assurance": "verified"},
                    "messages": [{"role": "customer", "content": WORDS}],
                }
                answer = await client.post(
                    "/v1/requests?wait=30",
                    json=body,
                    headers={**headers, "Idempotency-Key": f"ask-{number}"},
                )
                answer.raise_for_status()

            found = await measure(ask, relay, asks)
        served.cancel()
        await asyncio.wait([served])
        return found


async def _over_mcp(folder: Path, tables: dict[str, object], relay: Relay, asks: int) -> Asked:
    """The tool `ask` of the official client, over the transport that hosts use."""
    async with Sayso(make_workspace(folder, **tables), mode="run") as sayso:
        await sayso.check_ready()
        opened = sayso.container
        scopes = frozenset({Scope.PROPOSE})
        _, secret = await opened.tokens.create(
            opened.tenant, "service", "bench", scopes, days=1, by=SYSTEM
        )
        url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        served = asyncio.create_task(serve_http(sayso, listen("127.0.0.1", 0), url.set_result))
        headers = {
            "Authorization": f"Bearer {secret}",
            "Sayso-Subject": WHO,
            "Sayso-Assurance": "verified",
        }
        async with (
            httpx2.AsyncClient(headers=headers, trust_env=False, timeout=60.0) as http,
            Client(streamable_http_client(f"{await url}/mcp", http_client=http)) as client,
        ):

            async def ask(number: int) -> None:
                meta: Any = {KEY: f"ask-{number}"}
                found = await client.call_tool("ask", {"message": WORDS}, meta=meta)
                assert isinstance(found, CallToolResult)
                assert not found.is_error, found

            found = await measure(ask, relay, asks)
        served.cancel()
        await asyncio.wait([served])
        return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 1 where a bar is not met."""
    parser = argparse.ArgumentParser(prog="python -m bench.ask", description=__doc__)
    parser.add_argument("--delay", type=float, default=DELAY_OF_THE_BARS_MS, help="ms a request")
    parser.add_argument("--asks", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    with working_folder() as folder:
        found = asyncio.run(run(folder, asked.delay, max(2, asked.asks)))
    rows = [row for way, one in found.items() for row in one.rows(way)]
    report = Report(name="ask", rows=rows, ok=all(one.is_fast() for one in found.values()))
    print_report(report, as_json=asked.json)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
