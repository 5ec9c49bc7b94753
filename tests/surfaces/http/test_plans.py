"""Deciding about a plan over HTTP: together, once per key, bound to the cards of this plan."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from surfaces.http.api_server import ApiServer, Json, as_json, problem

from sayso.actions.engine.proposals import Proposal
from sayso.actions.model.definition import Subject
from sayso.actions.model.plan import Plan, Step
from sayso.agent.base import Message
from sayso.agent.incoming import Ask
from sayso.agent.question import plan_json
from sayso.agent.requests import AGENT
from sayso.audit.entry import Actor, ActorKind, EntryKind
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.money import Money
from sayso.store.base import Transaction

pytestmark = pytest.mark.promise("plans:together")
BOT = Actor(kind=ActorKind.SERVICE, id="bot")


@pytest.fixture
def request_id(api: ApiServer) -> str:
    """A request whose two steps wait for a manager."""
    return ask_for_two(api, 12_900, 6000)


def ask_for_two(api: ApiServer, paid: int, minor: int, *, apart: bool = False) -> str:
    """A request for two refunds of about so much, of one order or of two, each of which waits."""
    first, customer = api.order(paid)
    second = api.new("order") if apart else first
    api.shop.books.add(second, customer, Money(paid, "USD"))
    workspace = api.sayso.container
    tenant = Tenant("main")

    async def make() -> str:
        row = await workspace.requests.ask(
            Ask(
                tenant=tenant,
                requester=BOT,
                subject=Subject(id=customer),
                messages=(Message(role="customer", content="both, please"),),
                key=api.new("ask-"),
            )
        )
        amounts: list[dict[str, JsonValue]] = [
            {"amount_minor": minor + more, "currency": "USD"} for more in (0, 1)
        ]
        steps = tuple(
            Step(id=f"s{number}", action="shop.refund", args={"order": order, "amount": amount})
            for number, (order, amount) in enumerate(zip((first, second), amounts, strict=True), 1)
        )
        proposals = tuple(
            Proposal(
                tenant=tenant,
                requester=AGENT,
                subject=row.subject,
                action=step.action,
                args=step.args,
                key=f"{row.id}/{step.id}",
                request_id=row.id,
                step=step.id,
            )
            for step in steps
        )

        def store(tx: Transaction) -> None:
            workspace.proposals.submit_steps(tx, proposals, steps)
            workspace.requests.move(
                tx,
                replace(row),
                EntryKind.REQUEST_PLANNED,
                data={"planner": "test", "steps": [f"{one.id} {one.action}" for one in steps]},
                planner="test",
                plan=plan_json(Plan(steps=steps, planner="test")),
            )

        await workspace.store.write(store)
        await workspace.dispatcher.drain()
        return row.id

    return api.run(make())


def decisions(api: ApiServer, request_id: str, *choices: str) -> Json:
    """The body that says these about the request's steps, in their order."""
    request = as_json(api.get(f"/v1/requests/{request_id}"))
    said: list[Json] = []
    for action, choice in zip(request["actions"], choices, strict=False):
        card = action["approval"]
        one = {"approval": card["id"], "decision": choice, "revision": card["revision"]}
        one["digest"] = card["digest"]
        said.append(one | ({"reason_code": "not_covered"} if choice == "reject" else {}))
    return {"decisions": said}


def test_a_part_is_approved_and_the_call_can_be_repeated(api: ApiServer, request_id: str) -> None:
    """Yes to one and no to the other; the same call again changes nothing and says the same."""
    body = decisions(api, request_id, "approve", "reject")
    path, key = f"/v1/requests/{request_id}/decision", api.new("key-")
    before = len(api.shop.books.payouts)
    first = as_json(api.post(path, body, by="maria", key=key))
    assert [step["status"] for step in first["actions"]] == ["succeeded", "rejected"]
    again = api.post(path, body, by="maria", key=key)
    assert (again.status_code, as_json(again)["actions"]) == (200, first["actions"])
    assert len(api.shop.books.payouts) - before == 1
    problem(api.post(path, body, by="maria"), 409, "already_decided")
    other = decisions(api, request_id, "reject", "reject")
    problem(api.post(path, other, by="maria", key=key), 409, "idempotency_conflict")


