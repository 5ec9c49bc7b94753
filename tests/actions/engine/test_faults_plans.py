"""A plan taken back under a stop, timers, and a person's word, with trouble in any statement.

Who asks does what docs/reference/errors.md says: on an error the same thing is said again, under
the same key
where it has one. A long campaign takes every statement; without it a sweep takes some.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest
from actions.approvals.test_reminders import PEOPLE, TIMERS, told
from actions.engine.test_compensation import RULES, gift, plan_of, refund, submit
from actions.steps import (
    ASKED,
    MAIN,
    PlugPulledError,
    assert_verified,
    bodies,
    run_due,
    say,
    shown,
    usd,
)
from support.campaign import stride
from support.faults.points import Points
from support.faults.sqlite import fail_statement
from support.faults.stores import TappedStore
from support.faults.sweep import sweep
from support.gift_shop import GiftShop
from support.shop import ShopFault
from support.shop_workspace import ShopWorkspace, make_shop_workspace

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.controls.kill_switch import Resumption
from sayso.actions.controls.manual_resolution import ManualSettlement
from sayso.actions.model.definition import verifiable
from sayso.actions.model.plan import OnFailure
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, RefusedError, SaysoError
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock


@contextlib.contextmanager
def accepted() -> Generator[None]:
    """What is said again may be refused as said already."""
    try:
        yield
    except RefusedError as error:
        if error.code not in SAID_ALREADY:
            raise


TRIES = 4
SAID_ALREADY = {Code.ALREADY_DECIDED, Code.WRONG_STATE}
"""What somebody is told who says again what was taken, although its answer was lost."""
Act = Callable[["Life"], Awaitable[None]]


class Life:
    """Acts one after the other, each until it is done, in as many processes as that takes."""

    def __init__(self, folder: Path, points: Points) -> None:
        self.workspace = make_shop_workspace(folder, RULES, people=PEOPLE, approvals=TIMERS)
        self.clock = FakeClock()
        self.shop = GiftShop(verifiable(settle_after_s=60))
        for order in ("o1", "o2", "o3"):
            self.shop.books.add(order, "cus_1", Money(100_000, "USD"))
        self.codes: set[Code] = set()
        self.kept: dict[str, str] = {}
        self._points = points
        self._container: ShopWorkspace | None = None

    @property
    def opened(self) -> ShopWorkspace:
        """The process that lives now."""
        assert self._container is not None
        return self._container

    @asynccontextmanager
    async def process(self, *, trouble: bool = True) -> AsyncGenerator[None]:
        """A process of its own, which does only what it is asked for."""
        real = SqliteStore(self.workspace.store_path)
        store = TappedStore(real, self._points) if trouble else real
        sayso = Sayso(
            self.workspace, mode="decide", connectors=[self.shop], clock=self.clock, store=store
        )
        async with sayso:
            self._container = ShopWorkspace(
                sayso=sayso, shop=self.shop, clock=self.clock, workspace=self.workspace
            )
            yield

    async def live(self) -> None:
        """All acts."""
        left = list(ACTS)
        for _ in range(TRIES):
            with contextlib.suppress(PlugPulledError):
                async with self.process():
                    while left:
                        await self._do(left[0])
                        left.pop(0)
            if not left:
                return
        raise AssertionError(f"never done: {left[0].__name__}")

    async def _do(self, act: Act) -> None:
        for _ in range(TRIES):
            try:
                return await act(self)
            except SaysoError as error:
                self.codes.add(error.code)
        raise AssertionError(f"never done: {act.__name__}")


async def plans(life: Life) -> None:
    """Two gifts, then a refund about which people are asked."""
    await submit(
        life.opened,
        OnFailure.UNDO,
        *(gift("s1", 1000), gift("s2", 2000, "s1"), refund("s3", ASKED, "s2")),
    )


async def maria_agrees_to_the_gifts(life: Life) -> None:
    """And not to the refund yet, so that there is something to take back."""
    for step in ("s1", "s2"):
        card = await shown(life.opened, (await plan_of(life.opened))[step])
        if card.status == "pending":
            with accepted():
                await life.opened.sayso.approvals.decide_as(say(card), wait=False)
        await run_due(life.opened)


async def is_reminded(life: Life) -> None:
    """Nobody decides for two hours."""
    if "waited" not in life.kept:
        life.clock.advance(hours=2)
        life.kept["waited"] = "yes"
    await run_due(life.opened)


async def is_stopped(life: Life) -> None:
    """Before anybody says no."""
    stop = await life.opened.sayso.stops.engage(
        "connector", "shop", reason="INC-7", idempotency_key="stop-1"
    )
    life.kept["stop"] = stop.id


async def director_says_no(life: Life) -> None:
    """Dora, to whom it was escalated; so the gifts have to be taken back."""
    card = await shown(life.opened, (await plan_of(life.opened))["s3"])
    if card.status == "pending":
        with accepted():
            await life.opened.sayso.approvals.decide_as(
                say(card, "dora", DecisionChoice.REJECT), wait=False
            )
    await run_due(life.opened)
    assert life.shop.taken == []


async def two_resume(life: Life) -> None:
    """Maria asks, finn confirms."""
    for person in ("maria", "finn"):
        word = Resumption(
            tenant=MAIN,
            stop_id=life.kept["stop"],
            person=person,
            via="test",
            credential="host",
            key=person,
        )
        with accepted():
            await life.opened.sayso.stops.resume_as(word)
    assert await life.opened.sayso.stops.list() == []
    await run_due(life.opened)


async def loses_an_answer(life: Life) -> None:
    """Another refund, of which nobody knows the outcome, until maria says what she has seen."""
    if "lost" not in life.kept:
        life.shop.faults.append(ShopFault.LOST_AFTER)
        life.kept["lost"] = "yes"
    view = await life.opened.sayso.propose(
        "shop.refund", {"order": "o2", "amount": usd(2000)}, subject="cus_1", idempotency_key="lost"
    )
    view = await life.opened.sayso.actions.get(view.id)
    while view.status not in {"unknown", "succeeded"} or not life.shop.books.payouts:
        life.clock.advance(seconds=70)  # a call that a crash kept from leaving is made then
        await life.opened.sayso.container.engine.advance(MAIN, view.id)
        view = await life.opened.sayso.actions.get(view.id)
    life.kept["unknown"] = view.id
    resolution = ManualSettlement(
        tenant=MAIN,
        action_id=view.id,
        outcome="succeeded",
        evidence="seen in the books",
        receipt_id=life.shop.books.payouts[-1].id,
        person="maria",
        via="test",
        credential="host",
    )
    with accepted():
        await life.opened.sayso.container.settlements.settle(resolution)


async def lowers(life: Life) -> None:
    """A card of which maria allows less, which needs nobody then."""
    view = await life.opened.sayso.propose(
        "shop.refund",
        {"order": "o3", "amount": usd(ASKED)},
        subject="cus_1",
        idempotency_key="lower",
        requester=Actor(kind=ActorKind.AGENT, id="agent"),
    )
    view = await life.opened.sayso.actions.get(view.id)
    if view.status == "pending_approval":
        card = await shown(life.opened, view)
        args = {"amount": usd(4000)}
        await life.opened.sayso.approvals.decide_as(
            say(card, "maria", DecisionChoice.EDIT, args=args), wait=False
        )
    await run_due(life.opened)


ACTS: tuple[Act, ...] = (
    *(plans, maria_agrees_to_the_gifts, is_reminded, is_stopped, director_says_no, two_resume),
    *(loses_an_answer, lowers),
)


async def judge(life: Life) -> None:
    """Trouble is over: another process runs what is left, and all is as it was said, once."""
    async with life.process(trouble=False):
        life.clock.advance(minutes=5)
        await run_due(life.opened)
        found = {step: view.status for step, view in (await plan_of(life.opened)).items()}
        assert found == {
            "s1": "compensated",
            "s2": "compensated",
            "s3": "rejected",
            "s2-undo": "succeeded",
            "s1-undo": "succeeded",
        }
        assert life.shop.taken == ["gift_2", "gift_1"]
        assert len(life.shop.gifts) == 2
        paid = [(one.order, one.amount.amount_minor) for one in life.shop.books.payouts]
        assert paid == [("o2", 2000), ("o3", 4000)]
        lost = await life.opened.sayso.actions.get(life.kept["unknown"])
        assert lost.status == "succeeded"
        assert told(life.opened) == ["approval.reminded", "approval.escalated"]
        kinds = Counter(str(body["kind"]) for body in bodies(life.opened))
        once = ("stop.engaged", "stop.released", "plan.undoing", "action.edited", "action.rejected")
        assert {kind: kinds[kind] for kind in once} == dict.fromkeys(once, 1)
        assert kinds["action.compensated"] == 2
        assert_verified(life.opened)


async def sweep_lives(
    folder: Path, strike: Callable[[], None], name: str, every: int
) -> tuple[set[Code], tuple[str, ...]]:
    """A life with the trouble at each point; the codes that were told, and where it struck."""
    codes: set[Code] = set()
    numbers = count()

    async def one(at: int) -> Points:
        points = Points(strike, name=name, at=at)
        life = Life(folder / str(next(numbers)), points)
        await life.live()
        await judge(life)
        codes.update(life.codes)
        return points

    found = await sweep(one, first=1 + every // 2, every=every)
    return codes, found.struck


@pytest.mark.promise("plans:undo")
@pytest.mark.promise("stop:crash")
async def test_a_statement_that_fails_under_a_plan_a_stop_or_a_word_is_made_good(
    tmp_path: Path,
) -> None:
    """Whoever spoke is told `store_unavailable`, says it again, and it counts once."""
    codes, struck = await sweep_lives(tmp_path, fail_statement, "[rw]*", stride(97))
    assert codes - SAID_ALREADY <= {Code.STORE_UNAVAILABLE}
    assert struck


@pytest.mark.promise("plans:undo")
@pytest.mark.promise("stop:crash")
async def test_a_crash_anywhere_in_a_plan_a_stop_or_a_word_loses_nothing(tmp_path: Path) -> None:
    """In each statement, before and after each commit: the next process goes on."""

    def pull() -> None:
        raise PlugPulledError

    codes, struck = await sweep_lives(tmp_path, pull, "*", stride(101))
    assert codes <= SAID_ALREADY
    assert struck
