"""`stripe.credit`: account credit that the customer's next invoices use up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sayso.actions.model.definition import Args, Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt, Resolved
from sayso.connectors.ahead import Ahead
from sayso.connectors.stripe.actions import CREDIT, TAKE_BACK_CREDIT, CreditArgs, TakeBackCreditArgs
from sayso.connectors.stripe.currency import from_stripe, to_stripe, told_by_stripe
from sayso.connectors.stripe.customer import (
    DAY_S,
    StripeCustomer,
    is_of_an_action,
    is_ours,
    read_customer,
    reference_of,
    unknown_object,
)
from sayso.connectors.stripe.proof import MOST_LISTED, find_listed, proven
from sayso.errors import Code, RefusedError
from sayso.ids import Clock, rfc3339_of_seconds
from sayso.json import JsonValue
from sayso.money import Money
from sayso.text import plain

if TYPE_CHECKING:
    import stripe  # only the types: the SDK itself is imported by the first call

    from sayso.connectors.stripe.api import StripeAccount, StripeApi


class Credits:
    """Credit on the customer's balance.

    Args:
        api: the door to Stripe.
        clock: for ages in days.
    """

    action = CREDIT

    def __init__(self, api: StripeApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def resolve(self, args: Args, subject: Subject) -> Resolved:
        """Read the customer and say what the credit would be. Changes nothing."""
        assert isinstance(args, CreditArgs)
        async with Ahead() as ahead:
            known = ahead.read(read_customer(self._api, subject))
            page = ahead.read(balance_page(self._api, subject.id))
            of_key = ahead.read(self._api.account())
            return self._resolved(args, await known, await page, await of_key)

    def _resolved(
        self,
        args: CreditArgs,
        customer: StripeCustomer,
        changes: stripe.ListObject[stripe.CustomerBalanceTransaction],
        account: StripeAccount,
    ) -> Resolved:
        amount = args.amount
        currency = customer.currency.upper() or amount.currency
        if amount.currency != currency:
            raise RefusedError(
                Code.CURRENCY_MISMATCH,
                f"this customer's balance is in {currency}, not in {amount.currency}",
                next_step=f"give the credit in {currency}",
            )
        if amount.amount_minor <= 0:
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`amount` is {amount}, which is not above zero",
                next_step="give a credit above zero",
            )
        to_stripe(amount)
        credit_left = from_stripe(max(0, -customer.balance), currency.lower())
        wanted: dict[str, JsonValue] = {"amount": amount.to_json()}
        fields = {"credit so far": str(credit_left), "credit afterwards": str(credit_left + amount)}
        if args.note is not None:
            wanted["note"] = args.note
            fields["note on the invoice"] = plain(args.note, limit=200)
        # NOTE: the balance is no precondition: an invoice may use some of it up at any time, and
        # the credit is right all the same.
        return Resolved(
            args=wanted,
            object_kind="customer",
            object_id=customer.id,
            owner=customer.id,
            owner_proof="customer.id",
            account=account.title,
            payee="the customer's own balance, for later invoices",
            amount=amount,
            fields=fields,
            facts={
                "tenure_days": customer.tenure_days(self._clock.now()),
                "plan": customer.plan,
                "credited_before": sum(1 for change in changes.data if change.amount < 0),
                "credit_left": credit_left,
                "livemode": customer.livemode,
            },
            personal=customer.personal,
        )

    async def call(self, call: Call) -> Receipt:
        """Give it, once per key."""
        args = CreditArgs.model_validate(dict(call.resolved.args))
        amount, currency = to_stripe(args.amount)
        params: stripe.params.CustomerBalanceTransactionCreateParams = {
            # SOURCE: Stripe docs: Customer credit balance: a negative amount is credit.
            "amount": -amount,
            "currency": currency,
            "metadata": reference_of(call),
        }
        if args.note is not None:
            params["description"] = args.note

        async def send(client: stripe.StripeClient) -> Receipt | None:
            change = await client.v1.customers.balance_transactions.create_async(
                call.resolved.object_id, params, {"idempotency_key": call.idempotency_key}
            )
            return receipt_of(change) if is_ours(change.metadata, call) else None

        return proven(
            await self._api.write(send, what="credit"),
            otherwise="stripe answered with a credit that is not of this action",
        )

    async def look_up(self, call: Call) -> Receipt | Absence:
        """The credit of this action among the customer's balance changes."""
        return await look_up_change(self._api, call)


async def balance_page(
    api: StripeApi, customer_id: str, after: str | None = None
) -> stripe.ListObject[stripe.CustomerBalanceTransaction]:
    """Up to 100 changes of a customer's balance, newest first."""
    path = ("customers", customer_id, "balance_transactions")
    page: stripe.ListObject[stripe.CustomerBalanceTransaction] = await api.page(*path, after=after)
    return page


async def look_up_change(api: StripeApi, call: Call) -> Receipt | Absence:
    """The change of a balance that carries the reference of this action."""
    found = await find_change(
        api, call.resolved.object_id, lambda change: is_ours(change.metadata, call)
    )
    return found if isinstance(found, Absence) else receipt_of(found)


