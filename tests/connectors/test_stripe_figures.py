"""What Stripe did is told as done, whatever its answer says of amounts, currencies and times."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from connectors.benches import stripe_on
from connectors.stripe_account import StripeAccount

from sayso.actions.model.snapshot import Receipt
from sayso.connectors.registry import Connectors
from sayso.errors import Code, OutcomeUnknownError
from sayso.json import JsonObject
from sayso.money import Money
from sayso.sandbox import Sandbox

CENTS: JsonObject = {"amount_minor": 100, "currency": "USD"}
REFUND: tuple[str, JsonObject] = ("stripe.refund", {"charge": "ch_demo_ana_1", "amount": CENTS})
CREDIT: tuple[str, JsonObject] = ("stripe.credit", {"amount": CENTS})
_ON_THE_WAY = frozenset({"host", "content-length", "accept-encoding", "connection"})


@contextmanager
def rewriting(upstream: str, changes: JsonObject) -> Generator[str]:
    """An address before the sandbox, whose answers to POST say something else."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
            """Say nothing."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _ON_THE_WAY}
            url = upstream + self.path
            answer = httpx.request(self.command, url, content=body, headers=headers)
            told = answer.json() | (changes if self.command == "POST" else {})
            sent = json.dumps(told).encode()
            self.send_response(answer.status_code)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = _answer  # noqa: N815  (http.server's names)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def outcome_of(asked: tuple[str, JsonObject], changes: JsonObject) -> object:
    """What the engine sees of a call that did it, when the answer says something else."""
    with Sandbox.start(seed="demo") as sandbox, rewriting(sandbox.url, changes) as url:
        stripe = stripe_on(url, sandbox.api_key)
        account = StripeAccount(sandbox=sandbox, connectors=Connectors([stripe]))
        try:
            outcome = await account.outcome(await account.plan(*asked))
        finally:
            await stripe.close()
        assert len(sandbox.books().effects) == 1
        return outcome


@pytest.mark.parametrize("asked", [REFUND, CREDIT], ids=["refund", "credit"])
@pytest.mark.parametrize("changes", [{"amount": 100.5}, {"amount": 10**30}, {"currency": "usdc"}])
async def test_money_that_cannot_be_read_makes_no_refusal_of_what_was_done(
    asked: tuple[str, JsonObject], changes: JsonObject
) -> None:
    """Invariant 3: it carries our reference, so it is ours, and a no would be told to a customer
    who has the money."""
    outcome = await outcome_of(asked, changes)
    assert isinstance(outcome, Receipt)
    assert outcome.amount is None


async def test_another_currency_than_was_asked_for_is_told_as_it_is() -> None:
    """The log says then that it is not what was approved."""
    outcome = await outcome_of(REFUND, {"currency": "eur"})
    assert isinstance(outcome, Receipt)
    assert outcome.amount == Money(100, "EUR")


@pytest.mark.parametrize("created", [10**20, "yesterday"])
async def test_a_time_that_is_none_leaves_the_outcome_to_the_look_up(created: int | str) -> None:
    """The answer cannot be read, which is no no."""
    outcome = await outcome_of(REFUND, {"created": created})
    assert isinstance(outcome, OutcomeUnknownError)
    assert outcome.code is Code.OUTCOME_UNKNOWN
