"""Webhooks out: what is told, signed, in which order; and what an outage loses: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from sdk.customers import ANA, WORDS
from sdk.webhooks.desk import Desk, open_desk
from support.receiver import Answer, Got, Receiver, always

from sayso.sdk.webhooks.sender import Pace, WebhookSender

DONE = ["action.approved", "action.intent", "action.succeeded"]
"""What is told of an action that the policy allows."""


@pytest.mark.promise("webhooks:signed")
async def test_every_change_is_told_and_signed(desk: Desk, receiver: Receiver) -> None:
    """Standard Webhooks, as its own library verifies them; nothing from before the endpoint."""
    await desk.propose()
    await desk.add(receiver)
    action = await desk.propose(20_000)
    await desk.decide(action)
    await desk.after()
    assert receiver.types == ["action.pending", *DONE]
    assert {got.data["action_id"] for got in receiver.taken} == {action.id}
    assert [got.data["status"] for got in receiver.taken][-1] == "succeeded"
    assert len(receiver.counts()) == 4
    assert all(got.headers["content-type"] == "application/json" for got in receiver.taken)
    assert receiver.strange == []
    await desk.after(hours=1)
    assert len(receiver.taken) == 4


@pytest.mark.promise("events:impersonal")
async def test_a_message_holds_nothing_personal(desk: Desk, receiver: Receiver) -> None:
    """It goes to another machine, and stays there when a customer is erased here."""
    await desk.add(receiver)
    await desk.opened.sayso.ask(ANA, WORDS)
    await desk.propose()
    await desk.after()
    assert "request.asked" in receiver.types
    told = str([got.data for got in receiver.taken])
    for hidden in (ANA, "Quispe", "mother", "cus_1", "o_ana", "words of"):
        assert hidden not in told


@pytest.mark.promise("webhooks:ordered")
async def test_a_request_is_told_in_order_with_its_actions(desk: Desk, receiver: Receiver) -> None:
    """One row of messages for each request: the reply is never told before what it tells of."""
    await desk.add(receiver)
    request = await desk.opened.sayso.ask(ANA, WORDS)
    await desk.decide(request.actions[0])
    await desk.after()
    assert receiver.types[0] == "request.asked"
    assert receiver.types[-1] == "request.replied"
    seqs = [got.data["seq"] for got in receiver.taken]
    assert seqs == sorted(seqs)


@pytest.mark.promise("webhooks:outage")
async def test_a_killed_receiver_gets_everything_once_it_is_back(
    desk: Desk, receiver: Receiver
) -> None:
    """In order, without anybody's help, and soon: the pauses of what failed end with the outage."""
    await desk.add(receiver)
    await desk.propose()
    await desk.after()
    receiver.stop()
    actions = [await desk.propose() for _ in range(12)]
    for _ in range(9):  # over two days, in which every pause has become long
        await desk.after(hours=6)
    (shown,) = await desk.webhooks.list()
    assert (shown.status, shown.problem, shown.waiting) == ("failing", "no connection", 12)
    receiver.start()
    await desk.after(seconds=300)
    assert len(receiver.taken) == 3 * 13
    firsts = receiver.firsts()
    assert set(list(firsts)[1:]) == {action.id for action in actions}
    assert all(seqs == sorted(seqs) for seqs in firsts.values())
    (shown,) = await desk.webhooks.list()
    assert (shown.status, shown.problem, shown.waiting) == ("active", None, 0)


@pytest.mark.promise("webhooks:ordered")
async def test_what_is_not_taken_holds_up_its_own_action_alone(
    desk: Desk, receiver: Receiver
) -> None:
    """No later change of it before it is taken, and nothing else behind it."""
    stuck: list[str] = []

    def moody(got: Got) -> Answer:
        if stuck and got.item == stuck[0] and got.type == "action.intent":
            return 500, {}
        return 204, {}

    receiver.answers = moody
    await desk.add(receiver)
    action = await desk.propose()
    stuck.append(action.id)
    others = [await desk.propose() for _ in range(3)]
    await desk.after()
    await desk.after(seconds=3)
    by_item = {item: len(seqs) for item, seqs in receiver.firsts().items()}
    assert by_item == {action.id: 1, **{other.id: 3 for other in others}}
    tries = sum(got.item == action.id and got.type == "action.intent" for got in receiver.tries)
    assert tries == 1  # the pause of the action itself is longer than that of the endpoint
    stuck.clear()
    await desk.after(minutes=5)
    assert len(receiver.firsts()[action.id]) == 3
    assert receiver.firsts()[action.id] == sorted(receiver.firsts()[action.id])


@pytest.mark.promise("webhooks:outage")
async def test_pauses_grow(desk: Desk, receiver: Receiver) -> None:
    """Of the endpoint to five minutes, and it is asked by one message at a time."""
    receiver.answers = always(503)
    await desk.add(receiver)
    for _ in range(5):
        await desk.propose()
    await desk.after()
    first = len(receiver.tries)
    assert first == 5
    tries: list[int] = []
    for _ in range(20):
        before = len(receiver.tries)
        await desk.after(seconds=60)
        tries.append(len(receiver.tries) - before)
    assert max(tries) == 1
    assert sum(tries) <= 8


async def test_a_receiver_says_when_it_wants_more(desk: Desk, receiver: Receiver) -> None:
    """`Retry-After` in seconds is kept, an hour at most."""
    receiver.answers = always(429, {"Retry-After": "1800"})
    await desk.add(receiver)
    await desk.propose()
    await desk.after()
    receiver.answers = always(204)
    await desk.after(seconds=1700)
    assert len(receiver.tries) == 1
    await desk.after(seconds=200)
    assert receiver.types == DONE


