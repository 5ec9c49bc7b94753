"""The states of an action, and every way from one to another: code and docs share this table."""

from __future__ import annotations

from enum import StrEnum

from sayso.audit.entry import EntryKind
from sayso.audit.rules.transitions import START as START
from sayso.audit.rules.transitions import TRANSITIONS as ALLOWED


class Status(StrEnum):
    """Where an action is in its life."""

    PLANNED = "planned"
    REFUSED = "refused"
    PENDING_APPROVAL = "pending_approval"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    """The customer took it back before it was begun."""
    APPROVED = "approved"
    EXECUTING = "executing"
    ACCEPTED = "accepted"
    """The provider has taken it on, and has not done it yet."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    STALE = "stale"
    COMPENSATED = "compensated"


TRANSITIONS: dict[str, dict[Status, tuple[EntryKind, ...]]] = {
    was if was == START else Status(was): {
        Status(to): tuple(map(EntryKind, kinds)) for to, kinds in ways.items()
    }
    for was, ways in ALLOWED.items()
}
"""The table by which the verifier judges, too."""

NOT_DONE = frozenset(
    {Status.REFUSED, Status.REJECTED, Status.EXPIRED, Status.WITHDRAWN, Status.FAILED}
)
"""States of what has ended without an effect, as far as anybody knows."""

FINAL = NOT_DONE | {Status.SUCCEEDED, Status.COMPENSATED}
"""States that nobody but time can change: `succeeded` can still be compensated or come back, and an
effect that was denied can still turn up."""

CALLED = frozenset({Status.EXECUTING, Status.UNKNOWN})
"""States in which an effect may come to be, or may be there: the action has its object in hand.

Not `accepted`: the provider has the object in hand then, and shows so to whoever reads it."""

TOLD = FINAL | {Status.UNKNOWN, Status.ACCEPTED}
"""States about which the customer can be told something that will not silently turn out untrue: a
late effect, and one that comes back, is an entry, an error of its action, and counted."""
