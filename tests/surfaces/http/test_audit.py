"""The log over HTTP."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from surfaces.http.api_server import ApiServer, Json, as_json, problem, refund

from sayso.audit.entry import canonical_bytes
from sayso.audit.signed_note.note import Verifier, open_checkpoint
from sayso.audit.tree.proof import EntryProof
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify


def entries(api: ApiServer, query: str, *, limit: int = 50) -> list[Json]:
    """All entries that fit, newest first, page by page."""
    found: list[Json] = []
    after: int | None = None
    while True:
        more = "" if after is None else f"&after={after}"
        answer = api.get(f"/v1/audit/entries?q={query}&limit={limit}{more}", by="auditor")
        page = as_json(answer)
        found += page["items"]
        after = page["next_after"]
        if after is None:
            return found


@pytest.mark.promise("http:auditor")
def test_who_refunded_what_to_whom_on_whose_yes(api: ApiServer) -> None:
    """The auditor's question, answered by qualifiers (design.md 1)."""
    order, customer = api.order()
    action = as_json(api.post("/v1/actions", refund(order, customer)))
    api.decide(action["approval"], "approve", by="maria")
    found = entries(api, f"customer:{customer} name:shop.refund amount:>100.00USD")
    kinds = {entry["kind"] for entry in found}
    assert {"action.pending", "action.approved", "action.succeeded"} <= kinds
    (yes,) = entries(api, f"action:{action['id']} actor:maria")
    assert yes["actor"] == "person:maria"
    assert yes["body"]["amount"] == {"amount_minor": 12_900, "currency": "USD"}


@pytest.mark.promise("http:pseudonym")
def test_the_customers_id_is_nowhere_in_the_log(api: ApiServer) -> None:
    """Only their pseudonym, so that they can be erased (invariant 8)."""
    order, customer = api.order()
    api.post("/v1/actions", refund(order, customer))
    answer = api.get(f"/v1/audit/entries?q=customer:{customer}", by="auditor")
    bodies = [entry["body"] for entry in as_json(answer)["items"]]
    assert bodies
    # The auditor's own question is in the log as asked; everything else is not.
    assert customer not in str([body for body in bodies if body["kind"] != "audit.queried"])


@pytest.mark.promise("audit:cases")
def test_a_case_is_found_and_opened_with_its_proofs(api: ApiServer) -> None:
    """What it is looked for by is sent in a body; a token that may not read the log finds none."""
    order, customer = api.order()
    action = as_json(api.post("/v1/actions", refund(order, customer)))
    api.decide(action["approval"], "approve", by="maria")
    words = {"words": f"{order} maria"}
    (case,) = as_json(api.post("/v1/audit/cases", words, by="auditor"))["items"]
    assert (case["about"], case["by"]) == (action["id"], ["maria"])
    shown = as_json(api.get(f"/v1/audit/cases/{case['about']}", by="auditor"))
    assert all(entry["proof"] for entry in shown["entries"])
    assert api.post("/v1/audit/cases", words, by="lister").status_code == 403
    assert api.get("/v1/audit/cases/act_1", by="lister").status_code == 403


def test_pages_of_the_log_have_no_gap(api: ApiServer) -> None:
    """Keyset paging by index, newest first."""
    action = api.propose(4_000)
    whole = entries(api, f"action:{action['id']}")
    paged = entries(api, f"action:{action['id']}", limit=1)
    assert paged == whole
    seqs = [entry["seq"] for entry in whole]
    assert seqs == sorted(seqs, reverse=True)
    assert len(seqs) == 3


@pytest.mark.promise("http:auditor")
def test_asking_is_recorded_with_who_asked(api: ApiServer) -> None:
    """An auditor leaves a trace too."""
    api.get("/v1/audit/entries?q=rule:unheard-of", by="auditor")
    newest = entries(api, "kind:audit.queried")[0]
    assert newest["actor"] == "service:auditor"
    assert newest["body"]["data"]["query"] == "rule:unheard-of"


def test_a_wrong_qualifier_gets_a_hint(api: ApiServer) -> None:
    """`actr:` is near `actor:`."""
    answer = api.get("/v1/audit/entries?q=actr:maria", by="auditor")
    assert problem(answer, 422, "invalid_input")["next_step"] == "did you mean `actor:`?"


