"""Signing in and out: by a one-time link, by a person's token; and who is behind a cookie."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sayso.errors import Code, RefusedError
from sayso.sdk.client import Sayso
from sayso.sdk.resources.sessions import ABSOLUTE, Session
from sayso.surfaces.console.edge import Site, read_form
from sayso.surfaces.console.visit import (
    Handler,
    Page,
    Visit,
    nonce_of,
    root_of,
    show,
    times_of,
)

MOST_SECRET_CHARS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Begins, finds and ends sessions."""

    sayso: Sayso
    site: Site

    async def visit(self, request: Request, handler: Handler) -> Response:
        """Answer a request of somebody who is signed in; everybody else is sent to sign in."""
        try:
            session = await self.session(request)
        except RefusedError:
            if request.method != "GET":
                return self._page(
                    request,
                    "You are not signed in, so nothing was done.",
                    "Sign in, and then do it once more.",
                    status=401,
                )
            return RedirectResponse(f"{root_of(request)}/enter", status_code=303)
        authority = await self.sayso.people.authority(session.token.tenant)
        person = authority.person(session.person)
        assert person is not None, "checked with the token"
        visit = Visit(
            request=request,
            sayso=self.sayso,
            session=session,
            person=person,
            times=times_of(request, self.sayso),
            site=self.site,
            stops=tuple(await self.sayso.stops.list()),
        )
        try:
            return await handler(visit)
        except RefusedError as error:
            return visit.refused(error)

    async def session(self, request: Request) -> Session:
        """The session of a request.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`.
        """
        secret = request.cookies.get(self.site.cookie, "")
        if not secret or len(secret) > MOST_SECRET_CHARS:
            raise RefusedError(Code.UNAUTHENTICATED, "nobody is signed in")
        return await self.sayso.sessions.check(secret)

    async def enter(self, request: Request) -> Response:
        """The page where one signs in; a link's key signs in at once (GET), a token by a form."""
        if request.method == "POST":
            form = await read_form(request)
            return await self._enter(request, form.one("token").strip())
        key = request.query_params.get("key", "")
        if not key:
            return self._page(request)
        if not _is_loopback(request) and not self.site.is_secure:
            return self._page(
                request,
                "A link opens the console on its own machine only.",
                "Open it there, or put TLS in front and set `url` in [console].",
                status=403,
            )
        return await self._enter(request, key)

    async def _enter(self, request: Request, secret: str) -> Response:
        try:
            if len(secret) > MOST_SECRET_CHARS:
                raise RefusedError(Code.UNAUTHENTICATED, "that is no token")
            session, opens = await self.sayso.sessions.enter(secret)
        except RefusedError as error:
            return self._page(
                request, f"Not signed in: {error.message}.", error.next_step, status=401
            )
        return self.opened(request, session, opens)

    def opened(self, request: Request, session: Session, secret: str) -> Response:
        """Go to the inbox with the cookie of a new session."""
        answer = RedirectResponse(f"{root_of(request)}/", status_code=303)
        answer.set_cookie(
            self.site.cookie,
            secret,
            max_age=ABSOLUTE // timedelta(seconds=1),
            path="/",
            secure=self.site.is_secure,
            httponly=True,
            samesite="lax",
        )
        return answer

    async def leave(self, visit: Visit) -> Response:
        """Sign out, here or everywhere."""
        form = await read_form(visit.request)
        if form.one("everywhere"):
            await self.sayso.sessions.end_all(visit.session)
        else:
            await self.sayso.sessions.end(visit.session)
        answer = RedirectResponse(f"{visit.root}/enter", status_code=303)
        answer.delete_cookie(
            self.site.cookie, path="/", secure=self.site.is_secure, httponly=True, samesite="lax"
        )
        return answer

    def _page(
        self, request: Request, problem: str = "", next_step: str = "", *, status: int = 200
    ) -> Response:
        page = Page(
            title="Sign in",
            root=root_of(request),
            nonce=nonce_of(request),
            times=times_of(request, self.sayso),
        )
        return show(
            "enter.html", page, status=status, problem=problem, next_step=next_step, oidc=""
        )


def _is_loopback(request: Request) -> bool:
    if request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
