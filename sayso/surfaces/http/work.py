"""Routes of work: what machines left to people, who has taken it, notes, and an end."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from sayso.sdk.resources.notes import MAX_NOTE_CHARS
from sayso.sdk.resources.work import KINDS, WorkKind, WorkView
from sayso.sdk.views import View
from sayso.surfaces.http.auth import Decider, Open, Viewer
from sayso.surfaces.http.documents import asked, problems, shown
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.examples import page
from sayso.surfaces.http.idempotency import Key, key_mark, make_mark, was_made
from sayso.surfaces.http.shapes import After, Body, Limit, NoQuery, QueryModel, Short


class TakeBody(Body):
    """Who takes it."""

    person: Short | None = Field(default=None, description="whom it is given to; you unless said")


class NoteBody(Body):
    """A note for colleagues; it is sealed beside the log."""

    note: str = Field(min_length=1, max_length=MAX_NOTE_CHARS)


class WorkQuery(QueryModel):
    """A page of what people have to do."""

    kind: WorkKind | None = None
    assignee: Annotated[str | None, Field(max_length=200, description="who has taken it")] = None
    limit: Limit = 50
    after: After = None


class WorkPage(View):
    """What people have to do, newest first."""

    items: tuple[WorkView, ...]
    next_after: str | None


EXAMPLE: dict[str, Any] = {
    "about": "req_01m8997dg0jw1993dqct7cjj2z",
    "kind": "handed_over",
    "subject": "cus_demo_ana",
    "what": "",
    "amount": None,
    "why": "the request was not understood",
    "assignee": "maria",
    "since": "2026-11-25T12:00:00.000000Z",
    "ended": False,
    "notes": [
        {
            "seq": 17,
            "person": "maria",
            "via": "console",
            "at": "2026-11-25T12:00:00.000000Z",
            "text": "Called them; they call back.",
        }
    ],
}
_TAKE: dict[str, Any] = {}
_GIVE: dict[str, Any] = {"person": "noor"}
_NOTE: dict[str, Any] = {"note": "Called them; they call back."}


router = APIRouter(tags=["work"], route_class=GuardedRoute)
_ERRORS = problems(400, 401, 403, 404, 409, 413, 415, 422, 503)


@router.get(
    "/v1/work",
    summary="List what machines left to people and nobody has ended, newest first",
    responses={200: shown("a page", page(EXAMPLE)), **problems(401, 403, 422, 503)},
)
async def list_work(sayso: Open, token: Viewer, query: Annotated[WorkQuery, Query()]) -> WorkPage:
    """Scope: `actions:read` or `approvals:decide`. Pages need a `kind`; without it all kinds."""
    items = await sayso.work.list(
        kinds=KINDS if query.kind is None else (query.kind,),
        assignee=query.assignee,
        limit=query.limit,
        after=query.after,
        tenant=token.tenant,
    )
    more = query.kind is not None and len(items) == query.limit
    return WorkPage(items=tuple(items), next_after=items[-1].about if more else None)


@router.get(
    "/v1/work/{about}",
    summary="One piece of work with its notes",
    responses={200: shown("as it stands", EXAMPLE), **problems(401, 403, 404, 422, 503)},
)
async def show_work(
    about: str, sayso: Open, token: Viewer, _query: Annotated[NoQuery, Query()]
) -> WorkView:
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
    _query: Annotated[NoQuery, Query()],
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
    _query: Annotated[NoQuery, Query()],
    body: NoteBody,
) -> WorkView:
    """Scope: `approvals:decide`. The same call sent again adds nothing."""
    mark = make_mark(key, "note")
    repeated = partial(was_made, mark, what="note")
    return await sayso.work.note_as(about, body.note, token, via=mark, repeated=repeated)


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
    _query: Annotated[NoQuery, Query()],
    body: NoteBody,
) -> WorkView:
    """Scope: `approvals:decide`. An unknown outcome ends by `/v1/actions/{id}/settle` instead."""
    mark = make_mark(key, "end")
    repeated = partial(was_made, mark, what="end")
    return await sayso.work.end_as(about, body.note, token, via=mark, repeated=repeated)
