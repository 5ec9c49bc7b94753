"""The airline domain of τ²-bench as a judge: its written policy, its records and its cases."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from support.shop_workspace import make_shop_workspace
from tau.test_retail_external import EXAMPLES, TAU, Json, counted_in_docs, counts
from tau2.airline_connector import AirlineTools
from tau2.airline_shop import Airline

from sayso import RefusedError, Sayso, Subject
from sayso.actions.model.definition import Assurance
from sayso.audit.entry import Actor, ActorKind
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.views import ActionView

POLICY = (EXAMPLES / "airline.cedar").read_text("utf-8")

pytestmark = [
    pytest.mark.external_data,
    pytest.mark.skipif(not TAU.is_dir(), reason=f"no τ²-bench in {TAU}; set SAYSO_TEST_DATA"),
]

WRITES = (
    "book_reservation update_reservation_flights update_reservation_baggages "
    "update_reservation_passengers cancel_reservation send_certificate"
).split()
UNTOLD = {
    "A01": ("sayso.verified-only",),
    "A02": ("not_owner", "invalid_input"),
    "A04": ("unknown_action",),
    "A05": ("invalid_input",),
    "A06": ("unknown_object",),
}
"""What the log says where a rule is no text of the policy, since none can switch it off."""


@cache
def _records() -> Json:
    records: Json = json.loads(gzip.decompress((TAU / "airline_db.json.gz").read_bytes()))
    return records


@cache
def _tasks() -> dict[str, Json]:
    if not TAU.is_dir():
        return {}
    found = json.loads((TAU / "airline_tasks_dev.json").read_text("utf-8"))
    return {task["id"]: task for task in found["tasks"]}


@cache
def _cases() -> list[Json]:
    if not TAU.is_dir():
        return []
    with gzip.open(TAU / "airline_cases_dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@dataclass(slots=True, kw_only=True)
class Desk:
    """The airline behind an open workspace, and the desk that passes on what customers confirm."""

    sayso: Sayso
    airline: Airline
    token: str

    async def propose(self, case: Json) -> ActionView:
        """Ask for what a tool does, as the bot in a session with that customer.

        Whose profile it is about is never an argument: where it is the session's customer it is
        left out, and where it is another one it is passed on as the foreign argument that it is.
        """
        action, session = case["action"], case["session"]
        args = dict(action["arguments"])
        stated = str(args.get("user_id", session))
        if session is None:
            held = self.airline.reservation(str(args.get("reservation_id")))
            stated = held["user_id"] if held else stated
        if stated == session or session is None:
            args.pop("user_id", None)
        if action["name"] == "cancel_reservation":
            args["reason"] = case["ctx"].get("reason", "")
        assurance = Assurance.SIGNED_IN if session else Assurance.UNVERIFIED
        subject = Subject(id=session or stated, assurance=assurance)
        return await self.sayso.propose(f"airline.{action['name']}", args, subject=subject)

    async def confirm(self, view: ActionView, digest: str) -> ActionView:
        """The customer's yes to what was listed under that digest."""
        assert view.approval is not None, view
        return await self.sayso.approvals.decide(
            view.approval.id,
            "approve",
            token=self.token,
            revision=view.approval.revision,
            digest=digest,
        )

    async def reasons(self) -> set[str]:
        """Why the newest refusal was one, by the log: the policy's rules, else its code."""
        (entry,) = await self.sayso.audit.query("kind:action.refused", limit=1)
        rule = entry.body.get("rule")
        return set(rule.split(",")) if rule else {entry.body["data"]["code"]}


@asynccontextmanager
async def open_desk(folder: Path) -> AsyncGenerator[Desk]:
    """A new workspace with the airline's policy; its log is verified at the end."""
    records = _records()
    airline = Airline(
        flights=records["flights"],
        first_users=records["users"],
        first_reservations=records["reservations"],
    )
    workspace = make_shop_workspace(
        folder,
        POLICY,
        approvals={"roles": ["confirmation"]},
        people=[{"id": "desk", "roles": ["confirmation"]}],
    )
    async with Sayso(workspace, connectors=[AirlineTools(airline)]) as sayso:
        scopes = frozenset({Scope.DECIDE, Scope.READ})
        by = Actor(kind=ActorKind.SERVICE, id="test")
        tenant = sayso.container.tenant
        _, token = await sayso.tokens.create(tenant, "person", "desk", scopes, days=1, by=by)
        yield Desk(sayso=sayso, airline=airline, token=token)
        assert sayso.audit.verify(deep=True).exit_status == 0


