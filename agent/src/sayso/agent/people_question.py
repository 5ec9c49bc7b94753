"""Questions that people ask the customer while a solution waits for them, and what follows.

The request goes to `needs_customer`, as with a question of a planner, but nothing is planned again
by the answer: the cards that wait are made anew with it, so that a yes is to a card that shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sayso.actions.approvals.answer import SolutionDecision
from sayso.actions.approvals.repository import show_again
from sayso.actions.approvals.service import Approvals
from sayso.actions.approvals.transitions import Transitions
from sayso.actions.context import EngineContext
from sayso.actions.engine.outcomes import Endings
from sayso.actions.model.customer_words import (
    CUSTOMER_ANSWERED,
    CUSTOMER_ANSWERED_IN_TIME,
    VOUCHED,
    WRITTEN_SINCE,
)
from sayso.actions.model.digest import is_text
from sayso.actions.model.status import Status
from sayso.agent.base import Question
from sayso.agent.question import AskedText, question_json
from sayso.agent.request_row import RequestRow, RequestStatus, actions_of, get_request
from sayso.agent.requests import Requests
from sayso.audit.entry import Actor, ActorKind, EntryKind
from sayso.audit.request_digests import question_digest
from sayso.audit.verifier.replay import ASKED_BY_PEOPLE
from sayso.errors import Code, RefusedError
from sayso.store.base import Transaction

MAX_QUESTION_CHARS = 2000
Renew: TypeAlias = Callable[[Transaction, RequestRow], None]


def renewing(context: EngineContext, *, extends: bool) -> Renew:
    """What makes the cards of a request anew once its customer has answered.

    Args:
        extends: whether people have the whole time to decide again from then on.
    """
    return _renewing(context, CUSTOMER_ANSWERED if extends else CUSTOMER_ANSWERED_IN_TIME)


def renewing_vouched(context: EngineContext) -> Renew:
    """What makes the cards of a request anew once a colleague has vouched for its customer.

    So that a yes is to a card that says by what it is known who writes, and to none before.
    """
    return _renewing(context, VOUCHED)


MOST_RENEWED = 6
"""A card that was made anew so often is left as it is, whatever else its customer writes."""


def renewing_written(context: EngineContext) -> Renew:
    """What makes the cards of a request anew once something else was written in its thread."""
    return _renewing(context, WRITTEN_SINCE, most=MOST_RENEWED)


def _renewing(context: EngineContext, reason: str, most: int | None = None) -> Renew:
    endings = Endings(Transitions(context))

    def renew(tx: Transaction, row: RequestRow) -> None:
        for action in actions_of(tx, row):
            often = most is not None and action.revision >= most
            if action.status is Status.PENDING_APPROVAL and not often:
                endings.make_stale(tx, action, reason)

    return renew


async def ask_customer(
    approvals: Approvals, requests: Requests, answer: SolutionDecision, text: str
) -> RequestRow:
    """Ask the customer of a solution something, as a person who may answer it.

    Args:
        answer: who asks, and about what they saw; its choice says nothing.
        text: the question, in words that the customer reads.

    Raises:
        RefusedError: as `Approvals.check_answer`; `invalid_input` for no text, or a solution that
            nobody has asked for in words; `message_too_long`; `already_in_state` when a question is
            open already.
    """
    _check(text)
    solution = await approvals.check_answer(answer)
    request_id = solution.steps[0].action.request_id
    if request_id is None:
        raise RefusedError(
            Code.INVALID_INPUT,
            "nobody can be asked: this was not asked for in a conversation",
            next_step="decide by what is shown, or ask the customer elsewhere",
        )

    def work(tx: Transaction) -> RequestRow:
        approvals.check_answer_in(tx, answer)
        row = get_request(tx, answer.tenant, request_id)
        if row.status is not RequestStatus.ACTING:
            raise RefusedError(
                Code.ALREADY_IN_STATE,
                "the customer has been asked something already",
                next_step="wait for the answer, or decide without it",
            )
        number = 1 + sum(turn.question is not None for turn in requests.messages(tx, row))
        question = Question(
            about="", slot=ASKED_BY_PEOPLE, planner=answer.person, nonce=requests.new_nonce()
        )
        stored = question_json(question, number=number, language=row.language)
        moved = requests.move(
            tx,
            row,
            EntryKind.REQUEST_QUESTIONED,
            actor=Actor(kind=ActorKind.PERSON, id=answer.person),
            data={
                "question": number,
                "slot": ASKED_BY_PEOPLE,
                "asked": question_digest(stored),
                "about": answer.approval_id,
                "digest": solution.digest,
                "via": answer.via,
                "credential": answer.credential,
            },
            question=stored,
            reply=AskedText(text=text.strip(), labels=()).to_text(),
        )
        assert moved is not None, "read in this very transaction"
        show_again(tx, moved.tenant, solution.lead.id, moved.updated_at)
        return moved

    return await requests.write(work, about=answer.tenant)


def _check(text: str) -> None:
    if not text.strip() or not is_text(text) or "\0" in text:
        raise RefusedError(
            Code.INVALID_INPUT, "a question is some text", next_step="write what you want to know"
        )
    if len(text) > MAX_QUESTION_CHARS:
        raise RefusedError(
            Code.MESSAGE_TOO_LONG,
            f"a question has at most {MAX_QUESTION_CHARS:,} characters",
            next_step="shorten it",
        )
