"""Socket Mode and the doctor: the same handlers, and each thing that is missing named."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from surfaces.slack.slack_team import APPROVE, LOWER, REJECT, SlackTeam, less, open_team

from sayso.errors import ConfigError
from sayso.settings import parse_settings
from sayso.surfaces.slack.doctor import examine
from sayso.testing.slack import CHANNEL, FakeSlack

pytestmark = pytest.mark.promise("slack:socket")


@asynccontextmanager
async def by_socket(folder: Path, slack: FakeSlack) -> AsyncGenerator[SlackTeam]:
    """A team whose clicks come over the app's own connection; no port of ours is open."""
    async with open_team(folder, slack, socket=True) as team:
        slack.by_socket = True
        await team.app.connect()
        assert await slack.wait_until(lambda: slack.sockets == 1)
        yield team


async def test_a_click_over_the_socket_decides(tmp_path: Path, slack: FakeSlack) -> None:
    """Yes by a button, no and less by forms, as over HTTP."""
    async with by_socket(tmp_path, slack) as team:
        approval = await team.ask()
        delivery = await team.click(approval)
        assert delivery.acknowledged
        assert (await team.approval(approval)).status == "approved"
        declined = await team.ask()
        await team.click(declined, REJECT)
        await slack.submit_view(slack.views[-1], {"code": "not_covered"})
        assert (await team.approval(declined)).status == "rejected"
        lowered = await team.ask()
        await team.click(lowered, LOWER)
        await slack.submit_view(slack.views[-1], less(slack.views[-1], "999.00"))
        assert "is not less than" in str(slack.views[-1].errors)
        await slack.submit_view(slack.views[-1], less(slack.views[-1], "12.00"))
        assert (await team.approval(lowered)).status != "pending"


async def test_strangers_decide_nothing_over_it_either(tmp_path: Path, slack: FakeSlack) -> None:
    """Who may click is asked of the log and of Slack, whichever way the click came."""
    async with by_socket(tmp_path, slack) as team:
        approval = await team.ask()
        for user in ("UDORA", "UINTERN", "UGONE"):
            await team.click(approval, APPROVE, user)
        assert (await team.approval(approval)).status == "pending"
        assert len(await team.refusals(approval)) == 3


async def test_a_connection_that_is_cut_is_opened_again(tmp_path: Path, slack: FakeSlack) -> None:
    """Slack ends connections now and then; clicks go on afterwards."""
    async with by_socket(tmp_path, slack) as team:
        approval = await team.ask()
        opened = len(slack.calls("apps.connections.open"))
        await slack.cut_sockets()
        assert await slack.wait_until(
            lambda: len(slack.calls("apps.connections.open")) > opened and slack.sockets == 1
        )
        await team.click(approval)
        assert (await team.approval(approval)).status == "approved"


async def test_without_a_signing_secret_nothing_counts_over_http(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """Whoever finds the address signs with nothing that we would take."""
    async with by_socket(tmp_path, slack) as team:
        approval = await team.ask()
        slack.by_socket = False
        for secret in ("", "x", slack.signing_secret):
            slack.signing_secret = secret or "0"
            delivery = await slack.click(team.card(approval), APPROVE, user="UMARIA")
            assert delivery.status == 401
        assert (await team.approval(approval)).status == "pending"


def test_clicks_have_to_come_somehow() -> None:
    """A section with neither way is refused when it is read."""
    section = {"bot_token": "env:A", "channel": "C1"}
    with pytest.raises(ConfigError, match="app_token"):
        parse_settings({"workspace": {"name": "w"}, "slack": section}, "sayso.toml")


async def test_the_doctor_names_what_is_fine_and_what_is_missing(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """The token, the channel, the way of clicks, and each person who is linked."""
    async with open_team(tmp_path, slack) as team:
        slack.add_user("UFINN", is_restricted=True)
        found = {one.what: one for one in await examine(team.workspace.sayso)}
        assert found["token"].ok
        assert found["channel"].ok
        assert "over HTTP" in found["clicks"].said
        assert found["person maria"].ok
        assert not found["person finn"].ok
        assert "guests decide nothing" in found["person finn"].said
        assert not found["person intern"].ok
        slack.set_channel(CHANNEL, is_ext_shared=True)
        found = {one.what: one for one in await examine(team.workspace.sayso)}
        assert not found["channel"].ok
        assert "shared with another organisation" in found["channel"].said
