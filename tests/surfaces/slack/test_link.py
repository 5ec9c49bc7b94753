"""A Slack account becomes somebody's: offered to the account alone, taken by who is signed in."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from surfaces.slack.slack_team import APPROVE, SlackTeam, open_team

from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.errors import RefusedError
from sayso.sdk.views.rows import ApprovalView
from sayso.surfaces.console.app import create_console
from sayso.surfaces.console.edge import ConsoleSite
from sayso.testing.slack import FakeSlack

pytestmark = pytest.mark.promise("slack:linked")
URL = "https://sayso.example.com"
PEOPLE = (
    {"id": "maria", "roles": ["support_manager"]},
    {"id": "noor", "roles": ["support_manager"], "slack": "T1/UNOOR"},
)


@asynccontextmanager
async def team_with_console(folder: Path, slack: FakeSlack) -> AsyncGenerator[SlackTeam]:
    """A team whose console others can open; Maria has no account yet."""
    async with open_team(folder, slack, people=PEOPLE, console={"url": URL}) as team:
        slack.add_user("UNOOR")
        slack.add_user("UMARIA2", email="maria@example.com")
        yield team


@asynccontextmanager
async def browser(team: SlackTeam, person: str = "") -> AsyncGenerator[httpx.AsyncClient]:
    """A browser at the console."""
    site = ConsoleSite(url=URL)
    sayso = team.workspace.sayso
    transport = httpx.ASGITransport(app=create_console(sayso, site=site))
    cookies: dict[str, str] = {}
    if person:
        cookies[site.cookie] = (await sayso.sessions.begin(person, via="token"))[1]
    async with httpx.AsyncClient(
        transport=transport,
        base_url=URL,
        cookies=cookies,
        headers={"Sec-Fetch-Site": "same-origin"},
    ) as client:
        yield client


async def offered(team: SlackTeam, approval: ApprovalView, user: str) -> str:
    """The path that an account is offered after a click; empty when none."""
    await team.click(approval, APPROVE, user=user)
    found = re.search(rf"{URL}/console(/account/[\w.-]+)", str(team.slack.ephemerals[-1].blocks))
    return "" if found is None else found[1]


async def linked(team: SlackTeam, person: str) -> str | None:
    """Whose account is linked with somebody, by the log."""
    sayso = team.workspace.sayso
    found = (await sayso.people.authority(sayso.tenant)).person(person)
    return None if found is None else found.slack


async def test_a_click_of_nobodys_account_offers_a_link_that_a_person_takes_in_the_console(
    slack: FakeSlack, tmp_path: Path
) -> None:
    """Nothing is linked by looking; then the account's clicks count, and the log says why."""
    async with team_with_console(tmp_path / "shop", slack) as team:
        approval = await team.ask()
        path = await offered(team, approval, "UMARIA2")
        assert path
        assert (await team.approval(approval)).status == "pending"
        async with browser(team, "maria") as client:
            page = await client.get(path)
            assert "T1/UMARIA2" in page.text
            assert await linked(team, "maria") is None
            assert (await client.post(path)).status_code == 200
            assert await linked(team, "maria") == "T1/UMARIA2"
            assert (await client.post(path)).status_code == 409
        newest = (await team.workspace.sayso.audit.tail(limit=1))[0]
        assert (newest.kind, newest.actor) == ("person.changed", "person:maria")
        assert await offered(team, approval, "UMARIA2") == ""
        assert (await team.approval(approval)).status == "approved"
        await team.workspace.sayso.audit.export(tmp_path / "bundle")
        found = verify(tmp_path / "bundle", deep=True)
        assert found.verdict is Verdict.VERIFIED, found.all_findings


async def test_who_is_not_signed_in_signs_in_first_and_comes_back(
    slack: FakeSlack, tmp_path: Path
) -> None:
    """With the offer, which no other page of the console shows."""
    async with team_with_console(tmp_path, slack) as team, browser(team) as client:
        path = await offered(team, await team.ask(), "UMARIA2")
        answer = await client.get(path)
        assert answer.headers["location"] == f"/enter?after={path[1:].replace('/', '%2F')}"
        assert (await client.post(path)).status_code == 401
        assert await linked(team, "maria") is None


async def test_a_guest_a_bot_and_a_stranger_are_offered_nothing(
    slack: FakeSlack, tmp_path: Path
) -> None:
    """Nobody decides by such an account, linked or not."""
    async with team_with_console(tmp_path, slack) as team:
        approval = await team.ask()
        team.slack.add_user("UGUEST", is_restricted=True)
        team.slack.add_user("UBOT", is_bot=True)
        for user in ("UGUEST", "UBOT"):
            assert await offered(team, approval, user) == ""
        await team.slack.click(team.card(approval), APPROVE, user="UMARIA2", team="T2")
        await team.app.all_replied()
        assert team.slack.ephemerals[-1].blocks == ()


async def test_an_offer_is_ours_and_lasts_ten_minutes(slack: FakeSlack, tmp_path: Path) -> None:
    """One that somebody made, changed or kept links nothing, nor does another one's account."""
    async with team_with_console(tmp_path, slack) as team:
        links = team.workspace.sayso.account_links
        session, _ = await team.workspace.sayso.sessions.begin("maria", via="token")
        good = links.offer("slack", "T1/UMARIA2")
        head, _, tail = good.partition(".")
        other = links.offer("slack", "T1/UEVIL").partition(".")[0]
        for offer in ("", "x", f"{head}.", f"{other}.{tail}", f"{head}x.{tail}", "ä.ä", "a" * 700):
            with pytest.raises(RefusedError, match="unauthenticated"):
                await links.link(session, offer)
        with pytest.raises(RefusedError, match="already_in_state"):
            await links.link(session, links.offer("slack", "T1/UNOOR"))
        team.workspace.clock.advance(minutes=11)
        with pytest.raises(RefusedError, match="unauthenticated"):
            await links.link(session, good)
        assert await linked(team, "maria") is None
