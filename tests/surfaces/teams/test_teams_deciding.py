"""Clicks in Teams: each decides once, by whoever may, and every one is answered."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from actions.steps import assert_verified
from joserfc.jwk import RSAKey
from surfaces.teams.teams_team import PEOPLE, TeamsTeam, linked, open_team

from sayso.testing.teams import TeamsFault, TeamsFaultKind


@pytest.mark.promise("teams:decides")
async def test_a_yes_decides_and_the_card_says_who(team: TeamsTeam) -> None:
    """The answer is the card as it stands now; then what came of it. The log verifies."""
    approval = await team.ask()
    card = team.teams.message_of(approval.id)
    assert set(card.verbs) >= {"yes", "no", "less"}
    assert "my mug broke" in card.text
    answer = await team.teams.click(card, "yes", user="maria")
    assert answer.is_card
    assert "maria" in answer.said
    assert await team.status(approval) == "approved"
    await team.work()
    assert (await team.action(approval)).status == "succeeded"
    assert not card.verbs
    assert "maria" in card.text
    assert_verified(team.workspace)


@pytest.mark.promise("teams:decides")
async def test_a_no_needs_a_reason_and_less_needs_less(team: TeamsTeam) -> None:
    """What is filled in wrongly decides nothing and says why; what is filled in rightly counts."""
    approval = await team.ask()
    card = team.teams.message_of(approval.id)
    answer = await team.teams.click(card, "no", user="maria")
    assert answer.said == "Nothing was decided: choose a reason."
    (name,) = [one for one in str(card.card).split("'") if one.startswith("lower.")]
    for amount in ("", "500.00", "x", "1e3", "-1"):
        answer = await team.teams.click(card, "less", user="maria", inputs={name: amount})
        assert answer.said.startswith("Nothing was decided"), answer.said
    assert await team.status(approval) == "pending"
    answer = await team.teams.click(card, "less", user="maria", inputs={name: "20.00"})
    assert answer.is_card
    await team.work()
    assert team.workspace.shop.books.paid_out_minor == 20_00

    other = await team.ask()
    card = team.teams.message_of(other.id)
    await team.teams.click(card, "no", user="maria", inputs={"code": "duplicate", "reason": "x"})
    assert await team.status(other) == "rejected"
    assert_verified(team.workspace)


@pytest.mark.promise("teams:decides")
async def test_a_held_yes_is_taken_back_from_the_card(tmp_path: Path, key: RSAKey) -> None:
    """By whoever could say it; what is shown then asks again."""
    async with open_team(tmp_path, key, approvals={"hold": "30s"}) as team:
        approval = await team.ask()
        card = team.teams.message_of(approval.id)
        assert "back" not in card.verbs
        await team.teams.click(card, "yes", user="maria")
        await team.send()
        assert list(card.verbs) == ["back"]
        refused = await team.teams.click(card, "back", user="intern")
        assert refused.said.startswith("You may not decide this")
        assert await team.status(approval) == "approved"
        await team.teams.click(card, "back", user="maria")
        await team.work()
        assert {"yes", "no"} <= set(card.verbs)
        assert team.workspace.shop.books.paid_out_minor == 0
        assert_verified(team.workspace)


@pytest.mark.promise("teams:decides")
async def test_two_clicks_at_once_decide_once(team: TeamsTeam) -> None:
    """One of two people; the other is told that it is too late."""
    approval = await team.ask()
    card = team.teams.message_of(approval.id)
    answers = await asyncio.gather(
        *(team.teams.click(card, "yes", user=user) for user in ("maria", "noor", "maria", "noor"))
    )
    assert sum(one.is_card for one in answers) >= 1
    late = [one.said for one in answers if not one.is_card]
    assert all("Too late" in one or "It has changed" in one for one in late), late
    said = [one.kind for one in await team.workspace.sayso.audit.tail(500)]
    assert said.count("action.approved") == 1
    await team.work()
    assert team.workspace.shop.books.paid_out_minor == 129_00


@pytest.mark.promise("teams:linked")
@pytest.mark.parametrize(
    ("user", "flags", "word"),
    [
        ("stranger", {}, "not linked"),
        ("intern", {}, "may not decide"),
        ("gone", {}, "not linked"),
        ("maria", {"userRole": "guest"}, "guests decide nothing"),
        ("maria", {"userRole": "anonymous"}, "guests decide nothing"),
        ("maria", {"userRole": None}, "does not say"),
        ("maria", {"tenantId": "33333333-3333-4333-8333-333333333333"}, "another organisation"),
        ("maria", {"aadObjectId": "00000000-0000-4000-8000-000000000000"}, "does not know"),
    ],
)
async def test_who_may_not_decides_nothing(
    team: TeamsTeam, user: str, flags: dict[str, object], word: str
) -> None:
    """Unlinked, without a role, deactivated, a guest, of another organisation; it is recorded."""
    approval = await team.ask()
    team.teams.add_member(user, **flags)  # type: ignore[arg-type]
    answer = await team.teams.click(team.teams.message_of(approval.id), "yes", user=user)
    assert not answer.is_card
    assert word in answer.said
    assert await team.status(approval) == "pending"
    assert len(await team.refusals(approval)) == 1


@pytest.mark.promise("teams:linked")
async def test_who_left_the_organisation_is_refused_after_five_minutes(team: TeamsTeam) -> None:
    """What Teams said of an account is used for so long, and no longer."""
    first, second = await team.ask(), await team.ask()
    await team.teams.click(team.teams.message_of(first.id), "yes", user="maria")
    del team.teams.members["maria"]
    team.ticks.now += 301
    answer = await team.teams.click(team.teams.message_of(second.id), "yes", user="maria")
    assert "does not know this account" in answer.said
    assert await team.status(second) == "pending"


@pytest.mark.promise("teams:linked")
async def test_nobodys_account_is_offered_a_link_that_makes_it_somebodys(
    tmp_path: Path, key: RSAKey
) -> None:
    """Taken by who is signed in; a guest is offered none."""
    people: list[dict[str, object]] = [
        {"id": "maria", "roles": ["support_manager"]},
        linked("noor", "support_manager"),
    ]
    console = {"url": "https://sayso.example.com"}
    async with open_team(tmp_path, key, people=people, console=console) as team:
        approval = await team.ask()
        card = team.teams.message_of(approval.id)
        assert card.links == [f"https://sayso.example.com/console/solution/{approval.id}"]
        answer = await team.teams.click(card, "yes", user="maria")
        offer = answer.said.partition("/console/account/")[2]
        sayso = team.workspace.sayso
        session, _ = await sayso.sessions.begin("maria", via="token")
        await sayso.account_links.link(session, offer)
        team.teams.add_member("eve", userRole="guest")
        assert "/console/" not in (await team.teams.click(card, "yes", user="eve")).said
        assert (await team.teams.click(card, "yes", user="maria")).is_card
        assert await team.status(approval) == "approved"


@pytest.mark.promise("teams:pointer")
async def test_a_card_carries_a_pointer_that_is_looked_up(team: TeamsTeam) -> None:
    """A forged one, another revision's, another amount and a field of another step do nothing."""
    approval = await team.ask()
    card = team.teams.message_of(approval.id)
    data = card.verbs["yes"]["data"]
    assert isinstance(data, dict)
    assert list(data) == ["sayso"]
    pointer = str(data["sayso"])
    head, revision, digest = pointer.split(".")
    for forged in (
        "",
        "x",
        f"{head}.{revision}.{'0' * 12}",
        f"{head}.9.{digest}",
        f"apr_{'0' * 26}.{revision}.{digest}",
    ):
        answer = await team.teams.click(card, "yes", user="maria", data={"sayso": forged})
        assert not answer.is_card, forged
    more = {"sayso": pointer, "amount": "1.00", "person": "noor", "lower.x": "1.00"}
    for wrong in ("sayso.solution.yes", "", "show "):
        answer = await team.teams.click(card, wrong, user="maria", data=more)
        assert "not one of ours" in answer.said
    assert await team.status(approval) == "pending"
    assert (await team.teams.click(card, "yes", user="maria", data=more)).is_card
    await team.work()
    assert team.workspace.shop.books.paid_out_minor == 129_00


