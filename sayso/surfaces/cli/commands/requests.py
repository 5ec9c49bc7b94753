"""`sayso requests list|show`."""

from __future__ import annotations

from typing import Annotated

import typer

from sayso.sdk.views import RequestView
from sayso.surfaces.cli.options import AfterOption, JsonOption, LimitOption, WorkspaceOption
from sayso.surfaces.cli.output import Out, local_time
from sayso.surfaces.cli.pages import page, show_page
from sayso.surfaces.cli.show import show_request
from sayso.surfaces.cli.workspace import find_workspace, look

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
    read = look(
        find_workspace(workspace),
        lambda sayso: page(
            lambda n, last: sayso.requests.list(status=status, limit=n, after=last), limit, after
        ),
    )
    show_page(
        out,
        "requests list",
        read,
        columns=["id", "status", "customer", "planned by", "actions", "at"],
        row=_row,
        nothing=[
            "No request fits." if status else "Nothing was asked in words yet.",
            'Ask something: sayso ask "Please refund order 1042" --subject cus_…',
        ],
        options={"--status": status, "-n": limit, "--workspace": workspace},
    )
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
    request = look(find_workspace(workspace), lambda sayso: sayso.requests.get(request_id))
    if as_json:
        out.document(request)
        return 0
    show_request(out, request, why=True)
    return 0
