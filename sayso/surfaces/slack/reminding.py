"""Reminders reach people: in the thread below the card, naming who may answer.

What no card tells reaches them in the channel: full limits, and what failed days later.

The reminder itself is the engine's: an entry of the log and a row of the outbox, once. Here it is
only told; a reminder that may have been posted although its answer was lost is not posted again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from sayso.actions.approvals.reminders import REMINDER_TOPIC
from sayso.actions.approvals.repository import OUTBOX_TOPIC, ApprovalStatus
from sayso.actions.engine.outcomes import FAILED_TOPIC
from sayso.actions.limits.following import NEAR_TOPIC
from sayso.actions.model.status import Status
from sayso.errors import OutcomeUnknownError, RetryableError, SaysoError, logged
from sayso.json import JsonObject, JsonValue
from sayso.sdk.client import Sayso
from sayso.sdk.resources.limits import LimitNewsView
from sayso.sdk.resources.outbox import OutboxRow
from sayso.sdk.solution_view import SolutionView
from sayso.sdk.views import ActionView
from sayso.surfaces.slack.pace import Bucket, Pace
from sayso.surfaces.slack.thread import reminder
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
        people = await self._sayso.people.called(
            self._sayso.tenant, roles, frozenset(view.agreed), self._sayso.now()
        )
        users = tuple(one.slack.partition("/")[2] for one in people if one.slack)
        text, blocks = reminder(view, users[:_MOST_NAMED])
        message = _message(self._channel, text, blocks)
        await self._web.call(
            "chat.postMessage", {**message, "thread_ts": ts}, timeout_s=self._pace.timeout_s
        )


Words = tuple[str, tuple[JsonObject, ...]]
"""The text for notifications and the blocks."""


class News:
    """Tells one channel what happened that no card tells, each once.

    Args:
        topic: of the outbox. words: what to say of a row; None where there is nothing to say now.
        channel: the channel's id. posts: shared with the cards, since Slack counts both.
    """

    def __init__(
        self,
        topic: str,
        words: Callable[[OutboxRow], Awaitable[Words | None]],
        *,
        sayso: Sayso,
        web: SlackWeb,
        channel: str,
        pace: Pace,
        posts: Bucket,
    ) -> None:
        self._topic = topic
        self._words = words
        self._sayso = sayso
        self._web = web
        self._channel = channel
        self._pace = pace
        self._posts = posts

    async def due(self) -> list[OutboxRow]:
        """What is to be told now, oldest first."""
        return await self._sayso.outbox.due(self._topic, limit=_BATCH)

    async def tell(self, row: OutboxRow) -> None:
        """Tell one; where the answer is lost, it is not told again."""
        outbox = self._sayso.outbox
        if not await outbox.lease(row, self._pace.lease_s):
            return
        words = await self._words(row)
        if words is not None:
            self._posts.take()
            try:
                message = _message(self._channel, *words)
                await self._web.call("chat.postMessage", message, timeout_s=self._pace.timeout_s)
            except OutcomeUnknownError as error:
                logger.info("news may have been told: %s", logged(error))
            except RetryableError as error:
                self._posts.pause(error.retry_after_s or 0.0)
                return
            except SaysoError as error:
                logger.warning("news is told later: %s", logged(error))
                return
        await outbox.sent(row, {"told": True})


def all_news(
    sayso: Sayso, web: SlackWeb, channel: str, pace: Pace, posts: Bucket
) -> tuple[News, ...]:
    """Limits that are four fifths full, or full; and what failed after it had been told otherwise.

    Args:
        channel, posts: see `News`.
    """

    async def limit(row: OutboxRow) -> Words | None:
        view = await sayso.limits.news(int(row.key), tenant=row.tenant)
        return None if view is None else limit_news(view)

    async def failure(row: OutboxRow) -> Words | None:
        view = await sayso.actions.get(row.key, tenant=row.tenant)
        url = sayso.workspace.settings.console.url
        return failed_news(view, url) if view.status == Status.FAILED else None

    told = ((NEAR_TOPIC, limit), (FAILED_TOPIC, failure))
    return tuple(
        News(topic, words, sayso=sayso, web=web, channel=channel, pace=pace, posts=posts)
        for topic, words in told
    )


def failed_news(view: ActionView, url: str) -> Words:
    """What stands in the channel of an effect that failed at the provider after it was taken on.

    Args:
        url: of the console; empty where there is none that others can open.
    """
    amount = f" of {view.amount}" if view.amount is not None else ""
    what = f"{view.action}{amount}"
    why = view.error.message if view.error is not None else "the provider does not say why"
    where = f"{url}/console/action/{view.id}" if url else f"`sayso work take {view.id}`"
    said = (
        f"{what} for {view.subject} had been taken on, and the provider now says that it failed: "
        f"{fit(why, 500)}. Nothing is tried again by itself. Take it: {where}"
    )
    return _news("Failed after all", said, f"{what} ({view.id})")


def limit_news(view: LimitNewsView) -> Words:
    """What stands in the channel of a limit: how full, whose, and what happens beyond it."""
    head = "A limit is reached" if view.full else "A limit is nearly reached"
    whose = f", {view.whose}" if view.whose else ""
    said = f"{fit(view.say, 200)}: {view.words} (limit {view.limit}{fit(whose, 100)}); "
    return _news(head, f"{said}{view.next_step}", f"{view.words} (limit {view.limit})")


def _news(head: str, said: str, short: str) -> Words:
    title: JsonObject = {"type": "text", "text": f"{head}. ", "style": {"bold": True}}
    words: JsonObject = {"type": "text", "text": said}
    block: JsonObject = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [title, words]}],
    }
    return escape(show_hidden(f"{head}: {short}")), (block,)


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
