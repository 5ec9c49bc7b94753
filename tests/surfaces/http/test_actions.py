"""Concrete actions over HTTP."""

from __future__ import annotations

import re

import httpx
import pytest
from surfaces.http.api_server import ApiServer, Json, as_json, problem, refund

from sayso.sandbox import Sandbox
from sayso.sdk.client import Sayso
from sayso.store.base import Row


def test_an_allowed_action_is_done_when_the_answer_comes(api: ApiServer) -> None:
    """201 with the receipt, the deciding rule, and where to find it (design.md 6)."""
    order, customer = api.order(4_000)
    answer = api.post("/v1/actions", refund(order, customer))
    assert answer.status_code == 201
    body = as_json(answer)
    assert body["status"] == "succeeded"
    assert body["decision"]["outcome"] == "allow"
    assert body["decision"]["rule"] == "small"
    assert body["receipt"]["amount"] == {"amount_minor": 4_000, "currency": "USD"}
    assert answer.headers["location"] == f"/v1/actions/{body['id']}"
    assert api.shop.books.orders[order].refunded_minor == 4_000


def test_an_action_that_needs_a_person_waits_with_its_card(api: ApiServer) -> None:
    """Nothing is done before the yes; the card comes with the answer."""
    order, customer = api.order(12_900)
    body = as_json(api.post("/v1/actions", refund(order, customer)))
    assert body["status"] == "pending_approval"
    assert body["approval"]["status"] == "pending"
    assert body["approval"]["digest"] == body["digest"]
    assert body["approval"]["roles"] == ["support_manager"]
    assert api.shop.books.orders[order].refunded_minor == 0


@pytest.mark.promise("refusals:recorded")
def test_a_refused_action_is_stored_with_its_reason(api: ApiServer) -> None:
    """A refusal of the provider is an action too, so it is 201 and can be looked up."""
    order, _ = api.order()
    body = as_json(api.post("/v1/actions", refund(order, api.new("cus_"))))
    assert body["status"] == "refused"
    assert body["error"]["code"] == "not_owner"
    assert as_json(api.get(f"/v1/actions/{body['id']}"))["status"] == "refused"


def test_a_refund_at_stripe_goes_through(api: ApiServer, sandbox: Sandbox) -> None:
    """The same route reaches a real connector over real HTTP."""
    answer = api.post(
        "/v1/actions",
        {
            "subject": {"id": "cus_demo_ines", "assurance": "signed_in"},
            "action": "stripe.refund",
            "args": {
                "charge": "ch_demo_ines_1",
                "amount": {"amount_minor": 1_000, "currency": "USD"},
            },
            "reason": "the handle came off",
        },
    )
    body = as_json(answer)
    assert body["status"] == "succeeded", answer.text
    assert body["receipt"]["id"].startswith("re_")
    assert sandbox.books().money_out["usd"] >= 1_000


def test_a_dry_run_judges_and_stores_nothing(api: ApiServer) -> None:
    """`?dry_run=true` answers 200 without a key, and no row and no call comes of it."""
    order, customer = api.order(4_000)
    path = "/v1/actions?dry_run=true"
    answer = api.http.post(path, json=refund(order, customer), headers=api.headers("bot"))
    assert answer.status_code == 200
    assert as_json(answer)["decision"]["outcome"] == "allow"
    assert "location" not in answer.headers
    assert api.shop.books.orders[order].refunded_minor == 0
    assert as_json(api.get(f"/v1/actions?subject={customer}"))["items"] == []


def test_a_dry_run_of_what_is_refused_says_so(api: ApiServer) -> None:
    """There is no action to carry the refusal, so it is a problem."""
    order, _ = api.order()
    body = refund(order, api.new("cus_"))
    problem(api.post("/v1/actions?dry_run=true", body), 403, "not_owner")


