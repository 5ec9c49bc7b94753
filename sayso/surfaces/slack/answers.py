"""Clicks and forms become answers: looked up by the approval's id, committed, then told."""

from __future__ import annotations

import asyncio
import logging

from sayso.actions.approvals.answer import SolutionDecision as Said
from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.model.digest import storable
from sayso.errors import Code, RefusedError, RetryableError, SaysoError, logged
from sayso.sdk.chat.answers import (
    NOT_CONFIRMED,
    NOTHING_DECIDED,
    TAKEN_BACK,
    AnswerBudget,
    ChatAnswers,
    FieldError,
    Filled,
    Voice,
    answered_text,
    is_stale,
    refusal_text,
)
from sayso.sdk.chat.canaries import answer_test_card
from sayso.sdk.chat.card import Answer
from sayso.sdk.chat.forms import QUESTION, STEPS, amounts_in
from sayso.sdk.chat.pointer import Pointer
from sayso.sdk.client import Sayso
from sayso.surfaces.slack.card import ASK, BACK, LESS, NO, OPEN, YES
from sayso.surfaces.slack.forms import ASK_FORM, LESS_FORM, NO_FORM, build_form, note
from sayso.surfaces.slack.identity import Identities, voice_of
from sayso.surfaces.slack.pace import AnswerTimeouts
from sayso.surfaces.slack.payload import Click, FormSubmission
from sayso.surfaces.slack.web import SlackRefusedError, SlackWeb
from sayso.surfaces.slack.wording import InteractionReply, fit
from sayso.surfaces.slack.work import WORK, WorkClicks

logger = logging.getLogger("sayso.slack")

VIA = "slack"

_BUTTONS = {
    YES: DecisionChoice.APPROVE,
    NO: DecisionChoice.REJECT,
    LESS: DecisionChoice.EDIT,
    ASK: DecisionChoice.APPROVE,
    # Of cards of one step as they were posted before such a card had the buttons of all others.
    "sayso.approve": DecisionChoice.APPROVE,
    "sayso.reject": DecisionChoice.REJECT,
    "sayso.lower": DecisionChoice.EDIT,
}
"""What whoever clicks wants to say; to ask one has to be somebody who could say yes."""
_FORMS = {
    NO_FORM: DecisionChoice.REJECT,
    LESS_FORM: DecisionChoice.EDIT,
    ASK_FORM: DecisionChoice.APPROVE,
}
_TOO_LATE = frozenset({"expired_trigger_id", "exchanged_trigger_id"})


