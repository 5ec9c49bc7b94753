"""Somebody who is asked in Slack, in Teams, by e-mail and in the console decides once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from actions.steps import assert_verified
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.routing import Route
from support.shop_workspace import open_shop
from support.ticks import Ticks
from surfaces.slack.slack_team import PATIENT as SLACK_PATIENT
from surfaces.slack.slack_team import settings_for
from surfaces.teams.teams_team import LONG_S, PATIENT, linked

from sayso.money import Money
from sayso.surfaces.console.app import create_console
from sayso.surfaces.console.edge import ConsoleSite
from sayso.surfaces.slack import create_slack_app
from sayso.surfaces.slack.pace import NotifierPace
from sayso.surfaces.teams.app import PATH, TeamsApp
from sayso.testing.clock import FakeClock
from sayso.testing.slack import FakeSlack, render
from sayso.testing.teams import APP_SECRET, FakeTeams

URL = "https://sayso.example.com"
PEOPLE = [linked("maria", "support_manager", slack="T1/UMARIA", email="maria@shop.example")]


@pytest.mark.promise("approvals:once")
async def test_one_person_in_four_places_decides_once_and_every_card_says_who(
    slack: FakeSlack, key: RSAKey, tmp_path: Path
) -> None:
    """Three clicks at once, one yes; whoever opens the link of the e-mail is told the same."""
    clock, ticks = FakeClock(), Ticks()
    slack.add_user("UMARIA")
    async with FakeTeams.open(clock.now, key) as teams:
        teams.add_member("maria")
        section = {**teams.settings, "app_secret": "file:keys/teams"}
        (tmp_path / "keys").mkdir()
        (tmp_path / "keys" / "teams").write_text(APP_SECRET)
        async with open_shop(
            tmp_path,
            clock=clock,
            people=PEOPLE,
            channels={"teams": section},
            slack=settings_for(slack.api_url, tmp_path),
            console={"url": URL},
        ) as opened:
            sayso = opened.sayso
            pace = NotifierPace(
                post_every_s=0,
                update_every_s=0,
                timeout_s=LONG_S,
                monotonic=ticks,
                sleep=ticks.sleep,
            )
            in_slack = create_slack_app(sayso, pace=pace, patience=SLACK_PATIENT, monotonic=ticks)
            in_teams = TeamsApp(
                sayso, budget=PATIENT, whole_s=LONG_S, monotonic=ticks, timeout_s=LONG_S
            )
            teams.app = Starlette(routes=[Route(PATH, in_teams.handle, methods=["POST"])])
            teller = in_teams.teller
            opened.shop.books.add("o1", "cus_1", Money(129_00, "USD"))
            action = await sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
            assert action.approval is not None
            about = action.approval.id

            async def show() -> None:
                await in_slack.notifier.drain()
                await teller.step()

            site = ConsoleSite(url=URL)
            _, secret = await sayso.sessions.begin("maria", via="token")
            transport = httpx.ASGITransport(app=create_console(sayso, site=site))
            async with (
                slack.serve(in_slack),
                httpx.AsyncClient(
                    transport=transport,
                    base_url=URL,
                    cookies={site.cookie: secret},
                    headers={"Sec-Fetch-Site": "same-origin"},
                ) as browser,
            ):
                await show()
                view = await sayso.solutions.get(about)
                form = {"decision": "yes", "revision": str(view.revision), "digest": view.digest}
                await asyncio.gather(
                    slack.click(slack.message_of(about), "sayso.solution.yes", user="UMARIA"),
                    teams.click(teams.message_of(about), "yes", user="maria"),
                    browser.post(f"/solution/{about}/decision", data=form),
                )
                await in_slack.all_replied()
                await opened.sayso.container.dispatcher.drain()
                await show()
                kinds = [one.kind for one in await sayso.audit.tail(500)]
                assert kinds.count("action.approved") == 1
                assert opened.shop.books.paid_out_minor == 129_00
                page = (await browser.get(f"/solution/{about}")).text
                assert "maria" in page
                assert "maria" in render(slack.message_of(about))
                assert not slack.message_of(about).buttons
                assert "maria" in teams.message_of(about).text
                assert not teams.message_of(about).verbs
            await in_slack.__aexit__()
            await in_teams.close()
            assert_verified(opened)
