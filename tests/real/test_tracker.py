"""A real help desk: what the manifest of Request Tracker says of it is so.

Debian's `request-tracker5`, unchanged, and its own mail. `./run stories` runs it; `./run test`, and
so CI, skips it for its time.
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncGenerator, Generator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from threading import Event

import pytest
from real.desk_story import Story, agree, attend_in_a_process, rt_at, settle
from real.shop import PAY_S, wait_until
from real.tracker import Tracker
from support.http_shop import ShopServer

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt, Resolved
from sayso.connectors.manifest.people import FindingConnector
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError
from sayso.ids import IdSource, SystemClock
from sayso.json import JsonObject
from sayso.money import Money
from sayso.testing.clock import FakeClock, FileClock

pytestmark = pytest.mark.real
ANA = "Ana <ana@example.com>"
IDS = IdSource(FakeClock())
KILLS = int(os.environ.get("SAYSO_REAL_DESK_KILLS", "3"))
"""Of who looks after the desk; with 40 it takes some minutes (`-o faulthandler_timeout=1800`)."""


@pytest.fixture
async def rt(tracker: Tracker) -> AsyncGenerator[FindingConnector]:
    """The manifest's connector."""
    made = rt_at(tracker.url, tracker.token, FakeClock())
    yield made
    await made.close()


@pytest.fixture
def shop() -> Generator[ShopServer]:
    """A shop with its books."""
    with ShopServer() as running:
        yield running


@pytest.fixture
def story(tracker: Tracker, shop: ShopServer, tmp_path: Path) -> Story:
    """Sayso between the two, connected a minute ago, since RT tells whole seconds."""
    FileClock(tmp_path / "clock", SystemClock().now() - timedelta(minutes=1))
    return Story(
        folder=tmp_path,
        rt_url=tracker.url,
        token=tracker.token,
        shop_url=shop.url,
        escalated=tracker.escalated,
    )


async def resolved(rt: FindingConnector, verb: str, subject: Subject, args: JsonObject) -> Resolved:
    """What an action would be."""
    action = rt.defined[f"rt.{verb}"].action
    return await rt.resolve(action, action.args.model_validate(args), subject)


def call_of(verb: str, subject: Subject, what: Resolved) -> Call:
    """The call of an action of its own."""
    return Call(
        tenant="main",
        action_id=IDS.new("act"),
        action=f"rt.{verb}",
        subject_id=subject.id,
        resolved=what,
        idempotency_key="0" * 64,
    )


async def prepared(rt: FindingConnector, verb: str, subject: Subject, **args: str) -> Call:
    """An action, resolved, as it would be called."""
    return call_of(verb, subject, await resolved(rt, verb, subject, dict(args)))


def words_of(mail: EmailMessage) -> str:
    """What the customer reads."""
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


async def customer(rt: FindingConnector, address: str) -> Subject:
    """Whoever has an address."""
    (person,) = await rt.find_people(address)
    return Subject(id=person.id)


@pytest.mark.promise("desks:real")
async def test_a_reply_reaches_the_customer_and_is_found_again(
    tracker: Tracker, rt: FindingConnector
) -> None:
    """It is mailed once, and what a lost answer leaves is told by our reference, nothing else."""
    ticket = tracker.write(ANA, "Where is my refund?")
    ana = await customer(rt, "ana@example.com")
    (record,) = await rt.list_records(ana)
    assert (record.id, record.kind) == (ticket, "ticket")
    call = await prepared(rt, "reply", ana, ticket=ticket, text="It is on its way.\n\nYours")
    assert await rt.look_up(call) is Absence.ABSENT
    receipt = await rt.call(call)
    (mail,) = tracker.mailed("ana@example.com")
    assert words_of(mail).split() == ["It", "is", "on", "its", "way.", "Yours"]
    tracker.write(ANA, "Thanks!", subject=f"Re: {mail['Subject']}")
    other = await prepared(rt, "reply", ana, ticket=ticket, text="It is on its way.\n\nYours")
    found = await rt.look_up(call)
    assert isinstance(found, Receipt)
    assert found.id == receipt.id
    assert await rt.effects_of(call) == 1
    assert await rt.look_up(other) is Absence.ABSENT


