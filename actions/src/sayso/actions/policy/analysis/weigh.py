"""What a change of a whole document does: its rules by search, its settings by what they are for.

A change loosens if a question and some approvals are permitted that were not; if a limit goes, its
cap rises or it asks instead of refusing; if a dial moves right for anybody; if the roles, their
order or the number of people change; if a fact asks that denied; if who may change the policy
changes; and if it cannot be decided. One that loosens and tightens loosens.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sayso.actions.limits.direction import lowered, raised
from sayso.actions.policy.analysis.direction import Comparison, compare
from sayso.actions.policy.reading import ReadPolicy
from sayso.actions.policy.versions import Direction
from sayso.actions.rollout.direction import moved_right

_LOCAL = frozenset({"localHour", "weekday", "holiday"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """What a change does, and why it is called so.

    Attributes:
        decided: whether nothing had to be left open.
        loosens, tightens: why, in words; without those of the rules, which are examples.
        rules: the comparison of the rules.
    """

    direction: Direction
    decided: bool
    loosens: tuple[str, ...]
    tightens: tuple[str, ...]
    rules: Comparison


def weigh(was: ReadPolicy, now: ReadPolicy, actions: Collection[str]) -> Weighing:
    """Weigh a change.

    Args:
        actions: names of the actions of this program.
    """
    rules = compare(was.policy, now.policy, actions)
    loosens = [*_settings(was, now), *_facts(was, now, actions), *_times(was, now, actions)]
    loosens += [*raised(was.limits, now.limits), *moved_right(was.dials, now.dials)]
    loosens += [f"{name}: {why}, so nobody can say" for name, why in rules.undecided.items()]
    tightens = [*_facts(now, was, actions), *lowered(was.limits, now.limits)]
    tightens += [f"back: {why}" for why in moved_right(now.dials, was.dials)]
    direction: Direction = "same"
    if loosens or rules.looser is not None:
        direction = "looser"
    elif tightens or rules.tighter is not None:
        direction = "tighter"
    return Weighing(
        direction=direction,
        decided=not rules.undecided,
        loosens=tuple(loosens),
        tightens=tuple(tightens),
        rules=rules,
    )


def _settings(was: ReadPolicy, now: ReadPolicy) -> Iterator[str]:
    before, after = was.document.rules, now.document.rules
    if before.roles != after.roles:
        yield f"the roles change from {', '.join(before.roles)} to {', '.join(after.roles)}"
    if before.max_people != after.max_people:
        yield f"`max_people` changes from {before.max_people} to {after.max_people}"
    if before.may_activate != after.may_activate:
        yield "who may put a policy in force changes"
    if before.loosening_needs != after.loosening_needs:
        yield f"`loosening_needs` changes from {before.loosening_needs} to {after.loosening_needs}"
    if before.may_confirm != after.may_confirm:
        yield "who may confirm a change changes"


def _facts(was: ReadPolicy, now: ReadPolicy, actions: Collection[str]) -> Iterator[str]:
    for name in sorted(actions):
        before, after = was.policy.slice(name), now.policy.slice(name)
        if before is None or after is None:
            continue
        for fact, said in after.facts.items():
            old = before.facts.get(fact)
            if old is not None and old.missing == "deny" and said.missing == "ask":
                yield f"{name}: without `{fact}` it is asked about instead of denied"


def _times(was: ReadPolicy, now: ReadPolicy, actions: Collection[str]) -> Iterator[str]:
    if was.calendar == now.calendar:
        return
    for name in sorted(actions):
        before, after = was.policy.slice(name), now.policy.slice(name)
        if before is None or after is None:
            continue
        if (before.reads | after.reads) & _LOCAL:
            yield f"{name}: its rules read the local time, and the time zone or the holidays change"
