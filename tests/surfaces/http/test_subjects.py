"""Access, erasure and legal holds over HTTP."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from surfaces.http.api_server import ApiServer, Json, as_json, problem, refund

WORDS = "it broke on the day of the funeral, says Ms Quispe"

pytestmark = pytest.mark.promise("http:subjects")


def known(api: ApiServer) -> str:
    """A new customer with words of their own; returns their id."""
    order, customer = api.order(12_900)
    body = {**refund(order, customer), "reason": WORDS}
    assert api.post("/v1/actions", body).status_code == 201
    return customer


def erase(api: ApiServer, customer: str, key: str | None = None, **more: str) -> Json:
    """Maria erases a customer."""
    body = {"subject": customer, **more}
    answer = api.post("/v1/privacy/erasures", body, by="maria", key=key)
    assert answer.status_code == 201, answer.text
    return as_json(answer)


def hold(api: ApiServer, customer: str, key: str | None = None) -> Json:
    """Maria places a hold."""
    body = {"subject": customer, "reason": "litigation"}
    answer = api.post("/v1/privacy/holds", body, by="maria", key=key)
    assert answer.status_code == 201, answer.text
    return as_json(answer)


def last(api: ApiServer, query: str) -> Json:
    """The newest entry that a query finds."""
    items = as_json(api.get(f"/v1/audit/entries?q={query}&limit=1"))["items"]
    found: Json = items[0]
    return found


def test_a_person_sees_all_that_is_held(api: ApiServer, caplog: pytest.LogCaptureFixture) -> None:
    """In clear and never stored on the way; each call is an entry, and no log line has words."""
    caplog.set_level(logging.DEBUG)
    customer = known(api)
    answer = api.post("/v1/privacy/exports", {"subject": customer}, by="maria")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found = as_json(answer)
    assert (found["subject"], len(found["actions"])) == (customer, 1)
    assert WORDS in found["texts"].values()
    entry = last(api, "kind:subject.exported")
    assert (entry["actor"], entry["body"]["subject"]) == ("person:maria", found["pseudonym"])
    assert customer not in str(entry)
    for said in [caplog.text, *(str(record.__dict__) for record in caplog.records)]:
        assert WORDS not in said
        assert customer not in said


def test_an_erased_customer_is_found_no_more(api: ApiServer) -> None:
    """201 with the erasure; the same call again is the same, and nothing is left to show."""
    customer = known(api)
    key = api.new("key-")
    done = erase(api, customer, key)
    assert (done["status"], done["by"]) == ("erased", "person:maria")
    assert erase(api, customer, key)["id"] == done["id"]
    problem(api.post("/v1/privacy/exports", {"subject": customer}, by="maria"), 404, "not_found")
    problem(api.post("/v1/privacy/erasures", {"subject": customer}, by="maria"), 404, "not_found")
    shown = as_json(api.get(f"/v1/privacy/erasures/{done['id']}", by="auditor"))
    only_told_once = {name: done[name] for name in ("scrubbed", "account")}
    assert {**shown, **only_told_once} == done
    assert customer not in str(shown)
    assert last(api, "kind:subject.erasing")["body"]["data"]["via"] == "http"
    problem(api.get("/v1/privacy/erasures/ers_none", by="maria"), 404, "not_found")


def test_a_key_that_erased_somebody_else_erases_nobody(api: ApiServer) -> None:
    """Else a caller would be told `erased` of a customer of whom everything is held."""
    first, second = known(api), known(api)
    key = api.new("key-")
    erase(api, first, key)
    for body in ({"subject": second}, {"subject": first, "reason": "other_reason"}):
        answer = api.post("/v1/privacy/erasures", body, by="maria", key=key)
        problem(answer, 409, "idempotency_conflict")
    order, _ = api.order()
    api.shop.books.add(order, first, api.shop.books.orders[order].paid)
    api.post("/v1/actions", refund(order, first))
    answer = api.post("/v1/privacy/erasures", {"subject": first}, by="maria", key=key)
    problem(answer, 409, "idempotency_conflict")
    assert erase(api, second, api.new("key-"))["status"] == "erased"


def test_two_at_once_are_one_erasure(api: ApiServer) -> None:
    """The same call sent four times at once: one erasure, two entries."""
    customer = known(api)
    key = api.new("key-")
    with ThreadPoolExecutor(4) as pool:
        under_way = [pool.submit(erase, api, customer, key) for _ in range(4)]
        done = [one.result() for one in under_way]
    assert len({one["id"] for one in done}) == 1
    assert {one["status"] for one in done} == {"erased"}
    entries = as_json(api.get("/v1/audit/entries?q=kind:subject.erased&limit=20"))["items"]
    assert sum(one["body"]["subject"] == done[0]["subject"] for one in entries) == 1


def test_a_hold_needs_two_people_to_end(api: ApiServer) -> None:
    """It forbids the erasure meanwhile; each word sent again changes nothing."""
    customer = known(api)
    key = api.new("key-")
    placed = hold(api, customer, key)
    assert (placed["status"], placed["placed_by"]) == ("in_force", "maria")
    assert hold(api, customer, key) == placed
    other = {"subject": customer, "reason": "court_order"}
    for body in (other, {"subject": "cus_another", "reason": "litigation"}):
        answer = api.post("/v1/privacy/holds", body, by="maria", key=key)
        problem(answer, 409, "idempotency_conflict")
    erasure = api.post("/v1/privacy/erasures", {"subject": customer}, by="maria")
    problem(erasure, 409, "legal_hold")
    path = f"/v1/privacy/holds/{placed['id']}/release"
    keys = [api.new("key-") for _ in range(2)]
    asked, again = (as_json(api.post(path, {}, by="maria", key=keys[0])) for _ in range(2))
    assert asked == again
    assert asked["status"] == "release_asked"
    problem(api.post(path, {}, by="maria"), 403, "own_request")
    ended = as_json(api.post(path, {}, by="finn", key=keys[1]))
    assert (ended["status"], ended["asked_by"], ended["released_by"]) == (
        "released",
        "maria",
        "finn",
    )
    for person, word in (("maria", keys[0]), ("finn", keys[1])):
        assert as_json(api.post(path, {}, by=person, key=word)) == ended
    problem(api.post(path, {}, by="finn"), 409, "already_decided")
    assert as_json(api.get(f"/v1/privacy/holds/{placed['id']}", by="auditor")) == ended
    assert erase(api, customer)["status"] == "erased"
    said = last(api, "kind:subject.released")["body"]
    assert said["data"].pop("credential").startswith("tok_")
    assert said["data"] == {"hold": placed["id"], "via": "http"}
    assert customer not in str(said)


def test_two_at_once_are_one_hold(api: ApiServer) -> None:
    """The same call sent four times at once, and the same word about its end: each is said once."""
    customer, key, word = api.new("cus_"), api.new("key-"), api.new("key-")
    with ThreadPoolExecutor(4) as pool:
        under_way = [pool.submit(hold, api, customer, key) for _ in range(4)]
        placed = [one.result() for one in under_way]
        assert len({one["id"] for one in placed}) == 1
        path = f"/v1/privacy/holds/{placed[0]['id']}/release"
        words = [pool.submit(api.post, path, {}, "maria", word) for _ in range(4)]
        assert {as_json(one.result())["status"] for one in words} == {"release_asked"}
    assert as_json(api.post(path, {}, by="finn"))["status"] == "released"


def test_lists_are_paged_by_key(api: ApiServer) -> None:
    """Newest first; a page behind the last one is empty."""
    made = [hold(api, api.new("cus_held_"))["id"] for _ in range(2)]
    gone = [erase(api, known(api))["id"] for _ in range(2)]
    for noun, ids in (("holds", made), ("erasures", gone)):
        after, seen = "", list[str]()
        while True:
            page = as_json(api.get(f"/v1/privacy/{noun}?limit=1{after}", by="noor"))
            seen += [one["id"] for one in page["items"]]
            if page["next_after"] is None:
                break
            after = f"&after={page['next_after']}"
        assert seen == sorted(set(seen), reverse=True)
        assert set(ids) <= set(seen)
        junk = api.get(f"/v1/privacy/{noun}?after=0", by="auditor")
        assert as_json(junk)["code"] == "invalid_input"
    for one in made:
        for person in ("maria", "finn"):
            api.post(f"/v1/privacy/holds/{one}/release", {}, by=person)
    left = [one["id"] for one in as_json(api.get("/v1/privacy/holds", by="maria"))["items"]]
    ended = as_json(api.get("/v1/privacy/holds?ended=true", by="maria"))["items"]
    assert set(made).isdisjoint(left)
    assert set(made) <= {one["id"] for one in ended}


@pytest.mark.parametrize("by", ["bot", "proposer", "reader", "auditor", "lister"])
def test_only_a_persons_token_that_decides_opens_them(api: ApiServer, by: str) -> None:
    """403 before anything is looked up, and no entry says whom it was about."""
    for path, body in CALLS.items():
        problem(api.post(path, body, by=by), 403, "forbidden")


CALLS: dict[str, Json] = {
    "/v1/privacy/exports": {"subject": "cus_nobody"},
    "/v1/privacy/erasures": {"subject": "cus_nobody"},
    "/v1/privacy/holds": {"subject": "cus_nobody", "reason": "litigation"},
    "/v1/privacy/holds/hld_none/release": {},
}


def test_a_person_without_the_role_is_refused_and_recorded(api: ApiServer) -> None:
    """403 `not_an_approver`, also for what does not exist, so that nobody learns of it."""
    for path, body in CALLS.items():
        problem(api.post(path, body, by="stranger"), 403, "not_an_approver")
    refused = last(api, "kind:subject.refused")
    assert refused["actor"] == "person:stranger"
    assert refused["body"]["data"] == {"asked": "release", "code": "not_an_approver"}


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("exports", {}, 422, "invalid_input"),
        ("exports", {"subject": ""}, 422, "invalid_input"),
        ("exports", {"subject": "x" * 201}, 422, "invalid_input"),
        ("exports", {"subject": "cus\x00"}, 422, "invalid_input"),
        ("exports", {"subject": "cus_nobody"}, 404, "not_found"),
        ("erasures", {"subject": "cus_1", "reason": "Because Ana said so"}, 422, "reason_required"),
        ("erasures", {"subject": "cus_1", "rewrite": True}, 422, "invalid_input"),
        ("erasures", {"subject": "cus_nobody"}, 404, "not_found"),
        ("holds", {"subject": "cus_1"}, 422, "invalid_input"),
        ("holds", {"subject": "cus_1", "reason": "A. Quispe"}, 422, "reason_required"),
        ("holds", {"subject": "no id of a customer", "reason": "litigation"}, 422, "invalid_input"),
        ("holds/hld_none/release", {}, 404, "not_found"),
        ("holds/hld_none/release", {"subject": "cus_1"}, 422, "invalid_input"),
        ("holds/%00/release", {}, 404, "not_found"),
    ],
)
def test_what_does_not_fit_is_a_problem(
    api: ApiServer, path: str, body: Json, status: int, code: str
) -> None:
    """RFC 9457 with our codes, and never a 500."""
    problem(api.post(f"/v1/privacy/{path}", body, by="maria"), status, code)


def test_a_query_that_is_none_is_refused(api: ApiServer) -> None:
    """A misspelt filter would show the wrong holds."""
    found = problem(api.get("/v1/privacy/holds?endedd=true", by="maria"), 422, "invalid_input")
    assert found["next_step"] == "did you mean `ended`?"
    problem(api.get("/v1/privacy/holds?limit=0", by="maria"), 422, "invalid_input")
    problem(api.get("/v1/privacy/erasures?subject=cus_1", by="maria"), 422, "invalid_input")
