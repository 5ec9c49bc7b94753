"""The fewest facts that would have to be different for a formula to hold.

Exact: a formula that is false has a part that is false, and whatever makes the whole true makes
that part true. So one false part after the other is mended, in each way there is, the cheapest
first. The first state in which the whole holds is the answer, and there is none where none is left.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from sayso.actions.policy.formula.solver import UndecidedError
from sayso.actions.policy.formula.terms import (
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
)

Values: TypeAlias = Mapping[str, Value]
Wanted: TypeAlias = "tuple[Atom, bool]"
"""A test of one fact, and the answer that it shall have."""
MOST_STATES = 2000
"""So many are looked at, a few microseconds each; what takes more is not decided."""


class Variable(Protocol):
    """One or several facts that can be otherwise, and only together.

    Attributes:
        names: of the facts. cost: of changing it; the cheaper is what people are told.
    """

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def cost(self) -> int: ...

    def meet(self, wanted: Sequence[Wanted], values: Values) -> Values | None:
        """The nearest that has these answers; None where there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FactChange:
    """One variable, otherwise.

    Attributes:
        wanted: the tests that made it so. values: what its facts are then.
    """

    variable: Variable
    wanted: tuple[Wanted, ...]
    values: Values


def answers(atom: Atom, values: Values) -> bool | None:
    """The answer of a test; None where its fact could not be read."""
    match atom:
        case HasRole():
            raise AssertionError("who said yes is known before anything is looked for")
        case AtMost(name=name, bound=bound):
            number = values.get(name)
            assert not isinstance(number, str), name
            return None if number is None else number <= bound
        case OneOf(name=name, words=words):
            return None if name not in values else values[name] in words
        case FactHolds(name=name):
            return None if name not in values else values[name] is True


def is_met(formula: Formula, values: Values, wanted: bool = True) -> bool:
    """Whether a formula has an answer, where a fact that could not be read has none at all."""
    # By class, one after the other: this is asked some dozens of times for each card.
    if isinstance(formula, (And, Or)):
        decisive = wanted is isinstance(formula, Or)
        for part in formula.parts:
            if is_met(part, values, wanted) is decisive:
                return decisive
        return not decisive
    if isinstance(formula, Not):
        return is_met(formula.part, values, not wanted)
    if isinstance(formula, Const):
        return formula.value is wanted
    return answers(formula, values) is wanted


def cheapest(
    formula: Formula, values: Values, variables: Iterable[Variable]
) -> tuple[FactChange, ...] | None:
    """The cheapest changes after which a formula holds; None where no changes do.

    INVARIANT: no fewer of these changes do, or they would be cheaper.

    Args:
        formula: without approvals. variables: those that can change; others stay as they are.

    Raises:
        UndecidedError: see `MOST_STATES`.
    """
    by_name = {name: variable for variable in variables for name in variable.names}
    count = itertools.count()
    none: frozenset[Wanted] = frozenset()
    heap: list[tuple[int, int, frozenset[Wanted], tuple[FactChange, ...]]] = [
        (0, next(count), none, ())
    ]
    seen = {none}
    for _ in range(MOST_STATES):
        if not heap:
            return None
        _, _, wanted, changes = heapq.heappop(heap)
        now = changed(values, changes)
        if is_met(formula, now):
            return changes
        for one in _mends(formula, now, True):
            if one[0].name not in by_name or (more := wanted | {one}) in seen:
                continue
            seen.add(more)
            found = _changes(more, values, by_name)
            if found is not None:
                price = sum(change.variable.cost for change in found)
                heapq.heappush(heap, (price, next(count), more, found))
    raise UndecidedError


def changed(values: Values, changes: Iterable[FactChange]) -> dict[str, Value]:
    """The values after changes."""
    now = dict(values)
    for change in changes:
        now |= change.values
    return now


def _changes(
    wanted: Iterable[Wanted], values: Values, by_name: Mapping[str, Variable]
) -> tuple[FactChange, ...] | None:
    grouped: dict[int, tuple[Variable, list[Wanted]]] = {}
    for one in sorted(wanted, key=repr):  # sets have no order, and the answer shall have one
        variable = by_name[_name(one[0])]
        grouped.setdefault(id(variable), (variable, []))[1].append(one)
    found: list[FactChange] = []
    for variable, tests in grouped.values():
        met = variable.meet(tests, values)
        if met is None:
            return None
        found.append(FactChange(variable=variable, wanted=tuple(tests), values=met))
    return tuple(sorted(found, key=lambda change: change.variable.names))


def _name(atom: Atom) -> str:
    assert not isinstance(atom, HasRole), "who said yes is known"
    return atom.name


def _mends(
    formula: Formula, values: Values, wanted: bool
) -> Iterator[tuple[AtMost | OneOf | FactHolds, bool]]:
    """The tests of the first false part, of which each mends a way through it."""
    match formula:
        case Const():
            return
        case HasRole():
            raise AssertionError("who said yes is known before anything is looked for")
        case Not(part=part):
            yield from _mends(part, values, not wanted)
        case And(parts=parts) | Or(parts=parts):
            false = (part for part in parts if not is_met(part, values, wanted))
            if isinstance(formula, And) is wanted:
                yield from _mends(next(false), values, wanted)
            else:
                for part in false:
                    yield from _mends(part, values, wanted)
        case _:
            yield formula, wanted
