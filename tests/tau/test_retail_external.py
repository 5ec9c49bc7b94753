"""The retail domain of τ²-bench as a judge: its written policy, its records and its cases.

A policy that others wrote becomes one of ours (`retail.cedar`), their shop a provider, and their
cases say what is to be permitted and what refused; of what is to be refused, their own backend
would carry out every third. A customer's confirmation is an approval, bound to the very action that
was listed.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from support.shop_workspace import make_shop_workspace
from tau2.retail_connector import Retail
from tau2.retail_shop import RetailShop

from sayso import RefusedError, Sayso, Subject
from sayso.actions.model.definition import Assurance
from sayso.audit.entry import Actor, ActorKind
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.views import ActionView

DATA = Path(os.environ.get("SAYSO_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
TAU = DATA / "tau"
EXAMPLES = Path(__file__).parents[2] / "examples" / "tau2"
POLICY = (EXAMPLES / "retail.cedar").read_text("utf-8")

pytestmark = [
    pytest.mark.external_data,
    pytest.mark.skipif(not TAU.is_dir(), reason=f"no τ²-bench in {TAU}; set SAYSO_TEST_DATA"),
]
Json = dict[str, Any]

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


@cache
def _records() -> Json:
    records: Json = json.loads(gzip.decompress((TAU / "retail_db.json.gz").read_bytes()))
    return records


@cache
def _tasks() -> dict[str, Json]:
    if not TAU.is_dir():
        return {}
    found = json.loads((TAU / "retail_tasks_dev.json").read_text("utf-8"))
    return {task["id"]: task for task in found["tasks"]}


@cache
def _cases() -> list[Json]:
    if not TAU.is_dir():
        return []
    with gzip.open(TAU / "retail_cases_dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@dataclass(slots=True, kw_only=True)
class Desk:
    """The shop behind an open workspace, and the desk that passes on what customers confirm."""

    sayso: Sayso
    shop: RetailShop
    token: str

    async def propose(self, action: Json, session: str | None) -> ActionView:
        """Ask for what a tool does, as the bot in a session with that customer.

        Whose profile it is about is never an argument: where it is the session's customer it is
        left out, and where it is another one it is passed on as the foreign argument that it is.
        Without a session the customer is whom somebody states to be.
        """
        args = dict(action["arguments"])
        stated = str(args.get("user_id", session))
        if session is None:
            order = self.shop.order(str(args.get("order_id")))
            stated = order["user_id"] if order else stated
        if stated == session or session is None:
            args.pop("user_id", None)
        assurance = Assurance.SIGNED_IN if session else Assurance.UNVERIFIED
        subject = Subject(id=session or stated, assurance=assurance)
        return await self.sayso.propose(f"retail.{action['name']}", args, subject=subject)

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
    """A new workspace with the retail policy; its log is verified at the end."""
    records = _records()
    shop = RetailShop(
        products=records["products"], first_users=records["users"], first_orders=records["orders"]
    )
    workspace = make_shop_workspace(
        folder,
        POLICY,
        approvals={"roles": ["confirmation"]},
        people=[{"id": "desk", "roles": ["confirmation"]}],
    )
    async with Sayso(workspace, connectors=[Retail(shop)]) as sayso:
        scopes = frozenset({Scope.DECIDE, Scope.READ})
        by = Actor(kind=ActorKind.SERVICE, id="test")
        opened = sayso.container
        _, token = await sayso.tokens.create(opened.tenant, "person", "desk", scopes, days=1, by=by)
        yield Desk(sayso=sayso, shop=shop, token=token)
        assert sayso.audit.verify(deep=True).exit_status == 0


def _begin(desk: Desk, case: Json) -> None:
    """What the task has done before the case, straight at the shop."""
    desk.shop.reset()
    task = _tasks()[case["task"]]
    for at in case["pre"]:
        done = task["actions"][at]
        desk.shop.apply(done["name"], task["user"], done["arguments"])
    desk.shop.writes = 0


def _of(*classes: str) -> list[Json]:
    return [case for case in _cases() if case["cls"] in classes]


def _forbidden() -> list[str]:
    others = {"gold", "unconfirmed", "confirmed_other_args", "foreign_read"}
    return sorted({case["cls"] for case in _cases()} - others)


def counts(cases: Sequence[Json]) -> tuple[int, int, int]:
    """What is to be permitted, what refused, and what of that the benchmark's backend would do."""
    refused = [case for case in cases if case["expect"] == "refuse"]
    assert {case["cls"] for case in cases if case["expect"] != "refuse"} == {"gold"}
    accepted = sum(case["backend_accepts"] for case in refused)
    return len(cases) - len(refused), len(refused), accepted


def counted_in_docs(domain: str) -> tuple[int, int, int]:
    """The same by the row of that domain in the how-to."""
    page = EXAMPLES.parents[1] / "docs" / "how-to" / "write-a-policy.md"
    row = re.search(
        rf"^\| {domain} \|.*\| ([\d,]+) of \1 \| ([\d,]+) of \2 \| ([\d,]+) \|$",
        page.read_text("utf-8"),
        re.MULTILINE,
    )
    assert row is not None
    permitted, refused, accepted = (int(number.replace(",", "")) for number in row.groups())
    return permitted, refused, accepted


def test_the_docs_count_what_is_judged() -> None:
    """Every case is of a class that is judged here, and the page's row says how many there are."""
    assert counted_in_docs("retail") == counts(_cases())


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
        for task in _tasks().values():
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
