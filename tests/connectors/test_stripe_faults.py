"""What the engine sees when Stripe misbehaves, and how each lost answer is found again."""

from __future__ import annotations

import asyncio

import pytest
from connectors.benches import ANA, closed_port, stripe_on
from connectors.stripe_account import StripeAccount, open_account

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.connectors.retry import RetryPolicy
from sayso.errors import (
    Code,
    OutcomeUnknownError,
    RefusedError,
    RetryableError,
    SaysoError,
)
from sayso.json import JsonObject
from sayso.sandbox import Fault, FaultKind

REFUND: tuple[str, JsonObject] = ("stripe.refund", {"charge": "ch_demo_ana_1"})
REFUND_BY_INTENT: tuple[str, JsonObject] = ("stripe.refund", {"charge": "pi_demo_ana_1"})
CREDIT: tuple[str, JsonObject] = (
    "stripe.credit",
    {"amount": {"amount_minor": 500, "currency": "USD"}},
)
NOW: tuple[str, JsonObject] = (
    "stripe.cancel_subscription",
    {"subscription": "sub_demo_ana", "when": "now"},
)
AT_END: tuple[str, JsonObject] = (
    "stripe.cancel_subscription",
    {"subscription": "sub_demo_ana", "when": "period_end"},
)
ALL = pytest.mark.parametrize(
    "asked", [REFUND, CREDIT, NOW, AT_END], ids=["refund", "credit", "now", "at_end"]
)


def method_of(asked: tuple[str, JsonObject]) -> str:
    return "DELETE" if asked is NOW else "POST"


async def after_fault(account: StripeAccount, call: Call, fault: Fault) -> Receipt | SaysoError:
    account.sandbox.add_faults(fault)
    outcome = await account.outcome(call)
    assert not account.sandbox.waiting_faults(), "the fault did not happen"
    return outcome


async def hasty_outcome(account: StripeAccount, call: Call) -> Receipt | SaysoError:
    """The outcome for a connector whose time-out is over before there is an answer.

    A machine so busy that the faulty request is not even made in time gets more of it.
    """
    outcome: Receipt | SaysoError | None = None
    for timeout_s in (0.3, 3.0, 30.0):
        if outcome is None or account.sandbox.waiting_faults():
            hasty = stripe_on(account.sandbox.url, account.sandbox.api_key, timeout_s=timeout_s)
            try:
                outcome = await hasty.call(call)
            except SaysoError as error:
                outcome = error
            await hasty.close()
    assert outcome is not None
    return outcome


def effects(account: StripeAccount) -> int:
    return len(account.sandbox.books().effects)


@pytest.mark.promise("connectors:proof")
@ALL
@pytest.mark.parametrize(
    "kind", ["answer_500_after", "drop_after", "reset_after_bytes", "html_garbage"]
)
async def test_a_lost_answer_is_unknown_and_the_look_up_finds_the_effect(
    asked: tuple[str, JsonObject], kind: FaultKind
) -> None:
    """Done and not heard of: unknown, never "failed", and the reference at Stripe proves it."""
    async with open_account() as account:
        call = await account.plan(*asked)
        fault = Fault(kind=kind, method=method_of(asked), after_bytes=40)
        outcome = await after_fault(account, call, fault)
        assert isinstance(outcome, OutcomeUnknownError)
        found = await account.look_up(call)
        assert isinstance(found, Receipt)
        assert found.amount == call.resolved.amount
        assert effects(account) == 1


@ALL
@pytest.mark.parametrize("kind", ["answer_500_before", "drop_before"])
async def test_a_call_that_never_took_effect_is_unknown_and_looked_up_as_absent(
    asked: tuple[str, JsonObject], kind: FaultKind
) -> None:
    """From outside it looks the same; only the look-up tells, and then the same key may be used."""
    async with open_account() as account:
        call = await account.plan(*asked)
        outcome = await after_fault(account, call, Fault(kind=kind, method=method_of(asked)))
        assert isinstance(outcome, OutcomeUnknownError)
        assert await account.look_up(call) is Absence.ABSENT
        assert isinstance(await account.outcome(call), Receipt)
        assert effects(account) == 1


