"""`sayso stop` and `sayso stop list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sayso.audit.authority.credentials import HOST
from sayso.errors import RefusedError
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import may_stop
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.options import AfterOption, JsonOption, LimitOption, WorkspaceOption
from sayso.surfaces.cli.output import Out, local_time
from sayso.surfaces.cli.pages import read_page, show_page
from sayso.surfaces.cli.problem import OK, usage
from sayso.surfaces.cli.show import show_stop
from sayso.surfaces.cli.words import one_line
from sayso.surfaces.cli.workspace import CLI, find_workspace, person_token, run

if TYPE_CHECKING:
    from sayso.sdk.resources.tokens import Token
    from sayso.sdk.views.rows import StopView

app = typer.Typer(help="Stop at once, and see what is stopped: list.")


@app.callback(invoke_without_command=True)
def stop(
    context: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Every tenant of the database.", show_default=False)
    ] = False,
    tenant: Annotated[
        bool, typer.Option("--tenant", help="The workspace's tenant.", show_default=False)
    ] = False,
    connector: Annotated[
        str | None, typer.Option("--connector", metavar="NAME", help="One connector.")
    ] = None,
    action: Annotated[
        str | None, typer.Option("--action", metavar="NAME", help="One kind of action.")
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="ID", help="One customer.")
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why, for whoever looks.")
    ] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Stop at once, until two people resume. Calls under way are finished; the rest waits."""
    if context.invoked_subcommand is not None:
        return OK
    named = [
        *([("all", "")] if everything else []),
        *([("tenant", "")] if tenant else []),
        *([("connector", connector)] if connector is not None else []),
        *([("action", action)] if action is not None else []),
        *([("customer", customer)] if customer is not None else []),
    ]
    if len(named) != 1:
        raise usage(
            "say what to stop, one thing at a time",
            "give --all, --tenant, --connector NAME, --action NAME or --customer ID",
        )
    scope, target = named[0]
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)

    async def work() -> tuple[StopView, str]:
        async with Sayso.open(folder, mode="read") as sayso:
            doubt = await sayso.stops.check(scope, target)
            try:
                token = await _stopper(sayso, person_token(folder))
                by, credential = token.actor, token.id
            except RefusedError as error:
                # A brake must not depend on a token; whoever stands at the machine may pull it.
                out.note(f"stopped by the command line of this machine: {error.message}")
                by, credential = CLI, HOST
            stopped = await sayso.stops.engage(
                scope, target, reason=reason, by=by, credential=credential, via="cli"
            )
            return stopped, doubt

    found, doubt = run(work())
    if as_json:
        out.document(found)
    else:
        show_stop(out, found)
    if found.doubt:
        out.warn(f"LOOK AGAIN: {one_line(found.doubt)}")
        if found.scope == "customer":
            out.warn("next: see that the id is right: sayso customers find ACCOUNT")
    if doubt:
        out.warn(
            f"not checked whether there is the {scope} `{one_line(target)}`: {one_line(doubt)}"
        )
        out.warn("next: see that the name is right, or stop the whole tenant with --tenant")
    return OK


async def _stopper(sayso: Sayso, secret: str) -> Token:
    return may_stop(await sayso.authentication.holder(secret, via="cli", own=True))


@command(app, "list")
def list_stops(
    here: Here,
    ended: Annotated[
        bool, typer.Option("--ended", help="Those that were released, too.", show_default=False)
    ] = False,
    limit: LimitOption = 50,
    after: AfterOption = None,
) -> None:
    """List the stops in force, newest first."""
    released = None if ended else False
    read = read_page(
        here,
        lambda sayso, n, last: sayso.stops.list(released=released, limit=n, after=last),
        limit,
        after,
    )
    show_page(
        here,
        "stop list",
        read,
        columns=["id", "status", "what", "held", "by", "at", "reason"],
        row=_row,
        nothing=["Nothing is stopped."],
        options={"--ended": ended, "-n": limit},
    )


def _row(stop: StopView) -> list[str]:
    what = f"{stop.scope} {stop.target}".strip()
    at = local_time(stop.engaged_at)[:16]
    return [stop.id, stop.status, what, str(stop.held), stop.engaged_by, at, stop.reason]
