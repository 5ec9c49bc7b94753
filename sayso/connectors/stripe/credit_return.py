"""`stripe.take_back_credit`: credit that was given is taken back from the customer's balance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sayso.actions.action import Args, Subject
from sayso.actions.snapshot import Absence, Call, Receipt, Resolved
from sayso.connectors.stripe.actions import TAKE_BACK_CREDIT, TakeBackCreditArgs
from sayso.connectors.stripe.credits import find_change, look_up_change, receipt_of
from sayso.connectors.stripe.currency import from_stripe, to_stripe
from sayso.connectors.stripe.customer import (
    DAY_S,
    Customer,
    is_of_an_action,
    is_ours,
    read_customer,
    reference_of,
    unknown_object,
)
from sayso.connectors.stripe.proof import MOST_LISTED, proven
from sayso.errors import Code, RefusedError
from sayso.money import Money

if TYPE_CHECKING:
    import stripe  # only the types: the SDK itself is imported by the first call

    from sayso.connectors.stripe.api import StripeApi

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

    async def _given(self, customer: Customer, credit: str) -> stripe.CustomerBalanceTransaction:
        given = await self._api.find(
            lambda client: client.v1.customers.balance_transactions.retrieve_async(
                customer.id, credit
            )
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
        self, customer: Customer, given: stripe.CustomerBalanceTransaction
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
            raise RefusedError(Code.NOTHING_LEFT, f"{name} was taken back already")

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
