"""`sayso ask`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from sayso.errors import SaysoError
from sayso.sdk.client import Sayso
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.options import (
    AssuranceOption,
    KeyOption,
    SubjectOption,
    WaitOption,
)
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import FAILED, OK
from sayso.surfaces.cli.show import show_request, status_of, warn_handed_over, warn_refused
from sayso.surfaces.cli.unfinished import (
    left_of,
    noting,
    problem_of_request,
    show_left,
    telling,
    warn_unfinished,
    warn_unplanned,
    with_left,
)
from sayso.surfaces.cli.workspace import read_typed, requester, subject_of

if TYPE_CHECKING:
    from sayso.actions.model.definition import Subject
    from sayso.sdk.views.rows import RequestView

app = typer.Typer()


@command(app)
def ask(
    here: Here,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the customer wrote.")],
    subject: SubjectOption,
    assurance: AssuranceOption = "verified",
    key: KeyOption = None,
    conversation: Annotated[
        str | None,
        typer.Option(
            "--conversation",
            metavar="ID",
            help="Your own id of the thread; goes on with what was asked back in it.",
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Only say how the words are read; nothing is stored."),
    ] = False,
    wait: WaitOption = 30.0,
) -> int:
    """Plan and act on a customer's words, or ask the customer back.

    Exit status 1 also when nobody but a person can answer.
    """
    out = here.out
    who = subject_of(subject, assurance)
    if explain:
        return _explain(here, who, text)

    async def work(sayso: Sayso) -> tuple[RequestView, SaysoError | None]:
        own_key = key or secrets.token_hex(16)
        by = await requester(read_typed(sayso))

        async def asking(wait_s: float) -> RequestView:
            return await sayso.ask(
                who,
                text,
                idempotency_key=own_key,
                conversation=conversation,
                wait_s=wait_s,
                requester=by,
            )

        async with telling(out, lambda: sayso.requests.by_key(own_key)):
            asked = await asking(0.0 if out.is_watched else wait)
            if out.is_watched and wait:
                async with noting(out, sayso.follow(asked.id)):
                    asked = await asking(wait)  # the same key, so the same request
        return asked, problem_of_request(sayso, sayso.tenant, asked)

    out.note("planning …")
    request, problem = here.act(work)
    return show_asked(out, request, problem, wait)


def _explain(here: Here, who: Subject, text: str) -> int:
    out = here.out
    found = here.act(lambda sayso: read_typed(sayso).evaluations.explain(who, text))
    if out.as_json:
        out.document(found)
        return OK
    out.line(f"language  {found.language}")
    for line in found.read:
        out.line(f"read      {line}")
    for line in found.steps:
        out.line(f"step      {line}")
    out.line(f"outcome   {found.outcome}, by {found.planner}{_because(found.why)}")
    return OK


def _because(why: str) -> str:
    return f": {why}" if why else ""


def show_asked(out: Out, request: RequestView, problem: SaysoError | None, wait: float) -> int:
    """Print a request after words of the customer; returns the exit status."""
    left = left_of(*request.actions)
    if out.as_json:
        out.document(with_left(request, left))
    else:
        show_request(out, request)
        show_left(out, left if problem is None else ())
    for action in request.actions:
        warn_refused(out, action)
    if request.error is not None:
        warn_handed_over(out, request.error)
    if request.status == "handed_over":
        return FAILED
    if problem is not None:
        return warn_unfinished(out, problem)
    if request.status == "received" and wait:
        return warn_unplanned(out, wait)
    return status_of(*request.actions)
