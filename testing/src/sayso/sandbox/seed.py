"""The demo's customers: one readable table, ids that never change, ages counted back from now.

Everybody here is made up, and so are their addresses (example.com, RFC 2606).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from sayso.sandbox.billing_clock import after
from sayso.sandbox.rows import (
    Charge,
    Customer,
    PaymentCard,
    PaymentIntent,
    Price,
    Product,
    Refund,
    Row,
    Subscription,
)

_DAY = 86_400

PlanName = Literal["basic", "plus", "basic_eur", "plus_yearly"]
State = Literal["active", "trialing", "cancelling", "canceled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCharge:
    """One charge of a demo customer; the n-th has the id `ch_demo_<who>_<n>`.

    Attributes:
        amount: minor units.
        currency: lower-case ISO 4217.
        days_ago: its age.
        order: number and content, shown as `Order 1042: blue mug`.
        refunded: minor units given back already.
        failed: the card was declined.
        disputed: the bank took it back.
    """

    amount: int
    currency: str
    days_ago: int
    order: str
    refunded: int = 0
    failed: bool = False
    disputed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCustomer:
    """One demo customer, `cus_demo_<who>`, with a card `pm_demo_<who>`.

    Attributes:
        who: the last part of all their ids.
        name: full name.
        days: for how long they have been a customer.
        brand: of the card.
        last4: of the card.
        charges: newest first.
        plan: of `sub_demo_<who>`, when they subscribe.
        state: of that subscription.
        balance: minor units; negative is credit.
    """

    who: str
    name: str
    days: int
    brand: str
    last4: str
    charges: tuple[DemoCharge, ...] = ()
    plan: PlanName | None = None
    state: State = "active"
    balance: int = 0

    @property
    def customer_id(self) -> str:
        """Such as `cus_demo_ana`."""
        return f"cus_demo_{self.who}"

    @property
    def subscription_id(self) -> str:
        """Such as `sub_demo_ana`; exists when `plan` is set."""
        return f"sub_demo_{self.who}"

    @property
    def email(self) -> str:
        """Such as `ana@example.com`."""
        return f"{self.who}@example.com"

    def charge_id(self, number: int = 1) -> str:
        """Such as `ch_demo_ana_1`; 1 is the first of `charges`."""
        return f"ch_demo_{self.who}_{number}"

    def intent_id(self, number: int = 1) -> str:
        """Such as `pi_demo_ana_1`."""
        return f"pi_demo_{self.who}_{number}"


def _customer(
    who: str,
    name: str,
    days: int,
    card: str,
    *charges: DemoCharge,
    plan: PlanName | None = None,
    state: State = "active",
    balance: int = 0,
) -> DemoCustomer:
    brand, _, last4 = card.partition(" ")
    return DemoCustomer(
        who=who,
        name=name,
        days=days,
        brand=brand,
        last4=last4,
        charges=charges,
        plan=plan,
        state=state,
        balance=balance,
    )


def _charge(
    amount: int,
    currency: str,
    days_ago: int,
    order: str,
    *,
    refunded: int = 0,
    failed: bool = False,
    disputed: bool = False,
) -> DemoCharge:
    return DemoCharge(
        amount=amount,
        currency=currency,
        days_ago=days_ago,
        order=order,
        refunded=refunded,
        failed=failed,
        disputed=disputed,
    )


# fmt: off
DEMO: tuple[DemoCustomer, ...] = (
    _customer("ana", "Ana Torres", 1461, "visa 4242",
        _charge(12900, "usd", 3, "1042: blue mug, set of six"),
        _charge(4500, "usd", 40, "0977: tea towels"),
        plan="plus"),
    _customer("ben", "Ben Okafor", 410, "mastercard 4444",
        _charge(12900, "usd", 5, "1039: blue mug, set of six"),
        plan="basic"),
    _customer("chloe", "Chloé Martin", 720, "visa 1881",
        _charge(8900, "eur", 8, "1031: cast-iron pan", refunded=2000),
        _charge(1900, "eur", 95, "0871: wooden spoon"),
        plan="basic_eur"),
    _customer("daichi", "Daichi Mori", 200, "jcb 0505",
        _charge(5400, "jpy", 12, "1020: rice bowl, pair")),
    _customer("ella", "Ella Schmidt", 95, "visa 4242",
        _charge(3200, "eur", 20, "1001: kitchen scale", refunded=3200)),
    _customer("farid", "Farid Haddad", 30, "mastercard 5454",
        _charge(25900, "usd", 15, "1012: espresso grinder", disputed=True)),
    _customer("grace", "Grace Lee", 12, "visa 0002",
        _charge(6900, "usd", 2, "1045: bread knife", failed=True)),
    _customer("hugo", "Hugo Lindqvist", 10, "visa 4242",
        plan="basic", state="trialing"),
    _customer("ines", "Inês Duarte", 300, "amex 8431",
        _charge(1900, "usd", 11, "1023: Plus plan, monthly"),
        plan="plus", state="cancelling"),
    _customer("jonas", "Jonas Weber", 900, "visa 4242",
        _charge(19000, "eur", 180, "0702: copper pot"),
        plan="basic_eur", state="canceled"),
    _customer("kim", "Kim Nguyen", 365, "visa 1111",
        _charge(19900, "usd", 100, "0860: Plus plan, yearly"),
        plan="plus_yearly"),
    _customer("lena", "Lena Novak", 60, "mastercard 4444",
        _charge(2500, "usd", 1, "1047: blue mug"),
        _charge(2500, "usd", 1, "1047: blue mug"),
        balance=-500),
    _customer("marco", "Marco Rossi", 540, "visa 4242",
        _charge(149900, "eur", 6, "1036: espresso machine")),
    _customer("nia", "Nia Mensah", 75, "visa 4242",
        _charge(2500, "gbp", 4, "1041: blue mug"),
        _charge(7900, "gbp", 33, "0988: knife set")),
)
# fmt: on
"""The demo's customers. Lena paid twice for order 1047; Ana and Ben bought the same thing."""

