"""The surface as one object: an ASGI app for Slack's requests, and the task that sends cards."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import NamedTuple, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sayso.errors import Code, ConfigError, SaysoError, logged
from sayso.ids import monotonic_s
from sayso.json import JsonValue
from sayso.sdk.client import Sayso
from sayso.settings.surfaces import SLACK_PATH
from sayso.surfaces.slack.answers import Answering
from sayso.surfaces.slack.bolt import Bolt, Replays
from sayso.surfaces.slack.channel import Channel
from sayso.surfaces.slack.home import HomeTab
from sayso.surfaces.slack.identity import Home, Identities
from sayso.surfaces.slack.linking import Linking
from sayso.surfaces.slack.notes import Noting
from sayso.surfaces.slack.notifier import Notifier
from sayso.surfaces.slack.pace import AnswerTimeouts, NotifierPace
from sayso.surfaces.slack.payload import Click, FormSubmission, SlackAccount, Written
from sayso.surfaces.slack.socket_mode import SocketMode
from sayso.surfaces.slack.web import SlackWeb
from sayso.surfaces.slack.wording import InteractionReply, ephemeral_text, link_blocks

logger = logging.getLogger("sayso.slack")

MAX_BODY_BYTES = 512 * 1024
_HINT_TOPIC = "slack.hint"
"""Of the outbox: what somebody was told one time about a card."""
_TELL_TIMEOUT_S = 5.0


class _Place(NamedTuple):
    """Whom to tell, and where they look."""

    account: SlackAccount
    channel: str
    thread: str = ""


class SlackApp:
    """Answers Slack at any path it is mounted at, and while it is entered, sends cards.

    Make one with `create_slack_app`. Served alone by an ASGI server, it enters itself (lifespan).
    """

    def __init__(
        self,
        sayso: Sayso,
        *,
        pace: NotifierPace | None = None,
        patience: AnswerTimeouts | None = None,
        monotonic: Callable[[], float] = monotonic_s,
    ) -> None:
        section = sayso.workspace.settings.slack
        if section is None:
            raise ConfigError(
                Code.INVALID_SETTING,
                "sayso.toml has no `[slack]`",
                next_step="add it as docs/how-to/set-up-slack.md shows",
            )
        self._sayso = sayso
        self._web = SlackWeb(section.api_url, sayso.workspace.secret(section.bot_token))
        patience = patience or AnswerTimeouts()
        home = Home(self._web, patience.ask_s)
        identities = Identities(
            lambda: sayso.people.authority(sayso.tenant), self._web, home, monotonic, patience.ask_s
        )
        self._identities = identities
        self._answering = Answering(sayso, self._web, identities, patience)
        channel = Channel(self._web, home, section.channel, patience.ask_s)
        self._linking = Linking(sayso, identities)
        self._noting = Noting(sayso, home, identities, channel, patience)
        self._bolt = Bolt(
            None
            if section.signing_secret is None
            else sayso.workspace.secret(section.signing_secret),
            Replays(monotonic),
            self._on_click,
            self._on_submit,
            self._on_happened,
            patience.whole_s,
        )
        self.notifier = Notifier(sayso, self._web, home, identities, section.channel, pace=pace)
        self._home_tab = HomeTab(
            *(sayso, self._web, home, identities, channel, self._linking, self.notifier.pace)
        )
        self._socket = (
            None
            if section.app_token is None
            else SocketMode(
                section.api_url,
                sayso.workspace.secret(section.app_token),
                self._bolt.answer_socket,
                patience.whole_s,
            )
        )
        self._telling: set[asyncio.Task[None]] = set()
        self._sending: asyncio.Task[None] | None = None
        self._asgi = Starlette(
            routes=[Route("/{path:path}", self._handle, methods=["POST"])],
            lifespan=self._lifespan,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await self._asgi(scope, receive, send)

    async def __aenter__(self) -> Self:
        """Start sending cards, and taking clicks over the socket where there is one."""
        await self.connect()
        self._sending = asyncio.create_task(self.notifier.run(), name="sayso slack notifier")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stop sending cards, finish what people are being told, close the connections."""
        if self._sending is not None:
            self._sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sending
            self._sending = None
        if self._socket is not None:
            await self._socket.close()
        await self.all_replied()
        self._bolt.close()
        await self._web.close()

    async def connect(self) -> None:
        """Open the socket over which clicks come; nothing where they come over HTTP.

        Raises:
            ConfigError: `invalid_setting` when Slack does not let us.
        """
        if self._socket is not None:
            await self._socket.open()

    async def all_replied(self) -> None:
        """Wait until everybody who clicked so far has been told; for tests and for the end."""
        while self._telling:
            await asyncio.gather(*self._telling)
            # NOTE: since Python 3.12 gather of finished tasks does not yield, and what empties the
            # set is their callback, which needs a turn of the loop.
            await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncGenerator[None]:
        async with self:
            yield

    async def _handle(self, request: Request) -> Response:
        raw = bytearray()
        async for part in request.stream():
            raw += part
            if len(raw) > MAX_BODY_BYTES:
                return Response(status_code=413)
        reply = await self._bolt.answer(bytes(raw), dict(request.headers))
        media_type = "application/json" if reply.json else "text/plain"
        return Response(reply.body, status_code=reply.status, media_type=media_type)

    async def _on_click(self, click: Click) -> InteractionReply:
        answer = await self._answering.click(click)
        if click.channel is not None:
            self._tell(answer, _Place(click.account, click.channel))
        else:
            self._tell(answer, None)
        return answer

    async def _on_submit(self, form: FormSubmission) -> InteractionReply:
        answer = await self._answering.submit(form)
        self._tell(answer, None)
        return answer

    async def _on_happened(self, happened: Written | SlackAccount) -> InteractionReply:
        """What was written is noted before Slack hears of it; a Home is shown after that."""
        if isinstance(happened, SlackAccount):
            self._soon(self._home_tab.publish(happened))
            return InteractionReply()
        return await self._on_written(happened)

    async def _on_written(self, written: Written) -> InteractionReply:
        answer = await self._noting.take(written)
        self._tell(answer, _Place(written.account, written.channel, written.thread))
        return answer

    def _tell(self, answer: InteractionReply, place: _Place | None) -> None:
        """Tell the person and refresh the card, without making Slack wait for it."""
        self._soon(self._tell_now(answer, place))

    def _soon(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell_now(self, answer: InteractionReply, place: _Place | None) -> None:
        try:
            if answer.refresh is not None:
                await self._sayso.approvals.show_again(answer.refresh)
            if place is None or not answer.tell:
                return
            if answer.once and not await self._sayso.outbox.first(_HINT_TOPIC, answer.once):
                return
            await self._say(place, answer.tell, await self._linking.link_for(place.account))
        except SaysoError as error:
            logger.warning("somebody who clicked could not be told: %s", logged(error))

    async def _say(self, place: _Place, text: str, link: str) -> None:
        """An answer that only they see; it has no buttons, since it is lost on reload."""
        told = ephemeral_text(text)
        arguments: dict[str, JsonValue] = {
            "channel": place.channel,
            "user": place.account.user,
            "text": told,
        }
        if place.thread:
            arguments["thread_ts"] = place.thread
        if link:
            arguments["blocks"] = link_blocks(text, link)
        await self._web.call_again(
            "chat.postEphemeral",
            {**arguments, "mrkdwn": False, "parse": "none", "link_names": False},
            timeout_s=_TELL_TIMEOUT_S,
            sleep=self.notifier.pace.sleep,
        )


def create_slack_app(
    sayso: Sayso,
    *,
    pace: NotifierPace | None = None,
    patience: AnswerTimeouts | None = None,
    monotonic: Callable[[], float] = monotonic_s,
) -> SlackApp:
    """The Slack surface of an open workspace, as its `[slack]` section says.

    Args:
        sayso: open for as long as the app is used.
        pace: how fast cards are sent; one post and one update a second unless a test says so.
        patience: how long an answer to Slack may take; within Slack's 3 s unless a test says so.
        monotonic: seconds of a clock that never jumps.

    Returns:
        An ASGI app for `/slack/events`, and an async context manager that sends cards.

    Raises:
        ConfigError: `invalid_setting` without `[slack]`; `missing_secret`.
    """
    return SlackApp(sayso, pace=pace, patience=patience, monotonic=monotonic)


@contextlib.asynccontextmanager
async def open_channel(sayso: Sayso) -> AsyncGenerator[tuple[Route, ...]]:
    """The same for `sayso serve`, which gives Slack its path."""
    async with create_slack_app(sayso) as slack:
        # NOTE: a mount would answer the exact path with a redirect, which Slack does not follow.
        yield (Route(SLACK_PATH, slack),)