async def test_a_saved_500_is_replayed_so_only_the_look_up_helps() -> None:
    """Stripe keeps even a 500 under the key: the same call again is unknown again, for ever."""
    async with open_account() as account:
        call = await account.plan(*REFUND)
        first = await after_fault(account, call, Fault(kind="answer_500_after"))
        second = await account.outcome(call)
        assert isinstance(first, OutcomeUnknownError)
        assert isinstance(second, OutcomeUnknownError)
        assert isinstance(await account.look_up(call), Receipt)
        assert effects(account) == 1


@ALL
async def test_a_call_without_answer_in_time_is_unknown(asked: tuple[str, JsonObject]) -> None:
    """A time-out says nothing; what Stripe did meanwhile is found by the look-up."""
    async with open_account() as account:
        call = await account.plan(*asked)
        account.sandbox.add_faults(Fault(kind="hold_after", method=method_of(asked)))
        outcome = await hasty_outcome(account, call)
        assert await asyncio.to_thread(account.sandbox.wait_until_held)
        account.sandbox.release()
        assert isinstance(outcome, OutcomeUnknownError)
        assert isinstance(await account.look_up(call), Receipt)
        assert effects(account) == 1


@ALL
async def test_a_rate_limit_is_no_effect_and_says_when_to_come_back(
    asked: tuple[str, JsonObject],
) -> None:
    """429 did nothing: retryable, with Stripe's own pause."""
    async with open_account() as account:
        call = await account.plan(*asked)
        fault = Fault(kind="rate_limit", method=method_of(asked), retry_after_s=7)
        outcome = await after_fault(account, call, fault)
        assert isinstance(outcome, RetryableError)
        assert outcome.code is Code.PROVIDER_RATE_LIMITED
        assert outcome.retry_after_s == 7
        assert effects(account) == 0


@ALL
async def test_without_a_connection_nothing_was_sent(asked: tuple[str, JsonObject]) -> None:
    """Refused connection or unknown host: retryable, since no byte left."""
    async with open_account() as account:
        call = await account.plan(*asked)
    with closed_port() as closed:
        for url in (f"http://127.0.0.1:{closed}", "https://stripe.invalid"):
            away = stripe_on(url, "sk_test_nobody", timeout_s=60)
            with pytest.raises(RetryableError):
                await away.call(call)
            await away.close()


async def test_a_key_that_is_in_use_is_asked_for_again_later() -> None:
    """409 while the first try still runs: this request did nothing, and the same key may come."""
    async with open_account() as account:
        call = await account.plan(*REFUND)
        account.sandbox.add_faults(Fault(kind="hold_before"))
        first = asyncio.create_task(account.outcome(call))
        assert await asyncio.to_thread(account.sandbox.wait_until_held)
        second = await account.outcome(call)
        account.sandbox.release()
        done = await first
        assert isinstance(second, RetryableError)
        assert second.retry_after_s is not None
        assert isinstance(done, Receipt)
        assert await account.outcome(call) == done
        assert effects(account) == 1


async def test_a_key_that_came_with_other_parameters_is_unknown() -> None:
    """An earlier try in another shape may have had its effect, so it is neither yes nor no."""
    async with open_account() as account:
        call = await account.plan(*REFUND)
        other = await account.plan(
            "stripe.refund",
            {"charge": "ch_demo_ana_1", "amount": {"amount_minor": 100, "currency": "USD"}},
        )
        assert isinstance(await account.outcome(other), Receipt)
        assert isinstance(await account.outcome(call), OutcomeUnknownError)


@pytest.mark.promise("engine:own-key")
async def test_two_equal_partial_refunds_stay_two() -> None:
    """The same amount of the same charge twice is two effects, each with its own reference."""
    half: JsonObject = {
        "charge": "ch_demo_ana_1",
        "amount": {"amount_minor": 2000, "currency": "USD"},
    }
    async with open_account() as account:
        one = await account.plan("stripe.refund", half, number=1)
        two = await account.plan("stripe.refund", half, number=2)
        first, second = await account.outcome(one), await account.outcome(two)
        assert isinstance(first, Receipt)
        assert isinstance(second, Receipt)
        assert first.id != second.id
        assert await account.look_up(one) == first
        assert await account.look_up(two) == second
        assert account.sandbox.books().money_out == {"usd": 4000}


