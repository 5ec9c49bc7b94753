"""What `sayso doctor --live` asks of everything outside, now.

Each probe says in a sentence what it has found, or raises with what to do. None sends anything to
anybody; a connection's token is refreshed where it is due, as by any call.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias, cast
from urllib.parse import urlsplit

from sayso.actions.model.attempt import reading
from sayso.connectors.http import HttpRequest
from sayso.connectors.setup import AccountBook, Reachable
from sayso.errors import (
    Code,
    ConfigError,
    IntegrityError,
    RefusedError,
    RetryableError,
    SaysoError,
)
from sayso.ids import Clock, SystemClock, rfc3339, to_micros
from sayso.sdk.chat.finding import DoctorFinding
from sayso.sdk.resources.identity import safe_client
from sayso.store.base import Reader
from sayso.store.clock import TimeSource
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.sdk.client import Sayso

_ASK_S = 20.0
"""So long one of them may take: a provider's own time-out comes first."""
_SKEW = timedelta(seconds=2) // timedelta(microseconds=1)
_EXPIRES_SOON = timedelta(days=14)
_SHORTEST_SECRET = 16
_WELL = b'{"status":"ok"}'
_MOST_BYTES = 4096
_PROBE = b"sayso doctor: this is no entry and no head of a log\n"
Probe: TypeAlias = Callable[[], Awaitable[str]]


async def ask_outside(sayso: Sayso, here: Clock | None = None) -> AsyncIterator[DoctorFinding]:
    """Everything that an open workspace depends on, all at once, told in order.

    Chats are asked by their own channel: `sayso doctor slack`.

    Args:
        here: this machine's clock, which Sayso itself may not go by.
    """
    probes = list(_probes(sayso, here or SystemClock()))
    waiting = [asyncio.ensure_future(_finding(what, probe)) for what, probe in probes]
    try:
        for one in waiting:
            yield await one
    finally:
        for one in waiting:
            one.cancel()
    for name in sayso.workspace.settings.desk:
        for found in await sayso.desks.check(name):
            step = "" if found.is_fine else found.next_step or "try again later"
            yield DoctorFinding(what=f"desk {name}", said=found.says, next_step=step)


async def _finding(what: str, probe: Probe) -> DoctorFinding:
    try:
        async with asyncio.timeout(_ASK_S):
            return DoctorFinding(what=what, said=await probe())
    except TimeoutError:
        return DoctorFinding(
            what=what,
            said=f"nothing was answered within {_ASK_S:g} s",
            next_step="look whether this machine may reach it, and whether it is up",
        )
    except SaysoError as error:
        return DoctorFinding(
            what=what, said=error.message, next_step=error.next_step or "try again later"
        )


def _probes(sayso: Sayso, here: Clock) -> Iterator[tuple[str, Probe]]:
    settings = sayso.workspace.settings
    for name in sayso.container.connectors.names:
        yield f"connector {name}", partial(_connector, sayso, name)
    for name in settings.connections:
        yield f"connection {name}", partial(_connection, sayso, name)
    if settings.console.oidc is not None:
        yield "sign-in", partial(_sign_in, sayso)
    for name in settings.inbound:
        yield f"webhooks of {name}", partial(_webhooks, sayso, name)
    yield "log key", partial(_log_key, sayso)
    yield "clock", partial(_clock, sayso, here)
    yield "port", partial(_port, sayso)
    if settings.console.url:
        yield "console address", partial(_address, sayso)


async def _connector(sayso: Sayso, name: str) -> str:
    registry = sayso.container.connectors
    found = registry.connector(name)
    if isinstance(found, AccountBook):
        with reading(f"connector `{name}`", f"{name} in who_am_i"):
            seen = await registry.read(found.who_am_i())
        money = {None: "", True: ", real money", False: ", test money"}[seen.live]
        return f"it knows us as {plain(seen.shown, limit=120)}{money}"
    if isinstance(found, Reachable):
        with reading(f"connector `{name}`", f"{name} in reach"):
            return await registry.read(found.reach())
    return "it cannot say who we are there, so it was not asked"


async def _connection(sayso: Sayso, name: str) -> str:
    connections = sayso.container.connections
    assert connections is not None, "a workspace that acts has them"
    await connections.bearer(name)
    return "its token can be used"


async def _sign_in(sayso: Sayso) -> str:
    return f"it is the issuer, and has keys: {await sayso.oidc.check()}"


async def _webhooks(sayso: Sayso, name: str) -> str:
    section = sayso.workspace.settings.inbound[name]
    secret = sayso.workspace.secret(section.secret).reveal()
    if section.provider == "stripe" and not secret.startswith("whsec_"):
        raise _setting(
            f"the secret of `inbound.{name}` is none of Stripe's, which begin with `whsec_`",
            "take the endpoint's signing secret, which is no API key",
        )
    if len(secret) < _SHORTEST_SECRET:
        raise _setting(
            f"the secret of `inbound.{name}` has {len(secret)} characters, so it was cut or typed",
            "copy it anew from the provider's page of that webhook",
        )
    return "its secret is there; the provider alone can say whether it is the same"


