"""Following what becomes of an action or a request, from Python."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from sdk.customers import ANA, WORDS
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, ConfigError, RefusedError
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.sync import SyncSayso
from sayso.sdk.views.progress import ProgressView
from sayso.sdk.views.rows import ActionView, EventView

TIMEOUT_S = 30.0
SMALL: JsonValue = {"amount_minor": 1_000, "currency": "USD"}


async def pending(opened: ShopWorkspace) -> ActionView:
    """A refund that waits for Maria."""
    return await opened.sayso.propose("shop.refund", {"order": "o_ana"}, subject=ANA)


async def decide(sayso: Sayso, action: ActionView, choice: str = "approve") -> ActionView:
    """Maria says so, in whichever process this workspace is open."""
    by = Actor(kind=ActorKind.SERVICE, id="test")
    scopes = frozenset({Scope.DECIDE})
    _, secret = await sayso.tokens.create(sayso.tenant, "person", "maria", scopes, days=1, by=by)
    assert action.approval is not None
    return await sayso.approvals.decide(
        action.approval.id,
        choice,
        token=secret,
        revision=action.approval.revision,
        digest=action.approval.digest,
        reason_code="not_owed" if choice == "reject" else "",
    )


async def goes_on(task: asyncio.Future[Any]) -> None:
    """Whether it still waits after a few looks at the store."""
    await asyncio.wait([task], timeout=0.6)
    assert not task.done()


async def heard(sayso: Sayso, item_id: str, after: int = -1) -> list[EventView]:
    """All that following gives, to its end."""
    async with asyncio.timeout(TIMEOUT_S):
        return [change async for change in sayso.follow(item_id, after=after)]


@pytest.mark.promise("events:follow")
async def test_every_change_is_heard_until_the_end(opened: ShopWorkspace, tmp_path: Path) -> None:
    """Those so far first, then what another process does with the same database."""
    action = await pending(opened)
    async with open_shop(tmp_path / "shop", shop=opened.shop) as elsewhere:
        following = asyncio.create_task(heard(elsewhere.sayso, action.id))
        await goes_on(following)
        await decide(opened.sayso, action)
        changes = await following
    assert [change.status for change in changes] == [
        *("pending_approval", "approved", "executing", "succeeded")
    ]
    assert await heard(opened.sayso, action.id) == changes
    assert await heard(opened.sayso, action.id, after=changes[1].seq) == changes[2:]


@pytest.mark.promise("events:follow")
async def test_a_request_is_followed_with_its_actions(opened: ShopWorkspace) -> None:
    """The request's own changes and those of its actions, in the one order of the log."""
    request = await opened.sayso.ask(ANA, WORDS)
    following = asyncio.create_task(heard(opened.sayso, request.id))
    await decide(opened.sayso, request.actions[0])
    kinds = [change.kind for change in await following]
    assert kinds[0] == "request.asked"
    assert kinds[-1] == "request.replied"
    assert "action.succeeded" in kinds


@pytest.mark.promise("events:follow")
async def test_whoever_waits_is_told_where_it_stands_in_their_language(
    opened: ShopWorkspace,
) -> None:
    """One short sentence a change, from the state alone; no model writes it."""
    request = await opened.sayso.ask(ANA, WORDS)
    following = asyncio.create_task(heard(opened.sayso, request.id))
    await decide(opened.sayso, request.actions[0])
    found = [change.message for change in await following if change.message]
    assert found[0] == "We are looking up what you have with us."
    waits = found.index("A person from our team has to agree first.")
    assert waits < found.index("It is being done.") < found.index("Done.")
    german = await opened.sayso.ask(ANA, "Wann kommt meine Bestellung an?")
    told = [change.message for change in await heard(opened.sayso, german.id)]
    assert told[0] == "Wir sehen nach, was Sie bei uns haben."
    assert told[-1] == "Jemand aus unserem Team übernimmt."


async def test_what_there_is_not_cannot_be_followed(opened: ShopWorkspace) -> None:
    """Nor what is another tenant's."""
    action = await pending(opened)
    for item_id in ("act_1", "req_1", "what"):
        with pytest.raises(RefusedError) as refused:
            await heard(opened.sayso, item_id)
        assert refused.value.code is Code.NOT_FOUND
    with pytest.raises(RefusedError):
        await anext(aiter(opened.sayso.follow(action.id, tenant="other")))


async def test_following_ends_with_the_workspace(tmp_path: Path) -> None:
    """It cannot say that all has come, so it is an error and not an end."""
    stack = contextlib.AsyncExitStack()
    opened = await stack.enter_async_context(open_shop(tmp_path))
    opened.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
    action = await pending(opened)
    following = asyncio.create_task(heard(opened.sayso, action.id))
    await goes_on(following)
    await stack.aclose()
    with pytest.raises(ConfigError) as broken:
        await following
    assert broken.value.code is Code.STORE_UNAVAILABLE


