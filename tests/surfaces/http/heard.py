"""Server-sent events, read as a client reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from surfaces.http.api_server import TIMEOUT_S, ApiServer, Json


@dataclass(frozen=True)
class Event:
    """One server-sent event; a comment has the name `:`."""

    name: str
    data: Json
    id: str | None


async def events(answer: httpx.Response) -> AsyncIterator[Event]:
    """The events of a stream, as the WHATWG parses them."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line.startswith(":"):
            yield Event(":", {}, None)
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield Event(fields["event"], json.loads(fields["data"]), fields.get("id"))
            fields = {}


@asynccontextmanager
async def listening(
    api: ApiServer, path: str, by: str = "bot", **headers: str
) -> AsyncGenerator[AsyncIterator[Event]]:
    """The events of a path, while the block runs."""
    async with (
        asyncio.timeout(TIMEOUT_S),
        httpx.AsyncClient(base_url=api.url, timeout=TIMEOUT_S) as client,
        client.stream("GET", path, headers={**api.headers(by), **headers}) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        yield events(answer)
