"""The table of states: nothing beside it happens, and all of it does."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from actions.shy_shop import ENDINGS, Shy, refused_by_itself, waits_again
from actions.steps import (
    ASKED,
    MAIN,
    USD,
    PlugPulledError,
    advance,
    assert_verified,
    bodies,
    code_of,
    decide,
    propose,
    say,
    settle,
    shown,
    stock,
    submit_plan,
    usd,
)
from agent.test_run import Scripted, plan, refund
from support.shop import Shop, ShopFault
from support.shop_workspace import POLICY, ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.controls.manual_resolution import ManualSettlement
from sayso.actions.engine.engine import Boundary
from sayso.actions.engine.withdrawal import Withdrawals
from sayso.actions.model.action_row import get_action
from sayso.actions.model.definition import at_most_once, idempotent, verifiable
from sayso.actions.model.ledger import Ledger, check_transition
from sayso.actions.model.plan import Step
from sayso.actions.model.snapshot import Finality
from sayso.actions.model.status import FINAL, START, TRANSITIONS, Status
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.audit.verifier.state_checks import ENDED
from sayso.errors import IntegrityError
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.views.rows import ActionView
from sayso.store.base import Transaction
from sayso.store.queries import named_queries

Way = tuple[str, Status, EntryKind]
TABLE: set[Way] = {
    (was, to, kind)
    for was, ways in TRANSITIONS.items()
    for to, kinds in ways.items()
    for kind in kinds
}
LATER: set[Way] = {(Status.SUCCEEDED, Status.COMPENSATED, EntryKind.ACTION_COMPENSATED)}
"""Ways that the table has and nothing takes yet."""


@pytest.mark.promise("states:closed")
async def test_the_ledger_writes_nothing_that_the_table_does_not_have(tmp_path: Path) -> None:
    """Invariant 3: every other pair of states, and every other entry about it, is refused."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
        before = len(bodies(opened))
        ledger = Ledger(opened.sayso.container.log)

        def work(tx: Transaction) -> int:
            row = get_action(tx, MAIN, view.id)
            refused = 0
            for was in Status:
                for to in Status:
                    for kind in set(EntryKind) - set(TRANSITIONS[was].get(to, ())):
                        with pytest.raises(IntegrityError, match="wrong_state"):
                            check_transition(was, to, kind)
                        entry = Entry(
                            kind=kind,
                            actor=Actor(kind=ActorKind.SYSTEM, id="engine"),
                            action=row.id,
                            status=to.value,
                        )
                        with pytest.raises(IntegrityError, match="wrong_state"):
                            ledger.move(
                                tx, replace(row, status=was), replace(row, status=to), entry
                            )
                        refused += 1
            return refused

        refused = await opened.sayso.container.store.write(work)
        pairs = sum(1 for was, _, _ in TABLE if was != START)
        assert refused == len(Status) ** 2 * len(EntryKind) - pairs
        assert len(bodies(opened)) == before
        assert (await opened.sayso.actions.get(view.id)).status == "pending_approval"


# ---- every way of the table is taken ---------------------------------------------------------


def _step(name: str, minor: int, *after: str, order: str = "o1") -> Step:
    args: dict[str, JsonValue] = {"order": order, "amount": usd(minor)}
    return Step(id=name, action="shop.refund", args=args, after=after)


async def _submit(opened: ShopWorkspace, *steps: Step) -> list[ActionView]:
    rows = await submit_plan(opened, *steps)
    return [await advance(opened, await opened.sayso.actions.get(row.id)) for row in rows]


async def _resolve(opened: ShopWorkspace, view: ActionView, *, done: bool) -> None:
    await opened.sayso.container.settlements.settle(
        ManualSettlement(
            tenant=MAIN,
            action_id=view.id,
            outcome="succeeded" if done else "failed",
            evidence="seen",
            receipt_id="pay_1" if done else "",
            person="maria",
            via="test",
            credential="host",
        )
    )


async def _steps(opened: ShopWorkspace) -> None:
    """planned → refused, pending, approved; a rejected step takes the later two with it."""
    views = await _submit(
        opened,
        _step("s1", ASKED),
        _step("s2", 1000, "s1"),
        _step("s3", ASKED, "s1"),
        _step("s4", 1000, order="missing"),
    )
    card = await shown(opened, views[0])
    await opened.sayso.container.approvals.decide(say(card, choice=DecisionChoice.REJECT))
    for view in views:
        await advance(opened, view)
    # One that nobody is asked about fails at the provider, and what is approved already with it.
    opened.shop.faults.append(ShopFault.SAYS_NO)
    views = await _submit(opened, _step("t1", 1000), _step("t2", 1000, "t1"))
    for view in views:
        await advance(opened, view)


