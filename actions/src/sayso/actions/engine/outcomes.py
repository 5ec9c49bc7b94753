"""Outcomes: what came of a call, or of a look-up, is written down."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sayso.actions.approvals.integrity import found_tampering
from sayso.actions.approvals.repository import ApprovalStatus, approval_of, move_approval
from sayso.actions.approvals.transitions import Transitions
from sayso.actions.engine.reconcile import Wait, is_taken_on, next_follow_up, retry_delay_micros
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.attempt import Try, receipt_data
from sayso.actions.model.digest import storable
from sayso.actions.model.ledger import SYSTEM, ended_otherwise, unfitting
from sayso.actions.model.plan_state import dependency_error, failed_before
from sayso.actions.model.snapshot import EffectFailedError, Finality, Receipt
from sayso.actions.model.status import NOT_DONE, Status
from sayso.actions.model.tries import ANSWERED, NOTHING_DONE, NOTHING_SENT, tries_of
from sayso.audit.entry import Actor, EntryKind, Json
from sayso.errors import (
    Code,
    IntegrityError,
    OutcomeUnknownError,
    RefusedError,
    RetryableError,
    SaysoError,
)
from sayso.frozen import replace
from sayso.store.base import Reader, Transaction, text

logger = logging.getLogger("sayso.engine")

MAX_HARMLESS_CALLS = 8
"""How many calls are made of which the provider says that they surely did nothing."""
_MOST = 500
"""So many characters of a provider's words are kept."""
FAILED_TOPIC = "action.failed_later"
"""The topic of the outbox for surfaces that tell people what failed after it had been told as done,
or as on its way; its keys are ids of actions."""
LEFT_TOPIC = "action.left"
"""The topic for what is left to people: an outcome that nobody knows, a payment that was answered
with an error twice, one that does not fit what the provider shows; its keys are ids of actions."""


