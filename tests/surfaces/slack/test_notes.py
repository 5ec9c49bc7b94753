"""What is written below a card is a note, both ways, once, and decides nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest
from surfaces.slack.slack_team import SlackTeam, open_team
from surfaces.slack.test_card import HOSTILE, assert_clean
from surfaces.slack.test_messages import KEEPER

from sayso.json import JsonValue
from sayso.sdk.resources.notes import MAX_NOTE_CHARS
from sayso.sdk.views.rows import ApprovalView, NoteView
from sayso.surfaces.slack.doctor import examine
from sayso.surfaces.slack.wording import plain_of
from sayso.testing.slack import CHANNEL, FakeSlack, FaultKind, PostedMessage, SlackFault, render

pytestmark = pytest.mark.promise("slack:notes")


async def write(team: SlackTeam, approval: ApprovalView, text: str, user: str = "UMARIA") -> int:
    """Write below the card, and wait until the person has been told; how Slack was answered."""
    delivery = await team.slack.write(team.card(approval), text, user=user)
    await team.app.all_replied()
    return delivery.status


async def notes(team: SlackTeam, approval: ApprovalView) -> tuple[NoteView, ...]:
    """The notes on it."""
    return (await team.workspace.sayso.solutions.get(approval.id)).notes


def ours_below(team: SlackTeam) -> list[PostedMessage]:
    """What we have posted in threads."""
    return [one for one in team.slack.messages if one.thread_ts and one.user == "UBOT"]


@pytest.mark.parametrize("socket", [False, True])
async def test_a_message_below_a_card_is_a_note(
    tmp_path: Path, slack: FakeSlack, socket: bool
) -> None:
    """By whose linked account it is; over HTTP and over Socket Mode, and verified in the log."""
    async with open_team(tmp_path, slack, socket=socket) as team:
        if socket:
            await team.app.connect()
            slack.by_socket = True
        approval = await team.ask()
        assert await write(team, approval, "I called her: she has photos &lt;3") == 200
        (note,) = await notes(team, approval)
        assert (note.person, note.via) == ("maria", "slack")
        assert note.text == "I called her: she has photos <3"
        sayso = team.workspace.sayso
        (entry,) = [one for one in await sayso.audit.tail(20) if one.kind == "work.noted"]
        assert entry.actor == "person:maria"
        assert "photos" not in str(entry.body)
        assert not sayso.audit.verify(tenant=sayso.tenant).exit_status


@pytest.mark.promise("slack:notes-decide-nothing")
@pytest.mark.parametrize("text", ["yes", "approved", "YES!", "no", "sí", "approve $129.00"])
async def test_a_message_in_a_thread_decides_nothing(team: SlackTeam, text: str) -> None:
    """Whatever it says, and the thread says so once for all that write in it."""
    approval = await team.ask()
    before = await team.approval(approval)
    for user in ("UMARIA", "UM1", "UMARIA"):
        await write(team, approval, text, user)
    await team.work()
    assert await team.approval(approval) == before
    assert team.workspace.shop.books.payouts == []
    assert len(await notes(team, approval)) == 3
    (told,) = ours_below(team)
    assert "decides nothing" in render(told)
    assert "'type': 'button'" not in str(told.blocks)
    assert_clean(told.blocks, told.text)


@pytest.mark.usefixtures("store_url")
async def test_slack_may_send_a_message_as_often_as_it_likes(team: SlackTeam) -> None:
    """At once, later, and to a process that remembers nothing: it is one note."""
    approval = await team.ask()
    await write(team, approval, "Call her first")
    written = team.slack.messages[-1]
    again = await asyncio.gather(*(team.slack.write_again(written) for _ in range(5)))
    team.ticks.now += 700
    again.append(await team.slack.write_again(written))
    assert {one.status for one in again} == {200}
    assert [note.text for note in await notes(team, approval)] == ["Call her first"]


@pytest.mark.usefixtures("store_url")
async def test_a_note_of_the_console_goes_to_the_thread_once(team: SlackTeam) -> None:
    """With who it was and where, and it is not noted a second time by what Slack tells of it."""
    approval = await team.ask()
    sayso = team.workspace.sayso
    await sayso.solutions.note_as(
        approval.id, "She sent a photo", tenant=sayso.tenant, person="finn", via="console"
    )
    for _ in range(2):
        await team.send()
    (told,) = ours_below(team)
    assert told.thread_ts == team.card(approval).ts
    assert "finn in the console: She sent a photo" in render(told)
    await team.slack.write(team.card(approval), told.text, user="UBOT")
    assert len(await notes(team, approval)) == 1
    posted = len(team.slack.calls("chat.postMessage"))
    await team.send()
    assert len(team.slack.calls("chat.postMessage")) == posted


async def test_a_note_waits_for_its_card(team: SlackTeam) -> None:
    """Noted before the card was posted: the card comes first, then the note below it."""
    approval = await team.ask_quietly()
    sayso = team.workspace.sayso
    team.slack.add_faults(SlackFault(kind=FaultKind.RATE_LIMITED, method="chat.postMessage"))
    await sayso.solutions.note_as(
        approval.id, "She is a VIP", tenant=sayso.tenant, person="finn", via="cli"
    )
    for _ in range(3):
        await team.send()
        team.workspace.clock.advance(seconds=30)
        team.ticks.now += 30
    (told,) = ours_below(team)
    assert told.thread_ts == team.card(approval).ts
    assert "finn on the command line: She is a VIP" in render(told)


@pytest.mark.promise("slack:one-card")
@pytest.mark.parametrize("posted", [True, False])
async def test_a_killed_process_posts_a_note_once(
    tmp_path: Path, slack: FakeSlack, posted: bool
) -> None:
    """Killed after Slack took it, or before: the next one looks, and it stands there once."""
    async with open_team(tmp_path, slack) as team:
        approval = await team.ask()
        sayso = team.workspace.sayso
        await sayso.solutions.note_as(
            approval.id, "She sent a photo", tenant=sayso.tenant, person="finn", via="console"
        )
        (row,) = await sayso.outbox.due("note", limit=5)
        if posted:
            await team.send()
            # As a process leaves it that dies between Slack's answer and its own commit.
            store = sayso.container.store
            await store.write(
                lambda tx: tx.run("outbox.sent", id=row.id, version=0, state="{}", now=0)
            )
            await store.write(lambda tx: tx.run("outbox.lease", id=row.id, now=0, until=1))
        else:
            assert await sayso.outbox.lease(row, 10.0)
        clock = team.workspace.clock
        clock.advance(seconds=60)
    async with open_team(tmp_path, slack, clock=clock) as again:
        await again.send()
        told = [one for one in slack.messages if one.thread_ts]
        assert len(told) == 1
        assert "She sent a photo" in render(told[0])
        assert await again.workspace.sayso.outbox.due("note", limit=5) == []


async def test_a_lost_answer_to_a_note_is_one_note(team: SlackTeam) -> None:
    """Slack took it and the answer was lost: it is looked for, and not told again."""
    approval = await team.ask()
    sayso = team.workspace.sayso
    await sayso.solutions.note_as(
        approval.id, "She sent a photo", tenant=sayso.tenant, person="finn", via="console"
    )
    team.slack.add_faults(SlackFault(kind=FaultKind.SERVER_ERROR, method="chat.postMessage"))
    for _ in range(3):
        await team.send()
        team.workspace.clock.advance(seconds=30)
    assert len(ours_below(team)) == 1


async def test_whose_account_it_is_not_notes_nothing_and_is_told_once(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """Unlinked, guests, bots, strangers, deactivated: one hint for each person and card."""
    slack.add_user("UGUEST", is_restricted=True)
    people = [
        {"id": "maria", "roles": ["support_manager"], "slack": "T1/UMARIA"},
        {"id": "guest", "roles": ["support_manager"], "slack": "T1/UGUEST"},
    ]
    async with open_team(tmp_path, slack, people=people) as team:
        approval, other = await team.ask(), await team.ask()
        slack.add_user("UNOBODY")
        for user in ("UNOBODY", "UGUEST"):
            for _ in range(3):
                assert await write(team, approval, "let it through", user) == 200
        assert len(team.told) == 2
        assert "not linked" in team.told[0]
        assert "guests" in team.told[1]
        assert {one.thread_ts for one in slack.ephemerals} == {team.card(approval).ts}
        await write(team, other, "and this", "UNOBODY")
        assert len(team.told) == 3
        assert await notes(team, approval) == await notes(team, other) == ()
    async with open_team(tmp_path, slack, people=people) as again:
        await write(again, approval, "and now?", "UNOBODY")
        assert len(again.told) == 3


async def test_another_organisations_people_and_channels_note_nothing(team: SlackTeam) -> None:
    """Slack Connect: a stranger with the same user id, and a channel that others read."""
    approval = await team.ask()
    card = team.card(approval)
    await team.slack.write(card, "hello", user="UMARIA", team="T2")
    team.slack.set_channel(CHANNEL, is_ext_shared=True)
    await team.slack.write(card, "hello", user="UMARIA")
    await team.app.all_replied()
    assert await notes(team, approval) == ()


@pytest.mark.parametrize(
    "subtype",
    ["message_changed", "message_deleted", "bot_message", "channel_join", "message_replied"],
)
async def test_what_is_no_new_message_of_a_person_is_nothing(team: SlackTeam, subtype: str) -> None:
    """Edits, removals, bots and the channel's own news are acknowledged, and no note."""
    approval = await team.ask()
    delivery = await team.slack.write(team.card(approval), "hello", user="UMARIA", subtype=subtype)
    assert delivery.acknowledged
    assert await notes(team, approval) == ()