def test_the_checkpoint_verifies_with_the_workspaces_key(api: ApiServer) -> None:
    """A C2SP note as text/plain, signed for the log's present size."""
    answer = api.get("/v1/audit/checkpoint", by="auditor")
    assert answer.headers["content-type"].startswith("text/plain")
    verifier = Verifier.parse(api.sayso.audit.vkey())
    checkpoint = open_checkpoint(answer.text, [verifier])
    assert checkpoint.origin == "test/main"
    newest = entries(api, "kind:token.created")[0]["seq"]
    assert checkpoint.size > newest


def test_a_decision_says_which_call_made_it(api: ApiServer) -> None:
    """`via` holds two short hashes of the call, of which the free text is no part."""
    approval = api.propose()["approval"]
    api.decide(approval, "approve", by="maria", reason="a very personal reason")
    shown = as_json(api.get(f"/v1/actions/{approval['action_id']}"))
    (via,) = [vote["via"] for vote in shown["approval"]["votes"]]
    surface, key, content = via.split("/")
    assert (surface, len(key), len(content)) == ("http", 12, 8)
    assert "personal" not in str(shown["timeline"])


@pytest.mark.parametrize("form", ["jsonl", "parquet", "ocsf", "cloudevents"])
def test_an_export_verifies_where_it_arrives(api: ApiServer, form: str, tmp_path: Path) -> None:
    """A part of the log as a file, which proves itself with the pinned key alone."""
    api.propose(4_000)
    body = {"q": "name:shop.refund", "format": form}
    answer = api.post("/v1/audit/exports", body, by="auditor")
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    path = tmp_path / "got"
    path.write_bytes(answer.content)
    if form == "jsonl":
        with zipfile.ZipFile(path) as archive:
            archive.extractall(tmp_path / "folder")
        path = tmp_path / "folder" / "log"
    found = verify(path, trust=Trust.parse([api.sayso.audit.vkey()]))
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    newest = entries(api, "kind:audit.exported", limit=5)[0]
    assert newest["actor"] == "service:auditor"
    assert newest["body"]["data"] == {"query": "name:shop.refund", "format": form}


def test_evidence_and_receipt_of_an_action_verify_where_they_arrive(
    api: ApiServer, tmp_path: Path
) -> None:
    """To be saved, not shown: the page is no page of the server's own."""
    action = api.propose(4_000)
    answer = api.get(f"/v1/actions/{action['id']}/evidence", by="auditor")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    path = tmp_path / "pack.html"
    path.write_bytes(answer.content)
    trust = Trust.parse([api.sayso.audit.vkey()])
    assert verify(path, trust=trust).verdict is Verdict.VERIFIED
    receipt = api.get(f"/v1/actions/{action['id']}/receipt", by="auditor")
    (path := tmp_path / "receipt.tlog-proof").write_bytes(receipt.content)
    assert verify(path, trust=trust).verdict is Verdict.VERIFIED
    problem(api.get("/v1/actions/act_1/receipt", by="auditor"), 404, "not_found")
    problem(api.get("/v1/actions/act_1/evidence", by="auditor"), 404, "not_found")
    problem(api.get(f"/v1/actions/{action['id']}/evidence", by=None), 401, "unauthenticated")


def test_a_verified_query_proves_each_entry(api: ApiServer) -> None:
    """`verified=true`: a C2SP tlog-proof beside each body."""
    action = api.propose(4_000)
    answer = api.get(f"/v1/audit/entries?q=action:{action['id']}&verified=true", by="auditor")
    keys = [Verifier.parse(api.sayso.audit.vkey())]
    for item in as_json(answer)["items"]:
        body = canonical_bytes(item["body"])
        assert EntryProof.parse(item["proof"]).verify(body, keys).size > item["seq"]


def test_an_export_that_cannot_be_is_a_problem(api: ApiServer) -> None:
    """An unknown format, a wrong query, and nothing that fits."""
    answer = api.post("/v1/audit/exports", {"format": "xml"}, by="auditor")
    problem(answer, 422, "invalid_input")
    answer = api.post("/v1/audit/exports", {"q": "actr:maria"}, by="auditor")
    problem(answer, 422, "invalid_input")
    answer = api.post("/v1/audit/exports", {"q": "rule:unheard-of"}, by="auditor")
    assert answer.status_code in {404, 409, 422}
    problem(answer, answer.status_code, "nothing_to_verify")