@pytest.mark.promise("desks:real")
async def test_a_note_is_for_colleagues_alone(tracker: Tracker, rt: FindingConnector) -> None:
    """It stands in the ticket as a comment, and nobody is mailed."""
    ticket = tracker.write("Ben <ben@example.com>", "Hello?")
    ben = await customer(rt, "ben@example.com")
    call = await prepared(rt, "note", ben, ticket=ticket, text="Asked twice.")
    receipt = await rt.call(call)
    found = await rt.look_up(call)
    assert isinstance(found, Receipt)
    assert found.id == receipt.id
    assert tracker.mailed("ben@example.com") == []


@pytest.mark.promise("desks:real")
async def test_what_changed_meanwhile_is_not_changed(
    tracker: Tracker, rt: FindingConnector
) -> None:
    """RT refuses by its ETag; and what it refuses in words alone isn't taken for done."""
    ticket = tracker.write("Cleo <cleo@example.com>", "I want a person.")
    cleo = await customer(rt, "cleo@example.com")
    before = await prepared(rt, "resolve", cleo, ticket=ticket)
    said: JsonObject = {"Content": "I take it.", "ContentType": "text/plain"}
    tracker.ask("POST", f"/ticket/{ticket}/comment", said)
    with pytest.raises(RetryableError, match="changed since"):
        await rt.call(before)
    assert tracker.ticket(ticket)["Status"] == "new"
    moving = await prepared(rt, "hand_over", cleo, ticket=ticket, queue=tracker.escalated)
    with pytest.raises(OutcomeUnknownError) as taken:
        await rt.call(moving)
    assert taken.value.code is Code.ACCEPTED
    moved = await rt.look_up(moving)
    assert isinstance(moved, Receipt)
    # In that queue Sayso may change nothing: RT answers 200 and "Permission Denied".
    closing = await prepared(rt, "resolve", cleo, ticket=ticket)
    with pytest.raises(OutcomeUnknownError):
        await rt.call(closing)
    assert await rt.look_up(closing) is Absence.ABSENT
    assert tracker.ticket(ticket)["Status"] != "resolved"


@pytest.mark.promise("desks:real")
async def test_a_closed_ticket_and_somebody_elses_are_refused(
    tracker: Tracker, rt: FindingConnector
) -> None:
    """With the reason, before anything is sent."""
    ticket = tracker.write("Dora <dora@example.com>", "Never mind.")
    dora, ana = await customer(rt, "dora@example.com"), Subject(id="999999")
    tracker.ask("PUT", f"/ticket/{ticket}", {"Status": "resolved"})
    with pytest.raises(RefusedError, match="the ticket is closed"):
        await resolved(rt, "reply", dora, {"ticket": ticket, "text": "Hello"})
    with pytest.raises(RefusedError, match="has no ticket"):
        await resolved(rt, "reply", ana, {"ticket": ticket, "text": "Hello"})
    with pytest.raises(RefusedError, match="has no ticket"):
        await resolved(rt, "reply", dora, {"ticket": "4711", "text": "Hello"})