def test_an_action_shows_its_timeline(api: ApiServer) -> None:
    """Every entry about it, oldest first, each with its leaf hash."""
    action = api.propose(4_000)
    shown = as_json(api.get(f"/v1/actions/{action['id']}"))
    kinds = [entry["kind"] for entry in shown["timeline"]]
    assert kinds == ["action.approved", "action.intent", "action.succeeded"]
    assert shown["timeline"][0]["actor"] == "service:bot"
    assert all(len(entry["leaf"]) == 64 for entry in shown["timeline"])


def test_an_unknown_action_id_is_a_404(api: ApiServer) -> None:
    """`not_found`, with the next step."""
    assert problem(api.get("/v1/actions/act_1"), 404, "not_found")["next_step"]


def test_the_list_is_narrowed_by_everything_given(api: ApiServer) -> None:
    """`status`, `subject` and `action` are joined by and."""
    order, customer = api.order(4_000)
    done = as_json(api.post("/v1/actions", refund(order, customer)))
    found = api.get(f"/v1/actions?subject={customer}&status=succeeded&action=shop.refund")
    assert [item["id"] for item in as_json(found)["items"]] == [done["id"]]
    for other in ("status=failed", "action=stripe.refund"):
        found = api.get(f"/v1/actions?subject={customer}&{other}")
        assert as_json(found)["items"] == []


def test_pages_follow_each_other_without_gap_or_repeat(api: ApiServer) -> None:
    """Keyset paging by `limit` and `after`; the last page has no `next_after`."""
    order, customer = api.order(50_000)
    bodies = [
        refund(order, customer, amount={"amount_minor": 1_000 + number, "currency": "USD"})
        for number in range(5)
    ]
    made = {as_json(api.post("/v1/actions", body))["id"] for body in bodies}
    seen: list[str] = []
    path = f"/v1/actions?subject={customer}&limit=2"
    after: str | None = ""
    while after is not None:
        page = as_json(api.get(path + (f"&after={after}" if after else "")))
        seen += [item["id"] for item in page["items"]]
        after = page["next_after"]
    assert len(seen) == 5
    assert set(seen) == made
    assert seen == sorted(seen, reverse=True)


@pytest.mark.promise("engine:same-key")
def test_the_same_key_is_one_action(api: ApiServer) -> None:
    """A repeated call gets the first one's action, and one effect."""
    order, customer = api.order(4_000)
    key = api.new("key-")
    first = api.post("/v1/actions", refund(order, customer), key=key)
    again = api.post("/v1/actions", refund(order, customer), key=key)
    assert again.status_code == 201
    assert as_json(again)["id"] == as_json(first)["id"]
    assert api.shop.books.orders[order].refunded_minor == 4_000


@pytest.mark.promise("engine:same-key")
def test_a_key_with_other_content_is_a_conflict(api: ApiServer) -> None:
    """Never silently the earlier result (IETF draft: The Idempotency-Key HTTP Header)."""
    key = api.new("key-")
    api.propose(key=key)
    answer = api.post("/v1/actions", refund(*api.order()), key=key)
    problem(answer, 409, "idempotency_conflict")


def test_two_holders_with_one_key_have_two_actions(api: ApiServer) -> None:
    """A key belongs to its holder: nobody collides with, or reads, another's result."""
    order, customer = api.order(50_000)
    key = api.new("key-")
    one = {"amount_minor": 1_000, "currency": "USD"}
    ids = {
        as_json(api.post("/v1/actions", refund(order, customer, amount=one), by=by, key=key))["id"]
        for by in ("bot", "otherbot")
    }
    assert len(ids) == 2
    other = api.post("/v1/actions", refund(*api.order(4_000)), by="maria", key=key)
    assert other.status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\there", "ключ".encode().decode("latin-1")])
def test_a_key_of_another_shape_is_refused(api: ApiServer, key: str) -> None:
    """1 to 200 visible ASCII characters."""
    given = {**api.headers("bot"), "Idempotency-Key": key}
    headers = httpx.Headers(given, encoding="latin-1")
    answer = api.http.post("/v1/actions", json=refund("o", "c"), headers=headers)
    problem(answer, 400, "invalid_input")