async def _people(opened: ShopWorkspace) -> None:
    """A quorum, an edit that waits, one that runs, silence, and a plain refusal."""
    view = await propose(opened, 60_000)
    await decide(opened, say(await shown(opened, view), "finn"))
    await decide(
        opened,
        say(await shown(opened, view), "finn", DecisionChoice.EDIT, args={"amount": usd(59_000)}),
    )
    view = await propose(opened)
    await decide(
        opened,
        say(await shown(opened, view), choice=DecisionChoice.EDIT, args={"amount": usd(4000)}),
    )
    view = await propose(opened)
    opened.clock.advance(hours=9)
    await advance(opened, view)
    await propose(opened, 2000, order="missing")


async def _changes(opened: ShopWorkspace) -> None:
    """stale → pending, approved, refused."""
    small = await propose(opened, 1000, wait=False)
    asked = await propose(opened)
    await decide(opened, say(await shown(opened, asked)), wait=False)
    order = opened.shop.books.orders["o1"]
    opened.clock.advance(seconds=6)
    order.refunded_minor += 1
    await advance(opened, small)
    await advance(opened, asked)
    last = await propose(opened, 1000, wait=False)
    opened.clock.advance(seconds=6)
    order.refunded_minor = order.paid.amount_minor
    await advance(opened, last)


async def _provider(opened: ShopWorkspace) -> None:
    """Away, a no, lost answers that a look-up settles or a second try does, and a denied effect."""
    for fault in (
        ShopFault.UNREACHABLE,
        ShopFault.SAYS_NO,
        ShopFault.LOST_AFTER,
        ShopFault.LOST_BEFORE,
        ShopFault.DENIES,
    ):
        opened.shop.faults.append(fault)
        await settle(opened, await propose(opened, 100), tries=3)
        opened.clock.advance(hours=24 * 31)


async def _nobody_knows(opened: ShopWorkspace) -> None:
    """A provider that cannot be asked: the second look changes nothing, a person settles it."""
    for done in (True, False):
        opened.shop.faults.append(ShopFault.LOST_AFTER)
        view = await settle(opened, await propose(opened, 100), tries=2)
        await _resolve(opened, view, done=done)


async def _stopped(opened: ShopWorkspace) -> None:
    """Held before its claim; and taken back after it, since the call had not left."""
    opened.shop.books.add("o2", "cus_1", Money(500_000, USD))
    view = await propose(opened, 100, order="o2", wait=False)
    inside = opened.sayso.container
    row = await inside.store.read(lambda reader: get_action(reader, MAIN, view.id))
    claimed = await inside.store.write(lambda tx: inside.engine.claim_in(tx, row))
    assert claimed is not None
    assert not isinstance(claimed, str)
    await opened.sayso.stops.engage()
    opened.clock.advance(seconds=1)
    await inside.engine.call_claimed(claimed)
    await propose(opened, 100)


async def _withdraw(opened: ShopWorkspace, view: ActionView) -> None:
    inside = opened.sayso.container
    back = Withdrawals(inside.context)
    row = await inside.store.read(lambda reader: get_action(reader, MAIN, view.id))
    bot = Actor(kind=ActorKind.SERVICE, id="bot")
    assert await inside.store.write(lambda tx: back.stop(tx, [row], bot))


async def _taken_back(opened: ShopWorkspace) -> None:
    """planned, pending, approved and stale → withdrawn."""
    (row,) = await submit_plan(opened, _step("w1", 100))
    await _withdraw(opened, await opened.sayso.actions.get(row.id))
    await _withdraw(opened, await propose(opened))
    await _withdraw(opened, await propose(opened, 100, wait=False))
    view = await propose(opened, 200, wait=False)
    opened.clock.advance(seconds=6)
    opened.shop.books.orders["o1"].refunded_minor += 1
    inside = opened.sayso.container
    stored = await inside.store.read(lambda reader: get_action(reader, MAIN, view.id))
    stale = await inside.engine._step(stored)
    assert stale is not None
    assert stale.status is Status.STALE
    await _withdraw(opened, view)


