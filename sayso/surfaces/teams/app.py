"""The surface as one object: an ASGI app for what Teams sends, and what it tells by itself."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sayso.actions.approvals.repository import OUTBOX_TOPIC
from sayso.agent.request_row import WORK_TOPIC
from sayso.errors import Code, RefusedError, RetryableError, SaysoError, logged, logged_with_frames
from sayso.ids import monotonic_s
from sayso.json import JsonObject
from sayso.sdk.background.telling import Tell, Telling, telling
from sayso.sdk.chat.answers import AnswerBudget
from sayso.sdk.chat.news import TOPICS
from sayso.sdk.client import Sayso
from sayso.sdk.resources.canaries import CANARY_TOPIC
from sayso.surfaces.teams.activity import Incoming, read_activity
from sayso.surfaces.teams.answers import Clicking, said
from sayso.surfaces.teams.board import Board
from sayso.surfaces.teams.bot_keys import BotKeys
from sayso.surfaces.teams.identity import Members
from sayso.surfaces.teams.notes import TeamsNoting
from sayso.surfaces.teams.settings import CHANNEL, read_settings
from sayso.surfaces.teams.web import TeamsWeb

logger = logging.getLogger("sayso.teams")

PATH: Final = "/teams/messages"
"""Where Teams sends activities to: the bot's messaging endpoint."""
MAX_BODY_BYTES = 512 * 1024
_REMEMBERED_S = 600.0
_CLICK = "adaptiveCard/action"


class TeamsApp:
    """Answers Teams, and brings cards up to date.

    Args:
        budget: what the database has for an answer. whole_s: for all of one, within Teams' time.
        monotonic: seconds of a clock that never jumps. sleep: waits where Teams asks for it.

    Raises:
        ConfigError: `invalid_setting` without `[channels.teams]`; `missing_secret`.
    """

    def __init__(
        self,
        sayso: Sayso,
        *,
        budget: AnswerBudget | None = None,
        whole_s: float = 9.0,
        monotonic: Callable[[], float] = monotonic_s,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        timeout_s: float = 5.0,
    ) -> None:
        budget = budget or AnswerBudget()
        self._sayso = sayso
        self._settings = read_settings(sayso)
        self._monotonic = monotonic
        self._whole_s = whole_s
        self.web = TeamsWeb(self._settings, monotonic, sleep, timeout_s)
        self._keys = BotKeys(self._settings, self.web.client, monotonic, sayso.now)
        members = Members(
            self._settings, lambda: sayso.people.authority(sayso.tenant), self.web, monotonic
        )
        self.board = Board(sayso, self._settings, self.web)
        self._clicking = Clicking(sayso, members, self.board, budget)
        self._noting = TeamsNoting(
            sayso, self._settings, members, self.board, self.web, budget.decide_s
        )
        self._earlier: dict[bytes, tuple[float, asyncio.Future[Response]]] = {}

    @property
    def tells(self) -> dict[str, Tell]:
        """What is told of each topic."""
        news: dict[str, Tell] = {topic: partial(self.board.tell, topic) for topic in TOPICS}
        cards: dict[str, Tell] = {
            OUTBOX_TOPIC: self.board.show_card,
            CANARY_TOPIC: self.board.show_test,
            WORK_TOPIC: self.board.show_work,
        }
        # A card goes first: a reminder or a note of it stands below it.
        return {**cards, **news}

    @property
    def teller(self) -> Telling:
        """Tells what is due, one step at a time."""
        return Telling(self._sayso, CHANNEL, self.tells)

    async def close(self) -> None:
        """Close the connections."""
        await self.web.close()

    async def handle(self, request: Request) -> Response:
        """Answer one activity.

        Guarantees: an activity that is not from Teams, or of another organisation, does nothing.
        """
        raw = bytearray()
        async for part in request.stream():
            raw += part
            if len(raw) > MAX_BODY_BYTES:
                return Response(status_code=413)
        try:
            async with asyncio.timeout(self._whole_s):
                incoming = await self._checked(request.headers.get("authorization", ""), bytes(raw))
                return await self._once(incoming, bytes(raw))
        except RefusedError as error:
            logger.warning("a request was refused: %s", logged(error))
            return Response(status_code=_STATUS.get(error.code.value, 400))
        except (RetryableError, TimeoutError) as error:
            logger.warning("a request could not be answered: %s", logged(error))
            return Response(status_code=503)

    async def _checked(self, header: str, raw: bytes) -> Incoming:
        """The activity, if Teams sent it for us, of our organisation.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`, `invalid_input`.
            RetryableError: the keys cannot be read now.
        """
        service = await self._keys.service_of(header)
        incoming = read_activity(raw)
        told = (
            (incoming.service.rstrip("/") == service.rstrip("/"), "its service is another one"),
            (self._settings.may_call(incoming.service), "its service is not Teams'"),
            (incoming.channel == "msteams", "it is of another channel than Teams"),
            (incoming.recipient == self._settings.bot, "it is for another bot"),
            (
                incoming.tenants == frozenset({self._settings.tenant}),
                "it is of another organisation",
            ),
        )
        for holds, problem in told:
            if not holds:
                raise RefusedError(Code.FORBIDDEN, problem)
        return incoming

    async def _once(self, incoming: Incoming, raw: bytes) -> Response:
        """The answer; for one that came before, what was answered then."""
        key, now = hashlib.sha256(raw).digest(), self._monotonic()
        while self._earlier:
            oldest = next(iter(self._earlier))
            if self._earlier[oldest][0] > now:
                break
            del self._earlier[oldest]
        if key in self._earlier:
            return await asyncio.shield(self._earlier[key][1])
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._earlier[key] = (now + _REMEMBERED_S, answer)
        try:
            response = await self._answer(incoming)
        except BaseException:
            # What was answered with an error may be sent again, and then has to count.
            del self._earlier[key]
            answer.set_result(Response(status_code=503))
            raise
        if response.status_code >= 500:
            del self._earlier[key]
        answer.set_result(response)
        return response

    async def _answer(self, incoming: Incoming) -> Response:
        try:
            match incoming.type:
                case "invoke" if incoming.name == _CLICK:
                    return _json((await self._clicking.click(incoming)).body)
                case "invoke":
                    return _json(said("Sayso has no such button.").body)
                case "message":
                    return Response(status_code=200 if await self._noting.take(incoming) else 503)
                case _:  # the bot was installed, somebody came: nothing of it is ours
                    return Response(status_code=200)
        except SaysoError:
            raise
        except Exception as error:  # noqa: BLE001
            # The surface's edge; the words of it may be a customer's.
            logger.error("a request could not be answered: %s", logged_with_frames(error))  # noqa: TRY400
            return Response(status_code=500)


_STATUS = {"unauthenticated": 401, "forbidden": 403}


def _json(body: JsonObject) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")


@contextlib.asynccontextmanager
async def open_channel(sayso: Sayso) -> AsyncGenerator[tuple[Route, ...]]:
    """For `sayso serve`: tell what is due while the block runs, and take what Teams sends."""
    app = TeamsApp(sayso)
    try:
        async with telling(sayso, CHANNEL, app.tells):
            yield (Route(PATH, app.handle, methods=["POST"]),)
    finally:
        await app.close()
