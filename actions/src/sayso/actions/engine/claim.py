"""Claim: a call's intent is committed once everything that could have changed is checked.

A lease says whose a claimed call is: while its worker shows signs of life, nobody else takes it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from sayso.actions.approvals.decided import Agreed
from sayso.actions.approvals.decision import approvers_of
from sayso.actions.approvals.hold import starts_at
from sayso.actions.approvals.integrity import (
    ahead_of_checks,
    forged_votes,
    found_contradiction,
    found_tampering,
)
from sayso.actions.approvals.repository import (
    ApprovalRow,
    ApprovalStatus,
    ahead_of_approval,
    approval_of,
    votes_about,
)
from sayso.actions.approvals.transitions import Transitions
from sayso.actions.context import EngineContext
from sayso.actions.controls.blocking import (
    Blocking,
    Obstacle,
    ahead_of_obstacles,
    ahead_of_settled,
    check_stops_of_log,
    obstacle_to,
    settled_since,
    stop_beside,
    stop_of_customer,
)
from sayso.actions.controls.rate_limit import RateLimits
from sayso.actions.engine.reconcile import SKEW_MICROS
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.attempt import Try
from sayso.actions.model.digest import call_key
from sayso.actions.model.snapshot import Receipt
from sayso.actions.model.status import Status
from sayso.actions.policy.base import Approver, Outcome
from sayso.audit.entry import EntryKind, Json
from sayso.errors import (
    Code,
    ConfigError,
    OutcomeUnknownError,
    RetryableError,
    SaysoError,
    logged,
)
from sayso.frozen import replace
from sayso.ids import Clock, to_micros
from sayso.store.base import Reader, Store, Transaction

logger = logging.getLogger("sayso.engine")

WRITE_PAUSES_S = (0.05, 0.25, 1.0)
"""Before an outcome is written again; each try waits by itself while a server is away."""
HOLDS_MICROS = 24 * 3600 * 1_000_000
"""How long what was allowed without anybody may wait, behind a stop or a full rate: what a rule had
read of it, such as the age of a charge, goes on meanwhile. A person's yes has a time of its own."""


