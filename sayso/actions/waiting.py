"""Waiting: what an action of a plan is told by the steps that must have succeeded before it."""

from __future__ import annotations

from enum import StrEnum

from sayso.actions.ledger import ActionRow, read_action
from sayso.actions.state import FINAL, Status
from sayso.errors import Code
from sayso.store.base import Reader, Transaction


class Waits(StrEnum):
    """What the steps before an action say."""

    NOTHING = "nothing"
    OPEN = "open"
    FAILED = "failed"


def _steps_before(reader: Reader, row: ActionRow) -> list[ActionRow]:
    if not row.after or row.request_id is None:
        return []
    rows = reader.all("action.by_request", tenant=row.tenant, request_id=row.request_id)
    return [before for before in map(read_action, rows) if before.step in row.after]


def waits_for(reader: Reader, row: ActionRow) -> Waits:
    """What the steps before an action say now; a step that is not there has not succeeded."""
    before = _steps_before(reader, row)
    if len(before) < len(set(row.after)):
        return Waits.FAILED
    if any(step.status in FINAL and step.status is not Status.SUCCEEDED for step in before):
        return Waits.FAILED
    if all(step.status is Status.SUCCEEDED for step in before):
        return Waits.NOTHING
    return Waits.OPEN


def failed_before(reader: Reader, row: ActionRow) -> str | None:
    """The step before it that did not succeed, in words; None when there is none."""
    for step in _steps_before(reader, row):
        if step.status in FINAL and step.status is not Status.SUCCEEDED:
            return f"{step.name} is {step.status}"
    return None


def dependency_error(failed: str) -> dict[str, str]:
    """The error of an action whose earlier step did not succeed."""
    return {
        "code": Code.DEPENDENCY_FAILED.value,
        "message": f"an earlier step did not succeed: {failed}",
    }


def park(tx: Transaction, row: ActionRow) -> None:
    """Take an action off the due index until the step it waits for wakes it."""
    # NOTE: looked at again inside the transaction, or a wake-up between the two would be lost.
    if waits_for(tx, row) is Waits.OPEN:
        tx.run("action.park", tenant=row.tenant, id=row.id, last_seq=row.last_seq)
