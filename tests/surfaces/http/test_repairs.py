"""The way out for an accused log over HTTP: what is wrong, and two people's yes."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest
from surfaces.http.api_server import ApiServer, Json, as_json, problem, serving

from sayso.audit.verifier.verification import Verdict
from sayso.sandbox import Sandbox
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.promise("audit:repair")


@pytest.fixture
def api(tmp_path: Path, sandbox: Sandbox) -> Generator[ApiServer]:
    """A server of its own, since its log is tampered with."""
    with serving(tmp_path, sandbox, FakeClock()) as running:
        yield running


def tamper(api: ApiServer, statement: str) -> None:
    """What somebody does who can write the file; its guards are as before afterwards."""
    with closing(sqlite3.connect(api.sayso.workspace.store_path)) as rows, rows:
        made = rows.execute("select name, sql from sqlite_master where type = 'trigger'").fetchall()
        for name, _ in made:
            rows.execute(f"drop trigger {name}")
        assert rows.execute(statement).rowcount > 0
        for _, sql in made:
            rows.execute(sql)


def shown(api: ApiServer, by: str = "auditor") -> Json:
    """What is wrong with the log, and what would be written."""
    answer = api.get("/v1/audit/repair", by=by)
    assert answer.status_code == 200, answer.text
    return as_json(answer)


def test_two_people_have_a_row_written_again_and_a_call_sent_again_is_one(api: ApiServer) -> None:
    """The row, its entry and columns, then a yes each; a lost answer is given once more."""
    action = api.propose(1_000)
    assert shown(api)["id"] is None
    tamper(api, f"update action set amount_minor = 1 where id = '{action['id']}'")
    found = shown(api, by="noor")
    (change,) = found["changes"]
    assert (change["table"], change["row"], change["how"]) == ("action", action["id"], "update")
    assert change["columns"] == {"amount_minor": {"found": "1", "said": "1000"}}
    assert change["entry"] is not None
    body = {"repair": found["id"]}
    problem(api.post("/v1/audit/repair", body, by="auditor"), 403, "forbidden")
    problem(api.post("/v1/audit/repair", body, by="stranger"), 403, "not_an_approver")
    first, again = (api.post("/v1/audit/repair", body, by="maria", key="k1") for _ in range(2))
    assert as_json(first) == as_json(again)
    assert (as_json(first)["status"], as_json(first)["rows"]) == ("asked", 0)
    assert shown(api)["asked_by"] == "maria"
    problem(api.post("/v1/audit/repair", body, by="maria"), 403, "own_request")
    other = {"repair": "rep_other"}
    problem(api.post("/v1/audit/repair", other, by="maria", key="k1"), 409, "idempotency_conflict")
    problem(api.post("/v1/audit/repair", other, by="finn"), 409, "stale_revision")
    done, repeated = (api.post("/v1/audit/repair", body, by="finn", key="k1") for _ in range(2))
    assert (as_json(done)["status"], as_json(done)["rows"]) == ("done", 1)
    assert as_json(done) == as_json(repeated)
    assert api.sayso.audit.verify().verdict is Verdict.VERIFIED
    problem(api.post("/v1/audit/repair", body, by="noor"), 409, "wrong_state")


def test_two_people_accept_a_finding_and_it_is_shown(api: ApiServer) -> None:
    """Exactly this finding, with its reason; nothing else can be named."""
    action = api.propose(1_000)
    tamper(api, f"update action set amount_minor = 1 where id = '{action['id']}'")
    finding = shown(api)["changes"][0]["finding"]
    body = {"finding": finding, "reason": "known_defect"}
    problem(api.post("/v1/audit/accept", {"finding": "fnd_no"}, by="maria"), 404, "not_found")
    first, again = (api.post("/v1/audit/accept", body, by="maria", key="k1") for _ in range(2))
    assert as_json(first) == as_json(again)
    assert as_json(first)["status"] == "asked"
    assert as_json(api.post("/v1/audit/accept", body, by="noor"))["status"] == "done"
    now = shown(api)
    assert (now["changes"], now["id"]) == ([], None)
    assert [one["id"] for one in now["accepted"]] == [finding]


@pytest.mark.tampers("changes an entry")
def test_what_is_no_row_and_no_rule_is_never_repaired(api: ApiServer) -> None:
    """An entry that was changed: `tampered`, the next step, and nothing is asked or written."""
    api.propose(1_000)
    tamper(
        api,
        "update log_entry set body = replace(body, '\"shop.refund\"', '\"shop.refunt\"')"
        " where body like '%\"shop.refund\"%'",
    )
    found = api.get("/v1/audit/repair", by="auditor")
    assert "backup" in problem(found, 500, "tampered")["next_step"]
    problem(api.post("/v1/audit/repair", {"repair": "rep_x"}, by="maria"), 500, "tampered")
