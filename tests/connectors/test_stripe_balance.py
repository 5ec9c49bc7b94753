"""Credit at Stripe and what takes it back, over a history of balance changes of any length."""

from __future__ import annotations

import pytest
from connectors.benches import BEN
from connectors.stripe_account import StripeAccount, open_account

from sayso.actions.model.snapshot import Absence, Receipt
from sayso.errors import Code, OutcomeUnknownError, RefusedError
from sayso.json import JsonObject
from sayso.sandbox import Fault
from sayso.sandbox.rows import BalanceTransaction

CREDIT: JsonObject = {"amount": {"amount_minor": 700, "currency": "USD"}}


def add_changes(account: StripeAccount, count: int, *, created: int | None = None) -> None:
    """So many changes of Ben's balance that are nobody's action."""
    at = int(account.sandbox.now().timestamp()) if created is None else created
    account.sandbox.add(
        *(
            BalanceTransaction(
                id=f"cbtxn_{at}_{number}",
                created=at,
                customer=BEN.id,
                amount=-1,
                currency="usd",
                ending_balance=0,
            )
            for number in range(count)
        )
    )


async def give(account: StripeAccount) -> str:
    """A credit of $7.00 by an action; its id."""
    given = await account.outcome(await account.plan("stripe.credit", CREDIT, BEN, number=1))
    assert isinstance(given, Receipt)
    return given.id


def taken_back(account: StripeAccount) -> int:
    """How often something was taken back."""
    return len(account.sandbox.books().of("balance_debit"))


@pytest.mark.promise("connectors:proof")
@pytest.mark.parametrize("between", [0, 99, 100, 350])
async def test_a_credit_is_taken_back_once_however_much_happened_since(between: int) -> None:
    """An earlier take-back counts on whatever page of the history it stands."""
    async with open_account() as account:
        asked: JsonObject = {"credit": await give(account)}
        first = await account.plan("stripe.take_back_credit", asked, BEN, number=2)
        assert isinstance(await account.outcome(first), Receipt)
        add_changes(account, between)
        with pytest.raises(RefusedError) as caught:
            await account.plan("stripe.take_back_credit", asked, BEN, number=3)
        assert caught.value.code is Code.NOTHING_REFUNDABLE
        assert taken_back(account) == 1


@pytest.mark.promise("connectors:proof")
async def test_a_history_too_long_to_read_takes_nothing_back() -> None:
    """Whether it was taken back already cannot be known, so it is refused with a next step."""
    async with open_account() as account:
        asked: JsonObject = {"credit": await give(account)}
        add_changes(account, 2_000)
        with pytest.raises(RefusedError) as caught:
            await account.plan("stripe.take_back_credit", asked, BEN, number=2)
        assert caught.value.code is Code.WRONG_STATE
        assert "2000 changes" in caught.value.message
        assert "dashboard" in caught.value.next_step
        assert taken_back(account) == 0


async def test_what_is_older_than_the_credit_is_not_read() -> None:
    """Nothing takes back a credit before it is given, so a long past keeps nobody from it."""
    async with open_account() as account:
        add_changes(account, 2_500, created=int(account.sandbox.now().timestamp()) - 3 * 86_400)
        asked: JsonObject = {"credit": await give(account)}
        call = await account.plan("stripe.take_back_credit", asked, BEN, number=2)
        assert isinstance(await account.outcome(call), Receipt)
        assert taken_back(account) == 1


@pytest.mark.promise("connectors:proof")
@pytest.mark.parametrize("metadata", [{}, {"order": "1042"}, {"sayso_tenant": "main"}])
async def test_only_what_an_action_gave_is_taken_back(metadata: dict[str, str]) -> None:
    """A credit that a shop gave by hand, or that came back from an invoice, is the customer's."""
    async with open_account() as account:
        account.sandbox.add(
            BalanceTransaction(
                id="cbtxn_by_hand",
                created=int(account.sandbox.now().timestamp()),
                customer=BEN.id,
                amount=-500,
                currency="usd",
                ending_balance=-500,
                metadata=metadata,
            )
        )
        with pytest.raises(RefusedError) as caught:
            await account.plan("stripe.take_back_credit", {"credit": "cbtxn_by_hand"}, BEN)
        assert caught.value.code is Code.WRONG_STATE
        assert "dashboard" in caught.value.next_step


async def test_a_credit_in_another_currency_than_the_balance_is_not_taken_back() -> None:
    """What is left of it is not in the balance, and would be told in the wrong currency."""
    async with open_account() as account:
        await give(account)
        account.sandbox.add(
            BalanceTransaction(
                id="cbtxn_eur",
                created=1_790_000_000,
                customer=BEN.id,
                amount=-500,
                currency="eur",
                ending_balance=-500,
                metadata={"sayso_action": "act_1", "sayso_tenant": "main"},
            )
        )
        with pytest.raises(RefusedError) as caught:
            await account.plan("stripe.take_back_credit", {"credit": "cbtxn_eur"}, BEN, number=2)
        assert caught.value.code is Code.CURRENCY_MISMATCH
        assert "dashboard" in caught.value.next_step


@pytest.mark.promise("connectors:proof")
@pytest.mark.parametrize("action", ["stripe.credit", "stripe.take_back_credit"])
async def test_a_look_up_reads_every_page_of_a_balance(action: str) -> None:
    """A change whose answer was lost is found behind 350 others, and is not made again."""
    async with open_account() as account:
        args = CREDIT if action == "stripe.credit" else {"credit": await give(account)}
        call = await account.plan(action, args, BEN, number=2)
        account.sandbox.add_faults(Fault(kind="drop_after", method="POST"))
        assert isinstance(await account.outcome(call), OutcomeUnknownError)
        add_changes(account, 350)
        found = await account.look_up(call)
        assert isinstance(found, Receipt)
        assert found.amount == call.resolved.amount


@pytest.mark.promise("connectors:proof")
@pytest.mark.parametrize(
    ("changes", "found"), [(350, Absence.ABSENT), (2_001, Absence.CANNOT_TELL)]
)
async def test_a_balance_is_read_to_its_end_before_a_look_up_says_absent(
    changes: int, found: Absence
) -> None:
    """A call that never arrived is absent; in a history too long to read nobody can tell."""
    async with open_account() as account:
        call = await account.plan("stripe.credit", CREDIT, BEN, number=1)
        add_changes(account, changes)
        assert await account.look_up(call) is found
