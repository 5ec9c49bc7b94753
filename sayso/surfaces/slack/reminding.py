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

from sayso.errors import OutcomeUnknownError, RetryableError, SaysoError, logged
from sayso.sdk.chat.news import TOPICS, news_of
from sayso.sdk.client import Sayso
from sayso.sdk.resources.outbox import OutboxRow
from sayso.surfaces.slack.answers import VIA
from sayso.surfaces.slack.channel import Channel
from sayso.surfaces.slack.direct import DirectMessages
from sayso.surfaces.slack.pace import Bucket, NotifierPace
from sayso.surfaces.slack.thread import Post, post_of
from sayso.surfaces.slack.wording import fit

logger = logging.getLogger("sayso.slack")

_BATCH = 20
_LATER: Final = "later"
Words: TypeAlias = Post | Literal["later"] | None
"""What to post; nothing, for good; or nothing yet."""


class News:
    """Tells what the rows of one topic say, each once.

    Args:
        topic: of the outbox. words: what to say of a row.
        posts: shared with the cards, since Slack counts both. direct: for who is called and is not
            in the channel.
    """

    def __init__(
        self,
        topic: str,
        words: Callable[[OutboxRow], Awaitable[Words]],
        *,
        sayso: Sayso,
        channel: Channel,
        pace: NotifierPace,
        posts: Bucket,
        direct: DirectMessages,
    ) -> None:
        self._direct = direct
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
            if post is not None:
                await self._direct.send(post, mark, begun=begun)
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


def all_news(
    sayso: Sayso, channel: Channel, pace: NotifierPace, posts: Bucket, direct: DirectMessages
) -> tuple[News, ...]:
    """What is told beside the cards, by topic.

    Args:
        posts, direct: see `News`.
    """

    async def words(topic: str, row: OutboxRow) -> Words:
        told = await news_of(sayso, topic, row, fit=fit, chat=VIA)
        if told is None or not told.below:
            return None if told is None else post_of(told, "")
        known = await sayso.outbox.find(told.topic, told.below)
        ours = known is not None and known.state.get("channel") == channel.id
        ts = known.state.get("ts") if known is not None and ours else None
        if not isinstance(ts, str):  # its card comes first, or it never gets one
            return _LATER if told.waits else None
        return post_of(told, ts)

    return tuple(
        News(
            topic,
            partial(words, topic),
            sayso=sayso,
            channel=channel,
            pace=pace,
            posts=posts,
            direct=direct,
        )
        for topic in TOPICS
    )
