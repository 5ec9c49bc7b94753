"""`stripe.refund`: what is left of a charge, giving it back, and finding that again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from sayso.actions.model.definition import Args, FactValue, Subject
from sayso.actions.model.snapshot import (
    Absence,
    Call,
    EffectFailedError,
    Finality,
    Receipt,
    Resolved,
)
from sayso.connectors.ahead import Ahead
from sayso.connectors.stripe.actions import REFUND, RefundArgs
from sayso.connectors.stripe.charges import Left, is_taken, left_of, may_release
from sayso.connectors.stripe.currency import from_stripe, to_stripe, told_by_stripe
from sayso.connectors.stripe.customer import (
    StripeCustomer,
    check_owner,
    days_since,
    is_ours,
    read_customer,
    reference_of,
    unknown_object,
)
from sayso.connectors.stripe.proof import PAGE, done_before, find_listed, proven
from sayso.errors import Code, RefusedError
from sayso.ids import Clock, rfc3339_of_seconds
from sayso.json import JsonValue
from sayso.money import Money
from sayso.text import plain

if TYPE_CHECKING:
    import stripe  # only the types: the SDK itself is imported by the first call

    from sayso.connectors.stripe.api import StripeApi


class _Asked(NamedTuple):
    amount: Money
    money: Left


class Refunds:
    """Refunds of charges.

    Args:
        api: the door to Stripe.
        clock: for ages in days.
    """

    action = REFUND

    def __init__(self, api: StripeApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def resolve(self, args: Args, subject: Subject) -> Resolved:
        """Read the charge and say what the refund would be. Changes nothing."""
        assert isinstance(args, RefundArgs)
        async with Ahead() as ahead:
            known = ahead.read(read_customer(self._api, subject))
            of_key = ahead.read(self._api.account())
            others = ahead.read(self._newest(subject.id))
            found = ahead.read(self._charge(args.charge, subject.id, others))
            customer, charge = await known, await found
            money = await self._money(charge)
            amount = _amount(args, charge, money)
            to_stripe(amount)  # nobody is asked about what Stripe cannot do
            account = await of_key
            facts = self._facts(args, charge, customer, _Asked(amount, money), await others)
        wanted: dict[str, JsonValue] = {"charge": charge.id, "amount": amount.to_json()}
        if args.reason is not None:
            wanted["reason"] = args.reason
        return Resolved(
            args=wanted,
            object_kind="charge",
            object_id=charge.id,
            owner=customer.id,
            owner_proof="charge.customer",
            account=account.title,
            payee=f"{paid_with(charge)}, which paid",
            amount=amount,
            preconditions={
                "charge.amount_refunded": charge.amount_refunded,
                "charge.refunded": charge.refunded,
                "charge.disputed": charge.disputed,
            },
            fields=_fields(charge, amount, money),
            facts=facts,
            personal=customer.personal,
        )

    async def _newest(self, customer_id: str) -> list[stripe.Charge]:
        """The customer's newest charges, at most `PAGE`."""
        listed: stripe.ListObject[stripe.Charge] = await self._api.read(
            "charges", customer=customer_id, limit=PAGE
        )
        return listed.data

    def _facts(
        self,
        args: RefundArgs,
        charge: stripe.Charge,
        customer: StripeCustomer,
        asked: _Asked,
        others: list[stripe.Charge],
    ) -> dict[str, FactValue]:
        now = self._clock.now()
        return {
            "tenure_days": customer.tenure_days(now),
            "plan": customer.plan,
            "charge_age_days": days_since(charge.created, now),
            "charge_amount": from_stripe(asked.money.taken, charge.currency),
            "refunded_before": sum(_was_refunded(other) for other in others),
            "refunded_total": _refunded_total(others, charge.currency),
            "full": asked.amount >= from_stripe(asked.money.left, charge.currency),
            "reason": args.reason or "",
            "livemode": charge.livemode,
        }

    async def _money(self, charge: stripe.Charge) -> Left:
        """What is left of a charge that can be refunded.

        Raises:
            RefusedError: `wrong_state`.
        """
        _check_state(charge)
        money = left_of(charge)
        if money.sure:
            return money
        # What a capture let go counts as refunded only where it is a refund.
        found = await self._find_refund(charge.id, lambda refund: may_release(refund, money))
        return money.exactly() if found is Absence.ABSENT else money

    async def _charge(
        self, payment: str, customer_id: str, newest: Awaitable[list[stripe.Charge]]
    ) -> stripe.Charge:
        """The charge of a payment: of those that are read anyway, or else read by itself."""
        charge_id = payment
        if payment.startswith("pi_"):
            intent: stripe.PaymentIntent | None = await self._api.find("payment_intents", payment)
            if intent is None:
                raise unknown_object("payment", payment)
            check_owner("payment", payment, intent.customer, customer_id)
            if not isinstance(intent.latest_charge, str):
                raise RefusedError(Code.WRONG_STATE, f"nothing was paid with `{payment[:40]}`")
            charge_id = intent.latest_charge
        charge: stripe.Charge | None
        charge = next((one for one in await newest if one.id == charge_id), None)
        if charge is None:
            charge = await self._api.find("charges", charge_id)
        if charge is None:
            raise unknown_object("payment", payment)
        check_owner("payment", payment, charge.customer, customer_id)
        return charge

    async def call(self, call: Call) -> Receipt:
        """Refund it, once per key."""
        args = RefundArgs.model_validate(dict(call.resolved.args))
        assert args.amount is not None, "a resolved refund has its amount"
        params: stripe.params.RefundCreateParams = {
            "charge": args.charge,
            "amount": to_stripe(args.amount)[0],
            "metadata": reference_of(call),
        }
        if args.reason is not None:
            params["reason"] = args.reason

        async def send(client: stripe.StripeClient) -> Receipt | None:
            refund = await client.v1.refunds.create_async(
                params, {"idempotency_key": call.idempotency_key}
            )
            return _receipt(refund) if is_ours(refund.metadata, call) else None

        try:
            receipt = await self._api.write(send, what="refund")
        except RefusedError as error:
            return await done_before(self.look_up, call, error)
        return proven(receipt, otherwise="stripe answered with a refund that is not of this action")

    async def look_up(self, call: Call) -> Receipt | Absence:
        """The refund of this action among all refunds of the charge."""
        found = await self._find_refund(
            call.resolved.object_id, lambda refund: is_ours(refund.metadata, call)
        )
        return found if isinstance(found, Absence) else _receipt(found)

    async def _find_refund(
        self, charge_id: str, is_wanted: Callable[[stripe.Refund], bool]
    ) -> stripe.Refund | Absence:
        async def read_page(after: str | None) -> stripe.ListObject[stripe.Refund]:
            page: stripe.ListObject[stripe.Refund] = await self._api.page(
                "refunds", after=after, charge=charge_id
            )
            return page

        return await find_listed(read_page, is_wanted)


