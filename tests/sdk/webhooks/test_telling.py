"""Webhooks out: what is told, signed, in which order; and what an outage loses: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from sdk.customers import ANA, WORDS
from sdk.webhooks.webhook_shop import WebhookShop, open_webhook_shop
from support.receiver import Answer, Got, Receiver, always
from support.sql import run_sql

from sayso.sdk.webhooks.sender import DeliveryPace, WebhookSender

DONE = ["action.approved", "action.intent", "action.succeeded"]
"""What is told of an action that the policy allows."""


@pytest.mark.promise("webhooks:signed")
async def test_every_change_is_told_and_signed(shop: WebhookShop, receiver: Receiver) -> None:
    """Standard Webhooks, as its own library verifies them; nothing from before the endpoint."""
    await shop.propose()
    await shop.add(receiver)
    action = await shop.propose(20_000)
    await shop.decide(action)
    await shop.after()
    assert receiver.types == ["action.pending", *DONE]
    assert {got.data["action_id"] for got in receiver.taken} == {action.id}
    assert [got.data["status"] for got in receiver.taken][-1] == "succeeded"
    assert len(receiver.counts()) == 4
    assert all(got.headers["content-type"] == "application/json" for got in receiver.taken)
    assert receiver.strange == []
    await shop.after(hours=1)
    assert len(receiver.taken) == 4


@pytest.mark.promise("events:impersonal")
async def test_a_message_holds_nothing_personal(shop: WebhookShop, receiver: Receiver) -> None:
    """It goes to another machine, and stays there when a customer is erased here."""
    await shop.add(receiver)
    await shop.opened.sayso.ask(ANA, WORDS)
    await shop.propose()
    await shop.after()
    assert "request.asked" in receiver.types
    told = str([got.data for got in receiver.taken])
    for hidden in (ANA, "Quispe", "mother", "cus_1", "o_ana", "words of"):
        assert hidden not in told


@pytest.mark.promise("webhooks:ordered")
async def test_a_request_is_told_in_order_with_its_actions(
    shop: WebhookShop, receiver: Receiver
) -> None:
    """One row of messages for each request: the reply is never told before what it tells of."""
    await shop.add(receiver)
    request = await shop.opened.sayso.ask(ANA, WORDS)
    await shop.decide(request.actions[0])
    await shop.after()
    assert receiver.types[0] == "request.asked"
    assert receiver.types[-1] == "request.replied"
    seqs = [got.data["seq"] for got in receiver.taken]
    assert seqs == sorted(seqs)


@pytest.mark.promise("webhooks:outage")
async def test_a_killed_receiver_gets_everything_once_it_is_back(
    shop: WebhookShop, receiver: Receiver
) -> None:
    """In order, without anybody's help, and soon: the pauses of what failed end with the outage."""
    await shop.add(receiver)
    await shop.propose()
    await shop.after()
    receiver.stop()
    actions = [await shop.propose() for _ in range(12)]
    for _ in range(9):  # over two days, in which every pause has become long
        await shop.after(hours=6)
    (shown,) = await shop.webhooks.list()
    assert (shown.status, shown.problem, shown.waiting) == ("failing", "no connection", 12)
    receiver.start()
    await shop.after(seconds=300)
    assert len(receiver.taken) == 3 * 13
    firsts = receiver.firsts()
    assert set(list(firsts)[1:]) == {action.id for action in actions}
    assert all(seqs == sorted(seqs) for seqs in firsts.values())
    (shown,) = await shop.webhooks.list()
    assert (shown.status, shown.problem, shown.waiting) == ("active", None, 0)


@pytest.mark.promise("webhooks:ordered")
async def test_what_is_not_taken_holds_up_its_own_action_alone(
    shop: WebhookShop, receiver: Receiver
) -> None:
    """No later change of it before it is taken, and nothing else behind it."""
    stuck: list[str] = []

    def moody(got: Got) -> Answer:
        if stuck and got.item == stuck[0] and got.type == "action.intent":
            return 500, {}
        return 204, {}

    receiver.answers = moody
    await shop.add(receiver)
    action = await shop.propose()
    stuck.append(action.id)
    others = [await shop.propose() for _ in range(3)]
    await shop.after()
    await shop.after(seconds=3)
    by_item = {item: len(seqs) for item, seqs in receiver.firsts().items()}
    assert by_item == {action.id: 1, **{other.id: 3 for other in others}}
    tries = sum(got.item == action.id and got.type == "action.intent" for got in receiver.tries)
    assert tries == 1  # the pause of the action itself is longer than that of the endpoint
    stuck.clear()
    await shop.after(minutes=5)
    assert len(receiver.firsts()[action.id]) == 3
    assert receiver.firsts()[action.id] == sorted(receiver.firsts()[action.id])


