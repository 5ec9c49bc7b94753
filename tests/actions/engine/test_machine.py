"""Random lives of actions over a real store: whatever happens, one effect and one truth."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest
from actions.slow_shop import SlowToShow
from actions.steps import MAIN, PlugPulledError, assert_verified, bodies, say, usd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from support.campaign import trials
from support.postgres import fresh_database
from support.postgres_server import PostgresServer
from support.shop import Shop, ShopFault
from support.shop_workspace import PEOPLE, POLICY, STORE_URLS, ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.engine.engine import Boundary
from sayso.actions.model.definition import Guarantee, at_most_once, idempotent, verifiable
from sayso.errors import SaysoError
from sayso.json import JsonValue
from sayso.money import Money
from sayso.store.postgres.connection import connect_plainly
from sayso.testing.clock import FakeClock

T = TypeVar("T")
STEPS = 25
ORDERS = ("o1", "o2")
AMOUNTS = st.sampled_from((1, 2000, 5000, 5001, 12_900, 20_000, 30_000, 50_001))
TIMES = st.sampled_from((1, None, 1, 3, 6, 30, 61, None, 3600, 32_400, 90_000, -3, -7200))
"""How the clock moves before everybody advances; None: it does not and nobody does."""
GUARANTEES = (
    idempotent(hours=24),
    idempotent(hours=24, settle_after_s=60),
    verifiable(settle_after_s=60),
    verifiable(settle_after_s=60),
    at_most_once(),
)
Wrong = ShopFault | Boundary
_LOST: list[Wrong] = [ShopFault.LOST_AFTER, ShopFault.LOST_BEFORE, ShopFault.LOST_AFTER]
_OTHER: list[Wrong] = [ShopFault.SAYS_NO, ShopFault.UNREACHABLE, ShopFault.BREAKS, *Boundary]
_HAPPENS = [*_LOST, *_OTHER]
WRONG = st.lists(st.sampled_from(_HAPPENS), max_size=2)
"""A provider that breaks its own promise is not in the game."""
MANY = POLICY.replace("context.count30d < 3", "context.count30d < 30")


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A refund is proposed; `again` with the key of the one before."""

    order: str
    minor: int
    wait: bool
    again: bool


@dataclass(frozen=True, kw_only=True)
class Say:
    """Somebody decides about one of the cards, open ones only or any."""

    which: int
    person: str
    choice: DecisionChoice
    minor: int
    wait: bool
    any_card: bool


@dataclass(frozen=True, kw_only=True)
class Change:
    """Somebody comes or goes, or the provider pays something back by hand."""

    person: str | None
    order: str


