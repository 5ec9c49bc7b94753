"""`sayso work`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from sayso.sdk.client import Sayso
from sayso.sdk.resources.work import KINDS, WorkView
from sayso.surfaces.cli.options import JsonOption, LimitOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import OK
from sayso.surfaces.cli.words import one_line
from sayso.surfaces.cli.workspace import find_workspace, look, person_token

app = typer.Typer(help="What machines left to people: list, show, take, note, end.")

AboutArgument = Annotated[
    str,
    typer.Argument(metavar="ID", help="The request, the action, or the refund."),
]
NoteArgument = Annotated[str, typer.Argument(metavar="NOTE", help="For your colleagues.")]


@app.command("list")
def list_work(
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help=f"Only this: {', '.join(KINDS)}."),
    ] = None,
    person: Annotated[
        str | None, typer.Option("--person", metavar="ID", help="Only what they have taken.")
    ] = None,
    limit: LimitOption = 50,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """List what machines left to people, and nobody has ended."""
    out = Out(as_json=as_json)
    found = look(
        find_workspace(workspace),
        lambda sayso: sayso.work.list(kinds=tuple(kind or KINDS), assignee=person, limit=limit),
    )
    if as_json:
        out.document({"items": found})
        return OK
    for one in found:
        _line(out, one)
    if not found:
        out.line("Nothing is left to people.")
    return OK


@app.command("show")
def show_work(
    about: AboutArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> int:
    """Show one with its notes."""
    out = Out(as_json=as_json)
    return _told(out, look(find_workspace(workspace), lambda sayso: sayso.work.get(about)))


@app.command("take")
def take_work(
    about: AboutArgument,
    person: Annotated[
        str | None, typer.Option("--to", metavar="ID", help="Give it to them instead.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Take it, or give it to somebody."""
    return _say(
        workspace,
        as_json,
        lambda sayso, secret: sayso.work.take(about, token=secret, person=person, via="cli"),
    )


@app.command("note")
def note_work(
    about: AboutArgument,
    note: NoteArgument,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Note something about it."""
    return _say(
        workspace,
        as_json,
        lambda sayso, secret: sayso.work.note(about, note, token=secret, via="cli"),
    )


@app.command("end")
def end_work(
    about: AboutArgument,
    note: NoteArgument,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say that nobody has to do anything about it any more."""
    return _say(
        workspace,
        as_json,
        lambda sayso, secret: sayso.work.end(about, note, token=secret, via="cli"),
    )


def _say(
    workspace: Path | None, as_json: bool, say: Callable[[Sayso, str], Awaitable[WorkView]]
) -> int:
    folder = find_workspace(workspace)
    secret = person_token(folder)
    return _told(Out(as_json=as_json), look(folder, lambda sayso: say(sayso, secret)))


def _told(out: Out, view: WorkView) -> int:
    if out.as_json:
        out.document(view)
        return OK
    _line(out, view)
    for note in view.notes:
        out.line(f"  {one_line(note.person)}: {one_line(note.text) or '(nothing is left of it)'}")
    return OK


def _line(out: Out, view: WorkView) -> None:
    who = "ended" if view.ended else view.assignee or "nobody has taken it"
    money = f" {view.amount}" if view.amount is not None else ""
    what = f" {view.what}" if view.what else ""
    kind = view.kind.replace("_", " ")
    out.line(f"{view.about}  {kind}{what}{money}  {one_line(view.subject)}  {one_line(who)}")
    if view.why:
        out.line(f"  {one_line(view.why)}")
