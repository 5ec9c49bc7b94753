"""What the tests of this folder do over and over: propose, decide as somebody, look at the rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import partial

import orjson
from support.shop_workspace import ShopWorkspace

from sayso.actions.approvals.decided import Decided
from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.actions.engine.proposals import Proposal
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.definition import Subject
from sayso.actions.model.plan import OnFailure, Step
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import RefusedError
from sayso.ids import Tenant, to_micros
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.views.rows import ActionView, ApprovalView
from sayso.store.base import Reader, Row, text

MAIN = Tenant("main")
USD = "USD"
AGENT = Actor(kind=ActorKind.AGENT, id="agent")
ASKED = 12_900
"""Minor units that one support manager may allow."""


class PlugPulledError(Exception):
    """Stands for the power cut at a boundary: nothing after it is done."""


def usd(minor: int) -> dict[str, JsonValue]:
    """Money as a caller writes it."""
    return {"amount_minor": minor, "currency": USD}


def stock(opened: ShopWorkspace, *orders: str, customer: str = "cus_1") -> None:
    """Orders of $1,000 each; `o1` unless others are named."""
    for order in orders or ("o1",):
        opened.shop.books.add(order, customer, Money(100_000, USD))


async def propose(
    opened: ShopWorkspace,
    minor: int = ASKED,
    *,
    order: str = "o1",
    requester: Actor | None = None,
    wait: bool = True,
    key: str | None = None,
    subject: str = "cus_1",
    reason: str = "it broke",
) -> ActionView:
    """Propose a refund of an order of a customer."""
    return await opened.sayso.propose(
        "shop.refund",
        {"order": order, "amount": usd(minor)},
        subject=subject,
        reason=reason,
        requester=requester,
        wait=wait,
        idempotency_key=key,
    )


async def submit_plan(
    opened: ShopWorkspace,
    *steps: Step,
    request: str = "req_1",
    on_failure: OnFailure = OnFailure.CONTINUE,
) -> list[ActionRow]:
    """Store the steps of a plan for customer `cus_1`, as the agent does; nothing is run yet."""
    proposals = tuple(
        Proposal(
            tenant=MAIN,
            requester=AGENT,
            subject=Subject(id="cus_1"),
            action=step.action,
            args=step.args,
            key=f"{request}/{step.id}",
            request_id=request,
            step=step.id,
            after=step.after,
            on_failure=on_failure,
        )
        for step in steps
    )
    inside = opened.sayso.container
    return await inside.store.write(lambda tx: inside.proposals.submit_steps(tx, proposals, steps))


async def shown(opened: ShopWorkspace, view: ActionView) -> ApprovalView:
    """The approval as a surface shows it now."""
    found = (await opened.sayso.actions.get(view.id)).approval
    assert found is not None
    return found


def say(
    card: ApprovalView,
    person: str = "maria",
    choice: DecisionChoice = DecisionChoice.APPROVE,
    *,
    revision: int | None = None,
    digest: str | None = None,
    reason_code: str = "",
    args: Mapping[str, JsonValue] | None = None,
) -> Decision:
    """A decision about what `card` shows; `args` are left out unless it is an edit."""
    return Decision(
        tenant=MAIN,
        approval_id=card.id,
        revision=card.revision if revision is None else revision,
        digest=card.digest if digest is None else digest,
        choice=choice,
        person=person,
        via="test",
        credential="host",
        reason_code=reason_code or ("not_covered" if choice is DecisionChoice.REJECT else ""),
        args=args if choice is DecisionChoice.EDIT else None,
    )


async def decide(opened: ShopWorkspace, decision: Decision, *, wait: bool = True) -> Decided:
    """Decide as a surface does that has authenticated the person."""
    return await opened.sayso.approvals.decide_as(decision, wait=wait)


async def code_of(opened: ShopWorkspace, decision: Decision) -> str:
    """The code with which a decision is refused; `done` when it is taken."""
    try:
        await decide(opened, decision)
    except RefusedError as error:
        return error.code.value
    return "done"


async def advance(opened: ShopWorkspace, view: ActionView) -> ActionView:
    """Take the action as far as it can go now."""
    await opened.sayso.container.engine.advance(MAIN, view.id)
    return await opened.sayso.actions.get(view.id)


async def run_due(opened: ShopWorkspace) -> None:
    """Advance what the due index names until it names nothing.

    The dispatcher would pause what stays due for the same moment, by a clock that tests do not set.
    """
    for _ in range(200):
        now = to_micros(opened.clock.now())
        rows = await opened.sayso.container.store.read(partial(_due, now))
        if not rows:
            return
        for row in rows:
            await opened.sayso.container.engine.advance(MAIN, text(row, "id"))
    raise AssertionError("something stays due for ever")


def _due(now: int, reader: Reader) -> list[Row]:
    return reader.all("dispatch.due_action", now=now, limit=99)


async def settle(opened: ShopWorkspace, view: ActionView, *, tries: int = 12) -> ActionView:
    """Let the clock pass every wait of the engine and advance after each."""
    for _ in range(tries):
        await opened.sayso.container.engine.advance(MAIN, view.id)
        opened.clock.advance(minutes=70)
    return await opened.sayso.actions.get(view.id)


def open_rows(opened: ShopWorkspace) -> sqlite3.Connection:
    """The database behind the engine's back, with the triggers that guard it dropped."""
    connection = sqlite3.connect(opened.workspace.store_path, isolation_level=None)
    for (name,) in connection.execute("select name from sqlite_master where type = 'trigger'"):
        connection.execute(f"drop trigger {name}")
    return connection


def bodies(opened: ShopWorkspace) -> list[dict[str, JsonValue]]:
    """Every body of the log, oldest first, read from the file itself.

    But for those with which a workspace says who its people are.
    """
    connection = sqlite3.connect(opened.workspace.store_path)
    try:
        rows = connection.execute("select body from log_entry order by seq").fetchall()
    finally:
        connection.close()
    found = [orjson.loads(body) for (body,) in rows]
    return [body for body in found if body["actor"]["id"] != "workspace"]


def assert_verified(opened: ShopWorkspace) -> None:
    """The whole log verifies with the key pinned, and all rows are those that it gives."""
    found = opened.sayso.audit.verify(deep=True)
    assert found.verdict == "verified", found.all_findings
