"""Every fault, over a real socket, as the official SDK meets it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe
from stripe.params import RefundCreateParams
from testing.sandbox.shop import Shop

from sayso.sandbox import Fault, FaultKind, Sandbox

# The SDK hands its form to httpx in a way that httpx deprecated; it is not ours to repair.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

LONG_S = 60.0
REFUND: RefundCreateParams = {"charge": "ch_demo_ana_1", "amount": 500}


@pytest.mark.parametrize(
    ("fault", "error", "effects"),
    [
        (Fault(kind="answer_500_before"), stripe.APIError, 0),
        (Fault(kind="answer_500_after"), stripe.APIError, 1),
        (Fault(kind="drop_before"), stripe.APIConnectionError, 0),
        (Fault(kind="drop_after"), stripe.APIConnectionError, 1),
        (Fault(kind="reset_after_bytes"), stripe.APIConnectionError, 1),
        (Fault(kind="reset_after_bytes", after_bytes=7), stripe.APIConnectionError, 1),
        (Fault(kind="reset_after_bytes", after_bytes=500), stripe.APIConnectionError, 1),
        (Fault(kind="rate_limit", retry_after_s=3), stripe.RateLimitError, 0),
        (Fault(kind="html_garbage"), stripe.APIError, 1),
    ],
)
def test_a_fault_says_one_thing_and_does_another(
    client: stripe.StripeClient,
    sandbox: Sandbox,
    fault: Fault,
    error: type[stripe.StripeError],
    effects: int,
) -> None:
    """What the SDK raises tells nothing about the effect; the books do. Then all is well again."""
    sandbox.add_faults(fault)
    with pytest.raises(error):
        client.v1.refunds.create(REFUND, {"idempotency_key": "k"})

    assert len(sandbox.books().effects) == effects
    assert sandbox.waiting_faults() == ()
    client.v1.refunds.create(REFUND, {"idempotency_key": "another"})
    assert len(sandbox.books().effects) == effects + 1


@pytest.mark.parametrize(
    "kind", ["drop_before", "drop_after", "reset_after_bytes", "answer_500_before", "html_garbage"]
)
def test_the_same_key_afterwards_gives_exactly_one_effect(
    client: stripe.StripeClient, sandbox: Sandbox, kind: FaultKind
) -> None:
    """After any lost answer, the same key gets the refund, which exists once."""
    sandbox.add_faults(Fault(kind=kind))
    with pytest.raises(stripe.StripeError):
        client.v1.refunds.create(REFUND, {"idempotency_key": "k"})
    refund = client.v1.refunds.create(REFUND, {"idempotency_key": "k"})

    (effect,) = sandbox.books().effects
    assert (effect.id, effect.calls) == (refund.id, 2)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "answer_500_before"])
def test_the_sdks_own_retry_gets_through(
    sandbox: Sandbox, shop: Shop, monkeypatch: pytest.MonkeyPatch, kind: FaultKind
) -> None:
    """With retries on, the SDK repeats its key by itself and has one effect."""
    # The SDK would wait half a second, which proves nothing here.
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.0)
    monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.0)
    sandbox.add_faults(Fault(kind=kind))
    refund = shop.client(sandbox.url, retries=2).v1.refunds.create(REFUND)

    (effect,) = sandbox.books().effects
    assert (effect.id, effect.calls) == (refund.id, 2)


@pytest.mark.parametrize(("kind", "effects"), [("slow_before", 0), ("slow_after", 1)])
async def test_a_slow_answer_outlasts_the_callers_patience(
    async_client: stripe.StripeClient, sandbox: Sandbox, kind: FaultKind, effects: int
) -> None:
    """A caller who gives up while the provider is slow cannot know whether it happened."""
    sandbox.add_faults(Fault(kind=kind, seconds=LONG_S))
    asking = asyncio.create_task(async_client.v1.refunds.create_async(REFUND))
    async with asyncio.timeout(LONG_S / 2):
        while sandbox.waiting_faults() or len(sandbox.books().effects) < effects:
            await asyncio.sleep(0)
    assert not asking.done()
    asking.cancel()
    await asyncio.wait({asking})

    assert asking.cancelled()
    assert len(sandbox.books().effects) == effects


@pytest.mark.parametrize("kind", ["slow_before", "slow_after"])
def test_a_slow_answer_comes_in_the_end(
    client: stripe.StripeClient, sandbox: Sandbox, kind: FaultKind
) -> None:
    """Slowness by itself loses nothing."""
    sandbox.add_faults(Fault(kind=kind, seconds=0.01))

    assert client.v1.refunds.create(REFUND).amount == 500


@pytest.mark.parametrize(("kind", "effects"), [("hold_before", 0), ("hold_after", 1)])
def test_a_held_call_goes_on_when_released(
    client: stripe.StripeClient, sandbox: Sandbox, kind: FaultKind, effects: int
) -> None:
    """Holding stops a call exactly before or after its effect; releasing completes it."""
    sandbox.add_faults(Fault(kind=kind))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.v1.refunds.create, REFUND)
        assert sandbox.wait_until_held()
        assert len(sandbox.books().effects) == effects
        assert sandbox.release() == 1
        assert call.result(timeout=LONG_S).amount == 500
    assert len(sandbox.books().effects) == 1


def test_waiting_for_held_calls_has_an_end(sandbox: Sandbox) -> None:
    """Nothing is held, and the wait says so instead of hanging."""
    assert not sandbox.wait_until_held(timeout_s=0.01)


@pytest.mark.parametrize("amount", [500, 12900])
def test_a_provider_can_do_it_twice(
    client: stripe.StripeClient, sandbox: Sandbox, amount: int
) -> None:
    """`do_twice` shows one refund to the caller and two in the books, even of a whole charge."""
    sandbox.add_faults(Fault(kind="do_twice"))
    refund = client.v1.refunds.create({"charge": "ch_demo_ana_1", "amount": amount})

    effects = sandbox.books().of("refund")
    assert [effect.amount for effect in effects] == [amount, amount]
    assert refund.id == effects[0].id
    assert len(client.v1.refunds.list({"charge": "ch_demo_ana_1"}).data) == 2


def test_a_whole_refund_without_amount_can_be_done_twice(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    """Without `amount`, the bug gives the whole charge back again."""
    sandbox.add_faults(Fault(kind="do_twice"))
    client.v1.refunds.create({"charge": "ch_demo_ana_1"})

    assert sandbox.books().money_out == {"usd": 25800}


def test_cancelling_and_crediting_can_be_done_twice(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    """The bug is not one of refunds alone."""
    sandbox.add_faults(Fault(kind="do_twice", method="*", times=3))
    client.v1.subscriptions.update("sub_demo_kim", {"cancel_at_period_end": True})
    client.v1.subscriptions.cancel("sub_demo_ana")
    client.v1.customers.balance_transactions.create(
        "cus_demo_ana", {"amount": -5, "currency": "usd"}
    )

    kinds = [effect.kind for effect in sandbox.books().effects]
    assert kinds == 2 * ["cancel_at_period_end"] + 2 * ["cancel"] + 2 * ["balance_credit"]
    assert client.v1.customers.retrieve("cus_demo_ana").balance == -10


def test_faults_meet_only_the_calls_they_are_for(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    """Method and path choose the call; `times` counts; the oldest that fits comes first."""
    sandbox.add_faults(
        Fault(kind="drop_after", method="DELETE", path="/v1/subscriptions/*"),
        Fault(kind="rate_limit", path="/v1/refunds", times=2),
        Fault(kind="answer_500_before", path="/v1/*"),
    )
    client.v1.charges.retrieve("ch_demo_ana_1")
    for error in (stripe.RateLimitError, stripe.RateLimitError, stripe.APIError):
        with pytest.raises(error):
            client.v1.refunds.create(REFUND)
    with pytest.raises(stripe.APIConnectionError):
        client.v1.subscriptions.cancel("sub_demo_ana")
    client.v1.refunds.create(REFUND)

    assert [effect.kind for effect in sandbox.books().effects] == ["cancel", "refund"]


def test_faults_can_be_forgotten(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    """`clear_faults` ends the trouble."""
    sandbox.add_faults(Fault(kind="drop_after", times=99))
    sandbox.clear_faults()

    assert client.v1.refunds.create(REFUND).amount == 500


def test_a_lost_answer_to_a_read_changes_nothing(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    """Reads can fail like anything else."""
    sandbox.add_faults(Fault(kind="drop_after", method="GET"))
    with pytest.raises(stripe.APIConnectionError):
        client.v1.charges.retrieve("ch_demo_ana_1")

    assert sandbox.books().effects == ()


async def test_the_asynchronous_sdk_meets_the_same_faults(
    async_client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    """A dropped and a reset connection are connection errors there too."""
    sandbox.add_faults(Fault(kind="drop_after"), Fault(kind="reset_after_bytes", after_bytes=9))
    for key in ("a", "b"):
        with pytest.raises(stripe.APIConnectionError):
            await async_client.v1.refunds.create_async(REFUND, {"idempotency_key": key})

    assert len(sandbox.books().effects) == 2
