"""`sayso audit repair` and `sayso audit accept`: two people let an accused log go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sayso.surfaces.cli.command import Here
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.words import counted, one_line

if TYPE_CHECKING:
    from sayso.sdk.audit.repair_view import MendedView, RepairView


def repair(
    here: Here,
    repair_id: Annotated[
        str | None,
        typer.Argument(
            metavar="[REPAIR]", help="Say yes to the repair of this id, rep_….", show_default=""
        ),
    ] = None,
) -> None:
    """Show which rows are not what the log says; with the id, say yes to writing them again."""
    if repair_id is None:
        here.show(here.read(lambda sayso: sayso.repairs.show()), _show)
        return
    done = here.read_as_person(lambda sayso, by: sayso.repairs.repair_as(by, repair_id, via="cli"))
    _show_done(here, done, f"sayso audit repair {repair_id}")


def accept(
    here: Here,
    finding: Annotated[str, typer.Argument(metavar="FINDING", help="The id, fnd_….")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="CODE", help="Why, such as known_defect.")
    ] = "",
) -> None:
    """Say yes to a finding as it is; once two people have, each verification shows it as such."""
    done = here.read_as_person(
        lambda sayso, by: sayso.repairs.accept_as(finding, by, reason=reason, via="cli")
    )
    _show_done(here, done, f"sayso audit accept {finding}")


def _show(out: Out, found: RepairView) -> None:
    if found.is_sound:
        out.line("Every row is what its entries say, and no rule is broken.")
        return
    for one in found.changes:
        entry = "" if one.entry is None else f", entry {one.entry}"
        out.line(f"{one.how} {one.table} {one_line(one.row)} ({one.finding}{entry})")
        for column in one.columns:
            was, says = one.found.get(column), one.said.get(column)
            out.line(f"  {column}: {one_line(repr(was))} becomes {one_line(repr(says))}")
    for left in found.left:
        out.line(f"not rebuilt: {one_line(left.message)} ({left.id})")
    for broken in found.rules:
        out.line(f"rule: entry {broken.seq}: {one_line(broken.message)} ({broken.id})")
    if found.changes:
        asked = "" if found.asked_by is None else f"  ({found.asked_by} asked for it)"
        out.line(f"next: two people, each: sayso audit repair {found.id}{asked}")
    if found.left:
        out.line("next: restore the database from a backup, or sayso audit accept FINDING")
    elif found.rules:
        out.line("next: sayso audit accept FINDING, by two people, once you know how it came to be")


def _show_done(here: Here, done: MendedView, again: str) -> None:
    out = here.out
    if out.as_json:
        out.document(done)
    elif done.status == "asked":
        out.line(f"asked for, in entry {done.entry}; nothing is written yet")
        out.line(f"next: another person runs {again}")
    else:
        rows = f"{counted(done.rows, 'row')} written as the log says, " if done.rows else ""
        out.line(f"{rows}done by two people, in entry {done.entry}")
