"""What is told beside the cards, each once: in a card's thread, or in the channel itself.

Reminders and notes stand in the thread below the card; full limits, and what failed days later,
which no card tells, in the channel. What is told is the engine's: an entry of the log and a row of
the outbox. Where it is not known whether it was posted, it is looked for first.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Literal, TypeAlias

from sayso.actions.approvals.reminders import REMINDER_TOPIC
from sayso.actions.approvals.repository import OUTBOX_TOPIC, ApprovalStatus
from sayso.actions.engine.outcomes import FAILED_TOPIC, LEFT_TOPIC
from sayso.actions.limits.following import NEAR_TOPIC
from sayso.actions.model.status import Status
from sayso.errors import (
    Code,
    OutcomeUnknownError,
    RefusedError,
    RetryableError,
    SaysoError,
    logged,
)
from sayso.json import JsonObject
from sayso.sdk.client import Sayso
from sayso.sdk.resources.canaries import CANARY_TOPIC
from sayso.sdk.resources.limits import LimitNewsView
from sayso.sdk.resources.notes import NOTE_TOPIC, RULE
from sayso.sdk.resources.outbox import OutboxRow
from sayso.sdk.views.rows import ActionView
from sayso.sdk.views.solution import SolutionView
from sayso.settings.surfaces import CONSOLE_PATH
from sayso.surfaces.slack.channel import Channel
from sayso.surfaces.slack.pace import Bucket, NotifierPace
from sayso.surfaces.slack.thread import Post, note_post, reminder, rule_post
from sayso.surfaces.slack.wording import escape, fit, show_hidden

logger = logging.getLogger("sayso.slack")

_BATCH = 20
_MOST_NAMED = 20
_LATER: Final = "later"
Told: TypeAlias = Post | Literal["later"] | None
"""What to post; nothing, for good; or nothing yet."""


class News:
    """Tells what the rows of one topic say, each once.

    Args:
        topic: of the outbox. words: what to say of a row.
        posts: shared with the cards, since Slack counts both.
    """

    def __init__(
        self,
        topic: str,
        words: Callable[[OutboxRow], Awaitable[Told]],
        *,
        sayso: Sayso,
        channel: Channel,
        pace: NotifierPace,
        posts: Bucket,
    ) -> None:
        self._topic = topic
        self._words = words
        self._sayso = sayso
        self._channel = channel
        self._pace = pace
        self._posts = posts

    async def due(self) -> list[OutboxRow]:
        """What is to be told now, oldest first."""
        return await self._sayso.outbox.due(self._topic, limit=_BATCH)

    async def tell(self, row: OutboxRow) -> None:
        """Tell one; what may have been told, by whomever, is looked for first."""
        outbox = self._sayso.outbox
        if not await outbox.lease(row, self._pace.lease_of(row.attempts)):
            return
        mark = f"{self._topic}:{row.key}:{row.version}"
        try:
            post = await self._words(row)
            if post == _LATER:
                return
            begun = row.attempts > 0
            if post is not None and not (begun and await self._channel.is_posted(post, mark)):
                self._posts.take()
                await self._channel.say(post, mark)
        except OutcomeUnknownError as error:
            logger.info("news may have been told: %s", logged(error))
            return
        except RetryableError as error:
            self._posts.pause(error.retry_after_s or 0.0)
            return
        except SaysoError as error:
            logger.warning("news is told later: %s", logged(error))
            return
        await outbox.sent(row, {"told": True})


def all_news(sayso: Sayso, channel: Channel, pace: NotifierPace, posts: Bucket) -> tuple[News, ...]:
    """Reminders and notes; limits that are nearly full; what failed after it was told otherwise.

    Args:
        posts: see `News`.
    """

    async def limit(row: OutboxRow) -> Told:
        view = await sayso.limits.news(int(row.key), tenant=row.tenant)
        return None if view is None else limit_news(view)

    async def failure(row: OutboxRow) -> Told:
        view = await sayso.actions.get(row.key, tenant=row.tenant)
        url = sayso.workspace.settings.console.url
        return failed_news(view, url) if view.status == Status.FAILED else None

    async def left(row: OutboxRow) -> Told:
        view = await sayso.actions.get(row.key, tenant=row.tenant)
        return left_news(view, sayso.workspace.settings.console.url)

    told: tuple[tuple[str, Callable[[OutboxRow], Awaitable[Told]]], ...] = (
        (REMINDER_TOPIC, partial(_reminded, sayso, channel)),
        (NOTE_TOPIC, partial(_noted, sayso, channel)),
        (NEAR_TOPIC, limit),
        (FAILED_TOPIC, failure),
        (LEFT_TOPIC, left),
    )
    return tuple(
        News(topic, words, sayso=sayso, channel=channel, pace=pace, posts=posts)
        for topic, words in told
    )


async def _reminded(sayso: Sayso, channel: Channel, row: OutboxRow) -> Told:
    """A reminder of what still waits, where its card stands in the channel."""
    view = await sayso.solutions.get(row.key, tenant=row.tenant)
    # Each step of a plan is reminded of, at the same time; people are called once.
    ts = await _card(sayso, channel, view) if view.id == row.key else ""
    if view.status != ApprovalStatus.PENDING or not ts:
        return None
    roles = frozenset(view.roles)
    if view.escalated is not None:
        roles |= {view.escalated.role}
    people = await sayso.people.called(sayso.tenant, roles, frozenset(view.agreed), sayso.now())
    users = tuple(one.slack.partition("/")[2] for one in people if one.slack)
    return reminder(view, users[:_MOST_NAMED], ts)


async def _noted(sayso: Sayso, channel: Channel, row: OutboxRow) -> Told:
    """What somebody noted elsewhere; or, once, that what is written in the thread is a note."""
    approval_id, _, seq = row.key.partition(":")
    topic = OUTBOX_TOPIC
    try:
        view = await sayso.solutions.get(approval_id, tenant=row.tenant)
    except RefusedError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        # A test card, which nobody may tell from a true one by what stands below it.
        test = await sayso.canaries.get(approval_id, tenant=row.tenant)
        if test.status != "open" or test.solution is None:
            return None
        topic, view = CANARY_TOPIC, test.solution
    waits = view.status == ApprovalStatus.PENDING
    ts = await _card(sayso, channel, view, topic)
    if not ts:  # its card comes first, or it never gets one
        return _LATER if waits else None
    if int(seq) == RULE:
        return rule_post(view, ts) if waits else None
    note = next((one for one in view.notes if one.seq == int(seq)), None)
    return note_post(view, note, ts) if note is not None and note.text else None


async def _card(
    sayso: Sayso, channel: Channel, view: SolutionView, topic: str = OUTBOX_TOPIC
) -> str:
    """Where the card of a solution stands; empty where it was not posted."""
    known = await sayso.outbox.find(topic, view.id)
    ours = known is not None and known.state.get("channel") == channel.id
    ts = known.state.get("ts") if known is not None and ours else None
    return ts if isinstance(ts, str) else ""


def failed_news(view: ActionView, url: str) -> Post:
    """What stands in the channel of an effect that failed at the provider after it was taken on.

    Args:
        url: of the console; empty where there is none that others can open.
    """
    amount = f" of {view.amount}" if view.amount is not None else ""
    what = f"{view.action}{amount}"
    why = view.error.message if view.error is not None else "the provider does not say why"
    where = f"{url}{CONSOLE_PATH}/action/{view.id}" if url else f"`sayso work take {view.id}`"
    said = (
        f"{what} for {view.subject} had been taken on, and the provider now says that it failed: "
        f"{fit(why, 500)}. Nothing is tried again by itself. Take it: {where}"
    )
    return _news("Failed after all", said, f"{what} ({view.id})")


def left_news(view: ActionView, url: str) -> Post | None:
    """What stands in the channel of an action that only people can bring further.

    Args:
        url: of the console; empty where there is none that others can open.
    """
    if view.error is None:  # it was found, or settled, meanwhile
        return None
    amount = f" of {view.amount}" if view.amount is not None else ""
    what = f"{view.action}{amount}"
    where = f"{url}{CONSOLE_PATH}/action/{view.id}" if url else f"`sayso work take {view.id}`"
    is_done = view.error.code == Code.DOES_NOT_FIT
    head = "Done, and does not fit" if is_done else "Left to you"
    state = "was done" if is_done else f"is {view.status}"
    said = (
        f"{what} for {view.subject} {state}: {fit(view.error.message, 500)}. "
        f"Nothing is called again by itself. Look at the provider, then take it: {where}"
    )
    return _news(head, said, f"{what} ({view.id})")


def limit_news(view: LimitNewsView) -> Post:
    """What stands in the channel of a limit: how full, whose, and what happens beyond it."""
    head = "A limit is reached" if view.full else "A limit is nearly reached"
    whose = f", {view.whose}" if view.whose else ""
    said = f"{fit(view.say, 200)}: {view.words} (limit {view.limit}{fit(whose, 100)}); "
    return _news(head, f"{said}{view.next_step}", f"{view.words} (limit {view.limit})")


def _news(head: str, said: str, short: str) -> Post:
    title: JsonObject = {"type": "text", "text": f"{head}. ", "style": {"bold": True}}
    words: JsonObject = {"type": "text", "text": said}
    block: JsonObject = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [title, words]}],
    }
    return Post(text=escape(show_hidden(f"{head}: {short}")), blocks=(block,))
