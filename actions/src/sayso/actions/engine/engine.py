"""The engine: `advance(action_id)` takes an action as far as it can go now, and no effect twice.

Anybody may call it, at least once, at any time, in any process; two at once do no harm. What a
crash loses at each boundary stands in `docs/explanation/life-of-an-action.md`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import TypeVar, assert_never

from sayso.actions.approvals.decided import Agreed
from sayso.actions.approvals.reminders import Reminders
from sayso.actions.approvals.repository import approval_of
from sayso.actions.approvals.transitions import Transitions
from sayso.actions.context import EngineContext
from sayso.actions.controls.blocking import Blocking, Obstacle
from sayso.actions.controls.rate_limit import RateLimits
from sayso.actions.engine.claim import Claims, LeaseKeeper, ReadAgain
from sayso.actions.engine.follow_up import FollowUps
from sayso.actions.engine.late_effects import DeniedCalls, check_not_done
from sayso.actions.engine.outcomes import Endings, Settlements, is_last_harmless
from sayso.actions.engine.planned_steps import PlannedSteps
from sayso.actions.engine.quote import quote_of
from sayso.actions.engine.reconcile import (
    CallAgain,
    Fail,
    Settle,
    Wait,
    after_look_up,
    may_outlive_lease,
    not_proven,
    retry_delay_micros,
)
from sayso.actions.model.action_row import ActionRow, get_action
from sayso.actions.model.attempt import (
    MAX_BREAKS,
    Try,
    call_of,
    check_claimed,
    last_called,
    outcome_of,
    read_target,
    subject_as_signed,
)
from sayso.actions.model.customer_words import keeps_its_time
from sayso.actions.model.plan_state import (
    Waits,
    dependency_error,
    failed_before,
    own_changes,
    park,
    stands_alone,
    waits_for,
)
from sayso.actions.model.snapshot import Receipt, difference
from sayso.actions.model.status import FINAL, Status
from sayso.actions.model.tries import tries_of
from sayso.actions.policy.judged import schema_hash
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError, SaysoError
from sayso.ids import Tenant, monotonic_s, to_micros
from sayso.store.base import Reader, Transaction

logger = logging.getLogger("sayso.engine")
T = TypeVar("T")

ABANDONED_MICROS = 3600 * 1_000_000
"""What was called is left to people once nobody who has its connector has come for it for so long:
a server that is restarted, or that is there again after a night's deploy, comes sooner."""
MAX_REVISIONS = 10
"""How often the world may change under an action before it is refused."""
PROMPT_S = 0.5
"""A call that leaves so long after its claim looks for stops once more, so that one holds within a
second whatever a worker was kept by."""


class Boundary(StrEnum):
    """The named places at which a crash test may pull the plug."""

    BEFORE_INTENT = "before_intent"
    AFTER_INTENT = "after_intent"
    AFTER_CALL = "after_call"
    AFTER_OUTCOME = "after_outcome"


