"""Random policies and random questions about one action, for whatever judges the translation."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sayso.actions.model.definition import Action, Args, Effect, Fact, FactType, at_most_once
from sayso.json import JsonValue

ROLES = ("support_manager", "finance", "lead")
CURRENCIES = ("USD", "EUR", "GBP", "JPY", "KWD", "CHF")
PLANS = ("free", "trial", "pro")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AMOUNTS = ("0.01", "20.00", "49.99", "50.00", "50.01", "75.00", "500.00", "500.0001")
NUMBERS = (0, 1, 2, 3, 30, 90, 91, 180, 365, 366)
HOURS = (0, 5, 6, 8, 21, 22, 23)


class NoArgs(Args):
    """Takes nothing."""


_FACTS: dict[str, FactType | Fact] = {
    "tenure_days": "long",
    "charge_age_days": "long",
    "full": "bool",
    "vip": Fact(type="bool", missing="ask"),
    "plan": Fact(type="string", words=PLANS, missing="ask"),
    "reason": "string",
    "charge_amount": "decimal",
}
REFUND = Action(
    name="shop.refund",
    summary="Pay back",
    args=NoArgs,
    guarantee=at_most_once(),
    effect=Effect.MONEY_OUT,
    reversible=False,
    sentence="Pay back",
    facts=_FACTS,
)
"""The action that every random policy is about."""
GREET = Action(
    name="shop.greet",
    summary="Write",
    args=NoArgs,
    guarantee=at_most_once(),
    effect=Effect.MESSAGE,
    reversible=False,
    sentence="Write",
    facts={"links": "long"},
)
"""One with a fact that the other has not."""


@dataclass(slots=True)
class Policies:
    """Makes random rules; the same seed makes the same ones."""

    dice: random.Random

    def text(self, rules: int) -> str:
        """So many rules, a few of them `forbid`."""
        return "\n".join(self._rule(number) for number in range(rules))

    def _rule(self, number: int) -> str:
        effect = "permit" if number == 0 or self.dice.random() < 0.6 else "forbid"
        scope = self.dice.choice(
            (
                'action == Action::"shop.refund"',
                'action in Action::"money_out"',
                'action in [Action::"shop.refund", Action::"credit"]',
                'action in [Action::"money_out", Action::"change"]',
            )
        )
        clauses = [f"when {{ {self._all(3)} }}"] if self.dice.random() < 0.9 else []
        if self.dice.random() < (0.7 if effect == "forbid" else 0.2):
            clauses.append(f"unless {{ {self._any(2)} }}")
        return (
            f'@id("r{number}") @explain("rule {number}")\n'
            f"{effect} (principal, {scope}, resource)\n{' '.join(clauses)};"
        )

    def _all(self, most: int) -> str:
        return " && ".join(self._part() for _ in range(self.dice.randint(1, most)))

    def _any(self, most: int) -> str:
        return " || ".join(self._part() for _ in range(self.dice.randint(1, most)))

    def _part(self, depth: int = 0) -> str:
        roll = self.dice.random()
        if depth < 2 and roll < 0.12:
            return f"({self._part(depth + 1)} || {self._part(depth + 1)})"
        if depth < 2 and roll < 0.2:
            return f"!({self._part(depth + 1)} && {self._part(depth + 1)})"
        if depth < 2 and roll < 0.25:
            parts = [self._part(depth + 1) for _ in range(3)]
            return f"(if {parts[0]} then {parts[1]} else {parts[2]})"
        return self.dice.choice(_PARTS)(self.dice)


def _words(dice: random.Random, words: tuple[str, ...]) -> str:
    chosen = dice.sample(words, dice.randint(1, 2))
    return ", ".join(f'"{word}"' for word in chosen)


def _money(name: str) -> Callable[[random.Random], str]:
    def part(dice: random.Random) -> str:
        method = dice.choice(
            ("lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual", "==")
        )
        amount = f'decimal("{dice.choice(AMOUNTS)}")'
        if method == "==":
            return f"context.{name} == {amount}"
        turned = dice.random() < 0.2
        return (
            f"{amount}.{method}(context.{name})" if turned else f"context.{name}.{method}({amount})"
        )

    return part


def _number(name: str, bounds: tuple[int, ...]) -> Callable[[random.Random], str]:
    def part(dice: random.Random) -> str:
        sign = dice.choice(("<", "<=", ">", ">=", "==", "!="))
        bound = dice.choice(bounds)
        turned = dice.random() < 0.2
        return f"{bound} {sign} context.{name}" if turned else f"context.{name} {sign} {bound}"

    return part


def _text(name: str, words: tuple[str, ...]) -> Callable[[random.Random], str]:
    def part(dice: random.Random) -> str:
        roll = dice.random()
        if roll < 0.4:
            return f"[{_words(dice, words)}].contains(context.{name})"
        sign = "==" if roll < 0.8 else "!="
        return f'context.{name} {sign} "{dice.choice(words)}"'

    return part


def _flag(name: str) -> Callable[[random.Random], str]:
    def part(dice: random.Random) -> str:
        return dice.choice(
            (
                f"context.{name}",
                f"!context.{name}",
                f"context.{name} == true",
                f"context has {name} && context.{name}",
            )
        )

    return part


def _roles(dice: random.Random) -> str:
    method = dice.choice(("contains", "containsAny", "containsAll", "isEmpty", "approvals"))
    match method:
        case "contains":
            return f'context.approvedBy.contains("{dice.choice(ROLES)}")'
        case "isEmpty":
            return "!context.approvedBy.isEmpty()"
        case "approvals":
            return f"context.approvals >= {dice.randint(1, 3)}"
        case _:
            return f"context.approvedBy.{method}([{_words(dice, ROLES)}])"


def _assurance(dice: random.Random) -> str:
    return f'principal.assurance {dice.choice(("==", "!="))} "signed_in"'


def _absent(dice: random.Random) -> str:
    return dice.choice(
        ("context has links && context.links > 3", "principal == resource.owner", "true")
    )


_PARTS: tuple[Callable[[random.Random], str], ...] = (
    _money("amount"),
    _money("amount"),
    _money("amount30d"),
    _money("charge_amount"),
    _number("tenure_days", NUMBERS),
    _number("charge_age_days", NUMBERS),
    _number("count30d", NUMBERS),
    _number("hour", HOURS),
    _number("localHour", HOURS),
    _text("currency", CURRENCIES),
    _text("plan", PLANS),
    _text("weekday", WEEKDAYS),
    _text("reason", ("", "fraudulent", "duplicate")),
    _text("planner", ("caller", "playbook")),
    _flag("full"),
    _flag("vip"),
    _flag("undoes"),
    _flag("holiday"),
    _roles,
    _roles,
    _roles,
    _assurance,
    _absent,
)


@dataclass(slots=True)
class Questions:
    """Makes random questions, mostly at the bounds that rules have."""

    dice: random.Random

    def values(self) -> dict[str, int | str | bool]:
        """One question as formulas see it: money in ten-thousandths."""
        dice = self.dice
        return {
            "amount": self._amount(),
            "currency": dice.choice(CURRENCIES),
            "count30d": self._number(NUMBERS),
            "amount30d": self._amount(),
            "hour": dice.randrange(24),
            "localHour": dice.randrange(24),
            "weekday": dice.choice(WEEKDAYS),
            "holiday": dice.random() < 0.5,
            "undoes": dice.random() < 0.2,
            "planner": dice.choice(("caller", "playbook", "gpt")),
            "tenure_days": self._number(NUMBERS),
            "charge_age_days": self._number(NUMBERS),
            "full": dice.random() < 0.5,
            "vip": dice.random() < 0.5,
            "plan": dice.choice(PLANS),
            "reason": dice.choice(("", "fraudulent", "duplicate", "broken")),
            "charge_amount": self._amount(),
            "principal": "cus_1",
            "resource": "ch_1",
            "principal.assurance": dice.choice(("signed_in", "verified", "unverified")),
            "resource.kind": "charge",
        }

    def _amount(self) -> int:
        at = int(self.dice.choice(AMOUNTS).replace(".", "").ljust(1))
        return max(0, at * 100 + self.dice.choice((-1, 0, 1, 100, -100)))

    def _number(self, bounds: tuple[int, ...]) -> int:
        return max(0, self.dice.choice(bounds) + self.dice.choice((-1, 0, 1)))


def context_of(
    values: Mapping[str, int | str | bool], money: frozenset[str]
) -> dict[str, JsonValue]:
    """The same question as Cedar takes it, without the approvals."""
    return {
        name: _cedar(value) if name in money else value
        for name, value in values.items()
        if "." not in name and name not in ("principal", "resource")
    }


def _cedar(value: int | str | bool) -> JsonValue:
    assert isinstance(value, int)
    whole, part = divmod(value, 10_000)
    return {"__extn": {"fn": "decimal", "arg": f"{whole}.{part:04d}"}}
