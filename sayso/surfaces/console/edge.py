"""The edge of every page: whose request it is, from where, and what a browser may do with it.

INVARIANT: a POST counts only when the browser says that it comes from one of our own pages,
and no page lets anything run that this server has not marked with the response's own nonce.
"""

from __future__ import annotations

import gzip
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sayso.errors import Code, RefusedError, logged_with_frames

logger = logging.getLogger("sayso.console")

MAX_BODY_BYTES = 64 * 1024
MAX_FIELDS = 200
_SMALLEST_GZIP = 800
_BROKEN = "Something went wrong inside Sayso. What, stands in the server's log.\n"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSite:
    """Under which address the console is opened.

    Attributes:
        url: as the settings name it, such as `https://sayso.example.com`; empty when nothing but
            this machine opens it.
        frame_ancestors: whose pages may have the seat in a frame.
    """

    url: str = ""
    frame_ancestors: tuple[str, ...] = ()

    @property
    def is_public(self) -> bool:
        """Whether other machines open it; then only by https."""
        return bool(self.url)

    @property
    def is_secure(self) -> bool:
        """Whether browsers talk TLS to it."""
        return self.url.startswith("https://")

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; `__Host-` ties it to the one host, over TLS."""
        return "__Host-sayso" if self.is_secure else "sayso_session"

    @property
    def seat_cookie(self) -> str:
        """The name of the cookie by which a session is known in a frame, and nowhere else."""
        return "__Host-sayso-seat" if self.is_secure else "sayso_seat"

    def framed_by(self, path: str) -> tuple[str, ...]:
        """Whose pages may have a page in a frame: the seat's alone, and never its sign-in."""
        return self.frame_ancestors if path in FRAMED else ()

    def knows(self, host: str) -> bool:
        """Whether a `Host` header names this console, and not somebody's name for this address.

        Source: DNS rebinding: a foreign page's own name may lead to the loopback address.
        """
        name = urlsplit(f"//{host}").hostname or ""
        if name in _LOOPBACK:
            return True
        return self.is_public and host == urlsplit(self.url).netloc


FRAMED = frozenset({"/seat", "/seat/judge", "/seat/say", "/seat/enter"})
"""The pages that sit beside a ticket."""
IN_A_WINDOW = "/seat/open"
"""Opened by a frame of ours, and tells it by whom it is opened."""
OWN_PAGE = "/me"
"""Where a browser is told that it may install the console."""
BACK_CHANNEL = "/enter/signed-out"
"""Where a company's provider tells that it has signed somebody out."""


class ConsoleEdge:
    """Outermost layer of the console.

    Args:
        site: under which address it is opened.
    """

    def __init__(self, app: ASGIApp, site: ConsoleSite) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        nonce = secrets.token_urlsafe(16)
        scope["state"] = {**scope.get("state", {}), "nonce": nonce}
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        refusal = self._refusal(scope["method"], path, headers)
        if refusal is not None:
            answer = Response(refusal, status_code=403, media_type="text/plain")
            await answer(scope, receive, _Safe(send, nonce, zipped=False))
            return
        zipped = "gzip" in headers.get("accept-encoding", "")
        safe = _Safe(
            send,
            nonce,
            zipped=zipped,
            framed_by=self._site.framed_by(path),
            keeps_opener=path == IN_A_WINDOW,
            installs=path == OWN_PAGE,
        )
        try:
            await self._app(scope, receive, safe)
        except Exception as error:  # noqa: BLE001  (the surface's edge)
            told = logged_with_frames(error)
            logger.error("a page broke: %s", told)  # noqa: TRY400
            if not safe.started:
                answer = Response(_BROKEN, status_code=500, media_type="text/plain")
                await answer(scope, receive, safe)

    def _refusal(self, method: str, path: str, headers: Headers) -> str | None:
        """Why a request is not looked at, in words; None when it is."""
        host = headers.get("host", "")
        if not self._site.knows(host):
            return (
                "This console is not opened under that name. Use the address that `sayso serve` "
                "prints, or set `url` in [console] of sayso.toml.\n"
            )
        if method in {"GET", "HEAD"}:
            return None
        if method != "POST":
            return "Only pages and forms are served here.\n"
        if path == BACK_CHANNEL:  # no browser: what is sent there counts by its signature alone
            return None
        return None if _is_own(headers, host) else "This form was not sent by one of our pages.\n"


