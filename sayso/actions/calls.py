"""Calls: what is handed to a connector for a claimed action, and what is written of its answer."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from sayso.actions.ledger import ActionRow
from sayso.actions.snapshot import Call, Receipt
from sayso.actions.state import Status
from sayso.audit.entry import Json
from sayso.errors import Code, IntegrityError


class Try(StrEnum):
    """Which try of one intent a call is."""

    FIRST = "first"
    AGAIN = "again"
    """An earlier one may have done it; the provider drops the same key."""
    PROVEN = "proven"
    """An earlier one surely did nothing."""


def check_claimed(row: ActionRow) -> None:
    """Stop the line where a claim found tampering instead of something to run.

    Raises:
        IntegrityError: `tampered`; it stands in the log already.
    """
    if row.status is not Status.EXECUTING:
        raise IntegrityError(
            Code.TAMPERED,
            "the stored action is not what was judged and shown, so it was not carried out",
            next_step="run `sayso audit verify`, and look at the provider",
            detail=f"{row.id}: {row.error['message'] if row.error else ''}",
        )


def call_of(row: ActionRow) -> Call:
    """The executor's input: exactly the stored snapshot, under the stored key."""
    assert row.snapshot is not None
    assert row.call_key is not None
    return Call(
        tenant=row.tenant,
        action_id=row.id,
        action=row.name,
        subject_id=row.subject.id,
        resolved=row.snapshot.resolved,
        idempotency_key=row.call_key,
    )


def last_called(row: ActionRow) -> ActionRow:
    """The row, with the last moment at which its newest call may have been on its way.

    A worker that is gone may have called for as long as its lease held, so that is when the time
    begins after which an empty look-up proves something.
    """
    if row.status is not Status.EXECUTING or row.due_at is None:
        return row
    return replace(row, called_at=max(row.called_at or 0, row.due_at))


def receipt_data(receipt: Receipt, row: ActionRow) -> dict[str, Json]:
    """What the log says of a receipt."""
    amount = receipt.amount
    return {
        "receipt": receipt.id[:200],
        "provider_status": receipt.status[:80],
        "moved": None if amount is None else dict(amount.to_json()),
        "as_approved": amount == row.amount,
        "fence": row.fence,
    }
