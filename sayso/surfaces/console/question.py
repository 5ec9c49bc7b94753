"""The ten questions, each a page with its answer as a table, and a file."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

from starlette.responses import Response

from sayso.errors import IntegrityError, RefusedError
from sayso.surfaces.console.render import Times
from sayso.surfaces.console.visit import Visit

_OF_OTHERS = frozenset(
    (
        *("about", "accounts", "agreed", "code", "customer", "digest", "holder", "made by", "may"),
        *("rule", "token", "version", "whom", "who", "currency", "month", "action"),
    )
)
_LISTS = frozenset(("before", "now", "what changed"))
_MOMENT = re.compile(r"\b([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2})Z")


async def show_question(visit: Visit) -> Response:
    """A question with a name, and its answer as a table; as a file with `format=csv`."""
    query, audit = visit.request.query_params, visit.sayso.audit
    given = {name: query.get(name, "")[:24] for name in ("since", "until", "over")}
    name, page = visit.request.path_params["name"], visit.page("Audit", "audit")
    known = {one.name: one for one in audit.questions()}
    if name not in known:
        return visit.note("There is no such question", "Choose one on the page Audit.", status=404)
    try:
        found = await audit.ask(name, **given, by=visit.session.token.actor)
    except (RefusedError, IntegrityError) as error:
        status = 503 if isinstance(error, IntegrityError) else 422
        shown: dict[str, Any] = {"question": known[name], "given": given, "found": None}
        shown["problem"] = error
        return visit.show("question.html", page, status=status, **shown)
    if query.get("format") == "csv":
        out = io.StringIO()
        rows = csv.writer(out)
        rows.writerow(found.columns)
        rows.writerows([_cell(row[name]) for name in found.columns] for row in found.items)
        named = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        headers = {"Cache-Control": "no-store", **named}
        return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)
    shown = {"question": known[name], "given": given, "found": found, "problem": None}
    heads = ["When" if one == "at" else one.capitalize() for one in found.columns]
    rows_of = [[_said(one, row[one], visit.times) for one in found.columns] for row in found.items]
    return visit.show("question.html", page, heads=heads, rows=rows_of, **shown)


def _said(column: str, value: str | int, times: Times) -> str | int:
    """A cell as its reader reads it; what others named stays as it is."""
    if not isinstance(value, str) or column in _OF_OTHERS:
        return value
    parts = value.split(", ") if column in _LISTS else [value]
    said = ", ".join(times.language.say_of_log(_role(column, one)) for one in parts)
    return _MOMENT.sub(lambda found: times.timed(f"{found[1]}T{found[2]}Z"), said)


def _role(column: str, text: str) -> str:
    return text.replace("_", " ") if column in {"before", "now", "ended"} else text


def _cell(value: str | int) -> str | int:
    """A cell that no program for tables takes for a formula."""
    odd = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if odd else value
