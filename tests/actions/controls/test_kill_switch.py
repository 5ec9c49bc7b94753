"""The stop switch: what it holds, from when, and how it ends."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from actions.controls.test_blocking import OFTEN, serve
from actions.controls.test_manual_resolution import found
from actions.steps import (
    MAIN,
    PlugPulledError,
    advance,
    assert_verified,
    bodies,
    decide,
    propose,
    run_due,
    say,
    settle,
    shown,
    stock,
    usd,
)
from support.shop import Shop, ShopFault
from support.shop_workspace import POLICY, ShopWorkspace, open_shop

from sayso.actions.controls.kill_switch import Resumption, Stops
from sayso.actions.engine.engine import Boundary
from sayso.actions.model.action_row import get_action
from sayso.actions.model.definition import verifiable
from sayso.actions.model.snapshot import Call
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import RefusedError, SaysoError
from sayso.ids import Tenant, to_micros
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.views.rows import ActionView, StopView
from sayso.store.base import Reader, Store, Transaction
from sayso.testing.clock import FakeClock

T = TypeVar("T")
MARIA = Actor(kind=ActorKind.PERSON, id="maria")
SCOPES = [
    ("all", ""),
    ("tenant", ""),
    ("connector", "shop"),
    ("action", "shop.refund"),
    ("customer", "cus_1"),
]


async def stop(opened: ShopWorkspace, scope: str = "all", target: str = "") -> StopView:
    """Stop as maria."""
    return await opened.sayso.stops.engage(scope, target, reason="INC-7", by=MARIA, via="test")


async def resume(
    opened: ShopWorkspace, stopped: StopView, *people: str, key: str = "", tenant: Tenant = MAIN
) -> StopView:
    """Resume as these people, one after the other."""
    found = stopped
    for person in people or ("maria", "noor"):
        found = await opened.sayso.stops.resume_as(
            Resumption(
                tenant=tenant,
                stop_id=stopped.id,
                person=person,
                via="test",
                credential="host",
                key=key or f"{person}-{stopped.id}",
            )
        )
    return found


async def refused(opened: ShopWorkspace, stopped: StopView, person: str, key: str = "") -> str:
    """The code with which a person's word is refused; `done` when it is taken."""
    try:
        await resume(opened, stopped, person, key=key)
    except RefusedError as error:
        return error.code.value
    return "done"


def kinds(opened: ShopWorkspace, view: ActionView) -> list[str]:
    """The kinds of an action's entries, oldest first."""
    return [str(body["kind"]) for body in bodies(opened) if body.get("action") == view.id]


async def _make_due(opened: ShopWorkspace, view: ActionView) -> None:
    def work(tx: Transaction) -> None:
        row = get_action(tx, MAIN, view.id)
        now = to_micros(opened.clock.now())
        tx.run("action.due_again", tenant=MAIN, id=row.id, last_seq=row.last_seq, due_at=now)

    await opened.sayso.container.store.write(work)


@pytest.mark.promise("stop:holds")
@pytest.mark.parametrize(("scope", "target"), SCOPES)
async def test_each_scope_holds_what_it_names(tmp_path: Path, scope: str, target: str) -> None:
    """Global, tenant, connector, verb, customer; judged and stored, and not called."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        stopped = await stop(opened, scope, target)
        view = await propose(opened, 2000)
        assert view.status == "approved"
        assert view.held is not None
        assert (view.held.by, view.held.code) == (stopped.id, "stopped")
        assert "INC-7" in view.held.reason
        assert opened.shop.books.calls == []
        assert (await opened.sayso.stops.list())[0].held == 1
        listed = (await opened.sayso.actions.list())[0]
        assert listed.held == view.held
        await resume(opened, stopped)
        assert (await advance(opened, view)).status == "succeeded"
        assert len(opened.shop.books.payouts) == 1
        assert (await opened.sayso.stops.list()) == []
        assert_verified(opened)


@pytest.mark.promise("stop:holds")
async def test_a_narrow_stop_leaves_the_others_alone(tmp_path: Path) -> None:
    """Another customer's, and another action's, go on."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        await stop(opened, "customer", "cus_2")
        for scope, target in (("connector", "shop2"), ("action", "shop.refunds")):
            with pytest.raises(RefusedError, match="hold nothing; did you mean `shop"):
                await stop(opened, scope, target)
        assert (await propose(opened, 2000)).status == "succeeded"


