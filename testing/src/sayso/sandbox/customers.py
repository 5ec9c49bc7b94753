"""Customers, their balance and their cards."""

from __future__ import annotations

from dataclasses import replace

from sayso.sandbox.call import EndpointCall, page
from sayso.sandbox.journal import JournalEffect
from sayso.sandbox.params import Params, merge_metadata
from sayso.sandbox.problems import invalid_param, missing_param, missing_resource
from sayso.sandbox.rows import ACCOUNT_ID, BalanceTransaction, Charge, Customer, PaymentCard, Refund
from sayso.sandbox.shapes import Json

CUSTOMER_PARAMS = frozenset(
    {
        "name",
        "email",
        "phone",
        "description",
        "address",
        "balance",
        "metadata",
        "invoice_settings",
        "expand",
    }
)
BALANCE_PARAMS = frozenset({"amount", "currency", "description", "metadata", "expand"})


def _changed(row: Customer, params: Params) -> Customer:
    def text(name: str, old: str | None) -> str | None:
        return params.text(name) if params.given(name) else old

    email = text("email", row.email)
    if email is not None and "@" not in email:
        raise invalid_param(f"Invalid email address: {email}", "email", "email_invalid")
    address = params.mapping("address")
    card = params.text("invoice_settings[default_payment_method]")
    balance = params.integer("balance")
    return replace(
        row,
        name=text("name", row.name),
        email=email,
        phone=text("phone", row.phone),
        description=text("description", row.description),
        address=row.address if address is None else merge_metadata(row.address, address),
        balance=row.balance if balance is None else balance,
        payment_method=row.payment_method if card is None else card,
        metadata=merge_metadata(row.metadata, params.mapping("metadata")),
    )


def create_customer(call: EndpointCall) -> Json:
    """POST /v1/customers."""
    row = Customer(id=call.work.new_id("cus"), created=call.now)
    return call.show(call.work.put(_changed(row, call.params)))


def update_customer(call: EndpointCall) -> Json:
    """POST /v1/customers/{id}."""
    changed = _changed(call.need(Customer, call.ids[0]), call.params)
    call.work.record(
        lambda number: JournalEffect(
            number=number,
            at=call.now,
            kind="customer_update",
            id=changed.id,
            target=changed.id,
            customer=changed.id,
            metadata=changed.metadata,
            idempotency_key=call.work.key,
        )
    )
    return call.show(call.work.put(changed))


def read_customer(call: EndpointCall) -> Json:
    """GET /v1/customers/{id}."""
    return call.show(call.need(Customer, call.ids[0]))


def list_customers(call: EndpointCall) -> Json:
    """GET /v1/customers, all or those with exactly this e-mail address (case counts)."""
    email = call.params.text("email")
    rows = call.work.state.rows_of(Customer)
    return page(call, [row for row in rows if email is None or row.email == email])


def create_balance_transaction(call: EndpointCall) -> Json:
    """POST /v1/customers/{id}/balance_transactions: a negative amount is credit.

    Source: Stripe docs: Customer credit balance.
    """
    amount = call.params.integer("amount")
    if amount is None:
        raise missing_param("amount")
    currency = call.params.currency("currency")
    call.params.check_units("amount", amount, currency)
    description, metadata = call.params.text("description"), call.params.mapping("metadata")
    customer = call.need(Customer, call.ids[0])
    if customer.currency not in (None, currency):
        # SOURCE: a customer's balance is kept in one currency, set by the first use.
        raise invalid_param(
            "You cannot combine currencies on a single customer. This customer has had a "
            f"subscription, coupon, or invoice item with currency {customer.currency}",
            "currency",
            began=True,
        )
    row = BalanceTransaction(
        id=call.work.new_id("cbtxn"),
        created=call.now,
        customer=customer.id,
        amount=amount,
        currency=currency,
        ending_balance=customer.balance + amount,
        description=description,
        metadata=merge_metadata({}, metadata),
    )
    call.work.put(replace(customer, balance=row.ending_balance, currency=currency))
    call.work.record(
        lambda number: JournalEffect(
            number=number,
            at=call.now,
            kind="balance_credit" if amount < 0 else "balance_debit",
            id=row.id,
            target=customer.id,
            customer=customer.id,
            amount=abs(amount),
            currency=currency,
            metadata=row.metadata,
            idempotency_key=call.work.key,
        )
    )
    return call.show(call.work.put(row))


def read_balance_transaction(call: EndpointCall) -> Json:
    """GET /v1/customers/{id}/balance_transactions/{transaction}."""
    customer = call.need(Customer, call.ids[0])
    row = call.need(BalanceTransaction, call.ids[1], param="transaction")
    if row.customer != customer.id:
        raise missing_resource(row.object, row.id, "transaction")
    return call.show(row)


def list_balance_transactions(call: EndpointCall) -> Json:
    """GET /v1/customers/{id}/balance_transactions."""
    customer = call.need(Customer, call.ids[0])
    return page(call, call.work.state.rows_of(BalanceTransaction, customer.id))


def list_cards(call: EndpointCall) -> Json:
    """GET /v1/customers/{id}/payment_methods."""
    customer = call.need(Customer, call.ids[0])
    return page(call, call.work.state.rows_of(PaymentCard, customer.id))


def read_card(call: EndpointCall) -> Json:
    """GET /v1/payment_methods/{id}."""
    return call.show(call.need(PaymentCard, call.ids[0], param="payment_method"))


def read_account(call: EndpointCall) -> Json:
    """GET /v1/account."""
    return {
        "id": ACCOUNT_ID,
        "object": "account",
        "business_profile": {
            "mcc": None,
            "name": "Sayso Sandbox",
            "product_description": None,
            "support_address": None,
            "support_email": None,
            "support_phone": None,
            "support_url": None,
            "url": None,
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "US",
        "created": 1_600_000_000,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "owner@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "dashboard": {"display_name": "Sayso Sandbox", "timezone": "Etc/UTC"},
            "payments": {"statement_descriptor": "SANDBOX"},
        },
        "type": "standard",
    }


def read_balance(call: EndpointCall) -> Json:
    """GET /v1/balance: all that came in less all that was refunded, without fees."""
    sums: dict[str, int] = {"usd": 0}
    for charge in call.work.state.rows_of(Charge):
        came_in = charge.taken + charge.released
        if came_in:
            sums[charge.currency] = sums.get(charge.currency, 0) + came_in
    for refund in call.work.state.rows_of(Refund):
        sums[refund.currency] = sums.get(refund.currency, 0) - refund.amount
    return {
        "object": "balance",
        "available": [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency, amount in sorted(sums.items())
        ],
        "livemode": False,
        "pending": [{"amount": 0, "currency": "usd", "source_types": {"card": 0}}],
    }
