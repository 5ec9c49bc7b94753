"""What machines left to people, over HTTP: taken, given, noted and ended, once per key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from agent.test_run import Scripted, plan, refund
from surfaces.http.api_server import ApiServer, as_json, problem, serving

from sayso.sandbox import Sandbox
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.promise("work:kept")


def handed_over(api: ApiServer, words: str = "I want to talk to a person") -> str:
    """The id of a request that was handed over to people."""
    subject = {"id": api.order()[1], "assurance": "verified"}
    message = {"role": "customer", "content": words}
    said = api.post("/v1/requests?wait=20", {"subject": subject, "messages": [message]})
    assert as_json(said)["status"] == "handed_over"
    return str(as_json(said)["id"])


def test_it_is_taken_noted_and_ended(api: ApiServer) -> None:
    """Listed until it is ended; each call sent again changes nothing."""
    about = handed_over(api)
    assert about in api.get("/v1/work?kind=handed_over", by="maria").text
    assert as_json(api.post(f"/v1/work/{about}/take", {}, by="maria"))["assignee"] == "maria"
    gave = api.post(f"/v1/work/{about}/take", {"person": "noor"}, by="maria")
    assert as_json(gave)["assignee"] == "noor"
    assert about in api.get("/v1/work?assignee=noor", by="noor").text
    assert about not in api.get("/v1/work?assignee=maria", by="noor").text

    for do in ("note", "end"):
        key = api.new("key-")
        for _ in range(2):
            said = api.post(f"/v1/work/{about}/{do}", {"note": f"to {do}"}, by="noor", key=key)
            assert said.status_code == 200, said.text
    notes = as_json(api.get(f"/v1/work/{about}"))["notes"]
    assert [(note["person"], note["text"]) for note in notes] == [
        ("noor", "to note"),
        ("noor", "to end"),
    ]
    assert about not in api.get("/v1/work?kind=handed_over", by="maria").text
    more = api.post(f"/v1/work/{about}/note", {"note": "more"}, by="maria")
    problem(more, 409, "already_in_state")


def test_only_people_who_decide_take_it(api: ApiServer) -> None:
    """A bot reads it; strangers, ids that there are not, and notes without a word are refused."""
    about = handed_over(api)
    assert api.get(f"/v1/work/{about}", by="bot").status_code == 200
    problem(api.post(f"/v1/work/{about}/take", {}, by="bot"), 403, "forbidden")
    problem(api.get("/v1/work", by="proposer"), 403, "forbidden")
    nobody = api.post(f"/v1/work/{about}/take", {"person": "nobody"}, by="maria")
    problem(nobody, 404, "not_found")
    problem(api.post("/v1/work/req_none/take", {}, by="maria"), 404, "not_found")
    for note in ("", " ", "x" * 2001, "\0"):
        problem(
            api.post(f"/v1/work/{about}/note", {"note": note}, by="maria"), 422, "invalid_input"
        )
    problem(api.get("/v1/work?kind=nothing", by="maria"), 422, "invalid_input")


def test_a_note_on_what_waits_is_a_note_of_its_request(api: ApiServer) -> None:
    """One store: noted once per key on the solution, read there and wherever it is work later."""
    approval = str(api.propose()["approval"]["id"])
    key = api.new("key-")
    for _ in range(2):
        said = api.post(
            f"/v1/solutions/{approval}/note", {"note": "they are away"}, by="noor", key=key
        )
        assert said.status_code == 200, said.text
    view = as_json(api.get(f"/v1/solutions/{approval}", by="maria"))
    assert [(one["person"], one["via"], one["text"]) for one in view["notes"]] == [
        ("noor", "http", "they are away")
    ]
    assert view["status"] == "pending"
    other = api.post(f"/v1/solutions/{approval}/note", {"note": "x"}, by="bot")
    problem(other, 403, "forbidden")
    for note in ("", " ", "x" * 2001):
        refused = api.post(f"/v1/solutions/{approval}/note", {"note": note}, by="maria")
        problem(refused, 422, "invalid_input")


@pytest.fixture(scope="module")
def drafting(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Iterator[ApiServer]:
    """A server whose planner plans a refund of $70.00, against which the words speak."""
    folder = tmp_path_factory.mktemp("drafting")
    planner = Scripted(plan(refund(7000)))
    with serving(folder, sandbox, FakeClock(), planner=planner) as api:
        yield api


@pytest.mark.promise("work:drafted")
def test_what_is_drafted_is_proposed_once(drafting: ApiServer) -> None:
    """By a person with a role, who saw it; sent again it is one; another person is told who."""
    api = drafting
    about = handed_over(api, "Please give me back $70.00 to my sister's card")
    draft = as_json(api.get(f"/v1/work/{about}"))["draft"]
    (step,) = draft["steps"]
    assert step["action"] == "shop.refund"
    assert "another account or payee" in step["why"]
    body = {"digest": draft["digest"][:12]}
    path = f"/v1/work/{about}/propose?wait=20"
    problem(api.post(path, body, by="bot"), 403, "forbidden")
    problem(api.post(path, body, by="stranger"), 403, "not_an_approver")
    problem(api.post(path, {"digest": "0" * 12}, by="maria"), 409, "digest_mismatch")
    problem(api.post(path, {**body, "steps": ["s9"]}, by="maria"), 422, "invalid_input")
    more = {"s1": {**step["amount"], "amount_minor": step["amount"]["amount_minor"] + 1}}
    problem(api.post(path, {**body, "lower": more}, by="maria"), 422, "edit_not_allowed")
    for bad in ({}, {"digest": 7}, {**body, "amount": 1}, {**body, "steps": ["x" * 300]}):
        problem(api.post(path, bad, by="maria"), 422, "invalid_input")
    key = api.new("key-")
    part = {**body, "lower": {"s1": {**step["amount"], "amount_minor": 6000}}}
    first, again = (api.post(path, part, by="maria", key=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202), first.text
    request = as_json(first)
    assert (request["id"], request["status"]) == (about, "acting")
    assert as_json(again)["actions"] == request["actions"]
    problem(api.post(path, body, by="maria", key=key), 409, "idempotency_conflict")
    told = problem(api.post(path, body, by="noor"), 409, "already_in_state")
    assert told["detail"] == "`maria` has proposed it already"
    waiting = [one for one in request["actions"] if one["status"] == "pending_approval"]
    assert [one["amount"]["amount_minor"] for one in waiting] == [6000]
    problem(api.decide(waiting[0]["approval"], "approve", by="maria"), 403, "own_request")
    assert api.decide(waiting[0]["approval"], "approve", by="noor").status_code == 200
    done = as_json(api.get(f"/v1/requests/{about}?wait=20"))
    assert done["status"] == "answered"
    assert "$60.00" in done["reply"]


@pytest.mark.promise("work:drafted")
def test_nothing_is_proposed_where_nothing_is_drafted(api: ApiServer) -> None:
    """Nor of what there is not."""
    about = handed_over(api)
    body = {"digest": "0" * 64}
    problem(api.post(f"/v1/work/{about}/propose", body, by="maria"), 409, "wrong_state")
    problem(api.post("/v1/work/req_none/propose", body, by="maria"), 404, "not_found")
    problem(api.post("/v1/work/act_none/propose", body, by="maria"), 404, "not_found")