class Engine:
    """Advances actions. Needs no state of its own: everything stands in the store."""

    def __init__(
        self,
        context: EngineContext,
        *,
        rates: RateLimits | None = None,
        reminders: Reminders | None = None,
        passing: Callable[[Boundary], None] = lambda boundary: None,
    ) -> None:
        self._store = context.store
        self._personal = context.personal
        self._registry = context.registry
        self._accounts = context.accounts
        self._planned_steps = PlannedSteps(context)
        self._clock = context.clock
        self._telemetry = context.telemetry
        self._settings = context.settings
        self._reminders = reminders
        self._passing = passing
        transitions = Transitions(context)
        self._rates = rates or RateLimits()
        self._claims = Claims(context, self._rates)
        self._endings = Endings(transitions)
        self._settlements = Settlements(transitions)
        self._blocking = Blocking(transitions)
        self._denied = DeniedCalls(context, context.settings.call_timeout_s)
        self._follow_ups = FollowUps(context, self._denied, self._settlements)

    async def advance(self, tenant: Tenant, action_id: str) -> ActionRow:
        """Take an action as far as it can go now; returns it as this call left it.

        Raises:
            RefusedError: `not_found`.
            RetryableError: the store or the provider cannot be used now; try again later.
        """
        row = await self._store.read(
            lambda reader: get_action(reader, tenant, action_id), brief=True
        )
        return await self.advance_row(row)

    async def advance_row(self, row: ActionRow) -> ActionRow:
        """The same for a row that was just stored or read; somebody else may have moved it since.

        INVARIANT: whatever is stored is compared with the row first, so an old one does nothing.
        """
        for _ in range(4 * MAX_REVISIONS):
            moved = await self._step(row)
            if moved is None:
                break
            row = moved
        return row

    def claim_in(
        self, tx: Transaction, row: ActionRow, agreed: Agreed | None = None
    ) -> ActionRow | None:
        """Commit the intent of an action that was judged in this very transaction.

        Returns:
            The claimed row, for `call_claimed`; None when it cannot be claimed now.
        """
        assert row.snapshot is not None
        self._passing(Boundary.BEFORE_INTENT)
        claimed = self._claims.commit_intent(tx, row, row.snapshot.resolved_at, agreed=agreed)
        return claimed if isinstance(claimed, ActionRow) else None

    def claim_agreed(
        self, tx: Transaction, row: ActionRow, agreed: Agreed | None
    ) -> ActionRow | None:
        """The same for what people have agreed to in this very transaction; see `Claim`.

        INVARIANT: only what needs nothing read first. All else is left to `advance`, which reads
        the provider, looks for what an earlier call did, or has it judged anew.
        """
        if not stands_alone(row) or not self._registry.knows(row.name):
            return None
        is_due = row.due_at is not None and row.due_at <= to_micros(self._clock.now())
        if not is_due or row.call_key is not None or self._other_program(row) is not None:
            return None
        return self.claim_in(tx, row, agreed) if self._is_fresh(row) else None

    async def call_claimed(self, row: ActionRow) -> ActionRow | None:
        """Make the call of a row that `claim_in` has claimed, and write what came of it."""
        check_claimed(row)
        self._passing(Boundary.AFTER_INTENT)
        return await self._call(row, Try.FIRST)

    async def _step(self, row: ActionRow) -> ActionRow | None:
        """One arrow of the life of an action; None when there is nothing to do now."""
        now = to_micros(self._clock.now())
        # INVARIANT: what another process has to do is left to it: a look-up that cannot be made
        # here is no look-up, and a refusal here would be the last word about it everywhere.
        is_ours = self._registry.knows(row.name)
        if row.status is Status.PENDING_APPROVAL and (is_ours or row.call_key is None):
            return await self._wait_for_people(row, now)
        if row.due_at is None or row.due_at > now:
            return None
        if not is_ours:
            await self._leave_abandoned(row, now)
            return None
        match row.status:
            case Status.PENDING_APPROVAL:
                raise AssertionError("looked at above")
            case Status.PLANNED | Status.STALE:
                return await self._judge_again(row)
            case Status.APPROVED:
                return await self._claim(row)
            case Status.EXECUTING | Status.UNKNOWN:
                return await self._recover(row)
            case Status.ACCEPTED | Status.SUCCEEDED:
                return await self._follow_ups.look(row)
            case (
                Status.REFUSED | Status.REJECTED | Status.EXPIRED | Status.WITHDRAWN | Status.FAILED
            ):
                return await self._denied.look_late(row)
            case Status.COMPENSATED:
                return None
            case _:
                assert_never(row.status)

    async def _wait_for_people(self, row: ActionRow, now: int) -> ActionRow | None:
        """End what nobody decides about any more, or remind people of it."""
        if row.call_key is not None and await self._store.read(
            lambda reader: self._endings.is_over(reader, row, now), brief=True
        ):
            done = await self._denied.settle(row)
            if done is not None:
                return done
        return await self._write(row, lambda tx: self._expire(tx, row, now))

    def _expire(self, tx: Transaction, row: ActionRow, now: int) -> ActionRow | None:
        expired = self._endings.expire(tx, row, now)
        if expired is None and self._reminders is not None:
            self._reminders.tell(tx, row, now)
        return expired

    async def _judge_again(self, row: ActionRow) -> ActionRow | None:
        # INVARIANT: a judgement may refuse it, and its own effect be what it is refused for.
        done = await self._denied.settle(row) or await self._end_withdrawn(row)
        if done is not None:
            return done
        if row.revision >= MAX_REVISIONS:
            return await self._refuse(row, Code.WRONG_STATE, "it changed too often")
        if not stands_alone(row):
            failed = await self._store.read(lambda reader: failed_before(reader, row), brief=True)
            if failed is not None:
                return await self._refuse(
                    row, Code.DEPENDENCY_FAILED, dependency_error(failed)["message"]
                )
        quote, until, subject = await self._store.read(
            lambda reader: (
                quote_of(reader, self._personal, row),
                self._kept_until(reader, row),
                subject_as_signed(reader, self._personal, self._registry, row),
            ),
            brief=True,
        )
        try:
            return await self._planned_steps.settle(replace(row, subject=subject), quote, until)
        except RetryableError as error:
            return await self._broke_off(row, error, None)

    async def _broke_off(
        self, row: ActionRow, error: RetryableError, unproven: str | None
    ) -> ActionRow | None:
        """A connector raised what nobody knows: it is read again later, a few times, then refused.

        Raises:
            RetryableError: the error itself, as long as it is tried again.
        """
        if error.code is not Code.CONNECTOR_FAILED:
            raise error
        if row.attempts + 1 < MAX_BREAKS:
            now = to_micros(self._clock.now())
            await self._store.write(
                lambda tx: tx.run(
                    "action.read_again",
                    tenant=row.tenant,
                    id=row.id,
                    last_seq=row.last_seq,
                    attempts=row.attempts + 1,
                    due_at=now + retry_delay_micros(row.attempts, None),
                ),
                brief=True,
                about=row.tenant,
            )
            raise error
        check_not_done(unproven)
        return await self._refuse(row, Code.CONNECTOR_FAILED, error.message)

    @staticmethod
    def _kept_until(reader: Reader, row: ActionRow) -> int | None:
        """Until when people decide, where a renewed card keeps that; microseconds since 1970."""
        if not keeps_its_time(str((row.error or {}).get("message", ""))):
            return None
        approval = approval_of(reader, row)
        return None if approval is None else approval.expires_at

    async def _end_withdrawn(self, row: ActionRow) -> ActionRow | None:
        """End what its customer took back while it was called, once that has surely done nothing.

        None for all else; nothing is read for what was never called: that ended with its request.
        """
        if row.call_key is None or row.request_id is None or row.undoes is not None:
            return None
        return await self._write(row, lambda tx: self._endings.end_withdrawn(tx, row))

    async def _write(self, row: ActionRow, work: Callable[[Transaction], T]) -> T:
        return await self._store.write(work, brief=True, about=row.tenant)

    async def _end_in_vain(self, row: ActionRow) -> ActionRow | None:
        """The same, and of what was to be said and is not true any more: it was surely not said."""
        ended = await self._end_withdrawn(row)
        if ended is not None:
            return ended
        why = await self._store.read(lambda reader: self._claims.overtaken(reader, row), brief=True)
        if why is None or row.status is Status.APPROVED:
            return None  # a claim asks by itself
        no = RefusedError(Code.OVERTAKEN, why)
        return await self._store.write(
            lambda tx: self._settlements.settle(tx, row, no, Try.PROVEN), about=row.tenant
        )

    # ---- claim: everything that could have changed is checked again --------------------------

    async def _claim(self, row: ActionRow) -> ActionRow | None:
        unproven: str | None = None
        if row.call_key is not None:
            found = await self._denied.look_up(row)
            if isinstance(found, Receipt):
                return await self._write(
                    row, lambda tx: self._settlements.reconcile(tx, row, found)
                )
            guarantee = self._registry.action(row.name).guarantee
            unproven = not_proven(row, guarantee, found, to_micros(self._clock.now()))
            ended = None if unproven else await self._end_in_vain(row)
            if ended is not None:
                return ended
        if not stands_alone(row):
            waiting = await self._store.read(lambda reader: waits_for(reader, row), brief=True)
            if waiting is Waits.FAILED:
                check_not_done(unproven)
                problem = "another step of its plan did not succeed"
                return await self._refuse(row, Code.DEPENDENCY_FAILED, problem)
            if waiting is Waits.OPEN:
                await self._write(row, lambda tx: park(tx, row))
                return None
        try:
            claimed = await self._commit_intent(row)
        except RetryableError as error:
            return await self._broke_off(row, error, unproven)
        if isinstance(claimed, str):
            return await self._make_stale(row, claimed, unproven)
        if claimed is None or claimed.is_blocked:
            return claimed
        check_claimed(claimed)
        self._passing(Boundary.AFTER_INTENT)
        return await self._call(claimed, Try.FIRST)

    async def _commit_intent(self, row: ActionRow) -> ActionRow | str | None:
        """As `Claims.commit_intent`, with the provider read as often as it has to be."""
        assert row.snapshot is not None
        changed = self._other_program(row)
        read_at, read_after = row.snapshot.resolved_at, -1
        if changed is None and not self._is_fresh(row):
            read_at = to_micros(self._clock.now())
            changed = await self._changed(row)
        while changed is None:
            self._passing(Boundary.BEFORE_INTENT)
            claim = partial(
                self._claims.commit_intent, row=row, read_at=read_at, read_after=read_after
            )
            claimed = await self._store.write(claim, brief=True, about=self._rates.whose(row))
            if not isinstance(claimed, ReadAgain):
                return claimed
            read_after = claimed.settled
            changed = await self._changed(row)
        return changed

    def _is_fresh(self, row: ActionRow) -> bool:
        """Whether the provider was read moments ago; see docs/decisions/0003."""
        assert row.snapshot is not None
        age = to_micros(self._clock.now()) - row.snapshot.resolved_at
        # What it waited for while it was held may have changed the very object.
        return row.blocked_by is None and 0 <= age < int(self._settings.fresh_s * 1e6)

    def _other_program(self, row: ActionRow) -> str | None:
        """What is not the program any more that judged it, in words."""
        assert row.snapshot is not None
        if self._registry.version_of(row.name) != row.snapshot.connector_version:
            return "the connector has another version"
        action = self._registry.action(row.name)
        if schema_hash(action.args) != row.snapshot.schema_sha256:
            return "the action takes other arguments now"
        return None

    async def _changed(self, row: ActionRow) -> str | None:
        """What changed at the provider since the snapshot, in words; None when nothing did."""
        assert row.snapshot is not None
        judged = row.snapshot.resolved
        with self._telemetry.span("sayso.resolve", row.traceparent, {"sayso.action": row.name}):
            try:
                found = await read_target(
                    self._registry,
                    row.id,
                    row.name,
                    judged.args,
                    row.subject,
                    self._accounts.asking(row),
                )
            except RefusedError as error:
                # INVARIANT: by its code only, since this goes into the log for good, and a
                # provider's words may name the customer.
                return f"the connector refuses it now: {error.code}"
        changed = difference(judged, found)
        if changed is None or row.request_id is None:
            return changed
        own = await self._store.read(lambda reader: own_changes(reader, self._registry, row))
        return difference(judged, found, expected=own)

    async def _make_stale(
        self, row: ActionRow, reason: str, unproven: str | None
    ) -> ActionRow | None:
        # INVARIANT: a new revision has a new key, so a provider that did it and said that it had
        # not would do it again; nor is the change its own effect.
        check_not_done(unproven)
        stored = await self._write(row, lambda tx: self._endings.make_stale(tx, row, reason))
        if stored is not None and stored.status is not Status.STALE:
            check_claimed(stored)
        return stored

    async def _refuse(self, row: ActionRow, code: Code, message: str) -> ActionRow | None:
        return await self._write(row, lambda tx: self._endings.refuse(tx, row, code, message))

    # ---- call and settle -----------------------------------------------------------------------

    async def _call(self, row: ActionRow, which: Try) -> ActionRow | None:
        """Call the connector under the lease and write what came of it."""
        attributes: dict[str, str | int | bool] = {
            "sayso.action": row.name,
            "sayso.attempt": row.fence,
        }
        with self._telemetry.span("sayso.call", row.traceparent, attributes):
            # INVARIANT: who slept past the lease may have been looked up and replaced, so calls
            # nothing any more; whoever takes over decides by what the provider holds.
            now = to_micros(self._clock.now())
            if row.due_at is None or now >= row.due_at:
                return None
            if now - (row.called_at or 0) >= int(PROMPT_S * 1e6):
                stop = await self._store.read(
                    lambda reader: self._claims.stop_on(reader, row), brief=True
                )
                if stop is not None:
                    return await self._take_back(row, stop, which)
            guarantee = self._registry.action(row.name).guarantee
            keeper = LeaseKeeper(
                self._store,
                self._clock,
                self._settings.lease_s,
                row,
                ends_call=not may_outlive_lease(row, guarantee, now),
            )
            begun = monotonic_s()
            outcome = await keeper.during(self._outcome(row, which))
            self._telemetry.time_call(row.name, monotonic_s() - begun)
            row = keeper.row
        self._passing(Boundary.AFTER_CALL)
        with self._telemetry.span("sayso.settle", row.traceparent, attributes):
            settled = await keeper.write_down(
                lambda tx: self._settlements.settle(tx, row, outcome, which, guarantee.repeats)
            )
        self._passing(Boundary.AFTER_OUTCOME)
        return self._timed(settled)

    def _timed(self, row: ActionRow | None) -> ActionRow | None:
        """The same row; how long it took to know is measured where it is known."""
        if row is not None and row.status in FINAL and row.called_at is not None:
            seconds = (row.updated_at - row.called_at) / 1e6
            self._telemetry.time_settlement(row.name, seconds, row.status.value)
        return row

    async def _outcome(self, row: ActionRow, which: Try) -> Receipt | SaysoError:
        """What came of a call, as it can be written down.

        INVARIANT: nothing ends as not done on the provider's word alone where a look-up can prove
        it. A call that is made again is looked up before; the last one is here.
        """
        if which is Try.FIRST and (known := await self._denied.done_before(row)) is not None:
            return known
        outcome = await outcome_of(self._registry, call_of(row), self._settings.call_timeout_s)
        if not isinstance(outcome, RetryableError) or which is not Try.FIRST:
            return outcome
        repeats = self._registry.action(row.name).guarantee.repeats
        if not await self._store.read(
            lambda reader: is_last_harmless(reader, row, outcome, repeats), brief=True
        ):
            return outcome
        found = await self._denied.look_up(row)
        if isinstance(found, Receipt):
            return found
        now = to_micros(self._clock.now())
        guarantee = self._registry.action(row.name).guarantee
        unproven = not_proven(replace(row, called_at=now), guarantee, found, now)
        if unproven is None:
            return outcome
        return OutcomeUnknownError(Code.OUTCOME_UNKNOWN, unproven, detail=outcome.message)

    async def _take_back(self, row: ActionRow, stop: Obstacle, which: Try) -> ActionRow | None:
        return await self._write(row, lambda tx: self._blocking.take_back(tx, row, stop, which))

    # ---- recover: a dead worker's action, or an unknown outcome ---------------------------------

    async def _recover(self, row: ActionRow) -> ActionRow | None:
        """Find out what became of a call before anything is tried again."""
        stored, row = row, last_called(row)
        guarantee = self._registry.action(row.name).guarantee
        found = await self._denied.look_up(row)
        tries = await self._store.read(lambda reader: tries_of(reader, row), brief=True)
        move = after_look_up(row, guarantee, found, to_micros(self._clock.now()), tries)
        match move:
            case Settle(receipt=receipt):
                settled = await self._write(
                    row, lambda tx: self._settlements.reconcile(tx, row, receipt)
                )
                return self._timed(settled)
            case Fail(failed=failed):
                settled = await self._write(
                    row, lambda tx: self._settlements.effect_failed(tx, row, failed)
                )
                return self._timed(settled)
            case CallAgain(proven=proven):
                ended = await self._end_in_vain(stored) if proven else None
                if ended is not None:
                    return ended
                self._passing(Boundary.BEFORE_INTENT)
                claimed = await self._store.write(
                    lambda tx: self._claims.claim_again(tx, row),
                    brief=True,
                    about=self._rates.whose(row),
                )
                if claimed is None or claimed.is_blocked:
                    return claimed
                check_claimed(claimed)
                self._passing(Boundary.AFTER_INTENT)
                return await self._call(claimed, Try.PROVEN if proven else Try.AGAIN)
            case Wait():
                await self._stay_unknown(row, move)
                return None
            case _:
                assert_never(move)

    async def _leave_abandoned(self, row: ActionRow, now: int) -> None:
        """Leave to a person what was called, and nobody who has its connector has come for."""
        is_called = row.status in {Status.EXECUTING, Status.UNKNOWN}
        if is_called and now - (row.due_at or now) >= ABANDONED_MICROS:
            reason = "no server that runs has its connector; a person has to look"
            await self._stay_unknown(last_called(row), Wait(due_at=None, reason=reason))

    async def _stay_unknown(self, row: ActionRow, wait: Wait) -> None:
        stayed = await self._write(row, lambda tx: self._settlements.stay_unknown(tx, row, wait))
        if stayed is not None and wait.due_at is None:
            # Once per action: from here on it is not due, so nobody comes by again.
            logger.warning("%s %s is unknown, and left to a person", row.name, row.id)
            self._telemetry.count_left(row.name)
