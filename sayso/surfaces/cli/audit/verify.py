"""`sayso audit verify`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sayso.audit.safe_open import MAX_HELD_BYTES, read_start
from sayso.errors import Code, ConfigError, IntegrityError, RefusedError
from sayso.sdk.client import Sayso
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out, style_of
from sayso.surfaces.cli.unfinished import until_cancelled
from sayso.surfaces.cli.words import one_line
from sayso.surfaces.cli.workspace import find_workspace, run

if TYPE_CHECKING:
    from sayso.audit.signed_note.timestamps import Authorities, StampedNote
    from sayso.audit.signed_note.witness_policy import WitnessPolicy
    from sayso.audit.verifier.verification import Verification

_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What the auditor holds against the log.

    Attributes:
        keys: public keys.
        seen: signed heads that must still hold.
        remembered: heads that verified before.
        witnessed: notes that count by their cosignatures.
        policy: which witnesses count.
        segments: the folder of the sealed segments' files.
        growths: proofs that the log only grew since a bundle was made.
        authorities: whose time stamps count.
        stamped: heads with time stamps.
    """

    keys: tuple[str, ...]
    seen: tuple[bytes, ...]
    remembered: tuple[bytes, ...]
    witnessed: tuple[bytes, ...]
    policy: WitnessPolicy | None
    segments: Path | None
    growths: tuple[bytes, ...] = ()
    authorities: Authorities | None = None
    stamped: tuple[StampedNote, ...] = ()


def verify(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="PATH",
            help="A database, postgresql://…, env:NAME of one, or an export; else the workspace.",
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
    published: Annotated[
        list[Path] | None,
        typer.Option(
            "--published", metavar="DIR", help="A directory heads are published to; repeatable."
        ),
    ] = None,
    grown: Annotated[
        list[Path] | None,
        typer.Option(
            "--grown",
            metavar="FILE",
            help="A proof that the log only grew between two sizes; repeatable.",
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="Which keys, and how many witnesses."),
    ] = None,
    ask_witnesses: Annotated[
        bool,
        typer.Option("--ask-witnesses", help="Get the newest heads from the policy's witnesses."),
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="FILE", help="Remember what verified, for the next time."),
    ] = None,
    segments: Annotated[
        Path | None,
        typer.Option(
            "--segments",
            metavar="DIR",
            help="Where the files of sealed segments are; a workspace knows its own.",
        ),
    ] = None,
    tsa_roots: Annotated[
        list[Path] | None,
        typer.Option(
            "--tsa-roots",
            metavar="FILE",
            help="Certificates in PEM of time-stamp authorities that count; repeatable.",
        ),
    ] = None,
    timestamps: Annotated[
        list[Path] | None,
        typer.Option(
            "--timestamps",
            metavar="PATH",
            help="Time stamps kept elsewhere, a file or a folder; repeatable.",
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Hashes, signatures and states only: no rules, no other columns.",
            show_default=False,
        ),
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Verify the log: exit status 0 verified, 1 tampered, 2 cannot judge."""
    out = Out(as_json=as_json)
    try:
        held = _held(vkey, checkpoint, published, policy, state, segments, ask_witnesses, out)
        held = replace(
            held, growths=tuple(read_start(file, MAX_HELD_BYTES) for file in grown or ())
        )
        held = _with_stamps(held, tsa_roots or (), timestamps or ())
        if source is None:
            found = _verify_workspace(find_workspace(workspace), held, not quick, out)
        else:
            found = _verify_source(source, held, not quick, out)
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


def _held(
    vkeys: list[str] | None,
    checkpoints: list[Path] | None,
    published: list[Path] | None,
    policy: Path | None,
    state: Path | None,
    segments: Path | None,
    ask_witnesses: bool,
    out: Out,
) -> _Held:
    # Only this command needs them.
    from sayso.audit.publishing.directory import read_published
    from sayso.audit.signed_note.witness_policy import WitnessPolicy
    from sayso.audit.verifier.memory import read_memory

    seen = [read_start(file, MAX_HELD_BYTES) for file in checkpoints or ()]
    for folder in published or ():
        seen += read_published(folder)
    remembered = () if state is None else read_memory(state).checkpoints()
    rules = WitnessPolicy.read(policy) if policy is not None else None
    witnessed: tuple[bytes, ...] = ()
    if ask_witnesses:
        if rules is None:
            raise ConfigError(
                Code.INVALID_SETTING,
                "without a policy nobody knows whom to ask",
                next_step="pass --policy FILE",
            )
        from sayso.audit.publishing.witness_queries import ask_all  # needs the network

        witnessed, silent = run(ask_all(rules))
        for name in silent:
            out.note(f"the witness `{name}` gave no checkpoint")
    if segments is not None and not segments.is_dir():
        raise ConfigError(
            Code.NOTHING_TO_VERIFY,
            f"there is no folder `{segments}`",
            next_step="give the folder that has a folder of segments for each tenant",
        )
    return _Held(
        keys=tuple(vkeys or ()),
        seen=tuple(seen),
        remembered=remembered,
        witnessed=witnessed,
        policy=rules,
        segments=segments,
    )


def _with_stamps(held: _Held, roots: Sequence[Path], paths: Sequence[Path]) -> _Held:
    from sayso.audit.signed_note.timestamps import (
        read_stamps,  # only this command needs the verifier
    )
    from sayso.audit.verify import open_authorities

    authorities = open_authorities(roots, paths)
    stamped = tuple(one for path in paths for one in read_stamps(path))
    return replace(held, authorities=authorities, stamped=stamped)


def _verify_workspace(folder: Path, held: _Held, deep: bool, out: Out) -> Verification:
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
                progress=until_cancelled(_progress(out)),
            )

    return run(work())


def _verify_source(source: str, held: _Held, deep: bool, out: Out) -> Verification:
    from sayso.audit.verifier.checks import Trust  # only this command needs the verifier
    from sayso.audit.verify import verify as verify_source

    trust = Trust.parse(
        held.keys,
        held.seen,
        remembered=held.remembered,
        witnessed=held.witnessed,
        policy=held.policy,
        segments=held.segments,
        growths=held.growths,
        authorities=held.authorities,
        stamped=held.stamped,
    )
    url = _url_in(source)
    if url is not None:
        from sayso.sdk.audit.verifying import verify_postgres  # as above

        return verify_postgres(url, trust=trust, deep=deep, progress=_progress(out))
    return verify_source(Path(source), trust=trust, deep=deep, progress=_progress(out))


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
