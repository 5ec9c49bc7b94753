"""People go first: once a colleague has a thread, Sayso says nothing more to its customer."""

from __future__ import annotations

from pathlib import Path

import pytest
from sdk.desk.desks import OPERATOR, OpenDesk, open_desk
from support.shop_workspace import POLICY

from sayso.json import JsonObject
from sayso.sdk.desk.seat import Words
from sayso.sdk.resources.compose import Composition
from sayso.sdk.resources.tokens import Scope

REFUND = "Please refund order order_2"


async def answers(opened: OpenDesk) -> None:
    """A colleague writes to the customer."""
    opened.desk.write("t1", "I look into it, Bob.", author="colleague")


async def takes(opened: OpenDesk) -> None:
    """A colleague takes the thread."""
    opened.desk.change("t1", assignee="maria")


async def closes(opened: OpenDesk) -> None:
    """A colleague closes the thread."""
    opened.desk.change("t1", is_open=False)


@pytest.mark.promise("desk:silent")
@pytest.mark.parametrize(
    ("does", "why"), [(answers, "has answered"), (takes, "has taken"), (closes, "was closed")]
)
async def test_a_colleague_who_has_the_thread_is_left_alone_there(
    tmp_path: Path, does: object, why: str
) -> None:
    """Nothing more to the customer, one note that says why; the card stays for people."""
    async with open_desk(tmp_path) as opened:
        await opened.says("t1", REFUND, "bob")
        told = opened.told("t1")
        await does(opened)  # type: ignore[operator]
        await opened.settle()
        opened.desk.books.tickets["t1"].is_open = True  # so that a note can be written
        await opened.decide("reject")
        opened.desk.write("t1", "Any news?", customer="bob")
        opened.clock.advance(minutes=5)
        await opened.settle()
        assert opened.told("t1") == told
        silent = [one for one in opened.noted("t1") if "says nothing more" in one]
        if does is not closes:
            assert len(silent) == 1
            assert why in silent[0]
        work = await opened.sayso.work.list(kinds=["handed_over"])
        assert [one.subject for one in work] == ["bob"]
        assert "a colleague has the conversation" in work[0].why
        assert opened.shop.books.payouts == []


@pytest.mark.promise("desk:silent")
async def test_what_waits_for_the_customer_is_a_colleagues_once_they_answer(
    tmp_path: Path,
) -> None:
    """An answer to our question, given after a colleague wrote, carries nothing out."""
    async with open_desk(tmp_path, planner={"confirm": {"default": "always"}}) as opened:
        await opened.says("t1", "Please refund order order_1")
        assert len(opened.told("t1")) == 1
        opened.desk.write("t1", "Hi Ana, I do that.", author="colleague")
        await opened.settle()
        await opened.says("t1", "Yes")
        assert len(opened.told("t1")) == 1
        assert opened.shop.books.payouts == []
        assert {one.status for one in await opened.sayso.requests.list()} == {"handed_over"}


async def test_a_message_that_a_colleague_has_answered_already_makes_no_work(
    tmp_path: Path,
) -> None:
    """Found by the sweep with the answer below it: there is nothing to do."""
    async with open_desk(tmp_path) as opened:
        opened.desk.write("t1", REFUND, customer="bob")
        opened.clock.advance(minutes=1)
        opened.desk.write("t1", "Done, Bob.", author="colleague")
        await opened.settle()
        assert opened.told("t1") == []
        assert await opened.sayso.requests.list() == []


@pytest.mark.promise("desk:silent")
async def test_a_colleague_who_answers_while_an_answer_waits_is_not_talked_over(
    tmp_path: Path,
) -> None:
    """The desk could not be reached; the colleague was faster; the answer is dropped."""
    async with open_desk(tmp_path) as opened:
        opened.desk.faults += ["unreachable"] * 9
        await opened.says("t1", REFUND, "bob")
        await answers(opened)
        opened.desk.faults.clear()
        for _ in range(3):
            opened.clock.advance(minutes=2)
            await opened.settle()
        assert opened.told("t1") == []
        dropped = [one.error.code for one in await opened.spoken() if one.error is not None]
        assert dropped == ["overtaken"]


