"""The one factory of OAuth clients: Authlib for the protocol, our rules around it.

Authlib is asked for one exchange at a time and never keeps, refreshes or expires a token by itself.
Importing this imports Authlib; `oauth` imports it with the first exchange.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from dataclasses import dataclass
from typing import Any, Protocol, cast
from urllib.parse import parse_qs, urlsplit

from authlib.integrations.base_client.errors import OAuthError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import AsyncOAuth2Client  # type: ignore[import-untyped]

from sayso.connectors.oauth.connection import Connection
from sayso.connectors.oauth.tokens import OAuthToken
from sayso.errors import Code, ConfigError, RefusedError, RetryableError
from sayso.ids import Clock
from sayso.network import quieten
from sayso.secret import Secret
from sayso.text import plain

# Authlib's client stands on httpx2 where that is installed, and on httpx elsewhere.
try:
    import httpx2 as http
except ImportError:
    import httpx as http  # type: ignore[no-redef]

_UNUSABLE: tuple[type[Exception], ...] = (
    http.HTTPError,
    http.InvalidURL,
    ValueError,
    TimeoutError,
)
_PAUSE = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """A person's way to connect, begun.

    Attributes:
        url: where the person goes.
        state: to be compared with what comes back.
        verifier: PKCE's secret half; kept on the server.
    """

    url: str
    state: str
    verifier: Secret


class _Client(Protocol):
    """What is used of Authlib's client, with types."""

    async def refresh_token(self, url: str, *, refresh_token: str) -> dict[str, Any]: ...
    async def fetch_token(self, url: str, **params: str) -> dict[str, Any]: ...
    async def revoke_token(self, url: str, *, token: str, token_type_hint: str) -> object: ...
    def create_authorization_url(
        self, url: str, *, state: str, code_verifier: str, **more: str
    ) -> tuple[str, str]: ...
    def register_compliance_hook(self, kind: str, hook: object) -> None: ...
    async def aclose(self) -> None: ...


