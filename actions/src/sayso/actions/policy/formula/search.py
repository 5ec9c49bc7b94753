"""Looks for a question that makes a formula true, by splitting the domain at the first open test.

Exact: it finds one where there is one, and else says that there is none. How long it takes depends
on how the rules are entangled: milliseconds for policies that people write; what takes longer than
its budget is not decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sayso.actions.policy.formula import solver
from sayso.actions.policy.formula.domain import Domain, Flags, Numbers, TextDomain, pick
from sayso.actions.policy.formula.solver import UndecidedError
from sayso.actions.policy.formula.terms import (
    FALSE,
    TRUE,
    And,
    AtMost,
    Atom,
    Const,
    FactHolds,
    Formula,
    HasRole,
    Not,
    OneOf,
    Or,
    Value,
    conj,
    disj,
    holds,
    neg,
)

BUDGET = 200_000
"""So many splits at most, some seconds."""


class Budget:
    """Counts splits over several searches."""

    def __init__(self, splits: int = BUDGET) -> None:
        self.left = splits

    def spend(self) -> None:
        """Count one.

        Raises:
            UndecidedError: none is left.
        """
        self.left -= 1
        if self.left < 0:
            raise UndecidedError


def find(formula: Formula, domain: Domain, budget: Budget | None = None) -> dict[str, Value] | None:
    """A question of the domain for which the formula holds, made as ordinary as it can be.

    Args:
        formula: without approvals: see `terms.given`.

    Returns:
        None when there is none.

    Raises:
        UndecidedError: it takes longer than the budget, and no solver is installed that says more.
    """
    whole = conj((formula, domain.always))
    try:
        found = _find(whole, domain, budget or Budget())
    except UndecidedError:
        if not solver.is_installed():
            raise
        found = solver.solve(formula, domain)
    return None if found is None else _made_ordinary(found, whole, domain)


class Finder(Protocol):
    """Looks for a question of a domain for which a formula holds."""

    def __call__(
        self, formula: Formula, domain: Domain, budget: Budget
    ) -> dict[str, Value] | None: ...


def find_by_solver(formula: Formula, domain: Domain, budget: Budget) -> dict[str, Value] | None:
    """The same by the solver alone, which has its own time.

    Raises:
        UndecidedError: it takes too long.
    """
    return solver.solve(formula, domain)


def _find(formula: Formula, domain: Domain, budget: Budget) -> dict[str, Value] | None:
    # NOTE: as deep as there are different tests of facts, some hundreds at most.
    if formula == FALSE:
        return None
    if formula == TRUE:
        return pick(domain)
    budget.spend()
    atom = _first(formula)
    for yes in _order(atom, domain):
        part = domain.narrowed(atom, yes=yes)
        if part is not None:
            found = _find(_within(formula, part, _name(atom)), part, budget)
            if found is not None:
                return found
    return None


def _first(formula: Formula) -> Atom:
    match formula:
        case Not(part=part):
            return _first(part)
        case And(parts=parts) | Or(parts=parts):
            return _first(parts[0])
        case Const():
            raise AssertionError("a constant is no test")
        case _:
            return formula


def _order(atom: Atom, domain: Domain) -> tuple[bool, bool]:
    """The answer first that an ordinary question has."""
    match atom:
        case OneOf(name=name, words=words):
            found = domain.ranges[name]
            assert isinstance(found, TextDomain)
            first = found.words[0] in words
        case FactHolds():
            first = False
        case _:
            first = True
    return (first, not first)


def _name(atom: Atom) -> str:
    assert not isinstance(atom, HasRole), "who said yes is known before anything is looked for"
    return atom.name


def _within(formula: Formula, domain: Domain, name: str) -> Formula:
    """The formula where one fact is known to be in a smaller range."""
    match formula:
        case Not(part=part):
            return neg(_within(part, domain, name))
        case And(parts=parts):
            return conj(_within(part, domain, name) for part in parts)
        case Or(parts=parts):
            return disj(_within(part, domain, name) for part in parts)
        case AtMost() | OneOf() | FactHolds() if formula.name == name:
            return _answered(formula, domain)
        case _:
            return formula


def _answered(atom: Atom, domain: Domain) -> Formula:
    match atom:
        case AtMost(name=name, bound=bound):
            numbers = domain.ranges[name]
            assert isinstance(numbers, Numbers)
            if numbers.high <= bound:
                return TRUE
            return FALSE if numbers.low > bound else atom
        case OneOf(name=name, words=words):
            texts = domain.ranges[name]
            assert isinstance(texts, TextDomain)
            inside = [word in words for word in texts.words]
            return TRUE if all(inside) else atom if any(inside) else FALSE
        case FactHolds(name=name):
            flags = domain.ranges[name]
            assert isinstance(flags, Flags)
            return Const(flags.flags[0]) if len(flags.flags) == 1 else atom
        case _:
            return atom


def _made_ordinary(
    found: Mapping[str, Value], formula: Formula, domain: Domain
) -> dict[str, Value]:
    """The same example with every fact ordinary that need not be otherwise."""
    usual = pick(domain)
    values = dict(found)
    if usual is None:
        return values
    for name in sorted(values.keys() - domain.money - {"currency"}):
        tried = {**values, name: usual[name]}
        if values[name] != usual[name] and holds(formula, tried, 0, frozenset()):
            values = tried
    return values
