"""`sayso desk list|check|sweep|threads`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.output import local_time

if TYPE_CHECKING:
    from sayso.sdk.desk.resource import DeskView, ThreadView

T = TypeVar("T")
app = typer.Typer(help="Desks where customers write: list, check, sweep, threads.")
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The desk, as in [desk.NAME].")]


@command(app, "list")
def list_desks(here: Here) -> None:
    """List desks: when each was read last, and what waits there."""
    found = here.read(lambda sayso: sayso.desks.list())
    out = here.out
    if out.as_json:
        out.document({"items": found})
    elif not found:
        out.line("There is no desk yet. Name one as [desk.NAME] in sayso.toml.")
    else:
        out.table(
            ["name", "read", "threads", "waiting", "silent", "unsaid"], list(map(_row, found))
        )
        for one in found:
            if one.problem:
                out.warn(f"{one.name} cannot be read: {one.problem}")


@command(app)
def check(here: Here, name: NameArgument) -> int:
    """Log in at a desk and say what is set up and what is missing; ends with 1 if something is."""
    found = here.act(lambda sayso: sayso.desks.check(name))
    out = here.out
    if out.as_json:
        out.document({"items": found})
        return 0 if all(one.is_fine for one in found) else 1
    for one in found:
        if one.is_fine:
            out.line(f"ok    {one.says}")
        else:
            out.line(f"to do {one.says}")
            out.line(f"      next: {one.next_step}")
    return 0 if all(one.is_fine for one in found) else 1


@command(app)
def sweep(here: Here, name: NameArgument) -> int:
    """Read what has changed at a desk now, and say what is due there; ends with 1 if it can't."""
    found = here.act(lambda sayso: sayso.desks.sweep(name))
    out = here.out
    if out.as_json:
        out.document(found)
    elif found.problem:
        out.warn(f"{name} cannot be read: {found.problem}")
    else:
        out.line(f"{name} was read: {found.threads} threads, something waits in {found.waiting}.")
    return 1 if found.problem else 0


@command(app)
def threads(
    here: Here,
    name: NameArgument,
    limit: Annotated[int, typer.Option("--limit", help="How many at most.")] = 50,
    after: Annotated[
        str | None, typer.Option("--after", metavar="ID", help="Behind this thread.")
    ] = None,
) -> None:
    """List a desk's threads: what was said in each, and where Sayso is silent."""
    found = here.read(lambda sayso: sayso.desks.threads(name, limit=limit, after=after))
    out = here.out
    if out.as_json:
        out.document({"items": found})
    elif not found:
        out.line(f"Nothing has been read at {name} yet. Read it: sayso desk sweep {name}")
    else:
        out.table(["thread", "waits", "silent", "said", "last"], list(map(_thread, found)))


def _row(one: DeskView) -> list[str]:
    read = "never" if one.swept_at is None else local_time(one.swept_at)
    counts = (one.threads, one.waiting, one.silent, one.unsaid)
    return [one.name, read, *map(str, counts)]


def _thread(one: ThreadView) -> list[str]:
    last = one.said[-1] if one.said else None
    told = "" if last is None else f"{last.kind} {last.state}"
    waits = "yes" if one.waits else ""
    return [one.thread, waits, one.silent or "", str(len(one.said)), told]
