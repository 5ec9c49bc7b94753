"""Clicks become answers: looked up by the approval's id, committed, then shown on the card."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.approvals.repository import OUTBOX_TOPIC
from sayso.errors import Code, RefusedError, SaysoError, logged
from sayso.json import JsonObject
from sayso.sdk.chat.answers import (
    NOT_CONFIRMED,
    NOTHING_DECIDED,
    AnswerBudget,
    ChatAnswers,
    FieldError,
    Filled,
    Voice,
    is_stale,
    refusal_text,
)
from sayso.sdk.chat.canaries import answer_test_card
from sayso.sdk.chat.fit import plain_fit
from sayso.sdk.chat.forms import QUESTION, STEPS, amounts_in
from sayso.sdk.chat.pointer import Pointer
from sayso.sdk.chat.work import ChatWork, check_about
from sayso.sdk.client import Sayso
from sayso.sdk.resources.canaries import CANARY_TOPIC
from sayso.settings.surfaces import CONSOLE_PATH
from sayso.surfaces.teams.activity import ChatPlace, Incoming, TeamsAccount
from sayso.surfaces.teams.board import Board
from sayso.surfaces.teams.card import CARD_TYPE, POINTER, SHOW, WORK_VERB
from sayso.surfaces.teams.identity import KnownMember, Members
from sayso.surfaces.teams.settings import CHANNEL

logger = logging.getLogger("sayso.teams")

_VERBS = {
    "yes": DecisionChoice.APPROVE,
    "no": DecisionChoice.REJECT,
    "less": DecisionChoice.EDIT,
    "ask": DecisionChoice.APPROVE,
    "back": DecisionChoice.APPROVE,
}
"""What whoever clicks wants to say; to ask, or to take back, one has to be somebody who could say
yes."""
_MOST_CHARS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeReply:
    """The answer to a click.

    Attributes:
        status: in the body; the request itself is answered with 200.
    """

    status: int = 200
    kind: str
    value: JsonObject | str

    @property
    def body(self) -> JsonObject:
        """As Teams reads it.

        Source: Universal Actions, response format of `adaptiveCard/action`.
        """
        return {"statusCode": self.status, "type": self.kind, "value": self.value}


def said(text: str) -> InvokeReply:
    """Words for whoever clicked; the card stays as it is."""
    return InvokeReply(kind="application/vnd.microsoft.activity.message", value=text)


def failed(error: SaysoError | TimeoutError) -> InvokeReply:
    """Neither decided nor refused: Teams shows that it did not work."""
    logger.warning("a click could not be answered: %s", logged(error))
    # NOTE: a write that was handed over may still be committed after its time is over.
    text = NOT_CONFIRMED if isinstance(error, TimeoutError) else NOTHING_DECIDED
    value: JsonObject = {"code": "unavailable", "message": text}
    return InvokeReply(status=503, kind="application/vnd.microsoft.error", value=value)


class Clicking:
    """Answers clicks on cards.

    Guarantees: when an answer shows a decision, the decision is durable. When it does not, the
    person is told why, and the card shows what is so.
    """

    def __init__(
        self, sayso: Sayso, members: Members, board: Board, budget: AnswerBudget | None = None
    ) -> None:
        self._sayso = sayso
        self._members = members
        self._board = board
        self._budget = budget or AnswerBudget()
        self._answers = ChatAnswers(sayso, CHANNEL, self._budget)

    async def click(self, click: Incoming) -> InvokeReply:
        """Answer a click."""
        value = click.data.get(POINTER)
        if click.verb.startswith(WORK_VERB):
            return await self._work(click, value if isinstance(value, str) else "")
        try:
            pointer = Pointer.read(value if isinstance(value, str) else "")
            if click.account is None:
                raise RefusedError(Code.INVALID_INPUT, "teams did not say whose account this is")
            return await self._take(click, click.account, pointer)
        except FieldError as error:
            return said(f"Nothing was decided: {error.problem}.")
        except RefusedError as error:
            if is_stale(error):
                await self._sayso.approvals.show_again(str(value).partition(".")[0])
            return said(refusal_text(error))
        except (SaysoError, TimeoutError) as error:
            return failed(error)

    async def _work(self, click: Incoming, about: str) -> InvokeReply:
        """Answer a click on what people have to do."""
        account = click.account
        try:
            check_about(about)
            if account is None:
                raise RefusedError(Code.INVALID_INPUT, "this button is not one of ours")
            who = await self._members.identify(account, click.conversation)
            if who.person is None:
                more = self._link_for(account, who)
                return said(f"You may not do this: {who.refusal}. Nothing was changed.{more}")
            voice = Voice(person=who.person.id, credential=account.actor)
            verb = click.verb.removeprefix(WORK_VERB)
            await ChatWork(self._sayso, CHANNEL).say(verb, about, voice, _inputs(click.data))
            _, activity = await self._board.work_of(about)
        except FieldError as error:
            return said(f"Nothing was changed: {error.problem}.")
        except RefusedError as error:
            return said(refusal_text(error))
        except (SaysoError, TimeoutError) as error:
            return failed(error)
        return _reply_of(activity)

    async def _take(self, click: Incoming, account: TeamsAccount, pointer: Pointer) -> InvokeReply:
        choice = _VERBS.get(click.verb)
        if choice is None and click.verb != SHOW:
            raise RefusedError(Code.INVALID_INPUT, "this button is not one of ours")
        who = await self._members.identify(account, click.conversation)
        if choice is None:
            return await self._show(click, who, pointer)
        try:
            if who.person is None and click.verb == "back":
                raise RefusedError(Code.NOT_AN_APPROVER, who.refusal)
            if who.person is None:
                told = await self._answers.turn_away(pointer, account.actor, choice, who.refusal)
                return said(told + self._link_for(account, who))
            voice = Voice(person=who.person.id, credential=account.actor)
            await self._decide(click, pointer, voice)
        except RefusedError as error:
            if error.code is not Code.NOT_FOUND:
                raise
            return await self._test_card(click, account, who, pointer, choice, error)
        await self._found(click, pointer, OUTBOX_TOPIC)
        return await self._card(pointer)

    async def _decide(self, click: Incoming, pointer: Pointer, voice: Voice) -> None:
        inputs = _inputs(click.data)
        match click.verb:
            case "yes":
                said_yes = self._answers.said(pointer, voice, DecisionChoice.APPROVE)
                await self._answers.decide(said_yes)
            case "no":
                await self._answers.no(pointer, voice, inputs)
            case "back":
                await self._answers.take_back(pointer, voice)
            case "ask":
                await self._answers.ask(pointer, voice, inputs.get(QUESTION, ""))
            case _:
                steps = _ticked(inputs[STEPS]) if STEPS in inputs else None
                await self._answers.less(pointer, voice, amounts_in(inputs), steps)

    async def _test_card(
        self,
        click: Incoming,
        account: TeamsAccount,
        who: KnownMember,
        pointer: Pointer,
        choice: DecisionChoice,
        unknown: RefusedError,
    ) -> InvokeReply:
        """Answer a click on what is no approval: on a test card, any button says all of it."""
        person = account.actor if who.person is None else who.person.id
        code = "noticed" if choice is DecisionChoice.REJECT else ""
        voice = Voice(person=person, credential=account.actor)
        answer = self._answers.said(pointer, voice, choice, Filled(code=code))
        try:
            async with asyncio.timeout(self._budget.decide_s):
                told = await answer_test_card(
                    self._sayso, answer, asks=click.verb == "ask", fit=plain_fit
                )
        except RefusedError as error:
            raise (unknown if error.code is Code.NOT_FOUND else error) from None
        await self._found(click, pointer, CANARY_TOPIC)
        return said(told)

    async def _show(self, click: Incoming, who: KnownMember, pointer: Pointer) -> InvokeReply:
        """The card as it stands now, to people of ours and to whoever can read it there."""
        if who.person is None:
            there = await self._board.stands_in(pointer.approval_id, click.conversation)
            if not who.linkable or not there:
                raise RefusedError(Code.NOT_AN_APPROVER, who.refusal)
        return await self._card(pointer)

    async def _card(self, pointer: Pointer) -> InvokeReply:
        _, activity = await self._board.card_of(pointer.approval_id)
        return _reply_of(activity)

    async def _found(self, click: Incoming, pointer: Pointer, topic: str) -> None:
        """The message that was clicked is one of the card's places, whatever we knew of it."""
        place = ChatPlace(conversation=click.conversation, activity=click.reply_to)
        try:
            await self._board.found(topic, pointer.approval_id, place)
        except SaysoError as error:  # it was decided, and that is what the answer says
            logger.info("where a card stands is noted later: %s", logged(error))

    def _link_for(self, account: TeamsAccount, who: KnownMember) -> str:
        """Where an account that is nobody's becomes somebody's; empty for every other one."""
        return link_for(self._sayso, account, who)


def _reply_of(activity: JsonObject) -> InvokeReply:
    match activity:
        case {"attachments": [{"content": dict(card)}]}:
            return InvokeReply(kind=CARD_TYPE, value=card)
        case _:
            raise AssertionError("a card is an attachment")


def link_for(sayso: Sayso, account: TeamsAccount, who: KnownMember) -> str:
    """A sentence with the link; empty where there is none to be offered."""
    url = sayso.workspace.settings.console.url
    if not url or not who.linkable:
        return ""
    offer = sayso.account_links.offer(CHANNEL, account.named)
    return (
        " If it is your account, link it to yourself in the console within ten minutes: "
        f"{url}{CONSOLE_PATH}/account/{offer}"
    )


def _inputs(data: Mapping[str, JsonValue]) -> dict[str, str]:
    """What was filled in; whatever is no text counts as not filled in."""
    return {
        name: value
        for name, value in data.items()
        if isinstance(value, str) and len(value) <= _MOST_CHARS
    }


def _ticked(value: str) -> list[str]:
    return [one for one in value.split(",") if one]
