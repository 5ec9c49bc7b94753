"""Where cards stand in Teams: brought up to date everywhere, and told beside, whatever fails."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from actions.steps import assert_verified
from joserfc.jwk import RSAKey
from surfaces.slack.test_messages import KEEPER
from surfaces.teams.teams_team import TeamsTeam, account, open_team

from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.sdk.views.rows import ApprovalView
from sayso.surfaces.site import open_site
from sayso.testing.teams import CHANNEL, TeamsFault, TeamsFaultKind
from sayso.testing.teams.fake import object_id_of

REMINDED = {
    "remind_after_minutes": 10,
    "expires_after_minutes": 60,
}


async def decide(team: TeamsTeam, approval: ApprovalView, person: str = "maria") -> None:
    """Say yes elsewhere than in Teams."""
    await team.workspace.sayso.approvals.decide_as(
        Decision(
            tenant=team.workspace.sayso.tenant,
            approval_id=approval.id,
            revision=approval.revision,
            digest=approval.digest,
            choice=DecisionChoice.APPROVE,
            person=person,
            via="cli",
            credential="host",
        )
    )


@pytest.mark.promise("teams:newest")
async def test_what_is_decided_elsewhere_expires_or_ends_is_shown(team: TeamsTeam) -> None:
    """One message for each, updated in its place and without buttons afterwards."""
    approval, late = await team.ask(), await team.ask()
    old = dict(cast("dict[str, object]", team.teams.message_of(approval.id).verbs["yes"]["data"]))
    await decide(team, approval)
    await team.work()
    card = team.teams.message_of(approval.id)
    assert "maria" in card.text
    assert not card.verbs
    answer = await team.teams.click(card, "yes", user="noor", data=old)
    assert answer.said.startswith("Too late")
    team.workspace.clock.advance(days=30)
    await team.work()
    await team.send()
    assert not team.teams.message_of(late.id).verbs
    assert len(team.teams.messages) == 2
    assert_verified(team.workspace)


@pytest.mark.promise("teams:newest")
async def test_what_was_decided_before_any_card_was_sent_gets_none(team: TeamsTeam) -> None:
    """A team turns Teams on after a month."""
    team.teams.faults.append(TeamsFault(kind=TeamsFaultKind.FORBIDDEN))
    approval = await team.ask()
    assert team.teams.messages == []
    await decide(team, approval)
    team.workspace.clock.advance(minutes=5)
    await team.send()
    assert team.teams.messages == []


@pytest.mark.promise("teams:pace")
async def test_a_pause_that_teams_asks_for_is_kept_and_nothing_is_lost(team: TeamsTeam) -> None:
    """By its own number of seconds; a card that could not be sent comes later."""
    team.teams.faults += [TeamsFault(kind=TeamsFaultKind.RATE_LIMITED)] * 2
    approval = await team.ask()
    assert team.ticks.slept == [1.0, 1.0]
    assert team.teams.message_of(approval.id).verbs
    team.teams.faults += [TeamsFault(kind=TeamsFaultKind.RATE_LIMITED)] * 3
    other = await team.ask()
    with pytest.raises(LookupError):
        team.teams.message_of(other.id)
    team.workspace.clock.advance(minutes=5)
    await team.send()
    assert team.teams.message_of(other.id).verbs


@pytest.mark.promise("teams:lost-answer")
async def test_a_lost_answer_leaves_no_card_that_stays_behind(team: TeamsTeam) -> None:
    """The bot cannot look what it has posted: a second card comes, and both end with a click."""
    team.teams.faults.append(TeamsFault(kind=TeamsFaultKind.DONE_THEN_BAD_GATEWAY))
    approval = await team.ask()
    team.workspace.clock.advance(minutes=5)
    await team.send()
    first, second = team.teams.messages
    assert first.verbs
    assert second.verbs
    assert (await team.teams.click(first, "yes", user="maria")).is_card
    await team.work()
    assert team.workspace.shop.books.paid_out_minor == 129_00
    for card in (first, second):
        assert not card.verbs
        assert "maria" in card.text
    assert await team.status(approval) == "approved"


@pytest.mark.promise("teams:newest")
async def test_a_card_that_somebody_removed_holds_up_nothing(team: TeamsTeam) -> None:
    """Neither its own end nor others'."""
    approval = await team.ask()
    team.teams.messages.clear()
    await decide(team, approval)
    other = await team.ask()
    await team.work()
    assert (await team.action(approval)).status == "succeeded"
    assert team.teams.message_of(other.id).verbs


@pytest.mark.promise("teams:shared")
async def test_a_channel_that_others_read_gets_nothing(tmp_path: Path, key: RSAKey) -> None:
    """Nor one that is not in the team; once it is ours alone the card comes."""
    async with open_team(tmp_path, key) as team:
        team.teams.channel_kinds[CHANNEL] = "shared"
        approval = await team.ask()
        assert team.teams.messages == []
        team.teams.channel_kinds[CHANNEL] = "private"
        team.workspace.clock.advance(minutes=5)
        await team.send()
        assert team.teams.message_of(approval.id).verbs


@pytest.mark.promise("teams:personal")
async def test_without_a_channel_each_who_may_decide_gets_the_card(
    tmp_path: Path, key: RSAKey
) -> None:
    """Personally; once one has answered, all the others' say who. Who lacks the app is left out."""
    async with open_team(tmp_path, key, in_channel=False) as team:
        team.teams.without_app.add("finn")
        approval = await team.ask()
        where = sorted(one.conversation for one in team.teams.messages)
        assert where == sorted(f"a:{object_id_of(one)}" for one in ("maria", "noor"))
        card = team.teams.message_of(approval.id, user="noor")
        assert (await team.teams.click(card, "yes", user="noor")).is_card
        await team.work()
        other = team.teams.message_of(approval.id, user="maria")
        assert not other.verbs
        assert "noor" in other.text
        assert_verified(team.workspace)


