"""Routes of solutions: all that one plan asks people, answered as a whole."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

import sayso.surfaces.http.examples as examples
from sayso.actions.approvals.answer import SolutionDecision
from sayso.actions.approvals.decision import DIGEST_PREFIX, DecisionChoice
from sayso.actions.approvals.hold import TakingBack
from sayso.actions.model.plan import MAX_STEPS
from sayso.agent.people_question import MAX_QUESTION_CHARS
from sayso.errors import Code, RefusedError
from sayso.money import MAX_AMOUNT_MINOR, Money
from sayso.sdk.client import Sayso
from sayso.sdk.resources.inbox_page import InboxCursor
from sayso.sdk.resources.notes import MAX_NOTE_CHARS
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views.base import View
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.http.auth import Decider, Open, Viewer
from sayso.surfaces.http.documents import asked, reads, writes
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.idempotency import Key, decided_once, key_mark, make_mark, via_of, was_made
from sayso.surfaces.http.shapes import After, Body, NoQuery, QueryModel, Short


class MoneyBody(Body):
    """An amount."""

    amount_minor: int = Field(ge=1, le=MAX_AMOUNT_MINOR, description="in minor units, such as 6450")
    currency: str = Field(pattern="^[A-Z]{3}$", description="ISO 4217")

    def money(self) -> Money:
        """The amount as the floors below know it.

        Raises:
            RefusedError: `invalid_money`.
        """
        return Money(self.amount_minor, self.currency)


class SolutionDecisionBody(Body):
    """What a person says about the whole solution that they saw."""

    decision: Literal["approve", "reject", "edit"]
    revision: int = Field(ge=1, description="of the solution that was seen")
    digest: str = Field(
        pattern="^[0-9a-f]{12,64}$", description="of that solution, whole or its first 12 digits"
    )
    steps: list[Short] | None = Field(
        default=None,
        max_length=MAX_STEPS,
        description="for a yes or less, the steps that it is for; the others are a no; all when "
        "left out",
    )
    lower: dict[Short, MoneyBody] = Field(
        default_factory=dict[str, MoneyBody],
        max_length=MAX_STEPS,
        description="for `edit`: the lower amounts, by step",
    )
    reason_code: str = Field(
        default="", max_length=40, description="needed for `reject`, such as `not_covered`"
    )
    reason: str = Field(default="", description="free text for the record")


class QuestionBody(Body):
    """What a person asks the customer before they decide."""

    question: str = Field(
        min_length=1, max_length=MAX_QUESTION_CHARS, description="in words that the customer reads"
    )
    revision: int = Field(ge=1, description="of the solution that was seen")
    digest: str = Field(
        pattern="^[0-9a-f]{12,64}$", description="of that solution, whole or its first 12 digits"
    )


class NoteBody(Body):
    """A note for colleagues; it is sealed beside the log."""

    note: str = Field(min_length=1, max_length=MAX_NOTE_CHARS)


class AssigneeBody(Body):
    """Who is to look at it."""

    person: Short | None = Field(default=None, description="a person's id; nobody when left out")


class SolutionsQuery(QueryModel):
    """A page of solutions."""

    status: Literal["waiting", "decided"] = "waiting"
    mine: bool = Field(default=False, description="only what waits for this very person")
    limit: int = Field(default=25, ge=1, le=100, description="solutions on this page")
    after: After = None


class SolutionPage(View):
    """Solutions: what waits, the soonest first, or what was decided, the newest first."""

    items: tuple[SolutionView, ...]
    next_after: str | None


_YES_TO_ALL: dict[str, Any] = {
    "decision": "approve",
    "revision": 1,
    "digest": examples.APPROVE["digest"],
}
_YES_TO_SOME: dict[str, Any] = {**_YES_TO_ALL, "steps": ["s1", "s3"]}
_YES_TO_LESS: dict[str, Any] = {
    **_YES_TO_ALL,
    "decision": "edit",
    "lower": {"s1": {"amount_minor": 6450, "currency": "USD"}},
}
_ASK_CUSTOMER: dict[str, Any] = {
    "question": "Which mug came broken?",
    "revision": 1,
    "digest": examples.APPROVE["digest"],
}
_NO_TO_ALL: dict[str, Any] = examples.REJECT


router = APIRouter(tags=["solutions"], route_class=GuardedRoute)


@router.get(
    "/v1/solutions",
    summary="List solutions: what waits, the soonest first, or what was decided, the newest first",
    responses=reads("a page", examples.page(examples.SOLUTION)),
)
async def list_solutions(
    sayso: Open, token: Viewer, query: Annotated[SolutionsQuery, Query()]
) -> SolutionPage:
    """Scope: `actions:read` or `approvals:decide`.

    `mine=true` lists what waits for the very person whose token this is.
    """
    after = InboxCursor.read(query.after or "")
    if query.status == "decided":
        page = await sayso.solutions.decided(
            after=after if query.after else None, limit=query.limit, tenant=token.tenant
        )
    elif query.mine:
        person = (await sayso.people.authority(token.tenant)).person(token.holder)
        if person is None or token.kind != "person":
            raise RefusedError(
                Code.INVALID_INPUT,
                "`mine` is what waits for a person, and this is no person's token",
                next_step="leave it out, or use a person's token",
            )
        page = await sayso.solutions.waiting_for(
            person, after=after, limit=query.limit, tenant=token.tenant
        )
    else:
        page = await sayso.solutions.waiting(after=after, limit=query.limit, tenant=token.tenant)
    return SolutionPage(
        items=page.items, next_after=None if page.after is None else str(page.after)
    )


@router.get(
    "/v1/solutions/{solution_id}",
    summary="A solution as it stands",
    responses=reads("what a person reads, in that order, and each step", examples.SOLUTION, 404),
)
async def show_solution(
    solution_id: str, sayso: Open, token: Viewer, _query: NoQuery
) -> SolutionView:
    """Scope: `actions:read` or `approvals:decide`. The approval of any of its steps leads here."""
    return await sayso.solutions.get(solution_id, tenant=token.tenant)


@router.post(
    "/v1/solutions/{solution_id}/decision",
    summary="Answer all of it as the person whose token this is",
    responses=writes("taken; what it allows has been tried already", examples.SOLUTION_DONE, 404),
    openapi_extra=asked(
        yes=_YES_TO_ALL,
        yes_to_some=_YES_TO_SOME,
        less=_YES_TO_LESS,
        no=_NO_TO_ALL,
    ),
)
async def decide_solution(
    solution_id: str,
    sayso: Open,
    token: Decider,
    key: Key,
    _query: NoQuery,
    body: SolutionDecisionBody,
) -> SolutionView:
    """Scope: `approvals:decide`, which only a person's token can have.

    One transaction takes all of it or nothing, bound to the digest over all that waits. The same
    call sent again is answered with 200 and the solution as it then stands.
    """
    view = await sayso.solutions.get(solution_id, tenant=token.tenant)
    answer = SolutionDecision(
        tenant=token.tenant,
        approval_id=solution_id,
        revision=body.revision,
        digest=body.digest,
        choice=DecisionChoice(body.decision),
        person=token.holder,
        via=_mark(key, body),
        credential=token.id,
        reason_code=body.reason_code,
        reason=body.reason,
        steps=None if body.steps is None else tuple(body.steps),
        lower={step: amount.money() for step, amount in body.lower.items()},
    )
    await decided_once(
        answer.via,
        lambda: _marks(sayso, token, view),
        lambda: sayso.solutions.answer_as(answer),
    )
    return await sayso.solutions.get(solution_id, tenant=token.tenant)


@router.post(
    "/v1/solutions/{solution_id}/take-back",
    summary="Take back the yes before anything of it starts",
    responses=writes("taken back; its cards are made anew", examples.SOLUTION, 404),
)
async def take_back_solution(
    solution_id: str, sayso: Open, token: Decider, key: Key, _query: NoQuery
) -> SolutionView:
    """Scope: `approvals:decide`. Whoever may decide about it may, not only who said yes.

    While others have yet to agree, only who said yes may, and takes that one back.

    `[approvals] hold` says how long there is for it. What has begun is `wrong_state`. The same call
    sent again is answered with 200 and the solution as it then stands.
    """
    taking = TakingBack(
        tenant=token.tenant,
        approval_id=solution_id,
        person=token.holder,
        via=key_mark(key),
        credential=token.id,
    )
    view = await sayso.solutions.get(solution_id, tenant=token.tenant)
    if taking.via in await _marks(sayso, token, view):
        return view
    return await sayso.solutions.take_back_as(taking)


@router.post(
    "/v1/solutions/{solution_id}/question",
    summary="Ask the customer something before anybody decides",
    responses=writes("asked; the request is `needs_customer`", examples.SOLUTION, 404),
    openapi_extra=asked(question=_ASK_CUSTOMER),
)
async def ask_customer(
    solution_id: str,
    sayso: Open,
    token: Decider,
    key: Key,
    _query: NoQuery,
    body: QuestionBody,
) -> SolutionView:
    """Scope: `approvals:decide`, which only a person's token can have.

    The customer's answer makes the card anew, with another revision and digest; whoever decides
    meanwhile decides. The same question sent again while it is open changes nothing.
    """
    view = await sayso.solutions.get(solution_id, tenant=token.tenant)
    present = view.question
    if present is not None and (present.by, present.text) == (token.holder, body.question.strip()):
        return view
    asks = SolutionDecision(
        tenant=token.tenant,
        approval_id=solution_id,
        revision=body.revision,
        digest=body.digest,
        choice=DecisionChoice.APPROVE,
        person=token.holder,
        via=key_mark(key),
        credential=token.id,
    )
    return await sayso.solutions.ask_customer_as(asks, body.question)


@router.post(
    "/v1/solutions/{solution_id}/assignee",
    summary="Give it to somebody to look at; it decides nothing",
    responses=writes("given", examples.SOLUTION, 404),
    openapi_extra=asked(give={"person": "noor"}),
)
async def assign_solution(
    solution_id: str, sayso: Open, token: Decider, key: Key, _query: NoQuery, body: AssigneeBody
) -> SolutionView:
    """Scope: `approvals:decide`. Whoever may answer it may still, and nobody else.

    Given to whoever has it already, nothing is changed.
    """
    await sayso.solutions.get(solution_id, tenant=token.tenant)
    await sayso.solutions.assign_as(
        solution_id, body.person, tenant=token.tenant, by=token.holder, via=key_mark(key)
    )
    return await sayso.solutions.get(solution_id, tenant=token.tenant)


@router.post(
    "/v1/solutions/{solution_id}/note",
    summary="Note something about it; it decides nothing",
    responses=writes("noted", examples.SOLUTION, 404),
    openapi_extra=asked(note={"note": "Called them; they call back."}),
)
async def note_solution(
    solution_id: str,
    sayso: Open,
    token: Decider,
    key: Key,
    _query: NoQuery,
    body: NoteBody,
) -> SolutionView:
    """Scope: `approvals:decide`. The same call sent again adds nothing."""
    mark = make_mark(key, "note")
    await sayso.solutions.get(solution_id, tenant=token.tenant)
    await sayso.solutions.note_as(
        solution_id,
        body.note,
        tenant=token.tenant,
        person=token.holder,
        via=mark,
        repeated=partial(was_made, mark, what="note"),
    )
    return await sayso.solutions.get(solution_id, tenant=token.tenant)


async def _marks(sayso: Sayso, token: Token, view: SolutionView) -> list[str]:
    """The marks of the person's calls about any step, by the log."""
    steps = [await sayso.actions.get(step.action_id, tenant=token.tenant) for step in view.steps]
    return [via_of(entry, token) for step in steps for entry in step.timeline]


def _mark(key: str, body: SolutionDecisionBody) -> str:
    lower = sorted((step, str(amount.money())) for step, amount in body.lower.items())
    return make_mark(
        key,
        [
            body.decision,
            body.revision,
            body.digest[:DIGEST_PREFIX],
            body.reason_code,
            None if body.steps is None else list(body.steps),
            [list(pair) for pair in lower],
        ],
    )
