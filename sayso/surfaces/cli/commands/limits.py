"""`sayso limits`: how much is used, other caps, and a limit less."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from sayso.sdk.client import Sayso
from sayso.sdk.resources.limits import used_words
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.follow_files import follow_files
from sayso.surfaces.cli.options import JsonOption, LimitOption, WorkspaceOption
from sayso.surfaces.cli.problem import usage
from sayso.surfaces.cli.words import one_line

if TYPE_CHECKING:
    from sayso.sdk.resources.policy import ActivationView

app = typer.Typer(help="How much of each limit is used; change one: set, drop.")

NoteOption = Annotated[
    str, typer.Option("--note", metavar="TEXT", help="Why, for whoever looks; stands in the log.")
]
IdArgument = Annotated[str, typer.Argument(metavar="LIMIT", help="The limit's id.")]


@app.callback(invoke_without_command=True)
def limits(
    context: typer.Context,
    limit: LimitOption = 10,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the limits in force, and how much of each is used."""
    if context.invoked_subcommand is not None:
        return
    list_limits(Here(workspace, as_json), limit)


@command(app, "list")
def list_limits(here: Here, limit: LimitOption = 10) -> None:
    """Show the limits in force, and how much of each is used."""
    out = here.out
    found = here.read(lambda sayso: sayso.limits.list(limit=limit))
    if out.as_json:
        out.document({"items": found})
        return
    if not found:
        out.line("No limits are in force.")
        out.line("next: write policies/limits.toml, and put it in force with `policy activate`")
    for one in found:
        then = "is refused" if one.beyond == "refuse" else f"needs {one.beyond}"
        out.line(f"{one.id}: {one_line(one.say)}; more {then}")
        for use in one.uses:
            out.line(f"  {one_line(use.whose) or '(not told)'}  {used_words(use)} {one.window}")
        if not one.uses:
            out.line(
                "  nothing waits" if one.window == "at once" else f"  nothing is used {one.window}"
            )


@command(app, "set")
def set_limit(
    here: Here,
    limit: IdArgument,
    sums: Annotated[
        list[str] | None,
        typer.Option("--sum", metavar="USD=900", help="A cap in this currency; may be repeated."),
    ] = None,
    count: Annotated[int | None, typer.Option("--count", metavar="N", help="How many.")] = None,
    cards: Annotated[
        int | None, typer.Option("--cards", metavar="N", help="How many may wait for people.")
    ] = None,
    note: NoteOption = "",
) -> None:
    """Give a limit other caps. Lower at once; higher as a loosening, by two people where asked."""
    caps = _caps(sums or ())

    def change(sayso: Sayso, token: str) -> Awaitable[ActivationView]:
        return sayso.limits.set(
            limit, token=token, sums=caps or None, count=count, cards=cards, note=note, via="cli"
        )

    _change(here, limit, "has other caps", change)


@command(app, "drop")
def drop_limit(here: Here, limit: IdArgument, note: NoteOption = "") -> None:
    """Take a limit away, which is a loosening, by two people where asked."""

    def change(sayso: Sayso, token: str) -> Awaitable[ActivationView]:
        return sayso.limits.drop(limit, token=token, note=note, via="cli")

    _change(here, limit, "is taken away", change)


def _change(
    here: Here, limit: str, said: str, change: Callable[[Sayso, str], Awaitable[ActivationView]]
) -> None:
    with follow_files(here.folder):
        done = here.read(lambda sayso: change(sayso, here.token))
    out = here.out
    if out.as_json:
        out.document(done)
        return
    if done.version is not None:
        version = done.version
        out.line(f"`{one_line(limit)}` {said}: version {version.version} ({version.direction}).")
    if done.waits is not None:
        out.line(f"{done.waits.id} waits for a second person: it loosens.")
        out.line(f"next: {done.waits.next_step}")


def _caps(given: Sequence[str]) -> dict[str, Decimal]:
    caps: dict[str, Decimal] = {}
    for one in given:
        currency, _, amount = one.partition("=")
        try:
            caps[currency.strip().upper()] = Decimal(amount)
        except InvalidOperation:
            raise usage(f"`{one[:20]}` is no cap", "write such as --sum USD=900") from None
    return caps
