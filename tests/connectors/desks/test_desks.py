"""Help desks, each against a double of its own: what comes in, who wrote it, and what goes out."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from connectors.desks.books import HelpDesk
from connectors.desks.freshdesk import Freshdesk
from connectors.desks.intercom import Intercom
from connectors.desks.jira import Jira
from connectors.desks.zendesk import Zendesk
from connectors.manifest.stand import shipped

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.connectors.base import Connector
from sayso.connectors.desk import Author
from sayso.connectors.http import Sender
from sayso.connectors.manifest.connector import Connected, ManifestConnector
from sayso.connectors.manifest.people import connector_of
from sayso.connectors.manifest.source import ManifestSource
from sayso.connectors.retry import RetryPolicy
from sayso.errors import OutcomeUnknownError, RefusedError, RetryableError
from sayso.ids import IdSource
from sayso.json import JsonValue
from sayso.secret import Secret
from sayso.testing.clock import FakeClock

DESKS = (Zendesk, Intercom, Freshdesk, Jira)
KINDS: Mapping[str, Author] = {
    "customer": "customer",
    "colleague": "colleague",
    "sayso": "sayso",
    "bot": "machine",
}
IDS = IdSource(FakeClock())
RING = Secret("ring")

pytestmark = pytest.mark.promise("desks:doubles")


@pytest.fixture(params=DESKS, ids=lambda one: str(one.name))
def desk(request: pytest.FixtureRequest) -> HelpDesk:
    """A help desk, empty."""
    made = request.param()
    assert isinstance(made, HelpDesk)
    return made


def connected(desk: HelpDesk) -> ManifestConnector:
    """The connector of its manifest."""
    return manifest_of(shipped(desk.name)[0], desk)


def manifest_of(source: ManifestSource, desk: HelpDesk, *peers: Connector) -> ManifestConnector:
    """The connector of a manifest, before a desk's double, beside its peers."""

    async def secret() -> Secret:
        return Secret("token")

    def peer(name: str) -> Connector:
        return next(one for one in peers if one.name == name)

    def instead(_: Sender) -> Sender:
        return desk

    return connector_of(
        source,
        Connected(
            settings=desk.settings,
            secret=secret,
            clock=desk.clock,
            peer=peer,
            retry=RetryPolicy(attempts=1),
            sender=instead,
        ),
    )


async def call_of(
    here: ManifestConnector, desk: HelpDesk, part: str, talk: int, **more: JsonValue
) -> Call:
    """The call of the action that plays a part."""
    assert here.desk is not None
    name = str(getattr(here.desk, part))
    action = here.defined[name].action
    args = action.args.model_validate({here.desk.thread_arg: desk.thread(talk), **more})
    subject = Subject(id=desk.subject(talk))
    return Call(
        tenant="main",
        action_id=IDS.new("act"),
        action=name,
        subject_id=subject.id,
        resolved=await here.resolve(action, args, subject),
        idempotency_key="0" * 64,
    )


async def test_a_sweep_and_the_bells_tell_the_same_and_nothing_twice(desk: HelpDesk) -> None:
    """A webhook names what is read; whatever no webhook told is found by the next sweep."""
    here = connected(desk)
    cursor = (await here.changes("")).cursor
    desk.clock.advance(minutes=10)
    talks = [desk.write("customer", f"number {one}") for one in range(12)]
    desk.write("customer", "one more thing", talks[0])
    rung = {
        here.rung(RING, *desk.bell(talk), desk.clock.now()) for talk in [*talks, *talks, talks[0]]
    }
    desk.clock.advance(minutes=2)
    swept: list[str] = []
    for _ in range(3):
        page = await here.changes(cursor)
        swept += page.threads
        cursor = page.cursor
    assert rung == set(swept) == {desk.thread(talk) for talk in talks}
    read = [one for thread in rung if thread for one in (await here.read_thread(thread)).messages]
    assert len(read) == len({one.id for one in read}) == 13
    assert {one.author for one in read} == {"customer"}
    first = await here.read_thread(desk.thread(talks[0]))
    assert [one.text.splitlines()[-1] for one in first.messages] == ["number 0", "one more thing"]
    assert {one.subject.id for one in first.messages if one.subject} == {desk.subject(talks[0])}


async def test_many_changes_at_one_moment_are_all_found(desk: HelpDesk) -> None:
    """However few are on a page, and however many changed in the same second."""
    here, desk.page = connected(desk), 3
    cursor = (await here.changes("")).cursor
    desk.clock.advance(hours=20)
    talks = [desk.write("customer", "hello") for _ in range(20)]
    for talk in talks:
        desk.talks[talk].changed = desk.clock.now()
    desk.clock.advance(minutes=3)
    swept = set[str]()
    for _ in range(3):
        page = await here.changes(cursor)
        swept |= set(page.threads)
        cursor = page.cursor
    assert swept == {desk.thread(talk) for talk in talks}


async def test_an_outage_loses_nothing(desk: HelpDesk) -> None:
    """What changed in an hour without a sweep, and while one was answered, comes with the next."""
    here = connected(desk)
    cursor = (await here.changes("")).cursor
    desk.clock.advance(minutes=30)
    early = desk.write("customer", "early")
    desk.clock.advance(minutes=30)
    first = await here.changes(cursor)
    late = desk.write("customer", "late")
    desk.clock.advance(minutes=5)
    second = await here.changes(first.cursor)
    assert {desk.thread(early), desk.thread(late)} == {*first.threads, *second.threads}


