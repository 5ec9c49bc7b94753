"""Clicks in Slack: signed requests to the app, before a fake Slack, over real sockets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace

from support.ticks import Ticks
from walk.facts import FindingError, RefusedHereError
from walk.surfaces.base import Said, Surface, said_about
from walk.variants import SLACK

from sayso.sdk.chat.forms import LOWER
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.slack import SlackApp, create_slack_app
from sayso.surfaces.slack.pace import NotifierPace
from sayso.testing.slack import FakeSlack, InteractionDelivery, PostedMessage
from surfaces.slack.slack_team import APPROVE, PATIENT, REJECT
from surfaces.slack.slack_team import LOWER as LESS

STRANGER = "UDORA"


class SlackSurface(Surface):
    """Cards are sent before each click; what came of it, the votes say."""

    name = "slack"
    _app: SlackApp | None = None

    @property
    def slack(self) -> FakeSlack:
        """The team's Slack."""
        assert self.world.slack is not None, "of this variant"
        return self.world.slack

    async def app(self) -> SlackApp:
        """The app, which is served as long as the workspace is open."""
        if self._app is None:
            ticks = Ticks()
            pace = NotifierPace(
                post_every_s=0,
                update_every_s=0,
                timeout_s=60,
                monotonic=ticks,
                sleep=ticks.sleep,
            )
            self._app = create_slack_app(
                self.world.sayso, pace=pace, patience=PATIENT, monotonic=ticks
            )
            stack = AsyncExitStack()
            stack.push_async_exit(self._app.__aexit__)
            await stack.enter_async_context(self.slack.serve(self._app))
            self.world.at_close(stack)
        return self._app

    async def answer(self, card: SolutionView, person: str, said: Said) -> None:
        app, user = await self.app(), SLACK.get(person, STRANGER)
        await self._send(app)
        if said.steps is not None or person not in SLACK:
            raise RefusedHereError("walk", "that is said elsewhere")
        button = {"approve": APPROVE, "reject": REJECT, "edit": LESS}[said.choice]
        message = self._as_it_was(card, button)
        before = await said_about(self.world, card)
        forms = len(self.slack.views)
        self._heard(await self.slack.click(message, button, user=user))
        await app.all_replied()
        if said.choice != "approve" and len(self.slack.views) > forms:
            form = self.slack.views[-1]
            fields = {"code": "not_covered"}
            if said.choice == "edit":
                fields = {f"{LOWER}{step}": f"{to.decimal:f}" for step, to in said.lower.items()}
            self._heard(await self.slack.submit_view(form, fields))
            await app.all_replied()
        if await said_about(self.world, card) == before:
            told = self.slack.ephemerals[-1].text if self.slack.ephemerals else "nothing"
            raise RefusedHereError("", told)
        await app.notifier.drain()

    async def answer_test(self, card: SolutionView, person: str, choice: str) -> None:
        app = await self.app()
        await app.notifier.drain()
        if person not in SLACK:
            raise RefusedHereError("walk", "they have no account")
        button = REJECT if choice == "reject" else APPROVE
        message = self._message(card)
        if button not in message.buttons:
            raise RefusedHereError("", "the card has no such button now")
        before = await self.world.sayso.canaries.get(card.id)
        self._heard(await self.slack.click(message, button, user=SLACK[person]))
        await app.all_replied()
        if await self.world.sayso.canaries.get(card.id) == before:
            told = self.slack.ephemerals[-1].text if self.slack.ephemerals else "nothing"
            raise RefusedHereError("", told)
        await app.notifier.drain()

    async def note(self, card: SolutionView, person: str, text: str) -> None:
        app = await self.app()
        await app.notifier.drain()
        if person not in SLACK:
            raise RefusedHereError("walk", "they have no account")
        message = self._message(card)
        self._heard(await self.slack.write(message, text, user=SLACK[person]))
        await app.all_replied()

    async def open_home(self, person: str, team: str) -> str | None:
        app, user = await self.app(), SLACK.get(person, STRANGER)
        await self._send(app)
        shown = self.slack.home_of(user)
        self._heard(await self.slack.open_home(user, team=team))
        await app.all_replied()
        after = self.slack.home_of(user)
        return None if after is None or after is shown else json.dumps(after.view)

    async def drain(self) -> None:
        """Tell whatever is due."""
        await self._send(await self.app())

    async def look(self) -> None:
        await self._send(await self.app())

    async def _send(self, app: SlackApp) -> None:
        """Send every card that is due; people have open what they saw."""
        await app.notifier.drain()
        for message in self.slack.messages:
            payload = message.metadata.get("event_payload")
            if isinstance(payload, Mapping) and message.buttons:
                seen = self.world.facts.in_slack.setdefault(str(payload.get("approval_id")), [])
                if not seen or seen[-1].buttons != message.buttons:
                    seen.append(replace(message))

    def _as_it_was(self, card: SolutionView, button: str) -> PostedMessage:
        """The message that shows a card, also one that shows another now: it may still be open."""
        for message in reversed(self.world.facts.in_slack.get(card.id, [])):
            value = message.buttons.get(button, "")
            if f"{card.revision}" in value and card.digest[:12] in value:
                return message
        raise RefusedHereError("", "nobody in Slack has seen this card with such a button")

    def _message(self, card: SolutionView) -> PostedMessage:
        try:
            return self.slack.message_of(card.id)
        except LookupError as error:
            raise RefusedHereError("", "it was never sent to Slack") from error

    @staticmethod
    def _heard(delivery: InteractionDelivery) -> None:
        if delivery.status >= 500 or delivery.status == 0:
            told = f"Slack was answered {delivery.status}: {delivery.answer[:200]}"
            raise FindingError("undocumented", told)
