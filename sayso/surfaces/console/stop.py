"""The switch: one page that stops everything, and two people who let it go on."""

from __future__ import annotations

import secrets
from contextlib import suppress

from starlette.responses import Response

from sayso.errors import SaysoError
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import may_stop
from sayso.surfaces.console.edge import read_form
from sayso.surfaces.console.visit import Visit, stopped_words

SCOPES = (
    ("tenant", "Everything of this workspace"),
    ("all", "Everything of every tenant in this database"),
    ("connector", "One connector"),
    ("action", "One kind of action"),
    ("customer", "One customer"),
)
_WHOLE = frozenset({"tenant", "all"})


async def show_stop(visit: Visit) -> Response:
    """The page."""
    ended = await visit.sayso.stops.list(released=True, limit=20)
    page = visit.page("Stop", "stop", live="inbox")
    rows = [
        {"stop": one, "words": stopped_words(one), "mine": one.asked_by == visit.person.id}
        for one in visit.stops
    ]
    names: list[str] = []
    with suppress(SaysoError):  # a brake is shown, whatever cannot be read
        names = sorted({one.name for one in (await visit.sayso.actions.types()).items})
    return visit.show(
        "stop.html",
        page,
        rows=rows,
        ended=ended,
        scopes=SCOPES,
        words=stopped_words,
        names=[*sorted({one.partition(".")[0] for one in names}), *names],
        roles=", ".join(one.replace("_", " ") for one in resuming_roles(visit.sayso)),
        once=secrets.token_urlsafe(16),
    )


def resuming_roles(sayso: Sayso) -> tuple[str, ...]:
    """Of which roles the two people are who let it go on."""
    settings = sayso.workspace.settings
    return settings.stop.roles or settings.approvals.roles


async def engage(visit: Visit) -> Response:
    """Stop something; whoever has a role may, and it holds from the commit on."""
    form = await read_form(visit.request)
    scope = form.one("scope", "tenant")
    target = form.one("target").strip() if scope not in _WHOLE else ""
    reason = form.one("reason").strip()
    if not reason:
        return visit.note(
            "Nothing was stopped",
            "A stop says why, so that whoever finds it knows what to do.",
            "write a reason",
            status=422,
        )
    if not target and scope not in _WHOLE:
        return visit.note(
            "Nothing was stopped",
            "It was not said which one.",
            "write its name or its id; to stop at once whatever it is, choose everything",
            status=422,
        )
    if target:
        await visit.sayso.stops.check(scope, target)
    token = may_stop(visit.session.token)
    await visit.sayso.stops.engage(
        scope,
        target,
        reason=reason,
        idempotency_key=form.one("once") or None,
        by=token.actor,
        credential=token.id,
        via="console",
    )
    return visit.see("stop")


async def resume(visit: Visit) -> Response:
    """Ask for the end of a stop, or confirm it as the second person."""
    await read_form(visit.request)
    secret = visit.request.cookies.get(visit.site.cookie, "")
    await visit.sayso.stops.resume(visit.request.path_params["id"], token=secret, via="console")
    return visit.see("stop")
