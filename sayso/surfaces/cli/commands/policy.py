"""`sayso policy`: what is in force, what the files say, and who changed it when."""

from __future__ import annotations

from typing import Annotated

import typer

from sayso.sdk.resources.policy import (
    ActivationView,
    PolicyChangeView,
    PolicyDraftView,
    PolicyTextView,
    PolicyVersionView,
)
from sayso.surfaces.cli.options import JsonOption, LimitOption, WorkspaceOption
from sayso.surfaces.cli.output import Out, local_time
from sayso.surfaces.cli.problem import OK
from sayso.surfaces.cli.words import one_line
from sayso.surfaces.cli.workspace import find_workspace, look, person_token

app = typer.Typer(help="The policy: what is in force, drafts, who changed it.")

NoteOption = Annotated[
    str, typer.Option("--note", metavar="TEXT", help="Why, for whoever looks; stands in the log.")
]
NONE_YET = "No version is in force yet: what the files say becomes the first with `policy activate`"


@app.command()
def show(
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", help="Another one than is in force.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show what is in force: who put it there, and what it says."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    found = look(
        folder,
        lambda sayso: sayso.policy.in_force() if version is None else sayso.policy.version(version),
    )
    if as_json:
        out.document(found)
    elif found is None:
        out.line(f"{NONE_YET}.")
    else:
        _show_text(out, found)
    return OK


@app.command()
def diff(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Show how the files differ from what is in force."""
    out = Out(as_json=as_json)
    found = look(find_workspace(workspace), lambda sayso: sayso.policy.draft())
    if as_json:
        out.document(found)
    else:
        _show_draft(out, found)
    return OK


@app.command()
def activate(
    note: NoteOption = "",
    sha256: Annotated[
        str,
        typer.Option("--sha256", metavar="HEX", help="Only this draft, as `policy diff` names it."),
    ] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Put what the files say in force, in every process, from now on."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    token = person_token(folder)
    done = look(
        folder,
        lambda sayso: sayso.policy.activate(token=token, note=note, sha256=sha256, via="cli"),
    )
    _show_done(out, done)
    return OK


@app.command()
def confirm(
    change: Annotated[str, typer.Argument(metavar="ID", help="The change, pol_….")],
    sha256: Annotated[
        str, typer.Argument(metavar="SHA256", help="Its digest, or the first 12 digits of it.")
    ],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Put in force what somebody else asked for, as the second person."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    token = person_token(folder)
    version = look(
        folder, lambda sayso: sayso.policy.confirm(change, sha256=sha256, token=token, via="cli")
    )
    _show_done(out, ActivationView(version=version))
    return OK


@app.command()
def withdraw(
    change: Annotated[str, typer.Argument(metavar="ID", help="The change, pol_….")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """End a change that waits for a second person."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    token = person_token(folder)
    found = look(folder, lambda sayso: sayso.policy.withdraw(change, token=token, via="cli"))
    if as_json:
        out.document(found)
    else:
        out.line(f"{found.id} is withdrawn; nothing has changed.")
    return OK


@app.command()
def rollback(
    version: Annotated[int, typer.Argument(metavar="N", help="The version whose text comes back.")],
    note: NoteOption = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Put an earlier version's text in force again, under a new number."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    token = person_token(folder)
    done = look(
        folder, lambda sayso: sayso.policy.rollback(version, token=token, note=note, via="cli")
    )
    _show_done(out, done)
    return OK


@app.command()
def history(
    limit: LimitOption = 50,
    after: Annotated[
        int | None, typer.Option("--after", metavar="N", help="Go on below this version.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the versions, newest first, and what waits for a second person."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    waiting = look(folder, lambda sayso: sayso.policy.changes())
    found = look(folder, lambda sayso: sayso.policy.history(limit=limit, after=after))
    if as_json:
        out.document({"items": found, "waiting": waiting})
        return OK
    for change in waiting:
        _show_change(out, change)
    if not found:
        out.line(f"{NONE_YET}.")
        return OK
    out.table(["version", "since", "by", "does", "sha256", "note"], list(map(_row, found)))
    return OK


def _row(version: PolicyVersionView) -> list[str]:
    since = local_time(version.activated_at)[:16]
    sha256 = version.sha256[:12]
    return [str(version.version), since, _who(version), version.direction, sha256, version.note]


def _who(version: PolicyVersionView) -> str:
    people = [version.asked_by, version.activated_by]
    return " + ".join(one.removeprefix("person:") for one in people if one is not None)


def _show_text(out: Out, found: PolicyTextView) -> None:
    version = found.version
    out.pairs(
        [
            ("version", str(version.version)),
            ("since", local_time(version.activated_at)),
            ("by", _who(version)),
            ("note", version.note),
            ("sha256", version.sha256),
            ("roles", ", ".join(found.roles)),
            ("changed by", ", ".join(found.activate)),
            ("a loosening needs", f"{found.loosening_needs}"),
        ]
    )
    for name, text in sorted(found.files.items()):
        out.line()
        out.line(f"--- {one_line(name)}")
        for line in text.rstrip("\n").split("\n"):
            out.line(_indented(line))


def _show_draft(out: Out, found: PolicyDraftView) -> None:
    if found.version is None:
        out.line(f"{NONE_YET}.")
    elif not found.changed:
        out.line(f"The files say what version {found.version} says, which is in force.")
    else:
        out.line(f"draft {found.sha256[:12]} against version {found.version}, which is in force")
        out.line(f"changed: {', '.join(one_line(name) for name in found.changed)}")
        for line in found.text_diff.split("\n"):
            out.line(_indented(line))
        out.line("next: sayso policy activate")


def _indented(line: str) -> str:
    """A line of a file without what a terminal would obey, with its blanks in front."""
    bare = line.lstrip(" ")
    return " " * (len(line) - len(bare)) + (one_line(bare, limit=1000) if bare else "")


def _show_done(out: Out, done: ActivationView) -> None:
    if out.as_json:
        out.document(done)
        return
    if done.version is not None:
        version = done.version
        out.line(f"Version {version.version} is in force, in every process ({version.direction}).")
    if done.waits is not None:
        _show_change(out, done.waits)


def _show_change(out: Out, change: PolicyChangeView) -> None:
    since = local_time(change.asked_at)[:16]
    out.line(f"{change.id} waits for a second person ({change.asked_by}, {since}).")
    out.line(f"  {change.direction}, {change.sha256[:12]} on version {change.parent}")
    out.line(f"next: {change.next_step}")
