"""The steps of a plan: what each waits for, and which of them are judged and decided together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

from sayso.actions.model.action_row import ActionRow, read_action
from sayso.actions.model.definition import Action, Effect, StateValue
from sayso.actions.model.plan import OnFailure
from sayso.actions.model.status import FINAL, TOLD, Status
from sayso.errors import Code
from sayso.store.base import Reader, Transaction

DONE_WELL = frozenset({Status.SUCCEEDED, Status.COMPENSATED})
"""States of a step that its plan can build on."""


class Waits(StrEnum):
    """What the steps before an action say."""

    NOTHING = "nothing"
    OPEN = "open"
    FAILED = "failed"


class Definitions(Protocol):
    """Knows how actions are taken back, and what they change."""

    def knows(self, name: str) -> bool:
        """Whether there is a definition."""
        ...

    def action(self, name: str) -> Action:
        """The definition of an action."""
        ...


def plan_of(reader: Reader, row: ActionRow) -> list[ActionRow]:
    """Every action of the plan that a step belongs to, those that take back included."""
    if row.request_id is None:
        return []
    rows = reader.all("action.by_request", tenant=row.tenant, request_id=row.request_id)
    return [read_action(found) for found in rows]


def has_failed(step: ActionRow) -> bool:
    """Whether a step has ended without success."""
    return step.undoes is None and step.status in FINAL and step.status not in DONE_WELL


def stands_alone(row: ActionRow) -> bool:
    """Whether no other action is asked before this one runs."""
    return not row.after and row.on_failure is OnFailure.CONTINUE


def waits_for(reader: Reader, row: ActionRow) -> Waits:
    """What the steps before an action say now; a step that is not there has not succeeded."""
    if stands_alone(row):
        return Waits.NOTHING
    plan = plan_of(reader, row)
    before = [step for step in plan if step.step in row.after]
    if row.undoes is not None:
        # What takes back goes on when the one before it could not, or all the others would stand.
        return Waits.NOTHING if all(step.status in TOLD for step in before) else Waits.OPEN
    if row.on_failure is not OnFailure.CONTINUE and any(map(has_failed, plan)):
        return Waits.FAILED
    if len(before) < len(set(row.after)):
        return Waits.FAILED
    if any(step.status in FINAL and step.status is not Status.SUCCEEDED for step in before):
        return Waits.FAILED
    if all(step.status is Status.SUCCEEDED for step in before):
        return Waits.NOTHING
    return Waits.OPEN


def own_changes(
    reader: Reader, registry: Definitions, row: ActionRow
) -> dict[str, list[StateValue]]:
    """Which preconditions of a step its own plan has changed by now, and to what.

    Only by steps that were done on the very object, in the account that it is in; an empty list is
    any value. See `Action.changes`.
    """
    found: dict[str, list[StateValue]] = {}
    if row.snapshot is None or row.undoes is not None:
        return found
    own = row.snapshot.resolved
    for step in plan_of(reader, row):
        if step.status is not Status.SUCCEEDED or step.id == row.id or step.snapshot is None:
            continue
        done = step.snapshot.resolved
        if (done.account, done.object_kind, done.object_id, done.owner) != (
            own.account,
            own.object_kind,
            own.object_id,
            own.owner,
        ):
            continue
        if not registry.knows(step.name):
            continue
        for name, values in registry.action(step.name).changes.items():
            known = found.setdefault(name, list(values))
            found[name] = [*known, *values] if known and values else []
    return found


def failed_before(reader: Reader, row: ActionRow) -> str | None:
    """The step because of which it must not run, in words; None when there is none."""
    if stands_alone(row) or row.undoes is not None:
        return None
    together = row.on_failure is not OnFailure.CONTINUE
    for step in plan_of(reader, row):
        failed = step.status in FINAL and step.status is not Status.SUCCEEDED
        if (failed and step.step in row.after) or (together and has_failed(step)):
            return f"{step.name} is {step.status}"
    return None


def dependency_error(failed: str) -> dict[str, str]:
    """The error of an action whose earlier step did not succeed."""
    return {
        "code": Code.DEPENDENCY_FAILED.value,
        "message": f"another step of its plan did not succeed: {failed}",
    }


def park(tx: Transaction, row: ActionRow) -> None:
    """Take an action off the due index until the step it waits for wakes it."""
    # NOTE: looked at again inside the transaction, or a wake-up between the two would be lost.
    if waits_for(tx, row) is Waits.OPEN:
        tx.run("action.park", tenant=row.tenant, id=row.id, last_seq=row.last_seq)


GIVEN = frozenset({Effect.MONEY_OUT, Effect.CREDIT, Effect.MESSAGE})
"""What is given to a customer."""

EffectOf = Callable[[str], "Effect | None"]
"""The effect of an action by its name; None for one that nobody knows."""


def parts_of(rows: Sequence[ActionRow], effect_of: EffectOf) -> list[tuple[ActionRow, ...]]:
    """The parts of a plan, in the order of their first steps.

    Steps that wait for each other belong together, and so does all that is given to the customer in
    one request: money, credit and what is written about it. An end or a change of something that
    hangs on nothing else is a part of its own, so that nobody has to agree to a refund before it is
    done.

    Args:
        rows: steps of one plan, in its order.
    """
    part: dict[str, int] = {row.id: place for place, row in enumerate(rows)}

    def join(one: ActionRow, other: ActionRow) -> None:
        was, to = sorted((part[one.id], part[other.id]), reverse=True)
        for key, place in part.items():
            if place == was:
                part[key] = to

    by_step = {row.step: row for row in rows if row.step is not None}
    given: ActionRow | None = None
    for row in rows:
        for step in row.after:
            if step in by_step:
                join(row, by_step[step])
        if row.on_failure is not OnFailure.CONTINUE:
            join(row, rows[0])  # one that fails ends them all
        if effect_of(row.name) in GIVEN:
            if given is not None:
                join(row, given)
            given = row
    parts: dict[int, list[ActionRow]] = {}
    for row in rows:
        parts.setdefault(part[row.id], []).append(row)
    return [tuple(found) for _, found in sorted(parts.items())]
