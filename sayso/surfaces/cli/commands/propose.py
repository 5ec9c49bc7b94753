"""`sayso propose`."""

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
)
from sayso.surfaces.cli.show import show_action, status_of, warn_refused
from sayso.surfaces.cli.unfinished import (
    left_of,
    problem_of_action,
    show_left,
    telling,
    warn_unfinished,
    with_left,
)
from sayso.surfaces.cli.workspace import (
    read_json_object,
    read_typed,
    requester,
    subject_of,
)

if TYPE_CHECKING:
    from sayso.sdk.views.rows import ActionView

app = typer.Typer()


@command(app)
def propose(
    here: Here,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as stripe.refund.")],
    subject: SubjectOption,
    args: Annotated[
        str,
        typer.Option("--args", metavar="JSON", help="Its arguments; money in minor units."),
    ] = "{}",
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="The customer's or your words.")
    ] = "",
    assurance: AssuranceOption = "verified",
    key: KeyOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Judge only; store and do nothing.")
    ] = False,
) -> int:
    """Propose a concrete action; what the policy allows is done."""
    out = here.out
    values = read_json_object(args, "--args")
    who = subject_of(subject, assurance)

    async def work(sayso: Sayso) -> tuple[ActionView, SaysoError | None]:
        own_key = key or secrets.token_hex(16)
        by = await requester(read_typed(sayso))
        async with telling(out, lambda: sayso.actions.by_key(own_key)):
            proposed = await sayso.propose(
                name,
                values,
                subject=who,
                reason=reason,
                idempotency_key=own_key,
                dry_run=dry_run,
                requester=by,
            )
        return proposed, problem_of_action(sayso, sayso.tenant, proposed)

    out.note("reading the provider and judging …")
    action, problem = here.act(work)
    left = [] if dry_run else left_of(action)
    if out.as_json:
        out.document(with_left(action, left))
    else:
        if dry_run:
            out.line("judged only: nothing was stored or done")
        show_action(out, action)
        show_left(out, left if problem is None else ())
    warn_refused(out, action)
    return status_of(action) if problem is None else warn_unfinished(out, problem)
