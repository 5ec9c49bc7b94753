"""Test cards in the channel: posted like any card, and told apart only once somebody clicked."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sayso.errors import RetryableError, SaysoError, logged
from sayso.sdk.chat.canaries import OVER, TITLE, WAITS, ended_text
from sayso.sdk.client import Sayso
from sayso.sdk.resources.canaries import CANARY_TOPIC, CanaryView
from sayso.sdk.resources.outbox import OutboxRow
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.slack.card import SlackMessage, build_message, context, section
from sayso.surfaces.slack.channel import Channel
from sayso.surfaces.slack.pace import Bucket, NotifierPace
from sayso.surfaces.slack.thread import Post, build_evidence

logger = logging.getLogger("sayso.slack")

_BATCH = 20


class CanaryCards:
    """Shows the test cards of one workspace in one channel, one after the other.

    Args:
        posts: shared with the true cards, since Slack counts both.
    """

    def __init__(self, sayso: Sayso, channel: Channel, pace: NotifierPace, posts: Bucket) -> None:
        self._sayso = sayso
        self._channel = channel
        self._pace = pace
        self._posts = posts

    async def due(self) -> Sequence[OutboxRow]:
        """What is to be shown anew, oldest first."""
        return await self._sayso.outbox.due(CANARY_TOPIC, limit=_BATCH)

    async def tell(self, row: OutboxRow) -> None:
        """Bring one up to date; what fails is due again later."""
        outbox = self._sayso.outbox
        if not await outbox.lease(row, self._pace.lease_of(row.attempts)):
            return
        found = await self._sayso.canaries.get(row.key, tenant=row.tenant)
        known = row.state.get("ts") if row.state.get("channel") == self._channel.id else None
        ts = known if isinstance(known, str) else None
        if ts is None and row.attempts == 0 and found.status != "open":
            await outbox.sent(row, {})  # what nobody has seen needs no end
            return
        self._posts.take()
        try:
            ts = await self._show(row, found, ts)
        except RetryableError as error:
            self._posts.pause(error.retry_after_s or 0.0)
            logger.info("a card is sent later: %s", logged(error))
        except SaysoError as error:
            logger.warning("a card could not be sent: %s", logged(error))
        else:
            await outbox.sent(row, {"channel": self._channel.id, "ts": ts})

    async def _show(self, row: OutboxRow, found: CanaryView, ts: str | None) -> str:
        message = self._message(found)
        if ts is None and row.attempts > 0:
            ts = await self._channel.find(found.id, found.created_at)
        if ts is not None:
            ts = await self._channel.update(ts, message)
            if found.status != "open":  # what stood below it named the customer, too
                await self._channel.blank_below(ts, OVER)
            return ts
        posted = await self._channel.post(message)
        if found.solution is not None and len(found.solution.steps) > 1:
            await self._tell_evidence(posted, found.solution)
        return posted

    async def _tell_evidence(self, ts: str, view: SolutionView) -> None:
        """As below a true card of a plan; what may be there is not said again."""
        talk = await self._sayso.solutions.conversation(view)
        text, blocks = build_evidence(view, [(turn.role, turn.content) for turn in talk])
        post = Post(text=text, blocks=blocks, below=ts)
        await self._pace.sleep(self._posts.wait_s)
        self._posts.take()
        try:
            await self._channel.say(post, f"evidence:{view.id}:{ts}")
        except SaysoError as error:
            logger.info("what is known was not told: %s", logged(error))

    def _message(self, found: CanaryView) -> SlackMessage:
        view = found.solution
        if found.status == "open" and view is not None:
            alone = None if len(view.steps) > 1 else WAITS
            return build_message(view, alone, url=self._sayso.workspace.settings.console.url)
        return _ended(found)


def _ended(found: CanaryView) -> SlackMessage:
    """What is left of a card in the channel; how somebody did is told to nobody else."""
    return SlackMessage(
        text=f"{TITLE} ({found.id})",
        blocks=(section(ended_text(found)), context(found.id)),
        approval_id=found.id,
        revision=1,
    )
