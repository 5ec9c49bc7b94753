"""A real help desk: what the manifest of Request Tracker says of it is so.

Debian's `request-tracker5`, unchanged, and its own mail. It is skipped only where that isn't
installed; CI installs it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import pytest
from connectors.manifest.stand import shipped
from real.tracker import NoTrackerError, Tracker, run_tracker

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt, Resolved
from sayso.connectors.base import Connector
from sayso.connectors.manifest.connector import Connected
from sayso.connectors.manifest.people import FindingConnector, connector_of
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError
from sayso.ids import IdSource
from sayso.json import JsonObject
from sayso.secret import Secret
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.real
ANA = "Ana <ana@example.com>"
IDS = IdSource(FakeClock())


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Generator[Tracker]:
    """The help desk."""
    try:
        with run_tracker(tmp_path_factory.mktemp("tracker") / "rt") as running:
            yield running
    except NoTrackerError as error:
        pytest.skip(f"Request Tracker cannot run here: {error}")


@pytest.fixture
async def rt(tracker: Tracker) -> AsyncGenerator[FindingConnector]:
    """The manifest's connector."""

    async def secret() -> Secret:
        return Secret(tracker.token)

    def peer(_: str) -> Connector:
        raise AssertionError("it has no peer")

    made = connector_of(
        shipped("rt")[0],
        Connected(
            settings={"host": "rt.shop.example"},
            secret=secret,
            clock=FakeClock(),
            peer=peer,
            loopback=tracker.url,
        ),
    )
    assert isinstance(made, FindingConnector)
    yield made
    await made.close()


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
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().split() == ["It", "is", "on", "its", "way.", "Yours"]
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
