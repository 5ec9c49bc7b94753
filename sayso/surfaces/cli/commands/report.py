"""`sayso report`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sayso.sdk.resources.report import lines_of, subject_of
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.words import one_line

if TYPE_CHECKING:
    from sayso.sdk.client import Sayso

app = typer.Typer()


@command(app)
def report(
    here: Here,
    weeks: Annotated[
        int, typer.Option("--weeks", min=1, max=104, metavar="N", help="The running one included.")
    ] = 12,
    email: Annotated[
        bool, typer.Option("--email", help="As a plain e-mail.", show_default=False)
    ] = False,
    minutes_by_hand: Annotated[
        float | None,
        typer.Option("--minutes-by-hand", min=0, metavar="N", help="How long one takes a person."),
    ] = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="All figures as a table.", show_default=False)
    ] = False,
    send_to: Annotated[
        str | None,
        typer.Option("--send-to", metavar="PERSON", help="E-mail it to a person of sayso.toml."),
    ] = None,
) -> None:
    """What was done at once, what people were asked, what was wrong."""
    out = here.out
    if send_to is not None:
        sent = here.read(lambda sayso: sayso.send_report(send_to, weeks=weeks))
        here.show(sent, one_line(f"sent to {sent.recipient}: {sent.title}", limit=500))
        return
    if as_csv:
        out.line(here.read(lambda sayso: _csv(sayso, weeks)).rstrip())
        return
    found = here.read(
        lambda sayso: sayso.report(weeks=weeks, minutes_by_hand=minutes_by_hand),
    )
    if out.as_json:
        out.document(found)
        return
    if email:
        out.line(f"Subject: {subject_of(found)}")
        out.line()
    else:
        rows = [
            [
                f"{week.first}{' so far' if week.running else ''}",
                *(str(count) for count in (week.automatic, week.asked)),
                *(str(count) for count in (week.refused, week.handed_over, week.open)),
            ]
            for week in found.weeks
            if week.closed or week.open or week.running
        ]
        out.table(["week of", "automatic", "asked", "refused", "handed over", "open"], rows)
    for line in lines_of(found):
        out.line(one_line(line, limit=500))


async def _csv(sayso: Sayso, weeks: int) -> str:
    """The figures of the last weeks, of which statistics count 90 days at most."""
    from sayso.sdk.resources.statistics import MOST_DAYS
    from sayso.sdk.words.figures import csv_of

    view = await sayso.statistics.read(days=min(7 * weeks, MOST_DAYS))
    return csv_of(view, await sayso.rollout.list())
