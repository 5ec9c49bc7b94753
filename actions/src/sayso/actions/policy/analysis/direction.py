"""Whether a change lets anybody do with fewer people what needed more before, or the other way.

Found by looking for a question and a set of approvals that one of the two policies permits and the
other does not; never by comparing texts. INVARIANT: what cannot be decided loosens.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from sayso.actions.policy.analysis.people import HypotheticalApprovals, all_approvals
from sayso.actions.policy.cedar import CedarPolicy
from sayso.actions.policy.formula.domain import Domain, domain_of
from sayso.actions.policy.formula.search import Budget, Finder, find
from sayso.actions.policy.formula.solver import UndecidedError
from sayso.actions.policy.formula.terms import (
    FALSE,
    TRUE,
    FactHolds,
    Formula,
    Value,
    conj,
    given,
    neg,
)
from sayso.actions.policy.formula.translate import Translated
from sayso.actions.policy.slices import Slice, asked_roles

_MOST_MISSING = 4
"""So many facts that ask when they are missing are tried in every combination."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterexample:
    """A question that one policy permits with these approvals and the other does not.

    Attributes:
        action: its name. values: the question. approvals: who said yes.
        missing: facts that could not be read.
        confirmed: whether the engine said the same of both policies.
        rule: the changed rule that it is an example of; empty where it is of the change as a whole.
    """

    action: str
    values: dict[str, Value]
    approvals: HypotheticalApprovals
    missing: tuple[str, ...]
    confirmed: bool
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a change of the rules does.

    Attributes:
        looser, tighter: an example each; None where there is none.
        undecided: why nobody can say of an action, by its name.
    """

    looser: Counterexample | None
    tighter: Counterexample | None
    undecided: dict[str, str]


def compare(
    was: CedarPolicy, now: CedarPolicy, actions: Collection[str], finder: Finder = find
) -> Comparison:
    """Compare two policies for these actions.

    Args:
        finder: `find_by_solver` asks the solver alone.

    Guarantees: exact, as far as nothing is `undecided`: no witness means that there is none.
    """
    looser: Counterexample | None = None
    tighter: Counterexample | None = None
    undecided: dict[str, str] = {}
    for name in sorted(actions):
        before, after = was.slice(name), now.slice(name)
        if before is None or after is None or before.version == after.version:
            continue
        try:
            looser = looser or _permitted_only_by(after, before, was, now, finder)
            tighter = tighter or _permitted_only_by(before, after, was, now, finder)
        except UndecidedError:
            undecided[name] = "its rules are too entangled to be compared in time"
        except _LeftOutError as error:
            undecided[name] = str(error)
    return Comparison(looser=looser, tighter=tighter, undecided=undecided)


def examples(
    was: CedarPolicy, now: CedarPolicy, action: str
) -> Iterator[tuple[str, Counterexample]]:
    """For each changed rule, and for each set of approvals, a question that tells the two apart.

    That set is enough for it in only one of them; a rule's example is one where the rule holds.
    Gives `looser` or `tighter` with each; nothing where the search was broken off or a rule says
    what no formula can.
    """
    before, after = was.slice(action), now.slice(action)
    if before is None or after is None or before.version == after.version:
        return
    people = all_approvals(both_roles(was, now), max(was.max_quorum, now.max_quorum))
    ways = {"looser": (after, before), "tighter": (before, after)}
    budget = Budget()
    told: set[tuple[str, str]] = set()
    with contextlib.suppress(UndecidedError, _LeftOutError):
        changed = [*_changed(before, after), *((way, TRUE, "") for way in ways)]
        for (way, where, rule), approvals in itertools.product(changed, people):
            if (way, rule) in told:
                continue
            one, other = ways[way]
            mine, theirs = _formula(one, ()), _formula(other, ())
            domain = domain_of(one.action, one.facts, (mine, theirs), ())
            look = partial(find, budget=budget)
            # What takes another step back is the rarer question.
            usual = conj((mine, where, neg(FactHolds("undoes"))))
            found = _only(usual, theirs, approvals, domain, look)
            if found is None:
                found = _only(conj((mine, where)), theirs, approvals, domain, look)
            if found is None:
                continue
            told |= {(way, rule)} if rule else set()
            agree = confirm(one, found, approvals) and not confirm(other, found, approvals)
            yield (
                way,
                Counterexample(
                    action=action,
                    values=found,
                    approvals=approvals,
                    missing=(),
                    confirmed=agree,
                    rule=rule,
                ),
            )


def _changed(before: Slice, after: Slice) -> Iterator[tuple[str, Formula, str]]:
    """Each rule that one of the two has and the other has not so: what it can do, when, its id."""
    old, new = ({rule.id: rule for rule in one.translated.rules} for one in (before, after))
    for id_, rule in new.items():
        earlier = old.get(id_)
        if earlier is None or earlier.formula != rule.formula:
            yield "looser" if rule.permits else "tighter", rule.formula, id_
        if earlier is not None and earlier.formula != rule.formula:  # it may be narrower, too
            left = conj((earlier.formula, neg(rule.formula)))
            yield "tighter" if rule.permits else "looser", left, id_
    for id_, rule in old.items():
        if id_ not in new:
            yield "tighter" if rule.permits else "looser", rule.formula, id_


class _LeftOutError(Exception):
    """A rule says what no formula can."""


def _permitted_only_by(
    one: Slice, other: Slice, was: CedarPolicy, now: CedarPolicy, finder: Finder
) -> Counterexample | None:
    """A question that `one` permits and `other` does not."""
    budget = Budget()
    people = all_approvals(both_roles(was, now), max(was.max_quorum, now.max_quorum))
    for missing in _missing_sets(one, other):
        mine, theirs = _formula(one, missing), _formula(other, missing)
        domain = domain_of(one.action, one.facts, (mine, theirs), ())
        for approvals in people:
            found = _only(mine, theirs, approvals, domain, partial(finder, budget=budget))
            if found is not None:
                return Counterexample(
                    action=one.action.name,
                    values=found,
                    approvals=approvals,
                    missing=missing,
                    confirmed=confirm(one, found, approvals, missing)
                    and not confirm(other, found, approvals, missing),
                )
    return None


def _only(
    mine: Formula,
    theirs: Formula,
    approvals: HypotheticalApprovals,
    domain: Domain,
    look: Callable[[Formula, Domain], dict[str, Value] | None],
) -> dict[str, Value] | None:
    both = conj(
        (
            given(mine, approvals.people, approvals.roles),
            neg(given(theirs, approvals.people, approvals.roles)),
        )
    )
    return None if both == FALSE else look(both, domain)


def _formula(mine: Slice, missing: tuple[str, ...]) -> Formula:
    translated: Translated = mine.translated_without(missing)
    for rule, why in translated.left_out.items():
        raise _LeftOutError(f"rule `{rule}` reads {why}")
    return translated.allowed


def _missing_sets(one: Slice, other: Slice) -> Iterator[tuple[str, ...]]:
    """Each set of facts without which both still ask, where somebody reads them."""
    asks = sorted(
        name
        for name, fact in one.facts.items()
        if fact.missing == "ask"
        and name in other.facts
        and other.facts[name].missing == "ask"
        and name in one.reads | other.reads
    )
    if len(asks) > _MOST_MISSING:
        raise UndecidedError
    for size in range(len(asks) + 1):
        yield from itertools.combinations(asks, size)


def both_roles(was: CedarPolicy, now: CedarPolicy) -> list[str]:
    """The roles worth asking about in either policy, in the order of the newer one."""
    declared = list(dict.fromkeys((*now.roles, *was.roles)))
    named = {
        role
        for policy in (was, now)
        for roles in policy.rules.named_roles.values()
        for role in roles
    }
    return asked_roles(declared, named)


def confirm(
    mine: Slice,
    values: dict[str, Value],
    approvals: HypotheticalApprovals,
    missing: Sequence[str] = (),
) -> bool:
    """What the engine itself says to a question that a search has found."""
    asked = mine.lacking(tuple(missing)) if missing else mine
    return asked.ask(values, approvals.people, approvals.roles).allowed
