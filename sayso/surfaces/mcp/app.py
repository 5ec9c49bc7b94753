"""Streamable HTTP: each call by itself, for the customer whom the bot's host names in a header.

Or for the customer who has signed in: a client that the host does not run, such as a hosted one,
brings an access token of the issuer in `[identity]`, and can set no headers.

INVARIANT: who the customer is comes from headers, which the host sets and no model writes, beside a
service's token; or from an access token, and then from it alone (invariant 4). The tenant comes
from the service's token, and is the workspace's own for an access token. docs/decisions/0020 says
why.
"""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import partial
from socket import socket
from typing import Final, Self
from urllib.parse import urlsplit

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Send
from starlette.types import Scope as HttpScope

from sayso.actions.model.definition import Assurance, Subject
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import CODES, Code, ConfigError, RefusedError, SaysoError, logged_with_frames
from sayso.sdk.background.generations import Beside, serve_generations
from sayso.sdk.background.reload import Reloads
from sayso.sdk.client import Sayso
from sayso.sdk.resources.identity import MOST_CHARACTERS, ProtectedResource
from sayso.sdk.resources.tokens import PREFIX, Scope, Token
from sayso.sdk.tools.tool import Caller
from sayso.sdk.tools.toolbox import Toolbox
from sayso.serving import OrderlyServer, Replaceable
from sayso.surfaces.mcp.server import Context, McpSession, make_server, silence_library

logger = logging.getLogger("sayso.mcp")

PATH = "/mcp"
SUBJECT = "Sayso-Subject"
ASSURANCE = "Sayso-Assurance"
ASSERTION = "Sayso-Assertion"
"""`NAME TOKEN`: of `[identity.NAME]`, and its JWT."""
CONVERSATION = "Sayso-Conversation"
MAX_BODY_BYTES = 1024 * 1024
MAX_CONVERSATION_CHARS = 200
GRACE_S = 10
"""How long calls that are under way may still take when the server is told to end."""