async def test_the_key_is_gone_after_a_day_but_our_refund_is_still_ours() -> None:
    """Past the key's life Stripe refuses a second call, and our reference shows it was ours."""
    async with open_account() as account:
        call = await account.plan(*REFUND)
        first = await account.outcome(call)
        account.sandbox.advance(hours=25)
        assert await account.outcome(call) == first
        assert effects(account) == 1


@pytest.mark.promise("connectors:proof")
async def test_somebody_elses_refund_is_never_our_success() -> None:
    """A charge that was refunded meanwhile is a refusal, in Stripe's words."""
    async with open_account() as account:
        ours = await account.plan(*REFUND, number=1)
        theirs = await account.plan(*REFUND, number=2)
        await account.outcome(theirs)
        outcome = await account.outcome(ours)
        assert isinstance(outcome, RefusedError)
        assert outcome.code is Code.PROVIDER_REFUSED
        assert "charge_already_refunded" in outcome.message
        assert await account.look_up(ours) is Absence.ABSENT


@pytest.mark.promise("connectors:proof")
@pytest.mark.parametrize("theirs", [NOW, AT_END], ids=["now", "at_end"])
async def test_somebody_elses_cancellation_is_never_our_success(
    theirs: tuple[str, JsonObject],
) -> None:
    """A subscription that another action has cancelled is refused, and not marked as ours."""
    async with open_account() as account:
        ours = await account.plan(*AT_END, number=1)
        await account.outcome(await account.plan(*theirs, number=2))
        outcome = await account.outcome(ours)
        assert isinstance(outcome, RefusedError)
        assert outcome.code is Code.ALREADY_IN_STATE
        assert not isinstance(await account.look_up(ours), Receipt)
        assert effects(account) == 1


async def test_a_cancellation_is_proven_even_after_it_was_taken_back() -> None:
    """The reference stays when somebody keeps the subscription after all, so ours did happen."""
    async with open_account() as account:
        call = await account.plan(*AT_END)
        await account.outcome(call)
        await keep(account)
        assert isinstance(await account.look_up(call), Receipt)
        assert isinstance(await account.outcome(call), Receipt)
        assert len(account.sandbox.books().of("cancel_at_period_end")) == 1


async def test_a_reference_that_may_cover_ours_makes_the_look_up_unsure() -> None:
    """The metadata holds one reference: a third one may stand where ours stood."""
    async with open_account() as account:
        ours = await account.plan(*AT_END, number=1)
        await account.outcome(await account.plan(*AT_END, number=2))
        assert await account.look_up(ours) is Absence.CANNOT_TELL
        await keep(account)
        later = await account.plan(*AT_END, number=3)
        assert await account.look_up(later) is Absence.ABSENT


async def keep(account: StripeAccount) -> None:
    import stripe

    def taken_back() -> None:
        client = stripe.StripeClient(
            account.sandbox.api_key, base_addresses={"api": account.sandbox.url}
        )
        client.v1.subscriptions.update("sub_demo_ana", {"cancel_at_period_end": False})

    await asyncio.to_thread(taken_back)


async def test_a_look_up_reads_every_page_before_it_says_absent() -> None:
    """Our refund among 150 others is found; a list that was not read to its end proves nothing."""
    async with open_account() as account:
        little: JsonObject = {
            "charge": "ch_demo_marco_1",
            "amount": {"amount_minor": 1, "currency": "EUR"},
        }
        marco = Subject(id="cus_demo_marco")
        call = await account.plan("stripe.refund", little, marco, number=1)
        await account.outcome(call)
        for number in range(2, 152):
            other = Call(
                tenant="main",
                action_id=f"act_{number:026d}",
                action="stripe.refund",
                subject_id=marco.id,
                resolved=call.resolved,
                idempotency_key=f"{number:064x}",
            )
            await account.outcome(other)
        assert isinstance(await account.look_up(call), Receipt)
        account.sandbox.add_faults(
            Fault(kind="drop_before", method="GET", path="/v1/refunds", times=2)
        )
        with pytest.raises(RetryableError):
            await account.look_up(call)


