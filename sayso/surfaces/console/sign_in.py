"""Signing in and out: by a one-time link, by a person's token; and who is behind a cookie."""

from __future__ import annotations

import ipaddress
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from sayso.errors import Code, ConfigError, RefusedError, RetryableError, SaysoError, logged
from sayso.sdk.client import Sayso
from sayso.sdk.resources.oidc import Login, LoginCallback
from sayso.sdk.resources.sessions import ABSOLUTE, Session
from sayso.surfaces.console.edge import IN_A_WINDOW, ConsoleSite, logger, read_form
from sayso.surfaces.console.install import forget
from sayso.surfaces.console.visit import (
    Handler,
    Page,
    Visit,
    is_sandbox,
    nonce_of,
    root_of,
    show,
    times_of,
)

MOST_SECRET_CHARS = 400
OFFER_S = 60.0
"""So long a window's offer to its frame holds."""
_MOST_OFFERS = 500
LOGIN_S = 600
"""So long a login at the provider may take."""


class SeatOffers:
    """What a window offers to the frame that has opened it: once, and soon.

    NOTE: kept by this process, so whoever balances several has a browser meet the same one.
    """

    def __init__(self) -> None:
        self._offers: dict[str, tuple[str, float]] = {}

    def offer(self, secret: str, now: float) -> str:
        """A code for a session's secret."""
        live = {key: one for key, one in self._offers.items() if one[1] > now}
        self._offers = dict(list(live.items())[-_MOST_OFFERS:])
        code = secrets.token_urlsafe(24)
        self._offers[code] = (secret, now + OFFER_S)
        return code

    def take(self, code: str, now: float) -> str:
        """The secret behind a code, once; empty for none."""
        secret, until = self._offers.pop(code, ("", 0.0))
        return secret if now < until else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Begins, finds and ends sessions."""

    sayso: Sayso
    site: ConsoleSite
    seats: SeatOffers = field(default_factory=SeatOffers)

    async def visit(self, request: Request, handler: Handler) -> Response:
        """Answer a request of somebody who is signed in; everybody else is sent to sign in."""
        session = None
        try:
            session = await self.session(request)
            if session.via == "oidc":
                await self._ask_provider(
                    session, decides=request.method == "POST" and handler != self.leave
                )
        except (RefusedError, RetryableError) as error:
            return self._outside(request, session, error)
        person = session.known
        assert person is not None, "checked with the token"
        visit = Visit(
            request=request,
            sayso=self.sayso,
            session=session,
            person=person,
            times=times_of(request, self.sayso),
            site=self.site,
            stops=tuple(await self.sayso.stops.list()),
            sandbox=await is_sandbox(self.sayso),
        )
        try:
            return await handler(visit)
        except RefusedError as error:
            return visit.refused(error)

    async def _ask_provider(self, session: Session, *, decides: bool) -> None:
        """Have the company's provider asked whether it still says so, before somebody decides."""
        if decides:
            await self.sayso.oidc.sessions.check(session)
        else:
            self.sayso.oidc.sessions.refresh_if_old(session)

    def _outside(
        self, request: Request, session: Session | None, error: RefusedError | RetryableError
    ) -> Response:
        """What somebody sees who is not signed in, or of whom nobody can say so now."""
        if isinstance(error, RetryableError) and session is None:
            raise error
        if _is_seat(request):
            return self.door(request)
        if request.method == "GET":
            return RedirectResponse(_entrance(request), status_code=303)
        told = "You are not signed in any more, so nothing was done."
        if session is not None:
            told = f"Nothing was done: {error.message}."
        next_step = "Sign in: you come back to where you were, with what you typed."
        status = 401
        if isinstance(error, RetryableError):
            next_step, status = error.next_step, 503
        return self._page(request, told, next_step, status=status, after=_page_of(request))

    async def session(self, request: Request) -> Session:
        """The session of a request.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`.
        """
        secret = self.secret_of(request)
        if not secret or len(secret) > MOST_SECRET_CHARS:
            raise RefusedError(Code.UNAUTHENTICATED, "nobody is signed in")
        return await self.sayso.sessions.check(secret)

    def secret_of(self, request: Request) -> str:
        """The secret of a request's session; the one of a frame counts at the seat alone."""
        seat = request.cookies.get(self.site.seat_cookie, "") if _is_seat(request) else ""
        return seat or request.cookies.get(self.site.cookie, "")

    # ---- in a frame beside a ticket --------------------------------------------------------------

    def door(self, request: Request) -> Response:
        """What a frame shows to whom nobody knows: nothing is signed in inside of it."""
        page = Page(
            title="Sign in",
            root=root_of(request),
            nonce=nonce_of(request),
            times=times_of(request, self.sayso),
        )
        return show("seat_door.html", page, status=401)

    async def open_seat(self, visit: Visit) -> Response:
        """In a window of its own: let the frame that has opened it have this session."""
        code = ""
        if visit.request.method == "POST":
            code = self.seats.offer(self.secret_of(visit.request), self._now())
        page = visit.page("Open the seat", "-")
        return visit.show("seat_open.html", page, code=code)

    async def enter_seat(self, request: Request) -> Response:
        """Take what the window has told its frame, once; the cookie is of this frame alone."""
        form = await read_form(request)
        secret = self.seats.take(form.one("code"), self._now())
        try:
            await self.sayso.sessions.check(secret or "none")
        except RefusedError:
            return self.door(request)
        answer = Response(status_code=204)
        # INVARIANT: in a frame a browser sends it to no other site's frame of us (CHIPS), and what
        # changes anything comes from our own pages, by `Sec-Fetch-Site`.
        safe = "; Secure; SameSite=None; Partitioned" if self.site.is_secure else "; SameSite=Lax"
        most = ABSOLUTE // timedelta(seconds=1)
        cookie = f"{self.site.seat_cookie}={secret}; Path=/; Max-Age={most}; HttpOnly{safe}"
        answer.headers.append("Set-Cookie", cookie)
        return answer

    def _now(self) -> float:
        return self.sayso.now().timestamp()

    async def enter(self, request: Request) -> Response:
        """The page where one signs in: by a link's key with one press, by a token in a form.

        INVARIANT: opening a link uses nothing up: mail scanners and previews open every link.
        """
        if request.method == "POST":
            form = await read_form(request)
            return await self._enter(request, form.one("token").strip(), form.one("after"))
        key = request.query_params.get("key", "")
        if not key:
            return self._page(request, after=request.query_params.get("after", ""))
        if not _is_loopback(request) and not self.site.is_secure:
            return self._page(
                request,
                "A link opens the console on its own machine only.",
                "Open it there, or put TLS in front and set `url` in [console].",
                status=403,
            )
        if len(key) > MOST_SECRET_CHARS:
            return self._page(request, "Not signed in: that is no link of ours.", status=401)
        return self._page(request, key=key)

    async def _enter(self, request: Request, secret: str, after: str = "") -> Response:
        try:
            if len(secret) > MOST_SECRET_CHARS:
                raise RefusedError(Code.UNAUTHENTICATED, "that is no token")
            _, opens = await self.sayso.sessions.enter(secret)
        except RefusedError as error:
            told = f"Not signed in: {error.message}."
            return self._page(request, told, error.next_step, status=401, after=after)
        return self.opened(request, opens, after)

    def opened(self, request: Request, secret: str, after: str = "") -> Response:
        """Go to a page with the cookie of a new session.

        Args:
            after: the path of the page below the console; any other text leads to the inbox.
        """
        answer = RedirectResponse(f"{root_of(request)}/{_own_page(after)}", status_code=303)
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
        await forget(visit, everywhere=bool(form.one("everywhere")))
        if form.one("everywhere"):
            await self.sayso.sessions.end_all(visit.session)
        else:
            await self.sayso.sessions.end(visit.session)
        back = f"{self._base(visit.request)}/enter"
        there = await self.sayso.oidc.sessions.leave(visit.session, back)
        answer: Response = RedirectResponse(f"{visit.root}/enter", status_code=303)
        if there:
            # NOTE: no redirect: browsers hold those of a form to `form-action`, which is ours.
            answer = self._page(visit.request, there=there)
        answer.delete_cookie(
            self.site.cookie, path="/", secure=self.site.is_secure, httponly=True, samesite="lax"
        )
        return answer

    # ---- by the company's provider ---------------------------------------------------------------

    async def start(self, request: Request) -> Response:
        """Send the browser to the provider, with what it has to bring back in a cookie."""
        return await self._away(request, _own_page(request.query_params.get("after", "")))

    async def link(self, visit: Visit) -> Response:
        """The same for somebody who is signed in, so that they can come in that way later."""
        if visit.request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return visit.see("me")
        return await self._away(visit.request, _LINKS)

    async def _away(self, request: Request, after: str) -> Response:
        secret = secrets.token_urlsafe(32)
        try:
            url = await self.sayso.oidc.begin(Login(secret=secret), self._redirect_uri(request))
        except (RefusedError, RetryableError, ConfigError) as error:
            return await self._not_in(request, error, after)
        answer = RedirectResponse(url, status_code=303)
        answer.set_cookie(
            self._login_cookie,
            f"{secret}.{after}",
            max_age=LOGIN_S,
            path="/",
            secure=self.site.is_secure,
            httponly=True,
            samesite="lax",  # the provider's own page leads back here
        )
        return answer

    async def finish(self, request: Request) -> Response:
        """Take the browser back from the provider."""
        secret, _, after = request.cookies.get(self._login_cookie, "").partition(".")
        query = request.query_params
        said = LoginCallback(
            code=query.get("code", ""),
            state=query.get("state", ""),
            issuer=query.get("iss", ""),
            error=query.get("error", ""),
        )
        try:
            answer = await self._finished(request, Login(secret=secret), said, after)
        except (RefusedError, RetryableError, ConfigError) as error:
            answer = await self._not_in(request, error, after)
        # INVARIANT: one answer for each login, whatever came of it.
        answer.delete_cookie(
            self._login_cookie, path="/", secure=self.site.is_secure, httponly=True, samesite="lax"
        )
        return answer

    async def _finished(
        self, request: Request, login: Login, said: LoginCallback, after: str
    ) -> Response:
        if not login.secret:
            raise RefusedError(
                Code.UNAUTHENTICATED,
                "this browser has begun no sign-in, or more than ten minutes ago",
                next_step="begin again from this page",
            )
        where = self._redirect_uri(request)
        if after == _LINKS:
            session = await self.session(request)
            await self.sayso.oidc.link(session, login, said, where)
            return RedirectResponse(f"{root_of(request)}/me", status_code=303)
        begun, opens = await self.sayso.oidc.finish(login, said, where)
        await self._end_older(request, begun)
        return self.opened(request, opens, after)

    async def _end_older(self, request: Request, begun: Session) -> None:
        """End what this browser came in by before, where somebody has signed in once more."""
        with suppress(RefusedError):
            older = await self.session(request)
            if older.person == begun.person and older.via == begun.via:
                await self.sayso.sessions.end(older)

    async def _not_in(self, request: Request, error: SaysoError, after: str) -> Response:
        logger.warning("a sign-in by the provider was refused: %s", logged(error))
        await self.sayso.rejected_calls.note(error.code, None, via="console")
        status = 401 if isinstance(error, RefusedError) else 503
        told = f"Not signed in: {error.message}."
        return self._page(request, told, error.next_step, status=status, after=after)

    async def hear(self, request: Request) -> Response:
        """End what the provider's logout token names (OpenID Connect Back-Channel Logout 1.0)."""
        try:
            form = await read_form(request)
            await self.sayso.oidc.sessions.hear(form.one("logout_token"))
        except (RefusedError, RetryableError, ConfigError) as error:
            logger.warning("a logout token was refused: %s", logged(error))
            await self.sayso.rejected_calls.note(error.code, None, via="console")
            is_ours = isinstance(error, RefusedError)
            said = {"error": "invalid_request" if is_ours else "temporarily_unavailable"}
            return JSONResponse(said, status_code=400 if is_ours else 503)
        return Response()

    def _base(self, request: Request) -> str:
        base = self.site.url or f"http://{request.headers.get('host', '')}"
        return f"{base}{root_of(request)}"

    def _redirect_uri(self, request: Request) -> str:
        return f"{self._base(request)}/enter/callback"

    @property
    def _login_cookie(self) -> str:
        return f"{self.site.cookie}_login"

    def _page(
        self,
        request: Request,
        problem: str = "",
        next_step: str = "",
        *,
        status: int = 200,
        after: str = "",
        there: str = "",
        key: str = "",
    ) -> Response:
        page = Page(
            title="Sign in",
            root=root_of(request),
            nonce=nonce_of(request),
            times=times_of(request, self.sayso),
        )
        return show(
            "enter.html",
            page,
            status=status,
            problem=problem,
            next_step=next_step,
            oidc=self.sayso.oidc.name,
            after=_own_page(after),
            there=there,
            key=key,
        )


_OWN_PAGE = re.compile(
    r"seat/open|(solution|action|request)/[a-z0-9_]{1,60}|account/[A-Za-z0-9_.-]{1,600}|audit|compose|figures|policy|people|stop|me"
)
_LINKS = "link"
"""In the place of a page: the login links who is signed in."""


def _own_page(path: str) -> str:
    """A path below the console, and nothing else: no other host, no scheme, no dots."""
    return path if _OWN_PAGE.fullmatch(path) else ""


def _page_of(request: Request) -> str:
    """The page that a request came from or to."""
    path = request.url.path.removeprefix(root_of(request)).strip("/")
    parts = path.split("/")
    return _own_page("/".join(parts[:2])) or _own_page(parts[0])


def _is_seat(request: Request) -> bool:
    path = request.url.path.removeprefix(root_of(request))
    return path == "/seat" or (path.startswith("/seat/") and path != IN_A_WINDOW)


def _entrance(request: Request) -> str:
    after = _page_of(request)
    return f"{root_of(request)}/enter" + (f"?after={quote(after, safe='')}" if after else "")


def _is_loopback(request: Request) -> bool:
    if request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