class OAuthExchange:
    """Speaks with token endpoints.

    Args:
        clock: for when a token was issued.
        timeout_s: seconds for one exchange, all in all; well below the broker's lease.
    """

    def __init__(self, *, clock: Clock, timeout_s: float = 10.0) -> None:
        self._clock = clock
        self._timeout_s = timeout_s

    async def refresh(self, connection: Connection, refresh: Secret) -> OAuthToken:
        """Trade the refresh token for a new token; keeps the old refresh token if no new one came.

        Raises:
            RefusedError: `needs_reauth` for `invalid_grant`; `provider_refused` for another no.
            RetryableError: 429, 5xx, time-outs, no connection; it may have been traded still.
        """

        async def trade(client: _Client) -> dict[str, Any]:
            return await client.refresh_token(
                connection.token_endpoint, refresh_token=refresh.reveal()
            )

        return self._token(await self._ask(connection, trade), fallback=refresh)

    async def client_credentials(self, connection: Connection) -> OAuthToken:
        """A token for the client itself.

        Raises:
            RefusedError: `provider_refused`.
            RetryableError: as `refresh`.
        """

        async def trade(client: _Client) -> dict[str, Any]:
            scope = {"scope": " ".join(connection.scopes)} if connection.scopes else {}
            return await client.fetch_token(
                connection.token_endpoint, grant_type="client_credentials", **scope
            )

        return self._token(await self._ask(connection, trade), fallback=None)

    def begin(self, connection: Connection) -> Authorization:
        """Where a person goes to connect: code grant, S256 challenge, fresh state."""
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        url = self.authorization_url(connection, state=state, verifier=verifier)
        return Authorization(url=url, state=state, verifier=Secret(verifier))

    def authorization_url(
        self, connection: Connection, *, state: str, verifier: str, **more: str
    ) -> str:
        """Where a browser goes for a code, with the challenge of a verifier."""
        client = self._client(connection)
        url, _ = client.create_authorization_url(
            connection.authorization_endpoint, state=state, code_verifier=verifier, **more
        )
        query = parse_qs(urlsplit(url).query)
        # INVARIANT: Authlib leaves the challenge out without a word when it is not set up for it.
        if query.get("code_challenge_method") != ["S256"] or not query.get("code_challenge"):
            raise ConfigError(Code.INTERNAL, "the authorization has no PKCE challenge")
        return url

    async def traded(self, connection: Connection, *, code: str, verifier: str) -> OAuthToken:
        """The token for a code whose state the caller has compared.

        Raises:
            RefusedError: `needs_reauth`, `provider_refused`.
            RetryableError: as `refresh`.
        """

        async def trade(client: _Client) -> dict[str, Any]:
            return await client.fetch_token(
                connection.token_endpoint,
                grant_type="authorization_code",
                code=code,
                redirect_uri=connection.redirect_uri,
                code_verifier=verifier,
            )

        return self._token(await self._ask(connection, trade), fallback=None)

    async def redeem(
        self, connection: Connection, begun: Authorization, *, code: str, state: str
    ) -> OAuthToken:
        """Trade the code a person came back with.

        Raises:
            RefusedError: `forbidden`, when the state is another; `needs_reauth`.
            RetryableError: as `refresh`.
        """
        if not hmac.compare_digest(begun.state.encode(), state.encode()):
            raise RefusedError(
                Code.FORBIDDEN,
                "the answer belongs to another authorisation",
                next_step="begin again from where you connect",
            )
        return await self.traded(connection, code=code, verifier=begun.verifier.reveal())

    async def revoke(self, connection: Connection, endpoint: str, refresh: Secret) -> None:
        """Have the provider forget a refresh token (RFC 7009); whatever it says to that.

        Raises:
            RetryableError: it does not answer.
        """

        async def trade(client: _Client) -> dict[str, Any]:
            hint = {"token_type_hint": "refresh_token"}
            await client.revoke_token(endpoint, token=refresh.reveal(), **hint)
            return {}

        await self._ask(connection, trade)

    def _client(self, connection: Connection) -> _Client:
        secret = connection.client_secret
        quieten("authlib")
        client = AsyncOAuth2Client(
            client_id=connection.client_id,
            client_secret=secret.reveal() if secret is not None else None,
            token_endpoint_auth_method=connection.auth_method,
            scope=" ".join(connection.scopes) or None,
            redirect_uri=connection.redirect_uri or None,
            code_challenge_method="S256",
            timeout=self._timeout_s,
            trust_env=False,
            follow_redirects=False,
        )
        typed = cast("_Client", client)
        for kind in ("access_token_response", "refresh_token_response"):
            typed.register_compliance_hook(kind, _check_answer)
        return typed

    async def _ask(self, connection: Connection, trade: _Trade) -> dict[str, Any]:
        client = self._client(connection)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await trade(client)
        except OAuthError as error:
            # NOTE: the description may repeat what was sent, so only the registered word is kept.
            raise _said_no(plain(str(error.error), limit=60)) from None
        except _UNUSABLE as error:
            raise _no_answer(type(error).__name__) from None
        finally:
            await client.aclose()

    def _token(self, answer: dict[str, Any], *, fallback: Secret | None) -> OAuthToken:
        access, refresh = answer.get("access_token"), answer.get("refresh_token")
        signed = answer.get("id_token")
        lifetime = answer.get("expires_in")
        if not isinstance(access, str) or not access or not _is_bearer(answer):
            raise _no_answer("no bearer token")
        return OAuthToken(
            access=Secret(access),
            refresh=Secret(refresh) if isinstance(refresh, str) and refresh else fallback,
            issued_at=self._clock.now(),
            lifetime_s=_seconds(lifetime),
            id_token=Secret(signed) if isinstance(signed, str) and signed else None,
        )


class _Trade(Protocol):
    async def __call__(self, client: _Client, /) -> dict[str, Any]: ...


def _is_bearer(answer: dict[str, Any]) -> bool:
    return str(answer.get("token_type", "bearer")).lower() == "bearer"


def _seconds(value: object) -> int | None:
    # SOURCE: RFC 6749 §5.1: a number; some providers send it as text.
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return max(0, int(float(value)))
    except (ValueError, OverflowError):
        return None


def _check_answer(answer: http.Response) -> http.Response:
    """Stop what is no answer of the grant, whatever its body says: it must not change any state."""
    if answer.status_code in _PAUSE or answer.status_code >= 500 or answer.is_redirect:
        after = answer.headers.get("retry-after", "")
        raise RetryableError(
            Code.PROVIDER_RATE_LIMITED if answer.status_code == 429 else Code.PROVIDER_UNAVAILABLE,
            f"the token endpoint answered {answer.status_code}",
            next_step="try again later",
            retry_after_s=float(after) if after.isdecimal() else None,
        )
    return answer


def _said_no(error: str) -> RefusedError:
    if error == "invalid_grant":
        return RefusedError(
            Code.NEEDS_REAUTH,
            "the provider does not accept the connection's grant any more",
            next_step="authorise it again by `sayso connect NAME`",
            detail=error,
        )
    return RefusedError(
        Code.PROVIDER_REFUSED,
        f"the token endpoint said no: {error}",
        next_step="check the connection's client id, secret and scopes",
        detail=error,
    )


def _no_answer(detail: str) -> RetryableError:
    return RetryableError(
        Code.PROVIDER_UNAVAILABLE,
        "the token endpoint gave no usable answer",
        next_step="try again later",
        detail=detail,
    )