async def test_410_ends_it(desk: Desk, receiver: Receiver) -> None:
    """The receiver wants no more: Standard Webhooks. It can be enabled again, and lost nothing."""
    receiver.answers = always(410)
    made = await desk.add(receiver)
    await desk.propose()
    await desk.after()
    shown = await desk.webhooks.get(made.id)
    assert (shown.status, shown.why, shown.problem) == ("disabled", "gone", "status 410")
    await desk.propose()
    await desk.after(days=1)
    assert len(receiver.tries) == 1
    receiver.answers = always(200)
    assert (await desk.webhooks.enable(made.id)).status == "active"
    await desk.after()
    assert sorted(receiver.types) == sorted(DONE * 2)


@pytest.mark.promise("webhooks:outage")
async def test_after_five_days_of_nothing_it_is_disabled(desk: Desk, receiver: Receiver) -> None:
    """An entry says so; all that came meanwhile is told once somebody enables it."""
    receiver.stop()
    made = await desk.add(receiver)
    await desk.propose()
    for _ in range(30):
        await desk.after(hours=6)
    shown = await desk.webhooks.get(made.id)
    assert (shown.status, shown.why, shown.waiting) == ("disabled", "failing", 1)
    (entry,) = await desk.opened.sayso.audit.query("kind:webhook.disabled")
    assert (entry.actor, entry.body["data"]["why"]) == ("system:webhooks", "failing")
    await desk.propose()
    receiver.start()
    await desk.webhooks.enable(made.id)
    await desk.after()
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
    desk: Desk, receiver: Receiver, answer: Callable[[Got], Answer], problem: str
) -> None:
    """No redirect is followed, whose target nobody has allowed."""
    receiver.answers = answer
    made = await desk.add(receiver)
    await desk.propose()
    await desk.after()
    assert (await desk.webhooks.get(made.id)).problem == problem
    assert len(receiver.tries) == 1


@pytest.mark.promise("webhooks:once-each")
async def test_two_senders_tell_each_change_once(desk: Desk, receiver: Receiver) -> None:
    """As long as nothing fails: at least once is for crashes, not for every day."""
    await desk.add(receiver)
    actions = [await desk.propose() for _ in range(20)]
    container, workspace = desk.opened.sayso.container, desk.opened.workspace
    other = WebhookSender(container, workspace)
    await asyncio.gather(desk.sender.drain(), other.drain())
    await desk.after()
    assert set(receiver.counts().values()) == {1}
    assert len(receiver.taken) == 3 * len(actions)


@pytest.mark.promise("webhooks:outage")
async def test_whoever_died_in_between_is_followed_by_another(
    desk: Desk, receiver: Receiver
) -> None:
    """A lease that nobody ends is over after a minute; what was taken unmarked comes twice."""
    await desk.add(receiver)
    action = await desk.propose()
    dying = asyncio.create_task(desk.sender.drain())
    while not receiver.taken:
        await asyncio.sleep(0)
    dying.cancel()
    for task in asyncio.all_tasks():
        if task.get_name().startswith("sayso whk_"):
            task.cancel()
    other = WebhookSender(desk.opened.sayso.container, desk.opened.workspace)
    await other.drain()
    desk.opened.clock.advance(seconds=61)
    await other.drain()
    assert receiver.firsts() == {action.id: sorted(receiver.firsts()[action.id])}
    assert len(receiver.firsts()[action.id]) == 3


async def test_a_long_story_is_told_page_by_page(desk: Desk, receiver: Receiver) -> None:
    """More entries than one look takes, and more events than one lease."""
    await desk.add(receiver, "action.succeeded")
    for _ in range(180):
        await desk.propose(100)
    await desk.after()
    assert receiver.types == ["action.succeeded"] * 180
    assert set(receiver.counts().values()) == {1}


async def test_only_wanted_kinds_are_told(desk: Desk, receiver: Receiver) -> None:
    """A kind, or a family of them."""
    made = await desk.add(receiver, "action.succeeded", "request")
    await desk.propose()
    await desk.opened.sayso.ask(ANA, WORDS)
    await desk.after()
    assert set(receiver.types) == {"action.succeeded", "request.asked", "request.planned"}
    assert (await desk.webhooks.get(made.id)).kinds == ("action.succeeded", "request")


@pytest.mark.promise("webhooks:running")
async def test_an_open_workspace_tells_by_itself(tmp_path: Path) -> None:
    """Whatever has a workspace open to run it, such as `sayso serve`, calls its webhooks."""
    async with open_desk(tmp_path / "shop") as desk:
        with Receiver(clock=desk.opened.clock) as receiver:
            running = asyncio.create_task(desk.sender.run())
            await desk.add(receiver)
            await desk.propose()
            await asyncio.to_thread(receiver.wait_for, 3)
            running.cancel()
            await asyncio.wait([running])
            assert receiver.types == DONE


def test_a_pace_is_what_the_page_says() -> None:
    """docs/how-to/hear-of-changes.md names these figures."""
    pace = Pace()
    assert pace.item_pauses_s[:3] == (5, 30, 120)
    assert pace.item_pauses_s[-1] == 6 * 3600
    assert (pace.longest_pause_s, pace.give_up_s) == (300, 5 * 86_400)
