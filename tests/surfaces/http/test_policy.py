"""The policy over HTTP: looked at, tried, put in force by whom it says, and confirmed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from surfaces.http.api_server import ApiServer, as_json, problem, serving

from sayso.sandbox import Sandbox
from sayso.testing.clock import FakeClock

LIMIT = """
[[limit]]
id = "day"
say = "At most twenty a day"
of = "workspace"
action = "shop.refund"
count = 20
per = "day"
"""
TESTS = """
action = "shop.refund"
currency = "USD"
[[test]]
say = "a small one"
amount = 20
wants = "allow"
[[claim]]
id = "asks"
say = "Somebody is always asked"
needs = "somebody"
"""
VAIN = """action = "shop.refund"
currency = "USD"
[[allow]]
id = "year"
say = "Twice and never"
count_30d = {{ over = {over}, under = 3 }}
"""
TWO_PEOPLE = """
activate = ["support_manager", "finance"]
confirm = ["support_manager", "finance"]
loosening_needs = 2
"""
HIGHER = """
@id("higher") @explain("up to 60 runs by itself")
permit (principal, action == Action::"shop.refund", resource)
when { context.currency == "USD" && context.amount.lessThanOrEqual(decimal("60.00")) };
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Iterator[ApiServer]:
    """A server of its own, whose policy changes here; a loosening needs two people."""
    folder = tmp_path_factory.mktemp("policy")
    with serving(folder, sandbox, FakeClock(), policy_section=TWO_PEOPLE) as running:
        yield running


def diff(api: ApiServer, files: dict[str, str], by: str = "maria") -> dict[str, object]:
    """What a draft changes."""
    answer = api.post("/v1/policy/diff", {"files": files}, by=by)
    assert answer.status_code == 200, answer.text
    return as_json(answer)


def activate(api: ApiServer, files: dict[str, str], **more: str) -> dict[str, dict[str, object]]:
    """Put a draft in force as Maria."""
    sha256 = str(diff(api, files)["sha256"])[:12]
    body = {"files": files, "sha256": sha256, "note": "why"}
    answer = api.post("/v1/policy/activate", body, by="maria", **more)
    assert answer.status_code == 200, answer.text
    return as_json(answer)


@pytest.mark.promise("policy:everywhere")
def test_a_draft_is_looked_at_tried_and_put_in_force_over_http(api: ApiServer) -> None:
    """The same nouns as on the command line; what was put in force names the token in the log."""
    proposed = api.propose(2_000)  # the files become the first version with the first judgement
    files = {"policies/limits.toml": LIMIT}
    found = diff(api, files)
    assert found["version"] == 1
    assert found["change"]["direction"] == "tighter"  # type: ignore[index]
    assert as_json(api.get("/v1/limits"))["items"] == []
    version = activate(api, files, key="put-1")["version"]
    assert (version["version"], version["direction"]) == (2, "tighter")
    assert version["activated_by"] == "person:maria"
    (limit,) = as_json(api.get("/v1/limits"))["items"]
    assert (limit["id"], limit["uses"][0]["used"]) == ("day", 1)
    # Sent again it is answered as it stands, and is no new version.
    assert activate(api, files, key="put-1")["version"] == version
    page = as_json(api.get("/v1/policy/versions?limit=1"))
    assert [one["version"] for one in page["items"]] == [2]
    older = as_json(api.get(f"/v1/policy/versions?after={page['next_after']}"))
    assert [one["version"] for one in older["items"]] == [1]
    assert files.items() <= as_json(api.get("/v1/policy/versions/2"))["files"].items()
    problem(api.get("/v1/policy/versions/77"), 404, "not_found")
    entries = as_json(api.get("/v1/audit/entries?q=kind:policy.activated"))["items"]
    token = api.run(api.sayso.tokens.check(api.secrets["maria"]))
    assert entries[0]["body"]["data"]["credential"] == token.id
    why = as_json(api.get(f"/v1/actions/{proposed['id']}/explanation"))
    assert (why["version"], why["today_version"], why["outcome"]) == (1, 2, "allow")
    problem(api.get("/v1/actions/act_0/explanation"), 404, "not_found")


@pytest.mark.promise("limits:set")
def test_a_limit_gets_other_caps_over_http(api: ApiServer) -> None:
    """Lower at once; higher, or none at all, waits for a second person; what is no cap is told."""
    api.propose(2_000)
    activate(api, {"policies/limits.toml": f"# ours\n{LIMIT}"})
    lower = as_json(api.post("/v1/limits/day", {"count": 12, "note": "quiet"}, by="maria"))
    assert lower["version"]["direction"] == "tighter"
    (limit,) = as_json(api.get("/v1/limits"))["items"]
    assert limit["uses"][0]["cap"] == 12
    files = as_json(api.get("/v1/policy"))["files"]
    said = LIMIT.replace("20", "12").replace("At most twenty a day", "At most 12 a day")
    assert files["policies/limits.toml"] == f"# ours\n{said}"
    again = as_json(api.post("/v1/limits/day", {"count": 12}, by="maria"))
    assert again["version"] == lower["version"]
    for path, body in (("day", {"count": 50}), ("day/drop", {})):
        waits = as_json(api.post(f"/v1/limits/{path}", body, by="maria"))["waits"]
        assert (waits["direction"], waits["status"]) == ("looser", "waiting")
        api.post(f"/v1/policy/changes/{waits['id']}/withdraw", {}, by="maria")
    problem(api.post("/v1/limits/day", {"sums": {"USD": 5}}, by="maria"), 422, "invalid_input")
    problem(api.post("/v1/limits/day", {"count": 0}, by="maria"), 422, "invalid_input")
    problem(api.post("/v1/limits/day", {}, by="maria"), 422, "invalid_input")
    problem(api.post("/v1/limits/night", {"count": 5}, by="maria"), 404, "not_found")
    problem(api.post("/v1/limits/day", {"count": 5}, by="bot"), 403, "forbidden")


