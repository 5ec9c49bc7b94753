"""Socket Mode: what Slack sends comes over a connection that we open, where nobody can reach us.

The same handlers answer as over HTTP. What is not acknowledged, since it could not be stored, Slack
shows to the person as failed; a connection that breaks is opened again by slack_sdk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

import orjson
from slack_sdk import WebClient
from slack_sdk.socket_mode.builtin.client import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from sayso.errors import Code, ConfigError
from sayso.secret import Secret
from sayso.surfaces.slack.bolt import HttpReply

logger = logging.getLogger("sayso.slack")

_AT_ONCE = 10


class SocketMode:
    """One connection; Slack allows ten, and sends each click to one of them.

    Args:
        token: the app-level token (`xapp-…`) with the scope `connections:write`.
        answer: takes an interaction or an event as Slack sent it.
        whole_s: how long an answer may take.
    """

    def __init__(
        self,
        api_url: str,
        token: Secret,
        answer: Callable[[Mapping[str, object]], Awaitable[HttpReply]],
        whole_s: float,
    ) -> None:
        self._answer = answer
        self._whole_s = whole_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client = SocketModeClient(
            app_token=token.reveal(),
            web_client=WebClient(base_url=api_url, logger=logging.getLogger("sayso.slack.web")),
            logger=logging.getLogger("sayso.slack.socket"),
            concurrency=_AT_ONCE,
        )
        self._client.socket_mode_request_listeners.append(self._take)

    async def open(self) -> None:
        """Connect, and answer from then on.

        Raises:
            ConfigError: `slack_refused` when Slack does not let us.
        """
        self._loop = asyncio.get_running_loop()
        try:
            await asyncio.to_thread(self._client.connect)
        except Exception as error:
            raise ConfigError(
                Code.INVALID_SETTING,
                "Slack's Socket Mode could not be opened",
                next_step="run `sayso doctor slack`; `slack.app_token` needs `connections:write`",
                detail=type(error).__name__,
            ) from error

    async def close(self) -> None:
        """Disconnect."""
        await asyncio.to_thread(self._client.close)

    def _take(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        """In a thread of slack_sdk: have the event loop answer, and acknowledge what is durable."""
        if request.type not in {"interactive", "events_api"} or self._loop is None:
            client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
            return
        # slack_sdk says `dict` of it, and no more.
        clicked = cast("Mapping[str, object]", request.payload)  # pyright: ignore[reportUnknownMemberType]
        answer = asyncio.run_coroutine_threadsafe(self._answered(clicked), self._loop)
        try:
            reply = answer.result(self._whole_s + 1.0)
        except TimeoutError:
            answer.cancel()
            logger.warning("a click over the socket took too long")
            return
        if reply.status != 200:  # not acknowledged: Slack tells the person that it failed
            return
        payload = orjson.loads(reply.body) if reply.json else None
        client.send_socket_mode_response(
            SocketModeResponse(envelope_id=request.envelope_id, payload=payload)
        )

    async def _answered(self, payload: Mapping[str, object]) -> HttpReply:
        return await self._answer(payload)
