"""The demo's customers as records, and conversations written in short."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from pathlib import Path

from sayso.actions.model.definition import at_most_once
from sayso.actions.model.plan import Handoff, Plan
from sayso.actions.model.snapshot import Record
from sayso.agent.base import Handles, Message, Question
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.planner import PlaybookPlanner, load_knowledge
from sayso.agent.understanding.playbook import read_shop
from sayso.connectors.email.actions import actions_with
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CREDIT, REFUND
from sayso.money import Money
from sayso.sandbox.seed import DEMO, DemoCharge, DemoCustomer

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
DEFINED = (REFUND, CANCEL_SUBSCRIPTION, CREDIT, *actions_with(at_most_once()))
ACTIONS = ("stripe.refund", "stripe.cancel_subscription", "stripe.credit", "email.send_apology")
_PLANS = {
    "basic": ("Basic plan", 900, "USD", "month"),
    "plus": ("Plus plan", 1900, "USD", "month"),
    "basic_eur": ("Basic plan", 900, "EUR", "month"),
    "plus_yearly": ("Plus plan", 19900, "USD", "year"),
}
HERE = Path(__file__).parent


@cache
def knowledge() -> Knowledge:
    """What a workspace knows that `sayso init` has made."""
    shipped = load_knowledge(actions=DEFINED)
    with resources.as_file(resources.files("sayso.sdk.setup") / "template" / "shop.toml") as path:
        shop = read_shop(path)
    return Knowledge.of(shipped.packs, shipped.playbooks, shop)


def handles_of(who: str) -> Handles:
    """What a demo customer has, as the Stripe connector lists it."""
    customer = next(one for one in DEMO if one.who == who)
    dated = [_charge(customer, n, charge) for n, charge in enumerate(customer.charges, 1)]
    if customer.plan is not None:
        dated.append(("2026-01-01T00:00:00Z", _subscription(customer)))
    return Handles([record for _, record in sorted(dated, key=lambda one: one[0], reverse=True)])


def _charge(customer: DemoCustomer, number: int, charge: DemoCharge) -> tuple[str, Record]:
    amount = Money(charge.amount, charge.currency.upper())
    lost = charge.failed or charge.disputed
    left = Money(0 if lost else charge.amount - charge.refunded, amount.currency)
    status = "disputed" if charge.disputed else "failed" if charge.failed else "succeeded"
    created = (NOW - timedelta(days=charge.days_ago, hours=-number)).isoformat()
    label = f"Order {charge.order}"
    record = Record(
        kind="charge",
        id=customer.charge_id(number),
        title=f"{amount} on {created[:10]}, {label}, {customer.brand.title()} ..{customer.last4}",
        facts={
            "amount": amount,
            "left": left,
            "created": created,
            "status": "refunded" if not left.amount_minor and not lost else status,
        },
        references=(charge.order.partition(":")[0], customer.charge_id(number)),
        label=label,
    )
    return created, record


def _subscription(customer: DemoCustomer) -> Record:
    assert customer.plan is not None
    name, minor, currency, interval = _PLANS[customer.plan]
    price = Money(minor, currency)
    status = "active" if customer.state == "cancelling" else customer.state
    return Record(
        kind="subscription",
        id=customer.subscription_id,
        title=f"{name}, {price} per {interval}, {status}",
        facts={
            "price": price,
            "interval": interval,
            "created": "2026-01-01T00:00:00Z",
            "status": status,
            "ends_with_period": customer.state == "cancelling",
        },
        references=(customer.subscription_id,),
        label=f"{name} ({price} per {interval})",
    )


def conversation(*turns: str) -> list[Message]:
    """Turns in short: the agent's begin with `A>`."""
    return [
        Message(role="agent", content=turn.removeprefix("A>").strip())
        if turn.startswith("A>")
        else Message(role="customer", content=turn.strip().replace("\\n", "\n"))
        for turn in turns
    ]


def answer_to(who: str, *turns: str) -> Plan | Question | Handoff:
    """What the playbooks answer to a demo customer."""
    planner = PlaybookPlanner(knowledge=knowledge())
    return planner.plan_now(conversation(*turns), handles_of(who), ACTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of a file of cases: who wrote what, and what is right."""

    line: str
    who: str
    right: tuple[str, ...]
    turns: tuple[str, ...]


def cases_in(name: str) -> Iterator[Case]:
    """The cases of a file beside this one."""
    for line in (HERE / name).read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            who, right, text = line.split(":", 2)
            yield Case(
                line=line,
                who=who.strip(),
                right=tuple(_normal(one) for one in right.split("/")),
                turns=tuple(turn.strip() for turn in text.split("||")),
            )


def _normal(right: str) -> str:
    if right.strip().startswith("?"):
        return right.strip()
    return "+".join(sorted(step.strip() for step in right.split("+")))


def in_short(found: Plan | Question | Handoff, handles: Handles) -> str:
    """An answer as the files write it."""
    if isinstance(found, Handoff):
        return "-"
    if isinstance(found, Question):
        return " ".join(["?", *(_named(one.value, handles) for one in found.choices)])
    return "+".join(sorted(_step(dict(step.args), step.action, handles) for step in found.steps))


def is_right(case: Case, found: Plan | Question | Handoff, handles: Handles) -> bool:
    """Whether an answer is one of those that are right; a question may offer more."""
    short = in_short(found, handles)
    if short.startswith("?"):
        offered = set(short.split())
        return any(one.startswith("?") and set(one.split()) <= offered for one in case.right)
    return short in case.right


def _named(value: str, handles: Handles) -> str:
    record = handles.records.get(value)
    if record is None:
        return value
    return record.id if record.kind == "subscription" else record.references[0]


def _step(args: dict[str, object], action: str, handles: Handles) -> str:
    amount = args.get("amount")
    money = "" if amount is None else f" {_major(Money.from_json(amount))}"
    if action == "stripe.refund":
        record = handles.records[str(args["charge"])]
        whole = amount is not None and Money.from_json(amount) == record.facts["left"]
        return f"R {record.references[0]}{'' if whole else money}"
    if action == "stripe.cancel_subscription":
        return f"C {'now' if args['when'] == 'now' else 'end'}"
    return f"K{money}" if action == "stripe.credit" else "A"


def _major(money: Money) -> str:
    text = str(money).strip("$€£¥").replace(",", "")
    return text.removesuffix(".00")
