"""The four answers of a card: decided here, for whichever chat somebody clicked in.

The chat has found out whose account it is. A refusal for one field of a form names the field;
everything else is told in the sentences below, which are the same everywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sayso.actions.approvals.answer import SolutionDecision
from sayso.actions.approvals.decision import MAX_REASON_CHARS, DecisionChoice
from sayso.actions.approvals.hold import TakingBack
from sayso.actions.approvals.repository import ApprovalStatus
from sayso.errors import Code, RefusedError, RetryableError, SaysoError
from sayso.money import Money
from sayso.sdk.chat.forms import CODE, LOWER, QUESTION, REASON, STEPS
from sayso.sdk.chat.pointer import Pointer
from sayso.sdk.client import Sayso
from sayso.sdk.views.solution import SolutionView
from sayso.sdk.words.no_reasons import NO_REASONS
from sayso.sdk.words.solution import first_name

_STALE = frozenset(
    {
        *(Code.STALE_REVISION, Code.DIGEST_MISMATCH, Code.ALREADY_DECIDED),
        *(Code.APPROVAL_EXPIRED, Code.WITHDRAWN, Code.WRONG_STATE),
    }
)
"""What is refused since the card that was clicked is out of date."""
_MONEY = frozenset({Code.INVALID_MONEY, Code.EDIT_NOT_ALLOWED, Code.AMOUNT_TOO_LARGE})

NOTHING_DECIDED = "Nothing was decided: something we need did not answer. Please click again."
TAKEN_BACK = "Taken back: nothing moved. The card asks again."
NOT_CONFIRMED = (
    "It is not confirmed that your click was stored. The card shows what is so: if it still has its"
    " buttons in a minute, click again; a second click changes nothing twice."
)


class Voice(NamedTuple):
    """Whose word it is, and by which linked account it came."""

    person: str
    credential: str


class FieldError(Exception):
    """What somebody filled in does not do.

    Args:
        name: of the field. problem: what the person reads beside it.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(problem)
        self.name = name
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerBudget:
    """What the database has for an answer, in seconds.

    Attributes:
        decide_s: for a decision, or for what is waiting.
        edit_s: for a lower amount, which reads the provider again before it writes.
    """

    decide_s: float = 1.5
    edit_s: float = 2.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What else an answer says.

    Attributes:
        code, reason: why not. steps: those that are meant; None for all. lower: by step.
    """

    code: str = ""
    reason: str = ""
    steps: tuple[str, ...] | None = None
    lower: Mapping[str, Money] = field(default_factory=dict[str, Money])


class ChatAnswers:
    """Takes the answers of one chat.

    Guarantees: when a method returns, what was decided is durable; when it raises, nothing was,
    but for `TimeoutError`, after which a write that was handed over may still be committed.

    Args:
        chat: the surface's name, as the log has it.
    """

    def __init__(self, sayso: Sayso, chat: str, budget: AnswerBudget) -> None:
        self._sayso = sayso
        self._chat = chat
        self._budget = budget

    def said(
        self,
        pointer: Pointer,
        voice: Voice,
        choice: DecisionChoice,
        filled: Filled | None = None,
    ) -> SolutionDecision:
        """A person's answer to what a button pointed to."""
        filled = filled or Filled()
        return SolutionDecision(
            tenant=self._sayso.tenant,
            approval_id=pointer.approval_id,
            revision=pointer.revision,
            digest=pointer.digest,
            choice=choice,
            person=voice.person,
            via=self._chat,
            credential=voice.credential,
            reason_code=filled.code,
            reason=filled.reason,
            steps=filled.steps,
            lower=dict(filled.lower),
        )

    async def decide(self, said: SolutionDecision) -> SolutionView:
        """Commit it, and show what is so now."""
        budget_s = self._budget.edit_s if said.lower else self._budget.decide_s
        async with asyncio.timeout(budget_s):
            return await self._sayso.solutions.answer_as(said, wait=False)

    async def check(self, said: SolutionDecision) -> SolutionView:
        """Whether it would count now; nothing is decided."""
        async with asyncio.timeout(self._budget.decide_s):
            return await self._sayso.solutions.check_answer(said)

    async def turn_away(
        self, pointer: Pointer, account: str, choice: DecisionChoice, refusal: str
    ) -> str:
        """Refuse an account that is no approver, have that recorded, and say so.

        Args:
            account: as the log names it, such as `slack:TEAM/USER`. refusal: why, in words.

        Raises:
            RefusedError: for whatever else is the matter with the card.
        """
        voice = Voice(person=account, credential=account)
        try:
            await self.decide(self.said(pointer, voice, choice, Filled(code="not_given")))
        except RefusedError as error:
            if error.code is not Code.NOT_AN_APPROVER:
                raise
            return f"You may not decide this: {refusal}. Nothing was changed by your click."
        raise AssertionError("an account without a person has decided")

    async def ask(self, pointer: Pointer, voice: Voice, text: str) -> str:
        """Ask the customer; what the person is told.

        Raises:
            FieldError: for the question.
        """
        said = self.said(pointer, voice, DecisionChoice.APPROVE)
        try:
            async with asyncio.timeout(self._budget.decide_s):
                view = await self._sayso.solutions.ask_customer_as(said, text)
        except RefusedError as error:
            if error.code in {Code.INVALID_INPUT, Code.MESSAGE_TOO_LONG}:
                raise FieldError(QUESTION, f"{error.message}; {error.next_step}") from error
            raise
        return f"{first_name(view.customer.name)} is asked. The answer will stand on the card."

    async def take_back(self, pointer: Pointer, voice: Voice) -> None:
        """Take back the yes to what a button pointed to, as long as nothing of it has begun.

        Raises:
            RefusedError: as `SolutionResource.take_back`; `stale_revision` for another card's yes.
        """
        solutions, tenant = self._sayso.solutions, self._sayso.tenant
        async with asyncio.timeout(self._budget.decide_s):
            view = await solutions.get(pointer.approval_id, tenant=tenant)
            if Pointer.to(pointer.approval_id, view.revision, view.digest) != pointer:
                raise RefusedError(
                    Code.STALE_REVISION,
                    "this is not the yes that you saw",
                    next_step="look at the card as it is now",
                )
            taking = TakingBack(
                tenant=tenant,
                approval_id=pointer.approval_id,
                person=voice.person,
                via=self._chat,
                credential=voice.credential,
            )
            await solutions.take_back_as(taking, wait=False)

    async def no(self, pointer: Pointer, voice: Voice, inputs: Mapping[str, str]) -> SolutionView:
        """Say no, with its code and perhaps words.

        Raises:
            FieldError: for the code or the words.
        """
        code, reason = inputs.get(CODE, ""), inputs.get(REASON, "")
        if code not in NO_REASONS:
            raise FieldError(CODE, "choose a reason")
        if len(reason) > MAX_REASON_CHARS:
            raise FieldError(REASON, f"at most {MAX_REASON_CHARS:,} characters")
        filled = Filled(code=code, reason=reason)
        return await self.decide(self.said(pointer, voice, DecisionChoice.REJECT, filled))

    async def less(
        self,
        pointer: Pointer,
        voice: Voice,
        lower: Mapping[str, str],
        steps: Sequence[str] | None,
    ) -> SolutionView:
        """Say yes to less.

        Args:
            lower: what was written, by step. steps: those that are ticked; None where the form
                offered no choice.

        Raises:
            FieldError: for the steps, or for an amount.
        """
        view = await self.check(self.said(pointer, voice, DecisionChoice.EDIT))
        waiting = {step.id: step for step in view.steps if step.asks}
        meant = tuple(waiting) if steps is None else tuple(steps)
        amounts = _amounts(waiting.keys() & set(meant), lower, view)
        if not amounts and set(meant) == set(waiting):
            where = STEPS if steps is not None else f"{LOWER}{next(iter(waiting))}"
            raise FieldError(where, "leave something out, or write a smaller amount")
        choice = DecisionChoice.EDIT if amounts else DecisionChoice.APPROVE
        filled = Filled(steps=meant, lower=amounts)
        try:
            return await self.decide(self.said(pointer, voice, choice, filled))
        except RefusedError as error:
            problem = f"{error.message}; {error.next_step}"
            if error.code in _MONEY and amounts:
                raise FieldError(f"{LOWER}{next(iter(amounts))}", problem) from error
            if error.code is Code.INVALID_INPUT and steps is not None:
                raise FieldError(STEPS, problem) from error
            raise
        except RetryableError as error:
            if not amounts:
                raise
            problem = f"nothing was decided: {error.message}; send again"
            raise FieldError(f"{LOWER}{next(iter(amounts))}", problem) from error