@pytest.mark.parametrize("subtype", ["thread_broadcast", "file_share"])
async def test_a_reply_that_is_shown_in_the_channel_too_or_has_a_file_is_a_note(
    team: SlackTeam, subtype: str
) -> None:
    """They are a person's words all the same; the file stays in Slack."""
    approval = await team.ask()
    await team.slack.write(team.card(approval), "her photo", user="UMARIA", subtype=subtype)
    assert [note.text for note in await notes(team, approval)] == ["her photo"]


async def test_what_is_written_elsewhere_is_nothing_of_ours(team: SlackTeam) -> None:
    """Below a message of somebody, which no card is, in a busy channel."""
    approval = await team.ask()
    await write(team, approval, "a note")
    theirs = next(one for one in team.slack.messages if one.user == "UMARIA")
    theirs.thread_ts = ""
    await team.slack.write(theirs, "below a person's own message", user="UM1")
    assert [note.text for note in await notes(team, approval)] == ["a note"]


STRANGE: tuple[JsonValue, ...] = (
    None,
    "x",
    [],
    {},
    {"type": 7},
    {"type": "message", "thread_ts": "1.1", "ts": [], "text": "x", "user": "UMARIA"},
    {"type": "message", "thread_ts": "1.1", "ts": "1.2", "text": {}, "user": "UMARIA"},
    {"type": "message", "thread_ts": "1.1", "ts": "1.2", "text": "x", "user": "U" * 100},
)