@pytest.mark.promise("stop:resumed")
async def test_a_held_yes_runs_after_the_resume_without_a_new_one(tmp_path: Path) -> None:
    """A stop takes no decision back; the claim checks everything again, and there is one effect."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
        stopped = await stop(opened)
        await decide(opened, say(await shown(opened, view)))
        view = await advance(opened, view)
        assert view.held is not None
        assert view.approval is not None
        assert view.approval.status == "approved"
        for _ in range(3):  # as a step of its plan would put it back
            await _make_due(opened, view)
            assert (await advance(opened, view)).held == view.held
        assert kinds(opened, view).count("action.held") == 1
        opened.clock.advance(hours=2)
        await resume(opened, stopped)
        view = await advance(opened, view)
        assert (view.status, view.held) == ("succeeded", None)
        assert len(opened.shop.books.payouts) == 1
        assert_verified(opened)


@pytest.mark.promise("stop:resumed")
@pytest.mark.parametrize(("days", "status"), [(0, "succeeded"), (2, "pending_approval")])
async def test_what_was_allowed_long_ago_is_judged_by_what_is_there_now(
    tmp_path: Path, days: int, status: str
) -> None:
    """A fact that a rule reads changes under a stop, and nothing that is compared at the claim."""
    policy = POLICY.replace(
        "context.count30d < 3", 'context.paid.lessThanOrEqual(decimal("1000.00"))'
    )
    async with open_shop(tmp_path, policy=policy) as opened:
        stock(opened)
        stopped = await stop(opened)
        view = await propose(opened, 2000)
        assert view.status == "approved"
        opened.shop.books.orders["o1"].paid = Money(120_000, "USD")
        opened.clock.advance(days=days)
        await resume(opened, stopped)
        view = await advance(opened, view)
        assert view.status == status
        assert kinds(opened, view).count("action.stale") == (days > 0)
        assert_verified(opened)


@pytest.mark.promise("stop:resumed")
@pytest.mark.parametrize("change", ["approval", "object"])
async def test_what_is_not_valid_any_more_does_not_run_after_the_resume(
    tmp_path: Path, change: str
) -> None:
    """The time of an approval goes on, and the object is read anew: it is asked again."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
        stopped = await stop(opened)
        await decide(opened, say(await shown(opened, view)))
        if change == "approval":
            opened.clock.advance(hours=9)
        else:
            opened.shop.books.orders["o1"].refunded_minor += 1
        await resume(opened, stopped)
        view = await advance(opened, view)
        assert view.status == "pending_approval"
        assert view.revision == 2
        assert opened.shop.books.calls == []


