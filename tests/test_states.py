"""The table of an action's states keeps the first invariant by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sayso.actions.model.ledger import check_transition
from sayso.actions.model.status import FINAL, NOT_DONE, START, TRANSITIONS, Status
from sayso.audit.entry import EntryKind
from sayso.errors import Code, IntegrityError

TOUCHED = {
    Status.EXECUTING,
    Status.ACCEPTED,
    Status.SUCCEEDED,
    Status.FAILED,
    Status.UNKNOWN,
    Status.COMPENSATED,
}
"""States of an action whose call may have left the house."""


CALLED_BEFORE = {
    (was, to, (kind,))
    for was in (Status.APPROVED, Status.STALE, Status.PENDING_APPROVAL, *NOT_DONE)
    for to, kind in (
        (Status.SUCCEEDED, EntryKind.ACTION_RECONCILED),
        (Status.ACCEPTED, EntryKind.ACTION_ACCEPTED),
    )
}
"""The ways past `executing`: of an action that was there, was released, perhaps judged again, has
perhaps ended, and turns out to be done. `Settlements.reconcile` refuses them to one that has no key
of a call."""


def _reachable(without: Status) -> set[str]:
    """Where an action that was never called can get to when one state is closed."""
    seen: set[str] = {START}
    left: list[str] = [START]
    while left:
        was = left.pop()
        for to, kinds in TRANSITIONS[was].items():
            if (was, to, kinds) in CALLED_BEFORE:
                continue
            if to is not without and to not in seen:
                seen.add(to)
                left.append(to)
    return seen


@pytest.mark.promise("states:approved-first")
def test_without_approved_nothing_is_ever_called() -> None:
    """Invariant 1: with `approved` closed, no state after a call can be reached."""
    assert _reachable(Status.APPROVED) & TOUCHED == set()
    assert _reachable(Status.EXECUTING) & TOUCHED == set()


@pytest.mark.promise("states:approved-first")
def test_each_way_into_a_call_writes_its_intent() -> None:
    """Invariant 1: `executing` is entered by `action.intent` and by nothing else."""
    ways = {kinds for to in TRANSITIONS.values() for state, kinds in to.items() if _calls(state)}
    assert ways == {(EntryKind.ACTION_INTENT,)}


def _calls(state: Status) -> bool:
    return state is Status.EXECUTING


def _not_in_the_table() -> Iterator[tuple[str, Status, EntryKind]]:
    for was, ways in TRANSITIONS.items():
        for to in Status:
            for kind in EntryKind:
                if kind not in ways.get(to, ()):
                    yield was, to, kind


@pytest.mark.promise("states:closed")
def test_what_the_table_does_not_have_is_refused() -> None:
    """Every other change of state is a fault of the program, said as such (invariant 3)."""
    count = 0
    for was, to, kind in _not_in_the_table():
        count += 1
        with pytest.raises(IntegrityError) as refusal:
            check_transition(was, to, kind)
        assert refusal.value.code is Code.WRONG_STATE
    assert count > len(Status) ** 2
    for was, ways in TRANSITIONS.items():
        for to, kinds in ways.items():
            for kind in kinds:
                check_transition(was, to, kind)


def test_every_state_can_be_reached_and_left_unless_it_is_final() -> None:
    """No dead state, and no end that is not called one."""
    reached = _reachable(Status.COMPENSATED) | {Status.COMPENSATED}
    assert reached == {START, *Status}
    assert {state for state in Status if not TRANSITIONS[state]} <= FINAL
