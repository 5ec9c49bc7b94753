"""What customers write at a desk is answered there: once, in order, and as long as it is true."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sdk.desk.desks import open_desk
from support.fake_desk import DeskBooks, FakeDesk

from sayso.agent.base import Message
from sayso.agent.incoming import Ask
from sayso.agent.request_row import get_request
from sayso.audit.entry import Actor, ActorKind
from sayso.ids import Tenant
from sayso.store.base import SqlValue, Transaction
from sayso.testing.clock import FakeClock


@pytest.mark.promise("desk:answers")
async def test_a_message_at_the_desk_is_carried_out_and_answered_in_its_thread(
    tmp_path: Path,
) -> None:
    """From the words to the answer, with a refund that needs nobody; the log verifies."""
    async with open_desk(tmp_path) as opened:
        await opened.says("t1", "Please refund order order_1")
        (told,) = opened.told("t1")
        assert "$30.00" in told
        assert len(opened.shop.books.payouts) == 1
        (action,) = await opened.spoken()
        assert action.status == "succeeded"
        await opened.settle()
        assert opened.told("t1") == [told]


@pytest.mark.promise("desk:answers")
async def test_who_waits_for_a_colleague_is_told_so_and_hears_the_end(tmp_path: Path) -> None:
    """First that it is looked at, then what was decided; colleagues get a note of both."""
    async with open_desk(tmp_path) as opened:
        await opened.says("t1", "Please refund order order_2", "bob")
        (first,) = opened.told("t1")
        assert "A person from our team" in first
        assert "shop.refund" in opened.noted("t1")[0]
        await opened.decide("reject", reason="not within 30 days")
        await opened.settle()
        assert len(opened.told("t1")) == 2
        assert "declined" in opened.noted("t1")[-1]
        assert opened.shop.books.payouts == []
        assert await opened.spoken()


@pytest.mark.promise("desk:once")
@pytest.mark.parametrize("fault", ["lost_after", "lost_before", "unreachable"])
async def test_an_answer_whose_fate_is_unknown_is_sent_once(tmp_path: Path, fault: str) -> None:
    """Whatever is lost on the way, the customer reads it once, and nothing newer before it."""
    async with open_desk(tmp_path) as opened:
        opened.desk.faults.append(fault)  # type: ignore[arg-type]
        await opened.says("t1", "Please refund order order_1")
        for _ in range(4):
            opened.clock.advance(minutes=5)
            await opened.settle()
        assert len(opened.told("t1")) == 1
        assert await opened.spoken()


@pytest.mark.promise("desk:true")
async def test_what_is_not_true_any_more_is_not_said(tmp_path: Path) -> None:
    """That a person looks at it waits for the desk; by then it is declined, and that is said."""
    async with open_desk(tmp_path) as opened:
        opened.desk.faults += ["unreachable"] * 3
        await opened.says("t1", "Please refund order order_2", "bob")
        assert opened.told("t1") == []
        await opened.decide("reject", reason="no")
        opened.desk.faults.clear()
        for _ in range(3):
            opened.clock.advance(minutes=2)
            await opened.settle()
        (told,) = opened.told("t1")
        assert "has to agree" not in told
        sent, dropped = await opened.spoken()
        assert (sent.status, dropped.status) == ("succeeded", "refused")
        assert dropped.error is not None
        assert dropped.error.code == "overtaken"
        assert await opened.spoken()


@pytest.mark.promise("desk:own-words")
async def test_a_text_of_anybody_else_is_judged_by_the_policy(tmp_path: Path) -> None:
    """What a caller writes in the same thread, in the same words, is not allowed by the law."""
    async with open_desk(tmp_path) as opened:
        await opened.says("t1", "Please refund order order_1")
        (told,) = opened.told("t1")
        args = {"thread": "t1", "text": told}
        said = await opened.sayso.propose("desk.reply", args, subject="ana")
        assert said.status == "refused"
        assert said.error is not None
        assert said.error.code == "policy_denied"


async def test_what_is_written_before_the_first_sweep_succeeds_is_taken_in(tmp_path: Path) -> None:
    """The desk could not be read when it was connected; what was there before is left alone."""
    books = DeskBooks()
    clock = FakeClock()
    FakeDesk(clock.now, books).write("old", "Please refund order order_2", customer="bob")
    clock.advance(minutes=1)
    async with open_desk(tmp_path, books=books, clock=clock, readable=False) as opened:
        await opened.says("t1", "Please refund order order_1")
        opened.clock.advance(minutes=10)
        opened.desk.unreadable = False
        await opened.settle()
        assert (len(opened.told("t1")), opened.told("old")) == (1, [])


async def test_what_was_edited_after_a_crash_is_answered_by_its_first_words(tmp_path: Path) -> None:
    """Whoever died had asked, and not kept that the message was taken in."""
    async with open_desk(tmp_path) as opened:
        message = opened.desk.write("t1", "Please refund order order_1, dear all")
        subject = message.subject
        assert subject is not None
        ask = Ask(
            tenant=opened.sayso.container.tenant,
            requester=Actor(kind=ActorKind.SERVICE, id="desk:desk"),
            subject=replace(subject, id="ana"),
            messages=(Message(role="customer", content="Please refund order order_1"),),
            key=f"desk:desk::{message.id}",
            conversation="desk:desk:t1",
        )
        await opened.sayso.container.requests.ask(ask)
        await opened.settle()
        (told,) = opened.told("t1")
        assert "$30.00" in told
        assert len(await opened.sayso.requests.list()) == 1


async def test_a_message_while_the_desk_was_down_is_found_by_the_sweep(tmp_path: Path) -> None:
    """Nothing is lost while the desk cannot be read, and nothing is taken in twice."""
    async with open_desk(tmp_path) as opened:
        opened.desk.unreadable = True
        await opened.says("t1", "Please refund order order_1")
        assert opened.told("t1") == []
        opened.desk.unreadable = False
        opened.clock.advance(minutes=10)
        await opened.settle()
        assert len(opened.told("t1")) == 1
        assert len(await opened.sayso.requests.list()) == 1


@pytest.mark.promise("desk:left")
async def test_what_can_be_neither_taken_in_nor_answered_is_work_with_its_reason(
    tmp_path: Path,
) -> None:
    """Too long a message, an unknown writer, a desk that says no: each once, and no retry."""
    async with open_desk(tmp_path) as opened:
        opened.desk.write("t1", "x" * 20_001)
        strange = opened.desk.write("t2", "Please refund order order_1")
        opened.desk.books.tickets["t2"].messages[0] = replace(strange, subject=None)
        opened.desk.faults.append("says_no")
        opened.desk.write("t3", "Thank you so much!")
        for _ in range(3):
            opened.clock.advance(minutes=5)
            await opened.settle()
        why = {one.why for one in await opened.sayso.work.list(kinds=["thread"])}
        assert len(why) == 3, why
        assert any("t1" in one for one in why)
        assert any("which customer" in one for one in why)
        assert any("could not be delivered" in one for one in why)
        assert [len(opened.told(one)) for one in ("t1", "t2", "t3")] == [0, 0, 0]
        assert await opened.spoken()


@pytest.mark.promise("desk:once")
async def test_a_message_that_was_edited_or_read_again_is_one_turn(tmp_path: Path) -> None:
    """However often a thread is read, and whatever its messages say by then."""
    async with open_desk(tmp_path) as opened:
        await opened.says("t1", "Please refund order order_1")
        opened.desk.edit("t1", 0, "Please refund order order_1 twice")
        for _ in range(3):
            await opened.settle()
        assert len(await opened.sayso.requests.list()) == 1
        assert len(opened.shop.books.payouts) == 1
        assert len(opened.told("t1")) == 1


@pytest.mark.promise("desk:true")
async def test_an_answer_that_was_lost_on_the_way_is_not_sent_later_once_it_is_untrue(
    tmp_path: Path,
) -> None:
    """It never arrived; until that is known it was declined, and only that is said."""
    async with open_desk(tmp_path) as opened:
        opened.desk.faults.append("lost_before")
        await opened.says("t1", "Please refund order order_2", "bob")
        await opened.decide("reject", reason="no")
        for _ in range(4):
            opened.clock.advance(minutes=5)
            await opened.settle()
        (told,) = opened.told("t1")
        assert "has to agree" not in told
        assert {one.status for one in await opened.spoken()} == {"succeeded", "failed"}


@pytest.mark.promise("desk:left")
@pytest.mark.promise("desk:no-loop")
async def test_an_answer_that_came_back_is_work_once_and_the_report_is_not_answered(
    tmp_path: Path,
) -> None:
    """However many reports name it; what they invent is one more piece of work at most."""
    async with open_desk(tmp_path) as opened:
        await opened.says("t1", "Please refund order order_1")
        told = opened.told("t1")
        (action,) = await opened.spoken()
        assert action.receipt is not None
        receipt = action.receipt.id
        for named in (receipt, receipt, "<invented-1@x>", "<invented-2@x>"):
            opened.desk.write("t1", "Not delivered", author="machine", undelivered=named)
        opened.desk.write("t2", "Not delivered", author="machine", undelivered=receipt)
        for _ in range(3):
            opened.clock.advance(minutes=5)
            await opened.settle()
        work = await opened.sayso.work.list(kinds=["thread"])
        assert [one.subject for one in work] == ["ana", "ana"]
        whys = sorted(one.why for one in work)
        assert whys[1].startswith("an answer of 20")
        assert all("in t1 did not arrive" in one for one in whys)
        assert opened.told("t1") == told
        assert len(await opened.sayso.requests.list()) == 1
        assert await opened.spoken()


async def test_in_a_thread_of_thousands_of_messages_the_newest_count(tmp_path: Path) -> None:
    """What was written and said long ago neither hides a request nor takes an answer's place."""
    async with open_desk(tmp_path) as opened:
        await opened.says("t1", "Please refund $10.00 of order_1")
        store, where = opened.sayso.container.store, {"tenant": "main", "desk": "desk"}

        def fill(tx: Transaction) -> None:
            for n in range(1, 1001):
                row: dict[str, SqlValue] = {"id": f"m{n}", "thread": "t1", "at": n, "state": "left"}
                tx.run("desk.put_message", **where, account="", request_id=None, why="no", **row)
            for n in range(10, 2011):
                row = {"kind": "note", "about": "x", "request_id": "req_1", "digest": "", "at": 1}
                tx.run("desk.say", **where, thread="t1", n=n, key=f"k{n}", **row)
                tx.run("desk.said_ended", **where, thread="t1", n=n, state="sent", why=None)

        await store.write(fill)
        await opened.says("t1", "Please refund $12.00 of order_1")
        assert [one for one in opened.told("t1") if "$12.00" in one]


async def test_a_question_waits_for_its_answer_although_whoever_asked_it_has_died(
    tmp_path: Path,
) -> None:
    """Its lease ends long before the time to answer does; the customer is asked, and answers."""
    async with open_desk(tmp_path, planner={"confirm": {"default": "always"}}) as opened:
        await opened.says("t1", "Please refund order order_1")
        (request,) = await opened.sayso.requests.list()
        assert request.status == "needs_customer"
        store, now = opened.sayso.container.store, opened.sayso.container.context.now()
        row = await store.read(lambda reader: get_request(reader, Tenant("main"), request.id))
        # As the lease of a process leaves it that has died before it was parked.
        named: dict[str, str | int] = {"tenant": "main", "id": row.id, "fence": row.fence}
        await store.write(lambda tx: tx.run("request.release", **named, due_at=now))
        await opened.settle()
        assert (await opened.sayso.requests.get(request.id)).status == "needs_customer"
        await opened.says("t1", "Yes")
        assert len(opened.shop.books.payouts) == 1
