"""Random lives of actions over a real store: whatever happens, one effect and one truth.

`SAYSO_MACHINE_EXAMPLES=2000` runs longer; `SAYSO_MACHINE_STEPS` sets how long each life is.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
from actions.desk import MAIN, assert_verified, bodies, say, usd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.house import PEOPLE, ShopHouse, open_shop

from sayso.actions.action import Guarantee, at_most_once, idempotent, verifiable
from sayso.actions.approvals import Choice
from sayso.actions.engine import Boundary
from sayso.errors import SaysoError
from sayso.money import Money
from sayso.testing.clock import FakeClock
from sayso.testing.shop import Shop, ShopFault

T = TypeVar("T")
EXAMPLES = int(os.environ.get("SAYSO_MACHINE_EXAMPLES", "40"))
STEPS = int(os.environ.get("SAYSO_MACHINE_STEPS", "25"))
ORDERS = ("o1", "o2")
AMOUNTS = st.sampled_from((1, 4999, 5000, 5001, 12_900, 50_000, 50_001, 90_000, 300_000))
GUARANTEES = (
    idempotent(hours=24),
    idempotent(hours=24, settle_after_s=60),
    verifiable(settle_after_s=60),
    at_most_once(),
)
FAULTS = st.sampled_from([fault for fault in ShopFault if fault is not ShopFault.TWICE])
"""A provider that breaks its own promise is not in the game."""


class PlugPulledError(Exception):
    """Stands for the power cut at a boundary."""


class Lives(RuleBasedStateMachine):
    """Actions of one customer with two orders, under people, faults, crashes and a bad clock."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._folder = tempfile.TemporaryDirectory()
        self._stack = AsyncExitStack()
        self._clock = FakeClock()
        self._pull_at: Boundary | None = None
        self._away: set[str] = set()
        self._shop = Shop()
        self._house: ShopHouse | None = None

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def _passing(self, boundary: Boundary) -> None:
        if boundary is self._pull_at:
            self._pull_at = None
            raise PlugPulledError

    @property
    def house(self) -> ShopHouse:
        assert self._house is not None
        return self._house

    @initialize(guarantee=st.sampled_from(GUARANTEES))
    def open(self, guarantee: Guarantee) -> None:
        self._shop = Shop(guarantee)
        for order in ORDERS:
            self._shop.books.add(order, "cus_1", Money(200_000, "USD"))
        self._run(self._reopen())

    async def _reopen(self) -> None:
        await self._stack.aclose()
        people = [
            {**person, "active": person["id"] not in {"idle", *self._away}} for person in PEOPLE
        ]
        self._house = await self._stack.enter_async_context(
            open_shop(
                Path(self._folder.name),
                shop=self._shop,
                clock=self._clock,
                passing=self._passing,
                people=people,
            )
        )

    def _try(self, work: Coroutine[Any, Any, object]) -> None:
        """Whatever is refused or breaks off is refused or broken off; the books are looked at."""
        try:
            self._run(work)
        except (SaysoError, PlugPulledError):
            return

    # ---- what can happen ----------------------------------------------------------------------

    @rule(order=st.sampled_from(ORDERS), minor=AMOUNTS, wait=st.booleans(), key=st.integers(0, 30))
    def propose(self, order: str, minor: int, wait: bool, key: int) -> None:
        self._try(
            self.house.sayso.propose(
                "shop.refund",
                {"order": order, "amount": usd(minor)},
                subject="cus_1",
                reason="it broke",
                wait=wait,
                key=f"k{key}",
            )
        )

    @rule(data=st.data(), choice=st.sampled_from(Choice), wait=st.booleans(), old=st.booleans())
    def decide(self, data: st.DataObject, choice: Choice, wait: bool, old: bool) -> None:
        cards = self._run(self.house.sayso.approvals(status=None))
        if not cards:
            return
        card = data.draw(st.sampled_from(cards), label="card")
        person = data.draw(st.sampled_from(["maria", "noor", "finn", "idle"]), label="person")
        args = {"amount": usd(data.draw(AMOUNTS, label="less"))}
        decision = say(card, person, choice, args=args, revision=1 if old else None)
        self._try(self.house.sayso.decide_as(decision, wait=wait))

    @rule(fault=FAULTS)
    def provider_fails_next(self, fault: ShopFault) -> None:
        self._shop.faults.append(fault)

    @rule(boundary=st.sampled_from(Boundary))
    def plug_is_pulled_next(self, boundary: Boundary) -> None:
        self._pull_at = boundary

    @rule(seconds=st.sampled_from((1, 4, 6, 61, 3600, 9 * 3600, 25 * 3600, -3, -30, -7200)))
    def clock_moves(self, seconds: int) -> None:
        self._clock.advance(seconds=seconds)

    @rule(order=st.sampled_from(ORDERS), minor=st.sampled_from((1, 50_000)))
    def refund_by_hand(self, order: str, minor: int) -> None:
        known = self._shop.books.orders[order]
        known.refunded_minor = min(known.refunded_minor + minor, known.paid.amount_minor)

    @rule(person=st.sampled_from(["maria", "noor", "finn"]))
    def person_goes_or_comes_back(self, person: str) -> None:
        self._away ^= {person}
        self._run(self._reopen())

    @rule(callers=st.integers(1, 4))
    def advance(self, callers: int) -> None:
        self._run(self._advance_all(callers))

    async def _advance_all(self, callers: int) -> None:
        engine = self.house.sayso.house.engine
        views = await self.house.sayso.actions(limit=200)
        answers = await asyncio.gather(
            *(engine.advance(MAIN, view.id) for view in views for _ in range(callers)),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(
                answer, SaysoError | PlugPulledError
            ):
                raise answer

    # ---- what holds after each of it ----------------------------------------------------------

    @invariant()
    def one_effect_each_and_never_without_an_intent(self) -> None:
        if self._house is None:
            return
        counts = Counter(payout.reference for payout in self._shop.books.payouts)
        assert all(count == 1 for count in counts.values()), counts
        log = bodies(self._house)
        intents = {str(body["action"]) for body in log if body["kind"] == "action.intent"}
        assert set(counts) <= intents

    @invariant()
    def what_asked_was_approved_under_the_same_digest(self) -> None:
        if self._house is None:
            return
        asked: set[object] = set()
        approved: set[object] = set()
        for body in bodies(self._house):
            data, digest = body.get("data"), body.get("digest")
            if body["kind"] == "action.pending" or (
                body["kind"] == "action.edited" and body["status"] == "pending_approval"
            ):
                asked.add(digest)
            elif body["kind"] in {"action.approved", "action.edited"}:
                actor = body["actor"]
                assert isinstance(actor, dict)
                if actor["kind"] == "person":
                    approved.add(digest)
            elif body["kind"] == "action.intent" and digest in asked:
                assert digest in approved
                assert isinstance(data, dict)
                assert data.get("again") or data["approvers"]

    def teardown(self) -> None:
        try:
            if self._house is not None:
                self._run(self._check_the_end())
                if bodies(self.house):
                    assert_verified(self.house)
        finally:
            self._run(self._stack.aclose())
            self._runner.close()
            self._folder.cleanup()

    async def _check_the_end(self) -> None:
        """Let everything come to rest; then receipts and books say the same."""
        self._pull_at = None
        self._shop.faults.clear()
        for _ in range(4):
            await self._advance_all(1)
            self._clock.advance(hours=2)
        await self._advance_all(1)
        paid = {payout.reference: payout for payout in self._shop.books.payouts}
        open_ends: set[str] = set()
        for view in await self.house.sayso.actions(limit=200):
            if view.status == "succeeded":
                assert view.receipt is not None
                assert view.receipt.id == paid[view.id].id
                assert view.amount == paid[view.id].amount
            elif view.status in {"unknown", "executing"}:
                open_ends.add(view.id)
            else:
                assert view.id not in paid, view.status
        kind = self._shop.actions[0].guarantee.kind
        assert kind != "verifiable" or not open_ends, open_ends


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLives.pytestmark = [  # type: ignore[attr-defined]
    pytest.mark.promise("engine:one-effect"),
    pytest.mark.promise("approvals:bound"),
]