class Settlements:
    """Settles calls as part of the caller's transaction."""

    def __init__(self, transitions: Transitions) -> None:
        self._transitions = transitions

    def settle(
        self,
        tx: Transaction,
        row: ActionRow,
        outcome: Receipt | SaysoError,
        which: Try,
        repeats: int | None = None,
    ) -> ActionRow | None:
        """Write the outcome; None when another worker took over and ours no longer counts.

        Args:
            repeats: how often it may be called again without a person; see `Guarantee`.
        """
        now = self._transitions.now()
        data: dict[str, Json]
        if isinstance(outcome, Receipt):
            moved = with_receipt(row, outcome, now, error=unfitting(row, outcome))
            kind = _kind_of(moved, EntryKind.ACTION_SUCCEEDED)
            stored = self._write(tx, row, moved, kind, receipt_data(outcome, row))
            return tell_unfitting(tx, stored)
        if isinstance(outcome, EffectFailedError):
            return self.effect_failed(tx, row, outcome, by_owner=True)
        is_outdated = isinstance(outcome, RetryableError) and outcome.outdated
        if isinstance(outcome, RetryableError):
            # INVARIANT: only a first call can be harmless, since an earlier one of the same intent
            # may have done it; and a no to a later call proves nothing while that is open. Where it
            # is proven that none did, a repeat that came too late for its object is harmless, too.
            harmless = row if which is Try.FIRST else replace(row, attempts=0)
            may_be = which is Try.FIRST or (which is Try.PROVEN and is_outdated)
            if may_be and not is_last_harmless(tx, harmless, outcome, repeats):
                return self._release(tx, harmless, outcome, now)
        data = {"code": outcome.code.value}
        error = {"code": outcome.code.value, "message": storable(outcome.message, _MOST)}
        is_no = isinstance(outcome, RefusedError) or is_outdated
        final = which is Try.FIRST or (which is Try.PROVEN and is_no)
        if isinstance(outcome, RefusedError | RetryableError) and final:
            if is_outdated:
                data["code"] = error["code"] = Code.WRONG_STATE.value
            moved = replace(row, status=Status.FAILED, error=error, due_at=None, updated_at=now)
            return self._write(tx, row, moved, EntryKind.ACTION_FAILED, data)
        moved = replace(
            row,
            status=Status.UNKNOWN,
            attempts=row.attempts + 1,
            error=error,
            called_at=now,
            due_at=now + _first_look_micros(row, outcome),
            updated_at=now,
        )
        if isinstance(outcome, OutcomeUnknownError) and outcome.answered:
            data[ANSWERED] = True
        return self._write(tx, row, moved, EntryKind.ACTION_UNKNOWN, data)

    def _release(
        self, tx: Transaction, row: ActionRow, outcome: RetryableError, now: int
    ) -> ActionRow | None:
        """Nothing was done: it is claimed anew after a pause."""
        data: dict[str, Json] = {
            "code": outcome.code.value,
            "released": NOTHING_DONE if outcome.sent else NOTHING_SENT,
        }
        moved = replace(
            row,
            status=Status.APPROVED,
            attempts=row.attempts + 1,
            error={"code": outcome.code.value, "message": storable(outcome.message, _MOST)},
            called_at=now,
            due_at=now + retry_delay_micros(row.attempts, outcome.retry_after_s),
            updated_at=now,
        )
        return self._write(tx, row, moved, EntryKind.ACTION_APPROVED, data)

    def _write(
        self,
        tx: Transaction,
        row: ActionRow,
        moved: ActionRow,
        kind: EntryKind,
        data: dict[str, Json],
    ) -> ActionRow | None:
        # NOTE: a beat may have failed whose lease is stored all the same, or the other way round.
        return self._transitions.move(tx, row, moved, kind, data, by_owner=True)

    def reconcile(self, tx: Transaction, row: ActionRow, receipt: Receipt) -> ActionRow | None:
        """The look-up found the effect, perhaps of what had ended without one.

        Raises:
            IntegrityError: `wrong_state`; nothing of ours is found of what was never called.
        """
        if row.call_key is None:
            raise IntegrityError(
                Code.WRONG_STATE, "an action without an intent cannot have had its effect"
            )
        error = unfitting(row, receipt)
        error = ended_otherwise(row) if row.status in NOT_DONE else error
        moved = with_receipt(row, receipt, self._transitions.now(), error=error)
        kind = _kind_of(moved, EntryKind.ACTION_RECONCILED)
        data = receipt_data(receipt, row)
        if row.status is Status.PENDING_APPROVAL:  # there is nothing left to say yes or no to
            stored = self._transitions.move_superseding(tx, row, moved, kind, data)
        else:
            stored = self._transitions.move(tx, row, moved, kind, data)
        return tell_unfitting(tx, stored)

    def go_on(self, tx: Transaction, row: ActionRow, receipt: Receipt) -> ActionRow | None:
        """The provider has come further with what it has taken on."""
        error = unfitting(row, receipt) or row.error
        now = self._transitions.now()
        moved = with_receipt(row, receipt, now, error=error)
        if row.status is Status.SUCCEEDED:  # it has been read again by now
            moved = replace(moved, attempts=1)
            moved = replace(moved, due_at=next_follow_up(moved, now))
        kind = _kind_of(moved, EntryKind.ACTION_SUCCEEDED)
        stored = self._transitions.move(tx, row, moved, kind, receipt_data(receipt, row))
        return tell_unfitting(tx, stored)

    def leave(
        self, tx: Transaction, row: ActionRow, why: str = "and not finished it"
    ) -> ActionRow | None:
        """The provider has not finished it, or shows it no more: a person has to look."""
        reason = f"the provider has taken it on {why}; a person has to look"
        moved = replace(
            row,
            error={"code": Code.OUTCOME_UNKNOWN.value, "message": reason},
            due_at=None,
            updated_at=self._transitions.now(),
        )
        data: dict[str, Json] = {"reason": reason, "next_look_at": None}
        stored = self._transitions.move(tx, row, moved, EntryKind.ACTION_ACCEPTED, data)
        if stored is not None:
            tell_people(tx, stored)
        return stored

    def effect_failed(
        self, tx: Transaction, row: ActionRow, failed: EffectFailedError, *, by_owner: bool = False
    ) -> ActionRow | None:
        """The provider took it on, and it failed there: at once, or days after it was told."""
        moved = replace(
            row,
            status=Status.FAILED,
            receipt=failed.receipt,
            error={
                "code": failed.code.value,
                "message": storable(failed.message, _MOST),
                "next_step": storable(failed.next_step, _MOST),
            },
            due_at=None,
            updated_at=self._transitions.now(),
        )
        data: dict[str, Json] = {"code": failed.code.value, "was": row.status.value}
        data |= receipt_data(failed.receipt, row)
        stored = self._transitions.move(
            tx, row, moved, EntryKind.ACTION_FAILED, data, by_owner=by_owner
        )
        if stored is not None and row.status in {Status.ACCEPTED, Status.SUCCEEDED}:
            tx.run(
                "outbox.put",
                tenant=row.tenant,
                topic=FAILED_TOPIC,
                key=row.id,
                now=stored.updated_at,
            )
        return stored

    def stay_unknown(self, tx: Transaction, row: ActionRow, wait: Wait) -> ActionRow | None:
        """Nothing was learnt: look again at `due_at`, or leave it to a person when that is None."""
        now = self._transitions.now()
        words = f"{wait.reason}: {wait.said}" if wait.said else wait.reason
        code = Code.ACCEPTED if is_taken_on(row) and wait.due_at else Code.OUTCOME_UNKNOWN
        moved = replace(
            row,
            status=Status.UNKNOWN,
            attempts=row.attempts + 1,
            error={"code": code.value, "message": storable(words, _MOST)},
            due_at=wait.due_at,
            updated_at=now,
        )
        data: dict[str, Json] = {"reason": wait.reason, "next_look_at": wait.due_at}
        stored = self._transitions.move(tx, row, moved, EntryKind.ACTION_UNKNOWN, data)
        if stored is not None and wait.due_at is None:
            tell_people(tx, stored)
        return stored


