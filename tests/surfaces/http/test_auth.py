"""Who may do what: every route with every kind of token."""

from __future__ import annotations

import logging

import httpx
import pytest
from surfaces.http.api_server import OPERATOR, ApiServer, as_json, problem, refund, token

from sayso.ids import Tenant
from sayso.sdk.resources.tokens import Scope

GETS = {
    "/v1/requests": Scope.READ,
    "/v1/requests/req_1": Scope.READ,
    "/v1/requests/req_1/events": Scope.READ,
    "/v1/actions": Scope.READ,
    "/v1/actions/act_1": Scope.READ,
    "/v1/approvals": Scope.READ,
    "/v1/approvals/apr_1": Scope.READ,
    "/v1/audit/entries": Scope.AUDIT,
    "/v1/audit/checkpoint": Scope.AUDIT,
    "/v1/privacy/erasures": Scope.AUDIT,
    "/v1/privacy/erasures/ers_1": Scope.AUDIT,
    "/v1/privacy/holds": Scope.AUDIT,
    "/v1/privacy/holds/hld_1": Scope.AUDIT,
}
SUBJECT = {"id": "cus_1", "assurance": "verified"}
POSTS: dict[str, tuple[Scope, dict[str, object]]] = {
    "/v1/requests": (
        Scope.PROPOSE,
        {"subject": SUBJECT, "messages": [{"role": "customer", "content": "hello"}]},
    ),
    "/v1/actions": (Scope.PROPOSE, refund("order", "cus_1")),
    "/v1/approvals/apr_1/decision": (
        Scope.DECIDE,
        {"decision": "approve", "revision": 1, "digest": "0" * 64},
    ),
    "/v1/privacy/exports": (Scope.DECIDE, {"subject": "cus_1"}),
    "/v1/privacy/erasures": (Scope.DECIDE, {"subject": "cus_1"}),
    "/v1/privacy/holds": (Scope.DECIDE, {"subject": "cus_1", "reason": "litigation"}),
    "/v1/privacy/holds/hld_1/release": (Scope.DECIDE, {}),
}
WITHOUT = {
    Scope.READ: ("proposer", "auditor"),
    Scope.AUDIT: ("proposer", "reader", "maria"),
    Scope.PROPOSE: ("reader", "auditor", "finn"),
    Scope.DECIDE: ("bot", "proposer", "auditor", "lister"),
}


@pytest.mark.promise("http:closed")
@pytest.mark.parametrize("path", [*GETS, *(f"POST {path}" for path in POSTS)])
def test_without_a_token_nothing_opens(api: ApiServer, path: str) -> None:
    """401 with a challenge that names no error (RFC 6750 §3), before the body is looked at."""
    method, _, where = path.rpartition(" ")
    answer = api.http.post(where, content=b"{not json") if method else api.get(where, by=None)
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="sayso"'


@pytest.mark.promise("http:closed")
@pytest.mark.parametrize("path", GETS)
def test_a_read_needs_its_scope(api: ApiServer, path: str) -> None:
    """403 with `insufficient_scope` for each token without it."""
    for holder in WITHOUT[GETS[path]]:
        if holder == "maria" and (GETS[path] is not Scope.AUDIT or "privacy" in path):
            continue  # deciding opens those
        answer = api.get(path, by=holder)
        problem(answer, 403, "forbidden")
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


@pytest.mark.promise("http:closed")
@pytest.mark.parametrize("path", POSTS)
def test_a_change_needs_its_scope(api: ApiServer, path: str) -> None:
    """Likewise for each POST."""
    scope, body = POSTS[path]
    for holder in WITHOUT[scope]:
        problem(api.post(path, body, by=holder), 403, "forbidden")


@pytest.mark.promise("approvals:service")
def test_a_service_token_never_decides(api: ApiServer) -> None:
    """Neither by its scopes, which cannot hold it, nor if a row says otherwise."""
    approval = api.propose()["approval"]
    for holder in ("bot", "proposer", "reader", "auditor"):
        found = problem(api.decide(approval, "approve", by=holder), 403, "forbidden")
        assert "person" in found["detail"]
    assert as_json(api.get(f"/v1/approvals/{approval['id']}"))["status"] == "pending"


@pytest.mark.parametrize(
    "given",
    [
        "Bearer",
        "Bearer csk_x_y_00000000",
        "Bearer not-one-of-ours",
        "Bearer " + "x" * 5_000,
        "Bearer two tokens",
        "Basic bWFyaWE6bWFyaWE=",
        "Bearer csk_\xff",
    ],
)
def test_a_token_that_is_none_is_refused(api: ApiServer, given: str) -> None:
    """Whatever stands there, 401, never 500."""
    headers = httpx.Headers({"Authorization": given}, encoding="latin-1")
    answer = api.http.get("/v1/actions", headers=headers)
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_two_tokens_are_none(api: ApiServer) -> None:
    """Two Authorization headers are ambiguous, so neither counts."""
    value = f"Bearer {api.secrets['bot']}"
    headers = [("Authorization", value), ("Authorization", value)]
    problem(api.http.get("/v1/actions", headers=headers), 401, "unauthenticated")


