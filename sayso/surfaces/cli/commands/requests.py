"""`sayso requests list|show|answer|withdraw`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sayso.errors import SaysoError
from sayso.sdk.client import Sayso
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.commands.ask import show_asked
from sayso.surfaces.cli.options import (
    AfterOption,
    KeyOption,
    LimitOption,
    WaitOption,
)
from sayso.surfaces.cli.output import local_time
from sayso.surfaces.cli.pages import read_page, show_page
from sayso.surfaces.cli.show import show_request
from sayso.surfaces.cli.unfinished import problem_of_request, telling
from sayso.surfaces.cli.workspace import requester

if TYPE_CHECKING:
    from sayso.sdk.views.rows import RequestView

app = typer.Typer(help="What customers asked in words: list, show, answer, withdraw.")


@command(app, "list")
def list_requests(
    here: Here,
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="STATUS", help="Only in this state, as handed_over."),
    ] = None,
    limit: LimitOption = 50,
    after: AfterOption = None,
) -> None:
    """List requests, newest first."""
    read = read_page(
        here,
        lambda sayso, n, last: sayso.requests.list(status=status, limit=n, after=last),
        limit,
        after,
    )
    show_page(
        here,
        "requests list",
        read,
        columns=["id", "status", "kind", "customer", "planned by", "actions", "at"],
        row=_row,
        nothing=[
            "No request fits." if status else "Nothing was asked in words yet.",
            'Ask something: sayso ask "Please refund order 1042" --subject cus_…',
        ],
        options={"--status": status, "-n": limit},
    )


def _row(request: RequestView) -> list[str]:
    planner, at = request.planner or "nobody", local_time(request.created_at)[:16]
    count = str(len(request.actions))
    kind = request.kind or ""
    return [request.id, request.status, kind, request.subject, planner, count, at]


@command(app)
def show(
    here: Here, request_id: Annotated[str, typer.Argument(metavar="ID", help="The request, req_….")]
) -> None:
    """Show a request: its plan, what became of each step, and what the customer can be told."""
    out = here.out
    request = here.read(lambda sayso: sayso.requests.get(request_id))
    if out.as_json:
        out.document(request)
        return
    show_request(out, request, why=True)


@command(app)
def answer(
    here: Here,
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
) -> int:
    """Hand over what a customer answered to a question."""
    out = here.out

    async def work(sayso: Sayso) -> tuple[RequestView, SaysoError | None]:
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
    request, problem = here.act(work)
    return show_asked(out, request, problem, wait)


@command(app)
def withdraw(
    here: Here,
    request_id: Annotated[str, typer.Argument(metavar="ID", help="The request, req_….")],
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="What the customer wrote; may be left out.")
    ] = "",
) -> None:
    """Take a request back, as the customer wants it: what has not begun is stopped."""
    out = here.out

    async def work(sayso: Sayso) -> RequestView:
        by = await requester(sayso)
        return await sayso.requests.withdraw(request_id, text, requester=by)

    request = here.act(work)
    if out.as_json:
        out.document(request)
        return
    show_request(out, request)
