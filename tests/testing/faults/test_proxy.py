"""The proxy does what its table says: what the provider gets, and what the caller sees."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import get_args

import httpx
import pytest
from support.http_shop import ShopServer

from sayso.errors import Code, ConfigError
from sayso.money import Money
from sayso.testing.faults import FaultProxy, HttpFault, HttpFaultKind

BODY = {"order": "o1", "amount": {"amount_minor": 500, "currency": "USD"}, "reference": "r"}
PAID = 201
LONG_S = 60.0


@pytest.fixture
def shop() -> Generator[ShopServer]:
    """A provider with one order."""
    with ShopServer() as server:
        server.books.add("o1", "cus_1", Money(10_000, "USD"))
        yield server


@pytest.fixture
def proxy(shop: ShopServer) -> Generator[FaultProxy]:
    """What stands before it."""
    with FaultProxy.start(shop.url) as started:
        yield started


def pay(proxy: FaultProxy, *, timeout_s: float = LONG_S) -> httpx.Response | httpx.HTTPError:
    """One payment, as a careful client makes it; its answer or its error."""
    headers = {"Idempotency-Key": "k1"}
    try:
        return httpx.post(f"{proxy.url}/payouts", json=BODY, headers=headers, timeout=timeout_s)
    except httpx.HTTPError as error:
        return error


def test_without_a_fault_nothing_is_changed(proxy: FaultProxy, shop: ShopServer) -> None:
    """Status, body and headers come as the provider gave them, also on a connection kept open."""
    with httpx.Client() as client:
        through = [client.get(f"{proxy.url}/orders/o1") for _ in range(3)]
        direct = client.get(f"{shop.url}/orders/o1")
    assert {one.content for one in through} == {direct.content}
    assert {one.headers["content-type"] for one in through} == {direct.headers["content-type"]}
    assert [one.reached for one in proxy.requests] == [1, 1, 1]


def test_a_body_in_chunks_and_a_question_for_the_head_pass(proxy: FaultProxy) -> None:
    """Whatever HTTP/1.1 a client speaks."""
    answer = httpx.post(f"{proxy.url}/payouts", content=iter([b'{"or', b'der": "o1"}']))
    assert answer.status_code == 502, "the shop reads no chunks, and hangs up"
    assert httpx.head(f"{proxy.url}/orders/o1").status_code == 501


Seen = type[Exception] | int
BEFORE: dict[HttpFaultKind, Seen] = {
    "drop_before": httpx.RemoteProtocolError,
    "answer_before": 500,
    "cut_request": httpx.RemoteProtocolError,
}
AFTER: dict[HttpFaultKind, Seen] = {
    "drop_after": httpx.RemoteProtocolError,
    "answer_after": 500,
    "reset_after_bytes": httpx.ReadError,
    "close_after_bytes": httpx.RemoteProtocolError,
    "html_garbage": 200,
    "not_http": httpx.RemoteProtocolError,
    "empty": 200,
    "huge_body": 200,
    "redirect": 307,
    "do_twice": PAID,
    "slow_before": PAID,
    "slow_after": PAID,
    "trickle": PAID,
}
HELD: tuple[HttpFaultKind, ...] = ("hold_before", "hold_after")


def test_every_kind_is_tried_here() -> None:
    """A new kind needs a line above."""
    assert {*BEFORE, *AFTER, *HELD} == set(get_args(HttpFaultKind))


@pytest.mark.parametrize("kind", [*BEFORE, *AFTER])
def test_a_fault_is_what_its_row_says(
    proxy: FaultProxy, shop: ShopServer, kind: HttpFaultKind
) -> None:
    """What the caller sees, and how many times the provider got it; the next one passes."""
    proxy.add(HttpFault(kind=kind, after_bytes=30, seconds=0.001))
    seen = pay(proxy)
    expected = {**BEFORE, **AFTER}[kind]
    if isinstance(expected, int):
        assert isinstance(seen, httpx.Response)
        assert seen.status_code == expected
    else:
        assert isinstance(seen, expected)
    reached = 0 if kind in BEFORE else 2 if kind == "do_twice" else 1
    (told,) = proxy.requests
    assert (told.method, told.path, told.fault, told.reached) == ("POST", "/payouts", kind, reached)
    assert len(shop.books.calls) == reached
    assert proxy.waiting() == ()
    assert isinstance(again := pay(proxy), httpx.Response)
    assert again.status_code in (200, PAID)
    assert len(shop.books.payouts) == 1


@pytest.mark.parametrize("kind", HELD)
async def test_a_held_request_waits_until_it_is_let_go(
    proxy: FaultProxy, shop: ShopServer, kind: HttpFaultKind
) -> None:
    """Held before or after the effect, so that a test can look at the moment between."""
    proxy.add(HttpFault(kind=kind))
    paying = asyncio.create_task(asyncio.to_thread(pay, proxy))
    assert await asyncio.to_thread(proxy.wait_until_held)
    assert len(shop.books.payouts) == (0 if kind == "hold_before" else 1)
    assert proxy.release() == 1
    seen = await paying
    assert isinstance(seen, httpx.Response)
    assert seen.status_code == PAID


def test_a_fault_is_aimed(proxy: FaultProxy) -> None:
    """By method and path, after so many, so many times; others pass, the oldest comes first."""
    proxy.add(
        HttpFault(kind="answer_before", status=503, method="GET", path="/orders/*", skip=1, times=2)
    )
    codes = [httpx.get(f"{proxy.url}/orders/o1").status_code for _ in range(4)]
    assert codes == [200, 503, 503, 200]
    proxy.add(HttpFault(kind="answer_before", status=429, retry_after_s=7, method="POST"))
    assert httpx.get(f"{proxy.url}/orders/o1").status_code == 200
    seen = pay(proxy)
    assert isinstance(seen, httpx.Response)
    assert (seen.status_code, seen.headers["retry-after"]) == (429, "7")
    proxy.add(HttpFault(kind="drop_before"))
    proxy.clear()
    assert isinstance(pay(proxy), httpx.Response)


def test_an_answer_of_its_own_says_that_the_connection_ends(proxy: FaultProxy) -> None:
    """Else a client that keeps connections would send its next request into the end of this one."""
    proxy.add(HttpFault(kind="answer_before", status=503))
    with httpx.Client() as client:
        assert client.get(f"{proxy.url}/orders/o1").headers["connection"] == "close"
        assert "connection" not in client.get(f"{proxy.url}/orders/o1").headers


def test_refused_connections_send_nothing_and_the_address_stays(
    proxy: FaultProxy, shop: ShopServer
) -> None:
    """Also for a client that keeps its connection open."""
    with httpx.Client() as client:
        assert client.get(f"{proxy.url}/orders/o1").status_code == 200
        with proxy.refusing(), pytest.raises(httpx.ConnectError):
            client.post(f"{proxy.url}/payouts", json=BODY)
        assert shop.books.calls == []
        assert client.get(f"{proxy.url}/orders/o1").status_code == 200


def test_a_provider_that_is_away_looks_like_no_fault() -> None:
    """502, with nothing that was asked for, so that a broken bench is not taken for a fault."""
    with ShopServer() as shop:
        url = shop.url
    with FaultProxy.start(url) as proxy:
        seen = pay(proxy)
        assert isinstance(seen, httpx.Response)
        assert seen.status_code == 502
        assert [(one.reached, one.fault) for one in proxy.requests] == [(0, None)]


def test_an_address_that_is_none_is_refused() -> None:
    """`invalid_setting`, before a port is taken."""
    with pytest.raises(ConfigError) as caught:
        FaultProxy.start("ftp://provider.example")
    assert caught.value.code is Code.INVALID_SETTING
