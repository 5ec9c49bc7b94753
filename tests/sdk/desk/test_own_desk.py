"""A desk of your own: your program tells what is written, and reads what Sayso says there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sdk.desk.chats import open_chat, words
from support.shop import Shop
from support.shop_workspace import make_shop_workspace

from sayso.errors import Code, ConfigError, RefusedError
from sayso.sdk.client import Sayso
from sayso.sdk.desk.conversation import WrittenMessage
from sayso.testing.clock import FakeClock


@pytest.mark.promise("desk:answers")
@pytest.mark.promise("desk:once")
async def test_what_is_told_is_carried_out_once_and_the_answer_is_an_event_without_words(
    tmp_path: Path,
) -> None:
    """The same message, thrice and twice at once, is one refund and one answer."""
    async with open_chat(tmp_path) as chat:
        told = words("Please refund order order_1")
        both = await asyncio.gather(*(chat.says("c-1", told) for _ in range(2)))
        assert {*both, await chat.says("c-1", told)} == {both[0]}
        (answer,) = await chat.said("c-1")
        assert "$30.00" in answer.text
        assert (answer.by, len(chat.shop.books.payouts)) == ("system:desk", 1)
        events, _ = await chat.sayso.events.since(-1)
        (event,) = [
            one for one in events if one.kind == "action.succeeded" and one.action == "thread.reply"
        ]
        assert event.action_id == answer.action_id
        assert "$30.00" not in event.model_dump_json()
        with pytest.raises(RefusedError) as refused:
            await chat.says("c-1", replace(told, text="Please refund order order_2"))
        assert refused.value.code is Code.IDEMPOTENCY_CONFLICT


@pytest.mark.promise("desk:silent")
async def test_a_colleague_who_writes_is_left_alone_and_a_machine_is_not_answered(
    tmp_path: Path,
) -> None:
    """After a colleague's message nothing more is said to the customer; one note says why."""
    async with open_chat(tmp_path) as chat:
        await chat.says("c-1", words("Please refund order order_2", "bob"))
        assert len(await chat.said("c-1")) == 1
        await chat.says("c-1", WrittenMessage(id="m2", author="machine", text="Out of office"))
        await chat.says("c-1", WrittenMessage(id="m3", author="colleague"))
        await chat.says("c-1", words("Please refund order order_2 now", "bob", "m4"))
        assert len(await chat.said("c-1")) == 1
        notes = [one.text for one in await chat.said("c-1", "note")]
        assert len([one for one in notes if "has answered" in one]) == 1
        work = await chat.sayso.work.list(kinds=["handed_over"])
        assert [one.subject for one in work] == ["bob"]


@pytest.mark.promise("desk:own-words")
async def test_a_thread_is_one_customers(tmp_path: Path) -> None:
    """Nobody else writes in it, and nothing is said to anybody else there."""
    async with open_chat(tmp_path) as chat:
        await chat.says("c-1", words("Please refund order order_1"))
        with pytest.raises(RefusedError) as refused:
            await chat.says("c-1", words("And what about my order?", "bob", "m2"))
        assert refused.value.code is Code.NOT_OWNER
        for customer, thread, code in (
            ("bob", "c-1", "not_owner"),
            ("bob", "c-2", "unknown_object"),
            ("ana", "c-1", "policy_denied"),
        ):
            args = {"thread": thread, "text": "Hello"}
            action = await chat.sayso.propose("thread.reply", args, subject=customer)
            assert action.error is not None
            assert action.error.code == code
        assert len(await chat.said("c-1")) == 1


async def test_two_customers_who_begin_a_thread_at_once_are_not_in_it_together(
    tmp_path: Path, store_url: str
) -> None:
    """It is the one's; the other is refused, and nothing of theirs is kept."""
    async with open_chat(tmp_path) as chat:
        for number in range(4):
            tell = partial(chat.sayso.desks.tell, "chat", f"c-{number}")
            found = await asyncio.gather(
                tell(words("Please refund order order_1", key=f"a{number}")),
                tell(words("Thank you so much!", "bob", f"b{number}")),
                tell(words("Thank you so much!", key=f"c{number}")),
                return_exceptions=True,
            )
            refused = [one for one in found if isinstance(one, RefusedError)]
            assert {one.code for one in refused} == {Code.NOT_OWNER}
            taken = [one for one in found if not isinstance(one, BaseException)]
            requests = {one.request_id for one in taken}
            assert (len(requests), len(taken) + len(refused)) == (len(taken), 3)
            whose = {
                (await chat.sayso.requests.get(one)).subject for one in requests if one is not None
            }
            assert len(whose) == 1


async def test_two_desks_of_your_own_are_a_mistake(tmp_path: Path) -> None:
    """Their threads could not be told apart by the actions' arguments."""
    desks = {"chat": {"connector": "thread"}, "shop_chat": {"connector": "thread"}}
    workspace = make_shop_workspace(tmp_path, desk=desks)
    with pytest.raises(ConfigError) as refused:
        async with Sayso(workspace, mode="decide", connectors=[Shop()], clock=FakeClock()):
            pass
    assert "chat, shop_chat" in refused.value.message
