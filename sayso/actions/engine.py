"""The engine: `advance(action_id)` takes an action as far as it can go now, and no effect twice.

Anybody may call it, at least once, at any time, in any process; two at once do no harm. What a
crash loses at each boundary stands in `docs/life-of-an-action.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from sayso.actions.approvals import yes_votes
from sayso.actions.binding import forged_votes, found_tampering
from sayso.actions.calls import (
    Try,
    call_of,
    check_claimed,
    last_called,
    look_up,
    outcome_of,
    receipt_data,
)
from sayso.actions.digest import call_key, storable
from sayso.actions.judging import Judge, schema_hash
from sayso.actions.lease import LeaseKeeper
from sayso.actions.ledger import ActionRow, Ledger, entry_of, get_action
from sayso.actions.policy import Approver, Outcome
from sayso.actions.proposals import Proposals
from sayso.actions.queue import (
    ApprovalRow,
    ApprovalStatus,
    approval_of,
    close_approval,
    supersede_approval,
)
from sayso.actions.reach import Directory, Reach
from sayso.actions.recovery import CallAgain, Settle, Wait, after_look_up, retry_delay_micros
from sayso.actions.snapshot import Receipt, difference
from sayso.actions.state import Status
from sayso.actions.waiting import Waits, dependency_error, failed_before, park, waits_for
from sayso.audit.entry import EntryKind, Json
from sayso.audit.personal import Personal
from sayso.errors import (
    Code,
    RefusedError,
    RetryableError,
    SaysoError,
)
from sayso.ids import Clock, Tenant, to_micros
from sayso.store.base import Reader, Store, Transaction
from sayso.telemetry import Telemetry

MAX_REVISIONS = 10
"""How often the world may change under an action before it is refused."""
MAX_RELEASES = 8
"""How often a call that surely did nothing is made again before the action fails."""
_MOST = 500
"""So many characters of a provider's words are kept."""


