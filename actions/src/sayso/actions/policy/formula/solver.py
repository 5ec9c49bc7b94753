"""Asks z3, an SMT solver, in place of the search: an extra, which is told nothing else.

Both read the same formula and the same domain, so either judges the other; what takes the search
too long is left to the solver, where it is installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from sayso.actions.policy.formula.domain import Domain, Flags, Numbers, TextDomain
from sayso.actions.policy.formula.terms import (
    And,
    AtMost,
    Const,
    FactHolds,
    Formula,
    HasRole,
    Not,
    OneOf,
    Or,
    Value,
    conj,
)
from sayso.actions.policy.formula.translate import SCALE
from sayso.money import exponent_of

TIMEOUT_MS = 20_000


class UndecidedError(Exception):
    """Nobody can say in time whether there is such a question."""


def is_installed() -> bool:
    """Whether the extra `prove` is there."""
    return find_spec("z3") is not None


def solve(formula: Formula, domain: Domain) -> dict[str, Value] | None:
    """A question of the domain for which the formula holds; None when there is none.

    Args:
        formula: without approvals: see `terms.given`.

    Raises:
        UndecidedError: it takes longer than twenty seconds.
    """
    z3: Any = import_module("z3")  # an extra
    asked = _Asked(z3, domain)
    solver: Any = z3.Solver()
    solver.set("timeout", TIMEOUT_MS)
    solver.add(*asked.ranges(), asked.of(conj((formula, domain.always))))
    answer: Any = solver.check()
    if answer == z3.unsat:
        return None
    if answer != z3.sat:
        raise UndecidedError
    return asked.values(solver.model())


class _Asked:
    """A domain in the solver's words: texts by their place, money in ten-thousandths."""

    def __init__(self, z3: Any, domain: Domain) -> None:
        self._z3 = z3
        self._domain = domain
        self._names: Mapping[str, Any] = {
            name: z3.Bool(name) if isinstance(found, Flags) else z3.Int(name)
            for name, found in domain.ranges.items()
        }

    def ranges(self) -> Iterator[Any]:
        """What holds for every question."""
        for name, found in self._domain.ranges.items():
            known = self._names[name]
            match found:
                case Numbers(low=low, high=high):
                    yield self._z3.And(known >= low, known <= high)
                case TextDomain(words=words):
                    yield self._z3.And(known >= 0, known < len(words))
                case Flags(flags=flags):
                    if len(flags) == 1:
                        yield known == flags[0]
        yield from self._money()

    def _money(self) -> Iterator[Any]:
        currencies = self._domain.ranges["currency"]
        assert isinstance(currencies, TextDomain), "a text"
        for place, currency in enumerate(currencies.words):
            step = SCALE // 10 ** exponent_of(currency) if currency else SCALE
            whole = [self._names[name] % step == 0 for name in sorted(self._domain.money)]
            if not currency:  # what moves no money has none to count either
                whole += [self._names[name] <= 0 for name in ("amount", "amount30d")]
            yield self._z3.Implies(self._names["currency"] == place, self._z3.And(*whole))

    def of(self, formula: Formula) -> Any:
        """A formula."""
        z3 = self._z3
        match formula:
            case Const(value=value):
                return z3.BoolVal(value)
            case AtMost(name=name, bound=bound):
                return self._names[name] <= bound
            case OneOf(name=name, words=words):
                found = self._domain.ranges[name]
                assert isinstance(found, TextDomain), "a text"
                places = [at for at, word in enumerate(found.words) if word in words]
                return z3.Or(*(self._names[name] == at for at in places))
            case FactHolds(name=name):
                return self._names[name]
            case Not(part=part):
                return z3.Not(self.of(part))
            case And(parts=parts):
                return z3.And(*map(self.of, parts))
            case Or(parts=parts):
                return z3.Or(*map(self.of, parts))
            case HasRole():
                raise AssertionError("who said yes is known before anything is looked for")

    def values(self, model: Any) -> dict[str, Value]:
        """The question that a model is."""
        values: dict[str, Value] = {}
        for name, found in self._domain.ranges.items():
            known = model.eval(self._names[name], model_completion=True)
            match found:
                case Numbers():
                    values[name] = known.as_long()
                case TextDomain(words=words):
                    values[name] = words[known.as_long()]
                case Flags():
                    values[name] = self._z3.is_true(known)
        return values
