"""The stop switch over HTTP, and a person's word about an unknown outcome."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from support.shop import ShopFault
from surfaces.http.api_server import OPERATOR, ApiServer, Json, as_json, problem

from sayso.sdk.resources.tokens import Scope


@pytest.fixture
def brake(api: ApiServer) -> Generator[ApiServer]:
    """The served workspace with a service that may only stop; nothing stays stopped behind it."""
    if "brake" not in api.secrets:
        made = api.run(
            api.sayso.tokens.create(
                api.sayso.container.tenant,
                "service",
                "brake",
                frozenset({Scope.STOP}),
                days=1,
                by=OPERATOR,
            )
        )
        api.secrets["brake"] = made[1]
    yield api
    for stop in as_json(api.get("/v1/stops?released=false"))["items"]:
        for person in ("maria", "finn", "noor"):
            api.post("/v1/resume", {"stop": stop["id"]}, by=person)


def stop(api: ApiServer, by: str = "brake", **body: object) -> Json:
    """Stop the shop, unless something else is named."""
    wanted = body or {"scope": "connector", "target": "shop", "reason": "INC-7"}
    answer = api.post("/v1/stop", wanted, by=by)
    assert answer.status_code == 201, answer.text
    return as_json(answer)


@pytest.mark.promise("stop:two-people")
def test_a_cursor_that_is_none_is_refused(brake: ApiServer) -> None:
    """A client that follows it would read the same page for ever."""
    for after in ("zzz", f"act_{'0' * 26}"):
        problem(brake.get(f"/v1/stops?after={after}", by="brake"), 422, "invalid_input")


def test_a_service_stops_and_two_people_resume(brake: ApiServer) -> None:
    """Over HTTP: held with its reason, asked, confirmed, and then done without a new yes."""
    stopped = stop(brake)
    assert (stopped["engaged_by"], stopped["status"]) == ("service:brake", "in_force")
    action = brake.propose(4000)
    assert action["status"] == "approved"
    assert action["held"]["by"] == stopped["id"]
    assert "INC-7" in action["held"]["reason"]
    problem(brake.post("/v1/resume", {"stop": stopped["id"]}, by="brake"), 403, "forbidden")
    asked = brake.post("/v1/resume", {"stop": stopped["id"]}, by="maria")
    assert as_json(asked)["status"] == "resume_asked"
    assert as_json(brake.get(f"/v1/actions/{action['id']}"))["held"] is not None
    problem(brake.post("/v1/resume", {"stop": stopped["id"]}, by="maria"), 403, "own_request")
    ended = as_json(brake.post("/v1/resume", {"stop": stopped["id"]}, by="finn"))
    assert (ended["status"], ended["asked_by"], ended["released_by"]) == (
        "released",
        "maria",
        "finn",
    )
    assert ended["held"] == 0
    workspace = brake.sayso.container
    brake.run(workspace.dispatcher.run_now("action", workspace.tenant, action["id"]))
    assert as_json(brake.get(f"/v1/actions/{action['id']}"))["status"] == "succeeded"


def test_a_call_sent_again_is_one(brake: ApiServer) -> None:
    """`Idempotency-Key`: one stop, one word of one person; other content is a conflict."""
    key = brake.new("key-")
    body = {"scope": "action", "target": "shop.refund"}
    first, again = (brake.post("/v1/stop", body, by="brake", key=key) for _ in range(2))
    assert as_json(first) == as_json(again)
    other = {**body, "reason": "another"}
    problem(brake.post("/v1/stop", other, by="brake", key=key), 409, "idempotency_conflict")
    word = {"stop": as_json(first)["id"]}
    key = brake.new("key-")
    asked, repeated = (brake.post("/v1/resume", word, by="maria", key=key) for _ in range(2))
    assert as_json(asked) == as_json(repeated)


@pytest.mark.parametrize("by", ["bot", "proposer", "reader", "auditor", "lister"])
def test_other_tokens_stop_nothing(brake: ApiServer, by: str) -> None:
    """A scope of its own, or a person who decides."""
    problem(brake.post("/v1/stop", {"scope": "all"}, by=by), 403, "forbidden")
    problem(brake.post("/v1/resume", {"stop": "stp_1"}, by=by), 403, "forbidden")


def test_what_does_not_fit_is_a_problem(brake: ApiServer) -> None:
    """RFC 9457 with our codes; nothing is stopped by a call that is not understood."""
    problem(brake.post("/v1/stop", {"scope": "everything"}, by="maria"), 422, "invalid_input")
    problem(brake.post("/v1/stop", {"scope": "connector"}, by="maria"), 422, "invalid_input")
    missing = {"scope": "connector", "target": "shops"}
    assert (
        "did you mean"
        in problem(brake.post("/v1/stop", missing, by="maria"), 404, "not_found")["next_step"]
    )
    problem(brake.post("/v1/stop", {"scope": "all"}, by="stranger"), 403, "not_an_approver")
    problem(brake.post("/v1/resume", {"stop": "stp_none"}, by="maria"), 404, "not_found")
    assert as_json(brake.get("/v1/stops?released=false"))["items"] == []


def test_stops_are_listed_in_pages(brake: ApiServer) -> None:
    """Newest first, those in force or those that ended, by keyset."""
    made = [stop(brake)["id"], stop(brake, scope="tenant")["id"]]
    page = as_json(brake.get("/v1/stops?released=false&limit=1", by="noor"))
    more = as_json(brake.get(f"/v1/stops?released=false&limit=1&after={page['next_after']}"))
    assert {page["items"][0]["id"], more["items"][0]["id"]} == set(made)
    assert "sayso_stops 2" in brake.get("/metrics").text


def _lost(api: ApiServer) -> Json:
    """An action whose answer is lost, looked at before anything is known."""
    api.shop.faults.append(ShopFault.LOST_BEFORE)
    action = api.propose(4000)
    assert action["status"] == "unknown"
    return action


def test_a_person_settles_an_unknown_outcome(api: ApiServer) -> None:
    """200 with the action; the evidence is sealed, and the same call again is the same answer."""
    action = _lost(api)
    path, key = f"/v1/actions/{action['id']}/settle", api.new("key-")
    word = {"outcome": "failed", "evidence": "not on the page of payouts"}
    done = api.post(path, word, by="maria", key=key)
    assert done.status_code == 200, done.text
    assert as_json(done)["status"] == "failed"
    assert "payouts" not in done.text
    assert as_json(api.post(path, word, by="maria", key=key)) == as_json(done)
    other = {"outcome": "succeeded", "evidence": "there", "receipt_id": "pay_1"}
    problem(api.post(path, other, by="maria", key=key), 409, "idempotency_conflict")
    problem(api.post(path, other, by="finn"), 409, "wrong_state")


def test_only_people_with_a_role_settle(api: ApiServer) -> None:
    """A service token never does; evidence is needed, and a receipt for what exists."""
    action = _lost(api)
    path = f"/v1/actions/{action['id']}/settle"
    word = {"outcome": "failed", "evidence": "not there"}
    problem(api.post(path, word, by="bot"), 403, "forbidden")
    problem(api.post(path, word, by="stranger"), 403, "not_an_approver")
    problem(api.post(path, {"outcome": "failed", "evidence": ""}, by="maria"), 422, "invalid_input")
    problem(
        api.post(path, {"outcome": "succeeded", "evidence": "there"}, by="maria"),
        422,
        "reason_required",
    )
    problem(api.post("/v1/actions/act_none/settle", word, by="maria"), 404, "not_found")
    done = {"outcome": "succeeded", "evidence": "there", "receipt_id": "pay_9"}
    assert as_json(api.post(path, done, by="maria"))["receipt"]["id"] == "pay_9"
