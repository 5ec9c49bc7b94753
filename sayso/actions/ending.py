"""Ending without a call: an action that expires, goes stale or is refused before its claim."""

from __future__ import annotations

from dataclasses import replace

from sayso.actions.binding import found_tampering
from sayso.actions.digest import storable
from sayso.actions.moves import Moves
from sayso.actions.queue import ApprovalStatus, approval_of, close_approval
from sayso.actions.rows import ActionRow
from sayso.actions.state import Status
from sayso.actions.waiting import dependency_error, failed_before
from sayso.audit.entry import EntryKind, Json
from sayso.errors import Code
from sayso.store.base import Reader, Transaction

_MOST = 500
"""So many characters of a provider's words are kept."""


class Endings:
    """Ends actions as part of the caller's transaction."""

    def __init__(self, moves: Moves) -> None:
        self._moves = moves

    @staticmethod
    def is_over(reader: Reader, row: ActionRow, now: int) -> bool:
        """Whether `expire` would end it: its time is over, or an earlier step did not succeed."""
        approval = approval_of(reader, row)
        if approval is None or approval.status is not ApprovalStatus.PENDING:
            return False
        return now >= approval.expires_at or failed_before(reader, row) is not None

    def expire(self, tx: Transaction, row: ActionRow, now: int) -> ActionRow | None:
        """Close an approval whose time is over, or whose earlier step did not succeed."""
        approval = approval_of(tx, row)
        if approval is None or approval.status is not ApprovalStatus.PENDING:
            return None
        failed = failed_before(tx, row)
        if failed is None and now < approval.expires_at:
            tx.run(
                "action.due_again",
                tenant=row.tenant,
                id=row.id,
                last_seq=row.last_seq,
                due_at=approval.expires_at,
            )
            return None
        if failed is not None:
            error = dependency_error(failed)
            moved = replace(row, status=Status.REFUSED, error=error, due_at=None, updated_at=now)
            kind, status = EntryKind.ACTION_REFUSED, ApprovalStatus.SUPERSEDED
        else:
            error = {"code": Code.APPROVAL_EXPIRED.value, "message": "nobody decided in time"}
            moved = replace(row, status=Status.EXPIRED, error=error, due_at=None, updated_at=now)
            kind, status = EntryKind.ACTION_EXPIRED, ApprovalStatus.EXPIRED
        data: dict[str, Json] = {"approval_status": status.value, "code": error["code"]}
        stored = self._moves.move(tx, row, moved, kind, data, approval=approval.id)
        if stored is not None:
            close_approval(tx, approval, status, stored)
        return stored

    def make_stale(self, tx: Transaction, row: ActionRow, reason: str) -> ActionRow | None:
        """What was judged is not what would run now, so it is judged again."""
        now = self._moves.now()
        approval = approval_of(tx, row)
        tampered = found_tampering(tx, row, approval)
        if tampered is not None:
            return self._moves.end_tampered(tx, row, approval, tampered)
        error = {"code": Code.STALE_REVISION.value, "message": storable(reason, _MOST)}
        moved = replace(
            row, status=Status.STALE, error=error, attempts=0, due_at=now, updated_at=now
        )
        data: dict[str, Json] = {"reason": storable(reason, _MOST)}
        return self._moves.move_superseding(tx, row, moved, EntryKind.ACTION_STALE, data)

    def refuse(self, tx: Transaction, row: ActionRow, code: Code, message: str) -> ActionRow | None:
        """It will not be carried out, whatever was approved."""
        now = self._moves.now()
        error = {"code": code.value, "message": message}
        moved = replace(row, status=Status.REFUSED, error=error, due_at=None, updated_at=now)
        data: dict[str, Json] = {"code": code.value}
        return self._moves.move_superseding(tx, row, moved, EntryKind.ACTION_REFUSED, data)
