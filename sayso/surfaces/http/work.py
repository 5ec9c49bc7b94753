"""Routes of work: what machines left to people, who has taken it, notes, and an end."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

import sayso.surfaces.http.examples as examples
from sayso.sdk.resources.work import KINDS, WorkView
from sayso.surfaces.http.auth import Decider, Open, Viewer
from sayso.surfaces.http.documents import asked, problems, shown
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.idempotency import Key, key_mark, make_mark, was_made
from sayso.surfaces.http.shapes import NoQuery, NoteBody, TakeBody, WorkPage, WorkQuery

router = APIRouter(tags=["work"], route_class=GuardedRoute)
_ERRORS = problems(400, 401, 403, 404, 409, 413, 415, 422, 503)


@router.get(
    "/v1/work",
    summary="List what machines left to people and nobody has ended, newest first",
    responses={200: shown("a page", examples.page(examples.WORK)), **problems(401, 403, 422, 503)},
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
    responses={200: shown("as it stands", examples.WORK), **problems(401, 403, 404, 422, 503)},
)
async def show_work(
    about: str, sayso: Open, token: Viewer, _query: Annotated[NoQuery, Query()]
) -> WorkView:
    """Scope: `actions:read` or `approvals:decide`. `about` is `req_…` or `act_…`."""
    return await sayso.work.get(about, tenant=token.tenant)


@router.post(
    "/v1/work/{about}/take",
    summary="Take it, or give it to somebody",
    responses={200: shown("taken", examples.WORK), **_ERRORS},
    openapi_extra=asked(take=examples.TAKE, give=examples.GIVE),
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
    responses={200: shown("noted", examples.WORK), **_ERRORS},
    openapi_extra=asked(note=examples.NOTE),
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
    responses={200: shown("ended", {**examples.WORK, "ended": True}), **_ERRORS},
    openapi_extra=asked(end=examples.NOTE),
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
