"""Formulas: tests of one fact each, joined by and, or and not. Values; equal ones are the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = "int | str | bool"
"""What a fact can be. Money is a whole number of ten-thousandths, as in Cedar's `decimal`."""


@dataclass(frozen=True, slots=True)
class Const:
    """Always so, or never."""

    value: bool


@dataclass(frozen=True, slots=True)
class AtMost:
    """A number is at most so much."""

    name: str
    bound: int


@dataclass(frozen=True, slots=True)
class OneOf:
    """A text is one of these."""

    name: str
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class FactHolds:
    """A yes-or-no fact is yes."""

    name: str


@dataclass(frozen=True, slots=True)
class HasRole:
    """One of those who said yes holds a role."""

    role: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: Formula


@dataclass(frozen=True, slots=True)
class And:
    """All of them; at least two, none of them an `And`."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them; at least two, none of them an `Or`."""

    parts: tuple[Formula, ...]


Atom: TypeAlias = "AtMost | OneOf | FactHolds | HasRole"
Formula: TypeAlias = "Const | AtMost | OneOf | FactHolds | HasRole | Not | And | Or"

TRUE, FALSE = Const(True), Const(False)
APPROVALS = "approvals"
"""How many people said yes, as a number."""


def neg(part: Formula) -> Formula:
    """Not that, simplified."""
    match part:
        case Const(value=value):
            return FALSE if value else TRUE
        case Not(part=inner):
            return inner
        case _:
            return Not(part)


def conj(parts: Iterable[Formula]) -> Formula:
    """All of them, simplified."""
    return _join(parts, And, TRUE, FALSE)


def disj(parts: Iterable[Formula]) -> Formula:
    """One of them, simplified."""
    return _join(parts, Or, FALSE, TRUE)


def _join(
    parts: Iterable[Formula], kind: type[And] | type[Or], neutral: Const, decisive: Const
) -> Formula:
    kept: dict[Formula, None] = {}
    for part in parts:
        inner = part.parts if isinstance(part, kind) else (part,)
        for one in inner:
            if one == decisive or neg(one) in kept:
                return decisive
            if one != neutral:
                kept[one] = None
    if not kept:
        return neutral
    return next(iter(kept)) if len(kept) == 1 else kind(tuple(kept))


def atoms(formula: Formula) -> Iterator[Atom]:
    """Every test in it, in order; one that stands twice comes twice."""
    match formula:
        case Const():
            return
        case Not(part=part):
            yield from atoms(part)
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from atoms(part)
        case _:
            yield formula


def roles_of(formula: Formula) -> frozenset[str]:
    """The roles that it tests."""
    return frozenset(atom.role for atom in atoms(formula) if isinstance(atom, HasRole))


def given(formula: Formula, approvals: int, roles: frozenset[str]) -> Formula:
    """The same where it is known who said yes."""
    match formula:
        case HasRole(role=role):
            return Const(role in roles)
        case AtMost(name=name, bound=bound) if name == APPROVALS:
            return Const(approvals <= bound)
        case Not(part=part):
            return neg(given(part, approvals, roles))
        case And(parts=parts):
            return conj(given(part, approvals, roles) for part in parts)
        case Or(parts=parts):
            return disj(given(part, approvals, roles) for part in parts)
        case _:
            return formula


def holds(
    formula: Formula, values: Mapping[str, Value], approvals: int, roles: frozenset[str]
) -> bool:
    """Whether it is so for these values; each fact that it tests is among them."""
    match formula:
        case Const(value=value):
            return value
        case AtMost(name=name, bound=bound):
            found = approvals if name == APPROVALS else values[name]
            assert not isinstance(found, str), name
            return found <= bound
        case OneOf(name=name, words=words):
            return values[name] in words
        case FactHolds(name=name):
            return values[name] is True
        case HasRole(role=role):
            return role in roles
        case Not(part=part):
            return not holds(part, values, approvals, roles)
        case And(parts=parts):
            return all(holds(part, values, approvals, roles) for part in parts)
        case Or(parts=parts):
            return any(holds(part, values, approvals, roles) for part in parts)
