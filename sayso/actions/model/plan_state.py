"""Waiting: what an action of a plan is told by the steps that must have succeeded before it."""

from __future__ import annotations

from enum import StrEnum

from sayso.actions.engine.compensation import has_failed, plan_of
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.plan import OnFailure
from sayso.actions.model.status import FINAL, TOLD, Status
from sayso.errors import Code
from sayso.store.base import Reader, Transaction


class Waits(StrEnum):
    """What the steps before an action say."""

    NOTHING = "nothing"
    OPEN = "open"
    FAILED = "failed"


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
