"""What the log says of an action that was judged."""

from __future__ import annotations

from collections.abc import Mapping

from sayso.actions.approvals.repository import ApprovalStatus
from sayso.actions.model.action_row import joins_of
from sayso.actions.model.ledger import entry_of
from sayso.actions.model.ports import ActionRegistry
from sayso.actions.model.snapshot import Resolved
from sayso.actions.model.status import Status
from sayso.actions.policy.evaluator import Judged, judged_data
from sayso.audit.entry import Actor, Entry, EntryKind, Json

_KIND_OF = {
    Status.REFUSED: EntryKind.ACTION_REFUSED,
    Status.PENDING_APPROVAL: EntryKind.ACTION_PENDING,
    Status.APPROVED: EntryKind.ACTION_APPROVED,
}
_TELLING_CHARS = 6
"""A customer's id of so many characters is taken for theirs wherever it stands in another id."""


def judged_entry(
    judged: Judged,
    actor: Actor,
    pseudonym: str,
    approval_id: str | None,
    registry: ActionRegistry,
    came_by: Mapping[str, Json],
) -> Entry:
    """The entry of an action that was judged, or refused before that.

    Args:
        came_by: what it says of an account that was not written from.
    """
    row = judged.row
    data: dict[str, Json] = {"planner": row.planner, **came_by}
    if row.error is not None:
        data["code"] = row.error["code"]
    if (joins := joins_of(row)) is not None:
        data["joins"] = joins
    if judged.by_policy and row.judgement is not None and row.snapshot is not None:
        resolved = row.snapshot.resolved
        data |= {
            "object": _object_of(resolved, row.subject.id, pseudonym),
            "account": resolved.account,
            "owner_proof": resolved.owner_proof,
            **judged_data(row, judged.expires_at),
            "errors": [error[:200] for error in row.judgement.errors],
            "guarantee": registry.action(row.name).guarantee.kind,
        }
    if approval_id is not None:
        data["approval_status"] = ApprovalStatus.PENDING.value
    return entry_of(
        row,
        _KIND_OF[row.status],
        actor=actor,
        pseudonym=pseudonym,
        approval=approval_id,
        data=data,
    )


def _object_of(resolved: Resolved, subject_id: str, pseudonym: str) -> str:
    """The object as the log names it for good: a customer's own id is their pseudonym there."""
    kind, named = resolved.object_kind, resolved.object_id
    for own in (subject_id, subject_id.partition(":")[2]):
        if own and (named == own or len(own) >= _TELLING_CHARS):
            named = named.replace(own, pseudonym)
    return f"{kind}:{named}"