def test_a_key_says_one_thing(api: ApiServer, request_id: str) -> None:
    """The same key with another reason, or about another step, is refused and changes nothing."""
    path, key = f"/v1/requests/{request_id}/decision", api.new("key-")
    body = decisions(api, request_id, "reject", "reject")
    first, second = body["decisions"]
    said = api.post(path, {"decisions": [first]}, by="maria", key=key)
    assert [step["status"] for step in as_json(said)["actions"]] == ["rejected", "pending_approval"]
    for other in (
        [{**first, "reason_code": "fraud_suspected"}],
        [second],
        [first, second],
    ):
        again = api.post(path, {"decisions": other}, by="maria", key=key)
        problem(again, 409, "idempotency_conflict")
    steps = as_json(api.get(f"/v1/requests/{request_id}"))["actions"]
    assert [step["status"] for step in steps] == ["rejected", "pending_approval"]
    same = api.post(path, {"decisions": [first]}, by="maria", key=key)
    assert as_json(same)["actions"] == as_json(said)["actions"]
    assert api.post(path, {"decisions": [second]}, by="maria").status_code == 200


def test_a_no_after_the_own_yes_can_be_repeated(api: ApiServer) -> None:
    """A vote keeps a person's first word; which call said the second one is in the log."""
    request_id = ask_for_two(api, 200_000, 80_000)  # of which each needs two people
    path, key = f"/v1/requests/{request_id}/decision", api.new("key-")
    yes = decisions(api, request_id, "approve")
    assert api.post(path, yes, by="maria").status_code == 200
    no = decisions(api, request_id, "reject")
    for _ in range(2):
        said = as_json(api.post(path, no, by="maria", key=key))
        statuses = [step["status"] for step in said["actions"]]
        assert statuses == ["rejected", "pending_approval"]
    other = {"decisions": [{**no["decisions"][0], "reason_code": "duplicate"}]}
    problem(api.post(path, other, by="maria", key=key), 409, "idempotency_conflict")


def test_the_same_call_twice_at_once_decides_once(api: ApiServer, request_id: str) -> None:
    """Both are answered alike, whichever came first."""
    path, key = f"/v1/requests/{request_id}/decision", api.new("key-")
    body = decisions(api, request_id, "approve", "reject")
    before = len(api.shop.books.payouts)

    def post() -> int:
        return api.post(path, body, by="maria", key=key).status_code

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(post) for _ in range(4)]
    assert [answer.result() for answer in answers] == [200] * 4
    assert len(api.shop.books.payouts) - before == 1


def test_nothing_is_decided_when_one_is_not_of_the_plan(api: ApiServer, request_id: str) -> None:
    """An approval of somewhere else, another digest, a bot's token."""
    path = f"/v1/requests/{request_id}/decision"
    body = decisions(api, request_id, "approve", "approve")
    stranger = api.propose()["approval"]
    strange = {**body["decisions"][1], "approval": stranger["id"], "digest": stranger["digest"]}
    mixed = {"decisions": [body["decisions"][0], strange]}
    problem(api.post(path, mixed, by="maria"), 404, "not_found")
    wrong = {"decisions": [body["decisions"][0], {**body["decisions"][1], "digest": "0" * 64}]}
    problem(api.post(path, wrong, by="maria"), 409, "digest_mismatch")
    problem(api.post(path, body, by="bot"), 403, "forbidden")
    problem(api.post(path, {"decisions": []}, by="maria"), 422, "invalid_input")
    request = as_json(api.get(f"/v1/requests/{request_id}"))
    assert {step["status"] for step in request["actions"]} == {"pending_approval"}
