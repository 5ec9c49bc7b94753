"""Clicks and forms become decisions: looked up by the approval's id, committed, then answered."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import sayso.surfaces.slack.forms as forms
from sayso.actions.approvals.decision import MAX_REASON_CHARS, Choice, Decision
from sayso.actions.approvals.service import Decided
from sayso.actions.model.digest import storable
from sayso.actions.policy.card import Card
from sayso.errors import Code, RefusedError, RetryableError, SaysoError, logged
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.views import ApprovalView
from sayso.surfaces.slack.card import APPROVE, LOWER, REJECT
from sayso.surfaces.slack.identity import Identified, Identities, Voice, voice_of
from sayso.surfaces.slack.pace import Patience
from sayso.surfaces.slack.payload import Account, Click, Pointer, Submission
from sayso.surfaces.slack.web import SlackRefusedError, SlackWeb
from sayso.surfaces.slack.wording import (
    NOT_CONFIRMED,
    NOTHING_DECIDED,
    Answer,
    decided_text,
    refusal_text,
)

logger = logging.getLogger("sayso.slack")

VIA = "slack"

_BUTTONS = {APPROVE: Choice.APPROVE, REJECT: Choice.REJECT, LOWER: Choice.EDIT}
_FORMS = {forms.REJECT_FORM: Choice.REJECT, forms.LOWER_FORM: Choice.EDIT}
"""What whoever clicks or submits it wants to say."""

_STALE = frozenset(
    {Code.STALE_REVISION, Code.DIGEST_MISMATCH, Code.ALREADY_DECIDED, Code.APPROVAL_EXPIRED}
)
"""What is refused since the card that was clicked is out of date."""

_TOO_LATE = frozenset({"expired_trigger_id", "exchanged_trigger_id"})


class Deciding:
    """Answers clicks and forms.

    Guarantees: when an answer acknowledges a decision, the decision is durable. When it does not,
    the person sees an error, and the card shows what is so.
    """

    def __init__(
        self, sayso: Sayso, web: SlackWeb, identities: Identities, patience: Patience
    ) -> None:
        self._sayso = sayso
        self._web = web
        self._identities = identities
        self._patience = patience

    async def click(self, click: Click) -> Answer:
        """Answer a click on a card's button."""
        try:
            pointer = Pointer.read(click.value)
            choice = _BUTTONS.get(click.action_id)
            if choice is None:
                raise RefusedError(Code.INVALID_INPUT, "this button is not one of ours")
            who = await self._identities.identify(click.account)
            if who.person is None:
                return await self._turn_away(click.account, who, pointer, choice)
            if choice is Choice.APPROVE:
                decided = await self._decide(
                    pointer, voice_of(who.person.id, click.account), choice
                )
                return Answer(tell=decided_text(decided))
            return await self._open(click, pointer, voice_of(who.person.id, click.account), choice)
        except RefusedError as error:
            return refused(error, click.value)
        except (SaysoError, TimeoutError) as error:
            return failed(error)

    async def submit(self, form: Submission) -> Answer:
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
            if choice is Choice.REJECT:
                return await self._reject(form, pointer, voice_of(who.person.id, form.account))
            return await self._lower(form, pointer, voice_of(who.person.id, form.account))
        except RefusedError as error:
            return as_note("Not possible", refused(error, form.metadata))
        except (SaysoError, TimeoutError) as error:
            return failed(error)

    async def _decide(
        self,
        pointer: Pointer,
        voice: Voice,
        choice: Choice,
        *,
        code: str = "",
        reason: str = "",
        amount: Money | None = None,
        budget_s: float | None = None,
    ) -> Decided:
        said = self._decision(pointer, voice, choice)
        decision = replace(said, reason_code=code, reason=reason, amount=amount)
        # INVARIANT: nothing is acknowledged before this returns, and it returns after the commit.
        async with asyncio.timeout(self._patience.decide_s if budget_s is None else budget_s):
            return await self._sayso.approvals.decide_as(decision, wait=False)

    def _decision(self, pointer: Pointer, voice: Voice, choice: Choice) -> Decision:
        return Decision(
            tenant=self._sayso.tenant,
            approval_id=pointer.approval_id,
            revision=pointer.revision,
            digest=pointer.digest,
            choice=choice,
            person=voice.person,
            via=VIA,
            credential=voice.credential,
        )

    async def _turn_away(
        self, account: Account, who: Identified, pointer: Pointer, choice: Choice
    ) -> Answer:
        """Refuse an account that is no approver, and have that recorded like any refusal."""
        try:
            await self._decide(pointer, voice_of(account.actor, account), choice, code="not_given")
        except RefusedError as error:
            if error.code is not Code.NOT_AN_APPROVER:
                raise
            return Answer(
                tell=f"You may not decide this: {who.refusal}. Nothing was changed by your click."
            )
        raise AssertionError("an account without a person has decided")

    async def _open(self, click: Click, pointer: Pointer, voice: Voice, choice: Choice) -> Answer:
        """Show the form in which the choice is made, if it would count now."""
        approval = await self._check(pointer, voice, choice)
        if choice is Choice.REJECT:
            view = forms.reject_form(approval)
        else:
            amount = Card.from_json(approval.card).amount
            if amount is None:
                raise RefusedError(Code.EDIT_NOT_ALLOWED, "there is no amount to lower")
            view = forms.lower_form(approval, amount)
        try:
            await self._web.call(
                "views.open",
                {"trigger_id": click.trigger_id, "view": view},
                timeout_s=self._patience.open_s,
            )
        except SlackRefusedError as error:
            if error.error not in _TOO_LATE:
                raise
            # The click took longer than Slack lets one open a form; another one opens it.
            raise RetryableError(error.code, error.message) from error
        return Answer()

    async def _check(self, pointer: Pointer, voice: Voice, choice: Choice) -> ApprovalView:
        """The approval, if this person may say this about what was shown.

        Raises:
            RefusedError: as their decision would be.
        """
        decision = self._decision(pointer, voice, choice)
        async with asyncio.timeout(self._patience.decide_s):
            return await self._sayso.approvals.check(decision)

    async def _reject(self, form: Submission, pointer: Pointer, voice: Voice) -> Answer:
        code = form.inputs.get(forms.CODE, "")
        if code not in forms.REASON_CODES:
            return field_error(forms.CODE, "choose a reason")
        reason = form.inputs.get(forms.REASON, "")
        if len(reason) > MAX_REASON_CHARS:
            return field_error(forms.REASON, f"at most {MAX_REASON_CHARS:,} characters")
        decided = await self._decide(pointer, voice, Choice.REJECT, code=code, reason=reason)
        return as_note("Done", Answer(tell=decided_text(decided)))

    async def _lower(self, form: Submission, pointer: Pointer, voice: Voice) -> Answer:
        approval = await self._check(pointer, voice, Choice.EDIT)
        card = Card.from_json(approval.card)
        if card.amount is None or not card.may_lower:
            raise RefusedError(Code.EDIT_NOT_ALLOWED, "there is no amount to lower")
        try:
            wanted = Money.parse(form.inputs.get(forms.AMOUNT, "").strip(), card.amount.currency)
            decided = await self._decide(
                pointer,
                voice,
                Choice.EDIT,
                amount=wanted,
                budget_s=self._patience.edit_s,
            )
        except RefusedError as error:
            if error.code in {Code.INVALID_MONEY, Code.EDIT_NOT_ALLOWED, Code.AMOUNT_TOO_LARGE}:
                return field_error(forms.AMOUNT, f"{error.message}; {error.next_step}")
            raise
        except RetryableError as error:
            return field_error(forms.AMOUNT, f"nothing was decided: {error.message}; send again")
        return as_note("Done", Answer(tell=decided_text(decided)))


def refused(error: RefusedError, value: str) -> Answer:
    """A refusal in words; a card that is out of date is drawn anew."""
    refresh = value.partition(".")[0] if error.code in _STALE else None
    return Answer(tell=refusal_text(error), refresh=refresh)


def failed(error: SaysoError | TimeoutError) -> Answer:
    """Neither decided nor refused: no acknowledgement, so Slack shows that it failed."""
    logger.warning("a click could not be answered: %s", logged(error))
    # NOTE: a write that was handed over may still be committed after its time is over.
    tell = NOT_CONFIRMED if isinstance(error, TimeoutError) else NOTHING_DECIDED
    return Answer(status=503, tell=tell)


def field_error(block_id: str, problem: str) -> Answer:
    """The form stays, with the problem below one of its fields."""
    return Answer(body={"response_action": "errors", "errors": {block_id: storable(problem, 150)}})


def as_note(title: str, answer: Answer) -> Answer:
    """The same, told in the place of the form instead of in the channel."""
    view = forms.note(title, answer.tell)
    return Answer(body={"response_action": "update", "view": view}, refresh=answer.refresh)