@pytest.mark.promise("stop:two-people")
async def test_neither_of_two_people_resumes_alone(tmp_path: Path) -> None:
    """One asks, another one confirms; the same twice, the unknown and the idle do not."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        stopped = await stop(opened)
        assert await refused(opened, stopped, "idle") == "not_an_approver"
        assert await refused(opened, stopped, "stranger") == "not_an_approver"
        assert await refused(opened, stopped, "maria") == "done"
        assert (await opened.sayso.stops.list())[0].status == "resume_asked"
        assert await refused(opened, stopped, "maria", key="again") == "own_request"
        view = await propose(opened, 2000)
        assert view.held is not None
        released = await resume(opened, stopped, "finn")
        assert (released.status, released.asked_by, released.released_by) == (
            "released",
            "maria",
            "finn",
        )
        assert await refused(opened, stopped, "noor") == "already_decided"
        told = [body["kind"] for body in bodies(opened) if str(body["kind"]).startswith("stop.")]
        assert told == [
            "stop.engaged",
            "stop.refused",
            "stop.refused",
            "stop.resume_asked",
            "stop.refused",
            "stop.released",
            "stop.refused",
        ]


@pytest.mark.promise("stop:two-people")
async def test_the_right_role_is_needed_for_both(tmp_path: Path) -> None:
    """`stop.roles` names who may have a part in it; whoever lost the role counts for nothing."""
    stop_roles = {"roles": ["finance"]}
    async with open_shop(tmp_path, stop=stop_roles) as opened:
        stopped = await stop(opened)
        assert await refused(opened, stopped, "maria") == "not_an_approver"
        assert await refused(opened, stopped, "finn") == "done"
    people = [
        {"id": "finn", "roles": ["support_manager"]},
        {"id": "noor", "roles": ["finance"]},
        {"id": "fay", "roles": ["finance"]},
    ]
    async with open_shop(tmp_path, stop=stop_roles, people=people) as opened:
        assert (await resume(opened, stopped, "noor")).status == "resume_asked"
        assert (await resume(opened, stopped, "fay")).status == "released"


@pytest.mark.promise("stop:two-people")
async def test_a_repeated_word_is_one(tmp_path: Path) -> None:
    """The same key of the same person changes nothing twice, before and after the end."""
    async with open_shop(tmp_path) as opened:
        stopped = await stop(opened)
        asked = await resume(opened, stopped, "maria", key="k1")
        assert await resume(opened, stopped, "maria", key="k1") == asked
        ended = await resume(opened, stopped, "noor", key="k2")
        assert await resume(opened, stopped, "noor", key="k2") == ended
        assert await resume(opened, stopped, "maria", key="k1") == ended
        assert sum(str(body["kind"]).startswith("stop.") for body in bodies(opened)) == 3


async def test_each_stop_is_released_for_itself(tmp_path: Path) -> None:
    """Whoever stops is not overruled by the release of another stop; each is told once."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        first = await stop(opened)
        opened.clock.advance(seconds=1)
        second = await stop(opened, "customer", "cus_1")
        view = await propose(opened, 2000)
        await resume(opened, first)
        view = await advance(opened, view)
        assert view.held is not None
        assert view.held.by == second.id
        await resume(opened, second)
        assert (await advance(opened, view)).status == "succeeded"
        assert kinds(opened, view).count("action.held") == 2


async def test_the_same_key_is_one_stop(tmp_path: Path) -> None:
    """A caller that repeats its call does not stop twice, and cannot turn the key to another."""
    async with open_shop(tmp_path) as opened:
        first = await opened.sayso.stops.engage("all", idempotency_key="k", reason="x")
        assert await opened.sayso.stops.engage("all", idempotency_key="k", reason="x") == first
        with pytest.raises(RefusedError, match="used for another stop"):
            await opened.sayso.stops.engage("all", idempotency_key="k", reason="y")


