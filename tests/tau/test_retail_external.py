"""The retail domain of τ²-bench as a judge: its written policy, its records and its cases.

A policy that others wrote becomes one of ours (`retail.cedar`), their shop a provider, and their
cases say what is to be permitted and what refused; of what is to be refused, their own backend
would carry out every third. A customer's confirmation is an approval, bound to the very action that
was listed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

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
from tau2.retail_connector import Retail
from tau2.retail_shop import RetailShop

from sayso import RefusedError, Subject
from sayso.actions.model.definition import Assurance
from sayso.sdk.views.rows import ActionView

pytestmark = NEEDS_TAU

WRITES = (
    "cancel_pending_order modify_pending_order_address modify_pending_order_payment "
    "modify_pending_order_items exchange_delivered_order_items return_delivered_order_items "
    "modify_user_address"
).split()
UNTOLD = {
    "R01": "sayso.verified-only",
    "R04": "not_owner",
    "R05": "invalid_input",
    "R07": "unknown_action",
    "R33": "invalid_input",
    "R34": "unknown_object",
}
"""What the log says where a rule is no text of the policy, since none can switch it off."""
SLIPS = {"tau2-20", "tau2-21", "tau2-37"}
"""Where τ²'s tool writes the last new item's price and options onto every changed one."""


@dataclass(slots=True, kw_only=True)
class Desk(Confirming):
    """The shop behind an open workspace, and the desk that passes on what customers confirm."""

    shop: RetailShop

    async def propose(self, action: Json, session: str | None) -> ActionView:
        """Ask for what a tool does; without a session it is about whose order it is."""
        args = dict(action["arguments"])
        stated = str(args.get("user_id", session))
        if session is None:
            order = self.shop.order(str(args.get("order_id")))
            stated = order["user_id"] if order else stated
        return await self.ask(f"retail.{action['name']}", args, session, stated)


@asynccontextmanager
async def open_desk(folder: Path) -> AsyncGenerator[Desk]:
    """A new workspace with the retail policy; its log is verified at the end."""
    records = records_of("retail")
    shop = RetailShop(
        products=records["products"], first_users=records["users"], first_orders=records["orders"]
    )
    async with open_domain(folder, "retail", Retail(shop)) as opened:
        yield Desk(sayso=opened.sayso, token=opened.token, shop=shop)


def _begin(desk: Desk, case: Json) -> None:
    """What the task has done before the case, straight at the shop."""
    desk.shop.reset()
    task = tasks_of("retail")[case["task"]]
    for at in case["pre"]:
        done = task["actions"][at]
        desk.shop.apply(done["name"], task["user"], done["arguments"])
    desk.shop.writes = 0


def _of(*classes: str) -> list[Json]:
    return [case for case in cases_of("retail") if case["cls"] in classes]


def _forbidden() -> list[str]:
    others = {"gold", "unconfirmed", "confirmed_other_args", "foreign_read"}
    return sorted({case["cls"] for case in cases_of("retail")} - others)


def test_the_docs_count_what_is_judged() -> None:
    """Every case is of a class that is judged here, and the page's row says how many there are."""
    assert counted_in_docs("retail") == counts(cases_of("retail"))


async def test_what_the_policy_permits_is_done_once_confirmed(tmp_path: Path) -> None:
    """All 119 writes that the tasks call right, and nothing is done before the customer's yes."""
    async with open_desk(tmp_path) as desk:
        for case in _of("gold"):
            _begin(desk, case)
            view = await desk.propose(case["action"], case["session"])
            assert view.approval is not None, case["id"]
            assert not desk.shop.writes
            done = await desk.confirm(view, view.approval.digest)
            assert (done.status, desk.shop.writes) == ("succeeded", 1), case["id"]


@pytest.mark.parametrize("cls", _forbidden())
async def test_what_the_policy_forbids_is_refused_by_its_rule(cls: str, tmp_path: Path) -> None:
    """The shop is not asked to do it, and the log names the rule that the case is about."""
    async with open_desk(tmp_path) as desk:
        for case in _of(cls):
            _begin(desk, case)
            try:
                view = await desk.propose(case["action"], case["session"])
            except RefusedError:
                pass  # it could not even be stored as an action; the log has it all the same
            else:
                assert view.status == "refused", case["id"]
            wanted = UNTOLD.get(case["rule"]) or str(case["rule"])
            found = await desk.reasons()
            assert any(reason.startswith(wanted) for reason in found), (case["id"], found)
            assert not desk.shop.writes, case["id"]


async def test_without_a_yes_nothing_is_done(tmp_path: Path) -> None:
    """All 119 writes, listed and not confirmed, only wait."""
    async with open_desk(tmp_path) as desk:
        for case in _of("unconfirmed"):
            _begin(desk, case)
            view = await desk.propose(case["action"], case["session"])
            assert (view.status, desk.shop.writes) == ("pending_approval", 0), case["id"]


async def test_a_yes_to_other_arguments_is_no_yes(tmp_path: Path) -> None:
    """What the customer confirmed was another action, so its digest opens nothing."""
    async with open_desk(tmp_path) as desk:
        for case in _of("confirmed_other_args"):
            _begin(desk, case)
            listed = await desk.propose(case["confirm"]["other"], case["session"])
            view = await desk.propose(case["action"], case["session"])
            assert listed.digest is not None, case["id"]
            with pytest.raises(RefusedError, match="digest_mismatch"):
                await desk.confirm(view, listed.digest)
            assert not desk.shop.writes, case["id"]


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
    """Its writes in their order, each confirmed, change what they should and nothing else."""
    wrong: dict[str, Json] = {}
    async with open_desk(tmp_path) as desk:
        for task in tasks_of("retail").values():
            desk.shop.reset()
            for action in (one for one in task["actions"] if one["name"] in WRITES):
                view = await desk.propose(action, task["user"])
                if view.approval is not None:
                    await desk.confirm(view, view.approval.digest)
            changes, wanted = desk.shop.changes(), task["final_changes"]
            if task["id"] in SLIPS:
                changes, wanted = _ids_of_items(changes), _ids_of_items(wanted)
            if _rounded(changes) != _rounded(wanted):
                wrong[task["id"]] = changes
    assert wrong == {}


def _ids_of_items(changes: Json) -> Json:
    """The changes of orders, of their items by the id alone."""
    return {
        name: {**order, "items": [item["item_id"] for item in order.get("items", [])]}
        for name, order in changes["orders"].items()
    }


def _rounded(value: Any) -> Any:
    """The same with its amounts in cents: theirs are sums of floating point numbers."""
    match value:
        case float():
            return round(value, 2)
        case dict():
            fields = cast("Json", value)
            return {name: _rounded(one) for name, one in fields.items()}
        case [*items]:
            return [_rounded(one) for one in items]
        case _:
            return value
