"""Direct messages: for who is called by name, or to decide and cannot read the cards' channel.

No customer is named there: whatever was said in private stays, also when a customer is erased.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping

from sayso.audit.authority.people import KnownPerson
from sayso.errors import logged
from sayso.surfaces.slack.channel import Channel
from sayso.surfaces.slack.identity import Home, Identities
from sayso.surfaces.slack.payload import SlackAccount
from sayso.surfaces.slack.thread import Post
from sayso.surfaces.slack.web import SlackRefusedError, SlackWeb

logger = logging.getLogger("sayso.slack")

_MOST = 20
"""Of one reminder; Slack opens about fifty conversations a minute."""


class DirectMessages:
    """Tells people one by one.

    Args:
        channel: of the cards; who is in it reads the reminder there. timeout_s: of each call.
    """

    def __init__(
        self, web: SlackWeb, home: Home, identities: Identities, channel: Channel, timeout_s: float
    ) -> None:
        self._web = web
        self._home = home
        self._identities = identities
        self._channel = channel
        self._timeout_s = timeout_s
        self._opened: dict[str, str] = {}

    async def send(self, post: Post, mark: str, *, begun: bool) -> None:
        """Tell those who are called in a post and are not in the channel.

        What Slack refuses, such as for a scope that is missing, is left: the others are told.

        Args:
            mark: by which it is found again. begun: it may have been sent, so it is looked for.

        Raises:
            RetryableError, OutcomeUnknownError: not everybody is told, or nobody knows.
        """
        if post.direct is None:
            return
        accounts = [_account(one) for one in post.called]
        called = [one for one in accounts if one is not None]
        try:
            inside = await self._channel.members() if called else frozenset[str]()
        except SlackRefusedError as error:
            logger.warning("who is in the channel is not known: %s", _loggable(error))
            return
        outside = [one for one in called if one.user not in inside][:_MOST]
        work = [self._tell(one, post.direct, mark, begun=begun) for one in outside]
        done = await asyncio.gather(*work, return_exceptions=True)
        for failed in done:
            if isinstance(failed, SlackRefusedError):
                logger.warning("somebody is not told in private: %s", _loggable(failed))
            elif failed is not None:
                raise failed

    async def call(self, person: KnownPerson, post: Post, mark: str, *, begun: bool) -> None:
        """Tell one person, wherever they are; what Slack refuses is left, and logged.

        Args:
            mark, begun: see `send`.

        Raises:
            RetryableError, OutcomeUnknownError: they are not told, or nobody knows.
        """
        account = _account(person)
        try:
            if account is not None:
                await self._tell(account, post, mark, begun=begun)
        except SlackRefusedError as error:
            logger.warning("somebody is not told in private: %s", _loggable(error))

    async def _tell(self, account: SlackAccount, post: Post, mark: str, *, begun: bool) -> None:
        # INVARIANT: as for a click: a guest, a stranger or somebody who left is told nothing.
        if (await self._identities.identify(account)).person is None:
            return
        place = Channel(self._web, self._home, await self._open(account.user), self._timeout_s)
        if begun and await place.is_posted(post, mark):
            return
        await place.say(post, mark)

    async def _open(self, user: str) -> str:
        """The conversation with somebody; the same one each time.

        Source: Slack docs, conversations.open: opens or resumes one; bots need `im:write`.
        """
        if user not in self._opened:
            answer = await self._web.call(
                "conversations.open", {"users": user}, timeout_s=self._timeout_s
            )
            found = answer.get("channel")
            opened = found.get("id") if isinstance(found, Mapping) else None
            if not isinstance(opened, str):
                raise SlackRefusedError("conversations.open", "no_channel")
            self._opened[user] = opened
        return self._opened[user]


def _account(person: KnownPerson) -> SlackAccount | None:
    owner, _, user = (person.slack or "").partition("/")
    return SlackAccount(owner=owner, user=user) if user else None


def _loggable(error: SlackRefusedError) -> str:
    """What the log holds of it: Slack's own word, but no sentence of Slack's."""
    word = error.error if re.fullmatch("[a-z_]{1,80}", error.error) else ""
    return f"{logged(error)} {word}".rstrip()