async def test_who_wrote_is_told_apart(desk: HelpDesk) -> None:
    """Customers, colleagues, Sayso itself, and machines that write in people's names."""
    here = connected(desk)
    talk = desk.write("customer", "Where is my mug?")
    for who in ("colleague", "sayso", "bot"):
        desk.write(who, who, talk)
    desk.write("colleague", "for us alone", talk, public=False)
    thread = await here.read_thread(desk.thread(talk))
    assert [one.author for one in thread.messages[:4]] == list(KINDS.values())
    assert [one.public for one in thread.messages] == [True] * 4 + [False]
    assert [one.subject is not None for one in thread.messages] == [True] + [False] * 4
    assert thread.is_open
    assert thread.assignee == ""
    desk.talks[talk].assignee = 7
    # Jira's own field for it is the one that a hand-over fills.
    desk.talks[talk].group = 7 if desk.name == "jira" else None
    assert (await here.read_thread(desk.thread(talk))).assignee == "7"


async def test_what_an_answer_by_mail_quotes_is_not_the_customers_words(desk: HelpDesk) -> None:
    """All of it stays in `whole`; a colleague's words are never cut."""
    here = connected(desk)
    talk = desk.write("customer", "Where is my mug?")
    quote = "On Mon, Nov 2, 2026 at 10:11 AM Shop <s@shop.example> wrote:\n> We refund $80.\n> "
    answer = f"{quote * 200}\n\nNo, the mug, please."
    desk.write("customer", answer, talk)
    desk.write("colleague", answer, talk)
    _, theirs, ours = (await here.read_thread(desk.thread(talk))).messages
    assert theirs.text == "No, the mug, please."
    assert theirs.whole.startswith(quote[:60])
    assert (ours.text[:60], ours.whole) == (quote[:60], "")


async def test_what_looks_quoted_in_a_chat_is_the_customers_own() -> None:
    """Nothing is cut where the desk says that it did not come by mail."""
    desk = Intercom()
    desk.came_by = "conversation"
    talk = desk.write("customer", "I want money back for orders\n> $100")
    (message,) = (await connected(desk).read_thread(desk.thread(talk))).messages
    assert message.text == "I want money back for orders\n> $100"


async def test_a_reply_whose_answer_is_lost_stands_there_once(desk: HelpDesk) -> None:
    """It is found again where the desk can carry our reference, and left to a person elsewhere."""
    here = connected(desk)
    talk = desk.write("customer", "Where is my mug?")
    text = "It is on its way.\n\nYours"
    call = await call_of(here, desk, "reply", talk, text=text)
    desk.lose = True
    with pytest.raises(OutcomeUnknownError):
        await here.call(call)
    found = await here.look_up(call)
    assert (
        isinstance(found, Receipt)
        if desk.name in {"zendesk", "jira"}
        else (found is Absence.CANNOT_TELL)
    )
    assert desk.told(talk) == [text]
    thread = await here.read_thread(desk.thread(talk))
    assert [(one.author, one.text) for one in thread.messages][1:] == [("sayso", text)]


async def test_a_note_a_hand_over_and_an_end_do_what_they_say(desk: HelpDesk) -> None:
    """In the forms that the desk takes; the customer sees none of them."""
    here = connected(desk)
    talk = desk.write("customer", "I want a person.")
    await here.call(await call_of(here, desk, "note", talk, text="They ask for a person."))
    assert desk.told(talk, public=False)[0] == "They ask for a person."
    await here.call(await call_of(here, desk, "hand_over", talk, **desk.hand_over))
    assert desk.talks[talk].group == 77
    await here.call(await call_of(here, desk, "close", talk))
    assert not desk.talks[talk].is_open or desk.name == "freshdesk"
    assert desk.told(talk) == []


async def test_a_closed_conversation_is_refused_with_its_reason(desk: HelpDesk) -> None:
    """Before anything is sent."""
    here = connected(desk)
    talk = desk.write("customer", "Where is my mug?")
    desk.talks[talk].is_open = False
    with pytest.raises(RefusedError) as refused:
        await call_of(here, desk, "reply", talk, text="Here.")
    assert refused.value.code == "wrong_state"
    assert not (await here.read_thread(desk.thread(talk))).is_open
    assert desk.told(talk) == []


async def test_a_bell_that_is_not_the_desks_rings_nothing(desk: HelpDesk) -> None:
    """A wrong signature is refused, and a right one about nothing names nothing."""
    here = connected(desk)
    talk = desk.write("customer", "Where is my mug?")
    headers, body = desk.bell(talk)
    assert here.rung(RING, headers, body, desk.clock.now()) == desk.thread(talk)
    with pytest.raises(RefusedError, match="isn't the desk's"):
        here.rung(Secret("other"), headers, body, desk.clock.now())
    if desk.name != "freshdesk":  # which signs nothing: the secret in the header is all there is
        with pytest.raises(RefusedError, match="isn't the desk's"):
            here.rung(RING, headers, body + b" ", desk.clock.now())


async def test_intercom_shows_the_newest_five_hundred_parts() -> None:
    """A conversation may have more; what a customer writes last is still read."""
    desk = Intercom()
    here, talk = connected(desk), desk.write("customer", "one")
    for number in range(600):
        desk.write("colleague", f"{number}", talk)
    desk.write("customer", "the newest", talk)
    thread = await here.read_thread(desk.thread(talk))
    assert thread.messages[-1].text == "the newest"
    assert len(thread.messages) == 501


async def test_a_sweep_that_cannot_read_all_moves_over_nothing() -> None:
    """More than its pages hold, in no order: nothing is passed over, and somebody is told."""
    desk = Intercom()
    here, desk.page = connected(desk), 1
    cursor = (await here.changes("")).cursor
    desk.clock.advance(days=2)
    for _ in range(120):
        desk.write("customer", "hello")
    with pytest.raises(RetryableError, match="more has changed"):
        await here.changes(cursor)