@pytest.mark.promise("http:hidden")
def test_a_token_in_the_query_opens_nothing(api: ApiServer) -> None:
    """Query strings end up in logs."""
    secret = api.secrets["bot"]
    answer = api.get(f"/v1/actions?access_token={secret}", by=None)
    problem(answer, 401, "unauthenticated")


def test_the_scheme_is_read_without_regard_to_case(api: ApiServer) -> None:
    """RFC 9110 §11.1: the scheme's name is case-insensitive."""
    headers = {"Authorization": f"bearer {api.secrets['bot']}"}
    assert api.http.get("/v1/actions", headers=headers).status_code == 200


@pytest.mark.promise("http:closed")
def test_an_ended_token_opens_nothing(api: ApiServer) -> None:
    """A token of one day, made two days ago."""
    _, api.secrets["ended"] = api.run(token(api.sayso, "ended", days_ago=2))
    answer = api.get("/v1/actions", by="ended")
    problem(answer, 401, "unauthenticated")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.promise("http:closed")
def test_a_revoked_token_opens_nothing_at_once(api: ApiServer) -> None:
    """The next call after the revocation is refused."""
    made, api.secrets["revoked"] = api.run(token(api.sayso, "revoked"))
    assert api.get("/v1/actions", by="revoked").status_code == 200
    api.run(api.sayso.tokens.revoke(made.tenant, made.id, by=OPERATOR))
    problem(api.get("/v1/actions", by="revoked"), 401, "unauthenticated")


@pytest.mark.promise("http:left")
@pytest.mark.parametrize("holder", ["idle", "gone"])
def test_somebody_who_left_loses_every_power(api: ApiServer, holder: str) -> None:
    """Whoever is `active = false` in sayso.toml, or not listed at all, whatever the scopes are."""
    made = token(api.sayso, holder, "person", frozenset(Scope))
    _, api.secrets[holder] = api.run(made)
    action = api.propose()
    for path in (*GETS, f"/v1/actions/{action['id']}/evidence", "/metrics"):
        found = problem(api.get(path, by=holder), 403, "forbidden")
        assert "no active person" in found["detail"]
        assert "sayso people add" in found["next_step"]
    for path, (_, body) in POSTS.items():
        problem(api.post(path, body, by=holder), 403, "forbidden")
    problem(api.decide(action["approval"], "approve", by=holder), 403, "forbidden")
    problem(api.post("/v1/stop", {"scope": "all"}, by=holder), 403, "forbidden")


@pytest.mark.promise("http:tenant")
def test_another_tenant_sees_and_decides_nothing_of_this_one(api: ApiServer) -> None:
    """Invariant 9: the tenant comes from the token, and ids of others are not found."""
    everything = frozenset(Scope) - {Scope.ADMIN}
    made = token(api.sayso, "maria", "person", everything, tenant=Tenant("other"))
    _, api.secrets["foreign"] = api.run(made)
    action = api.propose()
    approval = action["approval"]
    problem(api.get(f"/v1/actions/{action['id']}", by="foreign"), 404, "not_found")
    problem(api.get(f"/v1/approvals/{approval['id']}", by="foreign"), 404, "not_found")
    problem(api.decide(approval, "approve", by="foreign"), 404, "not_found")
    for path in ("/v1/actions", "/v1/approvals", "/v1/requests"):
        assert as_json(api.get(path, by="foreign"))["items"] == []
    entries = as_json(api.get("/v1/audit/entries", by="foreign"))["items"]
    assert {entry["body"]["tenant"] for entry in entries} == {"other"}
    figures = api.get("/metrics", by="foreign").text
    assert 'sayso_actions{status="pending_approval"} 0' in figures


def test_the_body_names_no_tenant_and_no_requester(api: ApiServer) -> None:
    """Neither can be said, so neither can be forged."""
    for name in ("tenant", "requester", "person"):
        body = {**refund(*api.order()), name: "main"}
        assert name in problem(api.post("/v1/actions", body), 422, "invalid_input")["detail"]


def test_the_requester_is_the_tokens_holder(api: ApiServer) -> None:
    """The log says who asked."""
    action = api.propose(by="otherbot")
    shown = as_json(api.get(f"/v1/actions/{action['id']}"))
    assert shown["timeline"][0]["actor"] == "service:otherbot"


@pytest.mark.promise("http:hidden")
def test_no_log_line_holds_a_token_or_a_body(
    api: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    """At the noisiest level, with successes, refusals and unexpected errors."""
    canary = "canary-9f2b7c"
    caplog.set_level(logging.DEBUG)
    order, customer = api.order()
    body = {**refund(order, customer), "reason": canary}
    approval = as_json(api.post("/v1/actions", body))["approval"]
    api.decide(approval, "reject", by="maria", reason_code="no", reason=canary)
    api.post("/v1/actions", {**refund("breaks", customer), "reason": canary})
    api.post("/v1/actions", {**body, "acton": canary})
    api.send("/v1/actions", f'{{"{canary}'.encode())
    api.get(f"/v1/actions?subject={canary}")
    # What our own client says about its calls is not the server's log.
    ours = [
        line
        for line in caplog.records
        if not line.name.startswith(("httpx", "httpcore", "asyncio"))
    ]
    assert ours
    text = "\n".join(line.getMessage() + str(line.exc_info or "") for line in ours)
    assert canary not in text
    for secret in api.secrets.values():
        assert secret not in text