class Answering:
    """Answers clicks and forms.

    Guarantees: when an answer acknowledges a decision, the decision is durable. When it does not,
    the person sees an error, and the card shows what is so.
    """

    def __init__(
        self, sayso: Sayso, web: SlackWeb, identities: Identities, patience: AnswerTimeouts
    ) -> None:
        self._sayso = sayso
        self._web = web
        self._identities = identities
        self._patience = patience
        budget = AnswerBudget(decide_s=patience.decide_s, edit_s=patience.edit_s)
        self._answers = ChatAnswers(sayso, VIA, budget)
        self._work = WorkClicks(sayso, web, identities, patience, VIA)

    async def click(self, click: Click) -> InteractionReply:
        """Answer a click on a card's button."""
        if click.action_id == OPEN:  # a link; Slack tells us of it, the browser is there already
            return InteractionReply()
        if click.action_id.startswith(WORK):
            try:
                return InteractionReply(tell=await self._work.click(click))
            except RefusedError as error:
                return refused(error, "")
            except (SaysoError, TimeoutError) as error:
                return failed(error)
        try:
            return await self._answer(click)
        except RefusedError as error:
            if error.code is Code.NOT_FOUND and click.action_id in _BUTTONS:
                return await self._test_card(click, error)
            return refused(error, click.value)
        except (SaysoError, TimeoutError) as error:
            return failed(error)

    async def _answer(self, click: Click) -> InteractionReply:
        """Decide, open a form, or take a yes back."""
        pointer = Pointer.read(click.value)
        if click.action_id == BACK:
            return await self._take_back(click, pointer)
        choice = _BUTTONS.get(click.action_id)
        if choice is None:
            raise RefusedError(Code.INVALID_INPUT, "this button is not one of ours")
        who = await self._identities.identify(click.account)
        if who.person is None:
            told = await self._answers.turn_away(pointer, click.account.actor, choice, who.refusal)
            return InteractionReply(tell=told)
        voice = voice_of(who.person.id, click.account)
        said = self._answers.said(pointer, voice, choice)
        if click.action_id == ASK:
            return await self._open(click, said, "ask")
        if choice is DecisionChoice.APPROVE:
            view = await self._answers.decide(said)
            return InteractionReply(tell=answered_text(view, who.person.id))
        return await self._open(click, said, "no" if choice is DecisionChoice.REJECT else "less")

    async def _take_back(self, click: Click, pointer: Pointer) -> InteractionReply:
        """Take back a yes that has not started, for whoever could say it."""
        who = await self._identities.identify(click.account)
        if who.person is None:
            raise RefusedError(Code.NOT_AN_APPROVER, who.refusal)
        await self._answers.take_back(pointer, voice_of(who.person.id, click.account))
        return InteractionReply(tell=TAKEN_BACK)

    async def _test_card(self, click: Click, unknown: RefusedError) -> InteractionReply:
        """Answer a click on what is no approval: on a test card, any button says all of it."""
        try:
            pointer, choice = Pointer.read(click.value), _BUTTONS[click.action_id]
            who = await self._identities.identify(click.account)
            person = click.account.actor if who.person is None else who.person.id
            code = "noticed" if choice is DecisionChoice.REJECT else ""
            voice = voice_of(person, click.account)
            said = self._answers.said(pointer, voice, choice, Filled(code=code))
            asks = click.action_id == ASK
            async with asyncio.timeout(self._patience.decide_s):
                told = await answer_test_card(self._sayso, said, asks=asks, fit=fit)
                return InteractionReply(tell=told)
        except RefusedError as error:
            return refused(unknown if error.code is Code.NOT_FOUND else error, "")
        except (SaysoError, TimeoutError) as error:
            return failed(error)

    async def submit(self, form: FormSubmission) -> InteractionReply:
        """Answer a form: errors go to their field, everything else replaces the form."""
        try:
            if form.callback_id.startswith(WORK):
                return as_note("Done", InteractionReply(tell=await self._work.submit(form)))
            pointer = Pointer.read(form.metadata)
            choice = _FORMS.get(form.callback_id)
            if choice is None:
                raise RefusedError(Code.INVALID_INPUT, "this form is not one of ours")
            who = await self._identities.identify(form.account)
            if who.person is None:
                account = form.account.actor
                told = await self._answers.turn_away(pointer, account, choice, who.refusal)
                return as_note("Not possible", InteractionReply(tell=told))
            voice = voice_of(who.person.id, form.account)
            title, told = await self._take(form, pointer, voice)
            return as_note(title, InteractionReply(tell=told))
        except FieldError as error:
            return field_error(error.name, error.problem)
        except RefusedError as error:
            return as_note("Not possible", refused(error, form.metadata))
        except (SaysoError, TimeoutError) as error:
            return failed(error)

    async def _take(self, form: FormSubmission, pointer: Pointer, voice: Voice) -> tuple[str, str]:
        """What came of a form: a title, and what the person is told."""
        if form.callback_id == ASK_FORM:
            text = form.inputs.get(QUESTION, "")
            return "Asked", await self._answers.ask(pointer, voice, text)
        if form.callback_id == NO_FORM:
            view = await self._answers.no(pointer, voice, form.inputs)
        else:
            steps = form.inputs[STEPS].split() if STEPS in form.inputs else None
            view = await self._answers.less(pointer, voice, amounts_in(form.inputs), steps)
        return "Done", answered_text(view, voice.person)

    async def _open(self, click: Click, said: Said, answer: Answer) -> InteractionReply:
        """Show the form in which the choice is made, if it would count now."""
        view = await self._answers.check(said)
        try:
            await self._web.call(
                "views.open",
                {"trigger_id": click.trigger_id, "view": build_form(answer, view)},
                timeout_s=self._patience.open_s,
            )
        except SlackRefusedError as error:
            if error.error not in _TOO_LATE:
                raise
            # The click took longer than Slack lets one open a form; another one opens it.
            raise RetryableError(error.code, error.message) from error
        return InteractionReply()


def refused(error: RefusedError, value: str) -> InteractionReply:
    """A refusal in words; a card that is out of date is drawn anew."""
    refresh = value.partition(".")[0] if is_stale(error) else None
    return InteractionReply(tell=refusal_text(error), refresh=refresh)


def failed(error: SaysoError | TimeoutError) -> InteractionReply:
    """Neither decided nor refused: no acknowledgement, so Slack shows that it failed."""
    logger.warning("a click could not be answered: %s", logged(error))
    # NOTE: a write that was handed over may still be committed after its time is over.
    tell = NOT_CONFIRMED if isinstance(error, TimeoutError) else NOTHING_DECIDED
    return InteractionReply(status=503, tell=tell)


def field_error(block_id: str, problem: str) -> InteractionReply:
    """The form stays, with the problem below one of its fields."""
    return InteractionReply(
        body={"response_action": "errors", "errors": {block_id: storable(problem, 150)}}
    )


def as_note(title: str, answer: InteractionReply) -> InteractionReply:
    """The same, told in the place of the form instead of in the channel."""
    view = note(title, answer.tell)
    return InteractionReply(
        body={"response_action": "update", "view": view}, refresh=answer.refresh
    )
