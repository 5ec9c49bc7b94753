"""`sayso audit ask`, and `sayso audit query --export`: of a workspace, or of an export alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import sayso.audit.verifier.flags as flags
from sayso.errors import Code, ConfigError
from sayso.sdk.client import Sayso
from sayso.surfaces.cli.command import told
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption, flag_option
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.workspace import CLI, find_workspace, read_workspace

if TYPE_CHECKING:
    from sayso.audit.verifier.checks import Trust

ExportOption = Annotated[
    Path | None,
    typer.Option(
        "--export", metavar="PATH", help="Ask an export, once it verified; needs no workspace."
    ),
]


VkeyOption = Annotated[list[str] | None, flag_option(flags.VKEY)]


def ask(
    question: Annotated[
        str | None,
        typer.Argument(metavar="QUESTION", help="Such as four-eyes; without one, all are listed."),
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="DAY", help="From this day on, UTC: 2026-11-01.")
    ] = "",
    until: Annotated[
        str, typer.Option("--until", metavar="DAY", help="To this day, included.")
    ] = "",
    over: Annotated[
        str, typer.Option("--over", metavar="AMOUNT", help="Only more money: 100USD.")
    ] = "",
    export: ExportOption = None,
    vkey: VkeyOption = None,
    checkpoint: Annotated[list[Path] | None, flag_option(flags.CHECKPOINT)] = None,
    grown: Annotated[list[Path] | None, flag_option(flags.GROWN)] = None,
    policy: Annotated[Path | None, flag_option(flags.POLICY)] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Ask the log one of ten questions that auditors ask; the question is an entry itself."""
    out = Out(as_json=as_json)
    if question is None:
        return _list(out)
    if export is not None:
        trust = _trust(vkey or (), checkpoint or (), grown or (), policy)
        said = _of_export(export, question, (since, until, over), trust)
    else:
        folder = find_workspace(workspace)

        async def work(sayso: Sayso) -> dict[str, Any]:
            found = await sayso.audit.ask(question, since=since, until=until, over=over, by=CLI)
            return found.model_dump(mode="json")

        said = read_workspace(folder, partial(told, out, work))
    if as_json:
        out.document(said)
        return 0
    out.line(f"verified: {said['verified']}")
    if not said["pinned"]:
        out.line("note: pin the log's key by --vkey or --policy, or anybody may have written it")
    columns: list[str] = said["columns"]
    if said["items"]:
        out.table(columns, [[str(row[name]) for name in columns] for row in said["items"]])
    else:
        out.line(said["nothing"])
    if said["more"]:
        out.line("there are more: ask about fewer days, with --since and --until")
    return 0


def _list(out: Out) -> int:
    from sayso.audit.questions.catalog import questions  # `sayso --help` does without them

    found = list(questions().values())
    if out.as_json:
        items = [{"name": one.name, "title": one.title, "tells": one.tells} for one in found]
        out.document({"items": items})
    else:
        out.table(["question", "in words"], [[one.name, one.title] for one in found])
        out.line("ask one: sayso audit ask four-eyes --since 2026-11-01")
    return 0


def _trust(
    vkeys: Sequence[str], checkpoints: Sequence[Path], grown: Sequence[Path], policy: Path | None
) -> Trust:
    """What an auditor holds against an export, as `sayso audit verify` takes it.

    Raises:
        ConfigError: `nothing_to_verify`, where a file cannot be read.
    """
    try:
        return flags.read_held(
            vkeys=vkeys,
            checkpoints=checkpoints,
            grown=grown,
            policy=policy,
            segments=None,
            tsa_roots=(),
            timestamps=(),
        ).trust
    except OSError as error:
        raise ConfigError(
            Code.NOTHING_TO_VERIFY,
            f"`{error.filename}` cannot be read: {error.strerror}",
            next_step="check the path of what you hold against the log",
        ) from error


def _of_export(
    path: Path, question: str, asked: tuple[str, str, str], trust: Trust
) -> dict[str, Any]:
    # Only auditors need the verifier.
    from sayso.audit.questions.answer import QuestionScope
    from sayso.audit.questions.exports import ask_export

    read = QuestionScope.read(*asked)
    return ask_export(path, question, read, trust=trust).to_json()
