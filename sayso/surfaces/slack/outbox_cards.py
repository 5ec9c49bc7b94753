"""What is posted once for each row of an outbox, and brought up to date until it is over."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

from sayso.errors import RetryableError, SaysoError, logged
from sayso.sdk.client import Sayso
from sayso.sdk.resources.outbox import OutboxRow
from sayso.surfaces.slack.channel import Channel
from sayso.surfaces.slack.pace import Bucket, NotifierPace

logger = logging.getLogger("sayso.slack")

_BATCH = 20
_Shown = TypeVar("_Shown")


class OutboxCards(ABC, Generic[_Shown]):
    """Shows what one topic of a workspace's outbox tells, in one channel.

    Args:
        posts: shared with the cards of actions, since Slack counts all.
    """

    topic: str

    def __init__(self, sayso: Sayso, channel: Channel, pace: NotifierPace, posts: Bucket) -> None:
        self.sayso = sayso
        self.channel = channel
        self.pace = pace
        self.posts = posts

    @abstractmethod
    async def read(self, row: OutboxRow) -> _Shown:
        """What a row is about, as it is now."""

    @abstractmethod
    def is_over(self, found: _Shown) -> bool:
        """Whether nobody has anything to do with it any more."""

    @abstractmethod
    async def show(self, row: OutboxRow, found: _Shown, ts: str | None) -> str:
        """Post it, or change what was posted; returns where it stands.

        Args:
            ts: where it stands already, as far as that is known.
        """

    async def due(self) -> Sequence[OutboxRow]:
        """What is to be shown anew, oldest first."""
        return await self.sayso.outbox.due(self.topic, limit=_BATCH)

    async def tell(self, row: OutboxRow) -> None:
        """Bring one up to date; what fails is due again later."""
        outbox = self.sayso.outbox
        if not await outbox.lease(row, self.pace.lease_of(row.attempts)):
            return
        found = await self.read(row)
        known = row.state.get("ts") if row.state.get("channel") == self.channel.id else None
        ts = known if isinstance(known, str) else None
        if ts is None and row.attempts == 0 and self.is_over(found):
            await outbox.sent(row, {})  # what nobody has seen needs no end
            return
        self.posts.take()
        try:
            ts = await self.show(row, found, ts)
        except RetryableError as error:
            self.posts.pause(error.retry_after_s or 0.0)
            logger.info("a card is sent later: %s", logged(error))
        except SaysoError as error:
            logger.warning("a card could not be sent: %s", logged(error))
        else:
            await outbox.sent(row, {"channel": self.channel.id, "ts": ts})