@pytest.mark.promise("teams:fail-closed")
async def test_nothing_is_decided_while_teams_does_not_say_who_clicked(team: TeamsTeam) -> None:
    """The click says that it did not work, and counts when it is clicked again."""
    approval = await team.ask()
    card = team.teams.message_of(approval.id)
    fault = TeamsFault(kind=TeamsFaultKind.BAD_GATEWAY, method="GET", part="members")
    team.teams.faults.append(fault)
    answer = await team.teams.click(card, "yes", user="maria")
    assert answer.body["statusCode"] == 503
    assert "Nothing was decided" in answer.said
    assert await team.status(approval) == "pending"
    assert (await team.teams.click(card, "yes", user="maria")).is_card


@pytest.mark.promise("teams:decides")
async def test_whoever_looks_again_gets_the_card_as_it_is_and_decides_nothing(
    team: TeamsTeam,
) -> None:
    """Whatever an old one shows."""
    approval = await team.ask()
    card = team.teams.message_of(approval.id)
    refresh = card.card["refresh"]
    assert isinstance(refresh, dict)
    data = card.verbs["yes"]["data"]
    answer = await team.teams.click(card, "show", user="maria", data=data)
    assert answer.is_card
    assert await team.status(approval) == "pending"


@pytest.mark.promise("teams:decides")
async def test_nobody_approves_their_own_and_two_people_are_two(
    tmp_path: Path, key: RSAKey
) -> None:
    """More than $500 needs two people, one of finance; the first yes is recorded."""
    async with open_team(tmp_path, key, people=PEOPLE) as team:
        approval = await team.ask(600_00)
        card = team.teams.message_of(approval.id)
        first = await team.teams.click(card, "yes", user="maria")
        assert "maria said yes already" in first.said
        again = await team.teams.click(card, "yes", user="maria")
        assert not again.is_card or "maria said yes already" in again.said
        assert await team.status(approval) == "pending"
        assert (await team.teams.click(card, "yes", user="finn")).is_card
        assert await team.status(approval) == "approved"