def tell_people(tx: Transaction, row: ActionRow) -> None:
    """Have the surfaces tell people of an action that only they can bring further."""
    tx.run("outbox.put", tenant=row.tenant, topic=LEFT_TOPIC, key=row.id, now=row.updated_at)


def tell_unfitting(tx: Transaction, row: ActionRow | None) -> ActionRow | None:
    """Have people told of what was done otherwise than was approved; the same row."""
    if row is not None and row.error is not None and row.error["code"] == Code.DOES_NOT_FIT:
        logger.error("%s %s was done, and does not fit what was approved", row.name, row.id)
        tell_people(tx, row)
    return row


def is_last_harmless(
    reader: Reader, row: ActionRow, outcome: RetryableError, repeats: int | None
) -> bool:
    """Whether a call that is said to have done nothing was the last one by ourselves.

    Where no byte left, nothing was called. What was answered counts, for a payment, as one that
    was repeated: a provider's word that it has not paid is believed once, and not at all where it
    has somebody else pay.
    """
    if row.attempts + 1 >= MAX_HARMLESS_CALLS:
        return True
    if repeats is None or not outcome.sent:
        return False
    return tries_of(reader, row).sent > repeats


def _first_look_micros(row: ActionRow, outcome: SaysoError) -> int:
    """How long until it is looked up first; as the provider says, where it works on it."""
    if isinstance(outcome, OutcomeUnknownError) and outcome.look_up_after_s is not None:
        return int(outcome.look_up_after_s * 1_000_000)
    return retry_delay_micros(row.attempts, None)


def with_receipt(
    row: ActionRow, receipt: Receipt, now: int, *, error: Mapping[str, str] | None
) -> ActionRow:
    """A row whose effect the provider has, done or taken on, and due again where that can change.

    Args:
        now: microseconds since 1970.
    """
    pending = receipt.finality is Finality.PENDING
    held = replace(
        row,
        status=Status.ACCEPTED if pending else Status.SUCCEEDED,
        receipt=receipt,
        error=error,
        attempts=0,
        updated_at=now,
    )
    due_at = next_follow_up(held, now)
    return held if due_at == held.due_at else replace(held, due_at=due_at)


def _kind_of(moved: ActionRow, done: EntryKind) -> EntryKind:
    return EntryKind.ACTION_ACCEPTED if moved.status is Status.ACCEPTED else done


class Endings:
    """Ends actions as part of the caller's transaction."""

    def __init__(self, transitions: Transitions) -> None:
        self._transitions = transitions

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
        stored = self._transitions.move(tx, row, moved, kind, data, approval=approval.id)
        if stored is not None:
            move_approval(tx, approval, status, stored)
        return stored

    def make_stale(
        self,
        tx: Transaction,
        row: ActionRow,
        reason: str,
        *,
        actor: Actor = SYSTEM,
        more: Mapping[str, Json] | None = None,
    ) -> ActionRow | None:
        """What was judged is not what would run now, so it is judged again.

        Args:
            actor: on whose word. more: what its entry says beside the reason.
        """
        now = self._transitions.now()
        approval = approval_of(tx, row)
        tampered = found_tampering(tx, row, approval)
        if tampered is not None:
            return self._transitions.end_tampered(tx, row, approval, tampered)
        error = {"code": Code.STALE_REVISION.value, "message": storable(reason, _MOST)}
        moved = replace(
            row, status=Status.STALE, error=error, attempts=0, due_at=now, updated_at=now
        )
        data: dict[str, Json] = {"reason": storable(reason, _MOST), **(more or {})}
        return self._transitions.move_superseding(
            tx, row, moved, EntryKind.ACTION_STALE, data, actor
        )

    def end_withdrawn(self, tx: Transaction, row: ActionRow) -> ActionRow | None:
        """End a step whose request its customer has taken back; None for any other."""
        assert row.request_id is not None, "a step of a request"
        request = tx.one("request.by_id", tenant=row.tenant, id=row.request_id)
        if request is None or text(request, "status") != Status.WITHDRAWN:
            return None
        return self._transitions.withdraw(tx, row, SYSTEM)

    def refuse(self, tx: Transaction, row: ActionRow, code: Code, message: str) -> ActionRow | None:
        """It will not be carried out, whatever was approved."""
        now = self._transitions.now()
        error = {"code": code.value, "message": message}
        moved = replace(row, status=Status.REFUSED, error=error, due_at=None, updated_at=now)
        data: dict[str, Json] = {"code": code.value}
        return self._transitions.move_superseding(tx, row, moved, EntryKind.ACTION_REFUSED, data)