def _begin(desk: Desk, case: Json) -> None:
    """What the task has done before the case, straight at the airline."""
    desk.airline.reset()
    task = _tasks()[case["task"]]
    for at in case["pre"]:
        done = task["actions"][at]
        if done["name"] in WRITES:
            desk.airline.apply(done["name"], _owner(desk, done), done["arguments"])
    desk.airline.writes = 0


def _owner(desk: Desk, action: Json) -> str:
    args = action["arguments"]
    held = desk.airline.reservation(str(args.get("reservation_id")))
    return str(held["user_id"]) if held else str(args["user_id"])


def _of(*classes: str) -> list[Json]:
    return [case for case in _cases() if case["cls"] in classes]


def _forbidden() -> list[str]:
    others = {"gold", "unconfirmed", "foreign_read"}
    return sorted({case["cls"] for case in _cases()} - others)


def test_the_docs_count_what_is_judged() -> None:
    """Every case is of a class that is judged here, and the page's row says how many there are."""
    assert counted_in_docs("airline") == counts(_cases())


async def test_what_the_policy_permits_is_done_once_confirmed(tmp_path: Path) -> None:
    """All 26 writes that the tasks call right, and nothing is done before the customer's yes."""
    async with open_desk(tmp_path) as desk:
        for case in _of("gold"):
            _begin(desk, case)
            view = await desk.propose(case)
            assert view.approval is not None, (case["id"], view.error)
            assert not desk.airline.writes
            done = await desk.confirm(view, view.approval.digest)
            assert (done.status, desk.airline.writes) == ("succeeded", 1), case["id"]


@pytest.mark.parametrize("cls", _forbidden())
async def test_what_the_policy_forbids_is_refused_by_its_rule(cls: str, tmp_path: Path) -> None:
    """The airline is not asked to do it, and the log names the rule that the case is about."""
    async with open_desk(tmp_path) as desk:
        for case in _of(cls):
            _begin(desk, case)
            try:
                view = await desk.propose(case)
            except RefusedError:
                pass  # it could not even be stored as an action; the log has it all the same
            else:
                assert view.status == "refused", case["id"]
            wanted = UNTOLD.get(case["rule"], (str(case["rule"]),))
            found = await desk.reasons()
            assert found & set(wanted), (case["id"], case["rule"], found)
            assert not desk.airline.writes, case["id"]


async def test_without_a_yes_nothing_is_done(tmp_path: Path) -> None:
    """All 26 writes, listed and not confirmed, only wait."""
    async with open_desk(tmp_path) as desk:
        for case in _of("unconfirmed"):
            _begin(desk, case)
            view = await desk.propose(case)
            assert (view.status, desk.airline.writes) == ("pending_approval", 0), case["id"]


async def test_a_planner_is_shown_nothing_of_others(tmp_path: Path) -> None:
    """There is no tool that reads by an id: what is listed is the session's customer's own."""
    async with open_desk(tmp_path) as desk:
        for case in _of("foreign_read"):
            subject = Subject(id=case["session"], assurance=Assurance.SIGNED_IN)
            records = await desk.sayso.container.connectors.list_records(subject)
            wanted = set(case["action"]["arguments"].values())
            assert records, case["id"]
            assert not wanted & {record.id for record in records}, case["id"]


async def test_each_task_ends_as_the_benchmark_says(tmp_path: Path) -> None:
    """Its writes in their order, each confirmed, change the reservations as they should."""
    wrong: dict[str, Json] = {}
    async with open_desk(tmp_path) as desk:
        for task in _tasks().values():
            desk.airline.reset()
            for action in (one for one in task["actions"] if one["name"] in WRITES):
                session = _owner(desk, action)
                case = {"action": action, "session": session, "ctx": {"reason": "health"}}
                view = await desk.propose(case)
                if view.approval is not None:
                    await desk.confirm(view, view.approval.digest)
            changes = desk.airline.changes()
            if changes != task["final_changes"].get("reservations", {}):
                wrong[task["id"]] = changes
    assert wrong == {}
