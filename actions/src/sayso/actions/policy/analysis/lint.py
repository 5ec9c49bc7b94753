"""What stands in the files of a policy in vain, or is not what it looks like.

Each finding is proved: the search goes through every question that there can be, and every set of
people who might say yes. What it cannot decide is no finding; `unsure` names it. Only a fact that
could not be read is outside of it, since a rule that reads one decides then by being there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Literal

from sayso.actions.policy.analysis.direction import confirm
from sayso.actions.policy.analysis.people import HypotheticalApprovals, all_approvals, who
from sayso.actions.policy.analysis.words import answer_of, question_words
from sayso.actions.policy.formula.domain import Domain, domain_of
from sayso.actions.policy.formula.search import Budget, find
from sayso.actions.policy.formula.solver import UndecidedError
from sayso.actions.policy.formula.terms import (
    FALSE,
    And,
    AtMost,
    FactHolds,
    Formula,
    Value,
    conj,
    disj,
    given,
    neg,
)
from sayso.actions.policy.formula.translate import SCALE, RuleFormula
from sayso.actions.policy.reading import ReadPolicy
from sayso.actions.policy.slices import Slice, fields_read
from sayso.actions.policy.tables.file import RuleTable
from sayso.actions.policy.tables.rows import RowKind, RuleRow, name_in_table
from sayso.toml import line_of_row

FindingKind = Literal[
    "never", "overridden", "nothing", "conflict", "unsupplied", "missing", "beside", "addition",
    "unsure",
]  # fmt: skip
NOTES: frozenset[FindingKind] = frozenset({"beside", "addition", "unsure"})
"""What may well be meant so; all others are mistakes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFinding:
    """One thing that the policy says in vain, or that is not what it looks like.

    Attributes:
        file, line: where. rule: its id; empty where it is the whole file.
        message: a sentence without its full stop. next_step: what to do about it.
    """

    kind: FindingKind
    file: str
    line: int
    rule: str
    message: str
    next_step: str

    @property
    def is_mistake(self) -> bool:
        """Whether it can hardly be meant so."""
        return self.kind not in NOTES


def lint(read: ReadPolicy, unsupplied: Collection[str] = ()) -> list[RowFinding]:
    """Look through the tables of a policy.

    Args:
        unsupplied: facts that nobody can sign, since no issuer is set up.
    """
    found: list[RowFinding] = []
    for table in read.tables:
        mine = read.policy.slice(table.action)
        if mine is None or table.action in read.absent:
            continue
        found += _Table(read, table, mine, frozenset(unsupplied)).findings()
    return sorted(found, key=lambda one: (one.file, one.line, one.kind))


