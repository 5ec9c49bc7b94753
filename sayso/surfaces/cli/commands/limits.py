"""`sayso limits`."""

from __future__ import annotations

import typer

from sayso.sdk.resources.limits import used_words
from sayso.surfaces.cli.options import JsonOption, LimitOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import OK
from sayso.surfaces.cli.words import one_line
from sayso.surfaces.cli.workspace import find_workspace, look

app = typer.Typer()


@app.command()
def limits(
    limit: LimitOption = 10, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> int:
    """Show the limits in force, and how much of each is used."""
    out = Out(as_json=as_json)
    found = look(find_workspace(workspace), lambda sayso: sayso.limits.list(limit=limit))
    if as_json:
        out.document({"items": found})
        return OK
    if not found:
        out.line("No limits are in force.")
        out.line("next: write policies/limits.toml, and put it in force with `policy activate`")
    for one in found:
        then = "is refused" if one.beyond == "refuse" else f"needs {one.beyond}"
        out.line(f"{one.id}: {one_line(one.say)}; more {then}")
        for use in one.uses:
            out.line(f"  {one_line(use.whose) or '(not told)'}  {used_words(use)} {one.window}")
        if not one.uses:
            out.line(
                "  nothing waits" if one.window == "at once" else f"  nothing is used {one.window}"
            )
    return OK
