"""Hearing of changes: `/v1/events`, following an action, and long polls."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from surfaces.http.api_server import ApiServer, Json, as_json, problem, token
from surfaces.http.heard import Event, listening

from sayso.ids import Tenant
from sayso.sdk.resources.tokens import Scope

FIELDS = {
    "seq",
    "at",
    "kind",
    "request_id",
    "action_id",
    "approval_id",
    "action",
    "amount",
    "status",
    "message",
}


async def post(api: ApiServer, path: str, body: Json) -> Json:
    """Call from beside the stream."""
    return as_json(await asyncio.to_thread(api.post, path, body))


async def propose(api: ApiServer, amount_minor: int = 12_900) -> Json:
    """Propose a refund from beside the stream."""
    return await asyncio.to_thread(api.propose, amount_minor)


async def decide(api: ApiServer, action: Json, decision: str = "approve") -> None:
    """Decide from beside the stream."""
    answer = await asyncio.to_thread(api.decide, action["approval"], decision, by="maria")
    assert answer.status_code == 200, answer.text


async def goes_on(task: asyncio.Future[Any]) -> None:
    """Whether it still waits after a few looks at the store."""
    await asyncio.wait([task], timeout=0.6)
    assert not task.done()


@pytest.mark.promise("events:all")
async def test_one_stream_tells_of_everything_from_now_on(api: ApiServer) -> None:
    """A bot needs one connection, and hears what people do meanwhile, in order."""
    await propose(api)  # from before, so it is not told
    async with listening(api, "/v1/events") as stream:
        ready = await anext(stream)
        assert (ready.name, ready.id) == ("ready", str(ready.data["seq"]))
        action = await propose(api)
        await decide(api, action)
        seen: list[Event] = []
        while not seen or seen[-1].data["status"] != "succeeded":
            seen.append(await anext(stream))
    assert {event.name for event in seen} == {"action"}
    assert {event.data["action_id"] for event in seen} == {action["id"]}
    assert [event.data["status"] for event in seen] == [
        *("pending_approval", "approved", "executing", "succeeded")
    ]
    seqs = [int(event.id or -1) for event in seen]
    assert seqs == sorted(set(seqs))
    assert seqs == [event.data["seq"] for event in seen]


@pytest.mark.promise("events:resume")
async def test_a_stream_that_broke_off_is_taken_up(api: ApiServer) -> None:
    """Also one that broke off before its first event: `ready` has an id."""
    async with listening(api, "/v1/events") as stream:
        ready = await anext(stream)
    action = await propose(api)
    await decide(api, action)
    async with listening(api, "/v1/events", **{"Last-Event-ID": str(ready.id)}) as stream:
        await anext(stream)
        whole = [await anext(stream) for _ in range(4)]
    assert whole[-1].data["status"] == "succeeded"
    async with listening(api, "/v1/events", **{"Last-Event-ID": str(whole[1].id)}) as stream:
        await anext(stream)
        assert [await anext(stream) for _ in range(2)] == whole[2:]
    async with listening(api, f"/v1/events?after={whole[1].data['seq']}") as stream:
        await anext(stream)
        assert [await anext(stream) for _ in range(2)] == whole[2:]


async def test_everything_there_is_can_be_heard(api: ApiServer) -> None:
    """`after=-1`: from the first entry on, however many there are of other kinds between."""
    action = await propose(api)
    async with listening(api, "/v1/events?after=-1") as stream:
        assert (await anext(stream)).id == "-1"
        async for event in stream:
            if event.data["action_id"] == action["id"]:
                break


@pytest.mark.promise("events:impersonal")
async def test_an_event_holds_nothing_personal(api: ApiServer) -> None:
    """No customer, no words, no arguments: ids of our own, an amount and a state."""
    order, customer = api.order()
    async with listening(api, "/v1/events") as stream:
        await anext(stream)
        await post(
            api,
            "/v1/actions",
            {
                "subject": {"id": customer, "assurance": "verified"},
                "action": "shop.refund",
                "args": {"order": order},
                "reason": "my private words",
            },
        )
        event = await anext(stream)
    assert set(event.data) == FIELDS
    assert event.data["amount"] == {"amount_minor": 12_900, "currency": "USD"}
    for hidden in (order, customer, "private"):
        assert hidden not in str(event.data)


@pytest.mark.promise("events:scope")
async def test_another_tenants_changes_are_not_heard(api: ApiServer) -> None:
    """The tenant comes from the token; `approvals:decide` alone hears of approvals only."""
    other = token(api.sayso, "bot", tenant=Tenant("other"))
    _, api.secrets["elsewhere"] = api.run(other)
    async with (
        listening(api, "/v1/events?after=-1", by="elsewhere") as foreign,
        listening(api, "/v1/events", by="noor") as decider,
    ):
        await anext(foreign)
        await anext(decider)
        await propose(api, 1_000)  # done at once, so nobody is asked
        action = await propose(api)
        event = await anext(decider)
        assert event.data["approval_id"] == action["approval"]["id"]
        arriving = asyncio.ensure_future(anext(foreign))
        await goes_on(arriving)
        arriving.cancel()


def test_a_number_that_the_log_has_not_reached_is_refused(api: ApiServer) -> None:
    """After a restored backup a client would wait for ever; a stream needs a scope."""
    problem(api.get("/v1/events?after=1000000"), 422, "invalid_input")
    problem(api.get("/v1/events?after=x"), 422, "invalid_input")
    headers = {**api.headers("bot"), "Last-Event-ID": "1000000"}
    problem(api.http.get("/v1/events", headers=headers), 422, "invalid_input")
    problem(api.get("/v1/events", by="proposer"), 403, "forbidden")


async def test_an_action_is_followed_until_it_ends(api: ApiServer) -> None:
    """The same as of a request, for what was proposed without one."""
    action = await propose(api)
    async with listening(api, f"/v1/actions/{action['id']}/events") as stream:
        first = await anext(stream)
        await decide(api, action)
        rest = [event async for event in stream]
    assert first.data["status"] == "pending_approval"
    assert [event.name for event in rest] == ["action", "action", "action", "end"]
    assert rest[-1].data["status"] == "succeeded"
    problem(await asyncio.to_thread(api.get, "/v1/actions/act_1/events"), 404, "not_found")


# ---- long polls --------------------------------------------------------------------------------


@pytest.mark.promise("events:wait")
async def test_a_long_poll_answers_when_a_person_has_decided(api: ApiServer) -> None:
    """`?wait=` on a GET: the end of it, people included; and at once where it has ended."""
    action = await propose(api)
    path = f"/v1/actions/{action['id']}?wait=30"
    waiting = asyncio.create_task(asyncio.to_thread(api.get, path))
    await goes_on(waiting)
    await decide(api, action)
    ended = as_json(await waiting)
    assert ended["status"] == "succeeded"
    assert ended["timeline"]
    started = time.monotonic()
    assert as_json(await asyncio.to_thread(api.get, path))["status"] == "succeeded"
    assert time.monotonic() - started < 30


@pytest.mark.promise("events:wait")
async def test_a_long_poll_of_a_request_answers_with_its_reply(api: ApiServer) -> None:
    """What the customer can be told is in the answer."""
    request = await post(
        api,
        "/v1/requests?wait=20",
        {
            "subject": {"id": "cus_demo_nia", "assurance": "signed_in"},
            "messages": [{"role": "customer", "content": "Please refund my order 0988."}],
        },
    )
    path = f"/v1/requests/{request['id']}?wait="
    assert as_json(await asyncio.to_thread(api.get, path + "0.2"))["status"] == "acting"
    waiting = asyncio.create_task(asyncio.to_thread(api.get, path + "30"))
    await decide(api, request["actions"][0], "approve")
    ended = as_json(await waiting)
    assert ended["status"] == "answered"
    assert "refund" in ended["reply"]


def test_a_long_poll_has_an_end(api: ApiServer) -> None:
    """After so many seconds it tells how things stand; what cannot be waited for is refused."""
    action = api.propose()
    answer = api.get(f"/v1/actions/{action['id']}?wait=0.2")
    assert as_json(answer)["status"] == "pending_approval"
    for wait in ("61", "-1", "nan", "soon"):
        problem(api.get(f"/v1/actions/{action['id']}?wait={wait}"), 422, "invalid_input")
    problem(api.get("/v1/actions/act_1?wait=30"), 404, "not_found")


def test_a_proposal_waits_as_long_as_is_said(api: ApiServer) -> None:
    """`?wait=` on the POST: never for a person; 0 leaves all to the dispatcher."""
    order, customer = api.order(1_000)
    body: Json = {
        "subject": {"id": customer, "assurance": "verified"},
        "action": "shop.refund",
        "args": {"order": order},
    }
    done = api.post("/v1/actions?wait=20", body)
    assert (done.status_code, as_json(done)["status"]) == (201, "succeeded")
    order, customer = api.order()
    body["args"], body["subject"]["id"] = {"order": order}, customer
    asked = api.post("/v1/actions?wait=20", body)
    assert (asked.status_code, as_json(asked)["status"]) == (201, "pending_approval")
    order, customer = api.order(1_000)
    body["args"], body["subject"]["id"] = {"order": order}, customer
    assert api.post("/v1/actions?wait=0", body).status_code == 201


async def test_a_long_poll_ends_with_its_token(api: ApiServer) -> None:
    """Whoever is revoked meanwhile reads nothing."""
    made, api.secrets["shortly"] = api.run(
        token(api.sayso, "shortly", scopes=frozenset({Scope.READ}))
    )
    action = await propose(api)
    path = f"/v1/actions/{action['id']}?wait=30"
    waiting = asyncio.create_task(asyncio.to_thread(api.get, path, "shortly"))
    await goes_on(waiting)
    revoked = api.sayso.tokens.revoke(api.sayso.tenant, made.id, by=made.actor)
    await asyncio.to_thread(api.run, revoked)
    await decide(api, action)
    problem(await waiting, 401, "unauthenticated")
