"""What a plan has changed itself does not make its next step stale; what others change does."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from actions.steps import assert_verified, run_due, say, shown, stock, submit_plan, usd
from support.shop import Shop
from support.shop_workspace import POLICY, ShopWorkspace, open_shop

from sayso.actions.model.definition import Action, Args, Effect, StateValue, Subject
from sayso.actions.model.plan import Step
from sayso.actions.model.snapshot import Absence, Call, Receipt, Resolved
from sayso.errors import Code, RefusedError
from sayso.json import JsonValue

RULES = (
    POLICY
    + """
@id("close") @explain("orders are closed by themselves")
permit (principal, action == Action::"shop.close", resource);
"""
)


class CloseArgs(Args):
    """Arguments of `shop.close`."""

    order: str


class ClosingShop(Shop):
    """A shop that also closes orders, and pays back open and closed ones.

    Attributes:
        states: of the orders that are not open.
        closing: the state that an order really gets when it is closed.
    """

    def __init__(self, changes: dict[str, Sequence[StateValue]]) -> None:
        super().__init__()
        self.states: dict[str, str] = {}
        self.closing = "closed"
        self.actions = (
            *self.actions,
            Action(
                name="shop.close",
                summary="Close an order",
                args=CloseArgs,
                guarantee=self.actions[0].guarantee,
                effect=Effect.CANCELLATION,
                reversible=False,
                sentence="Close order {order}",
                changes=changes,
            ),
        )

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """See `Connector.resolve`."""
        if not isinstance(args, CloseArgs):
            found = await super().resolve(action, args, subject)
        else:
            order = self.books.orders.get(args.order)
            if order is None or order.customer != subject.id:
                raise RefusedError(Code.UNKNOWN_OBJECT, f"there is no order `{args.order}`")
            found = Resolved(
                args={"order": order.id},
                object_kind="order",
                object_id=order.id,
                owner=order.customer,
                owner_proof="order.customer",
                account="shop-1",
                payee="nobody",
                fields={"order": order.id},
            )
        state = self.states.get(found.object_id, "open")
        return replace(found, preconditions={**found.preconditions, "order.state": state})

    async def call(self, call: Call) -> Receipt:
        """See `Connector.call`."""
        if call.action != "shop.close":
            return await super().call(call)
        self.states[call.resolved.object_id] = self.closing
        return Receipt(id=f"closed {call.resolved.object_id}", status=self.closing)

    async def look_up(self, call: Call) -> Receipt | Absence:
        """See `Connector.look_up`."""
        if call.action != "shop.close":
            return await super().look_up(call)
        return Absence.ABSENT


@asynccontextmanager
async def closing(
    folder: Path, changes: dict[str, Sequence[StateValue]]
) -> AsyncGenerator[tuple[ShopWorkspace, ClosingShop]]:
    """A workspace whose shop closes orders, with two of them."""
    shop = ClosingShop(changes)
    async with open_shop(folder, shop=shop, policy=RULES) as workspace:
        stock(workspace, "o1", "o2")
        yield workspace, shop


async def close_and_refund(workspace: ShopWorkspace, shop: ClosingShop, closed: str) -> str:
    """A plan closes an order and pays $129 of `o1` back, with a yes; the refund's status.

    `o1` is closed in any case, by somebody else unless the plan does it.
    """
    refund: dict[str, JsonValue] = {"order": "o1", "amount": usd(12_900)}
    await submit_plan(
        workspace,
        Step(id="s1", action="shop.close", args={"order": closed}),
        Step(id="s2", action="shop.refund", args=refund, after=("s1",)),
    )
    await run_due(workspace)
    if closed != "o1":
        shop.states["o1"] = "closed"
    plan = {view.step: view for view in await workspace.sayso.actions.list()}
    for view in plan.values():
        await workspace.sayso.approvals.decide_as(say(await shown(workspace, view)), wait=False)
    await run_due(workspace)
    assert_verified(workspace)
    assert shop.states[closed] == "closed"
    return (await workspace.sayso.actions.get(plan["s2"].id)).status


@pytest.mark.promise("engine:own-changes")
@pytest.mark.parametrize(
    ("changes", "goes_on"),
    [
        ({"order.state": ["closed"]}, True),
        ({"order.state": []}, True),
        ({"order.state": ["cancelled"]}, False),
        ({"order.paid": ["closed"]}, False),
        ({}, False),
    ],
)
async def test_a_step_goes_on_over_what_its_plan_changed_as_declared(
    tmp_path: Path, changes: dict[str, Sequence[StateValue]], goes_on: bool
) -> None:
    """Closed, and then paid back by one yes, where the action says so; else somebody is asked."""
    async with closing(tmp_path, changes) as (workspace, shop):
        status = await close_and_refund(workspace, shop, "o1")
        assert status == ("succeeded" if goes_on else "pending_approval")
        assert bool(shop.books.payouts) == goes_on


@pytest.mark.promise("engine:own-changes")
async def test_a_change_of_another_order_excuses_nothing(tmp_path: Path) -> None:
    """The plan closes `o2`, and somebody else closes `o1`."""
    async with closing(tmp_path, {"order.state": ["closed"]}) as (workspace, shop):
        assert await close_and_refund(workspace, shop, "o2") == "pending_approval"
        assert not shop.books.payouts


@pytest.mark.promise("engine:own-changes")
async def test_a_close_that_did_not_happen_excuses_nothing(tmp_path: Path) -> None:
    """Somebody else closed the order; no step of this plan has."""
    async with closing(tmp_path, {"order.state": ["closed"]}) as (workspace, shop):
        view = await workspace.sayso.propose(
            "shop.refund",
            {"order": "o1", "amount": usd(12_900)},
            subject="cus_1",
            reason="it broke",
        )
        shop.states["o1"] = "closed"
        workspace.clock.advance(seconds=120)
        await workspace.sayso.approvals.decide_as(say(await shown(workspace, view)), wait=False)
        await run_due(workspace)
        assert (await workspace.sayso.actions.get(view.id)).status == "pending_approval"
        assert not shop.books.payouts