@pytest.mark.promise("stop:fail-closed")
@pytest.mark.parametrize("wait", [True, False], ids=["in one commit", "later"])
async def test_nothing_happens_when_the_stops_cannot_be_read(tmp_path: Path, wait: bool) -> None:
    """Invariant 10: a guard that cannot be evaluated holds."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened, 2000, wait=False)
        with sqlite3.connect(opened.workspace.store_path) as connection:
            connection.execute("alter table stop rename to gone")
        connection.close()
        with pytest.raises(SaysoError):
            await (propose(opened, 2000) if wait else advance(opened, view))
        assert opened.shop.books.calls == []
        with sqlite3.connect(opened.workspace.store_path) as connection:
            connection.execute("alter table gone rename to stop")
        connection.close()
        assert (await advance(opened, view)).status == "succeeded"


@pytest.mark.promise("stop:under-way")
async def test_a_call_under_way_is_finished_and_settled(tmp_path: Path) -> None:
    """What has left the house is written down; only what would follow is held."""
    async with open_shop(tmp_path) as opened:
        stock(opened, "o1", "o2")
        stopped: list[StopView] = []

        async def pull(call: Call) -> None:
            opened.shop.on_call = None
            stopped.append(await stop(opened))

        opened.shop.on_call = pull
        assert (await propose(opened, 2000)).status == "succeeded"
        assert (await propose(opened, 2000, order="o2")).held is not None
        assert_verified(opened)


@pytest.mark.promise("stop:prompt")
async def test_a_worker_that_dawdles_after_its_claim_looks_again(tmp_path: Path) -> None:
    """A stop holds within a second: what was claimed before it, and has not left, is taken back."""
    stopped: list[StopView] = []
    armed = [True]
    clock = FakeClock()
    async with open_shop(tmp_path, clock=clock) as other:

        def dawdle(boundary: Boundary) -> None:
            if boundary is Boundary.AFTER_INTENT and armed:
                armed.clear()
                clock.advance(seconds=0.6)

        shop = Shop()
        async with open_shop(tmp_path, clock=clock, shop=shop, passing=dawdle) as slow:
            stock(slow)
            held = await _claim_then_stop(slow, other, stopped)
            assert (held.status, shop.books.calls) == ("approved", [])
            assert held.held is not None
            await resume(other, stopped[0])
            assert (await advance(slow, held)).status == "succeeded"
            assert len(shop.books.payouts) == 1
            assert_verified(slow)


async def _claim_then_stop(
    slow: ShopWorkspace, other: ShopWorkspace, stopped: list[StopView]
) -> ActionView:
    """Claim in one process, stop in another, and only then go on to the call."""
    view = await propose(slow, 2000, wait=False)
    engine = slow.sayso.container.engine
    row = await slow.sayso.container.store.read(lambda reader: get_action(reader, MAIN, view.id))
    claimed = await slow.sayso.container.store.write(lambda tx: engine.claim_in(tx, row))
    assert claimed is not None
    assert not isinstance(claimed, str)
    stopped.append(await stop(other))
    await engine.call_claimed(claimed)
    return await slow.sayso.actions.get(view.id)


@pytest.mark.promise("stop:second-call")
@pytest.mark.parametrize("did", [True, False], ids=["did it", "did not"])
async def test_a_lost_answer_is_looked_up_and_not_called_again(tmp_path: Path, did: bool) -> None:
    """A look-up is no effect, so it goes on; a second call is one, so it waits."""
    shop = Shop(verifiable(settle_after_s=60))
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        shop.faults.append(ShopFault.LOST_AFTER if did else ShopFault.LOST_BEFORE)
        view = await propose(opened, 2000)
        assert view.status == "unknown"
        stopped = await stop(opened)
        view = await settle(opened, view, tries=5)
        assert len(shop.books.calls) == 1
        if did:
            assert view.status == "succeeded"
            return
        assert view.status == "unknown"
        assert view.held is not None
        assert kinds(opened, view).count("action.unknown") <= 3
        await resume(opened, stopped)
        assert (await settle(opened, view, tries=2)).status == "succeeded"
        assert len(shop.books.payouts) == 1
        assert_verified(opened)


async def test_an_unknown_that_is_put_back_early_waits_on_for_its_stop(tmp_path: Path) -> None:
    """A person's word about one held unknown puts others back too, whom the stop still holds."""
    shop = Shop(verifiable(settle_after_s=60))
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened, "o1", "o2")
        shop.faults += [ShopFault.LOST_BEFORE, ShopFault.LOST_BEFORE]
        views = [await propose(opened, 2000, order=order) for order in ("o1", "o2")]
        stopped = await stop(opened)
        opened.clock.advance(minutes=70)
        views = [await advance(opened, view) for view in views]
        assert [view.held is not None for view in views] == [True, True]
        await opened.sayso.actions.settle_as(found(views[0], "failed", receipt=""))
        await run_due(opened)
        assert (await opened.sayso.actions.get(views[1].id)).held is not None
        await resume(opened, stopped)
        await run_due(opened)
        assert (await opened.sayso.actions.get(views[1].id)).status == "succeeded"
        assert len(shop.books.payouts) == 1
        assert_verified(opened)