async def _taken_back_under_way(folder: Path) -> list[ShopWorkspace]:
    """Called, and shown not to have happened: ended, not called again; and shown late after all."""
    houses: list[ShopWorkspace] = []
    armed = [True]

    def pull(boundary: Boundary) -> None:
        if boundary is Boundary.AFTER_INTENT and armed:
            armed.clear()
            raise PlugPulledError

    for name, passing in (("executing", pull), ("unknown", None)):
        planner = Scripted(plan(refund(1000)))
        async with open_shop(folder / name, planner=planner, passing=passing) as opened:
            stock(opened)
            if passing is None:
                opened.shop.faults.append(ShopFault.LOST_BEFORE)
            with contextlib.suppress(PlugPulledError):
                await opened.sayso.ask("cus_1", "refund $10.00 of order o1 please")
                await opened.sayso.container.dispatcher.drain()
            (request,) = await opened.sayso.requests.list()
            await opened.sayso.requests.withdraw(request.id)
            opened.clock.advance(minutes=5)
            await opened.sayso.container.dispatcher.drain()
            (action,) = (await opened.sayso.requests.get(request.id)).actions
            assert action.status == "withdrawn"
            assert_verified(opened)
            houses.append(opened)
    return houses


async def _shown_late(folder: Path, finality: Finality) -> list[ShopWorkspace]:
    """Done and denied: shown when it is judged again, when it waits for people again, and when it
    has ended."""
    status_then = "accepted" if finality is Finality.PENDING else "succeeded"
    judged = _shy(finality)
    async with open_shop(folder / "judged", shop=judged) as opened:
        await refused_by_itself(opened, judged)
        assert_verified(opened)
    waiting = _shy(finality)
    async with open_shop(folder / "waiting", shop=waiting) as other:
        view = await waits_again(other, waiting)
        other.clock.advance(days=30)
        assert (await advance(other, view)).status == status_then
        assert_verified(other)
    houses = [opened, other]
    for status, end in ENDINGS.items():
        shop = _shy(finality)
        async with open_shop(folder / f"after {status}", shop=shop) as opened:
            view = await end(opened, shop)
            shop.answers = []
            opened.clock.advance(hours=1)
            assert (await advance(opened, view)).status == status_then
            assert_verified(opened)
            houses.append(opened)
    return houses


def _shy(finality: Finality) -> Shy:
    shop = Shy(idempotent(hours=24))
    shop.finality = finality
    return shop


async def _followed(folder: Path) -> list[ShopWorkspace]:
    """Taken on and not done: finished, failed, left to a person, come back; and found so."""
    houses: list[ShopWorkspace] = []
    for name, fault in (("plain", None), ("denied", ShopFault.DENIES)):
        shop = Shop()
        shop.finality = Finality.PENDING
        async with open_shop(folder / name, shop=shop) as opened:
            stock(opened)
            shop.faults += [] if fault is None else [fault]
            view = await settle(opened, await propose(opened, 100), tries=2)
            assert view.status == "accepted"
            opened.clock.advance(days=70)
            await advance(opened, view)  # left to a person
            await _resolve(opened, view, done=name == "plain")
            view = await propose(opened, 100)
            shop.finality = Finality.DONE
            opened.clock.advance(days=1)
            assert (await advance(opened, view)).status == "succeeded"
            shop.came_back = "the bank returned it"
            opened.clock.advance(days=7)
            assert (await advance(opened, view)).status == "failed"
            assert_verified(opened)
            houses.append(opened)
    lost = Shop(verifiable(settle_after_s=60))
    async with open_shop(folder / "lost", shop=lost) as opened:
        stock(opened)
        for came_back in ("", "the bank returned it"):
            lost.finality, lost.came_back = Finality.PENDING, came_back
            lost.faults.append(ShopFault.LOST_AFTER)
            view = await settle(opened, await propose(opened, 100), tries=2)
            assert view.status == ("failed" if came_back else "accepted")
        lost.came_back, lost.finality = "", Finality.DONE
        view = await propose(opened, 100)
        lost.finality = Finality.FINAL
        opened.clock.advance(days=1)
        assert (await advance(opened, view)).status == "succeeded"  # and nothing comes back now
        lost.finality = Finality.PENDING
        view = await propose(opened, 100)
        lost.came_back = "the bank returned it"
        opened.clock.advance(days=1)
        assert (await advance(opened, view)).status == "failed"
        assert_verified(opened)
        houses.append(opened)
    return houses


