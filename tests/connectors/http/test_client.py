"""The one client: bounded, never elsewhere, never twice, and honest about what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest

from sayso.connectors.http import (
    HttpAnswer,
    HttpClient,
    HttpLimits,
    HttpRequest,
    problem_of,
    retry_after_of,
)
from sayso.connectors.http.breaker import Breaker, RequestPace
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError
from sayso.network import Destination

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Note: n\r\n\r\nok"


@asynccontextmanager
async def serving(*answers: bytes, hang: bool = False) -> AsyncGenerator[tuple[int, list[bytes]]]:
    """A server that gives these bytes, one a connection; the last one for all further ones."""
    heard: list[bytes] = []
    conversations: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations.add(task)
        try:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answers[min(len(heard), len(answers)) - 1])
            await writer.drain()
            if hang:
                await asyncio.Event().wait()
        except (asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)


def client(port: int, **limits: float) -> HttpClient:
    """A client that may reach that port of this machine."""
    return HttpClient(
        who="acme",
        destination=Destination.this_machine([port]),
        limits=HttpLimits(**{"timeout_s": 5.0, **limits}),  # type: ignore[arg-type]
    )


def ask(port: int, *, writing: bool = False, path: str = "/x") -> HttpRequest:
    """A request to that port."""
    return HttpRequest(
        method="POST" if writing else "GET",
        url=f"http://127.0.0.1:{port}{path}",
        headers={"Authorization": "Bearer secret-value"},
        body=b"{}" if writing else None,
        writing=writing,
    )


async def failure(work: HttpClient, request: HttpRequest) -> Exception:
    """What a request raised."""
    with pytest.raises((RetryableError, OutcomeUnknownError)) as caught:
        await work.send(request)
    assert "secret-value" not in str(caught.value)
    assert "secret-value" not in repr(request)
    return caught.value


async def test_an_answer_is_read_whole() -> None:
    """Status, headers by lower-case name, body."""
    async with serving(OK) as (port, heard):
        work = client(port)
        answer = await work.send(ask(port))
        assert answer == HttpAnswer(status=200, headers=answer.headers, body=b"ok")
        assert answer.headers["x-note"] == "n"
        assert b"accept-encoding: identity" in heard[0].lower()
        await work.close()


@pytest.mark.promise("http:outcome")
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
async def test_an_answer_that_cannot_be_used_leaves_a_write_unknown(answer: bytes) -> None:
    """Cut, garbled, falsely encoded: a write may have been done, a read was not."""
    async with serving(answer) as (port, _):
        work = client(port)
        assert isinstance(await failure(work, ask(port, writing=True)), OutcomeUnknownError)
        assert isinstance(await failure(work, ask(port)), RetryableError)
        await work.close()


@pytest.mark.promise("http:bounds")
async def test_an_answer_has_a_longest_time_and_a_largest_size() -> None:
    """However slowly it trickles, and however long it is."""
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nslow", hang=True) as (port, _):
        work = client(port, timeout_s=0.3)
        async with asyncio.timeout(60):  # the server says nothing more, ever
            assert isinstance(await failure(work, ask(port, writing=True)), OutcomeUnknownError)
        await work.close()
    body = b"x" * 5000
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + body
    async with serving(long) as (port, _):
        work = client(port, answer_bytes=4000)
        assert isinstance(await failure(work, ask(port)), RetryableError)
        await work.close()


@pytest.mark.promise("http:bounds")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_not_followed(status: int) -> None:
    """An answer cannot send us anywhere."""
    async with serving(OK) as (other, heard):
        head = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n"
        to = f"Location: http://127.0.0.1:{other}/\r\n\r\n"
        async with serving((head + to).encode()) as (port, _):
            work = client(port)
            assert (await work.send(ask(port))).status == status
            await work.close()
        assert not heard


@pytest.mark.promise("http:bounds")
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.2:{port}/",
        "http://169.254.169.254/latest",
        "http://127.0.0.1:1/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://evil.example/",
        "ftp://127.0.0.1:{port}/",
    ],
)
async def test_another_address_is_not_connected_to(url: str) -> None:
    """Nothing was sent, and that is said."""
    async with serving(OK) as (port, heard):
        work = client(port)
        request = HttpRequest(method="POST", url=url.format(port=port), writing=True)
        assert isinstance(await failure(work, request), RetryableError)
        assert not heard
        await work.close()


async def test_nobody_at_the_other_end_is_no_unknown_outcome() -> None:
    """Refused connections: no byte left."""
    async with serving(OK) as (port, _):
        pass
    work = client(port)
    error = await failure(work, ask(port, writing=True))
    assert isinstance(error, RetryableError)
    assert error.code is Code.PROVIDER_UNAVAILABLE
    await work.close()


async def test_no_proxy_and_no_credentials_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever sets HTTP_PROXY does not get our keys."""
    async with serving(OK) as (proxy, heard_by_proxy), serving(OK) as (port, heard):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        work = client(port)
        assert (await work.send(ask(port))).status == 200
        assert heard
        assert not heard_by_proxy
        await work.close()


