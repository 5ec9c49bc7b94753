"""`FakeTeams`: the Bot Connector, the login and the keys on one loopback port, and the people."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from typing import Any, cast
from urllib.parse import parse_qs, unquote

import httpx
import orjson
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sayso.json import JsonObject, JsonValue
from sayso.testing.slack.server import loopback, serve_on_loopback
from sayso.testing.teams.records import (
    TeamsCall,
    TeamsDelivery,
    TeamsFault,
    TeamsFaultKind,
    TeamsMessage,
)

APP_ID = "11111111-1111-4111-8111-111111111111"
TENANT = "22222222-2222-4222-8222-222222222222"
TEAM = "19:team@thread.tacv2"
CHANNEL = "19:approvals@thread.tacv2"
# A secret that everybody may know: it opens nothing but a fake.
APP_SECRET = "fake-app-secret"  # noqa: S105
ISSUER = "https://api.botframework.com"


def object_id_of(user: str) -> str:
    """The object id of somebody whom the fake knows by a short name."""
    return f"00000000-0000-4000-8000-{user.encode().hex()[:12]:0>12}"


def make_key(kid: str) -> RSAKey:
    """A key like those that the Bot Framework publishes."""
    return RSAKey.generate_key(2048, {"kid": kid}, private=True)


class FakeTeams:
    """A fake Teams; make one with `open`.

    Attributes:
        url: where it listens. app: takes what people do; set it before anybody clicks.
        messages: in the order in which they were posted. calls: of the bot.
        channel_kinds: by channel id, `standard`, `private` or `shared`.
        key: with which requests are signed. published: the keys that can be read.
    """

    def __init__(self, now: Callable[[], datetime], url: str, key: RSAKey) -> None:
        self.url = url
        self.app: ASGIApp | None = None
        self.messages: list[TeamsMessage] = []
        self.calls: list[TeamsCall] = []
        self.faults: list[TeamsFault] = []
        self.channel_kinds: dict[str, str] = {CHANNEL: "standard"}
        self.members: dict[str, dict[str, JsonValue]] = {}
        self.without_app: set[str] = set()
        self.key = key
        self.published: list[RSAKey] = [key]
        self.endorsements: list[str] = ["msteams"]
        self.keys_read = 0
        self.secret = APP_SECRET
        self._now = now
        self._numbers = itertools.count(1)
        self._tokens = itertools.count(1)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, now: Callable[[], datetime], key: RSAKey | None = None
    ) -> AsyncGenerator[FakeTeams]:
        """Listen on a free port while the block runs.

        Args:
            now: of the calendar, by which tokens are made. key: to sign with; made when None.
        """
        made = await asyncio.to_thread(make_key, "k1") if key is None else key
        listener = loopback()
        fake = cls(now, f"http://127.0.0.1:{listener.getsockname()[1]}", made)
        async with serve_on_loopback(fake._asgi(), listener):
            yield fake

    @property
    def service(self) -> str:
        """The address that activities say their answers go to."""
        return f"{self.url}/teams"

    @property
    def settings(self) -> dict[str, object]:
        """`[channels.teams]`, but for the secret's place."""
        return {
            "app_id": APP_ID,
            "tenant": TENANT,
            "team": TEAM,
            "channel": CHANNEL,
            "service_url": self.service,
            "login_url": f"{self.url}/login",
            "openid_url": f"{self.url}/openid",
        }

    def add_member(self, user: str, **flags: JsonValue) -> str:
        """Somebody in the team, such as `add_member("eve", userRole="guest")`; their account."""
        self.members[user] = {
            "id": f"29:{user}",
            "name": user.capitalize(),
            "aadObjectId": object_id_of(user),
            "tenantId": TENANT,
            "userRole": "user",
            **flags,
        }
        return f"{TENANT}/{object_id_of(user)}"

    def message_of(self, approval_id: str, *, user: str = "") -> TeamsMessage:
        """The newest card of an approval, in the channel or with somebody personally.

        Raises:
            LookupError: none was posted.
        """
        where = f"a:{object_id_of(user)}" if user else CHANNEL
        for one in reversed(self.messages):
            if approval_id in one.text and one.conversation.startswith(where) and one.card:
                return one
        raise LookupError(approval_id)

    def below(self, message: TeamsMessage) -> list[TeamsMessage]:
        """What else stands in the conversation of a message."""
        return [one for one in self.messages if one.conversation == message.conversation][1:]

    # ---- people ----------------------------------------------------------------------------------

    async def click(
        self,
        message: TeamsMessage,
        verb: str,
        *,
        user: str,
        inputs: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> TeamsDelivery:
        """Click a button, with what was filled in; `changes` as in `activity` and `deliver`."""
        data = cast("dict[str, JsonValue] | None", changes.pop("data", None))
        if data is None:
            data = dict(cast("JsonObject", message.verbs[verb]["data"]))
        filled: JsonObject = {**data, **(inputs or {})}
        action: JsonObject = {"type": "Action.Execute", "verb": verb, "data": filled}
        more: JsonObject = {
            "type": "invoke",
            "name": "adaptiveCard/action",
            "value": {"action": action, "trigger": "manual"},
            "replyToId": message.id,
        }
        made = self.activity(user, message.conversation, more)
        return await self.deliver({**made, **changes.pop("activity", {})}, **changes)

    async def write(
        self, conversation: str, text: str, *, user: str, **changes: Any
    ) -> TeamsDelivery:
        """Write a message that names the bot, as a bot in a channel hears of no other."""
        mention: JsonObject = {
            "type": "mention",
            "text": "<at>Sayso</at>",
            "mentioned": {"id": f"28:{APP_ID}", "name": "Sayso"},
        }
        more = {"type": "message", "text": f"<at>Sayso</at> {text}", "entities": [mention]}
        made = self.activity(user, conversation, cast("JsonObject", more))
        return await self.deliver({**made, **changes.pop("activity", {})}, **changes)

    def activity(self, user: str, conversation: str, more: JsonObject) -> dict[str, JsonValue]:
        """An activity of somebody."""
        kind = "personal" if conversation.startswith("a:") else "channel"
        return {
            "id": f"f:{next(self._numbers)}",
            "timestamp": self._now().isoformat(),
            "serviceUrl": self.service,
            "channelId": "msteams",
            "from": {"id": f"29:{user}", "name": user, "aadObjectId": object_id_of(user)},
            "recipient": {"id": f"28:{APP_ID}", "name": "Sayso"},
            "conversation": {"id": conversation, "tenantId": TENANT, "conversationType": kind},
            "channelData": {"tenant": {"id": TENANT}},
            **more,
        }

    async def deliver(
        self, activity: JsonObject, *, token: str | None = None, **claims: Any
    ) -> TeamsDelivery:
        """Send an activity to the bot, as Teams does.

        Args:
            token: in place of a good one. claims: in place of a good one's.
        """
        assert self.app is not None, "set `app` first"
        bearer = self.token(**claims) if token is None else token
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="https://shop") as client:
            answer = await client.post(
                "/teams/messages",
                content=orjson.dumps(activity),
                headers={"authorization": f"Bearer {bearer}", "content-type": "application/json"},
            )
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        return TeamsDelivery(status=answer.status_code, body=answer.json() if is_json else {})

    def token(self, *, key: RSAKey | None = None, lasts_s: int = 3600, **claims: Any) -> str:
        """A token like the Bot Framework's; each claim can be another one, or None for none."""
        now = int(self._now().timestamp())
        whole = {
            "iss": ISSUER,
            "aud": APP_ID,
            "nbf": now - 60,
            "exp": now + lasts_s,
            "serviceurl": self.service,
            **claims,
        }
        said = {name: value for name, value in whole.items() if value is not None}
        signing = key or self.key
        return jwt.encode({"alg": "RS256", "kid": signing.kid}, said, signing)

    # ---- the API ---------------------------------------------------------------------------------

    def _asgi(self) -> Starlette:
        api = Route("/teams/{path:path}", self._call, methods=["GET", "POST", "PUT"])
        return Starlette(
            routes=[
                Route("/openid", self._openid),
                Route("/keys", self._published),
                Route("/login/{tenant}/oauth2/v2.0/token", self._login, methods=["POST"]),
                api,
            ]
        )

    async def _openid(self, _request: Request) -> Response:
        return JSONResponse({"issuer": ISSUER, "jwks_uri": f"{self.url}/keys"})

    async def _published(self, _request: Request) -> Response:
        self.keys_read += 1
        keys = [
            {**one.as_dict(private=False), "endorsements": self.endorsements}
            for one in self.published
        ]
        return JSONResponse({"keys": keys})

    async def _login(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        wrong = {
            "invalid_request": request.path_params["tenant"] != TENANT,
            "unauthorized_client": form.get("client_id") != [APP_ID],
            "invalid_client": form.get("client_secret") != [self.secret],
            "invalid_scope": form.get("scope") != [f"{ISSUER}/.default"],
        }
        for word, holds in wrong.items():
            if holds:
                said = {"error": word, "error_description": f"AADSTS7000215: {word}"}
                return JSONResponse(said, status_code=401)
        token = f"bot-token-{next(self._tokens)}"
        return JSONResponse({"token_type": "Bearer", "expires_in": 3599, "access_token": token})

    async def _call(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode().removeprefix("/teams/")
        raw = await request.body()
        body = cast("JsonObject", orjson.loads(raw or b"{}"))
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.calls.append(TeamsCall(method=request.method, path=path, token=token, body=body))
        fault = self._fault(request.method, path)
        if not token.startswith("bot-token-") or fault is TeamsFaultKind.UNAUTHORIZED:
            return _error(401, "Unauthorized")
        match fault:
            case TeamsFaultKind.FORBIDDEN:
                return _error(403, "BotNotInConversationRoster")
            case TeamsFaultKind.BAD_GATEWAY:
                return Response(status_code=502)
            case TeamsFaultKind.RATE_LIMITED:
                return JSONResponse({}, status_code=429, headers={"retry-after": "1"})
            case _:
                answer = self._do(request.method, [unquote(one) for one in path.split("/")], body)
                done = fault is TeamsFaultKind.DONE_THEN_BAD_GATEWAY
                return Response(status_code=502) if done else answer

    def _fault(self, method: str, path: str) -> TeamsFaultKind | None:
        for one in self.faults:
            if one.method == method and one.part in path:
                self.faults.remove(one)
                return one.kind
        return None

    def _do(self, method: str, path: list[str], body: JsonObject) -> Response:
        match method, path:
            case "POST", ["v3", "conversations"]:
                return self._begin(body)
            case "POST", ["v3", "conversations", conversation, "activities"]:
                made = self._put(conversation, body)
                return JSONResponse({"id": made.id}, status_code=201)
            case "PUT", ["v3", "conversations", conversation, "activities", name]:
                return self._update(conversation, name, body)
            case "GET", ["v3", "conversations", _, "members", user]:
                found = self.members.get(user.removeprefix("29:"))
                return _error(404, "MemberNotFound") if found is None else JSONResponse(found)
            case "GET", ["v3", "teams", team, "conversations"] if team == TEAM:
                listed = [{"id": one, "type": kind} for one, kind in self.channel_kinds.items()]
                return JSONResponse({"conversations": listed})
            case _:
                return _error(404, "NotFound")

    def _begin(self, body: JsonObject) -> Response:
        match body:
            case {"isGroup": True, "channelData": {"channel": {"id": str(channel)}}}:
                if channel not in self.channel_kinds:
                    return _error(403, "BotNotInConversationRoster")
                number = str(next(self._numbers))
                conversation = f"{channel};messageid={number}"
                activity = cast("JsonObject", body["activity"])
                self.messages.append(
                    TeamsMessage(conversation=conversation, id=number, activity=activity)
                )
                return JSONResponse({"id": conversation, "activityId": number}, status_code=201)
            case {"isGroup": False, "members": [{"id": str(object_id)}], "tenantId": str()}:
                known = {str(one["aadObjectId"]): name for name, one in self.members.items()}
                if known.get(object_id, "") in {"", *self.without_app}:
                    return _error(403, "BotNotInConversationRoster")
                return JSONResponse({"id": f"a:{object_id}"}, status_code=201)
            case _:
                return _error(400, "BadArgument")

    def _put(self, conversation: str, body: JsonObject) -> TeamsMessage:
        number = str(next(self._numbers))
        made = TeamsMessage(conversation=conversation, id=number, activity=body)
        self.messages.append(made)
        return made

    def _update(self, conversation: str, name: str, body: JsonObject) -> Response:
        for one in self.messages:
            if (one.conversation, one.id) == (conversation, name):
                one.before.append(one.activity)
                one.activity = body
                return JSONResponse({"id": name})
        return _error(404, "ActivityNotFoundInConversation")


def _error(status: int, code: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": code}}, status_code=status)
