"""Whether a request is from Teams: its bearer token, by the keys that Microsoft publishes.

NOTE: the token says who calls and where an answer may go; it doesn't sign the body. What keeps a
body true is TLS between the two, as with every bot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact

from sayso.connectors.http import HttpClient, HttpRequest
from sayso.errors import Code, RefusedError, RetryableError
from sayso.nesting import read_json
from sayso.surfaces.teams.settings import TeamsSettings

KEYS_KEPT_S = 24 * 3600.0
"""SOURCE: Bot Connector authentication: keys are stable for days, and are read at least daily."""
AGAIN_S = 60.0
"""So often at most they are read for a key that is unknown: anybody can name one."""
LEEWAY_S = 300
"""SOURCE: the same page: five minutes of clock skew."""
_MOST_CHARACTERS = 8_192


class BotKeys:
    """Reads and checks the tokens with which Teams calls us.

    Args:
        monotonic_s: seconds of a clock that never jumps. now: of the calendar, for the tokens' own.
    """

    def __init__(
        self,
        settings: TeamsSettings,
        client: HttpClient,
        monotonic_s: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._client = client
        self._monotonic_s = monotonic_s
        self._now = now
        self._lock = asyncio.Lock()
        self._keys: KeySet | None = None
        self._read_at = 0.0

    async def service_of(self, header: str) -> str:
        """The service address that the token of an `Authorization` header was made for.

        Raises:
            RefusedError: `unauthenticated`, for no token, or one that does not hold.
            RetryableError: the keys cannot be read now.
        """
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not 0 < len(token) <= _MOST_CHARACTERS:
            raise _not_held("no bearer token")
        kid = _kid_of(token)
        key = await self._keys_with(kid)
        wanted = jwt.JWTClaimsRegistry(
            now=int(self._now().timestamp()),
            leeway=LEEWAY_S,
            exp={"essential": True},
            iss={"essential": True, "value": self._settings.cloud.issuer},
            aud={"essential": True, "value": self._settings.app_id},
        )
        try:
            read = jwt.decode(token, key, algorithms=["RS256"])
            wanted.validate(read.claims)
            claims = cast("Mapping[str, object]", read.claims)
            service = claims.get("serviceurl", claims.get("serviceUrl"))
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _not_held(type(error).__name__) from None
        if claims.get("aud") != self._settings.app_id:  # a list of several is not for us alone
            raise _not_held("audience")
        if not isinstance(service, str) or not service:
            raise _not_held("no serviceurl")
        return service

    async def read(self) -> None:
        """Read the keys anew.

        Raises:
            RetryableError: they cannot be read now.
        """
        self._keys = await self._published()
        self._read_at = self._monotonic_s()

    async def _keys_with(self, kid: str) -> KeySet:
        async with self._lock:
            age = self._monotonic_s() - self._read_at
            known = self._keys
            if known is not None and age < KEYS_KEPT_S and (_has(known, kid) or age < AGAIN_S):
                return known
            await self.read()
            assert self._keys is not None, "they were read just now"
            return self._keys

    async def _published(self) -> KeySet:
        try:
            found = await self._document(self._settings.openid)
            place = found["jwks_uri"]
            if not isinstance(place, str):
                raise TypeError("jwks_uri")
            listed = (await self._document(place))["keys"]
            # SOURCE: Bot Connector authentication: a key is for the channels that it endorses.
            keys = [one for one in cast("list[dict[str, Any]]", listed) if _endorses(one)]
            return KeySet.import_key_set({"keys": cast("Any", keys)}) if keys else KeySet([])
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise RetryableError(
                Code.PROVIDER_UNAVAILABLE,
                "the keys of the Bot Framework cannot be read",
                next_step="check that this server reaches login.botframework.com",
                detail=type(error).__name__,
            ) from error

    async def _document(self, url: str) -> Mapping[str, object]:
        answer = await self._client.send(HttpRequest(method="GET", url=url))
        if answer.status != 200:
            raise ValueError(f"HTTP {answer.status}")
        return cast("Mapping[str, object]", read_json(answer.body))


def _endorses(key: Mapping[str, Any]) -> bool:
    endorsed = key.get("endorsements")
    return isinstance(endorsed, list) and "msteams" in endorsed


def _has(keys: KeySet, kid: str) -> bool:
    return any(one.kid == kid for one in keys.keys)


def _kid_of(token: str) -> str:
    try:
        return str(extract_compact(token.encode()).headers().get("kid", ""))
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise _not_held(type(error).__name__) from None


def _not_held(why: str) -> RefusedError:
    # NOTE: why is for the log of whoever runs it; a caller who guesses learns nothing more.
    return RefusedError(
        Code.UNAUTHENTICATED,
        "this request is not from Teams",
        next_step="let Teams alone call this address",
        detail=why,
    )