async def _log_key(sayso: Sayso) -> str:
    """A key that is kept elsewhere may be read, and yet not be ours, or the log's, to sign with."""
    section = sayso.workspace.settings.workspace

    def sign() -> str:
        signer = sayso.workspace.signer().named(f"{section.name}/{section.tenant}")
        signer.sign(_PROBE)
        return signer.vkey

    signs = plain(await asyncio.to_thread(sign), limit=120)
    try:
        await sayso.audit.head_vkey()
    except IntegrityError as error:
        raise IntegrityError(
            error.code,
            f"it would sign as {signs}, and another key has signed the log",
            next_step="put that key back where `[signing] key` leads; with this one nothing can"
            " be written",
        ) from error
    except RefusedError:
        return f"it signs as {signs}; the log is empty"
    return f"it signs as {signs}"


async def _clock(sayso: Sayso, here: Clock) -> str:
    """This machine's, beside the newest entry of each log and beside the database server's."""
    store = sayso.container.store
    for row in await store.read(lambda reader: reader.all("log.tenants")):
        newest = await store.read(partial(_newest, tenant=str(row["tenant"])))
        behind = newest - to_micros(here.now())
        if behind > _SKEW:
            raise _setting(
                f"this clock is {behind / 1e6:,.0f} s behind the newest entry of the log,"
                f" of {rfc3339(newest)}",
                "set the clock by NTP; until then nothing that depends on time goes on",
            )
    if not isinstance(store, TimeSource):
        return "it is not behind the newest entry of any log"
    apart = abs(await store.time() - to_micros(here.now()))
    if apart > _SKEW:
        raise _setting(
            f"this clock and the database's are {apart / 1e6:,.0f} s apart",
            "set both by NTP: Sayso goes by the database's, and what it tells you by this one",
        )
    return "it is not behind any log, and the database's is the same"


def _newest(reader: Reader, tenant: str) -> int:
    found = reader.one("log.newest_at", tenant=tenant)
    return 0 if found is None else int(str(found["at"]))


async def _port(sayso: Sayso) -> str:
    section = sayso.workspace.settings.http
    where = f"{section.host}:{section.port}"
    try:
        server = await asyncio.start_server(lambda _, writer: writer.close(), *_place(sayso))
    except OSError as error:
        if await _is_ours(sayso):
            return f"a Sayso serves at {where}"
        raise ConfigError(
            Code.PORT_IN_USE,
            f"nobody can serve at {where}: {os.strerror(error.errno or 0).lower()}",
            next_step="end the program that has it, or set `port` and `host` in [http]",
        ) from error
    server.close()
    await server.wait_closed()
    return f"{where} is free"


def _place(sayso: Sayso) -> tuple[str, int]:
    section = sayso.workspace.settings.http
    return section.host, section.port


async def _is_ours(sayso: Sayso) -> bool:
    """Whether what answers at our port says what a server of ours says."""
    host, port = _place(sayso)
    with suppress(OSError):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = b""
            while len(answer) < _MOST_BYTES and (more := await reader.read(_MOST_BYTES)):
                answer += more
            return _WELL in answer
        finally:
            writer.close()
    return False


async def _address(sayso: Sayso) -> str:
    """Through whatever stands in front: the certificate, who answers, and the name it passes on."""
    settings = sayso.workspace.settings
    url = settings.console.url
    trusted = ssl.create_default_context()
    until = await _certificate(url, trusted)
    private = tuple(map(str, settings.network.private))
    client = safe_client("console.url", url, private, verify=trusted)
    try:
        health = await client.send(HttpRequest(method="GET", url=f"{url}/healthz"))
        page = await client.send(HttpRequest(method="GET", url=f"{url}/console/enter"))
    finally:
        await client.close()
    if _WELL not in health.body:
        raise _setting(
            f"at {url} somebody else answers, with status {health.status}",
            "have the proxy pass every path on to `sayso serve`",
        )
    if page.status != HTTPStatus.OK:
        raise _setting(
            f"the console at {url} answers with status {page.status}: the name is lost on the way",
            "have the proxy pass on the `Host` header as the browser sent it",
        )
    return f"{url} is ours; its certificate holds until {until:%Y-%m-%d}"


async def _certificate(url: str, trusted: ssl.SSLContext) -> datetime:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    try:
        _, writer = await asyncio.open_connection(host, port, ssl=trusted)
    except ssl.SSLCertVerificationError as error:
        raise _setting(
            f"the certificate of {host} is not accepted: {error.verify_message}",
            "give the proxy a certificate of this name that browsers accept, with its chain",
        ) from error
    except OSError as error:
        raise RetryableError(
            Code.PROVIDER_UNAVAILABLE,
            f"{host}:{port} cannot be reached from here: {error.strerror or 'no answer'}",
            next_step="look at the proxy and at the name's address; some networks do not lead"
            " a machine back to its own public address, then open it from elsewhere",
        ) from error
    peer = cast("Mapping[str, object]", writer.get_extra_info("peercert"))
    writer.close()
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(peer["notAfter"])), UTC)
    if until - datetime.now(UTC) < _EXPIRES_SOON:
        raise _setting(
            f"the certificate of {host} holds until {until:%Y-%m-%d} only",
            "renew it, and find out why it was not renewed by itself",
        )
    return until


def _setting(message: str, step: str) -> ConfigError:
    return ConfigError(Code.INVALID_SETTING, message, next_step=step)