@pytest.mark.promise("webhooks:outage")
async def test_pauses_grow(shop: WebhookShop, receiver: Receiver) -> None:
    """Of the endpoint to five minutes, and it is asked by one message at a time."""
    receiver.answers = always(503)
    await shop.add(receiver)
    for _ in range(5):
        await shop.propose()
    await shop.after()
    first = len(receiver.tries)
    assert first == 5
    tries: list[int] = []
    for _ in range(20):
        before = len(receiver.tries)
        await shop.after(seconds=60)
        tries.append(len(receiver.tries) - before)
    assert max(tries) == 1
    assert sum(tries) <= 8


async def test_a_receiver_says_when_it_wants_more(shop: WebhookShop, receiver: Receiver) -> None:
    """`Retry-After` in seconds is kept, an hour at most."""
    receiver.answers = always(429, {"Retry-After": "1800"})
    await shop.add(receiver)
    await shop.propose()
    await shop.after()
    receiver.answers = always(204)
    await shop.after(seconds=1700)
    assert len(receiver.tries) == 1
    await shop.after(seconds=200)
    assert receiver.types == DONE


async def test_410_ends_it(shop: WebhookShop, receiver: Receiver) -> None:
    """The receiver wants no more: Standard Webhooks. It can be enabled again, and lost nothing."""
    receiver.answers = always(410)
    made = await shop.add(receiver)
    await shop.propose()
    await shop.after()
    shown = await shop.webhooks.get(made.id)
    assert (shown.status, shown.why, shown.problem) == ("disabled", "gone", "status 410")
    await shop.propose()
    await shop.after(days=1)
    assert len(receiver.tries) == 1
    receiver.answers = always(200)
    assert (await shop.webhooks.enable(made.id)).status == "active"
    await shop.after()
    assert sorted(receiver.types) == sorted(DONE * 2)


@pytest.mark.promise("webhooks:outage")
async def test_after_five_days_of_nothing_it_is_disabled(
    shop: WebhookShop, receiver: Receiver
) -> None:
    """An entry says so; all that came meanwhile is told once somebody enables it."""
    receiver.stop()
    made = await shop.add(receiver)
    await shop.propose()
    for _ in range(30):
        await shop.after(hours=6)
    shown = await shop.webhooks.get(made.id)
    assert (shown.status, shown.why, shown.waiting) == ("disabled", "failing", 1)
    (entry,) = await shop.opened.sayso.audit.query("kind:webhook.disabled")
    assert (entry.actor, entry.body["data"]["why"]) == ("system:webhooks", "failing")
    await shop.propose()
    receiver.start()
    await shop.webhooks.enable(made.id)
    await shop.after()
    assert sorted(receiver.types) == sorted(DONE * 2)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (always(302, {"Location": "http://127.0.0.1:9/"}), "status 302"),
        (always(404), "status 404"),
        (always(500), "status 500"),
    ],
)
async def test_only_a_2xx_is_taken(
    shop: WebhookShop, receiver: Receiver, answer: Callable[[Got], Answer], problem: str
) -> None:
    """No redirect is followed, whose target nobody has allowed."""
    receiver.answers = answer
    made = await shop.add(receiver)
    await shop.propose()
    await shop.after()
    assert (await shop.webhooks.get(made.id)).problem == problem
    assert len(receiver.tries) == 1


@pytest.mark.promise("webhooks:once-each")
async def test_two_senders_tell_each_change_once(shop: WebhookShop, receiver: Receiver) -> None:
    """As long as nothing fails: at least once is for crashes, not for every day."""
    await shop.add(receiver)
    actions = [await shop.propose() for _ in range(20)]
    container, workspace = shop.opened.sayso.container, shop.opened.workspace
    other = WebhookSender(container, workspace)
    await asyncio.gather(shop.sender.drain(), other.drain())
    await shop.after()
    assert set(receiver.counts().values()) == {1}
    assert len(receiver.taken) == 3 * len(actions)


@pytest.mark.promise("webhooks:outage")
async def test_whoever_died_in_between_is_followed_by_another(
    shop: WebhookShop, receiver: Receiver
) -> None:
    """A lease that nobody ends is over after a minute; what was taken unmarked comes twice."""
    await shop.add(receiver)
    action = await shop.propose()
    dying = asyncio.create_task(shop.sender.drain())
    while not receiver.taken:
        await asyncio.sleep(0)
    dying.cancel()
    for task in asyncio.all_tasks():
        if task.get_name().startswith("sayso whk_"):
            task.cancel()
    other = WebhookSender(shop.opened.sayso.container, shop.opened.workspace)
    await other.drain()
    shop.opened.clock.advance(seconds=61)
    await other.drain()
    assert receiver.firsts() == {action.id: sorted(receiver.firsts()[action.id])}
    assert len(receiver.firsts()[action.id]) == 3