async def test_only_the_operator_stops_every_tenant(tmp_path: Path) -> None:
    """Invariant 9: one tenant's people hold nothing of another's; the operator holds all."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        with pytest.raises(RefusedError, match="only the operator"):
            await opened.sayso.stops.engage("all", tenant="other")
        other = await opened.sayso.stops.engage("tenant", tenant="other")
        assert (await propose(opened, 100)).status == "succeeded"
        assert await refused(opened, other, "maria") == "not_found"
        stopped = await stop(opened)
        args: dict[str, JsonValue] = {"order": "o1", "amount": usd(100)}
        await resume(opened, other, tenant=Tenant("other"))
        view = await opened.sayso.propose("shop.refund", args, subject="cus_1", tenant="other")
        assert view.held is not None
        assert view.held.by == stopped.id
        assert [one.id for one in await opened.sayso.stops.list(tenant="other")] == [stopped.id]
        with pytest.raises(RefusedError, match="only the operator"):
            await resume(opened, stopped, "maria", tenant=Tenant("other"))
        await resume(opened, stopped)
        await opened.sayso.container.engine.advance(Tenant("other"), view.id)
        done = await opened.sayso.actions.get(view.id, tenant="other")
        assert done.status == "succeeded"


async def test_a_customers_words_and_id_stay_out_of_the_log(tmp_path: Path) -> None:
    """Invariant 8: a stop of a customer stands under their pseudonym, its reason beside the log."""
    async with open_shop(tmp_path) as opened:
        await opened.sayso.stops.engage("customer", "cus_secret", reason="called Ana Lopez")
        told = str(bodies(opened))
        assert "cus_secret" not in told
        assert "Lopez" not in told
        assert "sub_" in told


@pytest.mark.parametrize(
    ("scope", "target", "reason"),
    [
        ("every", "", ""),
        ("all", "x", ""),
        ("customer", "", ""),
        ("customer", "no such id", ""),
        ("connector", "x" * 201, ""),
        ("tenant", "", "x" * 501),
        ("all", "", "\ud800"),
        ("all", "", "a\0b"),
    ],
)
async def test_a_stop_that_means_nothing_is_refused(
    tmp_path: Path, scope: str, target: str, reason: str
) -> None:
    """A stop that was misspelt must not look like one."""
    async with open_shop(tmp_path) as opened:
        with pytest.raises(RefusedError):
            await opened.sayso.stops.engage(scope, target, reason=reason)
        assert await opened.sayso.stops.list(released=None) == []


class _CutStore:
    """A store whose process dies after so many writes."""

    def __init__(self, store: Store, writes: int) -> None:
        self._store = store
        self._left = writes

    async def write(
        self,
        work: Callable[[Transaction], T],
        *,
        tenant: str | None = None,
        about: str | None = None,
        brief: bool = False,
    ) -> T:
        self._left -= 1
        if self._left < 0:
            raise PlugPulledError
        return await self._store.write(work, tenant=tenant, about=about, brief=brief)

    async def read(
        self,
        work: Callable[[Reader], T],
        *,
        tenant: str | None = None,
        brief: bool = False,
    ) -> T:
        return await self._store.read(work, tenant=tenant, brief=brief)

    async def version(self) -> int:
        return await self._store.version()

    async def close(self) -> None:
        await self._store.close()


@pytest.mark.promise("stop:crash")
@pytest.mark.parametrize("writes", [1, 2, 9], ids=["at once", "later", "not at all"])
async def test_a_crash_while_many_are_put_back_strands_none(tmp_path: Path, writes: int) -> None:
    """They are put back in batches; each that goes on takes some of the others along."""
    async with open_shop(tmp_path, policy=OFTEN) as opened:
        orders = [f"o{number}" for number in range(15)]
        stock(opened, *orders)
        stopped = await stop(opened)
        for order in orders:
            await propose(opened, 100, order=order)
        inside = opened.sayso.container
        stops = Stops(
            replace(inside.context, store=_CutStore(inside.store, writes)),
            operator=MAIN,
            roles=["support_manager"],
            batch=2,
        )
        await resume(opened, stopped, "maria")
        with contextlib.suppress(PlugPulledError):
            await stops.resume(
                Resumption(
                    tenant=MAIN,
                    stop_id=stopped.id,
                    person="noor",
                    via="test",
                    credential="host",
                    key="k",
                )
            )
        await serve(opened)
        assert len(opened.shop.books.payouts) == len(orders)
        assert_verified(opened)
