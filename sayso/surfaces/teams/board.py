"""Where our cards stand in Teams, and what they are brought to show: only what the store says.

A card may stand in the channel and with people personally; all of its places show the same. What
was said below it is kept too, so that nothing of an erased customer is left there.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sayso.actions.approvals.repository import OUTBOX_TOPIC, ApprovalStatus
from sayso.agent.request_row import WORK_TOPIC
from sayso.audit.authority.people import KnownPerson
from sayso.errors import (
    Code,
    OutcomeUnknownError,
    RefusedError,
    RetryableError,
    SaysoError,
    logged,
)
from sayso.json import JsonObject, JsonValue
from sayso.sdk.chat.canaries import OVER, WAITS, ended_text
from sayso.sdk.chat.card import is_blank
from sayso.sdk.chat.fit import plain_fit
from sayso.sdk.chat.news import ChatNews, called_for, news_of
from sayso.sdk.chat.shown import shown_now
from sayso.sdk.chat.work import build_work, waiting_shown, work_shown
from sayso.sdk.client import Sayso
from sayso.sdk.resources.canaries import CANARY_TOPIC
from sayso.sdk.resources.outbox import OutboxRow
from sayso.sdk.resources.work import WorkView
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.teams.activity import ChatPlace
from sayso.surfaces.teams.card import (
    build_adaptive,
    evidence_card,
    message,
    news_card,
    note_card,
    work_card,
)
from sayso.surfaces.teams.settings import CHANNEL, TeamsSettings
from sayso.surfaces.teams.web import TeamsRefusedError, TeamsWeb

logger = logging.getLogger("sayso.teams")

_BLANK = "What stood here went with its customer."
_GONE = frozenset({403, 404, 410})
"""A message that was removed, or a conversation that we are not in any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPlaces:
    """Where a card stands, and what was said below it."""

    cards: tuple[ChatPlace, ...] = ()
    below: tuple[ChatPlace, ...] = ()

    @classmethod
    def of(cls, state: Mapping[str, JsonValue]) -> CardPlaces:
        """What a row has kept."""
        return cls(cards=_places(state.get("cards")), below=_places(state.get("below")))

    @property
    def kept(self) -> Mapping[str, JsonValue]:
        """For the row."""
        return {"cards": _listed(self.cards), "below": _listed(self.below)}

    def at(self, conversation: str) -> bool:
        """Whether a card stands in a conversation."""
        return any(one.conversation == conversation for one in self.cards)


class _About(NamedTuple):
    """A row of the queue: the topic that it is of, and what it is about."""

    topic: str
    key: str

    @property
    def queue(self) -> str:
        return f"{self.topic}.{CHANNEL}"


