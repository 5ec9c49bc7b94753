"""Deciding over HTTP: people only, once, about exactly what was shown."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from surfaces.http.api_server import TIMEOUT_S, ApiServer, as_json, problem


def test_a_yes_is_carried_out_and_recorded(api: ApiServer) -> None:
    """200 with the action as it then stands: done, with the vote of the token's person."""
    action = api.propose()
    answer = api.decide(action["approval"], "approve", by="maria")
    assert answer.status_code == 200
    body = as_json(answer)
    assert body["status"] == "succeeded"
    assert body["approval"]["status"] == "approved"
    assert body["approval"]["votes"][0]["person"] == "maria"


def test_a_no_needs_a_reason_and_ends_it(api: ApiServer) -> None:
    """`reason_required` first; then rejected, and nothing is done."""
    action = api.propose()
    problem(api.decide(action["approval"], "reject", by="maria"), 422, "reason_required")
    answer = api.decide(
        action["approval"], "reject", by="maria", reason_code="not_covered", reason="too late"
    )
    assert as_json(answer)["status"] == "rejected"


@pytest.mark.promise("approvals:less")
def test_less_is_judged_again_and_done(api: ApiServer) -> None:
    """An edit lowers the amount; the new revision is what runs."""
    action = api.propose(20_000)
    half = {"amount_minor": 10_000, "currency": "USD"}
    answer = api.decide(action["approval"], "edit", by="maria", args={"amount": half})
    body = as_json(answer)
    assert body["status"] == "succeeded", answer.text
    assert body["revision"] == 2
    assert body["receipt"]["amount"] == half


@pytest.mark.promise("approvals:people")
def test_two_people_are_needed_for_more(api: ApiServer) -> None:
    """The first yes leaves it pending; the second one, of finance, lets it run."""
    action = api.propose(90_000)
    first = as_json(api.decide(action["approval"], "approve", by="maria"))
    assert first["status"] == "pending_approval"
    second = as_json(api.decide(first["approval"], "approve", by="finn"))
    assert second["status"] == "succeeded"


@pytest.mark.parametrize(
    ("decision", "more"),
    [
        ("approve", {}),
        ("reject", {"reason_code": "not_covered", "reason": "no"}),
        ("edit", {"args": {"amount": {"amount_minor": 6_000, "currency": "USD"}}}),
    ],
)
def test_the_same_decision_sent_again_gets_the_same_answer(
    api: ApiServer, decision: str, more: dict[str, object]
) -> None:
    """One key, one decision: 200 and the same state, one vote, one effect, no further entry."""
    action = api.propose()
    key = api.new("key-")
    before = len(api.shop.books.payouts)
    first = as_json(api.decide(action["approval"], decision, by="maria", key=key, **more))
    again = api.decide(action["approval"], decision, by="maria", key=key, **more)
    assert again.status_code == 200
    assert as_json(again) == first
    assert len(api.shop.books.payouts) - before == (0 if decision == "reject" else 1)


@pytest.mark.promise("approvals:people")
def test_a_repeated_first_yes_of_two_is_no_second_one(api: ApiServer) -> None:
    """The repeat is answered from the ledger and does not count towards the quorum."""
    action = api.propose(90_000)
    key = api.new("key-")
    first, again = (
        as_json(api.decide(action["approval"], "approve", by="maria", key=key)) for _ in range(2)
    )
    assert again == first
    assert again["status"] == "pending_approval"
    assert len(again["approval"]["votes"]) == 1


def test_another_key_is_another_decision(api: ApiServer) -> None:
    """What is decided stays decided, also for the person who decided it."""
    action = api.propose()
    assert api.decide(action["approval"], "approve", by="maria").status_code == 200
    problem(api.decide(action["approval"], "approve", by="maria"), 409, "already_decided")


def test_one_key_for_two_decisions_is_a_conflict(api: ApiServer) -> None:
    """A key that said yes cannot say no."""
    action = api.propose(90_000)
    key = api.new("key-")
    assert api.decide(action["approval"], "approve", by="maria", key=key).status_code == 200
    answer = api.decide(
        action["approval"], "reject", by="maria", key=key, reason_code="not_covered"
    )
    problem(answer, 409, "idempotency_conflict")


def test_a_key_is_its_holders_own(api: ApiServer) -> None:
    """Somebody else's key opens nothing: the second person hears that it is decided."""
    action = api.propose()
    key = api.new("key-")
    assert api.decide(action["approval"], "approve", by="maria", key=key).status_code == 200
    answer = api.decide(action["approval"], "approve", by="noor", key=key)
    assert "maria" in problem(answer, 409, "already_decided")["detail"]


