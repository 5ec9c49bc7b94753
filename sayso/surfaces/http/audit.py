"""Routes of the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse

from sayso.surfaces.http import examples
from sayso.surfaces.http.auth import Auditor, Open
from sayso.surfaces.http.documents import problems, shown
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.shapes import EntriesQuery, EntryPage, NoQuery

router = APIRouter(tags=["audit"], route_class=GuardedRoute)


@router.get(
    "/v1/audit/entries",
    summary="Ask the log, newest first",
    responses={
        200: shown("a page", examples.page(examples.ENTRY)),
        **problems(401, 403, 422, 503),
    },
)
async def query_entries(
    sayso: Open, token: Auditor, query: Annotated[EntriesQuery, Query()]
) -> EntryPage:
    """Scope: `audit:read`. Each query is itself recorded.

    Qualifiers of `q`: `actor approver kind name status outcome rule digest action request approval
    customer amount created text`, such as `amount:>100.00USD` and `created:2026-11-01..2026-11-24`.
    Words without a colon are looked for in the texts of the entries; `disput*` is the beginning of
    one. With `verified`, each entry carries a `proof` (C2SP tlog-proof) that was checked.
    """
    items = await sayso.audit.query(
        query.q,
        limit=query.limit,
        before=query.after,
        verified=query.verified,
        by=token.actor,
        tenant=token.tenant,
    )
    more = len(items) == query.limit
    low = await sayso.audit.pruned_to(tenant=token.tenant)
    last = items[-1].seq if more else None
    return EntryPage(items=tuple(items), next_after=last, pruned_to=low)


@router.get(
    "/v1/audit/checkpoint",
    summary="The newest signed head of the log",
    response_class=PlainTextResponse,
    responses={
        200: {
            "description": "a C2SP signed note; keep it elsewhere to prove a later rewrite",
            "content": {"text/plain": {"example": examples.CHECKPOINT}},
        },
        **problems(401, 403, 422, 503),
    },
)
async def show_checkpoint(
    sayso: Open, token: Auditor, _query: Annotated[NoQuery, Query()]
) -> PlainTextResponse:
    """Scope: `audit:read`."""
    return PlainTextResponse(await sayso.audit.checkpoint(tenant=token.tenant))
