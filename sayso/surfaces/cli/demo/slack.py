"""A Slack of one's own for a workspace: the fake, our surface on it, and one person who clicks."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from sayso.sdk.client import Sayso
from sayso.surfaces.slack import create_slack_app
from sayso.surfaces.slack.app import SlackApp
from sayso.surfaces.slack.card import NO, YES
from sayso.surfaces.slack.pace import AnswerTimeouts, NotifierPace
from sayso.testing.slack import CHANNEL, SIGNING_SECRET, TEAM, TOKEN, FakeSlack, render

_USER = "U1"
_PACE = NotifierPace(post_every_s=0.02, update_every_s=0.02, look_every_s=0.02)
"""Slack's own limits do not hold for a fake."""
_WAIT_S = 30.0
_PATIENCE = AnswerTimeouts(
    whole_s=_WAIT_S, ask_s=_WAIT_S, decide_s=_WAIT_S, edit_s=_WAIT_S, open_s=_WAIT_S
)
"""A machine that is busy is no reason to leave a click undecided where nobody waits for it."""

_BUTTONS = {"approve": YES, "reject": NO}


class SlackStage:
    """A fake Slack that waits for the workspace which `settings` and `environment` describe.

    Attributes:
        settings: the `[slack]` part of sayso.toml.
        environment: what its references name.
        account: `TEAM/USER` of the person who clicks, for `[[people]]`.
    """

    def __init__(self) -> None:
        self._fake = FakeSlack.start(patience_s=_WAIT_S)
        self._fake.add_user(_USER)
        self.account = f"{TEAM}/{_USER}"
        self.environment: Mapping[str, str] = {
            "SLACK_BOT_TOKEN": TOKEN,
            "SLACK_SIGNING_SECRET": SIGNING_SECRET,
        }
        self.settings = (
            "\n[slack]\n"
            'bot_token = "env:SLACK_BOT_TOKEN"\n'
            'signing_secret = "env:SLACK_SIGNING_SECRET"\n'
            f'channel = "{CHANNEL}"\n'
            f'api_url = "{self._fake.api_url}"\n'
        )

    def stop(self) -> None:
        """Close the fake's port."""
        self._fake.stop()

    @asynccontextmanager
    async def open(self, sayso: Sayso) -> AsyncGenerator[FakeCards]:
        """Send the workspace's cards to the fake, and take clicks from it, over real HTTP."""
        async with (
            create_slack_app(sayso, pace=_PACE, patience=_PATIENCE) as app,
            self._fake.serve(app),
        ):
            yield FakeCards(self._fake, app)


class FakeCards:
    """The channel with the cards, and the person's clicks."""

    def __init__(self, fake: FakeSlack, app: SlackApp) -> None:
        self._fake = fake
        self._app = app

    async def card(self, approval_id: str, revision: int) -> str:
        """The card as text, as soon as this revision of it is posted; else what is there."""
        await self._fake.wait_until(
            lambda: f"{approval_id}.{revision}." in " ".join(self._buttons(approval_id).values())
        )
        return self._shown(approval_id)

    async def click(self, approval_id: str, choice: str) -> str:
        """Click yes, or no and fill in the form; the card's first lines afterwards."""
        before = self._shown(approval_id)
        message = self._fake.message_of(approval_id)
        await self._fake.click(message, _BUTTONS[choice], user=_USER)
        if choice == "reject" and self._fake.views:
            await self._fake.submit_view(self._fake.views[-1], {"code": "not_covered"})
        await self._app.all_replied()
        await self._fake.wait_until(lambda: self._shown(approval_id) != before)
        return self._shown(approval_id)

    def _shown(self, approval_id: str) -> str:
        with contextlib.suppress(LookupError):
            return render(self._fake.message_of(approval_id))
        return ""

    def _buttons(self, approval_id: str) -> Mapping[str, str]:
        with contextlib.suppress(LookupError):
            return self._fake.message_of(approval_id).buttons
        return {}
