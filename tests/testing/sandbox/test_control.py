"""The control side: the same over HTTP as in Python."""

from __future__ import annotations

import json
from datetime import timedelta
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import stripe
from testing.sandbox.shop import NOON, FrozenClock, Shop

from sayso.errors import Code, RefusedError
from sayso.sandbox import Fault, Sandbox, SandboxControl
from sayso.sandbox.rows import Charge


def _raw(sandbox: Sandbox, text: bytes) -> bytes:
    address = urlsplit(sandbox.url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
    connection.connect()
    try:
        connection.sock.sendall(text)
        return connection.sock.recv(65536)
    finally:
        connection.close()


def test_the_books_are_the_same_from_both_sides(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    """`SandboxControl.books` reads what `Sandbox.books` holds."""
    client.v1.refunds.create({"charge": "ch_demo_ana_1", "amount": 5})
    client.v1.refunds.create({"charge": "ch_demo_marco_1", "amount": 7})
    books = SandboxControl(sandbox.url).books()

    assert books == sandbox.books()
    assert books.money_out == {"usd": 5, "eur": 7}
    assert [effect.number for effect in books.effects] == [1, 2]
    assert [effect.target for effect in books.on("ch_demo_marco_1")] == ["ch_demo_marco_1"]


def test_the_clock_is_put_forward_over_http(sandbox: Sandbox) -> None:
    """`advance` moves the sandbox's time, and new objects are made at it."""
    with SandboxControl(sandbox.url) as control:
        assert control.now() == NOON
        assert control.advance(hours=25) == NOON + timedelta(hours=25)
    assert sandbox.now() == NOON + timedelta(hours=25)


def test_faults_are_queued_seen_and_forgotten_over_http(sandbox: Sandbox) -> None:
    """The queue is one, whichever side fills it."""
    control = SandboxControl(sandbox.url)
    fault = Fault(kind="rate_limit", path="/v1/refunds", times=3, retry_after_s=9)
    control.add_faults(fault)
    seen = (control.waiting_faults(), sandbox.waiting_faults())
    control.clear_faults()

    assert seen == ((fault,), (fault,))
    assert control.waiting_faults() == ()
    assert control.release() == 0
    assert not control.wait_until_held(timeout_s=0.01)


def test_own_objects_are_put_in_from_both_sides(shop: Shop) -> None:
    """`add` takes rows, which then can be refunded; they are no effects."""
    with Sandbox.start(clock=FrozenClock()) as sandbox:
        sandbox.add(Charge(id="ch_one", created=1, amount=100, currency="usd"))
        SandboxControl(sandbox.url).add(Charge(id="ch_two", created=2, amount=5, currency="eur"))
        client = shop.client(sandbox.url)

        assert [charge.id for charge in client.v1.charges.list().data] == ["ch_two", "ch_one"]
        assert sandbox.books().effects == ()
        assert client.v1.refunds.create({"charge": "ch_two"}).amount == 5


def test_the_control_secret_is_asked_for() -> None:
    """With a secret set, control calls without it are refused; the API needs its own key."""
    with Sandbox.start(clock=FrozenClock(), control_secret="open sesame") as sandbox:
        with pytest.raises(RefusedError) as caught:
            SandboxControl(sandbox.url).books()
        assert caught.value.code is Code.PROVIDER_REFUSED
        assert SandboxControl(sandbox.url, secret="open sesame").books().effects == ()


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /_sandbox/nothing HTTP/1.1", 404),
        (
            'POST /_sandbox/faults HTTP/1.1\r\nContent-Length: 17\r\n\r\n{"faults":"many"}',
            400,
        ),
        ("GET /v1/balance HTTP/1.1", 401),
        ("GET /v1/balance HTTP/1.1\r\nAuthorization: Basic c2tfdGVzdF9zYW5kYm94Og==", 200),
        ("GET /v1/balance HTTP/1.1\r\nAuthorization: Basic !", 401),
        ("GET /v1/balance HTTP/1.0", 400),
        ("POST /v1/refunds HTTP/1.1\r\nTransfer-Encoding: chunked", 400),
        ("POST /v1/refunds HTTP/1.1\r\nContent-Length: many", 400),
        ("nonsense", 400),
        ("GET /v1/balance HTTP/1.1\r\nnonsense", 400),
        ("POST /v1/refunds HTTP/1.1\r\nContent-Length: 1\r\n\r\n\xff", 400),
    ],
)
def test_odd_requests_get_a_status(sandbox: Sandbox, line: str, status: int) -> None:
    """The wire answers what is not for it, and what is no HTTP, with a status."""
    text = line if "\r\n\r\n" in line else line + "\r\n\r\n"
    answer = _raw(sandbox, text.encode("latin-1"))

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


def test_errors_are_json_as_stripe_writes_it(sandbox: Sandbox) -> None:
    """The body holds one `error` object with type, message and the log's address."""
    answer = _raw(sandbox, b"GET /v1/balance HTTP/1.1\r\n\r\n")
    body = json.loads(answer.partition(b"\r\n\r\n")[2])

    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["request_log_url"].startswith("https://dashboard.stripe.com/test/logs/")


def test_stopping_twice_is_stopping(sandbox: Sandbox) -> None:
    """`stop` closes everything, and does nothing the second time."""
    sandbox.stop()
    sandbox.stop()
    with pytest.raises(ConnectionError):
        SandboxControl(sandbox.url).books()