async def _outdated(folder: Path) -> ShopWorkspace:
    """A card that waits while the policy changes: a yes to it has it judged anew."""
    async with open_shop(folder) as before:
        stock(before)
        view = await propose(before)
        card = await shown(before, view)
    other = POLICY.replace("a support manager says yes", "one of them says yes")
    async with open_shop(folder, policy=other, shop=before.shop, clock=before.clock) as opened:
        assert await code_of(opened, say(card)) == "stale_revision"
        assert_verified(opened)
    return opened


FLOWS: list[Callable[[ShopWorkspace], Awaitable[None]]] = [
    *(_steps, _people, _changes),
    *(_provider, _stopped, _taken_back),
]


async def _crash(folder: Path, at: Boundary) -> ShopWorkspace:
    armed = [True]

    def pull(boundary: Boundary) -> None:
        if boundary is at and armed:
            armed.clear()
            raise PlugPulledError

    async with open_shop(folder, passing=pull) as opened:
        stock(opened)
        view = await propose(opened, 100, wait=False)
        with contextlib.suppress(PlugPulledError):
            await advance(opened, view)
        opened.clock.advance(minutes=1)
        assert (await advance(opened, view)).status == "succeeded"
        assert_verified(opened)
    return opened


def _ways(opened: ShopWorkspace) -> set[Way]:
    """The ways that the log tells."""
    status: dict[str, str] = {}
    found: set[Way] = set()
    for body in bodies(opened):
        action, to = body.get("action"), body.get("status")
        if isinstance(action, str) and isinstance(to, str):
            found.add((status.get(action, START), Status(to), EntryKind(str(body["kind"]))))
            status[action] = to
    return found


def _assert_rebuilt(opened: ShopWorkspace) -> None:
    """Invariant 3: replaying the log gives the rows, of actions and of approvals."""
    actions: dict[str, JsonValue] = {}
    approvals: dict[str, JsonValue] = {}
    for body in bodies(opened):
        action, approval, data = body.get("action"), body.get("approval"), body.get("data")
        if isinstance(action, str) and "status" in body:
            actions[action] = body["status"]
        if isinstance(approval, str) and isinstance(data, dict) and "approval_status" in data:
            approvals[approval] = data["approval_status"]
    connection = sqlite3.connect(opened.workspace.store_path)
    rows = connection.execute("select id, status from action").fetchall()
    cards = connection.execute("select id, status from approval").fetchall()
    connection.close()
    assert dict(rows) == actions
    assert dict(cards) == approvals


@pytest.mark.promise("states:closed")
async def test_every_way_of_the_table_is_taken_and_the_log_rebuilds_the_rows(
    tmp_path: Path,
) -> None:
    """Invariant 3, both ways: no dead arrow in the table, and no state that the log cannot give."""
    houses: list[ShopWorkspace] = []
    for flow in FLOWS:
        async with open_shop(tmp_path / flow.__name__) as opened:
            opened.shop.books.add("o1", "cus_1", Money(500_000, USD))
            await flow(opened)
            assert_verified(opened)
            houses.append(opened)
    shop = Shop(at_most_once())
    async with open_shop(tmp_path / "unknown", shop=shop) as opened:
        stock(opened)
        await _nobody_knows(opened)
        assert_verified(opened)
        houses.append(opened)
    houses.append(await _outdated(tmp_path / "outdated"))
    for finality in (Finality.FINAL, Finality.PENDING):
        houses += await _shown_late(tmp_path / finality, finality)
    houses += await _followed(tmp_path / "followed")
    houses += await _taken_back_under_way(tmp_path / "taken back")
    houses += [await _crash(tmp_path / boundary.value, boundary) for boundary in Boundary]
    taken: set[Way] = set()
    for opened in houses:
        _assert_rebuilt(opened)
        taken |= _ways(opened)
    assert taken - TABLE == set()
    assert TABLE - taken == LATER


def test_whoever_lists_what_has_ended_lists_the_same_states() -> None:
    """The queries and the verifier, which cannot ask the table, say what it says."""
    listed = re.compile(r"\(((?:\s*'[a-z_]+',?)+)\)")
    ended = {status.value for status in FINAL}
    lists = [
        set(re.findall(r"[a-z_]+", words))
        for sql in named_queries().values()
        for words in listed.findall(sql)
        if "'compensated'" in words
    ]
    assert len(lists) > 5
    assert all(states == ended for states in lists), lists
    assert ended == ENDED
