"""`sayso prompts`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from sayso.sdk.client import Sayso
from sayso.sdk.resources.prompts import PromptsView
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import OK
from sayso.surfaces.cli.workspace import find_workspace, person_token, read_workspace, run

app = typer.Typer(help="The prompts of models: show, try, promote, rollback.")

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="As its file in prompts/ is called: plan.v2.")
]


@app.command("show")
def show_prompts(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Show which prompt is in force, the candidate, and how each did."""
    out = Out(as_json=as_json)
    return _show(out, read_workspace(find_workspace(workspace), lambda sayso: sayso.prompts.show()))


@app.command("try")
def try_prompt(
    name: NameArgument,
    percent: Annotated[int, typer.Option("--percent", min=1, max=99)] = 10,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Give a part of the requests another prompt, always the same ones."""
    return _choose(
        workspace,
        as_json,
        lambda sayso, token: sayso.prompts.try_out(name, percent, token=token, via="cli"),
    )


@app.command("promote")
def promote(
    name: NameArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> int:
    """Put a prompt in force for every request."""
    return _choose(
        workspace,
        as_json,
        lambda sayso, token: sayso.prompts.promote(name, token=token, via="cli"),
    )


@app.command("rollback")
def roll_back(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """End the candidate; without one, put the prompt before in force again."""
    return _choose(
        workspace, as_json, lambda sayso, token: sayso.prompts.roll_back(token=token, via="cli")
    )


def _choose(
    workspace: Path | None,
    as_json: bool,
    choose: Callable[[Sayso, str], Awaitable[PromptsView]],
) -> int:
    folder = find_workspace(workspace)
    token = person_token(folder)

    async def work() -> PromptsView:
        async with Sayso.open(folder, mode="decide") as sayso:
            return await choose(sayso, token)

    return _show(Out(as_json=as_json), run(work()))


def _show(out: Out, found: PromptsView) -> int:
    if out.as_json:
        out.document(found)
        return OK
    out.line(f"current    {found.current}  {found.current_sha256[:12]}")
    if found.candidate is not None:
        out.line(f"candidate  {found.candidate} for {found.percent} % of the requests")
    rows = [
        [one.prompt, str(one.planned), str(one.handed_over), f"${one.micro_usd / 1e6:,.4f}"]
        for one in found.variants
    ]
    if rows:
        out.table(["prompt", "planned", "handed over", "cost"], rows)
    return OK
