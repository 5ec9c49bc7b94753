"""The Bot Connector's API, as far as we need it: few methods, short timeouts, our own errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import cast
from urllib.parse import quote, urlencode

import orjson

from sayso.connectors.http import HttpAnswer, HttpClient, HttpLimits, HttpRequest
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError, SaysoError
from sayso.json import JsonObject, JsonValue
from sayso.secret import HIDDEN
from sayso.surfaces.teams.activity import ChatPlace
from sayso.surfaces.teams.settings import TeamsSettings

_EARLY_S = 300.0
"""So long before its end a token is made anew."""
_LONGEST_PAUSE_S = 30.0
_MOST_TRIES = 3
_MOST_SHOWN = 200


class TeamsRefusedError(RefusedError):
    """Teams, or the login, said no.

    Args:
        status: of HTTP. error: their own word, such as `Forbidden` or `invalid_client`.
    """

    def __init__(self, what: str, status: int, error: str, detail: str = "") -> None:
        super().__init__(
            Code.PROVIDER_REFUSED,
            f"teams refused {what}: {error[:80]}",
            next_step="run `sayso doctor teams`",
            detail=detail[:_MOST_SHOWN],
        )
        self.status = status
        self.error = error


class TeamsWeb:
    """Calls Teams with the bot's own token, which is made when it is needed.

    Args:
        monotonic_s: seconds of a clock that never jumps. sleep: waits where Teams asks for it.
    """

    def __init__(
        self,
        settings: TeamsSettings,
        monotonic_s: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        timeout_s: float = 5.0,
    ) -> None:
        self._settings = settings
        self._monotonic_s = monotonic_s
        self._sleep = sleep
        # NOTE: held calls would be taken for a Teams that does not answer; ours are few.
        limits = HttpLimits(timeout_s=timeout_s, failures=1_000_000)
        destination = settings.destination()
        self.client = HttpClient(who=CHAT, destination=destination, limits=limits)
        self._token = ("", 0.0)
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()

    async def start(self, activity: JsonObject) -> ChatPlace:
        """Post a message of its own in the channel; its thread is the conversation.

        Raises:
            OutcomeUnknownError: it may be there.
            TeamsRefusedError, RetryableError: it is not.
        """
        body: JsonObject = {
            "isGroup": True,
            "bot": {"id": self._settings.bot},
            "channelData": {"channel": {"id": self._settings.channel}},
            "tenantId": self._settings.tenant,
            "activity": activity,
        }
        found = await self.call("POST", "v3/conversations", body)
        return ChatPlace(conversation=_id(found, "id"), activity=_id(found, "activityId"))

    async def personal(self, object_id: str) -> str:
        """The conversation with one person; the same one each time.

        Raises:
            TeamsRefusedError: they have not installed the app, or are not there.
            RetryableError, OutcomeUnknownError: try again; it does no harm.
        """
        body: JsonObject = {
            "isGroup": False,
            "bot": {"id": self._settings.bot},
            "members": [{"id": object_id}],
            "channelData": {"tenant": {"id": self._settings.tenant}},
            "tenantId": self._settings.tenant,
        }
        return _id(await self.call("POST", "v3/conversations", body), "id")

    async def say(self, conversation: str, activity: JsonObject) -> ChatPlace:
        """Post a message into a conversation: a thread of the channel, or a person's.

        Raises:
            OutcomeUnknownError: it may be there.
            TeamsRefusedError, RetryableError: it is not.
        """
        path = f"v3/conversations/{quote(conversation, safe='')}/activities"
        found = await self.call("POST", path, activity)
        return ChatPlace(conversation=conversation, activity=_id(found, "id"))

    async def update(self, place: ChatPlace, activity: JsonObject) -> None:
        """Have a message of ours show something else.

        Raises:
            TeamsRefusedError: such as of one that was removed.
            RetryableError, OutcomeUnknownError: try again; it does no harm.
        """
        conversation, name = quote(place.conversation, safe=""), quote(place.activity, safe="")
        path = f"v3/conversations/{conversation}/activities/{name}"
        await self.call("PUT", path, {**activity, "id": place.activity})

    async def member(self, conversation: str, user: str) -> JsonObject:
        """What Teams knows of somebody in a conversation.

        Raises:
            TeamsRefusedError: with the status 404 where they are not in it.
            RetryableError: Teams does not say now.
        """
        where = f"{quote(conversation, safe='')}/members/{quote(user, safe='')}"
        return await self.call("GET", f"v3/conversations/{where}", None)

    async def channels(self) -> list[JsonObject]:
        """The channels of the team, each with its kind.

        Raises:
            TeamsRefusedError, RetryableError.
        """
        team = quote(self._settings.team or "", safe="")
        found = (await self.call("GET", f"v3/teams/{team}/conversations", None)).get(
            "conversations"
        )
        listed = found if isinstance(found, list) else []
        return [one for one in listed if isinstance(one, Mapping)]

    async def call(self, method: str, path: str, body: JsonObject | None) -> JsonObject:
        """One call; repeated only where Teams has said that it did nothing.

        Raises:
            TeamsRefusedError: Teams said no.
            RetryableError: `provider_rate_limited`, or `provider_unavailable` when surely nothing
                was sent.
            OutcomeUnknownError: it was sent, and no readable answer came.
        """
        tried = 0
        while True:
            answer = await self._send(method, path, body)
            tried += 1
            if answer.status == 401 and tried == 1:
                self._token = ("", 0.0)  # it was revoked, or the secret has changed
                continue
            if answer.status != 429:
                return self._read(f"{method} {path.partition('/')[2][:40]}", answer, body)
            pause_s = _pause_of(answer)
            if tried >= _MOST_TRIES:
                raise RetryableError(
                    Code.PROVIDER_RATE_LIMITED, "teams asks for a pause", retry_after_s=pause_s
                )
            await self._sleep(pause_s)

    async def token(self) -> str:
        """The bot's token, made anew where it ends soon.

        Raises:
            TeamsRefusedError: for a wrong secret, an app or a tenant that there is not.
            RetryableError: the login does not answer.
        """
        async with self._lock:
            token, until = self._token
            if token and self._monotonic_s() < until:
                return token
            form = {
                "grant_type": "client_credentials",
                "client_id": self._settings.app_id,
                "client_secret": self._settings.app_secret.reveal(),
                "scope": self._settings.cloud.scope,
            }
            url = f"{self._settings.login}/{self._settings.tenant}/oauth2/v2.0/token"
            headers = {"content-type": "application/x-www-form-urlencoded"}
            request = HttpRequest(
                method="POST", url=url, headers=headers, body=urlencode(form).encode()
            )
            made = self._read("the login", await self.client.send(request), None)
            seconds = made.get("expires_in")
            lasts = float(seconds) if isinstance(seconds, (int, float)) else 0.0
            self._token = (str(made.get("access_token")), self._monotonic_s() + lasts - _EARLY_S)
            return self._token[0]

    async def _send(self, method: str, path: str, body: JsonObject | None) -> HttpAnswer:
        headers = {"authorization": f"Bearer {await self.token()}"}
        if body is not None:
            headers["content-type"] = "application/json"
        return await self.client.send(
            HttpRequest(
                method=method,
                url=f"{self._settings.service}/{path}",
                headers=headers,
                body=None if body is None else orjson.dumps(body),
                writing=body is not None,
            )
        )

    def _read(self, what: str, answer: HttpAnswer, body: JsonObject | None) -> JsonObject:
        if answer.status >= 500:
            if body is None:
                raise RetryableError(Code.PROVIDER_UNAVAILABLE, "teams does not answer")
            raise OutcomeUnknownError(
                Code.OUTCOME_UNKNOWN, f"teams gave no answer to {what}", detail=str(answer.status)
            )
        value = _json(answer.body)
        if answer.status < 300:
            return value
        raise self._refused(what, answer.status, value)

    def _refused(self, what: str, status: int, value: JsonObject) -> SaysoError:
        error = value.get("error")
        if isinstance(error, Mapping):
            word, said = error.get("code", ""), error.get("message", "")
        else:
            word, said = error or f"HTTP {status}", value.get("error_description", "")
        # INVARIANT: what they say back may hold what we sent.
        secret = self._settings.app_secret.reveal()
        clean = [str(one).replace(secret, HIDDEN) for one in (word, said)]
        return TeamsRefusedError(what, status, clean[0], clean[1])


CHAT = "teams"


def _json(body: bytes) -> JsonObject:
    try:
        value = cast("JsonValue", orjson.loads(body or b"{}"))
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, Mapping) else {}


def _id(found: JsonObject, name: str) -> str:
    """An id of what was made.

    Raises:
        OutcomeUnknownError: it was made, and nobody says as what.
    """
    value = found.get(name)
    if isinstance(value, str) and value:
        return value
    raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, f"teams has told no `{name}`")


def _pause_of(answer: HttpAnswer) -> float:
    said = answer.headers.get("retry-after", "")
    seconds = float(said) if said.isdecimal() and len(said) < 6 else 1.0
    return min(seconds, _LONGEST_PAUSE_S)
