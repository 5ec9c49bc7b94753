"""What machines left to people, over HTTP: taken, given, noted and ended, once per key."""

from __future__ import annotations

import pytest
from surfaces.http.api_server import ApiServer, as_json, problem

pytestmark = pytest.mark.promise("work:kept")


def handed_over(api: ApiServer) -> str:
    """The id of a request that was handed over to people."""
    subject = {"id": api.order()[1], "assurance": "verified"}
    message = {"role": "customer", "content": "I want to talk to a person"}
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