@pytest.mark.promise("http:breaker")
async def test_a_host_that_is_down_is_left_alone_for_a_while() -> None:
    """After so many failures in a row nothing is sent, and then one request tries again."""
    now = 100.0
    bad = b"HTTP/1.1 503 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with serving(bad, bad, bad, OK) as (port, heard):
        work = HttpClient(
            who="acme",
            destination=Destination.this_machine([port]),
            limits=HttpLimits(failures=3, open_s=10),
            monotonic=lambda: now,
        )
        for _ in range(3):
            assert (await work.send(ask(port))).status == 503
        error = await failure(work, ask(port, writing=True))
        assert isinstance(error, RetryableError)
        assert error.retry_after_s == 10
        assert len(heard) == 3
        now += 11
        assert (await work.send(ask(port))).status == 200
        assert (await work.send(ask(port))).status == 200
        await work.close()


def test_one_request_tries_a_host_again_at_a_time() -> None:
    """The others wait for what comes of it; one that was given up says nothing."""
    now = 0.0
    breaker = Breaker(failures=1, open_s=5, monotonic=lambda: now)
    assert breaker.open_for() is None
    breaker.failed()
    assert breaker.open_for() == 5
    now = 6
    assert breaker.open_for() is None
    assert breaker.open_for() == 1
    breaker.nothing()
    assert breaker.open_for() is None
    breaker.failed()
    assert breaker.open_for() == 5
    now = 12
    assert breaker.open_for() is None
    breaker.succeeded()
    assert breaker.open_for() is None


async def test_requests_leave_at_a_pace() -> None:
    """So many at once after a pause, and then so many in a second."""
    now = 50.0
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(round(seconds, 3))

    pace = RequestPace(2, 2, monotonic=lambda: now, sleep=sleep)
    for _ in range(4):
        await pace.wait()
    assert waits == [0.5, 1.0]
    free = RequestPace(None, None, monotonic=lambda: now, sleep=sleep)
    for _ in range(10):
        await free.wait()
    assert len(waits) == 2


@pytest.mark.promise("http:outcome")
@pytest.mark.parametrize(
    ("status", "own_words", "write", "read"),
    [
        (200, True, None, None),
        (204, True, None, None),
        (100, True, OutcomeUnknownError, RetryableError),
        (302, True, OutcomeUnknownError, RetryableError),
        (400, True, RefusedError, RefusedError),
        (400, False, OutcomeUnknownError, RetryableError),
        (401, True, RefusedError, RefusedError),
        (403, False, OutcomeUnknownError, RetryableError),
        (404, True, RefusedError, RefusedError),
        (408, True, OutcomeUnknownError, RetryableError),
        (422, True, RefusedError, RefusedError),
        (425, True, OutcomeUnknownError, RetryableError),
        (429, False, RetryableError, RetryableError),
        (500, True, OutcomeUnknownError, RetryableError),
        (503, True, OutcomeUnknownError, RetryableError),
        (599, True, OutcomeUnknownError, RetryableError),
    ],
)
def test_what_a_status_means(
    status: int, own_words: bool, write: type[Exception] | None, read: type[Exception] | None
) -> None:
    """A proxy's HTML says nothing about what the provider did."""
    for writing, wanted in ((True, write), (False, read)):
        found = problem_of("acme", status, {}, writing=writing, own_words=own_words)
        assert type(found) is (wanted or type(None))


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-5", 0.0),
        ("999999999", 86_400.0),
        ("Wed, 25 Nov 2099 12:00:00 GMT", 86_400.0),
        ("Wed, 25 Nov 2020 12:00:00 GMT", 0.0),
        ("Wed, 25 Nov 2026 12:00:30 GMT", 30.0),
        ("soon", None),
        ("nan", None),
        ("", None),
    ],
)
def test_a_pause_is_read_in_seconds_or_as_a_date(value: str, wanted: float | None) -> None:
    """RFC 9110 §10.2.3, never for longer than a day."""
    at = "Wed, 25 Nov 2026 12:00:00 GMT"
    assert retry_after_of({"retry-after": value, "date": at}) == wanted