class Board:
    """Brings cards up to date, and tells what is told beside them; each method takes one row."""

    def __init__(self, sayso: Sayso, settings: TeamsSettings, web: TeamsWeb) -> None:
        self._sayso = sayso
        self._settings = settings
        self._web = web
        self._personal: dict[str, str] = {}
        self._private = False

    async def show_card(self, row: OutboxRow) -> Mapping[str, JsonValue]:
        """Bring an approval's card up to date, everywhere that it stands."""
        about = _About(OUTBOX_TOPIC, row.key)
        standing = await self._standing(about)
        view, card = await self.card_of(row.key)
        if view.id != row.key and not standing.cards:
            # One card for all of a plan: whatever changes about a step is shown there.
            await self._sayso.approvals.show_again(view.id, tenant=row.tenant)
        elif standing.cards:
            await self._update(about, standing, card)
            if is_blank(view):
                await self._blank(standing, _BLANK)
        elif view.status == ApprovalStatus.PENDING:  # what was decided unseen needs no card
            await self._post(about, view, card)
        return (await self._standing(about)).kept

    async def show_test(self, row: OutboxRow) -> Mapping[str, JsonValue]:
        """The same for a test card."""
        about = _About(CANARY_TOPIC, row.key)
        standing = await self._standing(about)
        found = await self._sayso.canaries.get(row.key, tenant=row.tenant)
        view = found.solution
        if found.status == "open" and view is not None:
            card = self._test_card(view)
            if standing.cards:
                await self._update(about, standing, card)
            else:
                await self._post(about, view, card)
        else:
            said = ended_text(found)
            await self._update(about, standing, message(said, note_card(said)))
            await self._blank(standing, OVER)
        return (await self._standing(about)).kept

    async def show_work(self, row: OutboxRow) -> Mapping[str, JsonValue]:
        """The same for what people have to do: one message in the channel, while it waits."""
        about = _About(WORK_TOPIC, row.key)
        places = await self._standing(about)
        view, shown = await self.work_of(row.key)
        if places.cards:
            await self._update(about, places, shown)
        elif view is not None and self._settings.channel is not None:
            await self.check_private()
            await self._stand(about, await self._web.start(shown))
        return (await self._standing(about)).kept

    async def work_of(self, about: str) -> tuple[WorkView | None, JsonObject]:
        """A piece of work as it is now, and the activity that shows it."""
        view = await work_shown(self._sayso, about, self._sayso.tenant)
        url = self._sayso.workspace.settings.console.url
        card = build_work(about, view, fit=plain_fit, url=url)
        return view, message(card.text, work_card(card))

    async def list_work(self, limit: int = 10) -> JsonObject:
        """Who has waited longest for a person, as a message."""
        said = await waiting_shown(self._sayso, plain_fit, limit)
        return message("Who waits for a person", note_card(said))

    async def tell(self, topic: str, row: OutboxRow) -> None:
        """Tell what a row of one of the topics of `news` says."""
        told = await news_of(self._sayso, topic, row, fit=plain_fit, chat=CHANNEL)
        if told is None:
            return
        if not told.below:
            await self._tell_all(told)
            return
        about = _About(told.topic, told.below)
        standing = await self._standing(about)
        if not standing.cards:
            if told.waits:  # its card comes first
                raise RetryableError(Code.PROVIDER_UNAVAILABLE, "its card is not there yet")
            return
        await self._say_below(about, standing, told)
        if told.called:  # a channel was not read: the card goes to each who is called, personally
            _, card = await self.card_of(told.below)
            await self._show_people(about, card, told.called)

    async def card_of(self, approval_id: str) -> tuple[SolutionView, JsonObject]:
        """A solution as it is now, or an open test card, and the activity that shows it."""
        try:
            view, outcome = await shown_now(self._sayso, approval_id, self._sayso.tenant)
        except RefusedError as error:
            if error.code is not Code.NOT_FOUND:
                raise
            found = await self._sayso.canaries.get(approval_id)
            if found.status != "open" or found.solution is None:
                raise
            # It is drawn anew as every other card is, or that it is not would tell it apart.
            return found.solution, self._test_card(found.solution)
        url = self._sayso.workspace.settings.console.url
        return view, message(*build_adaptive(view, outcome, url=url))

    def _test_card(self, view: SolutionView) -> JsonObject:
        alone = None if len(view.steps) > 1 else WAITS
        url = self._sayso.workspace.settings.console.url
        return message(*build_adaptive(view, alone, url=url))

    async def stands_in(self, approval_id: str, conversation: str) -> bool:
        """Whether the card, or the test card, stands in a conversation, as far as is known."""
        for topic in (OUTBOX_TOPIC, CANARY_TOPIC):
            if (await self._standing(_About(topic, approval_id))).at(conversation):
                return True
        return False

    async def found(self, topic: str, approval_id: str, place: ChatPlace) -> None:
        """Note a place of a card that was clicked: one whose posting was never answered, too."""
        about = _About(topic, approval_id)
        if place.activity and place not in (await self._standing(about)).cards:
            await self._stand(about, place)

    async def card_at(self, place: ChatPlace) -> str:
        """The approval, or the test card, whose card is a message; empty for any other."""
        row = await self._sayso.outbox.find(_PLACES, _key(place))
        return "" if row is None else str(row.state.get("about", ""))

    async def check_private(self) -> None:
        """Refuse a channel that other organisations can read.

        Raises:
            RefusedError: `forbidden` when it is shared, or not of the team.
            RetryableError: Teams does not say now.
        """
        if self._private or self._settings.channel is None:
            return
        listed = {str(one.get("id")): one for one in await self._web.channels()}
        found = listed.get(self._settings.channel)
        if found is None or found.get("type", "standard") not in {"standard", "private"}:
            what = "is not in the team" if found is None else "is shared with others"
            raise RefusedError(
                Code.FORBIDDEN,
                f"the approvers' channel {what}",
                next_step="name a standard or private channel of your own in `channels.teams`",
            )
        self._private = True

    # ---- places --------------------------------------------------------------------------------

    async def _standing(self, about: _About) -> CardPlaces:
        row = await self._sayso.outbox.find(about.queue, about.key)
        return CardPlaces.of({} if row is None else row.state)

    async def _change(
        self,
        about: _About,
        *,
        cards: Sequence[ChatPlace] = (),
        below: Sequence[ChatPlace] = (),
        gone: Collection[ChatPlace] = (),
    ) -> None:
        """Add places, and take off those that are gone; what others have added stays."""

        def change(state: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
            known = CardPlaces.of(state)
            left = [one for one in known.cards if one not in gone]
            return CardPlaces(
                cards=tuple(dict.fromkeys([*left, *cards])),
                below=tuple(dict.fromkeys([*known.below, *below])),
            ).kept

        await self._sayso.outbox.keep(about.queue, about.key, change)

    async def _stand(self, about: _About, place: ChatPlace) -> None:
        await self._change(about, cards=[place])
        await self._sayso.outbox.first(_PLACES, _key(place), {"about": about.key})

    async def _post(self, about: _About, view: SolutionView, card: JsonObject) -> None:
        """Post a new card: in the channel, or with each person who may decide."""
        if self._settings.channel is None:
            await self._show_people(about, card, await called_for(self._sayso, view))
        else:
            await self.check_private()
            await self._stand(about, await self._web.start(card))
        if len(view.steps) > 1:
            await self._tell_evidence(about, view)

    async def _show_people(
        self, about: _About, card: JsonObject, people: Sequence[KnownPerson]
    ) -> None:
        """Show a card to people one by one; who lacks the app is told by nobody here."""
        for person in people:
            account = person.account(CHANNEL)
            if account is None:
                continue
            try:
                conversation = await self._conversation(account.partition("/")[2])
                if not (await self._standing(about)).at(conversation):
                    await self._stand(about, await self._web.say(conversation, card))
            except TeamsRefusedError as error:
                logger.warning("a card could not be shown to somebody: %s", logged(error))

    async def _conversation(self, object_id: str) -> str:
        if object_id not in self._personal:
            self._personal[object_id] = await self._web.personal(object_id)
        return self._personal[object_id]

    async def _update(self, about: _About, standing: CardPlaces, card: JsonObject) -> None:
        gone: list[ChatPlace] = []
        for place in standing.cards:
            try:
                await self._web.update(place, card)
            except TeamsRefusedError as error:
                if error.status not in _GONE:
                    raise
                logger.info("a card is not there any more: %s", logged(error))
                gone.append(place)
        # One that everybody has removed is not posted anew: the console has it.
        if gone and len(gone) < len(standing.cards):
            await self._change(about, gone=gone)

    async def _blank(self, standing: CardPlaces, words: str) -> None:
        """Leave nothing but these words of what was said below a card."""
        for place in standing.below:
            try:
                await self._web.update(place, message(words, note_card(words)))
            except TeamsRefusedError as error:
                if error.status not in _GONE:
                    raise

    async def _say_below(self, about: _About, standing: CardPlaces, told: ChatNews) -> None:
        said: list[ChatPlace] = []
        try:
            for place in standing.cards:
                try:
                    words = message(told.short, news_card(told))
                    said.append(await self._web.say(place.conversation, words))
                except OutcomeUnknownError as error:
                    logger.info("news may have been told: %s", logged(error))
                except TeamsRefusedError as error:
                    if error.status not in _GONE:
                        raise
        finally:
            await self._change(about, below=said)

    async def _tell_all(self, told: ChatNews) -> None:
        """What belongs to no card stands in the channel; without one, the console alone has it.

        NOTE: it stays there, also when a customer is erased: where it stands isn't kept.
        """
        if self._settings.channel is None:
            return
        await self.check_private()
        try:
            await self._web.start(message(told.short, news_card(told)))
        except OutcomeUnknownError as error:
            logger.info("news may have been told: %s", logged(error))

    async def _tell_evidence(self, about: _About, view: SolutionView) -> None:
        talk = await self._sayso.solutions.conversation(view)
        words = message(*evidence_card(view, [(turn.role, turn.content) for turn in talk]))
        for place in (await self._standing(about)).cards:
            try:
                said = await self._web.say(place.conversation, words)
            except SaysoError as error:
                logger.info("what is known was not told: %s", logged(error))
            else:
                await self._change(about, below=[said])


_PLACES = "teams.place"
"""The topic under which each message of ours is noted, with what it shows."""


def _key(place: ChatPlace) -> str:
    return f"{place.conversation}|{place.activity}"


def _places(said: JsonValue) -> tuple[ChatPlace, ...]:
    listed: Sequence[JsonValue] = said if isinstance(said, list) else []
    found: list[ChatPlace] = []
    for one in listed:
        match one:
            case [str(conversation), str(activity)]:
                found.append(ChatPlace(conversation=conversation, activity=activity))
            case _:
                pass
    return tuple(found)


def _listed(places: Sequence[ChatPlace]) -> list[JsonValue]:
    return [[one.conversation, one.activity] for one in places]