@pytest.mark.promise("slack:signed")
@pytest.mark.parametrize("event", STRANGE)
async def test_a_strange_event_is_refused_without_an_accident(
    team: SlackTeam, caplog: pytest.LogCaptureFixture, event: JsonValue
) -> None:
    """Signed, and not of Slack's shape; what the app did not ask for is acknowledged."""
    await team.ask()
    strange = await team.slack.deliver({"type": "event_callback", "team_id": "T1", "event": event})
    assert strange.status == 400
    other: JsonValue = {"type": "reaction_added", "user": "UMARIA"}
    more = await team.slack.deliver({"type": "event_callback", "team_id": "T1", "event": other})
    assert more.acknowledged
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.promise("slack:signed")
async def test_an_unsigned_message_is_nothing(team: SlackTeam) -> None:
    """Whoever knows the address notes nothing in anybody's name."""
    approval = await team.ask()
    await team.slack.write(team.card(approval), "a true one", user="UMARIA")
    payload: dict[str, JsonValue] = orjson.loads(
        (await team.slack.write(team.card(approval), "forged", user="UNOBODY")).body
    )
    event = payload["event"]
    assert isinstance(event, dict)
    forged: dict[str, JsonValue] = {**payload, "event": {**event, "user": "UMARIA"}}
    assert (await team.slack.deliver(forged, signing_secret="another")).status == 401
    assert [note.text for note in await notes(team, approval)] == ["a true one"]


