"""Bolt: checks Slack's signature, tells what kind of request it is, and hands it on.

NOTE: this is Bolt's synchronous `App`, run on threads of ours. `AsyncApp` needs aiohttp, which is
no dependency of ours. Nothing of Bolt's own client is used, so all that a thread does is to check,
to find the handler, and to wait for it in the event loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import secrets
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import orjson
from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from sayso.errors import RefusedError, logged, logged_with_frames
from sayso.secret import Secret
from sayso.surfaces.slack.payload import (
    Click,
    FormSubmission,
    SlackAccount,
    Written,
    read_click,
    read_event,
    read_submission,
)
from sayso.surfaces.slack.wording import InteractionReply

logger = logging.getLogger("sayso.slack")

_AT_ONCE = 32
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = "x-slack-signature"
_OURS = re.compile(r"sayso\..*")
_ANY = re.compile(r".*")
_FIRST = "sayso_first"

OnClick = Callable[[Click], Awaitable[InteractionReply]]
OnSubmit = Callable[[FormSubmission], Awaitable[InteractionReply]]
OnHappened = Callable[[Written | SlackAccount], Awaitable[InteractionReply]]


class Bolt:
    """Answers raw signed requests.

    Args:
        signing_secret: None where everything comes over a socket of ours.
        on_click, on_submit, on_happened: run in the event loop of `answer`; they commit before they
            return.
        whole_s: Slack waits 3 s for an answer; whatever is not done by then is answered with an
            error.
    """

    def __init__(
        self,
        signing_secret: Secret | None,
        replays: Replays,
        on_click: OnClick,
        on_submit: OnSubmit,
        on_happened: OnHappened,
        whole_s: float,
    ) -> None:
        self._replays = replays
        self._on_click = on_click
        self._on_submit = on_submit
        self._on_happened = on_happened
        self._whole_s = whole_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="sayso-slack")
        # INVARIANT: without a secret nothing that comes over HTTP counts; Bolt itself wants one.
        self._signed = signing_secret is not None
        self._app = self._make_app(signing_secret or Secret(secrets.token_hex(32)))

    def _make_app(self, signing_secret: Secret) -> App:
        bolts = logging.getLogger("sayso.slack.bolt")
        bolts.addFilter(_is_meant)
        app = App(
            name="sayso",
            logger=bolts,
            signing_secret=signing_secret.reveal(),
            # NOTE: `authorize` in place of a token, or every first click would wait for auth.test;
            # the client is never called, and its token is not the real one.
            client=WebClient(token=None),
            authorize=_authorize,
            before_authorize=self._only_once,
            process_before_response=True,
            ssl_check_enabled=False,
            attaching_function_token_enabled=False,
        )
        # Bolt leaves the parameters of its own types open.
        app.block_action(_OURS)(self._clicked)  # pyright: ignore[reportUnknownMemberType]
        app.view_submission(_OURS)(self._submitted)  # pyright: ignore[reportUnknownMemberType]
        # Whatever else the app is subscribed to is acknowledged, or Slack sends it again and again.
        app.event(_ANY)(self._happened)  # pyright: ignore[reportUnknownMemberType]
        return app

    async def answer(self, raw: bytes, headers: Mapping[str, str]) -> HttpReply:
        """The answer to one request, at the latest when Slack is about to give up.

        Guarantees: 200 only when what was decided is durable, or when nothing was to be decided.
        """
        if not self._signed or not _TIMESTAMP.fullmatch(
            headers.get("x-slack-request-timestamp", "")
        ):
            # NOTE: Bolt 1.30.0 answers 500 to a timestamp that is no number.
            return HttpReply(status=401)
        try:
            request = BoltRequest(body=raw.decode("utf-8"), headers=dict(headers))
        except Exception:  # noqa: BLE001
            # INVARIANT: Bolt reads the body before it checks whose it is, and breaks on JSON of
            # another shape than Slack's; a stranger's must not fill the log with tracebacks.
            return HttpReply(status=400)
        if not _has_slacks_shape(request.body):
            return HttpReply(status=400)
        self._loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._whole_s):
                response = await self._loop.run_in_executor(
                    self._threads, self._app.dispatch, request
                )
        except TimeoutError:
            response = BoltResponse(status=503)
        reply = HttpReply(
            status=response.status, body=response.body, json=response.body.startswith("{")
        )
        if _FIRST in request.context:
            self._replays.settle(headers.get(_SIGNATURE, ""), reply)
        return reply

    async def answer_socket(self, payload: Mapping[str, object]) -> HttpReply:
        """The same for what came over a socket of ours, where there is nothing to be signed."""
        request = BoltRequest(mode="socket_mode", body=dict(payload))
        if not _has_slacks_shape(request.body):
            return HttpReply(status=400)
        self._loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._whole_s):
                response = await self._loop.run_in_executor(
                    self._threads, self._app.dispatch, request
                )
        except TimeoutError:
            response = BoltResponse(status=503)
        return HttpReply(
            status=response.status, body=response.body, json=response.body.startswith("{")
        )

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _only_once(self, req: BoltRequest, next: Callable[[], None]) -> BoltResponse | None:  # noqa: A002
        """Runs after the signature was found good, before anything else."""
        if req.mode == "socket_mode":
            next()
            return None
        earlier = self._replays.claim(req.headers[_SIGNATURE][0])
        if earlier is None:
            req.context[_FIRST] = True
            next()
            return None
        try:
            reply = earlier.result(self._whole_s)
        except TimeoutError:
            return BoltResponse(status=503)
        return BoltResponse(status=reply.status, body=reply.body)

    def _clicked(self, body: dict[str, object]) -> BoltResponse:
        return self._in_loop(lambda: self._on_click(read_click(body)))

    def _submitted(self, body: dict[str, object]) -> BoltResponse:
        return self._in_loop(lambda: self._on_submit(read_submission(body)))

    def _happened(self, body: dict[str, object]) -> BoltResponse:
        async def take() -> InteractionReply:
            event = read_event(body)
            return InteractionReply() if event is None else await self._on_happened(event)

        return self._in_loop(take)

    def _in_loop(self, work: Callable[[], Awaitable[InteractionReply]]) -> BoltResponse:
        assert self._loop is not None

        async def run() -> InteractionReply:
            try:
                return await work()
            except RefusedError as error:
                logger.warning("a request was not understood: %s", logged(error))
                return InteractionReply(status=400)
            except Exception as error:  # noqa: BLE001
                # The surface's edge. Bolt would log the words of it, which may be a customer's.
                told = logged_with_frames(error)
                logger.error("a request could not be answered: %s", told)  # noqa: TRY400
                return InteractionReply(status=500)

        answer = asyncio.run_coroutine_threadsafe(run(), self._loop).result()
        body = "" if answer.body is None else orjson.dumps(answer.body).decode()
        return BoltResponse(status=answer.status, body=body)


def _has_slacks_shape(body: Mapping[str, object]) -> bool:
    """Whether Bolt can look for the handler; it breaks on other shapes, with a traceback."""
    match body:
        case {"type": "view_submission" | "view_closed"}:
            match body.get("view"):
                case {"callback_id": str()}:
                    return True
                case _:
                    return False
        case {"type": "block_actions"}:
            actions = body.get("actions")
            return isinstance(actions, list) and all(
                isinstance(one, dict) for one in cast("list[object]", actions)
            )
        case {"type": "event_callback"}:
            match body.get("event"):
                case {"type": str()}:
                    return True
                case _:
                    return False
        case _:
            return True


def _is_meant(record: logging.LogRecord) -> bool:
    # Bolt reads SLACK_BOT_TOKEN by itself, where our documentation puts it, and says at each start
    # that it does not use it; which is as it should be.
    return "`token` will be unused" not in record.getMessage()


def _authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
    """Bolt wants to know whose token to use; it uses none, and people are checked by us."""
    return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token="unused")  # noqa: S106


REMEMBERED_S = 600.0
"""SOURCE: Slack's own window is five minutes to either side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """An HTTP answer. `json` says which of the two media types the body has."""

    status: int
    body: str = ""
    json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    until: float
    reply: Future[HttpReply]


class Replays:
    """One entry per accepted signature; safe to use from many threads.

    INVARIANT: only requests whose signature is good get here, so nobody else can fill it. And a
    request that was answered with an error is forgotten: Slack may send the very same again, and
    then it has to count.

    Args:
        monotonic_s: seconds of a clock that never jumps.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._kept: dict[bytes, _Kept] = {}
        self._lock = threading.Lock()

    def claim(self, signature: str) -> Future[HttpReply] | None:
        """None for the first of its kind; else what the first was, or will be, answered."""
        key = _key(signature)
        now = self._monotonic_s()
        with self._lock:
            while self._kept:
                oldest = next(iter(self._kept))
                if self._kept[oldest].until > now:
                    break
                del self._kept[oldest]
            known = self._kept.get(key)
            if known is not None:
                return known.reply
            self._kept[key] = _Kept(until=now + REMEMBERED_S, reply=Future())
            return None

    def settle(self, signature: str, reply: HttpReply) -> None:
        """Say what the first was answered."""
        key = _key(signature)
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return
            if reply.status >= 500:
                del self._kept[key]
        kept.reply.set_result(reply)


def _key(signature: str) -> bytes:
    return hashlib.sha256(signature.encode()).digest()