@pytest.mark.promise("policy:everywhere")
def test_tests_claims_and_the_past_are_asked_of_a_draft(api: ApiServer) -> None:
    """Nothing that only looks changes anything."""
    api.propose(5_500)
    before = as_json(api.get("/v1/policy"))["version"]
    files = {"policies/shop.test.toml": TESTS, "policies/more.cedar": HIGHER}
    tried = as_json(api.post("/v1/policy/test", {"files": files}, by="maria"))
    assert (tried["failed"], [one["passed"] for one in tried["items"]]) == (0, [True])
    rows = VAIN.format(over=365)
    in_vain = {"files": files | {"policies/vain.toml": rows}}
    (found,) = as_json(api.post("/v1/policy/check", in_vain, by="maria"))["items"]
    assert (found["kind"], found["rule"], found["line"]) == ("never", "vain.year", 4)
    (claim,) = as_json(api.post("/v1/policy/prove", {"files": files}, by="maria"))["items"]
    assert claim["verdict"] == "false"
    body = {"files": files, "since": "2020-01-01T00:00:00Z"}
    played = as_json(api.post("/v1/policy/backtest", body, by="maria"))
    assert played["now"]["automatic"] == played["was"]["automatic"] + 1
    assert as_json(api.get("/v1/policy"))["version"] == before


@pytest.mark.promise("policy:everywhere")
def test_a_loosening_waits_for_another_person_over_http_too(api: ApiServer) -> None:
    """Where the workspace says so; whoever asked cannot confirm, and a bot cannot do either."""
    api.propose(2_000)
    other = {"sha256": "0" * 12}
    problem(api.post("/v1/policy/activate", other, by="maria"), 409, "digest_mismatch")
    problem(api.post("/v1/policy/activate", other, by="bot"), 403, "forbidden")
    waiting = activate(api, {"policies/more.cedar": HIGHER})
    assert waiting["version"] is None
    change = waiting["waits"]
    (listed,) = as_json(api.get("/v1/policy/changes"))["items"]
    assert listed["id"] == change["id"]
    path, said = f"/v1/policy/changes/{change['id']}", {"sha256": str(change["sha256"])[:12]}
    problem(api.post(f"{path}/confirm", said, by="maria"), 403, "own_request")
    problem(api.post(f"{path}/confirm", other, by="finn"), 409, "digest_mismatch")
    done = as_json(api.post(f"{path}/confirm", said, by="finn"))["version"]
    assert (done["asked_by"], done["activated_by"]) == ("person:maria", "person:finn")
    again = as_json(api.post(f"{path}/confirm", said, by="finn"))["version"]
    assert again == done
    problem(api.post(f"{path}/withdraw", {}, by="finn"), 409, "already_decided")
    back = as_json(api.post("/v1/policy/rollback", {"version": 1}, by="maria"))
    assert back["version"]["version"] == done["version"] + 1


@pytest.mark.promise("policy:everywhere")
@pytest.mark.parametrize(
    ("files", "status", "code"),
    [
        ({"../sayso.toml": "x"}, 422, "invalid_input"),
        ({"policies/limits.toml": "[[limit]]\nid = 1"}, 422, "invalid_policy"),
        ({"policies/x.cedar": "permit (principal"}, 422, "invalid_policy"),
    ],
)
def test_a_wrong_draft_is_refused_with_what_to_write(
    api: ApiServer, files: dict[str, str], status: int, code: str
) -> None:
    """A draft comes from a caller, so what is wrong with it is theirs to mend: no 5xx."""
    found = problem(api.post("/v1/policy/diff", {"files": files}, by="maria"), status, code)
    assert found["next_step"]


SUM = """
[[limit]]
id = "out"
say = "At most $500 a day"
of = "workspace"
effect = "money_out"
sum = { USD = 500 }
per = "day"
"""


@pytest.mark.promise("limits:set")
def test_a_cap_may_have_cents_over_http(api: ApiServer) -> None:
    """In major units, as the schema says; 140.50 was refused as no whole number."""
    api.propose(2_000)
    limits = LIMIT.replace("20", "12") + SUM  # beside the one of the test above
    activate(api, {"policies/limits.toml": limits})
    as_json(api.post("/v1/limits/out", {"sums": {"USD": 140.5}}, by="maria"))
    assert "140.5" in as_json(api.get("/v1/policy"))["files"]["policies/limits.toml"]
    problem(api.post("/v1/limits/out", {"sums": {"USD": -0.5}}, by="maria"), 422, "invalid_input")
    problem(api.post("/v1/limits/out", {"count": 1.5}, by="maria"), 422, "invalid_input")
