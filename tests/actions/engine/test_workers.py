"""Random lives of plans under two workers that disagree: another policy, slow calls, take-overs.

At the end only what the due index names is advanced, so a wake-up that was lost shows as a stuck
action.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from actions.steps import MAIN, PlugPulledError, assert_verified, bodies, say, submit_plan, usd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.campaign import trials
from support.shop import Shop, ShopFault
from support.shop_workspace import PEOPLE, POLICY, ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.controls.kill_switch import Resumption
from sayso.actions.engine.engine import Boundary
from sayso.actions.model.action_row import ActionRow, read_action
from sayso.actions.model.definition import Guarantee, at_most_once, idempotent, verifiable
from sayso.actions.model.plan import Step
from sayso.actions.model.snapshot import Call
from sayso.actions.model.status import CALLED, FINAL, Status
from sayso.errors import Code, RefusedError, RetryableError, SaysoError
from sayso.ids import to_micros
from sayso.json import JsonValue
from sayso.money import Money
from sayso.store.base import Reader, integer_or_none, text
from sayso.testing.clock import FakeClock

T = TypeVar("T")
STEPS = 25
STRICTER = POLICY.replace('decimal("50.00")', 'decimal("30.00")')
ORDERS = ("o1", "o2")
AMOUNTS = st.sampled_from((1, 3000, 3001, 5000, 5001, 50_000, 50_001, 150_000))
GUARANTEES = (
    idempotent(hours=24, settle_after_s=60),
    idempotent(hours=1),
    verifiable(settle_after_s=60),
    at_most_once(),
)
FAULTS = st.sampled_from([fault for fault in ShopFault if fault is not ShopFault.TWICE])
WORKERS = st.sampled_from((0, 1))


class Plans(RuleBasedStateMachine):
    """Two processes with one database, one provider and one clock."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._folder = tempfile.TemporaryDirectory()
        self._stacks = [AsyncExitStack(), AsyncExitStack()]
        self._houses: list[ShopWorkspace] = []
        self._policies = [POLICY, POLICY]
        self._away: set[str] = {"idle"}
        self._clock = FakeClock()
        self._shop = Shop()
        self._pull_at: Boundary | None = None
        self._plans = 0
        self._words = 0
        self._refusals: Counter[str] = Counter()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def _passing(self, boundary: Boundary) -> None:
        if boundary is self._pull_at:
            self._pull_at = None
            raise PlugPulledError

    @initialize(guarantee=st.sampled_from(GUARANTEES))
    def open(self, guarantee: Guarantee) -> None:
        self._shop = Shop(guarantee)
        for order in ORDERS:
            self._shop.books.add(order, "cus_1", Money(400_000, "USD"))
        self._houses = [self._run(self._start(number)) for number in (0, 1)]

    async def _start(self, number: int) -> ShopWorkspace:
        await self._stacks[number].aclose()
        people = [{**person, "active": person["id"] not in self._away} for person in PEOPLE]
        return await self._stacks[number].enter_async_context(
            open_shop(
                Path(self._folder.name),
                shop=self._shop,
                clock=self._clock,
                policy=self._policies[number],
                passing=self._passing,
                people=people,
            )
        )

    def _try(self, work: Coroutine[Any, Any, object], entry: str) -> None:
        """Whatever is refused must be recorded by an entry of that kind with its code."""
        try:
            self._run(work)
        except RefusedError as error:
            self._refusals[f"{entry} {error.code}"] += error.code is not Code.NOT_FOUND
        except (SaysoError, PlugPulledError):
            return

    # ---- what can happen ----------------------------------------------------------------------

    @rule(
        worker=WORKERS,
        order=st.sampled_from((*ORDERS, "gone")),
        minor=AMOUNTS,
        key=st.integers(0, 9),
    )
    def propose(self, worker: int, order: str, minor: int, key: int) -> None:
        self._try(
            self._houses[worker].sayso.propose(
                "shop.refund",
                {"order": order, "amount": usd(minor)},
                subject="cus_1",
                reason="it broke",
                idempotency_key=f"k{key}",
            ),
            "action.refused",
        )

    @rule(
        worker=WORKERS,
        steps=st.lists(
            st.tuples(st.sampled_from(ORDERS), AMOUNTS, st.booleans()), min_size=2, max_size=3
        ),
    )
    def plan(self, worker: int, steps: list[tuple[str, int, bool]]) -> None:
        """Steps, of which some wait for all before them."""
        self._plans += 1
        request = f"req_{self._plans}"
        plan: list[Step] = []
        for order, minor, waits in steps:
            after = tuple(step.id for step in plan) if waits else ()
            args: dict[str, JsonValue] = {"order": order, "amount": usd(minor)}
            plan.append(
                Step(id=f"s{len(plan)}", action="shop.refund", args=args, after=after, reason="")
            )
        self._run(submit_plan(self._houses[worker], *plan, request=request))

    @rule(
        worker=WORKERS,
        card=st.integers(0, 9),
        choice=st.sampled_from(DecisionChoice),
        person=st.sampled_from(("maria", "noor", "finn", "idle")),
        less=AMOUNTS,
        wait=st.booleans(),
        old=st.booleans(),
    )
    def decide(
        self,
        worker: int,
        card: int,
        choice: DecisionChoice,
        person: str,
        less: int,
        wait: bool,
        old: bool,
    ) -> None:
        sayso = self._houses[worker].sayso
        cards = self._run(sayso.approvals.list(status=None if old else "pending"))
        if cards:
            shown = sorted(cards, key=lambda one: self._place(one.action_id))[card % len(cards)]
            decision = say(shown, person, choice, args={"amount": usd(less)})
            if old:
                decision = replace(decision, revision=1)
            self._try(sayso.approvals.decide_as(decision, wait=wait), "approval.refused")

    @rule(faults=st.lists(FAULTS, min_size=1, max_size=3))
    def provider_fails_next(self, faults: list[ShopFault]) -> None:
        if self._shop.actions[0].guarantee.kind == "at_most_once":
            # Nothing can be looked up there, so the provider's word is all there is.
            faults = [fault for fault in faults if fault is not ShopFault.DENIES]
        self._shop.faults += faults

    @rule(boundary=st.sampled_from(Boundary))
    def plug_is_pulled_next(self, boundary: Boundary) -> None:
        self._pull_at = boundary

    @rule(worker=WORKERS, seconds=st.sampled_from((1, 6, 20)))
    def next_call_is_overtaken(self, worker: int, seconds: int) -> None:
        """The worker that calls stalls, with its lease over, while the other one takes a look."""

        async def stall(call: Call) -> None:
            self._shop.on_call = None
            self._clock.advance(seconds=seconds)
            other = self._houses[worker].sayso.container.engine
            await asyncio.gather(other.advance(MAIN, call.action_id), return_exceptions=True)

        self._shop.on_call = stall

    @rule(seconds=st.sampled_from((1, 6, 61, 1800, 9 * 3600, 25 * 3600, -3, -30, -7200)))
    def clock_moves(self, seconds: int) -> None:
        self._clock.advance(seconds=seconds)

    @rule(order=st.sampled_from(ORDERS), minor=st.sampled_from((1, 100_000)))
    def refund_by_hand(self, order: str, minor: int) -> None:
        known = self._shop.books.orders[order]
        known.refunded_minor = min(known.refunded_minor + minor, known.paid.amount_minor)

    @rule(worker=WORKERS, stricter=st.booleans(), away=st.sets(st.sampled_from(("maria", "finn"))))
    def worker_starts_again(self, worker: int, stricter: bool, away: set[str]) -> None:
        """With other settings than the other one, which goes on with its own."""
        self._policies[worker] = STRICTER if stricter else POLICY
        self._away = {"idle", *away}
        self._houses[worker] = self._run(self._start(worker))

    @rule(worker=WORKERS, scope=st.sampled_from((("all", ""), ("connector", "shop"))))
    def stop(self, worker: int, scope: tuple[str, str]) -> None:
        if len(self._run(self._houses[0].sayso.stops.list())) < 2:
            self._run(self._houses[worker].sayso.stops.engage(*scope))

    @rule(worker=WORKERS, people=st.permutations(("maria", "noor", "finn")))
    def resume(self, worker: int, people: list[str]) -> None:
        """Somebody may be away, or the same person may say it twice; then it goes on holding."""
        for stop in self._run(self._houses[worker].sayso.stops.list()):
            for person in people[:2]:
                self._try(self._say_resume(worker, stop.id, person), "stop.refused")

    async def _say_resume(self, worker: int, stop_id: str, person: str) -> None:
        self._words += 1
        word = Resumption(
            tenant=MAIN,
            stop_id=stop_id,
            person=person,
            via="test",
            credential="host",
            key=f"{self._words}",
        )
        await self._houses[worker].sayso.stops.resume_as(word)

    @rule(at_once=st.lists(WORKERS, min_size=1, max_size=4))
    def advance(self, at_once: list[int]) -> None:
        self._run(self._advance_all(at_once))

    async def _advance_all(self, at_once: list[int]) -> None:
        found = await asyncio.gather(
            *(
                self._houses[worker].sayso.container.engine.advance(MAIN, row.id)
                for row in await self._rows()
                for worker in at_once
            ),
            return_exceptions=True,
        )
        for one in found:
            if isinstance(one, BaseException) and not isinstance(one, SaysoError | PlugPulledError):
                raise one

    async def _rows(self) -> list[ActionRow]:
        def work(reader: Reader) -> list[ActionRow]:
            page = reader.all(
                "action.page",
                tenant=MAIN,
                name=None,
                after=None,
                limit=1000,
            )
            return [read_action(row) for row in page]

        rows = await self._houses[0].sayso.container.store.read(work)
        return sorted(rows, key=lambda row: self._place(row.id))

    def _place(self, action_id: str) -> int:
        """Where an action stands in the order of their coming, since ids are random."""
        found = (body["seq"] for body in bodies(self._houses[0]) if body.get("action") == action_id)
        first = next(found)
        assert isinstance(first, int)
        return first

    # ---- what holds after each of it ----------------------------------------------------------

    @invariant()
    def one_effect_each_under_an_intent_that_was_allowed(self) -> None:
        if not self._houses:
            return
        paid = Counter(payout.reference for payout in self._shop.books.payouts)
        assert all(count == 1 for count in paid.values()), paid
        asked: set[object] = set()
        agreed: set[object] = set()
        intents: set[object] = set()
        for body in bodies(self._houses[0]):
            kind, digest, data = body["kind"], body.get("digest"), body.get("data", {})
            assert isinstance(data, dict)
            actor = body["actor"]
            assert isinstance(actor, dict)
            if kind in {"action.approved", "action.edited"} and body["status"] == "approved":
                agreed.add((digest, actor["kind"] == "person"))
            elif body.get("status") == "pending_approval":
                asked.add(digest)
            elif kind == "action.intent":
                intents.add(body["action"])
                assert (digest, True) in agreed or (digest, False) in agreed
                if digest in asked:
                    assert (digest, True) in agreed
                    assert data.get("again") or data["approvers"]
        assert set(paid) <= intents

    @invariant()
    def no_claim_is_made_while_something_is_stopped(self) -> None:
        if not self._houses:
            return
        in_force: set[object] = set()
        for body in bodies(self._houses[0]):
            data = body.get("data", {})
            assert isinstance(data, dict)
            if body["kind"] == "stop.engaged":
                in_force.add(data["stop"])
            elif body["kind"] == "stop.released":
                in_force.remove(data["stop"])
            assert not (in_force and body["kind"] == "action.intent")

    @invariant()
    def calls_have_their_object_for_themselves(self) -> None:
        if not self._houses:
            return
        rows = self._run(self._rows())
        in_hand = Counter(row.object_key for row in rows if row.status in CALLED)
        assert all(count == 1 for count in in_hand.values()), in_hand

    @invariant()
    def every_row_is_what_its_last_entry_says(self) -> None:
        if not self._houses:
            return
        told: dict[str, tuple[object, ...]] = {}
        recorded: Counter[str] = Counter()
        for body in bodies(self._houses[0]):
            data = body.get("data", {})
            assert isinstance(data, dict)
            if str(body["kind"]).endswith(".refused"):
                recorded[f"{body['kind']} {data['code']}"] += 1
            if isinstance(body.get("action"), str):
                told[str(body["action"])] = (body["status"], body.get("digest"), body["seq"])
        rows = self._run(self._rows())
        assert {row.id: (row.status, row.digest, row.last_seq) for row in rows} == told
        assert all(recorded[key] >= count for key, count in self._refusals.items())

    def teardown(self) -> None:
        try:
            if self._houses:
                self._run(self._come_to_rest())
                self._run(self._check_the_end())
                if bodies(self._houses[0]):
                    assert_verified(self._houses[0])
        finally:
            for stack in self._stacks:
                self._run(stack.aclose())
            self._runner.close()
            self._folder.cleanup()

    async def _come_to_rest(self) -> None:
        """Serve what the due index names, and nothing else, until it names nothing."""
        self._pull_at = self._shop.on_call = None
        self._shop.faults.clear()
        self._away = {"idle"}
        self._houses[0] = await self._start(0)
        for stop in await self._houses[0].sayso.stops.list():
            for person in ("maria", "noor", "finn"):
                with contextlib.suppress(RefusedError):
                    await self._say_resume(0, stop.id, person)
        engine = self._houses[0].sayso.container.engine
        for _ in range(500):
            due, waits = await self._due()
            for action_id in due:
                try:
                    await engine.advance(MAIN, action_id)
                except RetryableError:  # as long as an effect may still appear
                    self._clock.advance(seconds=5)  # whoever serves would pause, too
            if not due and waits is None:
                return
            if not due and waits is not None:
                self._clock.advance(microseconds=waits)
        raise AssertionError("something stays due for ever")

    async def _due(self) -> tuple[list[str], int | None]:
        """What is due now, and in how many microseconds something else will be."""
        now = to_micros(self._clock.now())

        def work(reader: Reader) -> tuple[list[str], int | None]:
            due = [text(row, "id") for row in reader.all("dispatch.due_action", now=now, limit=99)]
            later = reader.one("dispatch.next_action", now=now)
            due_at = None if later is None else integer_or_none(later, "due_at")
            return due, None if due_at is None else due_at - now

        return await self._houses[0].sayso.container.store.read(work)

    async def _check_the_end(self) -> None:
        rows = await self._rows()
        paid = {payout.reference: payout for payout in self._shop.books.payouts}
        surely = self._shop.actions[0].guarantee.settle_after_s is not None
        for row in rows:
            if row.status is Status.SUCCEEDED:
                assert row.receipt is not None
                assert (row.receipt.id, row.amount) == (paid[row.id].id, paid[row.id].amount)
            elif row.status is Status.UNKNOWN:
                assert not surely
            else:
                assert row.id not in paid
                assert row.status in FINAL or _waits_for_a_person(row, rows), row
        receipts = [row.receipt for row in rows if row.status is Status.SUCCEEDED]
        moved = sum(
            receipt.amount.amount_minor for receipt in receipts if receipt and receipt.amount
        )
        unknown = {row.id for row in rows if row.status is Status.UNKNOWN}
        settled = [one for one in self._shop.books.payouts if one.reference not in unknown]
        assert moved == sum(payout.amount.amount_minor for payout in settled)


def _waits_for_a_person(row: ActionRow, rows: list[ActionRow]) -> bool:
    """Whether an earlier step of its plan is unknown, or waits itself for one that is."""
    before = [
        other for other in rows if other.request_id == row.request_id and other.step in row.after
    ]
    before += [other for other in rows if row.is_blocked and other.id == row.blocked_by]
    return row.status is Status.APPROVED and any(
        other.status is Status.UNKNOWN or _waits_for_a_person(other, rows) for other in before
    )


TestPlans = Plans.TestCase
TestPlans.settings = settings(
    max_examples=trials(8),
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestPlans.pytestmark = [  # type: ignore[attr-defined]
    pytest.mark.campaign,
    pytest.mark.promise("engine:one-effect"),
    pytest.mark.promise("engine:one-effect:workers"),
]