async def find_change(
    api: StripeApi,
    customer_id: str,
    is_wanted: Callable[[stripe.CustomerBalanceTransaction], bool],
) -> stripe.CustomerBalanceTransaction | Absence:
    """The newest change of a customer's balance that is wanted, as `find_listed` finds it."""
    return await find_listed(lambda after: balance_page(api, customer_id, after), is_wanted)


def receipt_of(change: stripe.CustomerBalanceTransaction) -> Receipt:
    """A change of a balance as a receipt; the amount without its sign."""
    return Receipt(
        id=change.id,
        status="applied",
        amount=told_by_stripe(abs(change.amount), change.currency),
        details={"created": rfc3339_of_seconds(change.created), "type": change.type},
    )


TAKES_BACK = "sayso_takes_back"
"""In the metadata: the credit that a change of the balance takes back."""


class CreditReturns:
    """Takes credit back, once for each credit.

    Args:
        api: the door to Stripe.
    """

    action = TAKE_BACK_CREDIT

    def __init__(self, api: StripeApi) -> None:
        self._api = api

    async def resolve(self, args: Args, subject: Subject) -> Resolved:
        """Read the credit; refused when it was taken back already. Changes nothing."""
        assert isinstance(args, TakeBackCreditArgs)
        customer = await read_customer(self._api, subject)
        given = await self._given(customer, args.credit)
        account = await self._api.account()
        currency = given.currency
        amount: Money = from_stripe(-given.amount, currency)
        left = from_stripe(max(0, -customer.balance), currency)
        return Resolved(
            args={"credit": given.id},
            object_kind="customer",
            object_id=customer.id,
            owner=customer.id,
            owner_proof="customer.balance_transactions",
            account=account.title,
            payee="nobody: the customer's own balance falls",
            amount=amount,
            fields={"credit": given.id, "credit left": str(left)},
            facts={"credit_left": left, "livemode": customer.livemode},
            personal=customer.personal,
        )

    async def _given(
        self, customer: StripeCustomer, credit: str
    ) -> stripe.CustomerBalanceTransaction:
        given: stripe.CustomerBalanceTransaction | None = await self._api.find(
            "customers", customer.id, "balance_transactions", credit
        )
        if given is None:
            raise unknown_object("credit", credit)
        if given.amount >= 0:
            raise RefusedError(Code.WRONG_STATE, f"`{credit[:40]}` gave no credit")
        if not is_of_an_action(given.metadata):
            # INVARIANT: only what an action gave is taken back: what a shop has given by hand, or
            # an invoice gave back, is the customer's own, whoever names its id.
            raise RefusedError(
                Code.WRONG_STATE,
                f"`{credit[:40]}` was not given by `stripe.credit`",
                next_step="take it back in the Stripe dashboard",
            )
        if customer.currency and customer.currency != given.currency:
            # SOURCE: Stripe docs: The customer object: `balance` is in the default currency alone.
            raise RefusedError(
                Code.CURRENCY_MISMATCH,
                f"`{credit[:40]}` is in {given.currency.upper()[:10]}, and this customer's balance "
                f"in {customer.currency.upper()[:10]}",
                next_step="take it back in the Stripe dashboard",
            )
        await self._check_not_taken_back(customer, given)
        return given

    async def _check_not_taken_back(
        self, customer: StripeCustomer, given: stripe.CustomerBalanceTransaction
    ) -> None:
        # A change that takes it back is newer than the credit, so that the search may end with
        # older ones; the day is for clocks of Stripe's that differ.
        past = given.created - DAY_S

        def ends_search(change: stripe.CustomerBalanceTransaction) -> bool:
            return change.created < past or _takes_back(change.metadata, given.id)

        found = await find_change(self._api, customer.id, ends_search)
        name = f"`{given.id[:40]}`"
        if found is Absence.CANNOT_TELL:
            raise RefusedError(
                Code.WRONG_STATE,
                f"the balance has more than {MOST_LISTED} changes since {name}, which may have "
                "been taken back by one that was not read",
                next_step="look for it in the Stripe dashboard, and take it back there",
            )
        if not isinstance(found, Absence) and _takes_back(found.metadata, given.id):
            raise RefusedError(Code.NOTHING_REFUNDABLE, f"{name} was taken back already")

    async def call(self, call: Call) -> Receipt:
        """Take it back, once per key."""
        assert call.resolved.amount is not None
        amount, currency = to_stripe(call.resolved.amount)
        params: stripe.params.CustomerBalanceTransactionCreateParams = {
            # SOURCE: Stripe docs: Customer credit balance: a positive amount takes credit away.
            "amount": amount,
            "currency": currency,
            "metadata": {**reference_of(call), TAKES_BACK: str(call.resolved.args["credit"])},
        }

        async def send(client: stripe.StripeClient) -> Receipt | None:
            change = await client.v1.customers.balance_transactions.create_async(
                call.resolved.object_id, params, {"idempotency_key": call.idempotency_key}
            )
            return receipt_of(change) if is_ours(change.metadata, call) else None

        return proven(
            await self._api.write(send, what="balance change"),
            otherwise="stripe answered with a balance change that is not of this action",
        )

    async def look_up(self, call: Call) -> Receipt | Absence:
        """The change of this action among the customer's balance changes."""
        return await look_up_change(self._api, call)


def _takes_back(metadata: stripe.StripeObject | None, credit: str) -> bool:
    return metadata is not None and TAKES_BACK in metadata and metadata[TAKES_BACK] == credit
