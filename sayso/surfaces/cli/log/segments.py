"""`sayso audit seal|prune`: the log in files, and what was kept long enough out of the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from sayso.sdk.app import Sayso
from sayso.sdk.log.segments import PrunedView, SegmentView
from sayso.sdk.tokens import Token
from sayso.surfaces.cli.looking import look_as_person
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import OK


def seal(
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Also write anew the files that are lost, while their entries are there.",
            show_default=False,
        ),
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write the log's full segments into files that prove themselves; lists all there are."""
    out = Out(as_json=as_json)

    async def work(sayso: Sayso, by: Token) -> tuple[list[SegmentView], list[SegmentView]]:
        segments = sayso.audit.segments
        done = await segments.seal(by=by, again=again, progress=_progress(out, "sealed"))
        return done, await segments.sealed(tenant=by.tenant)

    done, known = look_as_person(workspace, work)
    if as_json:
        out.document({"sealed": done, "segments": known})
        return OK
    if known:
        out.table(["first", "last", "file", "bytes", "in the database"], list(map(_row, known)))
    new = f"{len(done)} newly sealed" if done else "nothing new to seal"
    out.line(f"{len(known)} segments, {new}")
    return OK


def prune(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Take out of the database what is sealed and was kept as long as [retention] log says."""
    out = Out(as_json=as_json)

    async def work(sayso: Sayso, by: Token) -> tuple[PrunedView, bool]:
        retention = sayso.workspace.settings.retention
        kept = retention.log_kept_for(by.tenant) is not None
        done = await sayso.audit.segments.prune(by=by, progress=_progress(out, "pruned"))
        return done, kept

    done, kept = look_as_person(workspace, work)
    if as_json:
        out.document(done)
        return OK
    if not kept:
        out.line("The log is kept for good; set `[retention] log` in sayso.toml.")
    elif done.to > done.first:
        out.line(f"the entries {done.first:,} to {done.to - 1:,} are in their files only, now")
    elif done.blocked is None:
        out.line("nothing that is sealed is old enough")
    if done.blocked is not None:
        out.line(f"no further: {done.blocked}")
        if len(done.unended) > 1:
            rows = [[one.what, one.id, one.status, one.since[:16]] for one in done.unended]
            out.table(["what", "id", "status", "since"], rows)
        out.line(f"next: {done.next_step}")
    return OK


def _row(one: SegmentView) -> list[str]:
    left = "yes" if one.pruned_to == one.first else f"from {one.pruned_to:,}"
    if one.pruned_to > one.last:
        left = "no"
    file = one.file if one.at_hand else f"{one.file} (lost)"
    return [f"{one.first:,}", f"{one.last:,}", file, f"{one.bytes:,}", left]


def _progress(out: Out, what: str) -> Callable[[int, int], None]:
    return lambda done, total: out.note(f"{done:,} of {total:,} entries {what} …")
