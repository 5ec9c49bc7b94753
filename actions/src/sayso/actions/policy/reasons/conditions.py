"""The conditions of rules that ask: found by their formulas, and confirmed by the engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sayso.actions.policy.base import Asker, Reason
from sayso.actions.policy.formula.solver import UndecidedError
from sayso.actions.policy.formula.terms import (
    AtMost,
    Formula,
    Value,
    atoms,
    conj,
    disj,
    given,
    neg,
)
from sayso.actions.policy.formula.translate import RuleFormula
from sayso.actions.policy.reasons.cheapest import (
    FactChange,
    Values,
    changed,
    cheapest,
    is_met,
)
from sayso.actions.policy.reasons.variables import (
    Choices,
    ChoiceVariable,
    NumberVariable,
    is_whole,
    variables_of,
)
from sayso.actions.policy.reasons.words import AUTOMATIC, FEWER, changed_names, said_of
from sayso.actions.policy.slices import Slice
from sayso.actions.policy.why import count_word

NOBODY: frozenset[str] = frozenset()
_AS_IT_IS = Reason(asking=Asker(kind="rule"), say="No rule lets it go by itself as it is")
"""Where nothing better is known to be true."""
_ALWAYS = (
    "Whatever the amount, the facts and the customer, the rules ask a person about this action"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The conditions that ask.

    Attributes:
        changes: after which nobody is asked; empty also where there are none.
    """

    reasons: tuple[Reason, ...]
    changes: tuple[FactChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRules:
    """The rules about one action, and the question that they ask people about.

    Attributes:
        values: what they read of it. missing: what could not be read.
        at: the moments that come, as the rules read them. who: likewise, how the customer may be
            known; both None where each of their fields is looked at by itself.
    """

    slice: Slice
    values: Values
    missing: tuple[str, ...] = ()
    at: Choices | None = None
    who: Choices | None = None

    def cheapest(self, formula: Formula) -> tuple[FactChange, ...] | None:
        """See `cheapest`; each number as near to what it is as it can be."""
        mine = self.slice
        variables = variables_of(
            mine.action, mine.facts, formula, self.values, at=self.at, who=self.who
        )
        found = cheapest(formula, self.values, variables)
        if found is None:
            return None
        if any(one.variable.names == ("currency",) for one in found) and not is_whole(
            changed(self.values, found), formula, mine.facts
        ):
            raise UndecidedError
        return tuple(_nearest(one, found, self.values, formula) for one in found)


def conditions_of(asked: AskedRules) -> Conditions:
    """Why the rules do not let it go without anybody."""
    mine, values, missing = asked.slice, asked.values, asked.missing
    opaque = _opaque(mine, values, missing)
    rules = [_of_rule(mine, rule) for rule in opaque]
    formula = _allowed(mine)
    try:
        found = asked.cheapest(formula)
    except UndecidedError:
        return Conditions(reasons=(_AS_IT_IS,))
    if found is None:
        return Conditions(reasons=_always(asked, rules))
    if not found and not rules:
        is_let_go = _is_let_go(mine, values, missing, ())
        return Conditions(reasons=() if is_let_go else (_AS_IT_IS,))
    after = changed(values, found)
    if not _is_let_go(mine, after, missing, opaque):
        return Conditions(reasons=(_AS_IT_IS,))
    said = [_said(mine, one, found, values, mine.alone, formula) for one in found]
    return Conditions(reasons=(*said, *rules), changes=found)


def fewer_people(asked: AskedRules, people: int, alone: Conditions) -> tuple[Reason, ...]:
    """Why the rules ask more than one person; empty where they do not."""
    mine, values, missing = asked.slice, asked.values, asked.missing
    if people < 2 or mine.translated.left_out or missing:
        return ()
    least = _least(asked)
    if least < 2:
        return ()  # a demand of ours, a limit or a dial asks for the others
    formula = mine.fewer(least)
    try:
        found = asked.cheapest(formula)
    except UndecidedError:
        return ()
    if found is None:
        said = f"The rules always ask {count_word(least)} people about this action"
        always = Asker(kind="rule", by=_permits(asked, least))
        return (Reason(asking=always, say=said, more=True),)
    if all(one.values in [other.values for other in alone.changes] for one in found):
        return ()  # what keeps one from being asked keeps the others from it
    rules = mine.translated.rules
    return tuple(_said(mine, one, found, values, rules, formula, FEWER) for one in found)


def _permits(asked: AskedRules, people: int) -> tuple[str, ...]:
    """The rules that let it go with so many."""
    mine, values = asked.slice, asked.values
    found: dict[str, None] = {}
    for one in mine.hypotheticals:
        if len(one) == people:
            for rule in mine.translated.rules:
                formula = given(rule.formula, people, frozenset(one))
                if rule.permits and is_met(formula, values):
                    found[rule.id] = None
    return tuple(found)


def _allowed(mine: Slice) -> Formula:
    """When nobody is asked, as far as formulas say it."""
    if not mine.translated.left_out:
        return mine.fewer(1)
    permits = disj(rule.formula for rule in mine.alone if rule.permits)
    forbids = disj(rule.formula for rule in mine.alone if not rule.permits)
    return conj((permits, neg(forbids)))


def _opaque(mine: Slice, values: Values, missing: tuple[str, ...]) -> tuple[str, ...]:
    """The rules that forbid it, of those that no formula says."""
    if not mine.translated.left_out:
        return ()
    asked = mine.lacking(missing) if missing else mine
    verdict = asked.ask(values, 0, NOBODY)
    holding = NOBODY if verdict.allowed else verdict.rules
    return tuple(rule for rule in mine.translated.left_out if rule in holding)


def _is_let_go(
    mine: Slice, values: Values, missing: tuple[str, ...], opaque: Sequence[str]
) -> bool:
    """Whether it goes without anybody, those rules that no formula says aside."""
    still = tuple(name for name in missing if name not in values)
    asked = mine.lacking(still) if still else mine
    if not asked.translated.left_out:
        return is_met(asked.fewer(1), values)
    verdict = asked.ask(values, 0, NOBODY)
    if opaque:
        return not verdict.errors and not verdict.allowed and verdict.rules <= frozenset(opaque)
    return verdict.allowed


def _of_rule(mine: Slice, rule: str) -> Reason:
    said = mine.rules.explains.get(rule, rule)
    return Reason(asking=Asker(kind="rule", by=(rule,)), say=said, to=f"rule {rule} not met")


def _always(asked: AskedRules, rules: Sequence[Reason]) -> tuple[Reason, ...]:
    """Nothing that can change lets it go; the rules that let it go with people are named."""
    if asked.slice.translated.left_out or asked.missing:
        return (*rules, _AS_IT_IS)
    by = _permits(asked, _least(asked))
    return (Reason(asking=Asker(kind="rule", by=by), say=_ALWAYS),)


def _least(asked: AskedRules) -> int:
    """How many people the rules ask at least, where a formula says every rule."""
    guess = asked.slice.guess
    assert guess is not None, "every rule is said"
    place = guess.least(asked.values)
    return len(asked.slice.hypotheticals[place]) if place >= 0 else 0


def _nearest(
    one: FactChange, all_of: Sequence[FactChange], values: Values, formula: Formula
) -> FactChange:
    """The same with a number as near to what it is as it can be."""
    if not isinstance(one.variable, NumberVariable) or one.variable.names[0] not in values:
        return one
    (name,) = one.variable.names
    here, there = values[name], one.values[name]
    assert not isinstance(here, str), name
    assert not isinstance(there, str), name
    bounds = {
        edge
        for atom in atoms(formula)
        if isinstance(atom, AtMost) and atom.name == name
        for edge in (atom.bound, atom.bound + 1)
    }
    step, after = one.variable.step, changed(values, all_of)
    low, high = min(here, there), max(here, there)
    whole = {edge // step * step for edge in bounds} | {-(-edge // step) * step for edge in bounds}
    for near in sorted((n for n in whole if low < n < high), key=lambda n: abs(n - here)):
        if one.variable.low <= near and is_met(formula, {**after, name: near}):
            return replace(one, values={name: near})
    return one


def _said(
    mine: Slice,
    one: FactChange,
    all_of: Sequence[FactChange],
    values: Values,
    rules: Iterable[RuleFormula],
    formula: Formula,
    goal: str = AUTOMATIC,
) -> Reason:
    after = changed(values, all_of)
    say, to = said_of(one, values, after, mine.facts, goal, _others(one, after, formula))
    facts = changed_names(one, values)
    others = changed(values, [other for other in all_of if other is not one])
    by = _whose(rules, others, after) if goal == AUTOMATIC else _reading(rules, facts)
    asking = Asker(kind="condition", by=by, facts=facts)
    return Reason(asking=asking, say=say, to=to, now=dict(one.values), more=goal == FEWER)


def _others(one: FactChange, after: Values, formula: Formula) -> list[Value]:
    """Which other words of a text would do as well, four at most."""
    if not isinstance(one.variable, ChoiceVariable) or len(one.variable.names) != 1:
        return []
    (name,) = one.variable.names
    words = [choice[name] for choice in one.variable.choices() if isinstance(choice[name], str)]
    return [word for word in words if is_met(formula, {**after, name: word})][:4]


def _whose(rules: Iterable[RuleFormula], others: Values, after: Values) -> tuple[str, ...]:
    """The rules of a condition: that forbid it by that alone, or would let it go without it."""
    forbid = [r.id for r in rules if not r.permits and is_met(r.formula, others)]
    if forbid:
        return tuple(forbid)
    return tuple(
        rule.id
        for rule in rules
        if rule.permits and is_met(rule.formula, after) and not is_met(rule.formula, others)
    )


def _reading(rules: Iterable[RuleFormula], facts: Sequence[str]) -> tuple[str, ...]:
    """The rules that test one of these facts and people."""
    return tuple(
        rule.id
        for rule in rules
        if any(getattr(atom, "name", "") in facts for atom in atoms(rule.formula))
    )
