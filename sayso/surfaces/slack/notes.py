"""What people write below a card becomes a note on what the card asks; it decides nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

from sayso.errors import Code, RefusedError, SaysoError, logged
from sayso.sdk.client import Sayso
from sayso.sdk.resources.notes import MAX_NOTE_CHARS
from sayso.surfaces.slack.answers import VIA
from sayso.surfaces.slack.channel import Channel
from sayso.surfaces.slack.identity import Home, Identities
from sayso.surfaces.slack.pace import AnswerTimeouts
from sayso.surfaces.slack.payload import Written
from sayso.surfaces.slack.web import SlackRefusedError
from sayso.surfaces.slack.wording import InteractionReply, plain_of

logger = logging.getLogger("sayso.slack")

_MOST_KEPT = 10_000


class Noting:
    """Takes what people write in threads.

    Guarantees: a message is acknowledged once it is stored, was stored before, or stands in
    another channel than the cards. One that could not be stored is not acknowledged, and Slack
    sends it again.

    Args:
        channel: of the cards; what is written in other channels is ignored.
    """

    def __init__(
        self,
        sayso: Sayso,
        home: Home,
        identities: Identities,
        channel: Channel,
        patience: AnswerTimeouts,
    ) -> None:
        self._sayso = sayso
        self._home = home
        self._identities = identities
        self._channel = channel
        self._patience = patience
        self._cards: dict[str, str] = {}

    async def take(self, written: Written) -> InteractionReply:
        """Note it, or say why not."""
        try:
            return await self._take(written)
        except SlackRefusedError as error:
            # It would be refused again, such as for a scope that is missing; cards go on without.
            logger.warning("what was written below a card is not noted: %s", logged(error))
            return InteractionReply()
        except RefusedError as error:
            if error.code is Code.NOT_FOUND:
                return InteractionReply()
            return InteractionReply(
                tell=f"This was not noted: {error.message}. Next: {error.next_step}."
            )
        except (SaysoError, TimeoutError) as error:
            logger.warning("what was written below a card is noted later: %s", logged(error))
            return InteractionReply(status=503)

    async def _take(self, written: Written) -> InteractionReply:
        bot = (await self._home.read()).user
        theirs = written.channel != self._channel.id or written.parent not in {None, bot}
        if theirs or written.account.user == bot:
            return InteractionReply()
        card = await self._card(written.thread)
        if not card:
            return InteractionReply()
        who = await self._identities.identify(written.account)
        if who.person is None:
            account = f"{written.account.owner}/{written.account.user}"
            return InteractionReply(
                tell=f"What you write here is not noted: {who.refusal}.", once=f"{card}:{account}"
            )
        text = plain_of(written.text).strip()
        if len(text) > MAX_NOTE_CHARS:
            return InteractionReply(
                tell=f"This was not noted: a note has at most {MAX_NOTE_CHARS:,} characters, and"
                f" this has {len(text):,}. Write a shorter one, or several."
            )
        mark = f"{VIA}/{written.channel}/{written.ts}"
        async with asyncio.timeout(self._patience.decide_s):
            await self._sayso.solutions.note_as(
                card,
                text,
                tenant=self._sayso.tenant,
                person=who.person.id,
                via=mark,
                repeated=partial(_among, mark),
            )
        return InteractionReply()

    async def _card(self, ts: str) -> str:
        """The approval whose card a message is, by what we have posted; empty for any other."""
        if ts not in self._cards:
            if len(self._cards) >= _MOST_KEPT:
                self._cards.clear()
            self._cards[ts] = await self._channel.card_at(ts)
        return self._cards[ts]


def _among(mark: str, earlier: Sequence[str]) -> bool:
    return mark in earlier
