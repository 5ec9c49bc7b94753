"""Asking and hearing where it stands in one call: `Accept: text/event-stream`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from surfaces.http.api_server import TIMEOUT_S, ApiServer, Json, as_json, problem, token
from surfaces.http.heard import Event, events
from surfaces.http.test_requests import words

from sayso.ids import Tenant
from sayso.sdk.resources.tokens import Scope

STREAM = {"Accept": "text/event-stream"}
FIELDS = {"request_id", "action_id", "action", "status", "message", "request"}
ASKED = "Please refund my order 1042, it is broken."
AGREES = "A person from our team has to agree first."


@asynccontextmanager
async def asking(
    api: ApiServer, body: Json, key: str, by: str = "asker"
) -> AsyncGenerator[AsyncIterator[Event]]:
    """The steps of a request, while the block runs."""
    if by not in api.secrets:  # who may ask, and read nothing
        work = token(api.sayso, by, scopes=frozenset({Scope.PROPOSE}))
        api.secrets[by] = (await asyncio.to_thread(api.run, work))[1]
    headers = {**api.headers(by, key), **STREAM}
    async with (
        asyncio.timeout(TIMEOUT_S),
        httpx.AsyncClient(base_url=api.url, timeout=TIMEOUT_S) as client,
        client.stream("POST", "/v1/requests?wait=0", json=body, headers=headers) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["location"].startswith("/v1/requests/req_")
        yield events(answer)


async def until(steps: AsyncIterator[Event], message: str) -> list[Event]:
    """The steps up to the one that says so."""
    found: list[Event] = []
    async for step in steps:
        if step.name != ":":
            found.append(step)
        if step.data.get("message") == message:
            break
    return found


@pytest.mark.promise("events:streamed-ask")
async def test_whoever_asks_hears_where_it_stands_until_it_has_ended(api: ApiServer) -> None:
    """Looked up, waits for a person, done; nothing but what the answer says, and nobody's name."""
    body, key = words(ASKED, conversation=api.new("streamed ")), api.new("key-")
    async with asking(api, body, key) as steps:
        seen = await until(steps, AGREES)
        request = await asyncio.to_thread(api.get, f"/v1/requests/{seen[0].data['request_id']}")
        (action,) = as_json(request)["actions"]
        done = await asyncio.to_thread(api.decide, action["approval"], "approve", by="maria")
        assert done.status_code == 200, done.text
        seen += [step async for step in steps if step.name != ":"]
    *told, end = seen
    assert {step.name for step in told} == {"progress"}
    assert {frozenset(step.data) for step in told} == {frozenset(FIELDS)}
    messages = [step.data["message"] for step in told]
    assert messages[0] == "We are looking up what you have with us."
    stages = (AGREES, "It is being done.", "Done.")
    first_seen = [one for one in dict.fromkeys(messages) if one in stages]
    assert first_seen == [one for one in stages if one in messages]  # what was over at once is not
    assert {AGREES, "Done."} <= set(messages)
    assert "maria" not in str([step.data for step in told])
    assert (end.name, end.data["status"]) == ("end", "answered")
    assert end.data == as_json(api.get(f"/v1/requests/{end.data['id']}"))


@pytest.mark.promise("events:streamed-ask")
async def test_a_stream_that_breaks_off_changes_nothing_of_what_was_asked(api: ApiServer) -> None:
    """It goes on by itself; the same key gives its end, and other words under it are refused."""
    body, key = words("Do you have a shop in Ghent?"), api.new("key-")
    async with asking(api, body, key) as steps:
        first = await anext(steps)
    path = f"/v1/requests/{first.data['request_id']}"
    left = as_json(await asyncio.to_thread(api.get, f"{path}?wait=20"))
    assert left["status"] in {"answered", "handed_over"}
    async with asking(api, body, key) as steps:
        again = [step async for step in steps if step.name != ":"]
    assert [(step.name, step.data["id"]) for step in again] == [("end", left["id"])]
    headers = {**api.headers("asker", key), **STREAM}
    other = await asyncio.to_thread(
        lambda: api.http.post("/v1/requests", json=words("And in Bruges?"), headers=headers)
    )
    problem(other, 409, "idempotency_conflict")


async def test_another_tenant_hears_nothing_by_the_same_key(api: ApiServer) -> None:
    """Each holder's keys are their own, and so is what they ask under them."""
    scopes = frozenset({Scope.PROPOSE})
    work = token(api.sayso, "elsewhere", scopes=scopes, tenant=Tenant("acme"))
    api.secrets["elsewhere"] = (await asyncio.to_thread(api.run, work))[1]
    body, key = words("Do you have a shop in Liège?"), api.new("key-")
    async with asking(api, body, key) as steps:
        ours = await anext(steps)
    async with asking(api, body, key, by="elsewhere") as steps:
        theirs = await anext(steps)
    assert theirs.data["request_id"] != ours.data["request_id"]


def test_only_who_names_a_stream_first_gets_one(api: ApiServer) -> None:
    """Anything else is answered with JSON, and what is refused is a problem either way."""
    for accepts in ("application/json, text/event-stream", "*/*", "text/html"):
        headers = {**api.headers("bot", api.new("key-")), "Accept": accepts}
        answer = api.http.post("/v1/requests", json=words("Hello there"), headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (202, "application/json")
    keyless = api.http.post(
        "/v1/requests", json=words("Hello there"), headers={**api.headers("bot"), **STREAM}
    )
    problem(keyless, 400, "invalid_input")
    reader = {**api.headers("reader", api.new("key-")), **STREAM}
    unscoped = api.http.post("/v1/requests", json=words("Hello there"), headers=reader)
    problem(unscoped, 403, "forbidden")
