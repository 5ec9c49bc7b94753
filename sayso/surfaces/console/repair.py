"""The way out for an accused log: what is wrong, what would be written, and two people's yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from sayso.audit.verifier.verification import Finding
from sayso.errors import ConfigError, IntegrityError
from sayso.sdk.audit.repair_view import RepairView, RowChange
from sayso.surfaces.console.edge import read_form
from sayso.surfaces.console.visit import Visit

_HOW = {"update": "is written again", "insert": "is put back", "delete": "is taken away"}
_SAID = {
    "asked": "Your yes is in the log. Nothing is changed until another person has said it, too.",
    "done": "Done, by two people; the log says so.",
}
_LONGEST = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A column that differs: what stands there, and what the log says; empty for a whole row."""

    column: str
    found: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One thing that is wrong, for the page.

    Attributes:
        what: the row or the rule. where: the entry it is about. id: to accept it by.
        text: what would be done, or what is wrong. asked_by: who asked to accept it.
    """

    what: str
    name: str
    where: str
    id: str
    text: str
    cells: Sequence[Cell] = ()
    asked_by: str = ""


async def show_repair(visit: Visit) -> Response:
    """The page: verifies the log now, and says what can be done about what is found."""
    page = visit.page("Repair", "audit")
    said = _SAID.get(visit.request.query_params.get("said", ""), "")
    try:
        view = await visit.sayso.repairs.show()
    except (IntegrityError, ConfigError) as error:
        trouble = (error.message, error.next_step)
        return visit.show("repair.html", page, view=None, trouble=trouble, said="", accepted=())
    return visit.show(
        "repair.html",
        page,
        view=view,
        said=said,
        me=visit.session.person,
        changes=[_change(one) for one in view.changes],
        left=[_finding(one, view) for one in view.left],
        rules=[_finding(one, view) for one in view.rules],
        accepted=[(_finding(one.finding, view), f"{one.seq:,}") for one in view.accepted],
    )


async def say_yes(visit: Visit) -> Response:
    """Ask for the repair that the page has shown, or confirm it as the second person."""
    form = await read_form(visit.request)
    done = await visit.sayso.repairs.repair_as(
        visit.session.token, form.one("repair"), via="console"
    )
    return visit.see(f"audit/repair?said={done.status}")


async def accept(visit: Visit) -> Response:
    """Ask that one finding is accepted as it is, or confirm it as the second person."""
    form = await read_form(visit.request)
    reason = form.one("reason").strip()
    if not reason:
        return visit.note(
            "Nothing was accepted",
            "A reason stands in the log for good, so that whoever verifies it knows why.",
            "write a reason",
            status=422,
        )
    done = await visit.sayso.repairs.accept_as(
        form.one("finding"), visit.session.token, reason=reason, via="console"
    )
    return visit.see(f"audit/repair?said={done.status}")


def _change(one: RowChange) -> Shown:
    return Shown(
        what=one.table.replace("_", " "),
        name=one.row,
        where=_entry(one.entry),
        id=one.finding,
        text=_HOW[one.how],
        cells=[
            Cell(column=name, found=_value(one.found.get(name)), said=_value(one.said.get(name)))
            for name in one.columns
        ],
    )


def _finding(one: Finding, view: RepairView) -> Shown:
    row = one.row
    return Shown(
        what=one.check.value if row is None else row.table.replace("_", " "),
        name="" if row is None else row.name,
        where=_entry(one.seq if row is None else row.seq),
        id=one.id,
        text=one.message,
        cells=[
            Cell(
                column=name,
                found=_value((row.found or {}).get(name)),
                said=_value((row.said or {}).get(name)),
            )
            for name in row.columns
        ]
        if row is not None and row.found is not None and row.said is not None
        else (),
        asked_by=view.accept_asked.get(one.id, ""),
    )


def _entry(seq: int | None) -> str:
    return "no entry" if seq is None else f"entry {seq:,}"


def _value(value: object) -> str:
    shown = "nothing" if value is None else str(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
