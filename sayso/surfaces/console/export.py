"""What a question to the log found, as a file: the bytes that verify, lines of JSON, or a table."""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from sayso.errors import RefusedError
from sayso.surfaces.console.edge import read_form
from sayso.surfaces.console.visit import Visit
from sayso.text import table_cell

FORMATS = (
    ("jsonl", "Everything, to verify elsewhere (JSONL)"),
    ("csv", "A table (CSV)"),
    ("cloudevents", "One event a line (CloudEvents)"),
)
COLUMNS = (
    *("seq", "at", "kind", "actor", "action", "request", "approval", "subject", "name"),
    *("amount_minor", "currency", "status", "rule", "digest"),
)


async def export(visit: Visit) -> Response:
    """The file; that it was made is an entry of the log, with the question and who asked."""
    form = await read_form(visit.request)
    words, kind = form.one("q")[:500], form.one("format")
    if kind not in dict(FORMATS):
        return visit.note("Nothing was exported", "Choose a format.", status=422)
    folder = Path(await run_in_threadpool(tempfile.mkdtemp, prefix="sayso-console-export-"))
    try:
        path = await _written(visit, folder, words, kind)
    except RefusedError as error:
        await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)
        return visit.note("Nothing was exported", error.message, error.next_step, status=422)
    except BaseException:
        await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)
        raise
    gone = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    headers = {"Cache-Control": "no-store"}
    return FileResponse(path, filename=path.name, background=gone, headers=headers)


async def evidence(visit: Visit) -> Response:
    """All about one action as one page to read, print and verify; its export is an entry, too."""
    page = await visit.sayso.audit.evidence_page(
        visit.request.path_params["id"], by=visit.session.token.actor
    )
    named = 'attachment; filename="evidence.html"'
    headers = {"Cache-Control": "no-store", "Content-Disposition": named}
    return Response(page, media_type="text/html", headers=headers)


async def receipt(visit: Visit) -> Response:
    """How the action ended as a page to give away; its export is an entry, too."""
    found = await visit.sayso.audit.receipt(
        visit.request.path_params["id"], by=visit.session.token.actor
    )
    named = 'attachment; filename="receipt.html"'
    headers = {"Cache-Control": "no-store", "Content-Disposition": named}
    return Response(found.page(), media_type="text/html", headers=headers)


async def _written(visit: Visit, folder: Path, words: str, kind: str) -> Path:
    """Export by the same call as everywhere, and pack what has several files."""
    audit, by = visit.sayso.audit, visit.session.token.actor
    if kind == "jsonl":
        await audit.export(folder / "log", words, by=by)
        await run_in_threadpool(shutil.make_archive, str(folder / "log"), "zip", folder, "log")
        return folder / "log.zip"
    lines = folder / "log.cloudevents.jsonl"
    await audit.export(lines, words, format="cloudevents", by=by)
    if kind == "cloudevents":
        return lines
    note = await audit.checkpoint()
    said = {"query": words, "exported_by": f"{by.kind}:{by.id}", "head": note}
    await run_in_threadpool(_write_table, lines, folder / "table", said)
    await run_in_threadpool(shutil.make_archive, str(folder / "log.csv"), "zip", folder / "table")
    return folder / "log.csv.zip"


def _write_table(lines: Path, folder: Path, said: Mapping[str, Any]) -> None:
    """The table, and a manifest that says what it holds and under which head."""
    folder.mkdir()
    sum_of, count, first, last = hashlib.sha256(), 0, None, None
    with (folder / "log.csv").open("wb") as file:
        for seq, row in _rows(lines):
            encoded = row.encode()
            file.write(encoded)
            sum_of.update(encoded)
            if seq is not None:
                count, first, last = count + 1, seq if first is None else first, seq
    manifest = {
        **said,
        "count": count,
        "first": first,
        "last": last,
        "sha256": sum_of.hexdigest(),
    }
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))


def _rows(lines: Path) -> Iterator[tuple[int | None, str]]:
    """The head of the table, then each entry with its index, as lines of text."""
    yield None, _line(COLUMNS)
    with lines.open("rb") as events:
        for event in events:
            told: Mapping[str, Any] = orjson.loads(event)
            body: Mapping[str, Any] = told["data"]
            amount: Mapping[str, Any] = body.get("amount") or {}
            actor: Mapping[str, Any] = body.get("actor") or {}
            found: dict[str, object] = {
                **body,
                "at": told["time"],
                "actor": f"{actor.get('kind', '')}:{actor.get('id', '')}",
                "amount_minor": amount.get("amount_minor", ""),
                "currency": amount.get("currency", ""),
            }
            yield int(body["seq"]), _line([table_cell(found.get(name)) for name in COLUMNS])


def _line(cells: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
