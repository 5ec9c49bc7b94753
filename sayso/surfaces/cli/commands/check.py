"""`sayso check`."""

from __future__ import annotations

import os

import typer

from sayso.sdk.setup.check import check_workspace
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import OK, USAGE
from sayso.surfaces.cli.words import one_line
from sayso.surfaces.cli.workspace import find_workspace, run

app = typer.Typer()


@app.command()
def check(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Check a workspace, and list everything that is wrong."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    looked_at, found = run(check_workspace(folder, os.environ))
    wrong = [one for one in found if not one.warning]
    if as_json:
        out.document(
            {
                "ok": not wrong,
                "workspace": str(folder.absolute()),
                "looked_at": looked_at,
                "problems": [
                    {
                        "place": one.place,
                        "code": one.code.value,
                        "detail": one.message,
                        "next_step": one.next_step,
                        "warning": one.warning,
                    }
                    for one in found
                ],
            }
        )
        return USAGE if wrong else OK
    for place in dict.fromkeys(looked_at):
        bad = any(one.place == place for one in wrong)
        out.line(f"{'wrong' if bad else 'fine':<6} {place}")
    for one in found:
        out.warn("")
        kind = "note" if one.warning else "error"
        out.warn(f"{kind}: {one.place}: {one_line(one.message, limit=1000)} [{one.code}]")
        out.warn(f"next: {one_line(one.next_step, limit=1000)}")
    if not wrong:
        out.line()
        out.line('All fine. next: sayso ask "…" --subject cus_…')
    return USAGE if wrong else OK
