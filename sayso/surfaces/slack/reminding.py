"""Reminders reach people: in the thread below the card, naming who may answer; full limits, too.

The reminder itself is the engine's: an entry of the log and a row of the outbox, once. Here it is
only told; a reminder that may have been posted although its answer was lost is not posted again.
"""

from __future__ import annotations

import logging

from sayso.actions.approvals.reminders import REMINDER_TOPIC
from sayso.actions.approvals.repository import OUTBOX_TOPIC, ApprovalStatus
from sayso.actions.limits.following import NEAR_TOPIC
from sayso.errors import OutcomeUnknownError, RetryableError, SaysoError, logged
from sayso.json import JsonObject, JsonValue
from sayso.sdk.client import Sayso
from sayso.sdk.resources.limits import LimitNewsView
from sayso.sdk.resources.outbox import OutboxRow
from sayso.sdk.solution_view import SolutionView
from sayso.surfaces.slack.pace import Bucket, Pace
from sayso.surfaces.slack.web import SlackWeb
from sayso.surfaces.slack.wording import escape, fit, show_hidden

logger = logging.getLogger("sayso.slack")

_BATCH = 20
_MOST_NAMED = 20
_LATER = "a reminder is told later: %s"


class Reminding:
    """Tells reminders and escalations of one workspace in one channel.

    Args:
        channel: the channel's id. posts: shared with the cards, since Slack counts both.
    """

    def __init__(
        self, sayso: Sayso, web: SlackWeb, channel: str, pace: Pace, posts: Bucket
    ) -> None:
        self._sayso = sayso
        self._web = web
        self._channel = channel
        self._pace = pace
        self._posts = posts

    async def due(self) -> list[OutboxRow]:
        """What is to be told now, oldest first."""
        return await self._sayso.outbox.due(REMINDER_TOPIC, limit=_BATCH)

    async def tell(self, row: OutboxRow) -> None:
        """Tell one, if it still waits and its card stands in the channel."""
        outbox = self._sayso.outbox
        if not await outbox.lease(row, self._pace.lease_s):
            return
        view = await self._sayso.solutions.get(row.key, tenant=row.tenant)
        # Each step of a plan is reminded of, at the same time; people are called once.
        ts = await self._card(view) if view.id == row.key else ""
        if view.status == ApprovalStatus.PENDING and ts:
            self._posts.take()
            try:
                await self._post(view, ts)
            except OutcomeUnknownError as error:
                logger.info("a reminder may have been told: %s", logged(error))
            except RetryableError as error:
                self._posts.pause(error.retry_after_s or 0.0)
                logger.info(_LATER, logged(error))
                return
            except SaysoError as error:
                logger.warning(_LATER, logged(error))
                return
        await outbox.sent(row, {"told": True})

    async def _card(self, view: SolutionView) -> str:
        """Where the card of a solution stands; empty where it was not posted."""
        known = await self._sayso.outbox.find(OUTBOX_TOPIC, view.id)
        ours = known is not None and known.state.get("channel") == self._channel
        ts = known.state.get("ts") if known is not None and ours else None
        return ts if isinstance(ts, str) else ""

    async def _post(self, view: SolutionView, ts: str) -> None:
        roles = frozenset(view.roles)
        if view.escalated is not None:
            roles |= {view.escalated.role}
        users = await self._sayso.people.slack_users(
            self._sayso.tenant, roles, frozenset(view.agreed)
        )
        text, blocks = reminder(view, users[:_MOST_NAMED])
        message = _message(self._channel, text, blocks)
        await self._web.call(
            "chat.postMessage", {**message, "thread_ts": ts}, timeout_s=self._pace.timeout_s
        )


class LimitNews:
    """Tells one channel of limits that are four fifths full, or full, once for each window.

    Args:
        channel: the channel's id. posts: shared with the cards, since Slack counts both.
    """

    def __init__(
        self, sayso: Sayso, web: SlackWeb, channel: str, pace: Pace, posts: Bucket
    ) -> None:
        self._sayso = sayso
        self._web = web
        self._channel = channel
        self._pace = pace
        self._posts = posts

    async def due(self) -> list[OutboxRow]:
        """What is to be told now, oldest first."""
        return await self._sayso.outbox.due(NEAR_TOPIC, limit=_BATCH)

    async def tell(self, row: OutboxRow) -> None:
        """Tell one; where the answer is lost, it is not told again."""
        outbox = self._sayso.outbox
        if not await outbox.lease(row, self._pace.lease_s):
            return
        view = await self._sayso.limits.news(int(row.key), tenant=row.tenant)
        if view is not None:
            text, blocks = limit_news(view)
            self._posts.take()
            try:
                message = _message(self._channel, text, blocks)
                await self._web.call("chat.postMessage", message, timeout_s=self._pace.timeout_s)
            except OutcomeUnknownError as error:
                logger.info("a limit may have been told: %s", logged(error))
            except RetryableError as error:
                self._posts.pause(error.retry_after_s or 0.0)
                return
            except SaysoError as error:
                logger.warning("a limit is told later: %s", logged(error))
                return
        await outbox.sent(row, {"told": True})


def limit_news(view: LimitNewsView) -> tuple[str, tuple[JsonObject, ...]]:
    """What stands in the channel of a limit: how full, whose, and what happens beyond it.

    Returns:
        The text for notifications and the blocks.
    """
    head = "A limit is reached" if view.full else "A limit is nearly reached"
    whose = f", {view.whose}" if view.whose else ""
    said = f"{fit(view.say, 200)}: {view.words} (limit {view.limit}{fit(whose, 100)}); "
    words: JsonObject = {"type": "text", "text": f"{said}{view.next_step}"}
    title: JsonObject = {"type": "text", "text": f"{head}. ", "style": {"bold": True}}
    block: JsonObject = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [title, words]}],
    }
    return escape(show_hidden(f"{head}: {view.words} (limit {view.limit})")), (block,)


def _message(channel: str, text: str, blocks: tuple[JsonObject, ...]) -> dict[str, JsonValue]:
    return {
        "channel": channel,
        "text": text,
        "blocks": list(blocks),
        "unfurl_links": False,
        "unfurl_media": False,
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
    }


def reminder(view: SolutionView, users: tuple[str, ...]) -> tuple[str, tuple[JsonObject, ...]]:
    """What stands in the thread: who is called, and until when they can answer.

    Returns:
        The text for notifications and the blocks.
    """
    until = f"{view.expires_at[:10]} {view.expires_at[11:16]} UTC"
    escalated = view.escalated is not None
    lead = f"escalated {fit(view.escalated.whom, 200)}: " if view.escalated is not None else ""
    said = f"{lead}this still waits for a yes or no. No answer by {until} counts as no."
    elements: list[JsonValue] = []
    for user in users:
        elements += [{"type": "user", "user_id": user}, {"type": "text", "text": ", "}]
    elements.append({"type": "text", "text": said})
    block: JsonObject = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": elements}],
    }
    what = "Escalated" if escalated else "Still waiting"
    return escape(show_hidden(f"{what}: yes or no by {until} ({view.id})")), (block,)