async def test_a_long_message_is_refused_with_its_length(team: SlackTeam) -> None:
    """Nothing is cut silently; at the limit it is taken."""
    approval = await team.ask()
    await write(team, approval, "x" * (MAX_NOTE_CHARS + 1))
    assert "at most 2,000 characters, and this has 2,001" in team.told[-1]
    await write(team, approval, "x" * MAX_NOTE_CHARS)
    assert [len(note.text) for note in await notes(team, approval)] == [MAX_NOTE_CHARS]


@pytest.mark.promise("slack:plain-text")
@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_notes_stay_text_both_ways(team: SlackTeam, text: str) -> None:
    """Nothing is mentioned, linked or hidden by what a colleague writes or pastes."""
    approval = await team.ask()
    sayso = team.workspace.sayso
    words = text.replace("\0", "")
    await sayso.solutions.note_as(
        approval.id, words, tenant=sayso.tenant, person="finn", via="console"
    )
    await write(team, approval, words)
    await team.send()
    assert len(ours_below(team)) == 2
    for told in ours_below(team):
        assert_clean(told.blocks, told.text)


def test_markup_of_slack_is_read_as_its_reader_sees_it() -> None:
    """A link whose words are another address shows both."""
    assert plain_of("<@U1> see <https://evil.example|bank.com> in <#C1|general> <!here>") == (
        "@U1 see bank.com (https://evil.example) in #general @here"
    )
    assert plain_of("<https://a.example> &lt;b&gt; &amp;lt;") == "https://a.example <b> &lt;"


async def test_a_database_that_fails_has_slack_send_it_again(team: SlackTeam) -> None:
    """Not acknowledged, so nothing is lost."""
    approval = await team.ask()
    team.slack.add_faults(SlackFault(kind=FaultKind.SERVER_ERROR, method="conversations.replies"))
    first = await team.slack.write(team.card(approval), "Call her first", user="UMARIA")
    assert first.status == 503
    assert (await team.slack.write_again(team.slack.messages[-1])).status == 200
    assert len(await notes(team, approval)) == 1


async def test_without_the_scope_cards_go_on_and_the_doctor_says_what_is_missing(
    team: SlackTeam,
) -> None:
    """A workspace that set Slack up before there were notes."""
    said = {one.what: one for one in await examine(team.workspace.sayso)}
    assert said["notes"].ok
    team.slack.set_scopes("chat:write,users:read")
    said = {one.what: one for one in await examine(team.workspace.sayso)}
    assert "groups:history" in said["notes"].said
    assert "go on without" in said["notes"].next_step
    team.slack.add_faults(
        SlackFault(
            kind=FaultKind.REFUSED,
            method="conversations.replies",
            error="missing_scope",
            times=None,
        )
    )
    approval = await team.ask()
    assert await write(team, approval, "hello") == 200
    assert (await team.click(approval)).acknowledged
    assert (await team.approval(approval)).status == "approved"


async def test_a_note_goes_with_its_customer(team: SlackTeam) -> None:
    """Erased as other notes are, here and in what we have posted of them in the thread."""
    approval = await team.ask()
    sayso = team.workspace.sayso
    await sayso.solutions.note_as(
        approval.id, "2 Low Street", tenant=sayso.tenant, person="finn", via="console"
    )
    await team.send()
    assert "Low Street" in render(ours_below(team)[0])
    await write(team, approval, "Her new address is 1 High Street")
    await team.click(approval)
    await team.work()
    await team.workspace.sayso.privacy.erase("cus_o1", reason="subject_request", by=KEEPER)
    assert [note.text for note in await notes(team, approval)] == ["", ""]
    await team.send()
    assert {render(one) for one in ours_below(team)} == {
        "(What stood here went with its customer.)"
    }
