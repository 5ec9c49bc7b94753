"""Routes of what keeps a database small: sealing and pruning the log, and blanking old text.

Servers do all of it by themselves where sayso.toml says so; these are for who does not want to wait
for that, or wants to see it done.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from sayso.sdk.audit.segments import PrunedView, SegmentView
from sayso.sdk.privacy.views import SweepView
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views.base import View
from sayso.surfaces.http.auth import Admin, Archivist, Open
from sayso.surfaces.http.documents import asked, problems, reads, shown
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.idempotency import Key, bound_key
from sayso.surfaces.http.shapes import MAX_WAIT_S, Body, Limit, QueryModel
from sayso.surfaces.http.upkeep import Far, Job, Progress, Upkeep

_SEGMENT: dict[str, Any] = {
    "first": 0,
    "last": 65_535,
    "file": "000000000000-000000065535.1f0c.tar.gz",
    "bytes": 2_516_582,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "sealed_seq": 65_540,
    "pruned_to": 0,
    "at_hand": True,
}
_SEALED: dict[str, Any] = {"status": "done", "sealed": [_SEGMENT]}
_PRUNED: dict[str, Any] = {"status": "done", "pruned": {"first": 0, "to": 65_536}}
_SWEPT: dict[str, Any] = {
    "status": "done",
    "swept": {
        "before": "2026-11-25T12:00:00.000000Z",
        "actions": 12,
        "requests": 7,
        "subjects": 3,
        "restored": {"erased": 0, "left": []},
        "put_off": False,
    },
}
_UNDER_WAY: dict[str, Any] = {
    "status": "running",
    "entries_done": 65_536,
    "entries_total": 262_144,
}

router = APIRouter(tags=["retention"], route_class=GuardedRoute)


class SealBody(Body):
    """What is to be sealed."""

    again: bool = Field(
        default=False,
        description="also the segments whose file is lost, while their entries are there",
    )


class PruneBody(Body):
    """Nothing: what may go says sayso.toml, and whose log it is the token."""


class SweepBody(Body):
    """Nothing: what is old says sayso.toml, and whose it is the token."""


class UpkeepWaitQuery(QueryModel):
    """How long the answer may take; the work goes on in any case."""

    wait: float = Field(
        default=10.0,
        ge=0,
        le=MAX_WAIT_S,
        allow_inf_nan=False,
        description="wait so many seconds for the end of it",
    )


class SegmentsQuery(QueryModel):
    """A page of sealed segments."""

    limit: Limit = 50
    after: Annotated[
        int | None,
        Field(ge=0, le=2**53 - 1, description="`next_after` of the page before"),
    ] = None


class SegmentPage(View):
    """Sealed segments, oldest first."""

    items: tuple[SegmentView, ...]
    next_after: int | None


class UpkeepView(View):
    """What was done, or how far it is.

    Attributes:
        status: `running` goes on by itself; the same call with the same key tells of its end.
        entries_done, entries_total: how far sealing or pruning is, while it runs.
        sealed: the segments that were sealed. pruned: what went. swept: what was blanked.
    """

    status: Literal["running", "done"]
    entries_done: int = 0
    entries_total: int = 0
    sealed: tuple[SegmentView, ...] | None = None
    pruned: PrunedView | None = None
    swept: SweepView | None = None


_Upkeep: TypeAlias = Upkeep[UpkeepView]


async def _upkeep_of(request: Request) -> _Upkeep:
    return cast("_Upkeep", request.app.state.upkeep)


Works = Annotated[_Upkeep, Depends(_upkeep_of)]


def _status(found: UpkeepView | Far, response: Response) -> UpkeepView:
    if isinstance(found, UpkeepView):
        return found
    response.status_code = 202
    return UpkeepView(status="running", entries_done=found.done, entries_total=found.total)


@router.get(
    "/v1/audit/segments",
    summary="List the sealed segments of the log, oldest first",
    responses=reads("a page", {"items": [_SEGMENT], "next_after": 0}),
)
async def list_segments(
    sayso: Open, token: Archivist, query: Annotated[SegmentsQuery, Query()]
) -> SegmentPage:
    """Scope: `audit:read` or `admin`. `at_hand` says whether this server has the file."""
    known = await sayso.audit.segments.sealed(tenant=token.tenant)
    left = [one for one in known if query.after is None or one.first > query.after]
    items = left[: query.limit]
    more = len(left) > len(items)
    return SegmentPage(items=tuple(items), next_after=items[-1].first if more else None)


@router.post(
    "/v1/audit/segments",
    summary="Seal the log's full segments into the server's files",
    responses={
        200: shown("done", _SEALED),
        202: shown("it goes on", _UNDER_WAY, model=UpkeepView),
        **problems(400, 401, 403, 409, 413, 415, 422, 503),
    },
    openapi_extra=asked(new={}, lost={"again": True}),
)
async def seal_log(
    response: Response,
    sayso: Open,
    works: Works,
    token: Admin,
    key: Key,
    query: Annotated[UpkeepWaitQuery, Query()],
    body: SealBody,
) -> UpkeepView:
    """Scope: `admin` of a person with one of the roles of `[retention] roles`.

    As `sayso audit seal`, into the folder of this server. 202 when it takes longer than `wait`: the
    same call with the same key tells of its end.
    """
    segments = sayso.audit.segments
    await segments.check(token, "seal")

    async def work(progress: Progress) -> UpkeepView:
        done = await segments.seal(by=token, again=body.again, progress=progress)
        return UpkeepView(status="done", sealed=tuple(done))

    job = _job(token, "sealing again" if body.again else "sealing")
    found = await works.run(job, bound_key(token, key), work, wait_s=query.wait)
    return _status(found, response)


@router.post(
    "/v1/audit/prunings",
    summary="Take out of the database what is sealed and was kept long enough",
    responses={
        200: shown("done, as far as `blocked` does not say otherwise", _PRUNED),
        202: shown("it goes on", _UNDER_WAY, model=UpkeepView),
        **problems(400, 401, 403, 409, 413, 415, 422, 503),
    },
    openapi_extra=asked(prune={}),
)
async def prune_log(
    response: Response,
    sayso: Open,
    works: Works,
    token: Admin,
    key: Key,
    query: Annotated[UpkeepWaitQuery, Query()],
    _body: PruneBody,
) -> UpkeepView:
    """Scope: `admin` of a person with one of the roles of `[retention] roles`.

    As `sayso audit prune`; `legal_hold` (409) where a hold keeps all that is due. `blocked` says
    why it went no further, and `unended` which actions and other rows keep entries that are due.
    """
    segments = sayso.audit.segments
    await segments.check(token, "prune")

    async def work(progress: Progress) -> UpkeepView:
        done = await segments.prune(by=token, progress=progress)
        return UpkeepView(status="done", pruned=done)

    found = await works.run(_job(token, "pruning"), bound_key(token, key), work, wait_s=query.wait)
    return _status(found, response)


@router.post(
    "/v1/privacy/sweeps",
    summary="Blank personal text that was kept long enough",
    responses={
        200: shown("done", _SWEPT),
        202: shown("it goes on", _UNDER_WAY, model=UpkeepView),
        **problems(400, 401, 403, 409, 413, 415, 422, 503),
    },
    openapi_extra=asked(sweep={}),
)
async def sweep_subjects(
    response: Response,
    sayso: Open,
    works: Works,
    token: Admin,
    key: Key,
    query: Annotated[UpkeepWaitQuery, Query()],
    _body: SweepBody,
) -> UpkeepView:
    """Scope: `admin` of a person with one of the roles of `[retention] roles`.

    As `sayso privacy sweep`, for the token's tenant alone: `restored` says who was erased, is back
    from a backup and was erased again, or could not be. `before` is null where sayso.toml keeps
    everything for good.
    """
    await sayso.privacy.check_sweeper(token)

    async def work(_progress: Progress) -> UpkeepView:
        return UpkeepView(status="done", swept=await sayso.privacy.sweep(tenant=token.tenant))

    found = await works.run(_job(token, "sweeping"), bound_key(token, key), work, wait_s=query.wait)
    return _status(found, response)


def _job(token: Token, what: str) -> Job:
    return Job(token.tenant, what)
