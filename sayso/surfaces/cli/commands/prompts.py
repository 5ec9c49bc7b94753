"""`sayso prompts`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.output import Out

if TYPE_CHECKING:
    from sayso.sdk.resources.prompts import PromptsView

app = typer.Typer(help="The prompts of models: show, try, promote, rollback.")

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="As its file in prompts/ is called: plan.v2.")
]


@command(app, "show")
def show_prompts(here: Here) -> None:
    """Show which prompt is in force, the candidate, and how each did."""
    here.show(here.read(lambda sayso: sayso.prompts.show()), _show)


@command(app, "try")
def try_prompt(
    here: Here,
    name: NameArgument,
    percent: Annotated[int, typer.Option("--percent", min=1, max=99)] = 10,
) -> None:
    """Give a part of the requests another prompt, always the same ones."""
    here.show(
        here.act(lambda sayso: sayso.prompts.try_out(name, percent, token=here.token, via="cli")),
        _show,
    )


@command(app, "promote")
def promote(here: Here, name: NameArgument) -> None:
    """Put a prompt in force for every request."""
    here.show(
        here.act(lambda sayso: sayso.prompts.promote(name, token=here.token, via="cli")), _show
    )


@command(app, "rollback")
def roll_back(here: Here) -> None:
    """End the candidate; without one, put the prompt before in force again."""
    here.show(here.act(lambda sayso: sayso.prompts.roll_back(token=here.token, via="cli")), _show)


def _show(out: Out, found: PromptsView) -> None:
    out.line(f"current    {found.current}  {found.current_sha256[:12]}")
    if found.candidate is not None:
        out.line(f"candidate  {found.candidate} for {found.percent} % of the requests")
    rows = [
        [one.prompt, str(one.planned), str(one.handed_over), f"${one.micro_usd / 1e6:,.4f}"]
        for one in found.variants
    ]
    if rows:
        out.table(["prompt", "planned", "handed over", "cost"], rows)
