"""The states of an action, and every way from one to another: code and docs share this table."""

from __future__ import annotations

from enum import StrEnum

from sayso.audit.entry import EntryKind
from sayso.errors import Code, IntegrityError


class Status(StrEnum):
    """Where an action is in its life."""

    PLANNED = "planned"
    REFUSED = "refused"
    PENDING_APPROVAL = "pending_approval"
    REJECTED = "rejected"
    EXPIRED = "expired"
    APPROVED = "approved"
    EXECUTING = "executing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    STALE = "stale"
    COMPENSATED = "compensated"


START = "start"

# INVARIANT: `executing` is entered only from `approved`, or again from `executing` and `unknown`
# for the same intent; so no effect is without a judgement, and no `ask` without an approval.
TRANSITIONS: dict[str, dict[Status, tuple[EntryKind, ...]]] = {
    START: {
        Status.PLANNED: (EntryKind.ACTION_PROPOSED,),
        Status.REFUSED: (EntryKind.ACTION_REFUSED,),
        Status.PENDING_APPROVAL: (EntryKind.ACTION_PENDING,),
        Status.APPROVED: (EntryKind.ACTION_APPROVED,),
    },
    Status.PLANNED: {
        Status.REFUSED: (EntryKind.ACTION_REFUSED,),
        Status.PENDING_APPROVAL: (EntryKind.ACTION_PENDING,),
        Status.APPROVED: (EntryKind.ACTION_APPROVED,),
    },
    Status.PENDING_APPROVAL: {
        Status.PENDING_APPROVAL: (EntryKind.ACTION_PENDING, EntryKind.ACTION_EDITED),
        Status.APPROVED: (EntryKind.ACTION_APPROVED, EntryKind.ACTION_EDITED),
        Status.REJECTED: (EntryKind.ACTION_REJECTED,),
        Status.EXPIRED: (EntryKind.ACTION_EXPIRED,),
        Status.STALE: (EntryKind.ACTION_STALE,),
        Status.REFUSED: (EntryKind.ACTION_REFUSED,),
        Status.SUCCEEDED: (EntryKind.ACTION_RECONCILED,),
    },
    Status.APPROVED: {
        Status.APPROVED: (EntryKind.ACTION_HELD,),
        Status.EXECUTING: (EntryKind.ACTION_INTENT,),
        Status.STALE: (EntryKind.ACTION_STALE,),
        Status.REFUSED: (EntryKind.ACTION_REFUSED,),
        Status.SUCCEEDED: (EntryKind.ACTION_RECONCILED,),
    },
    Status.STALE: {
        Status.PENDING_APPROVAL: (EntryKind.ACTION_PENDING,),
        Status.APPROVED: (EntryKind.ACTION_APPROVED,),
        Status.REFUSED: (EntryKind.ACTION_REFUSED,),
        Status.SUCCEEDED: (EntryKind.ACTION_RECONCILED,),
    },
    Status.EXECUTING: {
        Status.EXECUTING: (EntryKind.ACTION_INTENT,),
        Status.APPROVED: (EntryKind.ACTION_APPROVED, EntryKind.ACTION_HELD),
        Status.SUCCEEDED: (EntryKind.ACTION_SUCCEEDED, EntryKind.ACTION_RECONCILED),
        Status.FAILED: (EntryKind.ACTION_FAILED,),
        Status.UNKNOWN: (EntryKind.ACTION_UNKNOWN,),
    },
    Status.UNKNOWN: {
        Status.UNKNOWN: (EntryKind.ACTION_UNKNOWN,),
        Status.EXECUTING: (EntryKind.ACTION_INTENT,),
        Status.SUCCEEDED: (EntryKind.ACTION_RECONCILED, EntryKind.ACTION_RESOLVED),
        Status.FAILED: (EntryKind.ACTION_RESOLVED,),
    },
    Status.SUCCEEDED: {Status.COMPENSATED: (EntryKind.ACTION_COMPENSATED,)},
    # What was called and denied, and turns up although it has ended: `sayso.actions.model.ledger`.
    Status.REFUSED: {Status.SUCCEEDED: (EntryKind.ACTION_RECONCILED,)},
    Status.REJECTED: {Status.SUCCEEDED: (EntryKind.ACTION_RECONCILED,)},
    Status.EXPIRED: {Status.SUCCEEDED: (EntryKind.ACTION_RECONCILED,)},
    Status.FAILED: {Status.SUCCEEDED: (EntryKind.ACTION_RECONCILED,)},
    Status.COMPENSATED: {},
}

NOT_DONE = frozenset({Status.REFUSED, Status.REJECTED, Status.EXPIRED, Status.FAILED})
"""States of what has ended without an effect, as far as anybody knows."""

FINAL = NOT_DONE | {Status.SUCCEEDED, Status.COMPENSATED}
"""States that nobody but time can change: `succeeded` can still be compensated, and an effect that
was denied can still turn up."""

CALLED = frozenset({Status.EXECUTING, Status.UNKNOWN})
"""States in which an effect may come to be, or may be there: the action has its object in hand."""

TOLD = FINAL | {Status.UNKNOWN}
"""States about which the customer can be told something that will not silently turn out untrue: a
late effect is an entry, an error of its action, and counted."""


def check_transition(was: Status | str, to: Status, kind: EntryKind) -> None:
    """Refuse a change of state that the table does not have.

    Raises:
        IntegrityError: `wrong_state`; it is a fault in the program, so nothing is written.
    """
    if kind not in TRANSITIONS[was].get(to, ()):
        raise IntegrityError(
            Code.WRONG_STATE, f"an action cannot go from `{was}` to `{to}` by `{kind}`"
        )
