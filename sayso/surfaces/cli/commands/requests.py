"""`sayso requests list|show|answer|withdraw`."""

from __future__ import annotations

from typing import Annotated

import typer

from sayso.errors import SaysoError
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import RequestView
from sayso.surfaces.cli.commands.ask import show_asked
from sayso.surfaces.cli.options import (
    AfterOption,
    JsonOption,
    KeyOption,
    LimitOption,
    WaitOption,
    WorkspaceOption,
)
from sayso.surfaces.cli.output import Out, local_time
from sayso.surfaces.cli.pages import read_page, show_page
from sayso.surfaces.cli.show import show_request
from sayso.surfaces.cli.unfinished import problem_of_request, telling
from sayso.surfaces.cli.workspace import find_workspace, read_workspace, requester, run

app = typer.Typer(help="What customers asked in words: list, show, answer, withdraw.")


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
    read = read_page(
        workspace,
        lambda sayso, n, last: sayso.requests.list(status=status, limit=n, after=last),
        limit,
        after,
    )
    show_page(
        out,
        "requests list",
        read,
        columns=["id", "status", "kind", "customer", "planned by", "actions", "at"],
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
    kind = request.kind or ""
    return [request.id, request.status, kind, request.subject, planner, count, at]


@app.command()
def show(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="The request, req_….")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show a request: its plan, what became of each step, and what the customer can be told."""
    out = Out(as_json=as_json)
    request = read_workspace(
        find_workspace(workspace), lambda sayso: sayso.requests.get(request_id)
    )
    if as_json:
        out.document(request)
        return 0
    show_request(out, request, why=True)
    return 0


@app.command()
def answer(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="The request, req_….")],
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="What the customer wrote; may be left out.")
    ] = "",
    choice: Annotated[
        str | None,
        typer.Option("--choice", metavar="VALUE", help="Which of the choices they picked."),
    ] = None,
    question: Annotated[
        int | None,
        typer.Option(
            "--question", metavar="N", min=1, help="Its number; else the one that is open."
        ),
    ] = None,
    key: KeyOption = None,
    wait: WaitOption = 30.0,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Hand over what a customer answered to a question."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)

    async def work() -> tuple[RequestView, SaysoError | None]:
        async with Sayso.open(folder, mode="decide") as sayso:
            by = await requester(sayso)
            number = question
            if number is None:
                open_one = (await sayso.requests.get(request_id)).question
                number = 1 if open_one is None else open_one.number
            async with telling(out, lambda: sayso.requests.get(request_id)):
                answered = await sayso.requests.answer(
                    request_id,
                    text,
                    question=number,
                    choice=choice,
                    idempotency_key=key,
                    wait_s=wait,
                    requester=by,
                )
            return answered, problem_of_request(sayso, sayso.tenant, answered)

    out.note("planning …")
    request, problem = run(work())
    return show_asked(out, request, problem, wait)


@app.command()
def withdraw(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="The request, req_….")],
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="What the customer wrote; may be left out.")
    ] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Take a request back, as the customer wants it: what has not begun is stopped."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)

    async def work() -> RequestView:
        async with Sayso.open(folder, mode="decide") as sayso:
            by = await requester(sayso)
            return await sayso.requests.withdraw(request_id, text, requester=by)

    request = run(work())
    if as_json:
        out.document(request)
        return 0
    show_request(out, request)
    return 0
