"""Files of a log, written into a folder that a command names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sayso.audit.io_errors import writing_to
from sayso.errors import Code, ConfigError
from sayso.sdk.client import Sayso
from sayso.surfaces.cli.command import Here
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.workspace import read_workspace

if TYPE_CHECKING:
    from sayso.audit.publishing.publisher import TargetState
    from sayso.sdk.audit.segments import PrunedView, SegmentView
    from sayso.sdk.resources.tokens import Token


def write_folder(
    here: Here,
    folder: Path,
    work: Callable[[Sayso], Awaitable[int]],
    *,
    noun: str,
    words: str,
) -> None:
    """Write the files, and say how many there are.

    Args:
        work: writes them, and says how many.
        noun: the count's field in JSON.
        words: what was written, in the plural.

    Raises:
        ConfigError: `store_full`, `invalid_setting`, when the folder cannot be written.
    """
    place = here.folder
    with writing_to(folder):
        count = read_workspace(place, work)
    here.show(
        {"folder": str(folder.absolute()), noun: count},
        f"{count} {words} were written to {folder}",
    )


def publish(here: Here) -> int:
    """Publish every log's head to every place now; 1 when one of them did not take it."""
    from sayso.sdk.audit.publishing import publish_now  # only this command needs it

    out = here.out

    async def work(sayso: Sayso) -> list[TargetState]:
        if not sayso.workspace.settings.publishing.places:
            raise ConfigError(
                Code.INVALID_SETTING,
                "there is no place to publish to",
                next_step="name one under [[publishing.places]] in sayso.toml",
            )
        return await publish_now(sayso)

    states = here.read(work)
    if out.as_json:
        out.document({"items": [_document(state) for state in states]})
    else:
        columns = ["place", "log", "published", "of", "problem"]
        rows = [
            [state.place, state.tenant, str(state.published), str(state.size), state.problem]
            for state in states
        ]
        out.table(columns, rows)
    return 1 if any(state.problem for state in states) else 0


def _document(state: TargetState) -> dict[str, object]:
    return {
        "place": state.place,
        "tenant": state.tenant,
        "size": state.size,
        "published": state.published,
        "lag": state.lag,
        "problem": state.problem or None,
    }


def tiles(
    here: Here,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Made, or brought up to the newest head.")
    ],
) -> None:
    """Write the log as static files that tools of others verify (C2SP tlog-tiles)."""
    write_folder(
        here,
        folder,
        lambda sayso: sayso.audit.tree.write(sayso.tenant, folder),
        noun="files",
        words="files",
    )


def timestamps(
    here: Here,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Made, or added to; nothing is replaced.")
    ],
) -> None:
    """Write each head with a time stamp, and the token beside it, for an auditor (RFC 3161)."""
    from sayso.sdk.audit.publishing import write_timestamps  # only this command needs it

    write_folder(
        here,
        folder,
        lambda sayso: write_timestamps(sayso, folder),
        noun="timestamps",
        words="time stamps",
    )


def seal(
    here: Here,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Also write anew the files that are lost, while their entries are there.",
            show_default=False,
        ),
    ] = False,
) -> None:
    """Write the log's full segments into files that prove themselves; lists all there are."""
    out = here.out

    async def work(sayso: Sayso, by: Token) -> tuple[list[SegmentView], list[SegmentView]]:
        segments = sayso.audit.segments
        done = await segments.seal(by=by, again=again, progress=_progress(out, "sealed"))
        return done, await segments.sealed(tenant=by.tenant)

    done, known = here.read_as_person(work)
    if out.as_json:
        out.document({"sealed": done, "segments": known})
        return
    if known:
        out.table(["first", "last", "file", "bytes", "in the database"], list(map(_row, known)))
    new = f"{len(done)} newly sealed" if done else "nothing new to seal"
    out.line(f"{len(known)} segments, {new}")


def prune(here: Here) -> None:
    """Take out of the database what is sealed and was kept as long as [retention] log says."""
    out = here.out

    async def work(sayso: Sayso, by: Token) -> tuple[PrunedView, bool]:
        retention = sayso.workspace.settings.retention
        kept = retention.log_kept_for(by.tenant) is not None
        done = await sayso.audit.segments.prune(by=by, progress=_progress(out, "pruned"))
        return done, kept

    done, kept = here.read_as_person(work)
    if out.as_json:
        out.document(done)
        return
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


def _row(one: SegmentView) -> list[str]:
    left = "yes" if one.pruned_to == one.first else f"from {one.pruned_to:,}"
    if one.pruned_to > one.last:
        left = "no"
    file = one.file if one.at_hand else f"{one.file} (lost)"
    return [f"{one.first:,}", f"{one.last:,}", file, f"{one.bytes:,}", left]


def _progress(out: Out, what: str) -> Callable[[int, int], None]:
    return lambda done, total: out.note(f"{done:,} of {total:,} entries {what} …")
