"""Clicks and forms become answers: looked up by the approval's id, committed, then told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from sayso.actions.approvals.answer import SolutionDecision as Said
from sayso.actions.approvals.decision import MAX_REASON_CHARS, DecisionChoice
from sayso.actions.approvals.repository import ApprovalStatus
from sayso.actions.model.digest import storable
from sayso.errors import Code, RefusedError, RetryableError, SaysoError, logged
from sayso.json import JsonObject
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.views.solution import SolutionView
from sayso.sdk.words.solution import first_name
from sayso.surfaces.slack.canaries import answer_test_card
from sayso.surfaces.slack.card import ASK, LESS, NO, OPEN, YES
from sayso.surfaces.slack.forms import (
    ASK_FORM,
    CODE,
    LESS_FORM,
    LOWER,
    NO_FORM,
    QUESTION,
    REASON,
    REASON_CODES,
    STEPS,
    ask_form,
    less_form,
    no_form,
    note,
)
from sayso.surfaces.slack.identity import Identified, Identities, Voice, voice_of
from sayso.surfaces.slack.pace import AnswerTimeouts
from sayso.surfaces.slack.payload import Click, FormSubmission, Pointer, SlackAccount
from sayso.surfaces.slack.web import SlackRefusedError, SlackWeb
from sayso.surfaces.slack.wording import (
    NOT_CONFIRMED,
    NOTHING_DECIDED,
    InteractionReply,
    refusal_text,
)

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
_STALE = frozenset(
    {
        *(Code.STALE_REVISION, Code.DIGEST_MISMATCH, Code.ALREADY_DECIDED),
        *(Code.APPROVAL_EXPIRED, Code.WITHDRAWN),
    }
)
"""What is refused since the card that was clicked is out of date."""
_TOO_LATE = frozenset({"expired_trigger_id", "exchanged_trigger_id"})
_MONEY = frozenset({Code.INVALID_MONEY, Code.EDIT_NOT_ALLOWED, Code.AMOUNT_TOO_LARGE})


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

    async def click(self, click: Click) -> InteractionReply:
        """Answer a click on a card's button."""
        if click.action_id == OPEN:  # a link; Slack tells us of it, the browser is there already
            return InteractionReply()
        try:
            pointer = Pointer.read(click.value)
            choice = _BUTTONS.get(click.action_id)
            if choice is None:
                raise RefusedError(Code.INVALID_INPUT, "this button is not one of ours")
            who = await self._identities.identify(click.account)
            if who.person is None:
                return await self._turn_away(click.account, who, pointer, choice)
            said = self._decision(pointer, voice_of(who.person.id, click.account), choice)
            if click.action_id == ASK:
                return await self._open(click, said, ask_form)
            if choice is DecisionChoice.APPROVE:
                return InteractionReply(tell=answered_text(await self._answer(said), who.person.id))
            form = no_form if choice is DecisionChoice.REJECT else less_form
            return await self._open(click, said, form)
        except RefusedError as error:
            if error.code is Code.NOT_FOUND:
                return await self._test_card(click, error)
            return refused(error, click.value)
        except (SaysoError, TimeoutError) as error:
            return failed(error)

    async def _test_card(self, click: Click, unknown: RefusedError) -> InteractionReply:
        """Answer a click on what is no approval: on a test card, any button says all of it."""
        try:
            pointer, choice = Pointer.read(click.value), _BUTTONS[click.action_id]
            who = await self._identities.identify(click.account)
            person = click.account.actor if who.person is None else who.person.id
            code = "noticed" if choice is DecisionChoice.REJECT else ""
            said = self._decision(pointer, voice_of(person, click.account), choice, code=code)
            asks = click.action_id == ASK
            async with asyncio.timeout(self._patience.decide_s):
                return InteractionReply(tell=await answer_test_card(self._sayso, said, asks=asks))
        except RefusedError as error:
            return refused(unknown if error.code is Code.NOT_FOUND else error, "")
        except (SaysoError, TimeoutError) as error:
            return failed(error)

    async def submit(self, form: FormSubmission) -> InteractionReply:
        """Answer a form: errors go to their field, everything else replaces the form."""
        try:
            pointer = Pointer.read(form.metadata)
            choice = _FORMS.get(form.callback_id)
            if choice is None:
                raise RefusedError(Code.INVALID_INPUT, "this form is not one of ours")
            who = await self._identities.identify(form.account)
            if who.person is None:
                answer = await self._turn_away(form.account, who, pointer, choice)
                return as_note("Not possible", answer)
            if form.callback_id == ASK_FORM:
                return await self._ask(form, pointer, voice_of(who.person.id, form.account))
            if choice is DecisionChoice.REJECT:
                return await self._no(form, pointer, voice_of(who.person.id, form.account))
            return await self._less(form, pointer, voice_of(who.person.id, form.account))
        except RefusedError as error:
            return as_note("Not possible", refused(error, form.metadata))
        except (SaysoError, TimeoutError) as error:
            return failed(error)

    def _decision(
        self,
        pointer: Pointer,
        voice: Voice,
        choice: DecisionChoice,
        *,
        code: str = "",
        reason: str = "",
        steps: tuple[str, ...] | None = None,
        lower: dict[str, Money] | None = None,
    ) -> Said:
        return Said(
            tenant=self._sayso.tenant,
            approval_id=pointer.approval_id,
            revision=pointer.revision,
            digest=pointer.digest,
            choice=choice,
            person=voice.person,
            via=VIA,
            credential=voice.credential,
            reason_code=code,
            reason=reason,
            steps=steps,
            lower=lower or {},
        )

    async def _answer(self, said: Said) -> SolutionView:
        # INVARIANT: nothing is acknowledged before this returns, and it returns after the commit.
        budget_s = self._patience.edit_s if said.lower else self._patience.decide_s
        async with asyncio.timeout(budget_s):
            return await self._sayso.solutions.answer_as(said, wait=False)

    async def _turn_away(
        self, account: SlackAccount, who: Identified, pointer: Pointer, choice: DecisionChoice
    ) -> InteractionReply:
        """Refuse an account that is no approver, and have that recorded like any refusal."""
        try:
            voice = voice_of(account.actor, account)
            await self._answer(self._decision(pointer, voice, choice, code="not_given"))
        except RefusedError as error:
            if error.code is not Code.NOT_AN_APPROVER:
                raise
            return InteractionReply(
                tell=f"You may not decide this: {who.refusal}. Nothing was changed by your click."
            )
        raise AssertionError("an account without a person has decided")

    async def _open(
        self, click: Click, said: Said, form: Callable[[SolutionView], JsonObject]
    ) -> InteractionReply:
        """Show the form in which the choice is made, if it would count now."""
        async with asyncio.timeout(self._patience.decide_s):
            view = await self._sayso.solutions.check_answer(said)
        try:
            await self._web.call(
                "views.open",
                {"trigger_id": click.trigger_id, "view": form(view)},
                timeout_s=self._patience.open_s,
            )
        except SlackRefusedError as error:
            if error.error not in _TOO_LATE:
                raise
            # The click took longer than Slack lets one open a form; another one opens it.
            raise RetryableError(error.code, error.message) from error
        return InteractionReply()

    async def _ask(self, form: FormSubmission, pointer: Pointer, voice: Voice) -> InteractionReply:
        text = form.inputs.get(QUESTION, "")
        said = self._decision(pointer, voice, DecisionChoice.APPROVE)
        try:
            async with asyncio.timeout(self._patience.decide_s):
                view = await self._sayso.solutions.ask_customer_as(said, text)
        except RefusedError as error:
            if error.code in {Code.INVALID_INPUT, Code.MESSAGE_TOO_LONG}:
                return field_error(QUESTION, f"{error.message}; {error.next_step}")
            raise
        told = f"{first_name(view.customer.name)} is asked. The answer will stand on the card."
        return as_note("Asked", InteractionReply(tell=told))

    async def _no(self, form: FormSubmission, pointer: Pointer, voice: Voice) -> InteractionReply:
        code = form.inputs.get(CODE, "")
        if code not in REASON_CODES:
            return field_error(CODE, "choose a reason")
        reason = form.inputs.get(REASON, "")
        if len(reason) > MAX_REASON_CHARS:
            return field_error(REASON, f"at most {MAX_REASON_CHARS:,} characters")
        said = self._decision(pointer, voice, DecisionChoice.REJECT, code=code, reason=reason)
        view = await self._answer(said)
        return as_note("Done", InteractionReply(tell=answered_text(view, voice.person)))

    async def _less(self, form: FormSubmission, pointer: Pointer, voice: Voice) -> InteractionReply:
        async with asyncio.timeout(self._patience.decide_s):
            view = await self._sayso.solutions.check_answer(
                self._decision(pointer, voice, DecisionChoice.EDIT)
            )
        waiting = {step.id: step for step in view.steps if step.asks}
        steps = tuple(form.inputs.get(STEPS, " ".join(waiting)).split())
        lower: dict[str, Money] = {}
        for name, step in waiting.items():
            words = form.inputs.get(f"{LOWER}{name}", "").strip()
            if not words or name not in steps or step.amount is None:
                continue
            try:
                lower[name] = Money.parse(words, step.amount.currency)
            except RefusedError as error:
                return field_error(f"{LOWER}{name}", f"{error.message}; {error.next_step}")
        if not lower and set(steps) == set(waiting):
            where = STEPS if STEPS in form.inputs else f"{LOWER}{next(iter(waiting))}"
            return field_error(where, "leave something out, or write a smaller amount")
        choice = DecisionChoice.EDIT if lower else DecisionChoice.APPROVE
        said = self._decision(pointer, voice, choice, steps=steps, lower=lower)
        try:
            view = await self._answer(said)
        except RefusedError as error:
            if error.code in _MONEY and lower:
                place = f"{LOWER}{next(iter(lower))}"
                return field_error(place, f"{error.message}; {error.next_step}")
            if error.code is Code.INVALID_INPUT and STEPS in form.inputs:
                return field_error(STEPS, f"{error.message}; {error.next_step}")
            raise
        except RetryableError as error:
            if not lower:
                raise
            place = f"{LOWER}{next(iter(lower))}"
            return field_error(place, f"nothing was decided: {error.message}; send again")
        return as_note("Done", InteractionReply(tell=answered_text(view, voice.person)))


def answered_text(view: SolutionView, person: str) -> str:
    """What a person's answer did, as the same commit left it."""
    first, *more = view.steps
    what = view.lead.headline if more else first.title
    if view.status == ApprovalStatus.REJECTED:
        return f"Your no counts: nothing of this is done: {what}."
    if view.status == ApprovalStatus.PENDING and person in view.agreed:
        roles = " and ".join(role.replace("_", " ") for role in view.roles)
        return f"Your yes is recorded; it still waits for somebody else. It needs {roles}."
    # Only what is committed: the object may have changed, the provider may say no, and a stop may
    # be in force.
    each = "Each step" if more else "It"
    return (
        f"Your yes counts: {what}. {each} is tried once, as soon as nothing holds it, such as a"
        " stop. The card says what comes of it."
    )


def refused(error: RefusedError, value: str) -> InteractionReply:
    """A refusal in words; a card that is out of date is drawn anew."""
    refresh = value.partition(".")[0] if error.code in _STALE else None
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
