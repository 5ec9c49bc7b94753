"""Who is signed in: what they may answer, their keys, and the way out."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from starlette.responses import Response

from sayso.audit.authority.by import By
from sayso.ids import rfc3339, to_micros
from sayso.sdk.localization.languages import LANGUAGES, language
from sayso.sdk.resources.people import Away
from sayso.sdk.resources.sessions import ABSOLUTE, IDLE
from sayso.surfaces.console.edge import Form, read_form
from sayso.surfaces.console.figures import people
from sayso.surfaces.console.install import WORKER, browsers_of, turn
from sayso.surfaces.console.render import KEYS_COOKIE, LANGUAGE_COOKIE
from sayso.surfaces.console.visit import Visit

_FIGURES_DAYS = 30
_A_YEAR_S = 365 * 24 * 3600
_VIA = {"link": "a one-time link", "token": "your token", "oidc": "your company's sign-in"}


async def show_me(visit: Visit) -> Response:
    """The page."""
    session = visit.session
    page = visit.page("You", "-")
    away, others = await absence_of(visit)
    figures = await visit.sayso.statistics.read(days=_FIGURES_DAYS)
    mine = [one for one in people(figures) if one.name == visit.person.id]
    return visit.show(
        "me.html",
        page,
        roles=[role.replace("_", " ") for role in sorted(visit.person.roles)],
        via=_VIA.get(session.via, session.via),
        since=rfc3339(session.started_at),
        idle=IDLE // timedelta(minutes=1),
        absolute=ABSOLUTE // timedelta(hours=1),
        session=session.token.id,
        away=None if away is None else rfc3339(to_micros(away.until)),
        instead="" if away is None else away.to,
        others=others,
        oidc=visit.sayso.oidc.name,
        asked_again=await visit.sayso.oidc.sessions.asks_again(session),
        linked=visit.person.oidc is not None,
        mine=mine[0] if mine else None,
        days=_FIGURES_DAYS,
        tests=visit.sayso.workspace.settings.approvals.canaries > 0,
        languages=[language(code) for code in LANGUAGES],
        chosen=visit.request.cookies.get(LANGUAGE_COOKIE, ""),
        worker=f"{visit.root}{WORKER}?in={visit.times.language.code}",
        **await browsers_of(visit),
    )


async def say(visit: Visit) -> Response:
    """Switch keys (WCAG 2.1.4), choose a language, say where one is told, or until when away."""
    form = await read_form(visit.request)
    if form.one("do") in {"away", "back"}:
        return await _away(visit, form)
    if form.one("do") in {"tell", "untell"}:
        return await turn(visit, form)
    if form.one("do") == "language":
        chosen = form.one("language")
        return _kept(visit, LANGUAGE_COOKIE, chosen if chosen in LANGUAGES else "")
    return _kept(visit, KEYS_COOKIE, "on" if form.one("keys") == "on" else "off")


def _kept(visit: Visit, name: str, value: str) -> Response:
    """Keep a choice in this browser for a year."""
    answer = visit.see("me")
    answer.set_cookie(
        name,
        value,
        max_age=_A_YEAR_S,
        path="/",
        secure=visit.site.is_secure,
        httponly=True,
        samesite="lax",
    )
    return answer


async def _away(visit: Visit, form: Form) -> Response:
    """Until the end of a day in the viewer's zone; a day that is past is no absence."""
    now = visit.sayso.now()
    until = now
    if form.one("do") == "away":
        try:
            day = date.fromisoformat(form.one("until"))
        except ValueError:
            return visit.note("Nothing was changed", "Choose the last day.", status=422)
        until = datetime.combine(day + timedelta(days=1), time(), tzinfo=visit.times.zone)
    token = visit.session.token
    by = By(actor=token.actor, credential=token.id, via="console")
    person, tenant = visit.session.person, visit.sayso.tenant
    await visit.sayso.people.set_away(tenant, person, until, to=form.one("to"), now=now, by=by)
    return visit.see("me")


async def absence_of(visit: Visit) -> tuple[Away | None, tuple[str, ...]]:
    """Until when one is away, and who could be called in one's place."""
    people = visit.sayso.people
    away = await people.away(visit.sayso.tenant, visit.sayso.now())
    others = tuple(
        one.id
        for one in await people.list(visit.sayso.tenant)
        if one.active and one.id != visit.person.id and visit.person.roles <= one.roles
    )
    return away.get(visit.person.id), others
