"""What is not from Teams, or not of our organisation, does nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey
from surfaces.teams.teams_team import TeamsTeam, open_team

from sayso.json import JsonObject
from sayso.testing.teams import TENANT, TeamsFault, TeamsFaultKind
from sayso.testing.teams.fake import make_key

OTHER = "33333333-3333-4333-8333-333333333333"


@pytest.mark.promise("teams:signed")
@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"lasts_s": -400}, 401),
        ({"aud": OTHER}, 401),
        ({"aud": None}, 401),
        ({"iss": "https://sts.windows.net/x/"}, 401),
        ({"iss": None}, 401),
        ({"exp": None}, 401),
        ({"serviceurl": None}, 401),
        ({"serviceurl": "https://evil.example/teams"}, 403),
        ({"token": ""}, 401),
        ({"token": "a.b.c"}, 401),
        ({"token": "eyJhbGciOiJub25lIn0.e30."}, 401),
        ({"token": "x" * 9000}, 401),
    ],
)
async def test_a_token_that_does_not_hold_does_nothing(
    team: TeamsTeam, claims: dict[str, Any], status: int
) -> None:
    """Expired, for another bot, of another issuer, for another service, none at all."""
    approval = await team.ask()
    answer = await team.teams.click(
        team.teams.message_of(approval.id), "yes", user="maria", **claims
    )
    assert answer.status == status
    assert await team.status(approval) == "pending"


@pytest.mark.promise("teams:signed")
async def test_a_token_by_another_key_of_the_same_name_does_nothing(
    team: TeamsTeam, other_key: RSAKey
) -> None:
    """Nor one by a key that is for other channels than Teams, or unknown; keys are read seldom."""
    approval = await team.ask()
    card = team.teams.message_of(approval.id)
    assert (await team.teams.click(card, "yes", user="maria", key=other_key)).status == 401
    unknown = make_key("k2")
    for _ in range(3):
        assert (await team.teams.click(card, "yes", user="maria", key=unknown)).status == 401
    assert team.teams.keys_read == 1
    team.ticks.now += 61
    team.teams.endorsements = ["webchat"]
    assert (await team.teams.click(card, "yes", user="maria", key=unknown)).status == 401
    assert team.teams.keys_read == 2
    assert await team.status(approval) == "pending"


@pytest.mark.promise("teams:signed")
async def test_a_new_key_counts_once_it_is_published(team: TeamsTeam) -> None:
    """As the Bot Framework changes them, without anybody's doing."""
    approval = await team.ask()
    card = team.teams.message_of(approval.id)
    assert (await team.teams.click(card, "show", user="maria", data={})).status == 200
    new = make_key("k2")
    team.teams.published.append(new)
    team.ticks.now += 61
    assert (await team.teams.click(card, "yes", user="maria", key=new)).is_card


@pytest.mark.promise("teams:signed")
@pytest.mark.parametrize(
    "changes",
    [
        {"serviceUrl": "https://evil.example/teams"},
        {"channelId": "webchat"},
        {"recipient": {"id": f"28:{OTHER}"}},
        {"conversation": {"id": "19:x@thread.tacv2", "tenantId": OTHER}},
        {"channelData": {"tenant": {"id": OTHER}}},
        {"conversation": {"id": "19:x@thread.tacv2"}, "channelData": {}},
    ],
)
async def test_what_is_of_another_organisation_bot_or_service_does_nothing(
    team: TeamsTeam, changes: dict[str, Any]
) -> None:
    """However good its token is; no token of ours goes where it says."""
    approval = await team.ask()
    calls = len(team.teams.calls)
    answer = await team.teams.click(
        team.teams.message_of(approval.id), "yes", user="maria", activity=changes
    )
    assert answer.status == 403
    assert await team.status(approval) == "pending"
    assert len(team.teams.calls) == calls