class Boundary(StrEnum):
    """The named places at which a crash test may pull the plug."""

    BEFORE_INTENT = "before_intent"
    AFTER_INTENT = "after_intent"
    AFTER_CALL = "after_call"
    AFTER_OUTCOME = "after_outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Times of the engine.

    Attributes:
        lease_s: after so many seconds without a sign of life another worker takes over.
        call_timeout_s: after so many seconds without an answer a call's outcome is unknown.
        fresh_s: a snapshot younger than this is not read again at the claim.
    """

    lease_s: float = 5.0
    call_timeout_s: float = 60.0
    fresh_s: float = 5.0


class Engine:
    """Advances actions. Needs no state of its own: everything stands in the store."""

    def __init__(
        self,
        *,
        store: Store,
        ledger: Ledger,
        reach: Reach,
        judge: Judge,
        proposals: Proposals,
        directory: Directory,
        personal: Personal,
        clock: Clock,
        telemetry: Telemetry,
        settings: EngineSettings | None = None,
        passing: Callable[[Boundary], None] = lambda boundary: None,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._reach = reach
        self._judge = judge
        self._proposals = proposals
        self._directory = directory
        self._personal = personal
        self._clock = clock
        self._telemetry = telemetry
        self._settings = settings or EngineSettings()
        self._passing = passing

    async def advance(self, tenant: Tenant, action_id: str) -> ActionRow:
        """Take an action as far as it can go now; returns it as this call left it.

        Raises:
            RefusedError: `not_found`.
            RetryableError: the store or the provider cannot be used now; try again later.
        """
        row = await self._store.read(lambda reader: get_action(reader, tenant, action_id))
        for _ in range(4 * MAX_REVISIONS):
            moved = await self._step(row)
            if moved is None:
                break
            row = moved
        return row

    def claim_in(self, tx: Transaction, row: ActionRow) -> ActionRow | str | None:
        """Commit the intent of an action that was judged in this very transaction.

        Returns:
            The claimed row, for `call_claimed`; a text or None when it cannot be claimed now.
        """
        self._passing(Boundary.BEFORE_INTENT)
        return self._commit_intent(tx, row)

    async def call_claimed(self, row: ActionRow) -> ActionRow | None:
        """Make the call of a row that `claim_in` has claimed, and write what came of it."""
        check_claimed(row)
        self._passing(Boundary.AFTER_INTENT)
        return await self._call(row, Try.FIRST)

    async def _step(self, row: ActionRow) -> ActionRow | None:
        """One arrow of the life of an action; None when there is nothing to do now."""
        now = to_micros(self._clock.now())
        match row.status:
            case Status.PLANNED | Status.STALE:
                return await self._judge_again(row)
            case Status.PENDING_APPROVAL:
                return await self._store.write(lambda tx: self._expire(tx, row, now))
            case Status.APPROVED:
                if row.due_at is None or row.due_at > now:
                    return None
                return await self._claim(row)
            case Status.EXECUTING | Status.UNKNOWN:
                if row.due_at is None or row.due_at > now:
                    return None
                return await self._recover(row)
            case (
                Status.REFUSED
                | Status.REJECTED
                | Status.EXPIRED
                | Status.SUCCEEDED
                | Status.FAILED
                | Status.COMPENSATED
            ):
                return None
            case _:
                assert_never(row.status)

    async def _judge_again(self, row: ActionRow) -> ActionRow | None:
        if row.revision >= MAX_REVISIONS:
            return await self._refuse(row, Code.WRONG_STATE, "it changed too often")
        quote = await self._store.read(lambda reader: self._quote(reader, row))
        return await self._proposals.settle_planned(row, quote)

    def _quote(self, reader: Reader, row: ActionRow) -> str:
        if row.reason_ref is not None:
            return Personal.open(reader, row.tenant, row.reason_ref) or ""
        approval = approval_of(reader, row)
        if approval is not None:
            return approval.card.quote
        return self._request_words(reader, row)

    def _request_words(self, reader: Reader, row: ActionRow) -> str:
        if row.request_id is None:
            return ""
        found = reader.one("request.by_id", tenant=row.tenant, id=row.request_id)
        ref = None if found is None else found["words_ref"]
        return Personal.open(reader, row.tenant, ref) or "" if isinstance(ref, str) else ""

    def _expire(self, tx: Transaction, row: ActionRow, now: int) -> ActionRow | None:
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
        stored = self._move(tx, row, moved, kind, data, approval=approval.id)
        if stored is not None:
            close_approval(tx, approval, status, stored)
        return stored

    # ---- claim: everything that could have changed is checked again --------------------------

    async def _claim(self, row: ActionRow) -> ActionRow | None:
        if row.after:
            waiting = await self._store.read(lambda reader: waits_for(reader, row))
            if waiting is Waits.FAILED:
                problem = "an earlier step did not succeed"
                return await self._refuse(row, Code.DEPENDENCY_FAILED, problem)
            if waiting is Waits.OPEN:
                await self._store.write(lambda tx: park(tx, row))
                return None
        changed = await self._changed_world(row)
        if changed is not None:
            return await self._make_stale(row, changed)
        self._passing(Boundary.BEFORE_INTENT)
        claimed = await self._store.write(lambda tx: self._commit_intent(tx, row))
        if isinstance(claimed, str):
            return await self._make_stale(row, claimed)
        if claimed is None:
            return None
        check_claimed(claimed)
        self._passing(Boundary.AFTER_INTENT)
        return await self._call(claimed, Try.FIRST)

    async def _changed_world(self, row: ActionRow) -> str | None:
        """What changed at the provider since the snapshot, in words; None when nothing did."""
        assert row.snapshot is not None
        snapshot = row.snapshot
        if self._reach.version_of(row.name) != snapshot.connector_version:
            return "the connector has another version"
        action = self._reach.action(row.name)
        if schema_hash(action.args) != snapshot.schema_sha256:
            return "the action takes other arguments now"
        age = to_micros(self._clock.now()) - snapshot.resolved_at
        if 0 <= age < int(self._settings.fresh_s * 1e6):
            return None
        with self._telemetry.span("sayso.resolve", row.traceparent, {"sayso.action": row.name}):
            try:
                args = self._reach.validate_args(row.name, snapshot.resolved.args)
                found = await self._reach.resolve(action, args, row.subject)
            except RefusedError as error:
                return error.message
        return difference(snapshot.resolved, found)

    def _commit_intent(self, tx: Transaction, row: ActionRow) -> ActionRow | str | None:
        """Claim with the intent in one transaction; a text says what went stale instead."""
        now = to_micros(self._clock.now())
        approval = approval_of(tx, row)
        tampered = found_tampering(tx, row, approval)
        if tampered is not None:
            return self._stop(tx, row, approval, tampered)
        assert row.snapshot is not None
        assert row.judgement is not None
        if row.judgement.policy_version != self._judge.policy_version:
            return "the policy has changed"
        approvers: list[Approver] = []
        if row.judgement.outcome is Outcome.ASK:
            # INVARIANT: no `ask` passes without an approval bound to the very same digest.
            if approval is None or approval.status is not ApprovalStatus.APPROVED:
                return "it is not approved"
            if now >= approval.expires_at:
                return "the time of the approval is over"
            approvers = yes_votes(tx, approval, self._directory)
            forged = forged_votes(tx, row, approvers)
            if forged is not None:
                return self._stop(tx, row, approval, forged)
        judgement = self._judge.permits(tx, row, approvers, now)
        if judgement.outcome is not Outcome.ALLOW:
            return f"it is not allowed any more: {judgement.explain}"
        action = self._reach.action(row.name)
        retention = action.guarantee.retention_s
        claimed = replace(
            row,
            status=Status.EXECUTING,
            fence=row.fence + 1,
            due_at=now + int(self._settings.lease_s * 1e6),
            call_key=call_key(row.tenant, row.id, row.snapshot.digest),
            call_key_until=None if retention is None else now + retention * 1_000_000,
            called_at=now,
            updated_at=now,
        )
        data: dict[str, Json] = {
            "call_key": claimed.call_key,
            "guarantee": action.guarantee.kind,
            "rules": list(judgement.rules),
            "approvers": [approver.person for approver in approvers],
            "fence": claimed.fence,
        }
        asked = approval if row.judgement.outcome is Outcome.ASK else None
        approval_id = asked.id if asked is not None else None
        return self._move(tx, row, claimed, EntryKind.ACTION_INTENT, data, approval=approval_id)

    def _stop(
        self, tx: Transaction, row: ActionRow, approval: ApprovalRow | None, problem: str
    ) -> ActionRow | None:
        """End what was tampered with: refused before its call, for a person to look at after it."""
        now = to_micros(self._clock.now())
        called = row.status is not Status.APPROVED
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

    async def _make_stale(self, row: ActionRow, reason: str) -> ActionRow | None:
        def work(tx: Transaction) -> ActionRow | None:
            now = to_micros(self._clock.now())
            approval = approval_of(tx, row)
            tampered = found_tampering(tx, row, approval)
            if tampered is not None:
                return self._stop(tx, row, approval, tampered)
            error = {"code": Code.STALE_REVISION.value, "message": storable(reason, _MOST)}
            moved = replace(row, status=Status.STALE, error=error, due_at=now, updated_at=now)
            data: dict[str, Json] = {"reason": storable(reason, _MOST)}
            return self._move_superseding(tx, row, moved, EntryKind.ACTION_STALE, data)

        stored = await self._store.write(work)
        if stored is not None and stored.status is not Status.STALE:
            check_claimed(stored)
        return stored

    async def _refuse(self, row: ActionRow, code: Code, message: str) -> ActionRow | None:
        def work(tx: Transaction) -> ActionRow | None:
            now = to_micros(self._clock.now())
            error = {"code": code.value, "message": message}
            moved = replace(row, status=Status.REFUSED, error=error, due_at=None, updated_at=now)
            data: dict[str, Json] = {"code": code.value}
            return self._move_superseding(tx, row, moved, EntryKind.ACTION_REFUSED, data)

        return await self._store.write(work)

    # ---- call and settle -----------------------------------------------------------------------

    async def _call(self, row: ActionRow, which: Try) -> ActionRow | None:
        """Call the connector under the lease and write what came of it."""
        call = call_of(row)
        attributes: dict[str, str | int | bool] = {
            "sayso.action": row.name,
            "sayso.attempt": row.fence,
        }
        with self._telemetry.span("sayso.call", row.traceparent, attributes):
            # INVARIANT: who slept past the lease may have been looked up and replaced, so calls
            # nothing any more; whoever takes over decides by what the provider holds.
            if row.due_at is None or to_micros(self._clock.now()) >= row.due_at:
                return None
            keeper = LeaseKeeper(self._store, self._clock, self._settings.lease_s, row)
            outcome = await keeper.during(
                outcome_of(self._reach, call, self._settings.call_timeout_s)
            )
            row = keeper.row
        self._passing(Boundary.AFTER_CALL)
        with self._telemetry.span("sayso.settle", row.traceparent, attributes):
            settled = await self._store.write(lambda tx: self._settle(tx, row, outcome, which))
        self._passing(Boundary.AFTER_OUTCOME)
        return settled

    def _settle(
        self, tx: Transaction, row: ActionRow, outcome: Receipt | SaysoError, which: Try
    ) -> ActionRow | None:
        """Write the outcome; None when another worker took over and ours no longer counts."""
        now = to_micros(self._clock.now())
        if isinstance(outcome, Receipt):
            moved = replace(
                row,
                status=Status.SUCCEEDED,
                receipt=outcome,
                error=None,
                due_at=None,
                updated_at=now,
            )
            return self._move(
                tx, row, moved, EntryKind.ACTION_SUCCEEDED, receipt_data(outcome, row)
            )
        data: dict[str, Json] = {"code": outcome.code.value}
        error = {"code": outcome.code.value, "message": storable(outcome.message, _MOST)}
        # INVARIANT: only a first call can be released, since an earlier one of the same intent may
        # have done it; and a no to a later call proves nothing while that is open.
        released = isinstance(outcome, RetryableError) and row.attempts + 1 < MAX_RELEASES
        if isinstance(outcome, RetryableError) and released and which is Try.FIRST:
            delay = retry_delay_micros(row.attempts, outcome.retry_after_s)
            moved = replace(
                row,
                status=Status.APPROVED,
                attempts=row.attempts + 1,
                error=error,
                due_at=now + delay,
                updated_at=now,
            )
            data["released"] = "surely nothing was done"
            return self._move(tx, row, moved, EntryKind.ACTION_APPROVED, data)
        final = which is Try.FIRST or (which is Try.PROVEN and isinstance(outcome, RefusedError))
        if isinstance(outcome, RefusedError | RetryableError) and final:
            moved = replace(row, status=Status.FAILED, error=error, due_at=None, updated_at=now)
            return self._move(tx, row, moved, EntryKind.ACTION_FAILED, data)
        moved = replace(
            row,
            status=Status.UNKNOWN,
            attempts=row.attempts + 1,
            error=error,
            called_at=now,
            due_at=now + retry_delay_micros(row.attempts, None),
            updated_at=now,
        )
        return self._move(tx, row, moved, EntryKind.ACTION_UNKNOWN, data)

    # ---- recover: a dead worker's action, or an unknown outcome ---------------------------------

    async def _recover(self, row: ActionRow) -> ActionRow | None:
        """Find out what became of a call before anything is tried again."""
        row = last_called(row)
        call = call_of(row)
        guarantee = self._reach.action(row.name).guarantee
        with self._telemetry.span("sayso.look_up", row.traceparent, {"sayso.action": row.name}):
            found = await look_up(self._reach, call, self._settings.call_timeout_s)
        move = after_look_up(row, guarantee, found, to_micros(self._clock.now()))
        match move:
            case Settle(receipt=receipt):
                return await self._store.write(lambda tx: self._reconcile(tx, row, receipt))
            case CallAgain(proven=proven):
                self._passing(Boundary.BEFORE_INTENT)
                claimed = await self._store.write(lambda tx: self._claim_again(tx, row))
                if claimed is None:
                    return None
                check_claimed(claimed)
                self._passing(Boundary.AFTER_INTENT)
                return await self._call(claimed, Try.PROVEN if proven else Try.AGAIN)
            case Wait(due_at=due_at, reason=reason):
                await self._store.write(lambda tx: self._stay_unknown(tx, row, due_at, reason))
                return None
            case _:
                assert_never(move)

    def _reconcile(self, tx: Transaction, row: ActionRow, receipt: Receipt) -> ActionRow | None:
        now = to_micros(self._clock.now())
        moved = replace(
            row,
            status=Status.SUCCEEDED,
            receipt=receipt,
            error=None,
            due_at=None,
            updated_at=now,
        )
        data = receipt_data(receipt, row)
        return self._move(tx, row, moved, EntryKind.ACTION_RECONCILED, data)

    def _claim_again(self, tx: Transaction, row: ActionRow) -> ActionRow | None:
        now = to_micros(self._clock.now())
        approval = approval_of(tx, row)
        tampered = found_tampering(tx, row, approval)
        if tampered is not None:
            return self._stop(tx, row, approval, tampered)
        # INVARIANT: `called_at` is the last moment of the newest call, from which absence needs
        # `settle_after_s` to be proof; `call_key_until` stays the first call's, from which the
        # provider counts.
        claimed = replace(
            row,
            status=Status.EXECUTING,
            fence=row.fence + 1,
            due_at=now + int(self._settings.lease_s * 1e6),
            called_at=now,
            updated_at=now,
        )
        data: dict[str, Json] = {
            "call_key": claimed.call_key,
            "fence": claimed.fence,
            "again": True,
        }
        return self._move(tx, row, claimed, EntryKind.ACTION_INTENT, data)

    def _stay_unknown(
        self, tx: Transaction, row: ActionRow, due_at: int | None, reason: str
    ) -> ActionRow | None:
        now = to_micros(self._clock.now())
        moved = replace(
            row,
            status=Status.UNKNOWN,
            attempts=row.attempts + 1,
            error={"code": Code.OUTCOME_UNKNOWN.value, "message": storable(reason, _MOST)},
            due_at=due_at,
            updated_at=now,
        )
        data: dict[str, Json] = {"reason": storable(reason, _MOST), "next_look_at": due_at}
        return self._move(tx, row, moved, EntryKind.ACTION_UNKNOWN, data)

    def _move_superseding(
        self,
        tx: Transaction,
        row: ActionRow,
        moved: ActionRow,
        kind: EntryKind,
        data: dict[str, Json],
    ) -> ActionRow | None:
        """Move an action whose yes, if there is one, does not hold any more."""
        approval = approval_of(tx, row)
        if approval is None or approval.status is ApprovalStatus.SUPERSEDED:
            return self._move(tx, row, moved, kind, data)
        data = {**data, "approval_status": ApprovalStatus.SUPERSEDED.value}
        stored = self._move(tx, row, moved, kind, data, approval=approval.id)
        if stored is not None:
            supersede_approval(tx, approval, stored)
        return stored

    def _move(
        self,
        tx: Transaction,
        row: ActionRow,
        moved: ActionRow,
        kind: EntryKind,
        data: dict[str, Json],
        *,
        approval: str | None = None,
    ) -> ActionRow | None:
        pseudonym = self._personal.pseudonym(tx, row.tenant, row.subject.id, moved.updated_at)
        entry = entry_of(moved, kind, pseudonym=pseudonym, data=data, approval=approval)
        return self._ledger.move(tx, row, moved, entry)