def _is_own(headers: Headers, host: str) -> bool:
    """Whether the browser says that a page of this very site has sent it.

    SOURCE: Fetch Metadata: `Sec-Fetch-Site` cannot be set by a page's own scripts.
    """
    fetch_site = headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site == "same-origin"
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == host


_NOBODY = "'none'"


def policy(nonce: str, framed_by: tuple[str, ...] = (), *, installs: bool = False) -> str:
    """The Content-Security-Policy of one response.

    Args:
        framed_by: whose pages may have it in a frame. installs: whether it may start our worker,
            which takes a policy for its address, and for no other (`static/push.js`).
    """
    worker = ("worker-src 'self'", "trusted-types sayso-worker")
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{nonce}'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            f"frame-ancestors {' '.join(framed_by) or _NOBODY}",
            "require-trusted-types-for 'script'",
            *(worker if installs else ("trusted-types 'none'",)),
        )
    )


class _Safe:
    """Adds the headers to a response, and packs it where that is worth it.

    Args:
        framed_by: whose pages may have it in a frame. keeps_opener: whether the page that has
            opened its window stays its opener; what it tells that, it tells its own site alone.
            installs: see `policy`.
    """

    def __init__(
        self,
        send: Send,
        nonce: str,
        *,
        zipped: bool,
        framed_by: tuple[str, ...] = (),
        keeps_opener: bool = False,
        installs: bool = False,
    ) -> None:
        self._send = send
        self._installs = installs
        self._nonce = nonce
        self._framed_by = framed_by
        self._keeps_opener = keeps_opener
        self._zipped = zipped
        self._start: Message | None = None
        self.started = False

    async def __call__(self, message: Message) -> None:
        """Pass a message of the response on."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = policy(
                self._nonce, self._framed_by, installs=self._installs
            )
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "no-referrer"
            opener = "unsafe-none" if self._keeps_opener else "same-origin"
            headers["Cross-Origin-Opener-Policy"] = opener
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
            headers.setdefault("Cache-Control", "no-store")
            self._start = message
            return
        start, self._start = self._start, None
        self.started = True
        if start is not None:
            message = self._packed(start, message)
            await self._send(start)
        await self._send(message)

    def _packed(self, start: Message, message: Message) -> Message:
        """NOTE: no page holds a secret beside text that others choose, so that its length tells
        nothing (BREACH): the session is in a cookie, and forms carry no token.
        """
        body = message.get("body", b"")
        headers = MutableHeaders(scope=start)
        whole = not message.get("more_body", False)
        if not self._zipped or not whole or len(body) < _SMALLEST_GZIP:
            return message
        if "content-encoding" in headers:
            return message
        packed = gzip.compress(body, 6, mtime=0)
        headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(packed))
        headers.add_vary_header("Accept-Encoding")
        return {**message, "body": packed}


class Form:
    """The fields of a form, each as it was sent."""

    def __init__(self, fields: Mapping[str, tuple[str, ...]]) -> None:
        self._fields = fields

    def one(self, name: str, otherwise: str = "") -> str:
        """The first value of a field."""
        return next(iter(self._fields.get(name, ())), otherwise)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field, as of ticked boxes."""
        return self._fields.get(name, ())

    def named(self, prefix: str) -> dict[str, str]:
        """The fields whose names begin so, by the rest of their names."""
        return {
            name.removeprefix(prefix): values[0]
            for name, values in self._fields.items()
            if name.startswith(prefix)
        }

    def with_one(self, name: str, value: str) -> Form:
        """The same form, with one field as we know it."""
        return Form({**self._fields, name: (value,)})

    def integer(self, name: str) -> int:
        """A whole number; -1 when it is none."""
        said = self.one(name)
        return int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else -1


async def read_form(request: Request) -> Form:
    """The form of a request.

    Raises:
        RefusedError: `message_too_long`, `invalid_input`.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > MAX_BODY_BYTES:
            raise RefusedError(
                Code.MESSAGE_TOO_LONG, "the form is too long", next_step="write less"
            )
    if parts and kind != "application/x-www-form-urlencoded":
        raise RefusedError(Code.INVALID_INPUT, "this is no form", next_step="use the page's form")
    fields: dict[str, tuple[str, ...]] = {}
    try:
        pairs = parse_qsl(
            parts.decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=MAX_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise RefusedError(
            Code.INVALID_INPUT, "the form cannot be read", next_step="load the page again"
        ) from error
    for name, value in pairs:
        fields[name] = (*fields.get(name, ()), value.replace("\0", ""))
    return Form(fields)