class LeaseKeeper:
    """Extends an action's lease while its call is on the way.

    Args:
        ends_call: whether the call is broken off where the lease ends because it could not be
            extended; see `may_outlive_lease`.

    Attributes:
        row: the action with its lease as it was last extended.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        lease_s: float,
        row: ActionRow,
        *,
        ends_call: bool = False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._lease_s = lease_s
        self._ends_call = ends_call
        self.row = row

    async def during(self, work: Coroutine[Any, Any, Receipt | SaysoError]) -> Receipt | SaysoError:
        """Await the call; extend the lease at every third of it."""
        call = asyncio.ensure_future(work)
        running: set[asyncio.Future[Receipt | SaysoError] | asyncio.Future[None]] = {call}
        # NOTE: apart from the call, since a database that hangs must not keep it from ending. Most
        # calls end before the first beat, so there is no task before that.
        loop = asyncio.get_running_loop()
        first = loop.call_later(
            self._lease_s / 3, lambda: running.add(asyncio.ensure_future(self._beat()))
        )
        try:
            while not call.done():
                if self._ends_call and not self._left_s():
                    return OutcomeUnknownError(
                        Code.OUTCOME_UNKNOWN,
                        "the lease ended before an answer came",
                        next_step="the engine looks it up at the provider",
                    )
                await asyncio.wait({call}, timeout=self._look_again_s())
            return call.result()
        finally:
            first.cancel()
            open_ones = [task for task in running if not task.done()]
            for task in open_ones:
                task.cancel()
            if open_ones:
                await asyncio.wait(open_ones)

    async def write_down(self, work: Callable[[Transaction], ActionRow | None]) -> ActionRow | None:
        """Write what only this process knows of the call, again where the database fails.

        Guarantees: written once at most, since it is compared with the row as it was claimed.
        """
        for pause_s in WRITE_PAUSES_S:
            try:
                return await self._store.write(work, brief=True, about=self.row.tenant)
            except (RetryableError, OutcomeUnknownError, ConfigError) as error:
                logger.warning("%s cannot be written down yet: %s", self.row.id, logged(error))
                await asyncio.sleep(pause_s)
        return await self._store.write(work, brief=True, about=self.row.tenant)

    def _look_again_s(self) -> float | None:
        return min(self._lease_s / 3, self._left_s()) if self._ends_call else None

    def _left_s(self) -> float:
        now = to_micros(self._clock.now())
        return max(0.0, ((self.row.due_at or now) - now) / 1e6)

    async def _beat(self) -> None:
        while True:
            # NOTE: a database that is busy or full must not break the call off by itself, whose
            # answer would be lost. Once the lease has ended, who takes over looks the call up.
            with contextlib.suppress(SaysoError):
                due_at = await self._store.write(self._extend, brief=True, about=self.row.tenant)
                self.row = replace(self.row, due_at=due_at)
            await asyncio.sleep(self._lease_s / 3)

    def _extend(self, tx: Transaction) -> int | None:
        """Have the lease end later; returns when it ends, as far as this row knows.

        NOTE: changes nothing here, since a unit may run again, or be undone after it has run.
        """
        due_at = to_micros(self._clock.now()) + int(self._lease_s * 1e6)
        extended = tx.run(
            "action.heartbeat",
            tenant=self.row.tenant,
            id=self.row.id,
            fence=self.row.fence,
            due_at=due_at,
        )
        return due_at if extended == 1 else self.row.due_at


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """An action for the same customer was settled since the provider was read.

    Attributes:
        settled: index of the newest such entry in the log.
    """

    settled: int


class Claims:
    """Commits intents as part of the caller's transaction."""

    def __init__(self, context: EngineContext, rates: RateLimits) -> None:
        self._transitions = Transitions(context)
        self._evaluator = context.evaluator
        self._registry = context.registry
        self._directory = context.directory
        self._accounts = context.accounts
        self._lease_s = context.settings.lease_s
        self._rates = rates
        self._hold_micros = context.settings.hold_micros
        self._blocking = Blocking(self._transitions)

    def commit_intent(
        self,
        tx: Transaction,
        row: ActionRow,
        read_at: int,
        read_after: int = -1,
        agreed: Agreed | None = None,
    ) -> ActionRow | ReadAgain | str | None:
        """Claim with the intent in one transaction; a text says what went stale instead.

        Args:
            read_at: microseconds since 1970, from before the provider was first read for it.
            read_after: what was settled up to this index was settled before it was read last.
            agreed: the yes that was stored in this very transaction, which has looked at the
                approval and at whose yes each is.

        Returns:
            The row as claimed, or as held (`is_blocked`) while it must not be called; `ReadAgain`
            when nothing was changed, and the provider has to be read first.
        """
        # INVARIANT: read in the transaction that commits the intent, so that no intent stands in
        # the log after a stop that it falls under.
        now = self._transitions.now()
        self._ahead(tx, row, read_at, now, agreed)
        obstacle = self._obstacle_to(tx, row)
        if obstacle is not None:
            return self._blocking.hold(tx, row, obstacle)
        check_stops_of_log(tx, self._directory, row, self._transitions.pseudonym(tx, row))
        settled = settled_since(tx, row, read_at)
        if settled > read_after:
            return ReadAgain(settled)
        approval, tampered = _approval_of(tx, row, agreed)
        if tampered is not None:
            return self._transitions.end_tampered(tx, row, approval, tampered)
        if now < row.updated_at - SKEW_MICROS:
            # INVARIANT: deadlines and histories mean nothing before the moment they were set at.
            return "the clock is behind the time at which it was judged"
        assert row.snapshot is not None
        assert row.judgement is not None
        outdated = self._outdated(tx, row, now)
        if outdated is not None:
            return outdated
        approvers: list[Approver] = []
        if row.judgement.outcome is Outcome.ASK:
            # INVARIANT: no `ask` passes without an approval bound to the very same digest.
            if approval is None or approval.status is not ApprovalStatus.APPROVED:
                return "it is not approved"
            if now >= approval.expires_at:
                return "the time of the approval is over"
            approvers, forged = self._approvers(tx, row, approval, agreed)
            if forged is not None:
                return self._transitions.end_tampered(tx, row, approval, forged)
        history = None if agreed is None else agreed.history
        judgement = self._evaluator.permits(tx, row, approvers, now, history)
        if judgement.outcome is not Outcome.ALLOW:
            return f"it is not allowed any more: {judgement.explain}"
        if self._waits_for_hold(tx, row, approval, now) or self._rates.puts_off(tx, row, now):
            return None
        action = self._registry.action(row.name)
        key = call_key(row.tenant, row.id, row.snapshot.digest)
        claimed = replace(
            row,
            status=Status.EXECUTING,
            judgement=replace(row.judgement, holds=judgement.holds),
            fence=row.fence + 1,
            due_at=now + int(self._lease_s * 1e6),
            call_key=key,
            call_key_until=_key_until(row, key, action.guarantee.retention_s, now),
            called_at=now,
            updated_at=now,
        )
        data: dict[str, Json] = {
            "call_key": claimed.call_key,
            "guarantee": action.guarantee.kind,
            "rules": list(judgement.rules),
            "policy": judgement.policy,
            "approvers": [approver.person for approver in approvers],
            "fence": claimed.fence,
        }
        asked = approval if row.judgement.outcome is Outcome.ASK else None
        approval_id = asked.id if asked is not None else None
        return self._transitions.move(
            tx, row, claimed, EntryKind.ACTION_INTENT, data, approval=approval_id
        )

    def _waits_for_hold(
        self, tx: Transaction, row: ActionRow, approval: ApprovalRow | None, now: int
    ) -> bool:
        """Whether its yes can still be taken back; whatever woke it, it comes due when that ends.

        NOTE: only the first call waits, and a clock that went back makes nobody wait twice as long.
        """
        if approval is None or row.call_key is not None:
            return False
        starts = starts_at(approval, approval.updated_at, self._hold_micros)
        if not now < starts <= now + self._hold_micros:
            return False
        tx.run(
            "action.due_again", tenant=row.tenant, id=row.id, last_seq=row.last_seq, due_at=starts
        )
        return True

    def _approvers(
        self, tx: Transaction, row: ActionRow, approval: ApprovalRow, agreed: Agreed | None
    ) -> tuple[list[Approver], str | None]:
        """Whose yes each is, and what is wrong with them, in words."""
        if agreed is not None:
            return [*agreed.approvers], None
        approvers = approvers_of(tx, votes_about(tx, row), approval, self._directory)
        return approvers, forged_votes(tx, row, approvers)

    def _outdated(self, tx: Transaction, row: ActionRow, now: int) -> str | None:
        """Why it has to be judged anew, whatever it was judged; None where it need not."""
        if self._evaluator.is_outdated(tx, row):
            return "the policy has changed"
        assert row.snapshot is not None
        assert row.judgement is not None
        way = row.snapshot.resolved.reached
        if not self._accounts.still_holds(tx, row.tenant, row.subject.id, way):
            return "what tied the account to the customer has ended"
        asked = row.judgement.outcome is Outcome.ASK
        if not asked and now - row.snapshot.resolved_at > HOLDS_MICROS:
            return "the facts by which it was allowed are more than a day old"
        return None

    def _ahead(
        self, tx: Transaction, row: ActionRow, read_at: int, now: int, agreed: Agreed | None
    ) -> None:
        """Say what is read before the intent is written; see `Reader.ahead`."""
        ahead_of_obstacles(tx, row)
        ahead_of_settled(tx, row, read_at)
        if agreed is not None:
            return  # which has read the rest
        ahead_of_approval(tx, row.tenant, row.id)
        ahead_of_checks(tx, row)
        if row.snapshot is not None:
            self._evaluator.ahead(tx, row, row.snapshot.resolved, now)
        self._transitions.ahead(tx, row)

    def overtaken(self, reader: Reader, row: ActionRow) -> str | None:
        """See `Evaluator.overtaken`."""
        return self._evaluator.overtaken(reader, row)

    def stop_on(self, reader: Reader, row: ActionRow) -> Obstacle | None:
        """The stop that holds an action: its own, or one of another account of the customer's."""
        return stop_of_customer(reader, self._directory, self._accounts, row)

    def _obstacle_to(self, tx: Transaction, row: ActionRow) -> Obstacle | None:
        found = obstacle_to(tx, row)
        if found is not None and found.code is Code.STOPPED:
            return found
        return stop_beside(tx, self._directory, self._accounts, row) or found

    def claim_again(self, tx: Transaction, row: ActionRow) -> ActionRow | None:
        """Claim for a second call of the same intent, under the same key; or hold, as above."""
        stop = self.stop_on(tx, row)
        if stop is not None:
            return self._blocking.take_back(tx, row, stop, Try.AGAIN)
        check_stops_of_log(tx, self._directory, row, self._transitions.pseudonym(tx, row))
        now = self._transitions.now()
        approval = approval_of(tx, row)
        tampered = found_tampering(tx, row, approval)
        if tampered is not None:
            return self._transitions.end_tampered(tx, row, approval, tampered)
        if self._rates.puts_off(tx, row, now):
            return None
        # INVARIANT: `called_at` is the last moment of the newest call, from which absence needs
        # `settle_after_s` to be proof; `call_key_until` stays the first call's, from which the
        # provider counts.
        claimed = replace(
            row,
            status=Status.EXECUTING,
            fence=row.fence + 1,
            due_at=now + int(self._lease_s * 1e6),
            called_at=now,
            updated_at=now,
        )
        data: dict[str, Json] = {
            "call_key": claimed.call_key,
            "fence": claimed.fence,
            "again": True,
        }
        return self._transitions.move(tx, row, claimed, EntryKind.ACTION_INTENT, data)


def _approval_of(
    tx: Transaction, row: ActionRow, agreed: Agreed | None
) -> tuple[ApprovalRow | None, str | None]:
    """The approval, and what contradicts itself about the action, in words."""
    if agreed is not None:
        return agreed.approval, found_contradiction(row, agreed.approval)
    approval = approval_of(tx, row)
    return approval, found_tampering(tx, row, approval)


def _key_until(row: ActionRow, key: str, retention_s: int | None, now: int) -> int | None:
    """Until when the provider surely remembers the key of a call that is made now.

    INVARIANT: it counts from the first request with it, which a harmless call may have been,
    although it did nothing.
    """
    if retention_s is None:
        return None
    until = now + retention_s * 1_000_000
    return until if row.call_key != key else min(row.call_key_until or until, until)