def _was_refunded(charge: stripe.Charge) -> bool:
    money = left_of(charge)
    return money.left < money.taken


def _refunded_total(charges: list[stripe.Charge], currency: str) -> Money:
    """What surely went back of charges in one currency, by whomever: also by hand at Stripe."""
    own = [left_of(one) for one in charges if one.currency == currency]
    return from_stripe(sum(one.taken - one.perhaps for one in own), currency)


def _check_state(charge: stripe.Charge) -> None:
    name = f"`{charge.id[:40]}`"
    if not is_taken(charge):
        state = "not captured" if charge.status == "succeeded" else plain(charge.status, limit=20)
        raise RefusedError(
            Code.WRONG_STATE,
            f"{name} is not paid ({state}), so nothing can be refunded",
            next_step="choose a charge that was paid",
        )
    if charge.disputed:
        raise RefusedError(
            Code.WRONG_STATE,
            f"{name} is disputed: the bank has the money back or decides about it",
            next_step="answer the dispute in the Stripe dashboard",
        )


def _amount(args: RefundArgs, charge: stripe.Charge, money: Left) -> Money:
    """How much goes back.

    Raises:
        RefusedError: `nothing_refundable`; `wrong_state` where all that is left is asked for and
            nobody knows how much that is; an amount that does not fit.
    """
    name = f"`{charge.id[:40]}`"
    most = from_stripe(money.perhaps, charge.currency)
    if money.perhaps <= 0:
        raise RefusedError(
            Code.NOTHING_REFUNDABLE,
            f"{name} was refunded in full already",
            next_step="choose another charge",
        )
    if args.amount is not None:
        _check_amount(args.amount, most)
        return args.amount
    if not money.sure:
        let_go = from_stripe(money.let_go, charge.currency)
        raise RefusedError(
            Code.WRONG_STATE,
            f"{name} was captured in part, and stripe does not tell whether the {let_go} that "
            "were never taken count as refunded, so all that is left is not known",
            next_step=f"name the amount, up to {most}; stripe refuses more than is left",
        )
    return most


