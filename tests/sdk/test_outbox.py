"""Several consumers read one topic of the outbox, each with a place of its own."""

from __future__ import annotations

import asyncio
import random

import pytest
from actions.steps import propose, shown, stock
from support.shop_workspace import ShopWorkspace

from sayso.actions.model.ledger import OUTBOX_TOPIC
from sayso.errors import Code, ConfigError, RetryableError
from sayso.sdk.background.telling import Telling
from sayso.sdk.resources.outbox import OutboxResource, OutboxRow
from sayso.store.base import Transaction


async def told(outbox: OutboxResource, queue: str) -> list[str]:
    """Read a queue to its end, as a consumer does; the keys."""
    found: list[str] = []
    for row in await outbox.due(queue, limit=99):
        if await outbox.lease(row, 60.0):
            await outbox.sent(row, {"told": row.version})
            found.append(row.key)
    return sorted(found)


async def ask(opened: ShopWorkspace, order: str) -> str:
    """Have people asked about a refund of an order; the approval's id."""
    stock(opened, order)
    view = await propose(opened, order=order, key=order)
    return (await shown(opened, view)).id


@pytest.mark.promise("channels:apart")
async def test_each_consumer_is_told_all_of_it_once(opened: ShopWorkspace) -> None:
    """The first by the topic, the others by a queue each; one that has not come holds up nobody."""
    outbox = opened.sayso.outbox
    pager, chat = [await outbox.subscribe(name, OUTBOX_TOPIC) for name in ("pager", "chat")]
    card = await ask(opened, "o1")
    assert await told(outbox, OUTBOX_TOPIC) == [card]
    assert await told(outbox, pager) == [card]
    assert await told(outbox, pager) == []
    await opened.sayso.approvals.show_again(card)
    assert await told(outbox, OUTBOX_TOPIC) == [card]
    (row,) = await outbox.due(chat, limit=9)
    assert (row.key, row.version, row.attempts, row.state) == (card, 2, 0, {})
    (again,) = await outbox.due(pager, limit=9)
    assert (again.version, again.state) == (2, {"told": 1})


@pytest.mark.promise("channels:apart")
async def test_one_that_fails_keeps_its_row_and_no_other_has_its_attempts(
    opened: ShopWorkspace,
) -> None:
    """A lease that ran out is due again to whoever had it, with how often it was begun."""
    outbox = opened.sayso.outbox
    pager = await outbox.subscribe("pager", OUTBOX_TOPIC)
    card = await ask(opened, "o1")
    (row,) = await outbox.due(pager, limit=9)
    assert await outbox.lease(row, 60.0)
    assert not await outbox.lease(row, 60.0)
    assert await outbox.due(pager, limit=9) == []
    assert [one.attempts for one in await outbox.due(OUTBOX_TOPIC, limit=9)] == [0]
    opened.clock.advance(seconds=61)
    (row,) = await outbox.due(pager, limit=9)
    assert (row.key, row.attempts) == (card, 1)


@pytest.mark.promise("channels:apart")
async def test_who_comes_later_or_comes_back_has_missed_nothing(opened: ShopWorkspace) -> None:
    """What it was told and has not changed since is not told again; by any name it begins anew."""
    outbox = opened.sayso.outbox
    first, second = await ask(opened, "o1"), await ask(opened, "o2")
    assert await told(outbox, OUTBOX_TOPIC) == sorted([first, second])
    pager = await outbox.subscribe("pager", OUTBOX_TOPIC)
    assert await told(outbox, pager) == sorted([first, second])
    await outbox.unsubscribe("pager", OUTBOX_TOPIC)
    third = await ask(opened, "o3")
    await opened.sayso.approvals.show_again(second)
    assert await outbox.due(pager, limit=9) == []
    for _ in range(2):  # as with each start
        assert await outbox.subscribe("pager", OUTBOX_TOPIC) == pager
    assert await told(outbox, pager) == sorted([second, third])
    assert await told(outbox, pager) == []
    assert await told(outbox, await outbox.subscribe("chat", OUTBOX_TOPIC)) == sorted(
        [first, second, third]
    )


@pytest.mark.promise("channels:apart")
async def test_who_subscribes_while_others_write_is_told_all(opened: ShopWorkspace) -> None:
    """Whatever comes first: what is put is either in the queue or added to it."""
    outbox = opened.sayso.outbox

    async def come(name: str) -> str:
        for _ in range(random.Random(name).randrange(40)):
            await asyncio.sleep(0)
        return await outbox.subscribe(name, OUTBOX_TOPIC)

    cards = [ask(opened, f"o{number}") for number in range(6)]
    found = await asyncio.gather(*cards, *(come(f"c{number}") for number in range(4)))
    assert await told(outbox, OUTBOX_TOPIC) == sorted(found[:6])
    for queue in found[6:]:
        assert await told(outbox, queue) == sorted(found[:6])


@pytest.mark.parametrize("name", ["", "a.b", "A", "x" * 33, "consumers; drop"])
async def test_a_name_that_could_be_taken_for_another_queue_is_refused(
    opened: ShopWorkspace, name: str
) -> None:
    """`invalid_setting`, and nothing is written."""
    with pytest.raises(ConfigError) as caught:
        await opened.sayso.outbox.subscribe(name, OUTBOX_TOPIC)
    assert caught.value.code is Code.INVALID_SETTING


@pytest.mark.promise("channels:apart")
async def test_what_was_put_for_years_is_added_by_pages(opened: ShopWorkspace) -> None:
    """All of it, also where a page ends; whoever writes waits for a page of it at most."""
    container, outbox = opened.sayso.container, opened.sayso.outbox

    def fill(tx: Transaction) -> None:
        for number in range(1001):
            key = f"apr_{number:04}"
            tx.run("outbox.put", tenant=container.tenant, topic="old", key=key, now=number)

    await container.store.write(fill)
    queue = await outbox.subscribe("pager", "old")
    assert len(await outbox.due(queue, limit=2000)) == 1001


@pytest.mark.promise("channels:apart")
async def test_what_cannot_be_told_comes_again_and_holds_up_no_other(opened: ShopWorkspace) -> None:
    """Whatever a channel raises, of ours or a mistake of its own; what was told does not come."""
    first, second = await ask(opened, "o1"), await ask(opened, "o2")
    heard: list[str] = []
    broken: dict[str, Exception] = {
        first: RetryableError(Code.STORE_BUSY, "the pager is down"),
        second: ZeroDivisionError(),
    }

    async def page(row: OutboxRow) -> None:
        if row.key in broken:
            raise broken.pop(row.key)
        heard.append(row.key)

    third = await ask(opened, "o3")
    channel = Telling(opened.sayso, "pager", {OUTBOX_TOPIC: page})
    await channel.step()
    assert heard == [third]
    opened.clock.advance(seconds=121)
    await channel.step()
    await channel.step()
    assert sorted(heard) == sorted([first, second, third])