def test_a_missing_key_is_refused_with_the_next_step(api: ApiServer) -> None:
    """400 on every POST that creates or decides."""
    for path in ("/v1/actions", "/v1/requests", "/v1/approvals/apr_1/decision"):
        by = "maria"
        answer = api.http.post(path, json=_body_for(path), headers=api.headers(by))
        found = problem(answer, 400, "invalid_input")
        assert "Idempotency-Key" in found["detail"]
        assert "UUID" in found["next_step"]


def _body_for(path: str) -> dict[str, object]:
    subject = {"id": "cus_1", "assurance": "verified"}
    if path.endswith("requests"):
        return {"subject": subject, "messages": [{"role": "customer", "content": "hello"}]}
    if path.endswith("actions"):
        return refund("order", "cus_1")
    return {"decision": "approve", "revision": 1, "digest": "0" * 64}


def test_the_callers_trace_is_stored_with_the_action(api: ApiServer) -> None:
    """W3C `traceparent` joins the action to the bot's trace; a broken one gives way to our own."""
    good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for given in (good, "00-zz", good.replace("00-4b", "ff-4b")):
        headers = {**api.headers("bot", api.new("key-")), "traceparent": given}
        answer = api.http.post("/v1/actions", json=refund(*api.order(4_000)), headers=headers)
        row = api.run(_stored(api.sayso, str(as_json(answer)["id"])))
        assert row is not None
        stored = str(row["traceparent"])
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", stored)
        assert (stored == given) is (given == good)


async def _stored(sayso: Sayso, action_id: str) -> Row | None:
    workspace = sayso.container
    return await workspace.store.read(
        lambda reader: reader.one("action.by_id", tenant=workspace.tenant, id=action_id)
    )


def test_every_answer_carries_the_safe_headers(api: ApiServer) -> None:
    """No sniffing, no caching, no framing, no CORS, no server name; on errors too."""
    answers: list[httpx.Response] = [
        api.get("/healthz", by=None),
        api.get("/v1/actions"),
        api.get("/v1/actions", by=None),
        api.get("/nowhere", by=None),
        api.http.options("/v1/actions", headers={"Origin": "https://example.com"}),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


@pytest.mark.parametrize("holder", ["bot", "proposer", "reader"])
def test_the_kinds_of_action_are_told_with_their_arguments(api: ApiServer, holder: str) -> None:
    """A bot is wired without a look at the workspace: names, arguments, forms and a schema."""
    found = as_json(api.get("/v1/action-types", by=holder))
    kinds = {kind["name"]: kind for kind in found["items"]}
    refund_kind = kinds["stripe.refund"]
    assert [one["name"] for one in refund_kind["args"] if one["required"]] == ["charge"]
    assert refund_kind["args_schema"]["required"] == ["charge"]
    assert kinds["stripe.credit"]["undone_by"] == "stripe.take_back_credit"
    assert kinds["shop.refund"]["guarantee"] == "idempotent"


@pytest.mark.promise("http:closed")
def test_the_kinds_of_action_are_for_who_proposes_or_looks(api: ApiServer) -> None:
    """As every other path: a token that opens it, with a scope that fits."""
    problem(api.get("/v1/action-types", by=None), 401, "unauthenticated")
    problem(api.get("/v1/action-types", by="auditor"), 403, "forbidden")


def test_what_is_missing_is_named_at_once(api: ApiServer) -> None:
    """Nobody has to call once for each field, or to guess what a field holds."""
    empty = problem(api.post("/v1/actions", {}), 422, "invalid_input")
    assert empty["detail"] == "`subject` is missing, and so are `action` and `args`"
    words: Json = {"subject": "cus_1", "action": "shop.refund", "args": {}}
    found = problem(api.post("/v1/actions", words), 422, "invalid_input")
    assert found["detail"] == "`subject` is no object"
    assert found["next_step"] == (
        "write an object with `id`, `provider`, `assurance`, `assertion` and `attributes`"
    )
