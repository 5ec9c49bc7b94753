"""The rows of a table as fields: one is open at a time, and written into the file's text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from sayso.actions.policy.tables.fields import HOWS, ConditionFields, RowFields
from sayso.sdk.resources.analysis import TableView
from sayso.surfaces.console.edge import Form
from sayso.surfaces.console.visit import Visit

SORTS = {
    "allow": "May be done",
    "ask": "Somebody has to agree, whatever allows it",
    "never": "Never, and nobody can approve it",
}
HOW_WORDS = {
    "is": "is",
    "not": "is not",
    "over": "is over",
    "at_least": "is at least",
    "under": "is under",
    "up_to": "is up to",
    "between": "is from … to",
}
assert tuple(HOW_WORDS) == HOWS, "each way to compare has its words"
_OPEN, _DROP, _ROW = "open:", "drop:", "row"
_EMPTY = ConditionFields(name="", how="is", value="")
_MOST_CONDITIONS = 12
_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRows:
    """What the page shows of a table.

    Attributes:
        opened: the row whose fields are open; None for none. was: its id in the text.
        roles: who may be named. conditions: those of the open row, with room for two more.
    """

    table: TableView
    opened: RowFields | None
    was: str
    roles: tuple[str, ...]

    @property
    def conditions(self) -> tuple[ConditionFields, ...]:
        """Those of the open row, with room for two more."""
        return () if self.opened is None else (*self.opened.conditions, _EMPTY, _EMPTY)


async def rows_of_page(
    visit: Visit, content: str, opened: str | None, roles: tuple[str, ...]
) -> RuleRows | None:
    """The rows of a text; None for a file without any, where none is to be written either.

    Args:
        opened: id of the row whose fields are open; empty for a new one, None for none.
    """
    table = await visit.sayso.analysis.rows(content)
    if not table.facts:
        return None
    row = next((one for one in table.rows if one.id == opened), None)
    if opened == "":
        row = RowFields(sort="allow", id="", say="")
    return RuleRows(table=table, opened=row, was=opened or "", roles=roles)


async def written(visit: Visit, form: Form, content: str) -> tuple[str, str | None]:
    """The text with what the fields say, and the row to open; None for none.

    Whatever is pressed, what was typed into the open row is written, but for another row's.
    """
    do = form.one("do")
    if do.startswith(_OPEN):
        return content, do.removeprefix(_OPEN)[:40]
    if do.startswith(_DROP):
        return await visit.sayso.analysis.put_row(content, do.removeprefix(_DROP), None), None
    if do != _ROW:
        return content, None
    was = form.one("was")[:40]
    row = _row(form)
    kept = replace(row, id=row.id or was or _slug(row.say))
    return await visit.sayso.analysis.put_row(content, was, kept), None


def _row(form: Form) -> RowFields:
    parts = zip(form.all("name"), form.all("how"), form.all("value"), strict=False)
    return RowFields(
        sort=form.one("sort"),
        id=form.one("id").strip()[:40],
        say=form.one("say").strip()[:200],
        amount=form.one("amount").strip()[:80],
        by=form.one("by").strip()[:200],
        people=form.integer("people") if form.one("people").strip() else 1,
        conditions=tuple(
            ConditionFields(name=name.strip()[:60], how=how, value=value.strip()[:400])
            for name, how, value in list(parts)[:_MOST_CONDITIONS]
            if name.strip()
        ),
    )


def _slug(say: str) -> str:
    """An id of a sentence, such as `up-to-75-after-a-year`."""
    return _SLUG.sub("-", say.lower()).strip("-")[:40].strip("-") or "row"
