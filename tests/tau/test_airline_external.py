"""The airline domain of τ²-bench as a judge: its written policy, its records and its cases."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tau.domain import (
    NEEDS_TAU,
    Confirming,
    Json,
    cases_of,
    counted_in_docs,
    counts,
    open_domain,
    records_of,
    tasks_of,
)
from tau2.airline_connector import AirlineTools
from tau2.airline_shop import Airline

from sayso import RefusedError, Subject
from sayso.actions.model.definition import Assurance
from sayso.sdk.views.rows import ActionView

pytestmark = NEEDS_TAU

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


@dataclass(slots=True, kw_only=True)
class Desk(Confirming):
    """The airline behind an open workspace, and the desk that passes on what customers confirm."""

    airline: Airline

    async def propose(self, case: Json) -> ActionView:
        """Ask for what a tool does; without a session it is about whose reservation it is."""
        action, session = case["action"], case["session"]
        args = dict(action["arguments"])
        stated = str(args.get("user_id", session))
        if session is None:
            held = self.airline.reservation(str(args.get("reservation_id")))
            stated = held["user_id"] if held else stated
        if action["name"] == "cancel_reservation":
            args["reason"] = case["ctx"].get("reason", "")
        return await self.ask(f"airline.{action['name']}", args, session, stated)


@asynccontextmanager
async def open_desk(folder: Path) -> AsyncGenerator[Desk]:
    """A new workspace with the airline's policy; its log is verified at the end."""
    records = records_of("airline")
    airline = Airline(
        flights=records["flights"],
        first_users=records["users"],
        first_reservations=records["reservations"],
    )
    async with open_domain(folder, "airline", AirlineTools(airline)) as opened:
        yield Desk(sayso=opened.sayso, token=opened.token, airline=airline)


def _begin(desk: Desk, case: Json) -> None:
    """What the task has done before the case, straight at the airline."""
    desk.airline.reset()
    task = tasks_of("airline")[case["task"]]
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
    return [case for case in cases_of("airline") if case["cls"] in classes]


def _forbidden() -> list[str]:
    others = {"gold", "unconfirmed", "foreign_read"}
    return sorted({case["cls"] for case in cases_of("airline")} - others)


def test_the_docs_count_what_is_judged() -> None:
    """Every case is of a class that is judged here, and the page's row says how many there are."""
    assert counted_in_docs("airline") == counts(cases_of("airline"))


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
        for task in tasks_of("airline").values():
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
