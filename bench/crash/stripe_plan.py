"""What happens in one run at Stripe's sandbox, drawn from a seed."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass
from typing import Literal

from sayso.actions.engine.engine import Boundary
from sayso.sandbox.rows import Charge, Customer, Row, Subscription

_DAY = 86_400

Step = Literal["small", "big", "cancel", "credit"]
Mode = Literal[
    "before_intent",
    "after_intent",
    "after_call",
    "after_outcome",
    "any_time",
    "hold_before",
    "hold_after",
]
STEPS: tuple[Step, ...] = ("small", "big", "cancel", "credit")
MODES: tuple[Mode, ...] = (
    *("before_intent", "after_intent", "after_call", "after_outcome"),
    *("any_time", "hold_before", "hold_after"),
)
AMOUNTS: dict[Step, int] = {"small": 2000, "big": 12_000, "cancel": 0, "credit": 1500}
"""Minor units of US dollars that each step moves."""
HELD_PATHS = ("/v1/refunds", "/v1/subscriptions/*", "/v1/customers/*/balance_transactions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run.

    Attributes:
        number: of the run, from 0; its customer is made from it.
        mode: when the first worker dies.
        passing: at a boundary: the how-manieth passing of it, from 1.
        kill_after_s: for `any_time`, seconds after the worker is ready.
        held_path: for `hold_…`, the call during which the worker dies.
        released_late: the provider goes on only while the next worker is at work.
        order: of the steps; all at once instead when `at_once`.
        caller_first: the caller repeats its requests before anything has been swept.
        again: the boundary at which the second worker dies too, at its first passing.
    """

    number: int
    mode: Mode
    passing: int
    kill_after_s: float
    held_path: str
    released_late: bool
    order: tuple[Step, ...]
    at_once: bool
    caller_first: bool
    again: Boundary | None

    @classmethod
    def draw(cls, seed: int, number: int) -> Plan:
        """The run of that number; every mode has its turn."""
        chance = random.Random(f"{seed}/{number}")
        order = list(STEPS)
        chance.shuffle(order)
        return cls(
            number=number,
            mode=MODES[number % len(MODES)],
            passing=chance.randint(1, len(STEPS)),
            kill_after_s=chance.uniform(0.0, 0.35),
            held_path=chance.choice(HELD_PATHS),
            released_late=chance.random() < 0.5,
            order=tuple(order),
            at_once=chance.random() < 0.5,
            caller_first=chance.random() < 0.3,
            again=chance.choice(list(Boundary)) if chance.random() < 0.3 else None,
        )

    def to_json(self) -> str:
        """For the worker's command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """As `to_json` wrote it."""
        value = json.loads(text)
        value["order"] = tuple(value["order"])
        value["again"] = None if value["again"] is None else Boundary(value["again"])
        return cls(**value)

    @property
    def holds(self) -> Literal["hold_before", "hold_after"] | None:
        """The provider's fault, for a mode that has one."""
        return self.mode if self.mode in ("hold_before", "hold_after") else None

    @property
    def customer(self) -> str:
        """The customer's id at the provider."""
        return f"cus_run_{self.number}"

    @property
    def subscription(self) -> str:
        """The subscription's id."""
        return f"sub_run_{self.number}"

    def charge(self, step: Step) -> str:
        """The id of the charge that the step refunds."""
        return f"ch_run_{self.number}_{step}"

    def key(self, step: Step) -> str:
        """The caller's idempotency key."""
        return f"run-{self.number}-{step}"

    def target(self, step: Step) -> str:
        """What the provider's books name as the target of the step's effect."""
        match step:
            case "small" | "big":
                return self.charge(step)
            case "cancel":
                return self.subscription
            case "credit":
                return self.customer

    def rows(self, now: int) -> tuple[Row, ...]:
        """The customer, two charges and a subscription, as the provider has them before."""
        created = now - 400 * _DAY
        charges = [
            Charge(
                id=self.charge(step),
                created=now - 10 * _DAY,
                amount=amount,
                currency="usd",
                customer=self.customer,
                description=f"Order {self.number} {step}",
            )
            for step, amount in (("small", 9000), ("big", 30_000))
            if step in STEPS
        ]
        subscription = Subscription(
            id=self.subscription,
            created=created,
            customer=self.customer,
            item=f"si_run_{self.number}",
            price="price_demo_basic",
            currency="usd",
            period_start=now - 5 * _DAY,
            period_end=now + 25 * _DAY,
        )
        customer = Customer(id=self.customer, created=created, name="Kim Run", currency="usd")
        return (customer, *charges, subscription)
