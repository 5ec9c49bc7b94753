"""Random lives of plans that stop or undo themselves: faults, crashes, decisions, a moving clock,
stops that are engaged and released at any time, and people who settle what nobody else can know.

At the end everything that is due is run to its end, and the shop's own books say whether each gift
was given once and, where the plan says so, taken once.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from actions.engine.test_compensation import RULES, gift, refund
from actions.steps import MAIN, PlugPulledError, assert_verified, run_due, say, stock, submit_plan
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.campaign import trials
from support.gift_shop import GiftShop
from support.shop import ShopFault
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.controls.kill_switch import Resumption
from sayso.actions.controls.manual_resolution import ManualSettlement
from sayso.actions.engine.engine import Boundary
from sayso.actions.model.action_row import ActionRow, read_action
from sayso.actions.model.definition import Guarantee, at_most_once, idempotent, verifiable
from sayso.actions.model.plan import OnFailure, Step
from sayso.actions.model.status import FINAL, Status
from sayso.errors import SaysoError
from sayso.testing.clock import FakeClock

T = TypeVar("T")
GUARANTEES = (
    idempotent(hours=24, settle_after_s=60),
    verifiable(settle_after_s=60),
    at_most_once(),
)
FAULTS = st.lists(
    st.sampled_from(
        (ShopFault.SAYS_NO, ShopFault.LOST_AFTER, ShopFault.LOST_BEFORE, ShopFault.UNREACHABLE)
    ),
    min_size=1,
    max_size=3,
)
SCOPES = st.sampled_from(
    (
        *(("all", ""), ("connector", "shop"), ("customer", "cus_1")),
        *(("action", "shop.gift"), ("action", "shop.take_gift"), ("action", "shop.refund")),
    )
)
_DONE = frozenset({Status.SUCCEEDED, Status.COMPENSATED})
BAD = frozenset({Status.REFUSED, Status.REJECTED, Status.EXPIRED, Status.FAILED})


class Undoings(RuleBasedStateMachine):
    """One database, one provider, and plans of two to four steps."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._folder = tempfile.TemporaryDirectory()
        self._stack = AsyncExitStack()
        self._clock = FakeClock()
        self._shop = GiftShop()
        self._container: ShopWorkspace | None = None
        self._pull_at: Boundary | None = None
        self._plans: list[OnFailure] = []
        self._words = 0

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    @property
    def workspace(self) -> ShopWorkspace:
        """The open workspace."""
        assert self._container is not None
        return self._container

    def _passing(self, boundary: Boundary) -> None:
        if boundary is self._pull_at:
            self._pull_at = None
            raise PlugPulledError

    @initialize(guarantee=st.sampled_from(GUARANTEES))
    def open(self, guarantee: Guarantee) -> None:
        self._shop = GiftShop(guarantee)
        self._container = self._run(
            self._stack.enter_async_context(
                open_shop(
                    Path(self._folder.name),
                    shop=self._shop,
                    clock=self._clock,
                    policy=RULES,
                    passing=self._passing,
                )
            )
        )
        stock(self.workspace)

    @rule(
        mode=st.sampled_from(OnFailure),
        steps=st.lists(
            st.tuples(st.booleans(), st.sampled_from((500, 6000)), st.booleans()),
            min_size=2,
            max_size=4,
        ),
    )
    def plan(self, mode: OnFailure, steps: list[tuple[bool, int, bool]]) -> None:
        """Gifts and refunds, small or for a manager, of which some wait for all before them."""
        self._plans.append(mode)
        request = f"req_{len(self._plans)}"
        plan: list[Step] = []
        for gives, minor, waits in steps:
            after = tuple(step.id for step in plan) if waits else ()
            plan.append((gift if gives else refund)(f"s{len(plan)}", minor, *after))
        self._run(submit_plan(self.workspace, *plan, request=request, on_failure=mode))

    @rule(card=st.integers(0, 9), yes=st.booleans())
    def decide(self, card: int, yes: bool) -> None:
        cards = self._run(self.workspace.sayso.approvals.list(status="pending"))
        if cards:
            shown = sorted(cards, key=lambda one: str(one.card))[card % len(cards)]
            choice = DecisionChoice.APPROVE if yes else DecisionChoice.REJECT
            self._try(
                self.workspace.sayso.approvals.decide_as(say(shown, choice=choice), wait=False)
            )

    @rule(refunds=FAULTS)
    def refunds_fail_next(self, refunds: list[ShopFault]) -> None:
        self._shop.faults += refunds

    @rule(gifts=FAULTS)
    def gifts_fail_next(self, gifts: list[ShopFault]) -> None:
        self._shop.gift_faults += gifts

    @rule(scope=SCOPES)
    def stop(self, scope: tuple[str, str]) -> None:
        if len(self._run(self.workspace.sayso.stops.list())) < 2:
            self._run(self.workspace.sayso.stops.engage(*scope))

    @rule(people=st.lists(st.sampled_from(("maria", "noor")), min_size=1, max_size=3))
    def resume(self, people: list[str]) -> None:
        self._run(self._resume(people))

    async def _resume(self, people: list[str]) -> None:
        for stop in await self.workspace.sayso.stops.list():
            for person in people:
                self._words += 1
                word = Resumption(
                    tenant=MAIN,
                    stop_id=stop.id,
                    person=person,
                    via="test",
                    credential="host",
                    key=f"{self._words}",
                )
                with suppress(SaysoError):
                    await self.workspace.sayso.stops.resume_as(word)

    @rule(which=st.integers(0, 9))
    def person_settles(self, which: int) -> None:
        """By what the shop's books say."""
        rows = [row for row in self._run(self._rows()) if row.status is Status.UNKNOWN]
        if rows:
            self._run(self._settle(rows[which % len(rows)]))

    async def _settle(self, row: ActionRow) -> None:
        done = self._receipts().get(row.id)
        resolution = ManualSettlement(
            tenant=MAIN,
            action_id=row.id,
            outcome="succeeded" if done else "failed",
            evidence="seen in the books",
            receipt_id=done or "",
            person="maria",
            via="test",
            credential="host",
        )
        with suppress(SaysoError):
            await self.workspace.sayso.container.settlements.settle(resolution)

    def _receipts(self) -> dict[str, str]:
        """The provider's own id of each effect, by the action that had it."""
        return (
            {one.reference: one.id for one in self._shop.gifts}
            | {one.taken_by: one.id for one in self._shop.gifts if one.taken_by}
            | {one.reference: one.id for one in self._shop.books.payouts}
        )

    @rule(boundary=st.sampled_from(Boundary))
    def plug_is_pulled_next(self, boundary: Boundary) -> None:
        self._pull_at = boundary

    @rule(seconds=st.sampled_from((1, 6, 61, 1800, 9 * 3600, -30)))
    def clock_moves(self, seconds: int) -> None:
        self._clock.advance(seconds=seconds)

    @rule(times=st.integers(1, 3))
    def advance(self, times: int) -> None:
        self._run(self._advance_all(times))

    def _try(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            self._run(work)
        except (SaysoError, PlugPulledError):
            return

    async def _advance_all(self, times: int) -> None:
        engine = self.workspace.sayso.container.engine
        rows = await self._rows()
        found = await asyncio.gather(
            *(engine.advance(MAIN, row.id) for row in rows for _ in range(times)),
            return_exceptions=True,
        )
        for one in found:
            if isinstance(one, BaseException) and not isinstance(one, SaysoError | PlugPulledError):
                raise one

    async def _rows(self) -> list[ActionRow]:
        rows = await self.workspace.sayso.container.store.read(
            lambda reader: reader.all(
                "action.page",
                tenant=MAIN,
                name=None,
                after=None,
                limit=1000,
            )
        )
        return sorted(
            map(read_action, rows), key=lambda row: (row.request_id or "", row.step or "")
        )

    @invariant()
    def each_gift_is_given_once_and_taken_only_by_its_undo(self) -> None:
        if self._container is None:
            return
        given = Counter(one.reference for one in self._shop.gifts)
        given += Counter(one.reference for one in self._shop.books.payouts)
        assert all(count == 1 for count in given.values())
        assert len(set(self._shop.taken)) == len(self._shop.taken)
        rows = {row.id: row for row in self._run(self._rows())}
        for one in self._shop.gifts:
            if one.taken_by is not None:
                assert rows[one.taken_by].undoes == one.reference
        for row in rows.values():
            assert (row.status is Status.COMPENSATED) <= any(
                other.undoes == row.id and other.status is Status.SUCCEEDED
                for other in rows.values()
            )

    def teardown(self) -> None:
        if self._container is not None:
            self._pull_at = None
            self._shop.faults.clear()
            self._shop.gift_faults.clear()
            self._run(self._to_the_end())
        self._run(self._stack.aclose())
        self._runner.close()
        self._folder.cleanup()

    async def _to_the_end(self) -> None:
        await self._resume(["maria", "noor"])
        await self._resume(["maria", "noor"])
        assert await self.workspace.sayso.stops.list() == []
        for _ in range(12):
            await run_due(self.workspace)
            self._clock.advance(hours=2)
        rows = await self._rows()
        for number, mode in enumerate(self._plans, 1):
            plan = [row for row in rows if row.request_id == f"req_{number}"]
            self._check_plan(mode, plan, unknown=any(row.status is Status.UNKNOWN for row in rows))
        known = {row.id: row.status for row in rows}
        for action_id in self._receipts():
            assert known[action_id] in {*_DONE, Status.UNKNOWN}
        if self._plans:
            assert_verified(self.workspace)

    def _check_plan(self, mode: OnFailure, rows: list[ActionRow], *, unknown: bool) -> None:
        """What is unknown holds its object, so actions of other plans may wait for a person too."""
        steps = [row for row in rows if row.undoes is None]
        undos = {row.undoes: row for row in rows if row.undoes is not None}
        failed = any(step.status in BAD for step in steps)
        ended = all(step.status in FINAL for step in steps)
        assert unknown or all(row.status in FINAL for row in rows), [
            (
                row.step,
                row.name,
                str(row.status),
                row.due_at,
                row.after,
                row.blocked_by,
                row.attempts,
            )
            for row in rows
        ]
        if unknown:
            assert self._shop.actions[0].guarantee.kind == "at_most_once"
        if mode is not OnFailure.UNDO or not failed or not ended:
            assert not undos
            return
        for step in steps:
            if step.name != "shop.gift" or step.status in BAD:
                assert step.id not in undos
            elif step.status is Status.SUCCEEDED:
                assert undos[step.id].status in BAD or unknown
            else:
                assert undos[step.id].status is Status.SUCCEEDED


TestUndoings = Undoings.TestCase
TestUndoings.settings = settings(
    max_examples=trials(5),
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestUndoings.pytestmark = [  # type: ignore[attr-defined]
    pytest.mark.campaign,
    pytest.mark.promise("plans:undo"),
    pytest.mark.promise("plans:stop"),
]