async def test_a_long_story_is_told_page_by_page(shop: WebhookShop, receiver: Receiver) -> None:
    """More entries than one look takes, and more events than one lease."""
    await shop.add(receiver, "action.succeeded")
    for _ in range(180):
        await shop.propose(100)
    await shop.after()
    assert receiver.types == ["action.succeeded"] * 180
    assert set(receiver.counts().values()) == {1}


async def test_only_wanted_kinds_are_told(shop: WebhookShop, receiver: Receiver) -> None:
    """A kind, or a family of them."""
    made = await shop.add(receiver, "action.succeeded", "request")
    await shop.propose()
    await shop.opened.sayso.ask(ANA, WORDS)
    await shop.after()
    assert set(receiver.types) == {"action.succeeded", "request.asked", "request.planned"}
    assert (await shop.webhooks.get(made.id)).kinds == ("action.succeeded", "request")


@pytest.mark.promise("webhooks:running")
async def test_an_open_workspace_tells_by_itself(tmp_path: Path) -> None:
    """Whatever has a workspace open to run it, such as `sayso serve`, calls its webhooks."""
    async with open_webhook_shop(tmp_path / "shop") as shop:
        with Receiver(clock=shop.opened.clock) as receiver:
            running = asyncio.create_task(shop.sender.run())
            await shop.add(receiver)
            await shop.propose()
            await asyncio.to_thread(receiver.wait_for, 3)
            running.cancel()
            await asyncio.wait([running])
            assert receiver.types == DONE


def test_a_pace_is_what_the_page_says() -> None:
    """docs/how-to/hear-of-changes.md names these figures."""
    pace = DeliveryPace()
    assert pace.item_pauses_s[:3] == (5, 30, 120)
    assert pace.item_pauses_s[-1] == 6 * 3600
    assert (pace.longest_pause_s, pace.give_up_s) == (300, 5 * 86_400)


@pytest.mark.promise("webhooks:ended")
@pytest.mark.parametrize("end", ["remove", "disable"])
async def test_a_row_that_is_put_back_after_its_end_hears_nothing(
    shop: WebhookShop, receiver: Receiver, store_url: str, end: str
) -> None:
    """Whoever writes the database puts the old row back, and the log knows of its end."""
    made = await shop.add(receiver)
    run_sql(store_url, shop.opened, "create table kept as select * from webhook")
    await (shop.webhooks.remove(made.id) if end == "remove" else shop.webhooks.disable(made.id))
    run_sql(store_url, shop.opened, "delete from webhook")
    run_sql(store_url, shop.opened, "insert into webhook select * from kept")
    await shop.propose()
    await shop.after()
    assert receiver.taken == []


@pytest.mark.promise("webhooks:unskipped")
@pytest.mark.parametrize(
    "edit",
    [
        "update webhook set read_to = read_to + 1000",
        "update webhook set read_to = read_to + 3, read_seal = null",
        "update webhook set read_to = read_to + 3, read_seal = 'x'",
        "update webhook set read_to = 1000000, read_seal = (select max(read_seal) from webhook)",
    ],
)
async def test_nobody_skips_events_by_moving_how_far_the_log_was_read(
    shop: WebhookShop, receiver: Receiver, store_url: str, edit: str
) -> None:
    """All is told once more from where the endpoint began, with the same ids."""
    await shop.add(receiver)
    await shop.propose()
    run_sql(store_url, shop.opened, edit)
    await shop.after()
    await shop.propose()
    await shop.after()
    assert set(receiver.types) == set(DONE)
    assert len(receiver.counts()) == 2 * len(DONE)


@pytest.mark.promise("webhooks:unskipped")
async def test_an_older_row_of_an_endpoint_has_nothing_left_out(
    shop: WebhookShop, receiver: Receiver, store_url: str
) -> None:
    """What was told since is told once more, with the same ids."""
    await shop.add(receiver)
    run_sql(store_url, shop.opened, "create table kept as select * from webhook")
    await shop.propose()
    await shop.after()
    run_sql(store_url, shop.opened, "delete from webhook")
    run_sql(store_url, shop.opened, "insert into webhook select * from kept")
    await shop.propose()
    await shop.after()
    assert len(receiver.counts()) == 2 * len(DONE)