@pytest.mark.promise("desks:real")
async def test_who_wrote_what_and_what_changed(tracker: Tracker, rt: FindingConnector) -> None:
    """A sweep tells of the ticket; customers, colleagues, Sayso and machines are told apart."""
    since = (SystemClock().now() - timedelta(minutes=1)).isoformat()
    ticket = tracker.write("Eva <eva@example.com>", "Where is my mug?")
    eva = await customer(rt, "eva@example.com")
    subject = f"Re: [shop.example #{ticket}] My mug"
    tracker.write(
        "Eva <eva@example.com>", "I am away", subject=subject, Auto_Submitted="auto-replied"
    )
    await rt.call(await prepared(rt, "reply", eva, ticket=ticket, text="We look."))
    quote = "On Mon, Nov 30, 2026 at 10:11 AM Shop <s@shop.example> wrote:\n> We look."
    tracker.write("Eva <eva@example.com>", f"The blue one.\n\n{quote}", subject=subject)
    said: JsonObject = {"Content": "for us", "ContentType": "text/plain"}
    tracker.ask("POST", f"/ticket/{ticket}/comment", said)
    tracker.ask("POST", f"/ticket/{ticket}/correspond", {**said, "Content": "Hello Eva"})
    assert ticket in (await rt.changes(since)).threads
    thread = await rt.read_thread(ticket)
    assert [(one.author, one.text, one.public) for one in thread.messages] == [
        ("customer", "Where is my mug?", True),
        ("machine", "I am away", True),
        ("sayso", "We look.", True),
        ("customer", "The blue one.", True),
        ("colleague", "for us", False),
        ("colleague", "Hello Eva", True),
    ]
    assert thread.messages[0].subject is not None
    assert thread.messages[0].subject.id == eva.id
    assert (thread.is_open, thread.assignee) == (True, "")


@pytest.mark.promise("desks:real")
async def test_a_customers_mail_is_carried_out_after_one_yes_and_answered_in_its_thread(
    tracker: Tracker, rt: FindingConnector, shop: ShopServer, story: Story
) -> None:
    """From a mail to the mailbox: read, noted, agreed to, paid once, told; books and log agree."""
    async with story.opened() as (sayso, loop):
        await loop.drain()
        ticket = tracker.write("Fay <fay@example.com>", "Please refund order order_7")
        fay = await customer(rt, "fay@example.com")
        shop.books.add("order_7", fay.id, Money(20_000, "USD"))
        await settle(sayso, loop)
        (first,) = tracker.mailed("fay@example.com")
        assert "person from our team" in words_of(first)
        await agree(sayso)
        await settle(sayso, loop)
        assert [one.amount for one in shop.books.payouts] == [Money(20_000, "USD")]
        told = tracker.mailed("fay@example.com")
        assert len(told) == 2
        assert "$200.00" in words_of(told[1])
        thread = await rt.read_thread(ticket)
        ours = [one.public for one in thread.messages if one.author == "sayso"]
        assert ours.count(True) == 2
        assert False in ours
        await settle(sayso, loop)
        assert len(tracker.mailed("fay@example.com")) == 2
        assert sayso.audit.verify(deep=True).verdict == "verified"


@pytest.mark.promise("desks:real")
async def test_killed_again_and_again_each_is_paid_and_told_once(
    tracker: Tracker, rt: FindingConnector, shop: ShopServer, story: Story
) -> None:
    """kill -9 of who looks after the desk, at any moment; each customer reads the outcome once."""
    drawn = random.Random(27)
    async with story.opened() as (_, loop):
        await loop.drain()
    for number in range(KILLS):
        sender = f"kim{number}@example.com"
        tracker.write(f"Kim <{sender}>", f"Please refund order order_{100 + number}")
        one = await customer(rt, sender)
        shop.books.add(f"order_{100 + number}", one.id, Money(3_000, "USD"))
        process = attend_in_a_process(story)
        if number % 2 == 0:
            wait_until(lambda: len(shop.books.payouts) > number, PAY_S, "the shop pays")  # noqa: B023
        Event().wait(drawn.uniform(0.0, 1.0))
        process.kill()
        process.join(60)
        story.clock.advance(minutes=3)
    async with story.opened() as (sayso, loop):
        for _ in range(6):
            story.clock.advance(minutes=5)
            await settle(sayso, loop)
        paid = sorted(one.order for one in shop.books.payouts)
        assert paid == sorted(f"order_{100 + number}" for number in range(KILLS))
        for number in range(KILLS):
            told = [words_of(one) for one in tracker.mailed(f"kim{number}@example.com")]
            assert len(told) == len(set(told))
            assert "$30.00" in told[-1]
        assert sayso.audit.verify(deep=True).verdict == "verified"
