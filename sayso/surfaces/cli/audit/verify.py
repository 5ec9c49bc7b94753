"""`sayso audit verify`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import sayso.audit.verifier.flags as flags
from sayso.errors import Code, ConfigError, IntegrityError, RefusedError
from sayso.sdk.client import Sayso
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption, flag_option
from sayso.surfaces.cli.output import Out, style_of
from sayso.surfaces.cli.unfinished import until_cancelled
from sayso.surfaces.cli.words import one_line
from sayso.surfaces.cli.workspace import find_workspace, run

if TYPE_CHECKING:
    from sayso.audit.verifier.verification import Verification

_SHOWN = 10


def verify(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="PATH",
            help="A database, postgresql://…, env:NAME of one, or an export; else the workspace.",
        ),
    ] = None,
    vkey: Annotated[list[str] | None, flag_option(flags.VKEY)] = None,
    checkpoint: Annotated[list[Path] | None, flag_option(flags.CHECKPOINT)] = None,
    published: Annotated[
        list[Path] | None,
        typer.Option(
            "--published", metavar="DIR", help="A directory heads are published to; repeatable."
        ),
    ] = None,
    grown: Annotated[list[Path] | None, flag_option(flags.GROWN)] = None,
    policy: Annotated[Path | None, flag_option(flags.POLICY)] = None,
    ask_witnesses: Annotated[
        bool,
        typer.Option("--ask-witnesses", help="Get the newest heads from the policy's witnesses."),
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="FILE", help="Remember what verified, for the next time."),
    ] = None,
    segments: Annotated[Path | None, flag_option(flags.SEGMENTS)] = None,
    tsa_roots: Annotated[list[Path] | None, flag_option(flags.TSA_ROOTS)] = None,
    timestamps: Annotated[list[Path] | None, flag_option(flags.TIMESTAMPS)] = None,
    tenant: Annotated[str | None, flag_option(flags.TENANT)] = None,
    quick: Annotated[bool, flag_option(flags.QUICK)] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Verify the log: exit status 0 verified, 1 tampered, 2 cannot judge."""
    out = Out(as_json=as_json)
    try:
        held = flags.read_held(
            vkeys=vkey or (),
            checkpoints=checkpoint or (),
            grown=grown or (),
            policy=policy,
            segments=segments,
            tsa_roots=tsa_roots or (),
            timestamps=timestamps or (),
        )
        held = _with_found(held, published or (), state, ask_witnesses, out)
        if source is None:
            found = _verify_workspace(find_workspace(workspace), held, tenant, not quick, out)
        else:
            found = _verify_source(source, held, tenant, not quick, out)
    except OSError as error:
        raise ConfigError(
            Code.NOTHING_TO_VERIFY,
            f"`{error.filename}` cannot be read: {error.strerror}",
            next_step="check the path of what you hold against the log",
        ) from error
    except (RefusedError, IntegrityError) as error:
        # For a verdict, 1 means tampered and nothing else; this is no verdict.
        raise ConfigError(error.code, error.message, next_step=error.next_step) from error
    if state is not None:
        from sayso.audit.verifier.memory import remember  # only auditors need it

        remember(state, found)
    if as_json:
        out.document(found.to_json())
    else:
        _show_verdict(out, found)
    return found.exit_status


def _with_found(
    held: flags.Held, published: Sequence[Path], state: Path | None, ask_witnesses: bool, out: Out
) -> flags.Held:
    """The same with what is found where heads are published, remembered and cosigned."""
    # Only this command needs them.
    from sayso.audit.publishing.directory import read_published
    from sayso.audit.verifier.memory import read_memory

    seen = [*held.seen, *(note for folder in published for note in read_published(folder))]
    remembered = () if state is None else read_memory(state).checkpoints()
    witnessed: tuple[bytes, ...] = ()
    if ask_witnesses:
        if held.policy is None:
            raise ConfigError(
                Code.INVALID_SETTING,
                "without a policy nobody knows whom to ask",
                next_step="pass --policy FILE",
            )
        from sayso.audit.publishing.witness_queries import ask_all  # needs the network

        witnessed, silent = run(ask_all(held.policy))
        for name in silent:
            out.note(f"the witness `{name}` gave no checkpoint")
    return replace(held, seen=tuple(seen), remembered=remembered, witnessed=witnessed)


def _verify_workspace(
    folder: Path, held: flags.Held, tenant: str | None, deep: bool, out: Out
) -> Verification:
    async def work() -> Verification:
        async with Sayso.open(folder, mode="read") as sayso:
            return sayso.audit.verify(
                vkeys=held.keys,
                checkpoints=held.seen,
                remembered=held.remembered,
                witnessed=held.witnessed,
                policy=held.policy,
                segments=held.segments,
                authorities=held.authorities,
                stamped=held.stamped,
                deep=deep,
                tenant=tenant,
                progress=until_cancelled(_progress(out)),
            )

    return run(work())


def _verify_source(
    source: str, held: flags.Held, tenant: str | None, deep: bool, out: Out
) -> Verification:
    from sayso.audit.verify import verify as verify_source  # only this command needs the verifier

    trust, progress = held.trust, _progress(out)
    url = _url_in(source)
    if url is not None:
        from sayso.sdk.audit.verifying import verify_postgres  # as above

        return verify_postgres(url, trust=trust, tenant=tenant, deep=deep, progress=progress)
    return verify_source(Path(source), trust=trust, tenant=tenant, deep=deep, progress=progress)


def _url_in(source: str) -> str | None:
    """The URL of a server, given as such or, to keep its password to itself, as `env:NAME`."""
    if source.startswith("env:"):
        name = source.removeprefix("env:")
        source = os.environ.get(name, "")
        if not source:
            raise ConfigError(
                Code.MISSING_SECRET,
                f"the variable `{name[:40]}` is not set",
                next_step="set it to the URL of the database",
            )
    return source if source.startswith(("postgresql://", "postgres://")) else None


def _progress(out: Out) -> Callable[[int, int], None]:
    def say(done: int, total: int) -> None:
        if not done & 0xFFFF:
            out.note(f"{done:,} of {total:,} entries …")

    return say


def _show_verdict(out: Out, found: Verification) -> None:
    from sayso.audit.verifier.verification import next_step_of  # only auditors need the verifier

    verdict = found.verdict.replace("_", " ")
    if out.tty:
        from rich.text import Text  # only in a terminal

        out.console.print(Text(f"{verdict}: {found.source}", style=style_of(found.verdict)))
    else:
        out.line(f"{verdict}: {one_line(found.source)}")
    for log in found.logs:
        out.line(f"  {one_line(log.origin or log.tenant)}: {one_line(log.coverage, limit=4000)}")
        out.line(f"  root {log.root_hex}")
        for warning in log.warnings:
            out.line(f"  note: {one_line(warning)}")
    for warning in found.warnings[:_SHOWN]:
        out.line(f"  note: {one_line(warning)}")
    for finding in found.all_findings[:_SHOWN]:
        where = "" if finding.seq is None else f"entry {finding.seq}: "
        out.line(f"  {finding.damage}: {where}{one_line(finding.message)} ({finding.check})")
    hidden = len(found.all_findings) - _SHOWN
    if hidden > 0:
        out.line(f"  and {hidden} more; --json lists them")
    for log in found.logs:
        for one in log.accepted[:_SHOWN]:
            what = one_line(one.finding.message)
            out.line(f"  accepted by two people in entry {one.seq}: {what} ({one.finding.check})")
    if step := next_step_of(found):
        out.line(f"next: {step}")
