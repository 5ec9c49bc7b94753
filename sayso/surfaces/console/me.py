"""Who is signed in: what they may answer, their keys, and the way out."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from sayso.ids import rfc3339
from sayso.sdk.resources.sessions import ABSOLUTE, IDLE
from sayso.surfaces.console.edge import read_form
from sayso.surfaces.console.render import KEYS_COOKIE
from sayso.surfaces.console.visit import Visit

_A_YEAR_S = 365 * 24 * 3600
_VIA = {"link": "a one-time link", "token": "your token", "oidc": "your company's sign-in"}


async def show_me(visit: Visit) -> Response:
    """The page."""
    session = visit.session
    page = visit.page("You", "-")
    return visit.show(
        "me.html",
        page,
        roles=[role.replace("_", " ") for role in sorted(visit.person.roles)],
        via=_VIA.get(session.via, session.via),
        since=rfc3339(session.started_at),
        idle=IDLE // timedelta(minutes=1),
        absolute=ABSOLUTE // timedelta(hours=1),
        session=session.token.id,
        oidc=visit.sayso.oidc.name,
        linked=visit.person.oidc is not None,
    )


async def set_keys(visit: Visit) -> Response:
    """Switch the keys on or off (WCAG 2.1.4)."""
    form = await read_form(visit.request)
    answer = visit.see("me")
    answer.set_cookie(
        KEYS_COOKIE,
        "on" if form.one("keys") == "on" else "off",
        max_age=_A_YEAR_S,
        path="/",
        secure=visit.site.is_secure,
        httponly=True,
        samesite="lax",
    )
    return answer
