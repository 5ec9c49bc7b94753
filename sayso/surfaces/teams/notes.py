"""What people write: below a card it becomes a note, and to the bot itself a question for help."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

from sayso.errors import Code, RefusedError, SaysoError, logged
from sayso.sdk.client import Sayso
from sayso.sdk.resources.notes import MAX_NOTE_CHARS
from sayso.surfaces.teams.activity import ChatPlace, Incoming, base_of, root_of
from sayso.surfaces.teams.answers import link_for
from sayso.surfaces.teams.board import Board
from sayso.surfaces.teams.card import message, note_card
from sayso.surfaces.teams.identity import Members
from sayso.surfaces.teams.settings import CHANNEL, TeamsSettings
from sayso.surfaces.teams.web import TeamsWeb

logger = logging.getLogger("sayso.teams")

_HINTS = "teams.hint"
"""Of the outbox: what somebody was told one time below a card."""
_HELP = (
    "What waits for you comes here or into your channel, as cards with buttons. Write below a card"
    " in the channel, with @Sayso, to leave a note on it; a note decides nothing. Write"
    " work to me to see who has waited longest for a person."
)


class TeamsNoting:
    """Takes what people write.

    Guarantees: a message is acknowledged once it is stored, or was stored before; one that could
    not be stored is not, and Teams shows that it did not arrive.
    """

    def __init__(
        self,
        sayso: Sayso,
        settings: TeamsSettings,
        members: Members,
        board: Board,
        web: TeamsWeb,
        decide_s: float,
    ) -> None:
        self._sayso = sayso
        self._settings = settings
        self._members = members
        self._board = board
        self._web = web
        self._decide_s = decide_s

    async def take(self, written: Incoming) -> bool:
        """Note it, or say why not; False where it is to be sent again."""
        try:
            await self._take(written)
        except (SaysoError, TimeoutError) as error:
            logger.warning("what was written in Teams is noted later: %s", logged(error))
            return False
        return True

    async def _take(self, written: Incoming) -> None:
        account = written.account
        if account is None or not written.text:
            return
        if written.personal:
            who = await self._members.identify(account, written.conversation)
            more = link_for(self._sayso, account, who)
            if who.person is not None and written.text.lower() == "work":
                await self._web.say(written.conversation, await self._board.list_work())
                return
            await self._reply(written, f"{who.refusal.capitalize()}.{more}" if more else _HELP)
            return
        if base_of(written.conversation) != self._settings.channel:
            return
        card = await self._card(written)
        if not card:
            return
        who = await self._members.identify(account, written.conversation)
        if who.person is None:
            if await self._sayso.outbox.first(_HINTS, f"{card}:{account.named}"):
                more = link_for(self._sayso, account, who)
                await self._reply(
                    written, f"What you write here is not noted: {who.refusal}.{more}"
                )
            return
        try:
            await self._note(written, card, who.person.id)
        except RefusedError as error:
            if error.code is not Code.NOT_FOUND:
                await self._reply(
                    written, f"This was not noted: {error.message}. Next: {error.next_step}."
                )

    async def _card(self, written: Incoming) -> str:
        """The approval below whose card it stands; empty for any other thread."""
        root = root_of(written.conversation)
        place = ChatPlace(conversation=written.conversation, activity=root)
        return await self._board.card_at(place) if root else ""

    async def _note(self, written: Incoming, card: str, person: str) -> None:
        if len(written.text) > MAX_NOTE_CHARS:
            raise RefusedError(
                Code.MESSAGE_TOO_LONG,
                f"a note has at most {MAX_NOTE_CHARS:,} characters",
                next_step="write a shorter one, or several",
            )
        mark = f"{CHANNEL}/{written.conversation}/{written.id}"
        async with asyncio.timeout(self._decide_s):
            await self._sayso.solutions.note_as(
                card,
                written.text,
                tenant=self._sayso.tenant,
                person=person,
                via=mark,
                repeated=partial(_among, mark),
            )

    async def _reply(self, written: Incoming, text: str) -> None:
        await self._web.say(written.conversation, message("Sayso", note_card(text)))


def _among(mark: str, earlier: Sequence[str]) -> bool:
    return mark in earlier
