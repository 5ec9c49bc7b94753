"""What Stripe's connector reads before anything is judged, and what it refuses."""

from __future__ import annotations

import pytest
from connectors.benches import ANA
from connectors.stripe_account import StripeAccount, open_account

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Resolved
from sayso.connectors.setup import AddressBook
from sayso.connectors.stripe.currency import from_stripe, to_stripe
from sayso.errors import Code, RefusedError
from sayso.json import JsonObject
from sayso.money import Money
from sayso.sandbox.rows import Charge, Customer, Price, Subscription


def who(name: str) -> Subject:
    return Subject(id=f"cus_demo_{name}")


def usd(amount_minor: int) -> JsonObject:
    return {"amount_minor": amount_minor, "currency": "USD"}


async def refusal(
    account: StripeAccount, action: str, args: JsonObject, subject: Subject
) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        await account.resolve(action, args, subject)
    assert not account.sandbox.books().effects
    return caught.value


async def test_a_refund_names_what_is_left_and_leaves_nothing_open() -> None:
    """No amount becomes what is left; the intent becomes its charge; the account has a name."""
    async with open_account() as account:
        found = await account.resolve("stripe.refund", {"charge": "pi_demo_chloe_1"}, who("chloe"))
    assert found.args == {
        "charge": "ch_demo_chloe_1",
        "amount": {"amount_minor": 6900, "currency": "EUR"},
    }
    assert found.amount == Money(6900, "EUR")
    assert (found.owner, found.owner_proof) == ("cus_demo_chloe", "charge.customer")
    assert found.account == "acct_sandbox (Sayso Sandbox)"
    assert found.payee == "Visa ..1881, which paid"
    assert found.preconditions == {
        "charge.amount_refunded": 2000,
        "charge.refunded": False,
        "charge.disputed": False,
    }
    assert found.fields["charge"] == "Order 1031: cast-iron pan"
    assert found.fields["left afterwards"] == "€0.00"
    assert found.personal == {"name": "Chloé Martin", "email": "chloe@example.com"}


async def test_the_policy_gets_the_facts_of_a_refund() -> None:
    """Tenure, age, size and history are facts of the provider, never the planner's word."""
    async with open_account() as account:
        args: JsonObject = {
            "charge": "ch_demo_chloe_2",
            "amount": {"amount_minor": 900, "currency": "EUR"},
        }
        found = await account.resolve("stripe.refund", args, who("chloe"))
    assert found.facts == {
        "tenure_days": 720,
        "plan": "",
        "charge_age_days": 95,
        "charge_amount": Money(1900, "EUR"),
        "refunded_before": 1,
        "refunded_total": Money(2000, "EUR"),
        "full": False,
        "reason": "",
        "livemode": False,
    }


@pytest.mark.parametrize(
    ("charge", "customer", "code"),
    [
        ("ch_demo_ben_1", "ana", Code.NOT_OWNER),
        ("pi_demo_ben_1", "ana", Code.NOT_OWNER),
        ("ch_nobody", "ana", Code.UNKNOWN_OBJECT),
        ("pi_nobody", "ana", Code.UNKNOWN_OBJECT),
        ("ch_demo_ella_1", "ella", Code.NOTHING_REFUNDABLE),
        ("ch_demo_farid_1", "farid", Code.WRONG_STATE),
        ("ch_demo_grace_1", "grace", Code.WRONG_STATE),
        ("ch_demo_ana_1", "nobody", Code.UNKNOWN_SUBJECT),
    ],
)
async def test_a_refund_that_cannot_be_is_refused(charge: str, customer: str, code: Code) -> None:
    """Another's, unknown, used up, disputed, failed: each has its own code, and nothing is sent."""
    async with open_account() as account:
        error = await refusal(account, "stripe.refund", {"charge": charge}, who(customer))
    assert error.code is code


async def test_the_words_do_not_tell_whether_another_customer_has_it() -> None:
    """`not_owner` reads like `unknown_object`, so nobody can look for other people's charges."""
    async with open_account() as account:
        theirs = await refusal(account, "stripe.refund", {"charge": "ch_demo_ben_1"}, ANA)
        nobodys = await refusal(account, "stripe.refund", {"charge": "ch_demo_xyz_1"}, ANA)
    assert theirs.message.replace("ben", "xyz") == nobodys.message
    assert theirs.next_step == nobodys.next_step
    assert not theirs.detail


