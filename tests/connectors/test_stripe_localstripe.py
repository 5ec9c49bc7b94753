"""Our Stripe connector, unchanged, on a fake of Stripe that somebody else has written.

`localstripe` (https://github.com/adrienverge/localstripe) is GPL, so nothing here depends on it: it
runs as a program of its own where it is installed. It speaks an older version of Stripe's API, with
plans in place of prices, and leaves fields out that Stripe mostly sends; our reader stands that, so
nothing is added to its answers but the account, of which it knows nothing. Operation by operation:

| operation | at localstripe |
|---|---|
| list, refund, who a customer is, who has an address | works |
| cancel, keep | done there; it drops our reference, so it is told as unknown |
| credit, take back | it has no balance of customers: nothing is sent |
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from connectors.benches import stripe_on
from connectors.stripe_front import Recorder, recording
from support.localstripe import localstripe

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.connectors.registry import Connectors
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError
from sayso.json import JsonObject

PROGRAM = localstripe()
KEY = "sk_test_localstripe"

pytestmark = pytest.mark.skipif(
    PROGRAM is None,
    reason="localstripe cannot be installed here (GPL, so no dependency)",
)

ACCOUNT = {"id": "acct_localstripe", "object": "account"}


def completed(path: str, answer: httpx.Response) -> httpx.Response:
    """The answer as it is; localstripe knows no account, without which nobody can be asked."""
    return httpx.Response(200, json=ACCOUNT) if path == "/v1/account" else answer


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Generator[Recorder]:
    """localstripe on a free port, behind what it leaves out."""
    assert PROGRAM is not None
    with socket.socket(socket.AF_INET6) as free:
        free.bind(("::", 0))
        port = free.getsockname()[1]
    folder: Path = tmp_path_factory.mktemp("localstripe")
    with subprocess.Popen(
        [PROGRAM, "--port", str(port), "--from-scratch"],
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert "Running on" in process.stdout.readline()  # or its end, when it cannot start
            with recording(f"http://127.0.0.1:{port}", completed) as recorder:
                yield recorder
        finally:
            process.kill()


class Shop:
    """What a shop does at Stripe, and what our connector does there."""

    def __init__(self, front: Recorder) -> None:
        self._client = httpx.Client(
            base_url=front.upstream, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False
        )
        self.stripe = stripe_on(front.url, KEY)
        self.connectors = Connectors([self.stripe])

    async def close(self) -> None:
        """Let go of sockets."""
        self._client.close()
        await self.stripe.close()

    def make(self, path: str, **params: object) -> str:
        """Make an object; returns its id."""
        answer = self._client.post(f"/v1/{path}", data={k: str(v) for k, v in params.items()})
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    def see(self, path: str) -> dict[str, Any]:
        """An object, as localstripe has it."""
        found: dict[str, Any] = self._client.get(f"/v1/{path}").json()
        return found

    def customer(self) -> Subject:
        """A customer with a card."""
        card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2035, "cvc": 123}
        token = self.make("tokens", **{f"card[{name}]": value for name, value in card.items()})
        customer = self.make("customers", email="ana@shop.example")
        self.make(f"customers/{customer}/sources", source=token)
        return Subject(id=customer)

    def subscription(self, customer: Subject) -> str:
        """A subscription of theirs to a plan of $20 a month."""
        product = self.make("products", name="Mugs", type="service")
        plan = self.make("plans", product=product, amount=2000, currency="usd", interval="month")
        return self.make("subscriptions", customer=customer.id, **{"items[0][plan]": plan})

    async def plan(self, action: str, args: JsonObject, subject: Subject, number: int = 1) -> Call:
        """A call that is ready to be made."""
        read = self.connectors.validate_args(action, args)
        found = self.connectors.action(action)
        return Call(
            tenant="main",
            action_id=f"act_{number:026d}",
            action=action,
            subject_id=subject.id,
            resolved=await self.connectors.resolve(found, read, subject),
            idempotency_key=f"{number:064x}",
        )


@asynccontextmanager
async def open_shop(front: Recorder) -> AsyncGenerator[Shop]:
    """A shop, closed at the end."""
    shop = Shop(front)
    try:
        yield shop
    finally:
        await shop.close()


@pytest.mark.promise("connectors:somebody-elses-fake")
async def test_who_a_customer_is_is_read_and_found_by_the_whole_address(front: Recorder) -> None:
    """With what the shop wrote into the metadata, and nobody whose address is longer."""
    async with open_shop(front) as shop:
        said = {"name": "Ada Byron", "metadata[shopify_customer]": "7723"}
        ada = shop.make("customers", email="ada@shop.example", **said)
        shop.make("customers", email="ada@shop.example.com")
        person = await shop.connectors.person_of("stripe", Subject(id=ada))
        found = await shop.connectors.find_people("stripe", "ada@shop.example")
    assert person is not None
    assert (person.name, person.email) == ("Ada Byron", "ada@shop.example")
    assert person.ids == {"metadata.shopify_customer": "7723"}
    assert found == (person,)


@pytest.mark.promise("connectors:somebody-elses-fake")
async def test_refunds_are_made_found_again_and_bounded_by_what_is_left(front: Recorder) -> None:
    """In part and whole, each once, each found by our reference; the third is refused."""
    async with open_shop(front) as shop:
        ana = shop.customer()
        charge = shop.make("charges", amount=3700, currency="usd", customer=ana.id)
        part: JsonObject = {"charge": charge, "amount": {"amount_minor": 1200, "currency": "USD"}}
        first = await shop.plan("stripe.refund", part, ana)
        assert await shop.connectors.look_up(first) is Absence.ABSENT
        receipt = await shop.connectors.call(first)
        assert receipt == await shop.connectors.look_up(first)
        rest = await shop.plan("stripe.refund", {"charge": charge}, ana, 2)
        assert rest.resolved.amount is not None
        assert rest.resolved.amount.amount_minor == 2500
        assert isinstance(await shop.connectors.call(rest), Receipt)
        assert shop.see(f"charges/{charge}")["amount_refunded"] == 3700
        with pytest.raises(RefusedError):
            await shop.plan("stripe.refund", {"charge": charge}, ana, 3)


@pytest.mark.promise("connectors:somebody-elses-fake")
async def test_a_payment_of_somebody_else_is_refused(front: Recorder) -> None:
    """The charge is theirs alone."""
    async with open_shop(front) as shop:
        ana, ben = shop.customer(), shop.customer()
        charge = shop.make("charges", amount=3700, currency="usd", customer=ana.id)
        with pytest.raises(RefusedError) as caught:
            await shop.plan("stripe.refund", {"charge": charge}, ben)
        assert caught.value.code is Code.NOT_OWNER


@pytest.mark.promise("connectors:somebody-elses-fake")
async def test_what_was_done_without_our_reference_is_no_success(front: Recorder) -> None:
    """localstripe drops the metadata of an update, so whose cancellation it is cannot be told."""
    async with open_shop(front) as shop:
        ana = shop.customer()
        name = shop.subscription(ana)
        listed = await shop.connectors.list_records(ana)
        assert name in {record.id for record in listed}
        ending: JsonObject = {"subscription": name, "when": "period_end"}
        call = await shop.plan("stripe.cancel_subscription", ending, ana)
        with pytest.raises(OutcomeUnknownError):
            await shop.connectors.call(call)
        assert shop.see(f"subscriptions/{name}")["cancel_at_period_end"] is True
        with pytest.raises(RefusedError) as caught:
            await shop.connectors.call(call)
        assert caught.value.code is Code.ALREADY_IN_STATE


@pytest.mark.promise("connectors:somebody-elses-fake")
@pytest.mark.parametrize(
    ("action", "args"),
    [
        ("stripe.cancel_subscription", {"when": "now"}),
        ("stripe.cancel_subscription", {"when": "period_end"}),
        ("stripe.keep_subscription", {}),
    ],
    ids=["cancel at once", "cancel at the end", "keep"],
)
async def test_a_change_without_our_reference_is_told_as_unknown(
    front: Recorder, action: str, args: dict[str, str]
) -> None:
    """It is done there, and its answer does not name us: nobody is told that it was done."""
    async with open_shop(front) as shop:
        ana = shop.customer()
        name = shop.subscription(ana)
        if not args:
            shop.make(f"subscriptions/{name}", cancel_at_period_end="true")
        call = await shop.plan(action, {"subscription": name, **args}, ana)
        with pytest.raises(OutcomeUnknownError):
            await shop.connectors.call(call)
        if not args:
            assert shop.see(f"subscriptions/{name}")["cancel_at_period_end"] is False


@pytest.mark.promise("connectors:somebody-elses-fake")
async def test_a_credit_where_there_is_no_balance_sends_nothing(front: Recorder) -> None:
    """localstripe has no list of balance changes, so what was given before cannot be read."""
    async with open_shop(front) as shop:
        ana = shop.customer()
        money: JsonObject = {"amount": {"amount_minor": 500, "currency": "USD"}}
        with pytest.raises(RetryableError):
            await shop.plan("stripe.credit", money, ana)


@pytest.mark.promise("connectors:optional-fields")
async def test_an_answer_without_what_stripe_may_leave_out_is_read(front: Recorder) -> None:
    """`balance`, `price` and `disputed` are missing there; the whole `ask` was lost with them."""
    async with open_shop(front) as shop:
        ana = shop.customer()
        charge = shop.make("charges", amount=3700, currency="usd", customer=ana.id)
        name = shop.subscription(ana)
        records = {record.id: record for record in await shop.connectors.list_records(ana)}
        assert {charge, name} <= set(records)
        assert str(records[name].facts["price"]) == "$20.00"
