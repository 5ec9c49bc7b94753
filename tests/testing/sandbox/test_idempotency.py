"""Idempotency keys, as https://docs.stripe.com/api/idempotent_requests describes them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe
from stripe.params import RefundCreateParams
from testing.sandbox.shop import Shop

from sayso.sandbox import Fault, Sandbox

# The SDK hands its form to httpx in a way that httpx deprecated; it is not ours to repair.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

REFUND: RefundCreateParams = {"charge": "ch_demo_ana_1", "amount": 500}


def _code(error: stripe.StripeError) -> str | None:
    # The SDK fills `code` of an APIError only inside its error object.
    return error.error.code if error.error is not None else None


def test_a_second_call_gets_the_first_answer(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    """The saved status and body are replayed, marked, and nothing happens again."""
    first = client.v1.refunds.create(REFUND, {"idempotency_key": "k"})
    second = client.v1.refunds.create(REFUND, {"idempotency_key": "k"})

    assert first.last_response is not None
    assert second.last_response is not None
    assert first.last_response.body == second.last_response.body
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert second.last_response.headers["Original-Request"] == first.last_response.request_id
    (effect,) = sandbox.books().effects
    assert (effect.idempotency_key, effect.calls) == ("k", 2)


def test_calls_without_a_key_are_different_calls(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    """The SDK makes a new key for each call that has none, so both take effect."""
    client.v1.refunds.create(REFUND)
    client.v1.refunds.create(REFUND)

    assert sandbox.books().money_out == {"usd": 1000}


def test_a_refusal_by_the_endpoint_is_saved_too(client: stripe.StripeClient) -> None:
    """ "Regardless of whether it succeeds or fails": the same 400 comes again."""
    ids: list[str | None] = []
    replayed: list[str | None] = []
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            client.v1.refunds.create({"charge": "ch_demo_ella_1"}, {"idempotency_key": "k"})
        headers = caught.value.headers
        assert headers is not None
        ids.append(headers["Original-Request"])
        replayed.append(headers.get("Idempotent-Replayed"))

    assert ids[0] == ids[1]
    assert replayed == [None, "true"]


def test_a_validation_failure_is_not_saved(client: stripe.StripeClient) -> None:
    """ "If incoming parameters fail validation … no idempotent result is saved"."""
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"charge": "ch_demo_ana_1", "amount": 0}, {"idempotency_key": "k"})
    refund = client.v1.refunds.create(REFUND, {"idempotency_key": "k"})

    assert refund.amount == 500


def test_other_parameters_under_the_key_are_refused(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    """The layer compares parameters: 400 `idempotency_error`, and the first answer stays."""
    client.v1.refunds.create(REFUND, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError) as caught:
        client.v1.refunds.create(
            {"charge": "ch_demo_ana_1", "amount": 501}, {"idempotency_key": "k"}
        )
    replay = client.v1.refunds.create(
        {"amount": 500, "charge": "ch_demo_ana_1"}, {"idempotency_key": "k"}
    )

    assert caught.value.http_status == 400
    assert "same parameters" in str(caught.value)
    assert replay.amount == 500
    assert len(sandbox.books().effects) == 1


def test_the_key_at_another_endpoint_is_refused(client: stripe.StripeClient) -> None:
    """A key belongs to one endpoint. Source: stripe-ruby#598."""
    client.v1.refunds.create(REFUND, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        client.v1.customers.create({}, {"idempotency_key": "k"})


def test_a_saved_500_comes_again(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    """ "Including 500 errors": the effect exists, and the same key never says so."""
    sandbox.add_faults(Fault(kind="answer_500_after", path="/v1/refunds"))
    for _ in range(3):
        with pytest.raises(stripe.APIError) as caught:
            client.v1.refunds.create(REFUND, {"idempotency_key": "k"})
        assert caught.value.http_status == 500

    (effect,) = sandbox.books().effects
    assert effect.calls == 3


def test_a_key_is_forgotten_after_a_day(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    """Keys may be pruned after 24 hours; from then on the same call is a new one."""
    first = client.v1.refunds.create(REFUND, {"idempotency_key": "k"})
    sandbox.advance(hours=23, seconds=3599)
    same = client.v1.refunds.create(REFUND, {"idempotency_key": "k"})
    sandbox.advance(seconds=1)
    new = client.v1.refunds.create(REFUND, {"idempotency_key": "k"})

    assert same.id == first.id
    assert new.id != first.id
    assert sandbox.books().money_out == {"usd": 1000}


def test_the_key_is_locked_while_its_first_call_runs(
    client: stripe.StripeClient, sandbox: Sandbox, shop: Shop
) -> None:
    """A concurrent call gets 409 `idempotency_key_in_use`, which is not saved."""
    other = shop.client(sandbox.url)
    sandbox.add_faults(Fault(kind="hold_after", path="/v1/refunds"))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.v1.refunds.create, REFUND, {"idempotency_key": "k"})
        assert sandbox.wait_until_held()
        with pytest.raises(stripe.APIError) as caught:
            other.v1.refunds.create(REFUND, {"idempotency_key": "k"})
        sandbox.release()
        refund = first.result(timeout=60)
    again = other.v1.refunds.create(REFUND, {"idempotency_key": "k"})

    assert caught.value.http_status == 409
    assert _code(caught.value) == "idempotency_key_in_use"
    assert again.id == refund.id
    (effect,) = sandbox.books().effects
    assert effect.calls == 3


async def test_many_at_once_with_one_key_have_one_effect(
    async_client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    """Twenty concurrent calls with one key: one refund, and every answer is it or a 409."""
    calls = [
        async_client.v1.refunds.create_async(REFUND, {"idempotency_key": "k"}) for _ in range(20)
    ]
    answers = await asyncio.gather(*calls, return_exceptions=True)

    refunds = {answer.id for answer in answers if isinstance(answer, stripe.Refund)}
    conflicts = [answer for answer in answers if isinstance(answer, stripe.APIError)]
    assert len(refunds) == 1
    assert all(_code(conflict) == "idempotency_key_in_use" for conflict in conflicts)
    (effect,) = sandbox.books().effects
    assert effect.calls == 20


async def test_many_at_once_with_their_own_keys_never_refund_too_much(
    async_client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    """Thirty concurrent refunds of a tenth: ten succeed, and the sum is the charge."""
    calls = [
        async_client.v1.refunds.create_async(
            {"charge": "ch_demo_ana_1", "amount": 1290}, {"idempotency_key": f"k{number}"}
        )
        for number in range(30)
    ]
    answers = await asyncio.gather(*calls, return_exceptions=True)

    assert sum(isinstance(answer, stripe.Refund) for answer in answers) == 10
    assert sandbox.books().money_out == {"usd": 12900}


def test_a_key_has_no_effect_on_delete(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    """ "Don't send idempotency keys in DELETE requests because it has no effect"; it is counted."""
    client.v1.subscriptions.cancel("sub_demo_ana", options={"idempotency_key": "k"})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.subscriptions.cancel("sub_demo_ana", options={"idempotency_key": "k"})

    assert caught.value.http_status == 404
    (effect,) = sandbox.books().effects
    assert (effect.idempotency_key, effect.calls) == ("k", 2)


def test_a_rate_limit_comes_before_the_key(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    """Stripe docs: Advanced error handling: a 429 is not saved, so the retry is executed."""
    sandbox.add_faults(Fault(kind="rate_limit", path="/v1/refunds", retry_after_s=7))
    with pytest.raises(stripe.RateLimitError) as caught:
        client.v1.refunds.create(REFUND, {"idempotency_key": "k"})
    refund = client.v1.refunds.create(REFUND, {"idempotency_key": "k"})

    assert caught.value.headers is not None
    assert caught.value.headers["Retry-After"] == "7"
    assert refund.amount == 500


def test_a_key_has_at_most_255_characters(client: stripe.StripeClient) -> None:
    """Stripe docs: Idempotent requests: keys are up to 255 characters long."""
    client.v1.refunds.create(REFUND, {"idempotency_key": "k" * 255})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create(REFUND, {"idempotency_key": "k" * 256})