_PRODUCTS = {"basic": "Basic plan", "plus": "Plus plan"}
_PRICES: dict[PlanName, tuple[str, int, str, Literal["month", "year"]]] = {
    "basic": ("basic", 900, "usd", "month"),
    "plus": ("plus", 1900, "usd", "month"),
    "basic_eur": ("basic", 900, "eur", "month"),
    "plus_yearly": ("plus", 19900, "usd", "year"),
}


def demo_rows(now: int) -> tuple[Row, ...]:
    """The table as provider objects.

    Args:
        now: seconds since 1970, from which all ages are counted back.
    """
    rows: list[Row] = []
    start = now - 5 * 365 * _DAY
    for name, title in _PRODUCTS.items():
        rows.append(Product(id=f"prod_demo_{name}", created=start, name=title))
    for plan, (product, amount, currency, interval) in _PRICES.items():
        rows.append(
            Price(
                id=f"price_demo_{plan}",
                created=start,
                product=f"prod_demo_{product}",
                unit_amount=amount,
                currency=currency,
                interval=interval,
            )
        )
    for customer in DEMO:
        rows += customer_rows(customer, now)
    return tuple(rows)


def customer_rows(who: DemoCustomer, now: int) -> list[Row]:
    """A customer as provider objects; `now` as in `demo_rows`."""
    created = now - who.days * _DAY
    card = f"pm_demo_{who.who}"
    currency = who.charges[0].currency if who.charges else "usd"
    rows: list[Row] = [
        Customer(
            id=who.customer_id,
            created=created,
            name=who.name,
            email=who.email,
            balance=who.balance,
            currency=currency if who.balance or who.plan else None,
            payment_method=card,
        ),
        PaymentCard(
            id=card,
            created=created,
            brand=who.brand,
            last4=who.last4,
            customer=who.customer_id,
        ),
    ]
    for number, charge in enumerate(who.charges, start=1):
        rows += _charge_rows(who, number, charge, now)
    if who.plan is not None:
        rows.append(_subscription_row(who, who.plan, now))
    return rows


def _charge_rows(who: DemoCustomer, number: int, charge: DemoCharge, now: int) -> list[Row]:
    # Charges of one day are a minute apart, so that newest first is the table's order.
    created = now - charge.days_ago * _DAY - number * 60
    order = charge.order.partition(":")[0]
    common = {"order_id": order}
    rows: list[Row] = [
        Charge(
            id=who.charge_id(number),
            created=created,
            amount=charge.amount,
            currency=charge.currency,
            amount_refunded=charge.refunded,
            customer=who.customer_id,
            payment_intent=who.intent_id(number),
            payment_method=f"pm_demo_{who.who}",
            brand=who.brand,
            last4=who.last4,
            description=f"Order {charge.order}",
            status="failed" if charge.failed else "succeeded",
            disputed=charge.disputed,
            failure_code="card_declined" if charge.failed else None,
            failure_message="Your card was declined." if charge.failed else None,
            metadata=common,
        ),
        PaymentIntent(
            id=who.intent_id(number),
            created=created,
            amount=charge.amount,
            currency=charge.currency,
            customer=who.customer_id,
            payment_method=f"pm_demo_{who.who}",
            latest_charge=who.charge_id(number),
            description=f"Order {charge.order}",
            status="requires_payment_method" if charge.failed else "succeeded",
            metadata=common,
        ),
    ]
    if charge.refunded:
        rows.append(
            Refund(
                id=f"re_demo_{who.who}_{number}",
                created=created + _DAY,
                amount=charge.refunded,
                currency=charge.currency,
                charge=who.charge_id(number),
                payment_intent=who.intent_id(number),
                reason="requested_by_customer",
            )
        )
    return rows


def _subscription_row(who: DemoCustomer, plan: PlanName, now: int) -> Subscription:
    _, _, currency, interval = _PRICES[plan]
    created = now - who.days * _DAY
    trial_end = now + 4 * _DAY if who.state == "trialing" else None
    ended = now - 30 * _DAY if who.state == "canceled" else None
    asked = now - 2 * _DAY if who.state == "cancelling" else ended
    return Subscription(
        id=who.subscription_id,
        created=created,
        customer=who.customer_id,
        item=f"si_demo_{who.who}",
        price=f"price_demo_{plan}",
        currency=currency,
        status="active" if who.state == "cancelling" else who.state,
        # Stored as it was when it was last changed; `clockwork.as_of` rolls it on from there.
        period_start=created if trial_end or ended else _last_anchor(created, now, interval),
        period_end=trial_end or ended or after(_last_anchor(created, now, interval), interval, 1),
        trial_start=created if trial_end else None,
        trial_end=trial_end,
        cancel_at_period_end=who.state == "cancelling",
        canceled_at=asked,
        ended_at=ended,
        payment_method=f"pm_demo_{who.who}",
    )


def _last_anchor(created: int, now: int, interval: Literal["month", "year"]) -> int:
    """The start of the period that `now` is in."""
    start = created
    while (end := after(start, interval, 1)) <= now:
        start = end
    return start


class Seedable(Protocol):
    """What can be seeded: a `Sandbox` or a `SandboxControl`."""

    def seed(self, name: Literal["demo", "empty"] = "demo") -> None:
        """Put a named seed in."""
        ...


def seed_demo(sandbox: Seedable) -> None:
    """Put the demo's customers into a sandbox, replacing those with the same ids."""
    sandbox.seed("demo")
