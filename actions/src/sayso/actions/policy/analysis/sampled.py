"""Examples of a change where no formula says all of it: tried one by one, by the engine.

At the boundaries that the rules name, each fact and each two facts at once. A sample finds
examples; that it finds none proves nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from sayso.actions.policy.analysis.words import AnalysisAnswer, answer_of
from sayso.actions.policy.formula.domain import Flags, Numbers, TextDomain, domain_of, pick
from sayso.actions.policy.formula.terms import AtMost, Value, atoms
from sayso.actions.policy.slices import Slice

MOST_TRIED = 400


def tried(
    was: Slice, now: Slice
) -> Iterator[tuple[dict[str, Value], AnalysisAnswer, AnalysisAnswer]]:
    """Questions that two versions answer otherwise, with both answers."""
    for values in itertools.islice(_questions(was, now), MOST_TRIED):
        old, new = answer_of(was, values), answer_of(now, values)
        if old.roles != new.roles:
            yield values, old, new


def _questions(was: Slice, now: Slice) -> Iterator[dict[str, Value]]:
    formulas = [rule.formula for one in (was, now) for rule in one.translated.rules]
    domain = domain_of(now.action, now.facts, formulas, ())
    usual = pick(domain)
    if usual is None:
        return
    yield usual
    read = was.form.reads | now.form.reads
    choices: dict[str, list[Value]] = {}
    for formula in formulas:
        for atom in atoms(formula):
            if isinstance(atom, AtMost) and atom.name in usual:
                choices.setdefault(atom.name, []).extend((atom.bound, atom.bound + 1))
    for name, found in domain.ranges.items():
        match found:
            case TextDomain(words=words) if name in read:
                choices.setdefault(name, []).extend(words)
            case Flags(flags=flags) if name in read:
                choices.setdefault(name, []).extend(flags)
            case Numbers() if name in read and name not in choices:
                choices[name] = [0, 1, 100, 1000, 10_000, 1_000_000]
            case _:
                pass
    step = 100  # of money: whole cents
    each = [
        (name, value // step * step if name in domain.money and isinstance(value, int) else value)
        for name, values in choices.items()
        for value in dict.fromkeys(values)
    ]
    for name, value in each:
        yield {**usual, name: value}
    for (one, first), (other, second) in itertools.combinations(each, 2):
        if one != other:
            yield {**usual, one: first, other: second}