@pytest.mark.promise("teams:signed")
async def test_an_attackers_service_gets_no_token_even_where_its_token_names_it(
    team: TeamsTeam,
) -> None:
    """Hosts of Teams alone are called, judged after parsing."""
    approval = await team.ask()
    card = team.teams.message_of(approval.id)
    for url in (
        "https://evil.example/teams",
        "https://smba.trafficmanager.net.evil.example/teams",
        "https://smba.trafficmanager.net@evil.example/teams",
        "http://smba.trafficmanager.net/teams",
        "https://smba.trafficmanager.net:8443/teams",
        "http://[::1",
    ):
        answer = await team.teams.click(
            card, "yes", user="maria", activity={"serviceUrl": url}, serviceurl=url
        )
        assert answer.status == 403, url
    assert await team.status(approval) == "pending"


@pytest.mark.promise("teams:once")
async def test_a_replayed_activity_is_answered_as_before_and_does_nothing(team: TeamsTeam) -> None:
    """The very same bytes, while they are remembered; a question goes to the customer once."""
    approval = await team.ask()
    card = team.teams.message_of(approval.id)
    more = {"id": "f:same", "timestamp": "2026-01-01T00:00:00Z"}
    first = await team.teams.click(card, "yes", user="maria", activity=more)
    second = await team.teams.click(card, "yes", user="maria", activity=more)
    assert first == second
    said = [one.kind for one in await team.workspace.sayso.audit.tail(500)]
    assert said.count("action.approved") == 1
    assert "approval.refused" not in said


@pytest.mark.promise("teams:signed")
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"type": "invoke"}', b"[" * 5000, b"\xff", b"x" * 600_000]
)
async def test_what_is_no_activity_is_refused(team: TeamsTeam, body: bytes) -> None:
    """With a good token too; without a traceback in the log."""
    assert team.teams.app is not None
    transport = httpx.ASGITransport(app=team.teams.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://shop") as client:
        answer = await client.post(
            "/teams/messages",
            content=body,
            headers={"authorization": f"Bearer {team.teams.token()}"},
        )
    assert answer.status_code in {400, 413}


async def test_what_is_not_for_us_is_acknowledged(team: TeamsTeam) -> None:
    """That the bot was installed, somebody came, another invoke."""
    others: tuple[JsonObject, ...] = (
        {"type": "conversationUpdate"},
        {"type": "installationUpdate"},
        {"type": "invoke", "name": "other/thing", "value": {"action": {}}},
    )
    for more in others:
        made = team.teams.activity("maria", "19:x@thread.tacv2", more)
        assert (await team.teams.deliver(made)).status == 200


@pytest.mark.promise("teams:secret")
async def test_the_secret_makes_a_token_once_and_a_wrong_one_is_named(
    tmp_path: Path, key: RSAKey
) -> None:
    """A token is used until it ends soon; one that was revoked is made anew; doctor says what."""
    from sayso.surfaces.teams.doctor import examine

    async with open_team(tmp_path, key) as team:
        await team.ask()
        await team.ask()
        assert len({call.token for call in team.teams.calls}) == 1
        team.ticks.now += 3400
        await team.ask()
        assert len({call.token for call in team.teams.calls}) == 2
        kind = TeamsFaultKind.UNAUTHORIZED
        team.teams.faults.append(TeamsFault(kind=kind, part="v3/conversations"))
        await team.ask()
        assert len(team.teams.messages) == 4

        found = {one.what: one for one in await examine(team.workspace.sayso)}
        assert all(one.ok for name, one in found.items() if name != "person intern"), found
        assert not found["person intern"].ok
        team.teams.channel_kinds = {}
        found = {one.what: one for one in await examine(team.workspace.sayso)}
        assert "not in the team" in found["channel"].said
        team.teams.secret = "another"
        (wrong,) = await examine(team.workspace.sayso)
        assert wrong.what == "login"
        assert "new client secret" in wrong.next_step
        assert "fake-app-secret" not in wrong.said


@pytest.mark.promise("teams:secret")
@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"tenant": OTHER}, "tenant"),
        ({"app_id": OTHER}, "app_id"),
    ],
)
async def test_a_wrong_tenant_and_a_wrong_app_are_named(
    tmp_path: Path, key: RSAKey, settings: dict[str, object], word: str
) -> None:
    """By what Microsoft answers to the login."""
    from sayso.surfaces.teams.doctor import examine

    async with open_team(tmp_path, key, settings=settings) as team:
        (wrong,) = await examine(team.workspace.sayso)
        assert word in wrong.next_step
    assert TENANT != OTHER
