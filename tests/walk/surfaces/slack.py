"""Clicks in Slack: signed requests to the app, before a fake Slack, over real sockets."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack

from walk.facts import FindingError, RefusedHereError
from walk.surfaces.base import Surface, said_about
from walk.variants import SLACK

from sayso.money import Money
from sayso.sdk.solution_view import SolutionView
from sayso.surfaces.slack import SlackApp, create_slack_app
from sayso.surfaces.slack.pace import Pace
from sayso.testing.slack import Delivery, FakeSlack, PostedMessage
from surfaces.slack.slack_team import APPROVE, LOWER, PATIENT, REJECT, Ticks, less

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
            pace = Pace(
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

    async def answer(
        self,
        card: SolutionView,
        person: str,
        choice: str,
        *,
        steps: tuple[str, ...] | None = None,
        lower: Mapping[str, Money] | None = None,
    ) -> None:
        app, user = await self.app(), SLACK.get(person, STRANGER)
        await app.notifier.drain()
        if steps is not None or person not in SLACK:
            raise RefusedHereError("walk", "that is said elsewhere")
        message = self._message(card)
        button = {"approve": APPROVE, "reject": REJECT, "edit": LOWER}[choice]
        if button not in message.buttons:
            raise RefusedHereError("", "the card has no such button now")
        value = message.buttons[button]
        shown = f"{card.revision}" in value and card.digest[:12] in value
        if not shown:
            raise RefusedHereError("", "the card in Slack is another one now")
        before = await said_about(self.world, card)
        forms = len(self.slack.views)
        self._heard(await self.slack.click(message, button, user=user))
        await app.told()
        if choice != "approve" and len(self.slack.views) > forms:
            form = self.slack.views[-1]
            fields = {"code": "not_covered"}
            if choice == "edit":
                amount = next(iter((lower or {}).values()))
                fields = less(form, f"{amount.decimal:f}")
            self._heard(await self.slack.submit_view(form, fields))
            await app.told()
        if await said_about(self.world, card) == before:
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
        await app.told()

    async def look(self) -> None:
        app = await self.app()
        await app.notifier.drain()

    def _message(self, card: SolutionView) -> PostedMessage:
        try:
            return self.slack.message_of(card.id)
        except LookupError as error:
            raise RefusedHereError("", "it was never sent to Slack") from error

    @staticmethod
    def _heard(delivery: Delivery) -> None:
        if delivery.status >= 500 or delivery.status == 0:
            told = f"Slack was answered {delivery.status}: {delivery.answer[:200]}"
            raise FindingError("undocumented", told)
