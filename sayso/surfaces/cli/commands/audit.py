"""`sayso audit tail|query|verify|export|checkpoint`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sayso.errors import Code, ConfigError, IntegrityError, RefusedError
from sayso.sdk.app import Sayso
from sayso.sdk.views import EntryView
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out, local_time, style_of
from sayso.surfaces.cli.place import CLI, find_workspace, run
from sayso.surfaces.cli.words import one_line

if TYPE_CHECKING:
    from sayso.audit.verification import Verification

app = typer.Typer(
    help="Ask and prove: tail, query, verify, export, checkpoint.",
)
_SHOWN = 10


@app.command()
def tail(
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", help="How many.")] = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show the newest entries, newest first."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)

    async def work() -> list[EntryView]:
        async with Sayso.open(folder, act=False) as sayso:
            return await sayso.audit.tail(limit)

    return _show_entries(out, run(work()), "The log is empty. Everything that is asked goes here.")


@app.command()
def query(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORDS…",
            help="Such as actor:maria amount:>100USD created:2026-11-01..2026-11-30.",
        ),
    ],
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", help="How many, to 1000.")
    ] = 50,
    before: Annotated[
        int | None, typer.Option("--before", metavar="SEQ", help="Go on before this entry.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Ask the log; the question is an entry itself."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)

    async def work() -> list[EntryView]:
        async with Sayso.open(folder, act=False) as sayso:
            return await sayso.audit.query(" ".join(words), limit=limit, before=before, by=CLI)

    return _show_entries(out, run(work()), "No entry fits. Loosen the query, or see `audit tail`.")


def _show_entries(out: Out, found: list[EntryView], empty: str) -> int:
    if out.as_json:
        out.document({"entries": found, "before": found[-1].seq if found else None})
    elif not found:
        out.line(empty)
    else:
        out.table(["entry", "at", "kind", "by", "about"], [_row(one) for one in found])
    return 0


def _row(entry: EntryView) -> list[str]:
    about = next((str(entry.body[key]) for key in ("action", "request") if entry.body.get(key)), "")
    return [str(entry.seq), local_time(entry.at), entry.kind, entry.actor, about]


@app.command()
def verify(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH",
            help="A database or an exported folder; else the workspace's database.",
        ),
    ] = None,
    vkey: Annotated[
        list[str] | None,
        typer.Option(
            "--vkey", metavar="KEY", help="A public key that may have signed; repeatable."
        ),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoint", metavar="FILE", help="A signed head kept elsewhere; repeatable."
        ),
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every entry and column, not only their hashes.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Verify the log: exit status 0 verified, 1 tampered, 2 cannot judge."""
    out = Out(as_json=as_json)
    try:
        seen = tuple(file.read_bytes() for file in checkpoint or ())
        keys = tuple(vkey or ())
        if path is None:
            found = _verify_workspace(find_workspace(workspace), keys, seen, deep, out)
        else:
            found = _verify_path(path, keys, seen, deep, out)
    except OSError as error:
        raise ConfigError(
            Code.NOTHING_TO_VERIFY,
            f"`{error.filename}` cannot be read: {error.strerror}",
            next_step="check the path of the checkpoint",
        ) from error
    except (RefusedError, IntegrityError) as error:
        # For a verdict, 1 means tampered and nothing else; this is no verdict.
        raise ConfigError(error.code, error.message, next_step=error.next_step) from error
    if as_json:
        out.document(found.to_json())
    else:
        _show_verdict(out, found)
    return found.exit_status


def _verify_workspace(
    folder: Path, keys: tuple[str, ...], seen: tuple[bytes, ...], deep: bool, out: Out
) -> Verification:
    async def work() -> Verification:
        async with Sayso.open(folder, act=False) as sayso:
            if keys:
                return _verify_path(sayso.workspace.store_path, keys, seen, deep, out)
            return sayso.audit.verify(checkpoints=seen, deep=deep, progress=_progress(out))

    return run(work())


def _verify_path(
    path: Path, keys: tuple[str, ...], seen: tuple[bytes, ...], deep: bool, out: Out
) -> Verification:
    from sayso.audit.checks import Trust  # only this command needs the verifier
    from sayso.audit.verify import verify as verify_source

    trust = Trust.parse(keys, seen)
    return verify_source(path, trust=trust, deep=deep, progress=_progress(out))


def _progress(out: Out) -> Callable[[int, int], None]:
    def say(done: int, total: int) -> None:
        if not done & 0xFFFF:
            out.note(f"{done:,} of {total:,} entries …")

    return say


def _show_verdict(out: Out, found: Verification) -> None:
    verdict = found.verdict.replace("_", " ")
    if out.tty:
        from rich.text import Text  # only in a terminal

        out.console.print(Text(f"{verdict}: {found.source}", style=style_of(found.verdict)))
    else:
        out.line(f"{verdict}: {found.source}")
    for log in found.logs:
        out.line(f"  {one_line(log.origin or log.tenant)}: {log.coverage}")
        out.line(f"  root {log.root_hex}")
        for warning in log.warnings:
            out.line(f"  note: {one_line(warning)}")
    for finding in found.all_findings[:_SHOWN]:
        where = "" if finding.seq is None else f"entry {finding.seq}: "
        out.line(f"  {finding.damage}: {where}{one_line(finding.message)} ({finding.check})")
    hidden = len(found.all_findings) - _SHOWN
    if hidden > 0:
        out.line(f"  and {hidden} more; --json lists them")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    words: Annotated[
        str, typer.Option("--query", metavar="WORDS", help="Only the entries that fit.")
    ] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write the log as a folder that verifies offline; the export is an entry itself."""
    out = Out(as_json=as_json)
    place = find_workspace(workspace)

    async def work() -> tuple[int, str]:
        async with Sayso.open(place, act=False) as sayso:
            count = await sayso.audit.export(folder, words, by=CLI)
            return count, sayso.audit.vkey()

    out.note("writing …")
    count, key = run(work())
    if as_json:
        out.document({"folder": str(folder.absolute()), "entries": count, "vkey": key})
    else:
        out.line(f"{count} entries are in {folder}")
        out.line(f"verify anywhere: sayso audit verify {folder} --vkey {key}")
    return 0


@app.command()
def checkpoint(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Print the newest signed head; kept elsewhere, it proves a later rewrite."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)

    async def work() -> tuple[str, str]:
        async with Sayso.open(folder, act=False) as sayso:
            return await sayso.audit.checkpoint(), sayso.audit.vkey()

    note, key = run(work())
    if as_json:
        out.document({"checkpoint": note, "vkey": key})
    else:
        # Exactly the note, so that `> head.txt` keeps what was signed.
        out.line(note.removesuffix("\n"))
    return 0
