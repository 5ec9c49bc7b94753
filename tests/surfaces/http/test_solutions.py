"""Whole solutions over HTTP: listed, shown, and answered by one call of one transaction."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from surfaces.http.api_server import ApiServer, Json, as_json, problem
from surfaces.http.test_plans import ask_for_two

pytestmark = pytest.mark.promise("plans:together")


def waiting(api: ApiServer) -> Json:
    """A solution of two steps that waits for a manager."""
    request = as_json(api.get(f"/v1/requests/{ask_for_two(api, 12_900, 6000, apart=True)}"))
    return as_json(api.get(f"/v1/solutions/{request['actions'][1]['approval']['id']}"))


def answer(
    api: ApiServer, view: Json, decision: str, *, key: str | None = None, **more: object
) -> Json:
    """Answer it as maria; what came of it."""
    said = api.post(path(view), body(view, decision, **more), by="maria", key=key)
    assert said.status_code == 200, said.text
    return as_json(said)


def path(view: Json) -> str:
    """Where it is answered."""
    return f"/v1/solutions/{view['id']}/decision"


def body(view: Json, decision: str, **more: object) -> Json:
    """The body that says this about it."""
    shown = {"revision": view["revision"], "digest": view["digest"]}
    return {"decision": decision, **shown, **more}


def statuses(view: Json) -> list[str]:
    """How each step stands."""
    return [step["status"] for step in view["steps"]]


def test_all_of_it_is_answered_by_one_call(api: ApiServer) -> None:
    """Yes to all, yes to some, less, and no: each one call, and every step's entry names it."""
    view = waiting(api)
    assert [step["asks"] for step in view["steps"]] == [True, True]
    yes = answer(api, view, "approve")
    assert (yes["status"], statuses(yes)) == ("approved", ["succeeded", "succeeded"])
    for step in yes["steps"]:
        timeline = as_json(api.get(f"/v1/actions/{step['action_id']}"))["timeline"]
        (said,) = [entry for entry in timeline if entry["kind"] == "action.approved"]
        assert said["body"]["data"]["solution"] == view["digest"]

    some = answer(api, waiting(api), "approve", steps=["s2"])
    assert statuses(some) == ["rejected", "succeeded"]
    less = {"s1": {"amount_minor": 1234, "currency": "USD"}}
    lower = answer(api, waiting(api), "edit", lower=less)
    assert [step["amount"]["amount_minor"] for step in lower["steps"]] == [1234, 6001]
    no = answer(api, waiting(api), "reject", reason_code="not_covered", reason="too late")
    assert (no["status"], statuses(no)) == ("rejected", ["rejected", "rejected"])


def test_the_same_call_again_changes_nothing(api: ApiServer) -> None:
    """Also twice at once; the same key with another content, and another call, are refused."""
    view, key = waiting(api), api.new("key-")
    before = len(api.shop.books.payouts)

    def post() -> int:
        return api.post(path(view), body(view, "approve"), by="maria", key=key).status_code

    with ThreadPoolExecutor(4) as pool:
        assert [one.result() for one in [pool.submit(post) for _ in range(4)]] == [200] * 4
    assert len(api.shop.books.payouts) - before == 2
    again = api.post(path(view), body(view, "approve"), by="maria")
    problem(again, 409, "already_decided")
    other = body(view, "reject", reason_code="not_covered")
    problem(api.post(path(view), other, by="maria", key=key), 409, "idempotency_conflict")


def test_what_was_not_shown_is_not_decided(api: ApiServer) -> None:
    """Another digest or revision, a step that is not of it, more money, a bot, no reason."""
    view = waiting(api)
    more = {"s1": {"amount_minor": 999_999, "currency": "USD"}}
    for said, status, code in (
        ({**body(view, "approve"), "digest": "0" * 64}, 409, "digest_mismatch"),
        ({**body(view, "approve"), "revision": 9}, 409, "stale_revision"),
        (body(view, "approve", steps=["s9"]), 422, "invalid_input"),
        (body(view, "approve", steps=[]), 422, "invalid_input"),
        (body(view, "edit", lower=more), 422, "edit_not_allowed"),
        (body(view, "edit"), 422, "edit_not_allowed"),
        (body(view, "reject"), 422, "reason_required"),
        (body(view, "perhaps"), 422, "invalid_input"),
    ):
        problem(api.post(path(view), said, by="maria"), status, code)
    problem(api.post(path(view), body(view, "approve"), by="bot"), 403, "forbidden")
    problem(api.post(path(view), body(view, "approve"), by="finn"), 403, "not_an_approver")
    strange = {**view, "id": "apr_none"}
    problem(api.post(path(strange), body(view, "approve"), by="maria"), 404, "not_found")
    assert statuses(as_json(api.get(f"/v1/solutions/{view['id']}"))) == ["pending_approval"] * 2


def test_lists_are_paged_to_their_end(api: ApiServer) -> None:
    """Each solution once, the soonest first; a person's own, and what was decided."""
    mine = {waiting(api)["id"] for _ in range(3)}
    for more in ("", "&mine=true"):
        seen: list[str] = []
        after = ""
        while True:
            page = as_json(api.get(f"/v1/solutions?limit=2{more}{after}", by="maria"))
            seen += [item["id"] for item in page["items"]]
            if page["next_after"] is None:
                break
            after = f"&after={page['next_after']}"
        assert len(seen) == len(set(seen))
        assert mine <= set(seen)
    view = waiting(api)
    answer(api, view, "reject", reason_code="not_covered")
    decided = as_json(api.get("/v1/solutions?status=decided&limit=100"))["items"]
    assert view["id"] in {item["id"] for item in decided}
    others = as_json(api.get("/v1/solutions?mine=true&limit=100", by="finn"))["items"]
    assert mine.isdisjoint(item["id"] for item in others)
    problem(api.get("/v1/solutions?mine=true", by="bot"), 422, "invalid_input")
    problem(api.get("/v1/solutions?after=x", by="bot"), 422, "invalid_input")
    problem(api.get("/v1/solutions", by="proposer"), 403, "forbidden")


def test_nobody_sees_another_tenants(api: ApiServer) -> None:
    """What is asked for by an id that there is not, and by nobody."""
    problem(api.get("/v1/solutions/apr_none", by="maria"), 404, "not_found")
    problem(api.get("/v1/solutions", by=None), 401, "unauthenticated")
