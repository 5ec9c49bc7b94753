"""What a change of the dials moves to the right, for whoever it is; found by search."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from sayso.actions.policy.formula.domain import domain_of
from sayso.actions.policy.formula.search import Budget, find
from sayso.actions.policy.formula.solver import UndecidedError
from sayso.actions.policy.formula.terms import FALSE, conj
from sayso.actions.rollout.definition import ALL, Dial, Rollout, Stage
from sayso.actions.rollout.dials import ActionDials, Dials, regions

_Steps = tuple[tuple[int, Stage], ...]
"""Up to which place among the customers, which stage."""


def moved_right(was: Dials, now: Dials) -> Iterator[str]:
    """Why a change goes further for somebody, in words; nothing where it does not.

    INVARIANT: what cannot be decided goes further.
    """
    for name in ("others", "model"):
        before, after = getattr(was.rollout, name), getattr(now.rollout, name)
        if after.rank > before.rank:
            yield f"roll-out: `{name}` moves from {before} to {after}"
    yield from _brakes(was.rollout, now.rollout)
    for action in sorted(was.by_action.keys() | now.by_action.keys()):
        before, after = was.by_action.get(action), now.by_action.get(action)
        yield from _of_action(action, (was.rollout, before), (now.rollout, after))


def _brakes(was: Rollout, now: Rollout) -> Iterator[str]:
    known = now.by_id()
    for dial in was.dials:
        after = known.get(dial.id)
        if after is not None and after.released > dial.released:
            yield f"dial {dial.id}: its brake is released"
        if after is None or dial.brake is None:
            continue
        if after.brake is None:
            yield f"dial {dial.id}: its brake is removed"
        elif after.brake.wrong > dial.brake.wrong or after.brake.days < dial.brake.days:
            yield f"dial {dial.id}: its brake holds later"


def _of_action(
    action: str,
    was: tuple[Rollout, ActionDials | None],
    now: tuple[Rollout, ActionDials | None],
) -> Iterator[str]:
    mine = was[1] or now[1]
    assert mine is not None, "one of them has dials"
    before, after = regions(was[1]), regions(now[1])
    formulas = [formula for formula, _, _ in (*before, *after)]
    domain = domain_of(mine.slice.action, mine.slice.facts, formulas, ())
    budget = Budget()
    said: set[str] = set()
    for (old, from_dial, was_in), (new, to_dial, is_in) in product(before, after):
        why = _further((from_dial, was_in, was[0].others), (to_dial, is_in, now[0].others))
        if why is None or why in said or (both := conj((old, new))) == FALSE:
            continue
        try:
            if find(both, domain, budget) is None:
                continue
        except UndecidedError:
            why = "its dials are too entangled to be compared in time"
        said.add(why)
        yield f"roll-out of {action}: {why}"


def _further(
    was: tuple[Dial | None, bool, Stage], now: tuple[Dial | None, bool, Stage]
) -> str | None:
    """What moves right from one dial to another for somebody whom both are about."""
    name = now[0].id if now[0] is not None else "others"
    aligned = was[0] is not None and now[0] is not None and was[0].id == now[0].id
    old, new = _steps(*was), _steps(*now)
    for (low, before), (high, after) in product(old, new):
        # With one id the same customers come first; else anybody may stand anywhere.
        meet = not aligned or _overlap(old, low, new, high)
        if meet and after.rank > before.rank:
            share = f" for {high / 100:g} %" if len(new) > 1 else ""
            return f"`{name}` moves from {before} to {after}{share}"
    until, ends = (was[0].until if was[0] else None), (now[0].until if now[0] else None)
    if until is not None and (ends is None or ends > until):
        last = was[0].otherwise if was[0] else was[2]
        if any(stage.rank > last.rank for _, stage in new):
            return f"`{name}` lasts longer"
    return None


def _steps(dial: Dial | None, inside: bool, others: Stage) -> _Steps:
    if dial is None:
        return ((ALL, others),)
    if not inside or dial.share == 0:
        return ((ALL, dial.otherwise),)
    if dial.share == ALL:
        return ((ALL, dial.stage),)
    return ((dial.share, dial.stage), (ALL, dial.otherwise))


def _overlap(old: _Steps, low: int, new: _Steps, high: int) -> bool:
    def start(steps: _Steps, end: int) -> int:
        return max((one for one, _ in steps if one < end), default=0)

    return max(start(old, low), start(new, high)) < min(low, high)