def _check_amount(amount: Money, left: Money) -> None:
    if amount.currency != left.currency:
        raise RefusedError(
            Code.CURRENCY_MISMATCH,
            f"the charge was paid in {left.currency}, not in {amount.currency}",
            next_step=f"give the amount in {left.currency}",
        )
    if amount.amount_minor <= 0:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`amount` is {amount}, which is not above zero",
            next_step=f"refund from the smallest unit up to {left}",
        )
    if amount > left:
        raise RefusedError(
            Code.AMOUNT_TOO_LARGE,
            f"{amount} is more than the {left} that is left",
            next_step=f"refund at most {left}",
        )


def _fields(charge: stripe.Charge, amount: Money, money: Left) -> dict[str, str]:
    def shown(units: int) -> Money:
        return from_stripe(units, charge.currency)

    left, most = shown(money.left), shown(money.perhaps)
    paid = f"{shown(money.taken)} on {rfc3339_of_seconds(charge.created)[:10]}"
    if money.let_go:
        paid = f"{paid}, of {shown(charge.amount)} authorised"
    fields = {
        "charge": plain(charge.description) or charge.id,
        "paid": paid,
        "card": paid_with(charge),
        "refunded so far": str(shown(money.taken) - left),
        "left afterwards": str(most - amount),
        "id": charge.id,
    }
    if not money.sure:
        fields["refunded so far"] = (
            f"{shown(money.taken) - most} to {shown(money.taken) - left}: "
            "stripe may count what was never taken"
        )
        fields["left afterwards"] = f"at most {most - amount}"
    return fields


def paid_with(charge: stripe.Charge) -> str:
    """The payment method in a card's words, such as `Visa ..4242`."""
    details = charge.payment_method_details if "payment_method_details" in charge else None
    if details is None:
        return "the payment method"
    card = details.card if "card" in details else None
    if card is None:
        return plain(details.type.replace("_", " "), limit=40)
    brand = plain(card.brand or "card", limit=20)
    return f"{brand.capitalize()} ..{plain(card.last4 or '????', limit=4)}"


def _receipt(refund: stripe.Refund) -> Receipt:
    """What Stripe did, or has taken on.

    Raises:
        EffectFailedError: the refund exists and failed, so no money moves.
    """
    receipt = Receipt(
        id=refund.id,
        status=refund.status or "unknown",
        amount=told_by_stripe(refund.amount, refund.currency),
        details={
            "charge": refund.charge if isinstance(refund.charge, str) else None,
            "reason": refund.reason,
            "created": rfc3339_of_seconds(refund.created),
        },
        # SOURCE: Stripe docs: a bank may return what has `succeeded`; `pending` and
        # `requires_action` are not done. What Stripe may call it one day is not done either.
        finality=Finality.DONE if refund.status == "succeeded" else Finality.PENDING,
    )
    if refund.status in ("failed", "canceled"):
        why = refund.failure_reason if "failure_reason" in refund else None
        raise EffectFailedError(
            f"the refund {refund.status} at stripe: {plain(why or 'no reason given', limit=60)}",
            receipt=replace(receipt, amount=None, finality=Finality.FINAL),
            next_step="the money is back on your stripe balance; refund another way",
        )
    return receipt
