"""`sayso init`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sayso.sdk.setup.scaffold import create_workspace
from sayso.sdk.setup.scaffold_tables import BY_DEFAULT
from sayso.surfaces.cli.options import JsonOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.workspace import run, user_id

if TYPE_CHECKING:
    from sayso.sdk.setup.scaffold import Scaffold

app = typer.Typer()

_KEY = {"STRIPE_API_KEY": "sk_test_…"}
"""How a key begins, where that says which of several is meant."""


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where; made when it is not there.")
    ] = Path(),
    approver: Annotated[
        str | None,
        typer.Option(
            "--approver", metavar="ID", help="The first person who may decide; else your user name."
        ),
    ] = None,
    connectors: Annotated[
        str,
        typer.Option(
            "--with", metavar="NAMES", help="Connectors of those that ship, with commas between."
        ),
    ] = ",".join(BY_DEFAULT),
    as_json: JsonOption = False,
) -> int:
    """Make a workspace: settings, policy, key, database, approver."""
    out = Out(as_json=as_json)
    made = run(
        create_workspace(
            folder,
            approver=approver or user_id(),
            connectors=[name.strip() for name in connectors.split(",") if name.strip()],
        )
    )
    steps = _next_steps(made)
    if as_json:
        out.document(
            {
                "folder": str(made.folder),
                "files": list(made.files),
                "approver": made.approver,
                "vkey": made.vkey,
                "next": steps,
            }
        )
        return 0
    out.line(f"A workspace is in {made.folder}")
    for name in made.files:
        out.line(f"  {name}")
    out.line()
    out.line(f"{made.approver} may decide, by the token in .sayso/person.token (90 days).")
    out.line(f"Auditors pin this key: {made.vkey}")
    out.line()
    out.line("Next:")
    for step in steps:
        out.line(f"  {step}", here=made.folder)
    return 0


def _next_steps(made: Scaffold) -> list[str]:
    here = Path.cwd()
    shown = made.folder
    if shown.is_relative_to(here):
        shown = shown.relative_to(here)
    enter = "" if made.folder == here else f"cd {shlex.quote(str(shown))} && "
    keys = [f"export {name}={_KEY.get(name, '…')}" for name in made.secrets]
    if made.to_fill_in:
        # Only a person's activation puts a policy in force that `init` could not read.
        keys = [f"fill in {', '.join(made.to_fill_in)} in sayso.toml", *keys]
        keys.append("sayso policy activate")
    steps = [*keys, "sayso check", 'sayso ask "Please refund order 1042" --subject cus_…']
    return [f"{enter}{steps[0]}", *steps[1:]]
