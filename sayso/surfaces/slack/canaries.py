"""Test cards in the channel: posted like any card, and told apart only once somebody clicked."""

from __future__ import annotations

import logging

from sayso.errors import SaysoError, logged
from sayso.sdk.chat.canaries import OVER, TITLE, WAITS, ended_text
from sayso.sdk.resources.canaries import CANARY_TOPIC, CanaryView
from sayso.sdk.resources.outbox import OutboxRow
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.slack.card import SlackMessage, build_message, context, section
from sayso.surfaces.slack.outbox_cards import OutboxCards
from sayso.surfaces.slack.thread import Post, build_evidence

logger = logging.getLogger("sayso.slack")


class CanaryCards(OutboxCards[CanaryView]):
    """Shows the test cards of one workspace in one channel, one after the other."""

    topic = CANARY_TOPIC

    async def read(self, row: OutboxRow) -> CanaryView:
        """The test card."""
        return await self.sayso.canaries.get(row.key, tenant=row.tenant)

    def is_over(self, found: CanaryView) -> bool:
        """Whether it waits for nobody any more."""
        return found.status != "open"

    async def show(self, row: OutboxRow, found: CanaryView, ts: str | None) -> str:
        """Post it, or change what was posted."""
        message = self._message(found)
        if ts is None and row.attempts > 0:
            ts = await self.channel.find(found.id, found.created_at)
        if ts is not None:
            ts = await self.channel.update(ts, message)
            if self.is_over(found):  # what stood below it named the customer, too
                await self.channel.blank_below(ts, OVER)
            return ts
        posted = await self.channel.post(message)
        if found.solution is not None and len(found.solution.steps) > 1:
            await self._tell_evidence(posted, found.solution)
        return posted

    async def _tell_evidence(self, ts: str, view: SolutionView) -> None:
        """As below a true card of a plan; what may be there is not said again."""
        talk = await self.sayso.solutions.conversation(view)
        text, blocks = build_evidence(view, [(turn.role, turn.content) for turn in talk])
        post = Post(text=text, blocks=blocks, below=ts)
        await self.pace.sleep(self.posts.wait_s)
        self.posts.take()
        try:
            await self.channel.say(post, f"evidence:{view.id}:{ts}")
        except SaysoError as error:
            logger.info("what is known was not told: %s", logged(error))

    def _message(self, found: CanaryView) -> SlackMessage:
        view = found.solution
        if found.status == "open" and view is not None:
            alone = None if len(view.steps) > 1 else WAITS
            return build_message(view, alone, url=self.sayso.workspace.settings.console.url)
        return _ended(found)


def _ended(found: CanaryView) -> SlackMessage:
    """What is left of a card in the channel; how somebody did is told to nobody else."""
    return SlackMessage(
        text=f"{TITLE} ({found.id})",
        blocks=(section(ended_text(found)), context(found.id)),
        approval_id=found.id,
        revision=1,
    )
