"""Transitions: changes of an action's state, each with its entry under the subject's pseudonym."""

from __future__ import annotations

from typing import cast

from sayso.actions.approvals.repository import (
    OPEN_APPROVALS,
    ApprovalRow,
    ApprovalStatus,
    approval_of,
    approvers_named,
    supersede_approval,
)
from sayso.actions.context import EngineContext
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.ledger import SYSTEM, Present, entry_of, present_of
from sayso.actions.model.status import CALLED, Status
from sayso.audit.entry import Actor, EntryKind, Json
from sayso.audit.fields import object_in
from sayso.errors import Code
from sayso.frozen import replace
from sayso.ids import to_micros
from sayso.store.base import Transaction

_CAME_OF_IT = frozenset(
    {
        EntryKind.ACTION_ACCEPTED,
        EntryKind.ACTION_SUCCEEDED,
        EntryKind.ACTION_FAILED,
        EntryKind.ACTION_RECONCILED,
        EntryKind.ACTION_RESOLVED,
        EntryKind.ACTION_COMPENSATED,
    }
)
"""What came of a call; such an entry names those on whose yes it was made."""


class Transitions:
    """Moves actions as part of the caller's transaction."""

    def __init__(self, context: EngineContext) -> None:
        self._ledger = context.ledger
        self._personal = context.personal
        self._clock = context.clock

    def now(self) -> int:
        """Microseconds since 1970, UTC."""
        return to_micros(self._clock.now())

    def pseudonym(self, tx: Transaction, row: ActionRow) -> str:
        """The name under which the log knows the action's customer."""
        return self._personal.pseudonym(tx, row.tenant, row.subject.id, row.updated_at)

    def ahead(self, tx: Transaction, row: ActionRow) -> None:
        """Say that the row will be moved next; see `Reader.ahead`."""
        self._personal.ahead(tx, row.tenant, row.subject.id)
        self._ledger.ahead(tx, row)

    def move(
        self,
        tx: Transaction,
        row: ActionRow,
        moved: ActionRow,
        kind: EntryKind,
        data: dict[str, Json],
        *,
        approval: str | None = None,
        by_owner: bool = False,
        actor: Actor = SYSTEM,
    ) -> ActionRow | None:
        """Store the moved row with an entry; None when somebody else was faster.

        Args:
            by_owner: see `present_of`. actor: who has it moved.
        """
        self._ledger.ahead(tx, row)
        present = present_of(tx, row, by_owner=by_owner)
        if present is None:
            return None
        self._personal.take_in(tx, row.tenant, row.subject.id, present.row)
        if kind in _CAME_OF_IT and (approvers := _on_whose_yes(tx, row, present)):
            data = {**data, "approvers": approvers}
        pseudonym = self._personal.pseudonym(tx, row.tenant, row.subject.id, moved.updated_at)
        entry = entry_of(
            moved, kind, actor=actor, pseudonym=pseudonym, data=data, approval=approval
        )
        return self._ledger.move(tx, row, moved, entry, present=present)

    def move_superseding(
        self,
        tx: Transaction,
        row: ActionRow,
        moved: ActionRow,
        kind: EntryKind,
        data: dict[str, Json],
        actor: Actor = SYSTEM,
    ) -> ActionRow | None:
        """Move an action whose yes, if there is one, does not hold any more."""
        approval = approval_of(tx, row)
        if approval is None or approval.status is ApprovalStatus.SUPERSEDED:
            return self.move(tx, row, moved, kind, data, actor=actor)
        data = {**data, "approval_status": ApprovalStatus.SUPERSEDED.value}
        stored = self.move(tx, row, moved, kind, data, approval=approval.id, actor=actor)
        if stored is not None:
            supersede_approval(tx, approval, stored)
        return stored

    def withdraw(self, tx: Transaction, row: ActionRow, actor: Actor) -> ActionRow | None:
        """End what has not begun, since its customer has taken it back; its yes counts no more.

        INVARIANT: this and a yes, or this and a claim, are compared with the same row, so one of
        the two finds that the other was there.
        """
        error = {"code": Code.WITHDRAWN.value, "message": "the customer has taken it back"}
        moved = replace(
            row, status=Status.WITHDRAWN, error=error, due_at=None, updated_at=self.now()
        )
        approval, data = approval_of(tx, row), dict[str, Json](code=Code.WITHDRAWN.value)
        if approval is None or approval.status not in OPEN_APPROVALS:
            return self.move(tx, row, moved, EntryKind.ACTION_WITHDRAWN, data, actor=actor)
        data["approval_status"] = ApprovalStatus.WITHDRAWN.value
        stored = self.move(
            tx, row, moved, EntryKind.ACTION_WITHDRAWN, data, approval=approval.id, actor=actor
        )
        if stored is not None:
            supersede_approval(tx, approval, stored, ApprovalStatus.WITHDRAWN)
        return stored

    def end_tampered(
        self, tx: Transaction, row: ActionRow, approval: ApprovalRow | None, problem: str
    ) -> ActionRow | None:
        """End what was tampered with: refused before its call, for a person to look at after it."""
        now = self.now()
        called = row.status in CALLED
        kind = EntryKind.ACTION_UNKNOWN if called else EntryKind.ACTION_REFUSED
        moved = replace(
            row,
            status=Status.UNKNOWN if called else Status.REFUSED,
            error={"code": Code.TAMPERED.value, "message": problem},
            due_at=None,
            updated_at=now,
        )
        pseudonym = self._personal.pseudonym(tx, row.tenant, row.subject.id, now)
        # What was tampered with is not repeated in the log as if it were known.
        bare = replace(moved, snapshot=None, judgement=None)
        data: dict[str, Json] = {"code": Code.TAMPERED.value, "reason": problem}
        superseded = approval is not None and not called
        if superseded:
            data["approval_status"] = ApprovalStatus.SUPERSEDED.value
        approval_id = approval.id if approval is not None else None
        entry = entry_of(bare, kind, pseudonym=pseudonym, data=data, approval=approval_id)
        stored = self._ledger.move(tx, row, moved, entry)
        if stored is not None and approval is not None and superseded:
            supersede_approval(tx, approval, stored)
        return stored


def _on_whose_yes(tx: Transaction, row: ActionRow, present: Present) -> list[Json]:
    """Those on whose yes a call was made: as its intent names them, or by their votes."""
    told = present.told or {}
    named = object_in(told, "data").get("approvers")
    if told.get("kind") == EntryKind.ACTION_INTENT and isinstance(named, list):
        return cast("list[Json]", named)
    return list[Json](approvers_named(tx, row))