@pytest.mark.promise("desk:hand-over")
async def test_what_sayso_cannot_do_is_handed_over_with_all_that_is_known(tmp_path: Path) -> None:
    """The group gets it with a note: the wish, who it is, what was tried, why a person."""
    section = {"hand_over": {"group": 42}}
    async with open_desk(tmp_path, section=section) as opened:
        await opened.says("t1", "My parcel smells of smoke and my dog is ill, call me")
        assert opened.desk.books.tickets["t1"].group == 42
        (note,) = opened.noted("t1")
        for said in ("smells of smoke", "ana", "verified", "Tried: nothing", "Why you:"):
            assert said in note
        assert len(opened.told("t1")) == 1
        await opened.says("t1", "Hello? Is anybody there? My dog is still ill, call me")
        assert len(opened.told("t1")) == 1, "the same answer is not said twice"


async def test_machines_and_own_words_are_never_answered(tmp_path: Path) -> None:
    """Another bot, an auto-reply, a note of a colleague: nothing becomes a request."""
    async with open_desk(tmp_path) as opened:
        opened.desk.write("t1", REFUND, author="machine", customer="bob")
        opened.desk.write("t2", REFUND, author="colleague", public=False, customer="bob")
        opened.desk.write("t3", REFUND, author="sayso", customer="bob")
        await opened.settle()
        assert await opened.sayso.requests.list() == []
        assert opened.desk.books.calls == []


@pytest.mark.promise("desk:no-loop")
async def test_two_machines_that_answer_each_other_end_after_six(tmp_path: Path) -> None:
    """The other one looks like a customer; from the seventh on a person has it."""
    async with open_desk(tmp_path) as opened:
        for _ in range(12):
            await opened.says("t1", "Thank you so much!")
            opened.clock.advance(minutes=1)
        assert len(opened.told("t1")) == 6
        (thread,) = await opened.sayso.desks.threads("desk")
        assert thread.silent == "too_many"
        work = await opened.sayso.work.list(kinds=["thread"])
        assert ["too often" in one.why for one in work] == [True]


async def test_only_what_was_written_since_the_desk_was_connected_is_answered(
    tmp_path: Path,
) -> None:
    """Years of threads that others answered make no request."""
    async with open_desk(tmp_path) as opened:
        old = opened.desk.write("t1", "Please refund order order_1")
        opened.desk.books.tickets["t1"].messages[0] = old.__class__(
            **{**{f: getattr(old, f) for f in old.__slots__}, "at": old.at.replace(year=2020)}
        )
        await opened.settle()
        assert await opened.sayso.requests.list() == []


SPEAKS = (
    POLICY
    + """
@id("colleagues") @explain("colleagues hand over by themselves")
permit (principal, action == Action::"desk.hand_over", resource);
@id("answers") @explain("a support manager says yes to an answer")
permit (principal, action == Action::"desk.reply", resource)
when { context.approvedBy.contains("support_manager") };
"""
)


@pytest.mark.promise("desk:silent")
async def test_a_colleague_whose_words_leave_by_another_way_is_not_talked_over(
    tmp_path: Path, store_url: str
) -> None:
    """Somebody had to agree to an answer; a hand-over by a process that has died since."""
    section = {"hand_over": {"group": 42}}
    async with open_desk(tmp_path, policy=SPEAKS, section=section) as opened:
        sayso = opened.sayso
        await opened.says("t1", "Please refund $10.00 of order_1")
        await opened.says("t2", "Please refund $10.00 of order_2", "bob")
        told = opened.told("t1"), opened.told("t2")
        _, secret = await sayso.tokens.create(
            sayso.tenant, "person", "finn", frozenset({Scope.DECIDE}), days=1, by=OPERATOR
        )
        by = await sayso.tokens.check(secret)
        hello = Words(kind="reply", text="Hello!", key="k1")
        assert (await sayso.desks.speak("desk", "t1", hello, by=by)).status == "pending_approval"
        await opened.decide("approve")
        args: JsonObject = {"thread": "t2", "text": "Have a look", "group": 42}
        wanted = Composition(customer="bob", action="desk.hand_over", args=args)
        seen = await sayso.compose.judge(wanted, by=by)
        done = await sayso.compose.propose(wanted, by=by, digest=seen.digest or "", key="k2")
        assert done.status == "succeeded"
        await opened.settle()
        threads = await sayso.desks.threads("desk")
        assert [one.silent for one in threads] == ["answered", "taken"]
        for thread, who in (("t1", "ana"), ("t2", "bob")):
            await opened.says(thread, "Thank you so much!", who)
        assert (opened.told("t1"), opened.told("t2")) == ([*told[0], "Hello!"], told[1])