async def test_reads_are_asked_again_since_they_change_nothing() -> None:
    """A dropped read and a 429 are repeated, with Stripe's pause, and only then given up."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    retry = RetryPolicy(attempts=3, sleep=sleep, dice=lambda: 0.0)
    async with open_account(retry=retry) as account:
        account.sandbox.add_faults(
            Fault(kind="drop_before", method="GET"),
            Fault(kind="rate_limit", method="GET", retry_after_s=3),
        )
        assert (await account.resolve(*REFUND)).object_id == "ch_demo_ana_1"
        assert sorted(pauses) == [0.125, 3.0]


@pytest.mark.promise("connectors:no-repeat")
async def test_a_write_is_never_repeated_by_the_connector() -> None:
    """Whether to try again is the engine's decision, whatever the read policy says."""

    async def sleep(seconds: float) -> None:
        raise AssertionError("a write was repeated")

    async with open_account(retry=RetryPolicy(attempts=5, sleep=sleep)) as account:
        call = await account.plan(*REFUND)
        outcome = await after_fault(account, call, Fault(kind="rate_limit"))
        assert isinstance(outcome, RetryableError)
        assert account.sandbox.books().keys == {call.idempotency_key: 1}


async def test_a_wrong_key_is_refused_without_repeating_it() -> None:
    """401 is final and names the next step; no part of the key is shown."""
    key = "sk_test_wrong_key_0123456789"
    async with open_account(api_key=key) as account:
        with pytest.raises(RefusedError) as caught:
            await account.resolve(*REFUND)
    assert caught.value.code is Code.NEEDS_REAUTH
    assert "api_key" in caught.value.next_step
    shown = f"{caught.value} {caught.value.detail} {caught.value.__cause__!r}"
    assert "0123456789" not in shown


NEEDED = frozenset(
    {
        "customer_write",
        "charge_read",
        "payment_intent_read",
        "refund_write",
        "subscription_write",
    }
)
"""What docs/reference/stripe-and-email.md tells people to give to a restricted key."""


async def everything(account: StripeAccount) -> list[Receipt | SaysoError]:
    found: list[Receipt | SaysoError] = []
    for number, asked in enumerate((REFUND_BY_INTENT, CREDIT, AT_END), start=1):
        try:
            found.append(await account.outcome(await account.plan(*asked, number=number)))
        except SaysoError as error:
            found.append(error)
    return found


@pytest.mark.promise("connectors:least-privilege")
async def test_the_documented_permissions_are_enough() -> None:
    """Least privilege: a key with them alone does everything, and names its account."""
    async with open_account(restricted=NEEDED) as account:
        assert all(isinstance(outcome, Receipt) for outcome in await everything(account))
        resolved = await account.resolve("stripe.refund", {"charge": "ch_demo_ana_2"})
        assert resolved.account == "acct_sandbox"
        assert await account.connectors.list_records(ANA)


@pytest.mark.promise("connectors:least-privilege")
@pytest.mark.parametrize("missing", sorted(NEEDED))
async def test_a_restricted_key_is_told_which_permission_it_lacks(missing: str) -> None:
    """None of them is too much: without it something is a 403, which names what to add."""
    async with open_account(restricted=NEEDED - {missing}) as account:
        errors = [one for one in await everything(account) if isinstance(one, SaysoError)]
        assert errors
        for error in errors:
            assert isinstance(error, RefusedError)
            assert error.code is Code.PROVIDER_REFUSED
            noun = missing.rpartition("_")[0]
            assert f"`rak_{noun}_" in error.next_step


@pytest.mark.promise("connectors:nothing-personal")
async def test_nothing_personal_leaves_with_a_call() -> None:
    """Metadata and key hold two ids of ours, and neither name nor address of the customer."""
    async with open_account() as account:
        for number, asked in enumerate((REFUND, CREDIT, AT_END), start=1):
            await account.outcome(await account.plan(*asked, number=number))
        for effect in account.sandbox.books().effects:
            assert set(effect.metadata) == {"sayso_action", "sayso_tenant"}
            text = f"{effect.metadata} {effect.idempotency_key}".lower()
            assert "ana" not in text
            assert "torres" not in text
    assert ANA.id
