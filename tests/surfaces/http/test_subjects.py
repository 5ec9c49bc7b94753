"""Access, erasure and legal holds over HTTP."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from surfaces.http.served import Json, Served, as_json, problem, refund

WORDS = "it broke on the day of the funeral, says Ms Quispe"

pytestmark = pytest.mark.promise("http:subjects")


def known(served: Served) -> str:
    """A new customer with words of their own; returns their id."""
    order, customer = served.order(12_900)
    body = {**refund(order, customer), "reason": WORDS}
    assert served.post("/v1/actions", body).status_code == 201
    return customer


def erase(served: Served, customer: str, key: str | None = None, **more: str) -> Json:
    """Maria erases a customer."""
    body = {"subject": customer, **more}
    answer = served.post("/v1/privacy/erasures", body, by="maria", key=key)
    assert answer.status_code == 201, answer.text
    return as_json(answer)


def hold(served: Served, customer: str, key: str | None = None) -> Json:
    """Maria places a hold."""
    body = {"subject": customer, "reason": "litigation"}
    answer = served.post("/v1/privacy/holds", body, by="maria", key=key)
    assert answer.status_code == 201, answer.text
    return as_json(answer)


def last(served: Served, query: str) -> Json:
    """The newest entry that a query finds."""
    items = as_json(served.get(f"/v1/audit/entries?q={query}&limit=1"))["items"]
    found: Json = items[0]
    return found


def test_a_person_sees_all_that_is_held(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """In clear and never stored on the way; each call is an entry, and no log line has words."""
    caplog.set_level(logging.DEBUG)
    customer = known(served)
    answer = served.post("/v1/privacy/exports", {"subject": customer}, by="maria")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found = as_json(answer)
    assert (found["subject"], len(found["actions"])) == (customer, 1)
    assert WORDS in found["texts"].values()
    entry = last(served, "kind:subject.exported")
    assert (entry["actor"], entry["body"]["subject"]) == ("person:maria", found["pseudonym"])
    assert customer not in str(entry)
    for said in [caplog.text, *(str(record.__dict__) for record in caplog.records)]:
        assert WORDS not in said
        assert customer not in said


def test_an_erased_customer_is_found_no_more(served: Served) -> None:
    """201 with the erasure; the same call again is the same, and nothing is left to show."""
    customer = known(served)
    key = served.new("key-")
    done = erase(served, customer, key)
    assert (done["status"], done["by"]) == ("erased", "person:maria")
    assert erase(served, customer, key)["id"] == done["id"]
    problem(served.post("/v1/privacy/exports", {"subject": customer}, by="maria"), 404, "not_found")
    problem(
        served.post("/v1/privacy/erasures", {"subject": customer}, by="maria"), 404, "not_found"
    )
    shown = as_json(served.get(f"/v1/privacy/erasures/{done['id']}", by="auditor"))
    assert {**shown, "scrubbed": done["scrubbed"]} == done
    assert customer not in str(shown)
    assert last(served, "kind:subject.erasing")["body"]["data"]["via"] == "http"
    problem(served.get("/v1/privacy/erasures/ers_none", by="maria"), 404, "not_found")


def test_a_key_that_erased_somebody_else_erases_nobody(served: Served) -> None:
    """Else a caller would be told `erased` of a customer of whom everything is held."""
    first, second = known(served), known(served)
    key = served.new("key-")
    erase(served, first, key)
    for body in ({"subject": second}, {"subject": first, "reason": "other_reason"}):
        answer = served.post("/v1/privacy/erasures", body, by="maria", key=key)
        problem(answer, 409, "idempotency_conflict")
    order, _ = served.order()
    served.shop.books.add(order, first, served.shop.books.orders[order].paid)
    served.post("/v1/actions", refund(order, first))
    answer = served.post("/v1/privacy/erasures", {"subject": first}, by="maria", key=key)
    problem(answer, 409, "idempotency_conflict")
    assert erase(served, second, served.new("key-"))["status"] == "erased"


def test_two_at_once_are_one_erasure(served: Served) -> None:
    """The same call sent four times at once: one erasure, two entries."""
    customer = known(served)
    key = served.new("key-")
    with ThreadPoolExecutor(4) as pool:
        under_way = [pool.submit(erase, served, customer, key) for _ in range(4)]
        done = [one.result() for one in under_way]
    assert len({one["id"] for one in done}) == 1
    assert {one["status"] for one in done} == {"erased"}
    entries = as_json(served.get("/v1/audit/entries?q=kind:subject.erased&limit=20"))["items"]
    assert sum(one["body"]["subject"] == done[0]["subject"] for one in entries) == 1


def test_a_hold_needs_two_people_to_end(served: Served) -> None:
    """It forbids the erasure meanwhile; each word sent again changes nothing."""
    customer = known(served)
    key = served.new("key-")
    placed = hold(served, customer, key)
    assert (placed["status"], placed["placed_by"]) == ("in_force", "maria")
    assert hold(served, customer, key) == placed
    other = {"subject": customer, "reason": "court_order"}
    for body in (other, {"subject": "cus_another", "reason": "litigation"}):
        answer = served.post("/v1/privacy/holds", body, by="maria", key=key)
        problem(answer, 409, "idempotency_conflict")
    erasure = served.post("/v1/privacy/erasures", {"subject": customer}, by="maria")
    problem(erasure, 409, "legal_hold")
    path = f"/v1/privacy/holds/{placed['id']}/release"
    keys = [served.new("key-") for _ in range(2)]
    asked, again = (as_json(served.post(path, {}, by="maria", key=keys[0])) for _ in range(2))
    assert asked == again
    assert asked["status"] == "release_asked"
    problem(served.post(path, {}, by="maria"), 403, "own_request")
    ended = as_json(served.post(path, {}, by="finn", key=keys[1]))
    assert (ended["status"], ended["asked_by"], ended["released_by"]) == (
        "released",
        "maria",
        "finn",
    )
    for person, word in (("maria", keys[0]), ("finn", keys[1])):
        assert as_json(served.post(path, {}, by=person, key=word)) == ended
    problem(served.post(path, {}, by="finn"), 409, "already_decided")
    assert as_json(served.get(f"/v1/privacy/holds/{placed['id']}", by="auditor")) == ended
    assert erase(served, customer)["status"] == "erased"
    said = last(served, "kind:subject.released")["body"]
    assert said["data"] == {"hold": placed["id"], "via": "http"}
    assert customer not in str(said)


def test_two_at_once_are_one_hold(served: Served) -> None:
    """The same call sent four times at once, and the same word about its end: each is said once."""
    customer, key, word = served.new("cus_"), served.new("key-"), served.new("key-")
    with ThreadPoolExecutor(4) as pool:
        under_way = [pool.submit(hold, served, customer, key) for _ in range(4)]
        placed = [one.result() for one in under_way]
        assert len({one["id"] for one in placed}) == 1
        path = f"/v1/privacy/holds/{placed[0]['id']}/release"
        words = [pool.submit(served.post, path, {}, "maria", word) for _ in range(4)]
        assert {as_json(one.result())["status"] for one in words} == {"release_asked"}
    assert as_json(served.post(path, {}, by="finn"))["status"] == "released"


def test_lists_are_paged_by_key(served: Served) -> None:
    """Newest first; a page behind the last one is empty."""
    made = [hold(served, served.new("cus_held_"))["id"] for _ in range(2)]
    gone = [erase(served, known(served))["id"] for _ in range(2)]
    for noun, ids in (("holds", made), ("erasures", gone)):
        after, seen = "", list[str]()
        while True:
            page = as_json(served.get(f"/v1/privacy/{noun}?limit=1{after}", by="noor"))
            seen += [one["id"] for one in page["items"]]
            if page["next_after"] is None:
                break
            after = f"&after={page['next_after']}"
        assert seen == sorted(set(seen), reverse=True)
        assert set(ids) <= set(seen)
        junk = served.get(f"/v1/privacy/{noun}?after=0", by="auditor")
        assert as_json(junk)["code"] == "invalid_input"
    for one in made:
        for person in ("maria", "finn"):
            served.post(f"/v1/privacy/holds/{one}/release", {}, by=person)
    left = [one["id"] for one in as_json(served.get("/v1/privacy/holds", by="maria"))["items"]]
    ended = as_json(served.get("/v1/privacy/holds?ended=true", by="maria"))["items"]
    assert set(made).isdisjoint(left)
    assert set(made) <= {one["id"] for one in ended}


@pytest.mark.parametrize("by", ["bot", "proposer", "reader", "auditor", "lister"])
def test_only_a_persons_token_that_decides_opens_them(served: Served, by: str) -> None:
    """403 before anything is looked up, and no entry says whom it was about."""
    for path, body in CALLS.items():
        problem(served.post(path, body, by=by), 403, "forbidden")


CALLS: dict[str, Json] = {
    "/v1/privacy/exports": {"subject": "cus_nobody"},
    "/v1/privacy/erasures": {"subject": "cus_nobody"},
    "/v1/privacy/holds": {"subject": "cus_nobody", "reason": "litigation"},
    "/v1/privacy/holds/hld_none/release": {},
}


def test_a_person_without_the_role_is_refused_and_recorded(served: Served) -> None:
    """403 `not_an_approver`, also for what does not exist, so that nobody learns of it."""
    for path, body in CALLS.items():
        problem(served.post(path, body, by="stranger"), 403, "not_an_approver")
    refused = last(served, "kind:subject.refused")
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
    served: Served, path: str, body: Json, status: int, code: str
) -> None:
    """RFC 9457 with our codes, and never a 500."""
    problem(served.post(f"/v1/privacy/{path}", body, by="maria"), status, code)


def test_a_query_that_is_none_is_refused(served: Served) -> None:
    """A misspelt filter would show the wrong holds."""
    found = problem(served.get("/v1/privacy/holds?endedd=true", by="maria"), 422, "invalid_input")
    assert found["next_step"] == "did you mean `ended`?"
    problem(served.get("/v1/privacy/holds?limit=0", by="maria"), 422, "invalid_input")
    problem(served.get("/v1/privacy/erasures?subject=cus_1", by="maria"), 422, "invalid_input")
