"""What happens in one run of the crash campaign, drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from bench.crash.bank import Order
from bench.crash.connector import GuaranteeKind
from sayso.actions.engine.engine import Boundary

Mode = Literal[
    "before_intent",
    "after_intent",
    "after_call",
    "after_outcome",
    "any_time",
    "hold_before",
    "hold_after",
    "key_forgotten",
]
MODES: tuple[Mode, ...] = (
    *("before_intent", "after_intent", "after_call", "after_outcome"),
    *("any_time", "hold_before", "hold_after", "key_forgotten"),
)
AMOUNTS = (2000, 12_000, 1999, 12_001)
"""Minor units of US dollars that a run's requests ask for: the policy allows up to 5000, and a
manager says yes to the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one caller wants, under one key for ever.

    Attributes:
        key: the caller's idempotency key; also the order's id, so each has an order of its own.
    """

    key: str
    customer: str
    amount: int
    guarantee: GuaranteeKind

    @property
    def order(self) -> Order:
        """The order that is paid back."""
        return Order(id=self.key, customer=self.customer, paid=50_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run: one worker that dies.

    Attributes:
        number: of the run in its lane, from 0.
        mode: when the worker dies.
        victim: which of the lane's workers.
        passing: at a boundary: the how-manieth passing of it, from 1.
        kill_after_s: for `any_time`, seconds after everything was asked.
        hold_s: for `hold_…`: how long the bank holds the call, so that it goes on after the death.
        doubled: every wish is asked for at two workers at once, where there are two.
        two_clicks: every yes is given at two workers at once.
        again: the boundary at which the worker that replaces the victim dies too.
    """

    number: int
    mode: Mode
    victim: int
    passing: int
    kill_after_s: float
    hold_s: float
    doubled: bool
    two_clicks: bool
    again: Boundary | None

    @classmethod
    def draw(cls, seed: str, number: int) -> Plan:
        """The run of that number; every mode has its turn."""
        chance = random.Random(f"{seed}/{number}")
        return cls(
            number=number,
            mode=MODES[number % len(MODES)],
            victim=chance.randrange(1024),
            passing=chance.choice((1, 1, 2)),
            kill_after_s=chance.uniform(0.0, 0.06),
            hold_s=chance.choice((0.2, 0.7)),
            doubled=chance.random() < 0.5,
            two_clicks=chance.random() < 0.3,
            again=chance.choice(list(Boundary)) if chance.random() < 0.2 else None,
        )

    @property
    def holds(self) -> Literal["before", "after"] | None:
        """When the bank holds the victim's call, for a mode that has it."""
        match self.mode:
            case "hold_before":
                return "before"
            case "hold_after":
                return "after"
            case _:
                return None

    @property
    def boundary(self) -> Boundary | None:
        """Where the victim kills itself; `key_forgotten` is a death whose recovery comes so late
        that the bank has forgotten the key."""
        if self.mode == "key_forgotten":
            return Boundary.AFTER_CALL
        return Boundary(self.mode) if self.mode in list(Boundary) else None

    def more_wishes(self, guarantee: GuaranteeKind, batch: int) -> list[Wish]:
        """Two small ones more, for a victim that has not come to its moment yet."""
        return [
            Wish(
                key=f"run-{self.number}-more-{batch}-{index}",
                customer=f"cus_{self.number}_{batch}_{index}",
                amount=AMOUNTS[0],
                guarantee=guarantee,
            )
            for index in range(2)
        ]

    def wishes(self, guarantee: GuaranteeKind) -> list[Wish]:
        """What is asked for in this run."""
        return [
            Wish(
                key=f"run-{self.number}-{index}",
                customer=f"cus_{self.number}_{index}",
                amount=amount,
                guarantee=guarantee,
            )
            for index, amount in enumerate(AMOUNTS)
        ]