_BAD_REQUEST, _NO_STREAM = 400, 405
_CREDENTIALS = re.compile(rf"bearer +([!-~]{{1,{MOST_CHARACTERS}}})", re.IGNORECASE)
_WELL_KNOWN = "/.well-known/oauth-protected-resource"
_SIGNED_IN: Final = Actor(kind=ActorKind.SERVICE, id="mcp")
"""Who asks where no service does: the customer's own client."""
_OWN_SCOPES = frozenset({Scope.PROPOSE, Scope.READ})
"""What a customer may do who has signed in: as over stdio."""
_REALM = 'Bearer realm="sayso"'
_SESSION = "sayso.mcp.session"
_SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class McpApp:
    """Answers MCP clients at any path it is mounted at, while it is entered.

    No session is kept: each POST carries its token and its customer, and is checked anew.
    Make one with `create_mcp_app`.
    """

    def __init__(self, sayso: Sayso) -> None:
        silence_library()
        self._sayso = sayso
        self._rejected_calls = sayso.rejected_calls
        self._resource = sayso.identity.protected_resource
        self._manager = StreamableHTTPSessionManager(
            make_server(Toolbox(sayso), _session_of),
            stateless=True,
            max_request_body_size=MAX_BODY_BYTES,
        )
        self._entered = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Begin to answer."""
        await self._entered.enter_async_context(self._manager.run())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stop, and tell the log of who was turned away."""
        await self._entered.aclose()
        await self._rejected_calls.flush()

    async def __call__(self, scope: HttpScope, receive: Receive, send: Send) -> None:
        """ASGI."""
        status = 0

        async def send_safely(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(_SAFE)
            await send(message)

        request, token = Request(scope), None
        try:
            _check_method(request)
            given = self._credentials(request)
            if self._resource is not None and not given.startswith(f"{PREFIX}_"):
                scope[_SESSION] = await self._signed_in(request, given)
            else:
                token = await self._token(given)
                scope[_SESSION] = await self._session(request, token)
        except _NotAdmittedError as refused:
            if refused.status != _NO_STREAM:  # clients ask for one, and get on without
                await self._rejected_calls.note(refused.error.code, token, via="mcp")
            answer = problem(refused.error, status=refused.status, headers=refused.headers)
            await answer(scope, receive, send_safely)
            return
        except SaysoError as error:  # the database cannot be read: nobody is let in
            await problem(error)(scope, receive, send_safely)
            return
        try:
            await self._manager.handle_request(scope, receive, send_safely)
        except Exception as error:  # noqa: BLE001  (the surface's edge)
            occurrence = secrets.token_hex(8)
            logger.error("problem %s: %s", occurrence, logged_with_frames(error))  # noqa: TRY400
            if not status:
                step = f"look for {occurrence} in the server's log, and report it"
                unexpected = ConfigError(Code.INTERNAL, "something went wrong", next_step=step)
                await problem(unexpected)(scope, receive, send_safely)
            return
        if status >= _BAD_REQUEST:  # what is no message of the protocol
            await self._rejected_calls.note(Code.INVALID_INPUT, token, via="mcp")

    async def _session(self, request: Request, token: Token) -> McpSession:
        """For whom the call of a service is made."""
        _check_origin(request)
        caller = Caller(
            subject=await self._customer(request),
            requester=token.actor,
            tenant=token.tenant,
            conversation=_conversation(request),
        )
        rejected_calls = partial(self._rejected_calls.note, token=token, via="mcp")
        return McpSession(caller=caller, scopes=token.scopes, rejected_calls=rejected_calls)

    async def _customer(self, request: Request) -> Subject:
        said, name, assertion = _subject(request), None, None
        if ASSERTION in request.headers:
            given = _one_header(request, ASSERTION, "`NAME TOKEN`")
            name, _, assertion = given.partition(" ")
        try:
            return await self._sayso.identity.checked(said, name, assertion)
        except RefusedError as error:
            raise _NotAdmittedError(error, status=400) from error

    async def _signed_in(self, request: Request, token: str) -> McpSession:
        """For the customer whom an access token names; a header beside it is not believed."""
        _check_origin(request)
        for name in (SUBJECT, ASSURANCE, ASSERTION):
            if name in request.headers:
                raise _NotAdmittedError(
                    RefusedError(
                        Code.INVALID_INPUT,
                        f"an access token says who the customer is, and `{name}` says it, too",
                        next_step="leave the header out, or send a service's token with it",
                    ),
                    status=_BAD_REQUEST,
                )
        try:
            customer = await self._sayso.identity.of_access_token(token)
        except RefusedError as error:
            raise _NotAdmittedError(error, headers=self._challenge("invalid_token")) from error
        caller = Caller(
            subject=customer,
            requester=_SIGNED_IN,
            tenant=self._sayso.tenant,
            conversation=_conversation(request),
        )
        rejected_calls = partial(self._rejected_calls.note, token=None, via="mcp")
        return McpSession(caller=caller, scopes=_OWN_SCOPES, rejected_calls=rejected_calls)

    def _challenge(self, error: str = "") -> Mapping[str, str]:
        """What a client is told with a 401. Source: RFC 6750 section 3, RFC 9728 section 5.1."""
        parts = [_REALM]
        if error:
            parts.append(f'error="{error}"')
        if self._resource is not None:
            parts.append(f'resource_metadata="{_metadata_url(self._resource)}"')
        return {"WWW-Authenticate": ", ".join(parts)}

    def _credentials(self, request: Request) -> str:
        given = request.headers.getlist("authorization")
        match = _CREDENTIALS.fullmatch(given[0]) if len(given) == 1 else None
        if match is None:
            raise _NotAdmittedError(
                RefusedError(
                    Code.UNAUTHENTICATED,
                    "the call carries no bearer token" if not given else "that is no one token",
                    next_step="send `Authorization: Bearer csk_…`; make one with "
                    "`sayso token create --service NAME`",
                ),
                headers=self._challenge(),
            )
        return match[1]

    async def _token(self, given: str) -> Token:
        try:
            token = await self._sayso.tokens.check(given)
        except RefusedError as error:
            raise _NotAdmittedError(error, headers=self._challenge("invalid_token")) from error
        if token.kind != "service":
            raise _NotAdmittedError(
                RefusedError(
                    Code.FORBIDDEN,
                    "a person's token has no place in a model's client",
                    next_step="make one with `sayso token create --service NAME`",
                )
            )
        return token


class _NotAdmittedError(Exception):
    """A call that gets no further than the edge, with its answer's status and headers."""

    def __init__(
        self,
        error: RefusedError,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.status = status or CODES[error.code].status
        self.headers = headers


def _check_method(request: Request) -> None:
    if request.method != "POST":
        # SOURCE: MCP, streamable HTTP: 405 says that the server opens no stream of its own.
        raise _NotAdmittedError(
            RefusedError(Code.INVALID_INPUT, "only POST is possible here", next_step="send a POST"),
            status=_NO_STREAM,
            headers={"Allow": "POST"},
        )


def _check_origin(request: Request) -> None:
    if "origin" in request.headers:
        # SOURCE: MCP, streamable HTTP, security warning: DNS rebinding.
        raise _NotAdmittedError(
            RefusedError(
                Code.FORBIDDEN,
                "a web page cannot call this",
                next_step="call it from your bot's host, which sends no `Origin`",
            )
        )


def _metadata_url(resource: ProtectedResource) -> str:
    """Where its metadata is. Source: RFC 9728 section 3.1."""
    parts = urlsplit(resource.url)
    return parts._replace(path=f"{_WELL_KNOWN}{parts.path.rstrip('/')}").geturl()


def metadata_routes(sayso: Sayso) -> list[Route]:
    """Where clients learn who signs customers in; none where nobody does.

    They belong at the root of the host, wherever the app itself is mounted.
    """
    resource = sayso.identity.protected_resource
    if resource is None:
        return []
    told = {
        "resource": resource.url,
        "authorization_servers": list(resource.issuers),
        "bearer_methods_supported": ["header"],
        "resource_name": "Sayso",
    }

    async def answer(_: Request) -> JSONResponse:
        return JSONResponse(told, headers=_SAFE)

    return [Route(urlsplit(_metadata_url(resource)).path, answer)]


def _session_of(context: Context) -> McpSession:
    request: object = context.request
    assert isinstance(request, Request), "what comes over HTTP has its request"
    found: object = request.scope[_SESSION]
    assert isinstance(found, McpSession)
    return found


def _subject(request: Request) -> Subject:
    given = _one_header(request, SUBJECT, "the verified customer's id")
    level = _one_header(request, ASSURANCE, "`signed_in`, `verified` or `unverified`")
    try:
        return Subject(id=given, assurance=Assurance(level))
    except ValueError:
        raise _bad_header(ASSURANCE, "`signed_in`, `verified` or `unverified`") from None
    except RefusedError as error:
        raise _NotAdmittedError(error, status=400) from error


def _conversation(request: Request) -> str:
    if CONVERSATION not in request.headers:
        return ""
    what = f"1 to {MAX_CONVERSATION_CHARS} visible characters"
    given = _one_header(request, CONVERSATION, what)
    if len(given) > MAX_CONVERSATION_CHARS or not (given.isascii() and given.isprintable()):
        raise _bad_header(CONVERSATION, what)
    return given


def _one_header(request: Request, name: str, what: str) -> str:
    given = request.headers.getlist(name)
    if len(given) != 1 or not given[0].strip():
        raise _bad_header(name, what)
    return given[0].strip()


def _bad_header(name: str, what: str) -> _NotAdmittedError:
    return _NotAdmittedError(
        RefusedError(
            Code.INVALID_INPUT,
            f"the header `{name}` is missing, doubled or not valid",
            next_step=f"have the bot's host send it once, with {what}",
        ),
        status=400,
    )


def problem(
    error: SaysoError, *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The answer to a call that did not get as far as the protocol. Source: RFC 9457."""
    info = CODES[error.code]
    return JSONResponse(
        {
            "type": f"urn:sayso:error:{error.code.value}",
            "title": info.title,
            "status": status or info.status,
            "detail": error.message,
            "code": error.code.value,
            "next_step": error.next_step,
        },
        status_code=status or info.status,
        headers=dict(headers or {}),
        media_type="application/problem+json",
    )


def create_mcp_app(sayso: Sayso) -> McpApp:
    """The MCP surface of an open workspace, to be served at `/mcp` or mounted into another app.

    Args:
        sayso: open for as long as the app is used.

    Raises:
        ConfigError: see `Toolbox`.
    """
    return McpApp(sayso)


async def serve_http(
    sayso: Sayso,
    listener: socket,
    ready: Callable[[str], None],
    *,
    beside: Beside | None = None,
    reloads: Reloads | None = None,
) -> None:
    """Serve MCP at `/mcp` until SIGTERM, SIGINT or cancellation; prints nothing.

    Args:
        sayso: open, in this event loop.
        listener: a socket from `sayso.serving.listen`.
        ready: gets the bound URL without the path, once calls are answered.
        beside: runs beside the calls, anew with each reload.
        reloads: says when to reload, also with SIGHUP; never where None.
    """

    @contextlib.asynccontextmanager
    async def live(workspace: Sayso) -> AsyncGenerator[Starlette]:
        async with (beside or contextlib.nullcontext)(workspace), create_mcp_app(workspace) as mcp:
            yield _routed(mcp, metadata_routes(workspace))

    async def serve(held: Replaceable[Starlette]) -> None:
        await OrderlyServer(held, grace_s=GRACE_S, ready=ready).run_on(listener)

    await serve_generations(
        sayso, live, Replaceable[Starlette], serve, reloads=reloads, grace_s=GRACE_S
    )


def _routed(mcp: McpApp, metadata: Sequence[Route]) -> Starlette:
    app = Starlette(
        # A redirect between the two would be followed by some clients and not by others.
        routes=[Route(PATH, mcp), Route(f"{PATH}/", mcp), *metadata],
        exception_handlers={HTTPException: _on_http_error},
    )
    app.router.redirect_slashes = False
    return app


def _on_http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    found = RefusedError(
        Code.NOT_FOUND, "there is no such path", next_step=f"MCP is spoken at `{PATH}`"
    )
    return problem(found, status=error.status_code)