@pytest.mark.promise("teams:personal")
async def test_a_channel_that_nobody_reads_is_followed_by_personal_messages(
    tmp_path: Path, key: RSAKey
) -> None:
    """With the reminder, which names them below the card; all of the cards end together."""
    async with open_team(tmp_path, key, approvals=REMINDED) as team:
        approval = await team.ask()
        assert [one.conversation.partition(";")[0] for one in team.teams.messages] == [CHANNEL]
        team.workspace.clock.advance(minutes=11)
        await team.work()
        await team.send()
        below = team.teams.below(team.teams.messages[0])
        assert "<at>maria</at>, <at>noor</at>" in below[0].text
        assert "still waits for a yes or no" in below[0].text
        mentions = below[0].card["msteams"]
        assert account("maria").partition("/")[2] in str(mentions)
        personal = [one for one in team.teams.messages if one.conversation.startswith("a:")]
        assert len(personal) == 2
        await team.teams.click(personal[0], "yes", user="maria")
        await team.work()
        cards = [team.teams.messages[0], *personal]
        assert [one.verbs for one in cards] == [{}, {}, {}]
        assert await team.status(approval) == "approved"


@pytest.mark.promise("teams:notes")
async def test_what_is_written_below_a_card_is_a_note_and_decides_nothing(
    team: TeamsTeam,
) -> None:
    """Once, however often it comes; the rule is said once; a stranger is told why not, once."""
    approval = await team.ask()
    card = team.teams.message_of(approval.id)
    more = {"id": "f:note"}
    for _ in range(2):
        made = await team.teams.write(
            card.conversation, "yes, &lt;b&gt; do it", user="maria", activity=more
        )
        assert made.status == 200
    again = {**more, "timestamp": "2026-01-02T00:00:00Z"}
    await team.teams.write(card.conversation, "yes", user="maria", activity=again)
    await team.teams.write(card.conversation, "and this", user="noor")
    team.teams.add_member("eve")
    for text in ("pay it", "now"):
        await team.teams.write(card.conversation, text, user="eve")
    await team.send()
    view = await team.workspace.sayso.solutions.get(approval.id)
    said = [(note.person, note.via, note.text) for note in view.notes]
    assert said == [("maria", "teams", "yes, <b> do it"), ("noor", "teams", "and this")]
    below = [one.text for one in team.teams.below(card)]
    assert sum("decides nothing" in one for one in below) == 1
    assert sum("is not noted" in one for one in below) == 1
    assert await team.status(approval) == "pending"
    other = "19:another@thread.tacv2;messageid=1"
    await team.teams.write(other, "hello", user="maria")
    await team.teams.write(f"{CHANNEL};messageid=999", "hello", user="maria")
    assert len((await team.workspace.sayso.solutions.get(approval.id)).notes) == 2
    assert_verified(team.workspace)


@pytest.mark.promise("teams:notes")
async def test_a_note_from_elsewhere_stands_below_the_card(team: TeamsTeam) -> None:
    """With who wrote it and where; one that Teams brought is not told there again."""
    approval = await team.ask()
    sayso = team.workspace.sayso
    for via, text in (("slack/C1/1.0", "seen in Slack"), ("console", "seen there")):
        await sayso.solutions.note_as(
            approval.id, text, tenant=sayso.tenant, person="noor", via=via
        )
    await team.send()
    below = [one.text for one in team.teams.below(team.teams.message_of(approval.id))]
    assert below == ["noor in Slack: seen in Slack", "noor in the console: seen there"]


@pytest.mark.promise("teams:notes")
async def test_who_writes_to_the_bot_is_told_what_it_does(team: TeamsTeam) -> None:
    """And nothing is noted or decided."""
    await team.teams.write(f"a:{object_id_of('maria')}", "approve all", user="maria")
    assert "a note decides nothing" in team.teams.messages[-1].text


@pytest.mark.promise("subjects:erased")
async def test_nothing_of_an_erased_customer_is_left(team: TeamsTeam) -> None:
    """Neither on the card nor below it."""
    approval = await team.ask(reason="the mug of my late uncle broke")
    card = team.teams.message_of(approval.id)
    sayso = team.workspace.sayso
    note = "their uncle died"
    await sayso.solutions.note_as(
        approval.id, note, tenant=sayso.tenant, person="noor", via="console"
    )
    await team.send()
    await team.teams.click(card, "yes", user="maria")
    await team.work()
    assert "uncle" in card.text
    erased = await sayso.privacy.erase("cus_o1", reason="subject_request", by=KEEPER)
    assert erased.status == "erased"
    await team.send()
    shown = [one.text for one in team.teams.messages]
    assert all("uncle" not in one for one in shown), shown
    assert "cus_o1" not in shown[0]


async def test_a_server_takes_what_teams_sends(tmp_path: Path, key: RSAKey) -> None:
    """At its path, beside everything else that it serves."""
    async with open_team(tmp_path, key) as team, open_site(team.workspace.sayso) as site:
        team.teams.app = site
        made = team.teams.activity("maria", CHANNEL, {"type": "conversationUpdate"})
        assert (await team.teams.deliver(made)).status == 200
        assert (await team.teams.deliver(made, aud="x")).status == 401
