"""Routes of work: what machines left to people, who has taken it, notes, and an end."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from sayso.actions.model.plan import MAX_STEPS
from sayso.agent.draft_proposal import DraftProposal
from sayso.sdk.resources.work import KINDS, WorkKind, WorkView
from sayso.sdk.resources.work_wait import WorkOrder
from sayso.sdk.views.base import View
from sayso.sdk.views.rows import RequestView
from sayso.surfaces.http import examples
from sayso.surfaces.http.auth import Decider, Open, Viewer
from sayso.surfaces.http.documents import asked, problems, reads, shown
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.examples import page
from sayso.surfaces.http.idempotency import Key, key_mark, make_mark, was_made
from sayso.surfaces.http.shapes import After, AskQuery, Body, Limit, NoQuery, QueryModel, Short
from sayso.surfaces.http.solutions import MoneyBody, NoteBody


class TakeBody(Body):
    """Who takes it."""

    person: Short | None = Field(default=None, description="whom it is given to; you unless said")


class ProposalBody(Body):
    """What a person proposes of the draft that they saw."""

    digest: str = Field(
        pattern="^[0-9a-f]{12,64}$", description="of that draft, whole or its first 12 digits"
    )
    steps: list[Short] | None = Field(
        default=None, max_length=MAX_STEPS, description="those to propose; all when left out"
    )
    lower: dict[Short, MoneyBody] = Field(
        default_factory=dict[str, MoneyBody],
        max_length=MAX_STEPS,
        description="lower amounts, by step",
    )


class WorkQuery(QueryModel):
    """A page of what people have to do."""

    kind: WorkKind | None = None
    assignee: Annotated[str | None, Field(max_length=200, description="who has taken it")] = None
    order: Annotated[
        WorkOrder, Field(description="`wait`: only requests, the longest wait first")
    ] = "newest"
    late: Annotated[
        bool, Field(description="only who waits longer than `[work] answer_within`")
    ] = False
    limit: Limit = 50
    after: After = None


class WorkPage(View):
    """What people have to do, newest first unless `order` says otherwise."""

    items: tuple[WorkView, ...]
    next_after: str | None


EXAMPLE: dict[str, Any] = {
    "about": "req_01m8997dg0jw1993dqct7cjj2z",
    "kind": "handed_over",
    "subject": "cus_demo_ana",
    "name": "Ana Souza",
    "what": "",
    "amount": None,
    "why": "the request was not understood",
    "assignee": "maria",
    "since": "2026-11-25T12:00:00.000000Z",
    "ended": False,
    "unknown_writer": False,
    "answer_by": "2026-11-25T16:00:00.000000Z",
    "late": False,
    "notes": [
        {
            "seq": 17,
            "person": "maria",
            "via": "console",
            "at": "2026-11-25T12:00:00.000000Z",
            "text": "Called them; they call back.",
            "answered": None,
        }
    ],
}
EXAMPLE["draft"] = {
    "digest": "5f0c9f1b3f0e4f0c8e0a1c5d7b9e2a4c6d8f0b1a3c5e7d9f1b3a5c7e9d0f2b4a",
    "planner": "model:openai:gpt-5",
    "steps": [
        {
            "id": "s1",
            "action": "stripe.refund",
            "title": "The refund of $129.00 for Order 1042: blue mug",
            "amount": {"amount_minor": 12900, "currency": "USD"},
            "payee": "cus_demo_ana",
            "consequence": "It cannot be undone.",
            "why": "not found in the customer's own words: nobody asked for it",
            "may_lower": True,
            "after": [],
            "args": {"charge": "ch_demo_1042"},
            "agent_says": "the mug came broken",
        }
    ],
}
_TAKE: dict[str, Any] = {}
_GIVE: dict[str, Any] = {"person": "noor"}
_NOTE: dict[str, Any] = {"note": "Called them; they call back."}
_PROPOSE: dict[str, Any] = {"digest": EXAMPLE["draft"]["digest"][:12]}
_PART: dict[str, Any] = {
    **_PROPOSE,
    "steps": ["s1"],
    "lower": {"s1": {"amount_minor": 4000, "currency": "USD"}},
}


router = APIRouter(tags=["work"], route_class=GuardedRoute)
_ERRORS = problems(400, 401, 403, 404, 409, 413, 415, 422, 503)


@router.get(
    "/v1/work",
    summary="List what machines left to people and nobody has ended, newest first",
    responses=reads("a page", page(EXAMPLE)),
)
async def list_work(sayso: Open, token: Viewer, query: Annotated[WorkQuery, Query()]) -> WorkPage:
    """Scope: `actions:read` or `approvals:decide`.

    Pages need a `kind`, or `order=wait`; without both, all kinds.
    """
    items = await sayso.work.list(
        kinds=KINDS if query.kind is None else (query.kind,),
        assignee=query.assignee,
        order=query.order,
        late=query.late,
        limit=query.limit,
        after=query.after,
        tenant=token.tenant,
    )
    has_pages = query.kind is not None or query.late or query.order == "wait"
    more = has_pages and len(items) == query.limit
    return WorkPage(items=tuple(items), next_after=items[-1].about if more else None)


@router.get(
    "/v1/work/{about}",
    summary="One piece of work with its notes",
    responses=reads("as it stands", EXAMPLE, 404),
)
async def show_work(about: str, sayso: Open, token: Viewer, _query: NoQuery) -> WorkView:
    """Scope: `actions:read` or `approvals:decide`. `about` is `req_…`, `act_…`, or a refund."""
    return await sayso.work.get(about, tenant=token.tenant)


@router.post(
    "/v1/work/{about}/take",
    summary="Take it, or give it to somebody",
    responses={200: shown("taken", EXAMPLE), **_ERRORS},
    openapi_extra=asked(take=_TAKE, give=_GIVE),
)
async def take_work(
    about: str,
    sayso: Open,
    token: Decider,
    key: Key,
    _query: NoQuery,
    body: TakeBody,
) -> WorkView:
    """Scope: `approvals:decide`. Taking what that person has already changes nothing."""
    return await sayso.work.take_as(about, token, person=body.person, via=key_mark(key))


@router.post(
    "/v1/work/{about}/note",
    summary="Note something about it",
    responses={200: shown("noted", EXAMPLE), **_ERRORS},
    openapi_extra=asked(note=_NOTE),
)
async def note_work(
    about: str,
    sayso: Open,
    token: Decider,
    key: Key,
    _query: NoQuery,
    body: NoteBody,
) -> WorkView:
    """Scope: `approvals:decide`. The same call sent again adds nothing."""
    mark = make_mark(key, "note")
    repeated = partial(was_made, mark, what="note")
    return await sayso.work.note_as(about, body.note, token, via=mark, repeated=repeated)


@router.post(
    "/v1/work/{about}/propose",
    status_code=202,
    summary="Propose what is drafted for it, as yours",
    responses={202: shown("stored; the request goes on with it", examples.REQUEST), **_ERRORS},
    openapi_extra=asked(all=_PROPOSE, part=_PART),
)
async def propose_work(
    about: str,
    sayso: Open,
    token: Decider,
    key: Key,
    query: Annotated[AskQuery, Query()],
    body: ProposalBody,
) -> RequestView:
    """Scope: `approvals:decide`, by a person with a role.

    It is judged like any proposal; where people are asked, somebody else has to agree. 409
    `already_in_state` when somebody has proposed it, and says who; 409 `digest_mismatch` when it is
    not the draft that was seen. The same call sent again changes nothing.
    """
    mark = make_mark(key, body.model_dump(mode="json"))
    wanted = DraftProposal(
        digest=body.digest,
        person=token.holder,
        via=mark,
        credential=token.id,
        steps=None if body.steps is None else tuple(body.steps),
        lower={step: money.money() for step, money in body.lower.items()},
    )
    return await sayso.work.propose_as(
        about,
        wanted,
        tenant=token.tenant,
        wait_s=query.wait,
        repeated=partial(was_made, mark, what="proposal"),
    )


@router.post(
    "/v1/work/{about}/end",
    summary="Say that nobody has to do anything about it any more, and why",
    responses={200: shown("ended", {**EXAMPLE, "ended": True}), **_ERRORS},
    openapi_extra=asked(end=_NOTE),
)
async def end_work(
    about: str,
    sayso: Open,
    token: Decider,
    key: Key,
    _query: NoQuery,
    body: NoteBody,
) -> WorkView:
    """Scope: `approvals:decide`. An unknown outcome ends by `/v1/actions/{id}/settle` instead."""
    mark = make_mark(key, "end")
    repeated = partial(was_made, mark, what="end")
    return await sayso.work.end_as(about, body.note, token, via=mark, repeated=repeated)
