"""The part of the policy that can say anything about one action, ready to be asked.

Besides the rules for the engine it holds what tells beforehand who has to say yes, so that the
engine is asked once. INVARIANT: that is a guess: what the engine does not confirm is found out by
asking it about everybody, and nothing is allowed that it did not allow.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace

import orjson
from cedarpy import pst

from sayso.actions.model.definition import Action, Fact
from sayso.actions.policy.calendar import UTC_NAME, Calendar
from sayso.actions.policy.cedar_rules import Rules
from sayso.actions.policy.cedar_schema import RequestForm
from sayso.actions.policy.cedarpy_adapter import CedarVerdict, RuleSet, compile_rules, evaluate
from sayso.actions.policy.formula.compiled import First, Values, all_of, first_of
from sayso.actions.policy.formula.domain import kinds_of
from sayso.actions.policy.formula.terms import Formula, conj, disj, given
from sayso.actions.policy.formula.translate import (
    ReadableFacts,
    RuleFormula,
    Translated,
    translate,
)

Hypothetical = tuple[str, ...]
"""Who might say yes: the role of each distinct person; empty for nobody."""

_TIME = frozenset({"localHour", "weekday", "holiday"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """Who has to say yes, told by the formulas.

    Attributes:
        least: the place of the first hypothetical that is allowed; -1 for none.
        passing: all that are allowed.
        always: ids of the rules that forbid it whoever says yes.
    """

    least: First
    passing: Callable[[Values], tuple[Hypothetical, ...]]
    always: Callable[[Values], tuple[str, ...]]


@dataclass(slots=True, kw_only=True)
class Slice:
    """The rules about one action.

    Attributes:
        facts: the action's facts, as the policy takes them.
        form: how a question is put to the rules.
        rule_set: the rules, compiled. order: the place of each.
        hypotheticals: who might say yes, the least first.
        version: SHA-256 in hex over all that can change an answer.
        guess: None where a rule says what no formula can.
        translated: the rules as formulas.
    """

    action: Action
    facts: Mapping[str, Fact]
    rules: Rules
    form: RequestForm
    rule_set: RuleSet
    hypotheticals: tuple[Hypothetical, ...]
    order: Mapping[str, int]
    version: str
    guess: Guess | None
    translated: Translated
    _without: dict[tuple[str, ...], Slice] = field(default_factory=dict[tuple[str, ...], "Slice"])
    _fewer: dict[int, Formula] = field(default_factory=dict[int, Formula])
    _alone: tuple[RuleFormula, ...] = ()

    @property
    def alone(self) -> tuple[RuleFormula, ...]:
        """The rules about what nobody has said yes to; those that no formula says never apply."""
        if not self._alone:
            self._alone = tuple(
                replace(rule, formula=given(rule.formula, 0, frozenset()))
                for rule in self.translated.rules
            )
        return self._alone

    def fewer(self, people: int) -> Formula:
        """When fewer people than these are enough; only where a formula says every rule."""
        known = self._fewer.get(people)
        if known is None:
            allowed = self.translated.allowed
            enough = [one for one in self.hypotheticals if 0 < len(one) < people]
            known = self._fewer[people] = disj(
                given(allowed, len(one), frozenset(one)) for one in ((), *enough)
            )
        return known

    @property
    def reads(self) -> frozenset[str]:
        """The fields that a rule reads."""
        return self.form.reads

    def lacking(self, missing: tuple[str, ...]) -> Slice:
        """The same without facts that could not be read; made once for each set of them."""
        known = self._without.get(missing)
        if known is None:
            known = self._without[missing] = self._make_lacking(missing)
        return known

    def _make_lacking(self, missing: tuple[str, ...]) -> Slice:
        rules = without(self.rules, missing)
        form = replace(self.form, reads=self.form.reads - frozenset(missing))
        translated = self.translated_without(missing)
        return Slice(
            action=self.action,
            facts=self.facts,
            rules=rules,
            form=form,
            rule_set=compile_rules(rules.nodes),
            hypotheticals=self.hypotheticals,
            order={rule: place for place, rule in enumerate(rules.nodes)},
            version=self.version,
            guess=_guess(translated, self.hypotheticals),
            translated=translated,
        )

    def translated_without(self, missing: Collection[str]) -> Translated:
        """The rules as formulas, without facts that could not be read."""
        if not missing:
            return self.translated
        return translate(without(self.rules, missing).nodes, self.readable)

    def ask(self, values: Values, people: int, roles: frozenset[str]) -> CedarVerdict:
        """What the engine says to a question given by its values."""
        request = self.form.of_values(values)
        context = request.context | {"approvals": people, "approvedBy": sorted(roles)}
        return evaluate(
            request.parts | {"context": orjson.dumps(context).decode()},
            self.rule_set,
            self.form.entities(request),
            self.form.schema,
        )

    @property
    def readable(self) -> ReadableFacts:
        """What the rules can read."""
        return ReadableFacts(kinds=kinds_of(self.facts))


def cut(
    action: Action,
    facts: Mapping[str, Fact],
    mine: Rules,
    roles: Sequence[str],
    max_quorum: int,
    calendar: Calendar,
) -> Slice:
    """The slice of an action.

    Args:
        facts: the action\'s facts, as the policy takes them.
        mine: the rules about it.
    """
    named = frozenset(itertools.chain.from_iterable(mine.named_roles.values()))
    asked = asked_roles(roles, named)
    # INVARIANT: where the action's definition asks for a person, nobody's yes is never enough.
    supposed = tuple(
        one for one in hypotheticals(asked, max_quorum) if one or not action.always_ask
    )
    reads = frozenset(itertools.chain.from_iterable(map(fields_read, mine.nodes.values())))
    form = RequestForm(
        action=action,
        facts=facts,
        reads=reads,
        names_ids=any(map(names_ids, mine.nodes.values())),
        calendar=calendar,
    )
    translated = translate(mine.nodes, ReadableFacts(kinds=kinds_of(facts)))
    return Slice(
        action=action,
        facts=facts,
        rules=mine,
        form=form,
        rule_set=compile_rules(mine.nodes),
        hypotheticals=supposed,
        order={rule: place for place, rule in enumerate(mine.nodes)},
        version=_version(action, facts, mine, asked, max_quorum, calendar, reads),
        guess=_guess(translated, supposed),
        translated=translated,
    )


def asked_roles(roles: Sequence[str], named: Collection[str]) -> list[str]:
    """The roles worth asking about: those that a rule names, and one that stands for the others.

    To the rules all roles that none of them names are the same, so the first declared is enough.
    """
    unnamed = next((role for role in roles if role not in named), None)
    return [role for role in roles if role in named or role == unnamed]


def hypotheticals(roles: Sequence[str], max_quorum: int) -> list[Hypothetical]:
    """Who might say yes: nobody, each one role, each two, …; fewest people and least roles first.

    Rules see the number of people and the set of their roles, so combinations that differ in
    neither are asked once.
    """
    found: dict[tuple[int, frozenset[str]], Hypothetical] = {}
    for people in range(max_quorum + 1):
        for combination in itertools.combinations_with_replacement(roles, people):
            found.setdefault((people, frozenset(combination)), combination)
    return list(found.values())


def _guess(translated: Translated, supposed: Sequence[Hypothetical]) -> Guess | None:
    if translated.left_out:
        return None
    allowed = translated.allowed
    by_hypothetical = [given(allowed, len(one), frozenset(one)) for one in supposed]
    forbids = [rule for rule in translated.rules if not rule.permits]
    always = [
        conj(given(rule.formula, len(one), frozenset(one)) for one in supposed) for rule in forbids
    ]
    return Guess(
        least=first_of(by_hypothetical),
        passing=all_of(by_hypothetical, supposed),
        always=all_of(always, [rule.id for rule in forbids]),
    )


def _version(
    action: Action,
    facts: Mapping[str, Fact],
    rules: Rules,
    asked: Sequence[str],
    max_quorum: int,
    calendar: Calendar,
    reads: Collection[str],
) -> str:
    whole: dict[str, object] = {
        "action": action.name,
        "effect": action.effect.value,
        "facts": {
            name: [fact.type, list(fact.words), fact.missing] for name, fact in facts.items()
        },
        "max_quorum": max_quorum,
        "roles": list(asked),
        "rules": sorted(rules.signs.values()),
    }
    if action.always_ask:
        whole["always_ask"] = list(action.always_ask)
    if _TIME & frozenset(reads) and calendar.zone != UTC_NAME:
        whole["zone"] = [calendar.zone, calendar.sha256]
    if "holiday" in reads:
        whole["holidays"] = sorted(day.isoformat() for day in calendar.holidays)
    return digest(whole)


def digest(whole: Mapping[str, object]) -> str:
    """SHA-256 in hex over a value, whatever the order of its keys."""
    canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def without(rules: Rules, missing: Collection[str]) -> Rules:
    """The same rules where these facts are not there.

    Never looser than with any value of the fact: a `permit` that reads it is left out, and a clause
    of a `forbid` that reads it counts as true. An `unless` that does not read it still lifts the
    `forbid`, so the people who may lift the rules about the fact are asked.
    """
    kept = {
        rule: changed
        for rule, node in rules.nodes.items()
        if (changed := _without(node, missing)) is not None
    }
    return rules.only(kept, kept)


def fields_read(node: pst.Template) -> frozenset[str]:
    """The fields of the context that a rule reads, or asks for by `has`."""
    return frozenset(_read(node.clauses))


def names_ids(node: pst.Template) -> bool:
    """Whether a rule names a customer or an object by id."""
    return any(str(uid.type) != "Action" for uid in pst.entity_uids(node))


def _without(node: pst.Template, missing: Collection[str]) -> pst.Template | None:
    reads = [bool(frozenset(_read(clause)) & frozenset(missing)) for clause in node.clauses]
    if not any(reads):
        return node
    if node.effect == "permit":
        return None
    clauses = tuple(clause for clause, does in zip(node.clauses, reads, strict=True) if not does)
    return replace(node, clauses=clauses)


def _read(value: object) -> Iterator[str]:
    match value:
        case pst.GetAttr(base=pst.Var(name="context"), attr=name):
            yield name
        case pst.HasAttr(base=pst.Var(name="context"), attrs=names):
            yield names[0]
        case tuple():
            for item in value:  # pyright: ignore[reportUnknownVariableType]
                yield from _read(item)  # pyright: ignore[reportUnknownArgumentType]
        case _ if is_dataclass(value) and not isinstance(value, type):
            for one in fields(value):
                yield from _read(getattr(value, one.name))
        case _:
            return
