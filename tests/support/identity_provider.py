"""An OAuth provider on loopback that rotates refresh tokens and punishes their reuse.

A refresh token works once. A second use revokes its whole family, as RFC 9700 §4.14.2 wants, so
that a broker that refreshes twice loses its connection here as it would outside.

    async with FakeIdp.start(lifetime_s=300) as idp:
        grant = idp.grant()            # a family, as if a person had just authorised
        ...
        assert idp.revocations == 0
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import parse_qs, unquote

FaultKind = Literal["status", "drop_before", "drop_after", "html"]

CLIENT_ID = "sayso-test"
CLIENT_SECRET = "not a secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdpFault:
    """One thing that goes wrong at the token endpoint, once.

    Attributes:
        kind: `status` answers `status` and does nothing; `drop_before` closes without doing
            anything; `drop_after` rotates and closes; `html` rotates and answers a page.
        status: for `status`.
        body: for `status`: the whole body.
        retry_after_s: for `status`: the header, when not None.
    """

    kind: FaultKind
    status: int = 503
    body: str = '{"error": "temporarily_unavailable"}'
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a person's consent gave.

    Attributes:
        access, refresh: the first tokens of the family.
    """

    access: str
    refresh: str


class FakeIdp:
    """The provider; make one with `start`.

    Attributes:
        url: such as `http://127.0.0.1:40123`; the token endpoint is `{url}/token`.
        lifetime_s: of the access tokens it gives.
        calls: how often the token endpoint was asked.
        revocations: how many families were revoked for reuse.
        mark: stands in every token it gives from now on, for tests that look for them.
    """

    def __init__(self, *, lifetime_s: int) -> None:
        self.url = ""
        self.lifetime_s = lifetime_s
        self.calls = 0
        self.revocations = 0
        self.mark = ""
        self._serial = 0
        self._families: dict[str, str | None] = {}  # family to its live refresh token
        self._family_of: dict[str, str] = {}
        self._faults: list[IdpFault] = []
        self._held: asyncio.Event | None = None
        self._arrived = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def start(cls, *, lifetime_s: int = 3600) -> AsyncGenerator[Self, None]:
        """Listen on a free port of 127.0.0.1."""
        idp = cls(lifetime_s=lifetime_s)
        server = await asyncio.start_server(idp._serve, "127.0.0.1", 0)
        idp.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield idp
        finally:
            idp.release()
            server.close()
            await server.wait_closed()

    @property
    def token_endpoint(self) -> str:
        """Where tokens are asked for."""
        return f"{self.url}/token"

    def grant(self) -> Grant:
        """A new family, as after a person's consent."""
        self._serial += 1
        family = f"family-{self._serial}"
        return Grant(access=self._access(), refresh=self._rotate(family))

    def revoke(self, refresh: str) -> None:
        """Take a consent back, as its owner may at any time."""
        self._families[self._family_of[refresh]] = None

    def end_grants(self) -> None:
        """Take every consent back."""
        self._families = dict.fromkeys(self._families)

    def add_faults(self, *faults: IdpFault) -> None:
        """Queue faults, one per call."""
        self._faults.extend(faults)

    def hold(self) -> None:
        """Let calls rotate, and wait with their answers until `release`."""
        self._held, self._arrived = asyncio.Event(), asyncio.Event()

    async def wait_until_held(self, timeout_s: float = 30.0) -> None:
        """Wait until a call is held."""
        await asyncio.wait_for(self._arrived.wait(), timeout_s)

    def release(self) -> None:
        """Let held calls go on."""
        held, self._held = self._held, None
        if held is not None:
            held.set()

    def _access(self) -> str:
        self._serial += 1
        return f"at-{self.mark}{self._serial}"

    def _rotate(self, family: str) -> str:
        self._serial += 1
        refresh = f"rt-{self.mark}{self._serial}"
        self._families[family] = refresh
        self._family_of[refresh] = family
        return refresh

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
            }
            body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
            answer = await self._answer(headers.get("authorization", ""), body)
            if answer is not None:
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, authorization: str, body: str) -> bytes | None:
        self.calls += 1
        form = {name: values[0] for name, values in parse_qs(body).items()}
        fault = self._faults.pop(0) if self._faults else None
        if fault is not None and fault.kind == "status":
            return _http(fault.status, fault.body, retry_after_s=fault.retry_after_s)
        if fault is not None and fault.kind == "drop_before":
            return None
        status, answer = self._token(authorization, form)
        if self._held is not None:
            self._arrived.set()
            await self._held.wait()
        if fault is not None and fault.kind == "drop_after":
            return None
        if fault is not None and fault.kind == "html":
            return _http(200, "<html>one moment please</html>")
        return _http(status, json.dumps(answer))

    def _token(self, authorization: str, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        if not _is_client(authorization, form):
            return 401, {"error": "invalid_client"}
        match form.get("grant_type"):
            case "client_credentials":
                return 200, self._given()
            case "refresh_token":
                return self._refreshed(form.get("refresh_token", ""))
            case "authorization_code" if form.get("code_verifier"):
                grant = self.grant()
                return 200, self._given() | {"refresh_token": grant.refresh}
            case _:
                return 400, {"error": "unsupported_grant_type"}

    def _refreshed(self, refresh: str) -> tuple[int, dict[str, object]]:
        family = self._family_of.get(refresh)
        live = self._families.get(family) if family is not None else None
        if family is None or live is None:
            return 400, {"error": "invalid_grant"}
        if live != refresh:
            self._families[family] = None
            self.revocations += 1
            return 400, {"error": "invalid_grant", "error_description": f"{refresh} was reused"}
        return 200, self._given() | {"refresh_token": self._rotate(family)}

    def _given(self) -> dict[str, object]:
        return {
            "access_token": self._access(),
            "token_type": "Bearer",
            "expires_in": self.lifetime_s,
        }


def _is_client(authorization: str, form: dict[str, str]) -> bool:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
    user, _, password = base64.b64decode(value).decode().partition(":")
    return (unquote(user), unquote(password)) == (CLIENT_ID, CLIENT_SECRET)


def _http(status: int, body: str, *, retry_after_s: int | None = None) -> bytes:
    kind = "text/html" if body.startswith("<") else "application/json"
    retry = f"Retry-After: {retry_after_s}\r\n" if retry_after_s is not None else ""
    head = (
        f"HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\nContent-Length: {len(body.encode())}\r\n"
        f"{retry}Connection: close\r\n\r\n"
    )
    return (head + body).encode()