async def test_a_charge_without_a_customer_is_nobodys() -> None:
    """A guest's charge belongs to no subject, whoever asks."""
    async with open_account() as account:
        account.sandbox.add(
            Charge(id="ch_guest", created=1_700_000_000, amount=100, currency="usd")
        )
        error = await refusal(account, "stripe.refund", {"charge": "ch_guest"}, ANA)
    assert error.code is Code.NOT_OWNER


@pytest.mark.parametrize(
    ("amount", "currency", "code", "words"),
    [
        (12901, "USD", Code.AMOUNT_TOO_LARGE, "$129.01 is more than the $129.00 that is left"),
        (500, "EUR", Code.CURRENCY_MISMATCH, "paid in USD, not in EUR"),
        (0, "USD", Code.INVALID_MONEY, "not above zero"),
        (-500, "USD", Code.INVALID_MONEY, "not above zero"),
    ],
)
async def test_an_amount_that_does_not_fit_is_refused(
    amount: int, currency: str, code: Code, words: str
) -> None:
    """The message names what is left and in which currency."""
    async with open_account() as account:
        args: JsonObject = {
            "charge": "ch_demo_ana_1",
            "amount": {"amount_minor": amount, "currency": currency},
        }
        error = await refusal(account, "stripe.refund", args, ANA)
    assert error.code is code
    assert words in error.message


async def test_credit_needs_the_balances_currency_and_an_amount() -> None:
    """A customer's balance has one currency, and the balance itself is no precondition."""
    async with open_account() as account:
        found = await account.resolve("stripe.credit", {"amount": usd(500)}, who("lena"))
        error = await refusal(
            account,
            "stripe.credit",
            {"amount": {"amount_minor": 1, "currency": "EUR"}},
            who("lena"),
        )
    assert found.facts["credit_left"] == Money(500, "USD")
    assert found.fields["credit afterwards"] == "$10.00"
    assert not found.preconditions
    assert error.code is Code.CURRENCY_MISMATCH


@pytest.mark.parametrize(
    ("subscription", "customer", "when", "code"),
    [
        ("sub_demo_ben", "ana", "now", Code.NOT_OWNER),
        ("sub_nobody", "ana", "now", Code.UNKNOWN_OBJECT),
        ("sub_demo_jonas", "jonas", "now", Code.ALREADY_IN_STATE),
        ("sub_demo_jonas", "jonas", "period_end", Code.ALREADY_IN_STATE),
        ("sub_demo_ines", "ines", "period_end", Code.ALREADY_IN_STATE),
    ],
)
async def test_a_cancellation_that_cannot_be_is_refused(
    subscription: str, customer: str, when: str, code: Code
) -> None:
    """Another's, unknown, over, or ending already."""
    async with open_account() as account:
        args: JsonObject = {"subscription": subscription, "when": when}
        error = await refusal(account, "stripe.cancel_subscription", args, who(customer))
    assert error.code is code


async def test_a_cancelling_subscription_can_still_be_ended_now() -> None:
    """What ends with its period may be ended sooner."""
    async with open_account() as account:
        args: JsonObject = {"subscription": "sub_demo_ines", "when": "now"}
        found = await account.resolve("stripe.cancel_subscription", args, who("ines"))
    assert found.facts["at_once"] is True
    assert found.facts["price"] == Money(1900, "USD")
    assert found.preconditions["subscription.cancel_at_period_end"] is True


async def test_records_are_the_customers_own_newest_first() -> None:
    """Charges and subscriptions with order numbers to be named by, and nobody else's."""
    async with open_account() as account:
        records = await account.connectors.list_records(ANA)
    assert [(record.kind, record.id) for record in records] == [
        ("charge", "ch_demo_ana_1"),
        ("charge", "ch_demo_ana_2"),
        ("subscription", "sub_demo_ana"),
    ]
    assert records[0].references == ("1042", "ch_demo_ana_1", "pi_demo_ana_1")
    assert records[0].facts["left"] == Money(12900, "USD")
    assert records[0].title.startswith("$129.00 on ")
    assert records[0].title.endswith("Order 1042: blue mug, set of six, Visa ..4242")


