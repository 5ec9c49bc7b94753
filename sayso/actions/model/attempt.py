"""Calls: what is handed to a connector for a claimed action, and what is written of its answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from enum import StrEnum

from sayso.actions.model.action_row import ActionRow, dumps, receipt_json
from sayso.actions.model.digest import storable
from sayso.actions.model.ports import ActionRegistry
from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.actions.model.status import Status
from sayso.audit.entry import Json
from sayso.errors import (
    Code,
    IntegrityError,
    OutcomeUnknownError,
    RefusedError,
    RetryableError,
    SaysoError,
)


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


async def outcome_of(
    registry: ActionRegistry, call: Call, timeout_s: float
) -> Receipt | SaysoError:
    """Make the call; whatever comes of it is an outcome that can be written down."""
    try:
        async with asyncio.timeout(timeout_s):
            return _kept(await registry.call(call))
    except TimeoutError:
        return OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "no answer came in time")
    except (RefusedError, RetryableError, OutcomeUnknownError) as error:
        return error
    except Exception as error:  # noqa: BLE001
        # INVARIANT: once the call has begun, an error that the contract does not know proves
        # nothing, so the outcome is unknown.
        return OutcomeUnknownError(
            Code.OUTCOME_UNKNOWN,
            "the connector broke off",
            next_step="the engine looks it up at the provider",
            detail=f"{type(error).__name__}: {error}",
        )


async def look_up(
    registry: ActionRegistry, call: Call, timeout_s: float
) -> Receipt | Absence | SaysoError:
    """Look for the effect of a call; an error says that nothing was learnt, whatever it was."""
    try:
        async with asyncio.timeout(timeout_s):
            found = await registry.look_up(call)
        return _kept(found) if isinstance(found, Receipt) else Absence(found)
    except TimeoutError:
        return RetryableError(Code.PROVIDER_UNAVAILABLE, "the look-up took too long")
    except (RetryableError, OutcomeUnknownError) as error:
        return error
    except RefusedError as error:
        return RetryableError(error.code, error.message)
    except Exception as error:  # noqa: BLE001
        # It is counted like any other look-up in vain, so that a person gets it in the end.
        return RetryableError(
            Code.PROVIDER_UNAVAILABLE,
            "the look-up broke off",
            next_step="the engine looks again later",
            detail=f"{type(error).__name__}: {error}",
        )


def _kept(receipt: Receipt) -> Receipt:
    """The receipt as it can be stored: an effect is never untold because its receipt is odd."""
    fit = replace(receipt, id=storable(str(receipt.id)), status=storable(str(receipt.status), 80))
    try:
        dumps(receipt_json(fit))
    except TypeError:
        return replace(fit, details={})
    return fit


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
        "receipt": receipt.id,
        "provider_status": receipt.status,
        "moved": None if amount is None else dict(amount.to_json()),
        "as_approved": amount == row.amount,
        "fence": row.fence,
    }