@pytest.mark.promise("events:wait")
async def test_waiting_ends_when_the_action_has(opened: ShopWorkspace) -> None:
    """`wait` for an action and for a request: people included, or not, or so long at most."""
    action = await pending(opened)
    wait = opened.sayso.actions.wait
    assert (await wait(action.id, 0.1)).status == "pending_approval"
    assert (await wait(action.id, TIMEOUT_S, for_people=False)).status == "pending_approval"
    waiting = asyncio.create_task(wait(action.id, TIMEOUT_S))
    await decide(opened.sayso, action)
    ended = await waiting
    assert (ended.status, ended.timeline[-1].kind) == ("succeeded", "action.succeeded")

    request = await opened.sayso.ask("cus_bo", WORDS)
    assert (await opened.sayso.requests.wait(request.id, 0.1)).status == "acting"
    waiting_too = asyncio.create_task(opened.sayso.requests.wait(request.id, TIMEOUT_S))
    await decide(opened.sayso, request.actions[0])
    assert (await waiting_too).status == "answered"


async def test_events_are_read_page_by_page(opened: ShopWorkspace) -> None:
    """Whatever else the log holds; the number goes on over what is no event."""
    sayso = opened.sayso
    small = await sayso.propose("shop.refund", {"order": "o_ana", "amount": SMALL}, subject=ANA)
    await decide(sayso, await pending(opened))  # makes a token, too
    seen: list[EventView] = []
    after = -1
    while True:
        page, reached = await sayso.events.since(after, limit=2)
        seen += page
        if reached == after:
            break
        after = reached
    assert after == await sayso.events.newest()
    assert {event.action_id for event in seen} > {small.id}
    assert {event.kind.partition(".")[0] for event in seen} == {"action"}
    assert [event.seq for event in seen] == sorted(event.seq for event in seen)
    assert await sayso.events.since(-1, tenant=Tenant("other")) == ([], -1)
    with pytest.raises(RefusedError) as refused:
        await sayso.events.since(after + 1)
    assert refused.value.code is Code.INVALID_INPUT


def test_synchronous_code_follows_too(tmp_path: Path) -> None:
    """A plain `for` over the same changes."""

    async def prepare() -> tuple[ShopWorkspace, ActionView]:
        async with open_shop(tmp_path) as opened:
            opened.shop.books.add("o_ana", ANA, Money(1_000, "USD"))
            return opened, await pending(opened)

    opened, action = asyncio.run(prepare())
    sayso = Sayso(opened.workspace, mode="decide", connectors=[opened.shop], clock=opened.clock)
    with SyncSayso(sayso) as sync:
        statuses = [change.status for change in sync.follow(action.id)]
        assert sync.actions.wait(action.id, 1.0).status == "succeeded"
    assert statuses == ["approved", "executing", "succeeded"]


@pytest.mark.promise("events:streamed-ask")
async def test_asking_tells_where_it_stands_and_ends_with_the_request(
    opened: ShopWorkspace,
) -> None:
    """One loop; left and begun again with its key, it goes on, and says its end."""
    steps: list[ProgressView] = []
    async with asyncio.timeout(TIMEOUT_S):
        async for step in opened.sayso.stream(ANA, WORDS, idempotency_key="streamed"):
            steps.append(step)
            if step.status == "pending_approval":
                break
        request = await opened.sayso.requests.get(steps[0].request_id)
        await decide(opened.sayso, request.actions[0])
        again = opened.sayso.stream(ANA, WORDS, idempotency_key="streamed")
        rest = [step async for step in again]
    assert steps[0].message == "We are looking up what you have with us."
    assert {step.request_id for step in [*steps, *rest]} == {request.id}
    assert rest[-1].request == await opened.sayso.requests.get(request.id)
    assert rest[-1].status == "answered"
    assert all(step.request is None for step in [*steps, *rest[:-1]])


def test_synchronous_code_asks_and_hears_the_same_way(tmp_path: Path) -> None:
    """A plain `for`; the last step has the request."""

    async def prepare() -> ShopWorkspace:
        async with open_shop(tmp_path) as opened:
            opened.shop.books.add("o_ana", ANA, Money(1_000, "USD"))
            return opened

    opened = asyncio.run(prepare())
    sayso = Sayso(opened.workspace, connectors=[opened.shop], clock=opened.clock)
    with SyncSayso(sayso) as sync:
        *_, last = sync.stream(ANA, "Do you have a shop in Ghent?")
    assert last.request is not None
