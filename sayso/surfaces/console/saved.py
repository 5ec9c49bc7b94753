"""What a browser keeps under names of its person's own: questions to the log, views of the inbox.

NOTE: the store has no table for what one person likes; a cookie is theirs, and goes with them.
"""

from __future__ import annotations

from typing import cast
from urllib.parse import quote, unquote

import orjson
from starlette.responses import Response

from sayso.surfaces.console.edge import Form
from sayso.surfaces.console.visit import Visit

QUESTIONS, VIEWS = "sayso_saved", "sayso_views"
"""The cookies."""
MOST_SAVED = 10
_A_YEAR_S = 365 * 24 * 3600


def saved_by(visit: Visit, cookie: str) -> tuple[tuple[str, str], ...]:
    """What this browser keeps, each with its name; whatever is odd is left out."""
    try:
        kept: object = orjson.loads(unquote(visit.request.cookies.get(cookie, "[]")))
    except orjson.JSONDecodeError:
        return ()
    found: list[tuple[str, str]] = []
    for one in cast("list[object]", kept) if isinstance(kept, list) else ():
        match one:
            case [str(name), str(words)] if name and len(name) <= 40 and len(words) <= 300:
                found.append((name, words))
            case _:
                pass
    return tuple(found[:MOST_SAVED])


def keep(visit: Visit, cookie: str, form: Form, answer: Response) -> Response:
    """Have this browser keep what a form says under its name, or forget that name."""
    name, words = form.one("name").strip()[:40], form.one("q").strip()[:300]
    if not name or (not words and form.one("do") != "forget"):
        return visit.note("Nothing was kept", "What is kept has a name and words.", status=422)
    kept = [one for one in saved_by(visit, cookie) if one[0] != name]
    if form.one("do") != "forget":
        kept = [(name, words), *kept][:MOST_SAVED]
    answer.set_cookie(
        cookie,
        quote(orjson.dumps(kept).decode(), safe=""),
        max_age=_A_YEAR_S,
        path="/",
        secure=visit.site.is_secure,
        httponly=True,
        samesite="lax",
    )
    return answer
