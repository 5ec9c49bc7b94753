"""The suite judges a connector under every fault of the network, and finds those that lie."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

import pytest
from support.http_shop import HttpShop, ShopServer
from support.shop import held_here

from sayso.actions.model.definition import Guarantee, Subject, at_most_once, idempotent, verifiable
from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError
from sayso.money import Money
from sayso.testing.suites.connector import Case, ConnectorBench, ConnectorSuite, HttpProvider
from sayso.testing.suites.http_faults import check_rolled_back

VERIFIABLE = verifiable(settle_after_s=60)


@asynccontextmanager
async def shop_bench(
    guarantee: Guarantee, kind: type[HttpShop] = HttpShop
) -> AsyncGenerator[ConnectorBench]:
    """A shop with one order."""
    with ShopServer(guarantee) as server:
        server.books.add("o1", "ana", Money(10_000, "USD"))
        yield ConnectorBench(
            connector=kind(server.url, guarantee),
            cases=(
                Case(
                    action="shop.refund",
                    args={"order": "o1", "amount": {"amount_minor": 1000, "currency": "USD"}},
                    subject=Subject(id="ana"),
                ),
            ),
            effects=lambda: len(server.books.payouts),
            http=HttpProvider(
                url=server.url,
                connect=lambda url, timeout_s: kind(url, guarantee, timeout_s=timeout_s),
            ),
        )


class TestIdempotent(ConnectorSuite):
    """The shop that drops a repeated key."""

    def bench(self) -> AbstractAsyncContextManager[ConnectorBench]:
        """See `ConnectorSuite.bench`."""
        return shop_bench(idempotent(hours=24, settle_after_s=60))


class TestVerifiable(ConnectorSuite):
    """The shop that can only be asked."""

    def bench(self) -> AbstractAsyncContextManager[ConnectorBench]:
        """See `ConnectorSuite.bench`."""
        return shop_bench(VERIFIABLE)


class TestAtMostOnce(ConnectorSuite):
    """The shop that cannot be asked."""

    def bench(self) -> AbstractAsyncContextManager[ConnectorBench]:
        """See `ConnectorSuite.bench`."""
        return shop_bench(at_most_once())


class TriesAgain(HttpShop):
    """Repeats a write whose answer did not come."""

    async def call(self, call: Call) -> Receipt:
        """Do, and do."""
        try:
            return await super().call(call)
        except OutcomeUnknownError:
            return await super().call(call)


class TakesSilenceForNo(HttpShop):
    """Says that the provider said no, when it said nothing."""

    async def call(self, call: Call) -> Receipt:
        """Do, and be sure of the wrong thing."""
        try:
            return await super().call(call)
        except OutcomeUnknownError as error:
            raise RefusedError(Code.PROVIDER_REFUSED, "it did not work") from error


class TakesSilenceForNothing(HttpShop):
    """Says that nothing was done, when nobody knows."""

    async def call(self, call: Call) -> Receipt:
        """Do, and be sure of the wrong thing."""
        try:
            return await super().call(call)
        except OutcomeUnknownError as error:
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, "try again") from error


class BelievesAnything(HttpShop):
    """Takes an answer that it cannot read for a success."""

    async def call(self, call: Call) -> Receipt:
        """Do, and hope."""
        try:
            return await super().call(call)
        except OutcomeUnknownError:
            return Receipt(id="hopefully", status="paid", amount=call.resolved.amount)


class FollowsRedirects(HttpShop):
    """Lets its client send the same write again to wherever it is told."""

    def __init__(self, url: str, guarantee: Guarantee | None = None, **other: Any) -> None:
        super().__init__(url, guarantee, **other)
        self._client.follow_redirects = True


class LooksAway(HttpShop):
    """Its look-up takes a broken answer for absence."""

    async def call(self, call: Call) -> Receipt:
        """Look first, as if that made a second call safe."""
        if await self.look_up(call) is Absence.ABSENT:
            return await super().call(call)
        raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "there is something already")

    async def look_up(self, call: Call) -> Receipt | Absence:
        """Find nothing."""
        return Absence.ABSENT


LOST = "test_an_effect_whose_answer_is_lost_is_never_done_again"
NEVER = "test_what_never_reached_the_provider_is_made_good_once"
ENDLESS = "test_an_answer_that_does_not_end_is_an_unknown_outcome"


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        (TriesAgain, {LOST, ENDLESS}),
        (TakesSilenceForNo, {LOST, NEVER, ENDLESS}),
        (TakesSilenceForNothing, {LOST, ENDLESS}),
        (BelievesAnything, {NEVER}),  # afterwards there is an effect, and it happens to be right
        (FollowsRedirects, {LOST}),
        (LooksAway, {LOST, ENDLESS}),
    ],
)
def test_a_connector_that_lies_under_faults_is_found(
    kind: type[HttpShop], broken: set[str]
) -> None:
    """Each of the usual mistakes fails the test that is for it, and no other of the three."""

    class Suite(ConnectorSuite):
        def bench(self) -> AbstractAsyncContextManager[ConnectorBench]:
            return shop_bench(VERIFIABLE, kind)

    found: set[str] = set()
    for name in (LOST, NEVER, ENDLESS):
        try:
            getattr(Suite(), name)()
        except AssertionError:
            found.add(name)
    assert found == broken


@asynccontextmanager
async def losing_bench(declared: Guarantee) -> AsyncGenerator[ConnectorBench]:
    """A shop that can lose its records, whatever it declares."""
    with ShopServer(at_most_once()) as server:
        server.books.add("o1", "ana", Money(10_000, "USD"))
        money: dict[str, Any] = {"amount_minor": 1000, "currency": "USD"}
        case = Case(
            action="shop.refund", args={"order": "o1", "amount": money}, subject=Subject(id="ana")
        )
        yield ConnectorBench(
            connector=HttpShop(server.url, declared, as_declared=True),
            cases=(case,),
            effects=lambda: len(server.books.payouts),
            http=HttpProvider(
                url=server.url,
                connect=lambda url, timeout_s: HttpShop(
                    url, declared, timeout_s=timeout_s, as_declared=True
                ),
                roll_back=server.roll_back,
            ),
        )


@pytest.mark.promise("connectors:suite:rolled-back")
@pytest.mark.parametrize(
    ("declared", "says"),
    [
        (idempotent(hours=24, settle_after_s=60), ""),
        (VERIFIABLE, ""),
        (at_most_once(), ""),
        (held_here(idempotent(hours=24, settle_after_s=60)), "has it paid again"),
        (held_here(VERIFIABLE), "has it paid again"),
    ],
    ids=["a key", "a reference", "nothing", "a key of who holds it", "a reference of who holds it"],
)
async def test_a_shop_that_loses_its_record_is_at_most_once_or_found(
    declared: Guarantee, says: str
) -> None:
    """Who says that it holds the money, and pays before it writes, is paid by twice: found here."""
    found = pytest.raises(AssertionError, match=says) if says else nullcontext()
    with found:
        await check_rolled_back(lambda: losing_bench(declared))
