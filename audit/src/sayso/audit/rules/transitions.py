"""Every way from one state of an action to another, and by which kind of entry: the one table.

`sayso.actions.model.status` builds its own from it, so that what is carried out and what is
verified cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

START = "start"
_LATE = {"accepted": ("action.accepted",), "succeeded": ("action.reconciled",)}

# INVARIANT: `executing` is entered only from `approved`, or again from `executing` and `unknown`
# for the same intent; so no effect is without a judgement, and no `ask` without an approval.
TRANSITIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        START: {
            "planned": ("action.proposed",),
            "refused": ("action.refused",),
            "pending_approval": ("action.pending",),
            "approved": ("action.approved",),
        },
        "planned": {
            "refused": ("action.refused",),
            "withdrawn": ("action.withdrawn",),
            "pending_approval": ("action.pending",),
            "approved": ("action.approved",),
        },
        "pending_approval": {
            "pending_approval": ("action.pending", "action.edited"),
            "approved": ("action.approved", "action.edited"),
            "rejected": ("action.rejected",),
            "expired": ("action.expired",),
            "withdrawn": ("action.withdrawn",),
            "stale": ("action.stale",),
            "refused": ("action.refused",),
            "accepted": ("action.accepted",),
            "succeeded": ("action.reconciled",),
        },
        "approved": {
            "approved": ("action.held",),
            "executing": ("action.intent",),
            "withdrawn": ("action.withdrawn",),
            "stale": ("action.stale",),
            "refused": ("action.refused",),
            "accepted": ("action.accepted",),
            "succeeded": ("action.reconciled",),
        },
        "stale": {
            "pending_approval": ("action.pending",),
            "approved": ("action.approved",),
            "withdrawn": ("action.withdrawn",),
            "refused": ("action.refused",),
            "accepted": ("action.accepted",),
            "succeeded": ("action.reconciled",),
        },
        "executing": {
            "executing": ("action.intent",),
            "approved": ("action.approved", "action.held"),
            "accepted": ("action.accepted",),
            "succeeded": ("action.succeeded", "action.reconciled"),
            "failed": ("action.failed",),
            "unknown": ("action.unknown",),
            "withdrawn": ("action.withdrawn",),
        },
        "unknown": {
            "withdrawn": ("action.withdrawn",),  # its call has surely done nothing
            "unknown": ("action.unknown",),
            "executing": ("action.intent",),
            "accepted": ("action.accepted",),
            "succeeded": ("action.reconciled", "action.resolved"),
            "failed": ("action.failed", "action.resolved"),
        },
        # What the provider has not finished, or what came back.
        "accepted": {
            "accepted": ("action.accepted",),
            "succeeded": ("action.succeeded", "action.resolved"),
            "failed": ("action.failed", "action.resolved"),
        },
        "succeeded": {
            "succeeded": ("action.succeeded",),  # as the provider shows it now
            "failed": ("action.failed",),
            "compensated": ("action.compensated",),
        },
        # What was called and denied, and turns up although it has ended.
        "refused": _LATE,
        "rejected": _LATE,
        "expired": _LATE,
        "withdrawn": _LATE,
        "failed": _LATE,
        "compensated": {},
    }
)


def is_allowed(was: str, to: str, kind: str) -> bool:
    """Whether an entry of that kind may take an action from one state to the other."""
    return kind in TRANSITIONS.get(was, {}).get(to, ())