Event = Ask | Say | Change | None
_ORDER = st.sampled_from(ORDERS)
_RARELY = st.sampled_from((False, False, False, True))
_CHOICES = (
    DecisionChoice.APPROVE,
    DecisionChoice.APPROVE,
    DecisionChoice.APPROVE,
    DecisionChoice.EDIT,
    DecisionChoice.REJECT,
)
_ASK = st.builds(Ask, order=_ORDER, minor=AMOUNTS, wait=st.booleans(), again=_RARELY)
_SAY = st.builds(
    Say,
    which=st.integers(0, 5),
    person=st.sampled_from(("maria", "finn", "noor", "maria", "idle")),
    choice=st.sampled_from(_CHOICES),
    minor=AMOUNTS,
    wait=st.booleans(),
    any_card=_RARELY,
)
_CHANGE = st.builds(Change, person=st.sampled_from((None, None, "maria", "finn")), order=_ORDER)
EVENTS: st.SearchStrategy[Event] = st.one_of(_ASK, _SAY, _ASK, _SAY, st.none(), _CHANGE)


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
        self._proposed = 0
        self._shop = Shop()
        self._container: ShopWorkspace | None = None

    def log(self) -> list[dict[str, JsonValue]]:
        """Every body of the log, oldest first."""
        return bodies(self.workspace)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def _passing(self, boundary: Boundary) -> None:
        if boundary is self._pull_at:
            self._pull_at = None
            raise PlugPulledError

    @property
    def workspace(self) -> ShopWorkspace:
        assert self._container is not None
        return self._container

    @initialize(guarantee=st.sampled_from(GUARANTEES), shows_after=st.sampled_from((58, 20, 0)))
    def open(self, guarantee: Guarantee, shows_after: int) -> None:
        self._shop = SlowToShow(guarantee, self._clock, shows_after)
        for order in ORDERS:
            self._shop.books.add(order, "cus_1", Money(10_000_000, "USD"))
        self._run(self._reopen())

    async def _reopen(self) -> None:
        await self._stack.aclose()
        people = [
            {**person, "active": person["id"] not in {"idle", *self._away}} for person in PEOPLE
        ]
        self._container = await self._stack.enter_async_context(
            open_shop(
                Path(self._folder.name),
                shop=self._shop,
                clock=self._clock,
                passing=self._passing,
                policy=MANY,
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

    @rule(event=EVENTS, goes_wrong=WRONG, then=TIMES, callers=st.integers(1, 3))
    def happens(
        self, event: Event, goes_wrong: Sequence[Wrong], then: int | None, callers: int
    ) -> None:
        """One rule for all, or whole lives would pass in which nobody may propose."""
        for wrong in goes_wrong:
            if isinstance(wrong, Boundary):
                self._pull_at = wrong
            else:
                self._shop.faults.append(wrong)
        match event:
            case Ask():
                self._ask(event)
            case Say():
                self._say(event)
            case Change():
                self._change(event)
            case None:
                pass
        if then is not None:
            self._clock.advance(seconds=then)
            self._run(self._advance_all(callers))

    def _ask(self, event: Ask) -> None:
        self._proposed += not event.again
        self._try(
            self.workspace.sayso.propose(
                "shop.refund",
                {"order": event.order, "amount": usd(event.minor)},
                subject="cus_1",
                reason="it broke",
                wait=event.wait,
                idempotency_key=f"k{self._proposed}",
            )
        )

    def _say(self, event: Say) -> None:
        cards = self._run(
            self.workspace.sayso.approvals.list(status=None if event.any_card else "pending")
        )
        if cards:
            card = cards[event.which % len(cards)]
            args = {"amount": usd(event.minor)}
            decision = say(card, event.person, event.choice, args=args)
            self._try(self.workspace.sayso.approvals.decide_as(decision, wait=event.wait))

    def _change(self, event: Change) -> None:
        if event.person is None:
            known = self._shop.books.orders[event.order]
            left = known.paid.amount_minor - known.refunded_minor
            known.refunded_minor += min(1, left)
        else:
            self._away ^= {event.person}
            self._run(self._reopen())

    async def _advance_all(self, callers: int) -> None:
        engine = self.workspace.sayso.container.engine
        views = await self.workspace.sayso.actions.list(limit=200)
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
        if self._container is None:
            return
        counts = Counter(payout.reference for payout in self._shop.books.payouts)
        assert all(count == 1 for count in counts.values()), counts
        log = self.log()
        intents = {str(body["action"]) for body in log if body["kind"] == "action.intent"}
        assert set(counts) <= intents

    @invariant()
    def what_asked_was_approved_under_the_same_digest(self) -> None:
        if self._container is None:
            return
        asked: set[object] = set()
        approved: set[object] = set()
        for body in self.log():
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
            if self._container is not None:
                self._run(self._check_the_end())
                if self.log():
                    assert_verified(self.workspace)
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
        for view in await self.workspace.sayso.actions.list(limit=200):
            if view.status == "succeeded":
                assert view.receipt is not None
                assert view.receipt.id == paid[view.id].id
                assert view.amount == paid[view.id].amount
            elif view.status in {"unknown", "executing"}:
                open_ends.add(view.id)
            else:
                assert view.id not in paid, view.status
        kind = self._shop.actions[0].guarantee.kind
        intents = Counter(
            str(body["action"]) for body in self.log() if body["kind"] == "action.intent"
        )
        # A payment that was claimed twice is not called a third time, whatever can be looked up.
        assert kind != "verifiable" or all(intents[one] > 1 for one in open_ends), open_ends


class LivesOnPostgres(Lives):
    """The same lives, each in a fresh database of a server."""

    server: PostgresServer

    def __init__(self) -> None:
        super().__init__()
        self._database = ExitStack()
        self._url = self._database.enter_context(fresh_database(self.server))
        STORE_URLS.append(self._url)

    def log(self) -> list[dict[str, JsonValue]]:
        """Every body of the log, oldest first."""
        with connect_plainly(self._url) as reader:
            rows = reader.execute("select body from sayso.log_entry order by seq").fetchall()
        return [orjson.loads(body) for (body,) in rows]

    def teardown(self) -> None:
        """The server keeps nothing of it."""
        try:
            super().teardown()
        finally:
            STORE_URLS.remove(self._url)
            self._database.close()


@pytest.mark.campaign
@pytest.mark.promise("audit:rebuilt")
def test_lives_on_postgresql_end_with_the_rows_that_their_log_gives(
    postgres_server: PostgresServer,
) -> None:
    """Invariant 3 on the other store: after whatever happened, rebuilt rows equal stored ones."""
    LivesOnPostgres.server = postgres_server
    run_state_machine_as_test(  # pyright: ignore[reportUnknownMemberType]
        LivesOnPostgres, settings=settings(TestLives.settings, max_examples=trials(2))
    )


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=trials(8),
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLives.pytestmark = [  # type: ignore[attr-defined]
    pytest.mark.campaign,
    pytest.mark.promise("engine:one-effect"),
    pytest.mark.promise("approvals:bound"),
    pytest.mark.promise("audit:rebuilt"),
]
