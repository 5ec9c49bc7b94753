"""Routes that hand out the log as files: exports, evidence and receipt of one action."""

from __future__ import annotations

import shutil
from typing import Any, Literal

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse
from pydantic import Field
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from sayso.surfaces.http.auth import Auditor, Open
from sayso.surfaces.http.documents import asked, problems
from sayso.surfaces.http.edge import LookingRoute
from sayso.surfaces.http.export_folders import ExportFolder
from sayso.surfaces.http.idempotency import Key
from sayso.surfaces.http.shapes import Body, NoQuery

router = APIRouter(tags=["audit"], route_class=LookingRoute)

_MEDIA = {
    "jsonl": ("log.zip", "application/zip"),
    "parquet": ("log.parquet", "application/vnd.apache.parquet"),
    "ocsf": ("log.ocsf.jsonl", "application/x-ndjson"),
    "cloudevents": ("log.cloudevents.jsonl", "application/x-ndjson"),
}


def _file(example: str) -> dict[str, Any]:
    return {"schema": {"type": "string", "format": "binary"}, "example": example}


_FILES = {
    "application/zip": _file("PK…"),
    "application/vnd.apache.parquet": _file("PAR1…"),
    "application/x-ndjson": _file('{"specversion":"1.0","id":"7","type":"sayso.action.approved"}'),
}


class ExportBody(Body):
    """What of the log is wanted, and how."""

    q: str = Field(
        default="", max_length=500, description="as in `GET /v1/audit/entries`; all when empty"
    )
    format: Literal["jsonl", "parquet", "ocsf", "cloudevents"] = "jsonl"


@router.post(
    "/v1/audit/exports",
    summary="Take the log, or a part of it, as a file that verifies offline",
    response_class=FileResponse,
    responses={
        200: {"description": "the file; a zipped folder for `jsonl`", "content": _FILES},
        **problems(400, 401, 403, 413, 415, 422, 503),
    },
    openapi_extra=asked(
        all={}, refunds={"q": "name:stripe.refund created:2026-11-01..", "format": "ocsf"}
    ),
)
async def export_log(
    sayso: Open, token: Auditor, _key: Key, _query: NoQuery, body: ExportBody
) -> FileResponse:
    """Scope: `audit:read`. Each call gives the log as it is then, and is itself recorded.

    docs/reference/audit-exports.md tells the fields of each format; `sayso audit verify` verifies
    them all.
    """
    name, media = _MEDIA[body.format]
    folder = await run_in_threadpool(ExportFolder)
    try:
        path = folder.path / ("log" if body.format == "jsonl" else name)
        await sayso.audit.export(
            path, body.q, format=body.format, by=token.actor, tenant=token.tenant
        )
        if body.format == "jsonl":
            await run_in_threadpool(shutil.make_archive, str(path), "zip", folder.path, "log")
            path = folder.path / name
    except BaseException:
        folder.remove()
        raise
    gone = BackgroundTask(folder.remove)
    return FileResponse(path, media_type=media, filename=name, background=gone)


@router.get(
    "/v1/actions/{action_id}/evidence",
    summary="Everything about one action on a page that verifies offline",
    response_class=Response,
    responses={
        200: {
            "description": "a self-contained page to read, to print and to verify",
            "content": {"text/html": _file("<!doctype html>")},
        },
        **problems(401, 403, 404, 422, 503),
    },
)
async def show_evidence(sayso: Open, token: Auditor, action_id: str, _query: NoQuery) -> Response:
    """Scope: `audit:read`. It holds the customer's words, opened; each call is itself recorded."""
    # INVARIANT: the opened words are written to no file, so nothing of them outlives the call.
    page = await sayso.audit.evidence_page(action_id, by=token.actor, tenant=token.tenant)
    named = {"Content-Disposition": 'attachment; filename="evidence.html"'}
    return Response(page, media_type="text/html", headers=named)


@router.get(
    "/v1/actions/{action_id}/receipt",
    summary="How one action ended, with its proof, for a customer or a court",
    response_class=Response,
    responses={
        200: {
            "description": "a C2SP tlog-proof whose extra data is the entry; nothing personal",
            "content": {"text/plain": _file("c2sp.org/tlog-proof@v1\nextra eyJ…")},
        },
        **problems(401, 403, 404, 409, 410, 422, 503),
    },
)
async def show_receipt(sayso: Open, token: Auditor, action_id: str, _query: NoQuery) -> Response:
    """Scope: `audit:read`. Whoever has the log's public key verifies it without a server.

    Each call is itself recorded.
    """
    found = await sayso.audit.receipt(action_id, by=token.actor, tenant=token.tenant)
    named = {"Content-Disposition": 'attachment; filename="receipt.tlog-proof"'}
    return Response(found.text(), media_type="text/plain", headers=named)
