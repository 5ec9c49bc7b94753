"""`sayso requests list|show`."""

from __future__ import annotations

from typing import Annotated

import typer

from sayso.sdk.app import Sayso
from sayso.sdk.views import RequestView
from sayso.surfaces.cli.options import AfterOption, JsonOption, LimitOption, WorkspaceOption
from sayso.surfaces.cli.output import Out, local_time
from sayso.surfaces.cli.pages import Page, page, show_more
from sayso.surfaces.cli.place import find_workspace, run
from sayso.surfaces.cli.show import show_request

app = typer.Typer(help="Look at what customers asked in words: list, show.")


@app.command("list")
def list_requests(
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="STATUS", help="Only in this state, as handed_over."),
    ] = None,
    limit: LimitOption = 50,
    after: AfterOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """List requests, newest first."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)

    async def work() -> Page[RequestView]:
        async with Sayso.open(folder, act=False) as sayso:
            return await page(
                lambda n, last: sayso.requests(status=status, limit=n, after=last), limit, after
            )

    read = run(work())
    found = read.rows
    if as_json:
        out.document({"requests": found, "after": read.after})
    elif not found:
        out.line("No request fits." if status else "Nothing was asked in words yet.")
        out.line('Ask something: sayso ask "Please refund order 1042" --subject cus_…')
    else:
        columns = ["id", "status", "customer", "planned by", "actions", "at"]
        out.table(columns, [_row(one) for one in found])
        options = {"--status": status, "-n": limit, "--workspace": workspace}
        show_more(out, "requests list", options, read.after)
    return 0


def _row(request: RequestView) -> list[str]:
    planner, at = request.planner or "nobody", local_time(request.created_at)[:16]
    count = str(len(request.actions))
    return [request.id, request.status, request.subject, planner, count, at]


@app.command()
def show(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="The request, req_….")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show a request: its plan, what became of each step, and what the customer can be told."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)

    async def work() -> RequestView:
        async with Sayso.open(folder, act=False) as sayso:
            return await sayso.request(request_id)

    request = run(work())
    if as_json:
        out.document(request)
        return 0
    show_request(out, request, why=True)
    return 0