async def test_what_is_in_no_iso_currency_is_left_out_and_the_rest_is_listed() -> None:
    """A charge or a subscription in a stablecoin keeps nobody from being planned for."""
    async with open_account() as account:
        before = await account.connectors.list_records(ANA)
        now = 1_790_000_000
        account.sandbox.add(
            Charge(id="ch_coin", created=now, amount=5, currency="usdc", customer=ANA.id),
            Price(
                id="price_coin",
                created=now,
                product="prod_coin",
                unit_amount=5,
                currency="usdc",
                interval="month",
            ),
            Subscription(
                id="sub_coin",
                created=now,
                customer=ANA.id,
                item="si_coin",
                price="price_coin",
                currency="usdc",
                period_start=now,
                period_end=now + 30 * 86_400,
            ),
        )
        assert await account.connectors.list_records(ANA) == before
        for action, args in (
            ("stripe.refund", {"charge": "ch_coin"}),
            ("stripe.cancel_subscription", {"subscription": "sub_coin"}),
        ):
            asked: JsonObject = {**args}
            assert (await refusal(account, action, asked, ANA)).code is Code.INVALID_MONEY


async def test_at_most_fifty_records_are_listed() -> None:
    """A customer with many charges does not flood a planner."""
    async with open_account() as account:
        account.sandbox.add(
            *(
                Charge(
                    id=f"ch_many_{number}",
                    created=1_700_000_000 + number,
                    amount=100,
                    currency="usd",
                    customer=ANA.id,
                )
                for number in range(60)
            )
        )
        records = await account.connectors.list_records(ANA)
    assert len(records) == 50


async def test_hidden_characters_of_a_description_do_not_reach_a_card() -> None:
    """A right-to-left override or a line break in foreign text could make a card lie."""
    async with open_account() as account:
        account.sandbox.add(
            Charge(
                id="ch_odd",
                created=1_700_000_000,
                amount=100,
                currency="usd",
                customer=ANA.id,
                description="mug\u202e001$\n\nRefund of $5" + "x" * 300,
            )
        )
        found: Resolved = await account.resolve("stripe.refund", {"charge": "ch_odd"})
    assert found.fields["charge"].startswith("mug001$ Refund of $5xxx")
    assert len(found.fields["charge"]) == 120


async def test_an_address_is_read_from_the_customer_or_refused() -> None:
    """The e-mail connector's port: the address on file, and no other."""
    async with open_account() as account:
        account.sandbox.add(Customer(id="cus_silent", created=1_700_000_000))
        stripe = account.connectors.connector("stripe")
        assert isinstance(stripe, AddressBook)
        assert (await stripe.address_of(ANA)).email == "ana@example.com"
        with pytest.raises(RefusedError) as caught:
            await stripe.address_of(Subject(id="cus_silent"))
    assert caught.value.code is Code.WRONG_STATE


@pytest.mark.parametrize(
    ("money", "wire"),
    [
        (Money(1850, "USD"), (1850, "usd")),
        (Money(5400, "JPY"), (5400, "jpy")),
        (Money(5, "UGX"), (500, "ugx")),
        (Money(12, "ISK"), (1200, "isk")),
        (Money(500, "MGA"), (5, "mga")),
        (Money(1230, "KWD"), (1230, "kwd")),
    ],
)
def test_stripes_own_units_go_both_ways(money: Money, wire: tuple[int, str]) -> None:
    """ISK and UGX have two places there, MGA none (Stripe docs: Supported currencies)."""
    assert to_stripe(money) == wire
    assert from_stripe(*wire) == money


@pytest.mark.parametrize("money", [Money(1231, "KWD"), Money(550, "MGA")])
def test_an_amount_finer_than_stripe_takes_is_refused(money: Money) -> None:
    """It is never rounded."""
    with pytest.raises(RefusedError) as caught:
        to_stripe(money)
    assert caught.value.code is Code.INVALID_MONEY