def _amounts(steps: set[str], written: Mapping[str, str], view: SolutionView) -> dict[str, Money]:
    lower: dict[str, Money] = {}
    for step in view.steps:
        words = written.get(step.id, "").strip()
        if not words or step.id not in steps or step.amount is None:
            continue
        try:
            lower[step.id] = Money.parse(words, step.amount.currency)
        except RefusedError as error:
            problem = f"{error.message}; {error.next_step}"
            raise FieldError(f"{LOWER}{step.id}", problem) from error
    return lower


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


_REFUSALS: dict[Code, str] = {
    Code.NOT_AN_APPROVER: "You may not decide this",
    Code.OWN_REQUEST: "You may not decide this",
    Code.ALREADY_DECIDED: "Too late",
    Code.APPROVAL_EXPIRED: "Too late",
    Code.WITHDRAWN: "Too late",
    Code.STALE_REVISION: "It has changed",
    Code.DIGEST_MISMATCH: "It has changed",
    Code.NOT_FOUND: "There is no such card",
    Code.INVALID_INPUT: "That did not work",
}


def refusal_text(error: SaysoError) -> str:
    """A refusal in words for the person: what is the matter, and what to do."""
    lead = _REFUSALS.get(error.code, "That did not work")
    step = f" Next: {error.next_step}." if error.next_step not in {"", "nothing"} else ""
    return f"{lead}: {error.message}.{step} Nothing was changed by your click."


def is_stale(error: RefusedError) -> bool:
    """Whether it was refused since the card that was clicked is out of date."""
    return error.code in _STALE
