"""Routes that hand out the log as files: exports, evidence and receipt of one action."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import stat
import tempfile
import time
from io import FileIO
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from sayso.errors import logged
from sayso.surfaces.http.auth import Auditor, Open
from sayso.surfaces.http.documents import asked, problems
from sayso.surfaces.http.edge import LookingRoute
from sayso.surfaces.http.idempotency import Key
from sayso.surfaces.http.shapes import ExportBody, NoQuery

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


logger = logging.getLogger("sayso.http")

PREFIX = "sayso-export-"
YOUNG_S = 3600.0
"""A folder without the file may be one that is being made, for so long."""
_IN_USE = "in-use"


class ExportFolder:
    """A new folder that is ours alone until `remove`.

    Args:
        base: where it is made; the system's folder for temporary files by default.
    """

    def __init__(self, base: Path | None = None) -> None:
        held: FileIO | None = None
        while held is None:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
            held = _hold(self.path, os.O_CREAT | os.O_EXCL)
        self._held = held

    def remove(self) -> None:
        """Take it away with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._held.close()


def remove_left(base: Path | None = None) -> int:
    """Take away the folders that ended servers of this user left behind; how many there were.

    Guarantees: nothing of another user, nothing behind a link, and no folder that a living process
    uses, on this machine or in another container that shares the folder.
    """
    count = 0
    for path in Path(base or tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            count += _remove_if_left(path)
        except OSError as error:  # somebody else was at it, or may not be followed
            logger.info("a folder of an export stays: %s", logged(error))
    return count


def _remove_if_left(path: Path) -> bool:
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return False
    if not (path / _IN_USE).exists():
        if time.time() - found.st_mtime < YOUNG_S:
            return False
        shutil.rmtree(path)
        return True
    held = _hold(path, 0)
    if held is None:
        return False
    with held:
        shutil.rmtree(path)
    return True


def _hold(folder: Path, flags: int) -> FileIO | None:
    """Lock the file of a folder; None where somebody else has it, or took the folder away."""
    path = folder / _IN_USE
    try:
        held = FileIO(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600))
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(held.fileno()).st_nlink:
            return held
    except BlockingIOError:
        pass
    held.close()
    return None