@dataclass(kw_only=False)
class _Table:
    """A table beside all other rules about its action."""

    read: ReadPolicy
    table: RuleTable
    slice: Slice
    unsupplied: frozenset[str]
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        policy = self.read.policy
        named = {role for roles in self.slice.rules.named_roles.values() for role in roles}
        roles = [role for role in policy.roles if role in named]
        roles += [role for role in policy.roles if role not in named][:1]
        self.people = all_approvals(roles, policy.max_quorum)
        self.rules = {rule.id: rule for rule in self.slice.translated.rules}
        whole = (rule.formula for rule in self.rules.values())
        self.domain: Domain = domain_of(self.slice.action, self.slice.facts, tuple(whole), ())

    def findings(self) -> Iterator[RowFinding]:
        yield from self._missing()
        left_out = self.slice.translated.left_out
        if left_out:
            rule, why = next(iter(left_out.items()))
            message = f"rule `{rule}` reads {why}, so nobody can say which rows are in vain"
            yield self._finding("unsure", "", message, "look at the rows yourself")
            return
        for row in self.table.rows:
            try:
                yield from self._row(row)
            except UndecidedError:
                message = "it is too entangled with other rules to be looked through"
                yield self._finding("unsure", row.id, message, "look at it yourself")
        if not self.table.replaces:
            yield from self._beside()

    # ---- one row -------------------------------------------------------------------------------

    def _row(self, row: RuleRow) -> Iterator[RowFinding]:
        lacking = sorted(self._reads(row) & self.unsupplied)
        for name in lacking:
            yield self._finding(
                "unsupplied",
                row.id,
                f"it reads `{name}`, which is signed, and no [identity] says who may sign",
                "set one up, see docs/how-to/sign-facts-of-your-own.md, or remove the condition",
            )
        if "holiday" in self._reads(row) and self.read.calendar.ends is None:
            yield self._finding(
                "unsupplied",
                row.id,
                "it reads `holiday`, and there is no list of holidays, so no day is one",
                "write policies/holidays.txt, a date in each line",
            )
            return
        rule = self.rules[row.id]
        if not any(self._holds(rule, people) for people in self.people):
            yield self._finding(
                "never",
                row.id,
                "it never applies: no request meets all of its conditions",
                "look for two that exclude each other, or remove it",
            )
        elif row.sort is RowKind.ALLOW:
            yield from self._allow(row, rule)
        else:
            yield from self._forbid(row, rule)

    def _allow(self, row: RuleRow, rule: RuleFormula) -> Iterator[RowFinding]:
        if not any(self._passes(rule, people) for people in self.people):
            by = self._lifts(rule, permits=False)
            yield self._finding(
                "overridden",
                row.id,
                f"it allows nothing: {by} always stands against it",
                "remove one of the two, or give the other one a condition",
            )
            return
        own = self._own_people(row)
        if own is not None and not self._passes(rule, own):
            by = self._lifts(rule, permits=False, people=own)
            named = who(row.by[:1] * row.people) if row.by else "nobody"
            what = "is never done at once" if not row.by else f"{named} is never enough"
            yield self._finding(
                "conflict",
                row.id,
                f"it says `{row.say}`, and {what}: {by} asks somebody else in every case",
                "say it in one of the two",
            )
            return
        if not any(self._adds(rule, people) for people in self.people):
            by = self._lifts(rule, permits=True)
            yield self._finding(
                "nothing",
                row.id,
                f"it changes nothing: {by} allows all of it already",
                "remove it, or narrow the other one",
            )
            return
        yield from self._addition(row, rule, own)

    def _forbid(self, row: RuleRow, rule: RuleFormula) -> Iterator[RowFinding]:
        if any(self._takes(rule, people) for people in self.people):
            return
        others = [one for one in self.rules.values() if not one.permits and one.id != rule.id]
        by = next((one.id for one in others if self._within(rule, one)), "")
        why = f"`{by}` says all of it already" if by else _not_allowed(row)
        yield self._finding(
            "nothing",
            row.id,
            f"it changes nothing: {why}",
            "remove it, or widen it to what it is meant for",
        )

    def _addition(
        self, row: RuleRow, rule: RuleFormula, own: HypotheticalApprovals | None
    ) -> Iterator[RowFinding]:
        """A segment with an amount that others go beyond: meant as a cap?"""
        if not row.amounts or not row.conditions or own is None or len(row.amounts) != 1:
            return
        ((currency, amount),) = row.amounts.items()
        bound = int(amount * SCALE)
        segment = _without_amount(given(rule.formula, own.people, own.roles), bound)
        above = conj((segment, neg(AtMost("amount", bound))))
        allowed = given(self.slice.translated.allowed, own.people, own.roles)
        values = self._find(conj((above, allowed, neg(FactHolds("undoes")))))
        if values is None or not confirm(self.slice, values, own):
            return
        by = ", ".join(f"`{one}`" for one in answer_of(self.slice, values).rules)
        shown = question_words(values, self.slice.form.reads)
        words = row.id.partition(".")[2]
        yield self._finding(
            "addition",
            row.id,
            f"it allows up to {amount:,} {currency}, and {by} allows such a customer more: {shown}",
            f"to cap it, write [[ask]] with the conditions of `{words}`, over = {amount} and `by`;"
            " to add to it, leave it",
        )

    # ---- the file ------------------------------------------------------------------------------

    def _beside(self) -> Iterator[RowFinding]:
        """The rules that ship decide beside a table that does not say so."""
        shipped = self.slice.rules.shipped_for(self.slice.action)
        permits = [self.rules[rule] for rule in shipped if self.rules[rule].permits]
        if not permits:
            return
        kept = [rule for rule in self.rules.values() if rule.id not in shipped]
        for people in self.people:
            theirs = disj(given(one.formula, people.people, people.roles) for one in permits)
            formula = conj(
                (
                    given(self.slice.translated.allowed, people.people, people.roles),
                    theirs,
                    neg(disj(self._of(one, people) for one in kept if one.permits)),
                )
            )
            try:
                values = self._find(formula)
            except UndecidedError:
                return
            if values is None or not confirm(self.slice, values, people):
                continue
            answer = answer_of(self.slice, values)
            rule = next((one for one in answer.rules if one in shipped), min(shipped))
            file = self.slice.rules.files[rule]
            shown = question_words(values, self.slice.form.reads)
            yield self._finding(
                "beside",
                "",
                f"{file} decides beside this table: {shown}: {answer.words}, by `{rule}`",
                'write replaces = "shipped" on top, or leave it where both are meant',
            )
            return

    def _missing(self) -> Iterator[RowFinding]:
        """What `missing` says in vain."""
        for name in sorted(self.table.missing.keys() - self.slice.reads):
            yield self._finding(
                "nothing",
                "",
                f"`missing` names `{name_in_table(name)}`, and no rule of the action reads it",
                "remove it there",
            )
        for name, fact in self.slice.facts.items():
            if fact.missing != "ask" or name not in self.slice.reads:
                continue
            listed = name in self.table.missing
            for row in self.table.rows:
                if row.sort is RowKind.NEVER and name in self._reads(row):
                    yield self._finding(
                        "missing",
                        row.id,
                        f"where `{name}` cannot be read, nobody is asked: it is refused, since"
                        " nobody could say that this row does not hold",
                        'make it an [[ask]], or write "deny" for the fact',
                    )
            lacking = self.slice.translated_without((name,))
            if not listed or lacking.left_out:
                continue
            allowed = (given(lacking.allowed, one.people, one.roles) for one in self.people)
            if all(formula == FALSE or self._find(formula) is None for formula in allowed):
                yield self._finding(
                    "missing",
                    "",
                    f"where `{name}` cannot be read, nobody is asked: every [[allow]] reads it,"
                    " so nothing would be left that allows it",
                    f"add an [[allow]] with `by` that does not read `{name}`",
                )

    # ---- questions -----------------------------------------------------------------------------

    def _find(self, formula: Formula) -> dict[str, Value] | None:
        return None if formula == FALSE else find(formula, self.domain, self.budget)

    def _of(self, rule: RuleFormula, people: HypotheticalApprovals) -> Formula:
        return given(rule.formula, people.people, people.roles)

    def _others(
        self, rule: RuleFormula, people: HypotheticalApprovals, *, permits: bool
    ) -> Formula:
        return disj(
            self._of(one, people)
            for one in self.rules.values()
            if one.permits is permits and one.id != rule.id
        )

    def _holds(self, rule: RuleFormula, people: HypotheticalApprovals) -> bool:
        return self._find(self._of(rule, people)) is not None

    def _passes(self, rule: RuleFormula, people: HypotheticalApprovals) -> bool:
        """Whether a permit ever lets something pass with these people's yes."""
        against = self._others(rule, people, permits=False)
        return self._find(conj((self._of(rule, people), neg(against)))) is not None

    def _adds(self, rule: RuleFormula, people: HypotheticalApprovals) -> bool:
        """Whether a permit lets something pass that no other one does."""
        mine = conj((self._of(rule, people), neg(self._others(rule, people, permits=False))))
        return self._find(conj((mine, neg(self._others(rule, people, permits=True))))) is not None

    def _takes(self, rule: RuleFormula, people: HypotheticalApprovals) -> bool:
        """Whether a forbid stops something that would pass without it."""
        passing = conj(
            (
                self._others(rule, people, permits=True),
                neg(self._others(rule, people, permits=False)),
            )
        )
        return self._find(conj((passing, self._of(rule, people)))) is not None

    def _within(self, rule: RuleFormula, other: RuleFormula) -> bool:
        """Whether another rule holds wherever this one does."""
        return all(
            self._find(conj((self._of(rule, people), neg(self._of(other, people))))) is None
            for people in self.people
        )

    def _lifts(
        self, rule: RuleFormula, *, permits: bool, people: HypotheticalApprovals | None = None
    ) -> str:
        """The one rule that does all of it, or that several do."""
        chosen = self.people if people is None else [people]
        others = [one for one in self.rules.values() if one.permits is permits]
        for one in others:
            if one.id != rule.id and all(
                self._find(conj((self._of(rule, who_), neg(self._of(one, who_))))) is None
                for who_ in chosen
            ):
                return f"`{one.id}`"
        return "something of the other rules"

    # ---- words ---------------------------------------------------------------------------------

    def _reads(self, row: RuleRow) -> frozenset[str]:
        return fields_read(self.slice.rules.nodes[row.id])

    def _own_people(self, row: RuleRow) -> HypotheticalApprovals | None:
        """The least people of whom a row says that they are enough."""
        if not row.by:
            return None if self.slice.action.always_ask else self.people[0]
        roles = frozenset(row.by[:1])
        return HypotheticalApprovals(people=row.people, roles=roles)

    def _finding(self, kind: FindingKind, rule: str, message: str, next_step: str) -> RowFinding:
        text = self.read.document.files[self.table.file]
        return RowFinding(
            kind=kind,
            file=self.table.file,
            line=line_of_row(text, rule.partition(".")[2]) if rule else 1,
            rule=rule,
            message=message,
            next_step=next_step,
        )


def _without_amount(formula: Formula, bound: int) -> Formula:
    """The same for any amount."""
    parts = formula.parts if isinstance(formula, And) else (formula,)
    return conj(part for part in parts if part != AtMost("amount", bound))


def _not_allowed(row: RuleRow) -> str:
    """What a refusal is about that nothing allows: with an amount, another currency, too."""
    if not row.amounts:
        return "nothing that it is about is allowed"
    amounts = " or ".join(f"{amount:,} {currency}" for currency, amount in row.amounts.items())
    return f"nothing over {amounts} is allowed, nor in another currency"
