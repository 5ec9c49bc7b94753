"""Webhooks over HTTP: an administrator adds, changes and removes them."""

from __future__ import annotations

import asyncio
import re

import pytest
from surfaces.http.api_server import ApiServer, Json, as_json, problem, token

from sayso.ids import Tenant
from sayso.sdk.resources.tokens import Scope

URL = "https://bot.example.com/sayso"


@pytest.fixture(autouse=True)
def _admin(api: ApiServer) -> None:
    admin = token(api.sayso, "maria", "person", frozenset({Scope.ADMIN}))
    api.secrets["admin"] = api.run(admin)[1]


def add(api: ApiServer, key: str | None = None, **more: object) -> Json:
    """A new endpoint."""
    answer = api.post("/v1/webhooks", {"url": URL, **more}, by="admin", key=key)
    assert answer.status_code == 201, answer.text
    return as_json(answer)


def change(api: ApiServer, made: Json, verb: str, key: str | None = None) -> Json:
    """Change an endpoint."""
    answer = api.post(f"/v1/webhooks/{made['id']}/{verb}", {}, by="admin", key=key)
    assert answer.status_code == 200, answer.text
    return as_json(answer)


def test_an_endpoint_from_the_first_to_the_last_call(api: ApiServer) -> None:
    """Each as the page says, and nothing is shown of a secret but where it is made."""
    made = add(api, kinds=["action.succeeded", "request"])
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made["secret"])
    listed = as_json(api.get("/v1/webhooks", by="admin"))["items"]
    assert [one["id"] for one in listed] == [made["id"]]
    shown = as_json(api.get(f"/v1/webhooks/{made['id']}", by="admin"))
    assert shown == {**made, "secret": None}
    assert change(api, made, "rotate")["secret"] not in {None, made["secret"]}
    assert change(api, made, "disable")["status"] == "disabled"
    assert change(api, made, "enable")["status"] == "active"
    replay = api.post(f"/v1/webhooks/{made['id']}/replay", {"after": -1}, by="admin")
    assert replay.status_code == 200, replay.text
    since = {"since": "2026-11-25T12:00:00Z"}
    assert api.post(f"/v1/webhooks/{made['id']}/replay", since, by="admin").status_code == 200
    assert change(api, made, "remove")["id"] == made["id"]
    problem(api.get(f"/v1/webhooks/{made['id']}", by="admin"), 404, "not_found")


def test_a_repeated_call_changes_nothing_twice(api: ApiServer) -> None:
    """Keys, as everywhere: the answer shows how things stand."""
    key = api.new("key-")
    made = add(api, key=key)
    assert add(api, key=key)["id"] == made["id"]
    other = api.post("/v1/webhooks", {"url": f"{URL}/2"}, by="admin", key=key)
    problem(other, 409, "idempotency_conflict")
    again = api.new("key-")
    rotated = change(api, made, "rotate", again)
    assert change(api, made, "rotate", again)["secret"] == rotated["secret"]
    assert change(api, made, "rotate")["secret"] != rotated["secret"]
    change(api, made, "remove")


@pytest.mark.promise("webhooks:address")
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "https://10.0.0.1/", "http://bot.example.com", "x", "https://["]
)
def test_no_caller_has_it_call_inside(api: ApiServer, url: str) -> None:
    """SSRF: an administrator of a tenant has no way into the operator's network."""
    problem(api.post("/v1/webhooks", {"url": url}, by="admin"), 422, "invalid_input")


def test_what_does_not_fit_is_refused(api: ApiServer) -> None:
    """Named, as everywhere."""
    made = add(api)
    path = f"/v1/webhooks/{made['id']}"
    for body in ({}, {"after": 1, "since": "2026-01-01T00:00:00Z"}, {"since": "soon"}):
        problem(api.post(f"{path}/replay", body, by="admin"), 422, "invalid_input")
    problem(api.post(f"{path}/replay", {"after": 10**6}, by="admin"), 422, "invalid_input")
    problem(api.post(f"{path}/explode", {}, by="admin"), 422, "invalid_input")
    problem(api.post("/v1/webhooks/whk_1/rotate", {}, by="admin"), 404, "not_found")
    for kinds in (["token.created"], ["x"], "action", [1]):
        answer = api.post("/v1/webhooks", {"url": URL, "kinds": kinds}, by="admin")
        problem(answer, 422, "invalid_input")
    change(api, made, "remove")


def test_a_service_or_another_tenant_has_no_hand_in_it(api: ApiServer) -> None:
    """Where a tenant's changes go is a person's to say, and that tenant's."""
    made = add(api)
    for holder in ("bot", "maria"):
        problem(api.get("/v1/webhooks", by=holder), 403, "forbidden")
    other = token(api.sayso, "maria", "person", frozenset({Scope.ADMIN}), tenant=Tenant("other"))
    api.secrets["elsewhere"] = api.run(other)[1]
    assert as_json(api.get("/v1/webhooks", by="elsewhere"))["items"] == []
    path = f"/v1/webhooks/{made['id']}"
    problem(api.get(path, by="elsewhere"), 404, "not_found")
    problem(api.post(f"{path}/rotate", {}, by="elsewhere"), 404, "not_found")
    change(api, made, "remove")


async def test_a_test_message_tells_how_it_went(api: ApiServer) -> None:
    """Nobody is there, which is no error of the call."""
    made = await asyncio.to_thread(add, api, url="https://bot.invalid/")
    path = f"/v1/webhooks/{made['id']}/test"
    answer = await asyncio.to_thread(api.post, path, {}, "admin")
    told = as_json(answer)
    assert (answer.status_code, told["taken"], told["status"]) == (200, False, None)
    assert told["problem"] in {"no connection", "address not allowed"}
    await asyncio.to_thread(change, api, made, "remove")