@pytest.mark.promise("approvals:once")
async def test_two_at_once_and_exactly_one_wins(api: ApiServer) -> None:
    """Eight clients, two people, one approval: one 200, one effect, else `already_decided`."""
    action = await asyncio.to_thread(api.propose)
    approval = action["approval"]
    body = {
        "decision": "approve",
        "revision": approval["revision"],
        "digest": approval["digest"],
    }
    path = f"/v1/approvals/{approval['id']}/decision"
    before = len(api.shop.books.payouts)
    async with httpx.AsyncClient(base_url=api.url, timeout=TIMEOUT_S) as client:
        answers = await asyncio.gather(
            *(
                client.post(path, json=body, headers=api.headers(who, api.new("key-")))
                for who in ("maria", "noor") * 4
            )
        )
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [409] * 7
    assert {as_json(answer)["code"] for answer in answers if answer.status_code == 409} == {
        "already_decided"
    }
    assert len(api.shop.books.payouts) == before + 1


async def test_one_call_sent_twice_at_once_is_one_decision(api: ApiServer) -> None:
    """An impatient client gets 200 twice, and one vote stands."""
    action = await asyncio.to_thread(api.propose)
    approval = action["approval"]
    body = {"decision": "approve", "revision": 1, "digest": approval["digest"]}
    headers = api.headers("maria", api.new("key-"))
    path = f"/v1/approvals/{approval['id']}/decision"
    before = len(api.shop.books.payouts)
    async with httpx.AsyncClient(base_url=api.url, timeout=TIMEOUT_S) as client:
        answers = await asyncio.gather(
            *(client.post(path, json=body, headers=headers) for _ in range(4))
        )
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len(api.shop.books.payouts) == before + 1


@pytest.mark.promise("approvals:bound")
def test_what_was_not_shown_cannot_be_approved(api: ApiServer) -> None:
    """Another digest, another revision: 409 with the next step, and it still waits."""
    action = api.propose()
    approval = action["approval"]
    wrong = {**approval, "digest": "0" * 64}
    problem(api.decide(wrong, "approve", by="maria"), 409, "digest_mismatch")
    stale = {**approval, "revision": 7}
    problem(api.decide(stale, "approve", by="maria"), 409, "stale_revision")
    shown = as_json(api.get(f"/v1/approvals/{approval['id']}"))
    assert shown["status"] == "pending"


def test_twelve_digits_of_the_digest_are_enough(api: ApiServer) -> None:
    """A surface with little room may carry the first 12 digits."""
    approval = api.propose()["approval"]
    short = {**approval, "digest": approval["digest"][:12]}
    assert api.decide(short, "approve", by="maria").status_code == 200


@pytest.mark.promise("approvals:not-own")
def test_nobody_approves_their_own_request(api: ApiServer) -> None:
    """A person who proposed cannot decide, another one can (invariant 5)."""
    approval = api.propose(by="maria")["approval"]
    problem(api.decide(approval, "approve", by="maria"), 403, "own_request")
    assert api.decide(approval, "approve", by="noor").status_code == 200


@pytest.mark.promise("approvals:role")
def test_the_wrong_role_cannot_decide(api: ApiServer) -> None:
    """Finance is no support manager; neither is somebody whom sayso.toml does not list."""
    approval = api.propose()["approval"]
    for who in ("finn", "stranger"):
        problem(api.decide(approval, "approve", by=who), 403, "not_an_approver")


def test_an_approval_shows_exactly_the_card(api: ApiServer) -> None:
    """What the digest covers, for people with a deciding or a reading token."""
    approval = api.propose()["approval"]
    for who in ("bot", "noor"):
        shown = as_json(api.get(f"/v1/approvals/{approval['id']}", by=who))
        assert shown["card"] == approval["card"]
    problem(api.get("/v1/approvals/apr_1"), 404, "not_found")


def test_the_list_of_what_waits_is_paged_oldest_first(api: ApiServer) -> None:
    """`status=pending` holds those that wait, each once, and no decided one."""
    waiting = [api.propose()["approval"] for _ in range(3)]
    decided = api.propose()["approval"]
    assert api.decide(decided, "approve", by="maria").status_code == 200
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        path = "/v1/approvals?status=pending&limit=2" + (f"&after={after}" if after else "")
        page = as_json(api.get(path))
        seen += [item["id"] for item in page["items"]]
        after = page["next_after"]
    assert seen == sorted(set(seen))
    assert {approval["id"] for approval in waiting} <= set(seen)
    assert decided["id"] not in seen
