"""Threads that nobody should send: handled, said, and nothing done by them."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.steps import assert_verified
from agent.test_run import Scripted, plan, refund
from agent.test_withdrawing import now, paid, stock
from support.shop_workspace import open_shop

from sayso.agent.base import MAX_MESSAGE_CHARS, Message
from sayso.errors import Code, RefusedError

FIRST = "refund $120.00 of order o1 please"
ALWAYS = {"default": "always"}


@pytest.mark.promise("agent:corrected")
@pytest.mark.parametrize(
    "turns",
    [
        [Message(role="customer", content="hello")] * 500,
        [Message(role="customer", content="a" * 100_000)],
        [Message(role="customer", content="no, only $20 " * (MAX_MESSAGE_CHARS // 12))],
    ],
    ids=["500 turns", "100,000 characters", "a long correction"],
)
async def test_a_thread_that_is_too_long_is_refused_and_changes_nothing(
    tmp_path: Path, turns: list[Message]
) -> None:
    """What waits in it stays as it is, and the refusal says what to do."""
    async with open_shop(tmp_path, planner=Scripted(plan(refund(12_000)))) as opened:
        stock(opened)
        asked = await opened.sayso.ask("cus_1", FIRST, conversation="t1")
        with pytest.raises(RefusedError) as refusal:
            await opened.sayso.ask("cus_1", turns, conversation="t1")
        assert refusal.value.code is Code.MESSAGE_TOO_LONG
        assert refusal.value.next_step
        assert (await now(opened, asked)).actions[0].status == "pending_approval"
        assert_verified(opened)


@pytest.mark.promise("agent:corrected")
@pytest.mark.parametrize(
    "words",
    [
        "n\u043e, \u043enly $20",  # Cyrillic letters that look like Latin ones
        "n\u200bo\u202e, only $20",
        "<!-- no, only $20 -->",
        "nein, only 20 доллара",
    ],
    ids=["look-alikes", "hidden characters", "hidden text", "mixed scripts"],
)
async def test_strange_letters_do_no_harm_to_what_waits(tmp_path: Path, words: str) -> None:
    """It is put right or shown to people: never paid as it was without somebody's yes."""
    async with open_shop(tmp_path, planner=Scripted(*[plan(refund(12_000))] * 4)) as opened:
        stock(opened)
        asked = await opened.sayso.ask("cus_1", FIRST, conversation="t1")
        odd = await opened.sayso.ask("cus_1", words, conversation="t1")
        await now(opened, asked)
        assert (paid(opened), bool(odd.reply)) == ([], True)
        assert_verified(opened)


@pytest.mark.promise("agent:corrected")
@pytest.mark.usefixtures("store_url")
async def test_a_question_answered_twice_is_answered_once(tmp_path: Path) -> None:
    """By another key, and from another thread: refused, or a message of its own."""
    planner = Scripted(*[plan(refund(12_000))] * 3)
    async with open_shop(tmp_path, planner=planner, confirm=ALWAYS) as opened:
        stock(opened)
        asked = await opened.sayso.ask("cus_1", FIRST, conversation="t1")
        assert asked.question is not None
        number = asked.question.number
        other = await opened.sayso.ask("cus_1", "yes", conversation="t2")
        assert other.id != asked.id
        assert (await now(opened, asked)).status == "needs_customer"
        answers = opened.sayso.requests
        await answers.answer(asked.id, choice="yes", question=number, idempotency_key="k1")
        with pytest.raises(RefusedError) as refusal:
            await answers.answer(asked.id, choice="yes", question=number, idempotency_key="k2")
        assert refusal.value.code is Code.NOTHING_ASKED
        ended = await now(opened, asked)
        assert [one.status for one in ended.actions] == ["pending_approval"]
        assert_verified(opened)
