"""The benches on which our own connectors stand, for the suite and for the tests beside it."""

from __future__ import annotations

import socket
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Protocol, cast

import httpx
from support.mail_server import MailCatcher

from sayso.actions.model.definition import Subject
from sayso.connectors.base import Connector
from sayso.connectors.email import (
    EmailConnector,
    FileTransport,
    MessageWriter,
    SmtpTransport,
    Transport,
)
from sayso.connectors.retry import RetryPolicy
from sayso.connectors.setup import Address
from sayso.connectors.stripe import StripeConnector
from sayso.errors import Code, RefusedError
from sayso.ids import SystemClock
from sayso.sandbox import Sandbox
from sayso.secret import Secret
from sayso.testing.clock import FakeClock
from sayso.testing.suites.connector import Case, ConnectorBench, HttpProvider

ANA = Subject(id="cus_demo_ana")
BEN = Subject(id="cus_demo_ben")
LONG_S = 60.0
"""For what no test wants to run out of time."""
ONCE = RetryPolicy(attempts=1)
"""Never asks again."""
EXAMPLES = Path(__file__).parents[2] / "examples"


@contextmanager
def closed_port() -> Generator[int]:
    """A port on which nobody listens, nor anybody else can while the block runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])


def stripe_on(
    url: str, api_key: str, *, timeout_s: float = LONG_S, retry: RetryPolicy = ONCE
) -> StripeConnector:
    """A Stripe connector that never asks twice, unless a test says so.

    Its clock stands at the present: the demo's periods end so many days after the sandbox began to
    the second, so that two readings would else differ by a day, whenever a second passes between.
    """
    return StripeConnector(
        api_key=Secret(api_key),
        clock=FakeClock(SystemClock().now()),
        base_url=url,
        timeout_s=timeout_s,
        retry=retry,
    )


@asynccontextmanager
async def stripe_bench() -> AsyncGenerator[ConnectorBench, None]:
    """Stripe on a sandbox with the demo's customers."""
    with Sandbox.start(seed="demo") as sandbox, closed_port() as closed:
        credit = await _something_to_take_back(sandbox)
        before = len(sandbox.books().effects)
        yield ConnectorBench(
            connector=stripe_on(sandbox.url, sandbox.api_key),
            cases=(
                Case(action="stripe.refund", args={"charge": "ch_demo_ana_1"}, subject=ANA),
                Case(
                    action="stripe.refund",
                    args={
                        "charge": "pi_demo_ana_1",
                        "amount": {"amount_minor": 1850, "currency": "USD"},
                        "reason": "requested_by_customer",
                    },
                    subject=ANA,
                ),
                Case(
                    action="stripe.credit",
                    args={"amount": {"amount_minor": 500, "currency": "USD"}, "note": "sorry"},
                    subject=ANA,
                ),
                *(
                    Case(
                        action="stripe.cancel_subscription",
                        args={"subscription": "sub_demo_ana", "when": when},
                        subject=ANA,
                    )
                    for when in ("now", "period_end")
                ),
                Case(
                    action="stripe.keep_subscription",
                    args={"subscription": "sub_demo_ben"},
                    subject=BEN,
                ),
                Case(action="stripe.take_back_credit", args={"credit": credit}, subject=BEN),
            ),
            effects=lambda: len(sandbox.books().effects) - before,
            unreachable=stripe_on(f"http://127.0.0.1:{closed}", "sk_test_nobody"),
            http=HttpProvider(
                url=sandbox.url,
                connect=lambda url, timeout_s: stripe_on(url, sandbox.api_key, timeout_s=timeout_s),
            ),
        )


async def _something_to_take_back(sandbox: Sandbox) -> str:
    """A subscription that ends with its period, and a credit; returns the credit's id."""
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    async with httpx.AsyncClient(base_url=sandbox.url, headers=headers) as client:
        await client.post("/v1/subscriptions/sub_demo_ben", data={"cancel_at_period_end": "true"})
        answer = await client.post(
            f"/v1/customers/{BEN.id}/balance_transactions",
            data={
                "amount": "-700",
                "currency": "usd",
                "metadata[sayso_action]": "act_earlier",
                "metadata[sayso_tenant]": "main",
            },
        )
    return str(answer.json()["id"])


class FakeAddressBook:
    """An `AddressBook` of one customer."""

    def __init__(self, email: str = "ana@example.com", name: str = "Ana Torres") -> None:
        self.address = Address(email=email, name=name)

    async def address_of(self, subject: Subject) -> Address:
        """See `AddressBook.address_of`."""
        if subject != ANA:
            raise RefusedError(Code.UNKNOWN_SUBJECT, "nobody of that name")
        return self.address


def email_over(transport: Transport, book: FakeAddressBook | None = None) -> EmailConnector:
    """An e-mail connector whose links may lead to shop.example."""
    known = book or FakeAddressBook()
    writer = MessageWriter(
        sender="support@shop.example",
        sender_name="The Shop",
        title_template="[The Shop] {title}",
        link_hosts=frozenset({"shop.example"}),
    )
    return EmailConnector(book=lambda: known, writer=writer, transport=transport, clock=FakeClock())


_LETTERS = tuple(
    Case(
        action=action,
        args={"title": "Your mug", "body": "We are sorry.\n\nhttps://shop.example/help\n"},
        subject=ANA,
    )
    for action in ("email.send", "email.send_apology")
)


@asynccontextmanager
async def file_bench() -> AsyncGenerator[ConnectorBench, None]:
    """E-mail into a folder."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        yield ConnectorBench(
            connector=email_over(FileTransport(path)),
            cases=_LETTERS,
            effects=lambda: len(list(path.glob("*.eml"))),
        )


@asynccontextmanager
async def smtp_bench() -> AsyncGenerator[ConnectorBench, None]:
    """E-mail over SMTP."""
    with closed_port() as closed:
        async with MailCatcher.start() as mail:
            yield ConnectorBench(
                connector=email_over(_smtp(mail.port)),
                cases=_LETTERS,
                effects=lambda: len(mail.messages),
                unreachable=email_over(_smtp(closed)),
            )


def _smtp(port: int) -> SmtpTransport:
    return SmtpTransport(host="127.0.0.1", port=port, security="none", timeout_s=LONG_S)


class LoyaltyExample(Connector, Protocol):
    """What the tests use of examples/own_action.py."""

    granted: dict[str, int]


class _Example(Protocol):
    def Loyalty(self, members: set[str]) -> LoyaltyExample: ...  # noqa: N802


def load_example() -> _Example:
    """The module examples/own_action.py, loaded as a workspace would."""
    spec = spec_from_file_location("own_action_example", EXAMPLES / "own_action.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return cast("_Example", module)


@asynccontextmanager
async def example_bench() -> AsyncGenerator[ConnectorBench, None]:
    """The example's connector."""
    loyalty = load_example().Loyalty({"ana"})
    yield ConnectorBench(
        connector=loyalty,
        cases=(Case(action="loyalty.grant", args={"points": 50}, subject=Subject(id="ana")),),
        effects=lambda: len(loyalty.granted),
    )
