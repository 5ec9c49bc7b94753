"""Proposals: a concrete action is resolved, judged and stored, or refused and stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from sayso.actions.approvals.repository import (
    ApprovalRow,
    ApprovalStatus,
    approval_of,
    put_approval,
)
from sayso.actions.context import EngineContext
from sayso.actions.customers.proof import Reached
from sayso.actions.customers.verified import AccountStanding
from sayso.actions.engine.judged_entry import judged_entry
from sayso.actions.engine.placing import Placing
from sayso.actions.engine.plan_judgement import (
    JudgementMoment,
    PlannedStep,
    is_as_read,
    judge_together,
    judged_or_refused,
    leftmost_of,
    still_with_plan,
)
from sayso.actions.limits.limit_check import LimitCheck
from sayso.actions.model.action_row import NORMAL, ActionRow, check_priority, joins_of, read_action
from sayso.actions.model.attempt import MAX_BREAKS, read_target, standing_as
from sayso.actions.model.definition import Effect, Subject
from sayso.actions.model.digest import check_reason, hash_of, normal_json, storable
from sayso.actions.model.idempotency import (
    check_callers_key,
    check_key,
    key_of_step,
    key_params,
    read_by_key,
    same_action,
    stands_for,
)
from sayso.actions.model.ledger import SYSTEM, entry_of
from sayso.actions.model.plan import OnFailure, Step
from sayso.actions.model.plan_state import parts_of
from sayso.actions.model.snapshot import Resolved
from sayso.actions.model.status import Status
from sayso.actions.policy.evaluator import Judged
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.errors import Code, RefusedError, RetryableError
from sayso.frozen import replace
from sayso.ids import Tenant, to_micros
from sayso.json import JsonValue
from sayso.store.base import Reader, Transaction

_TOLD_MICROS = 3600 * 1_000_000
_MOST_TOLD = 10_000
_WITHOUT_A_ROW = frozenset({Code.UNKNOWN_ACTION, Code.INVALID_INPUT, Code.INVALID_MONEY})
"""What the caller wrote cannot be an action at all, so there is only the entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What is asked for.

    Attributes:
        tenant: whose workspace.
        requester: who asks: a service token, a person, or the agent for a request.
        subject: the verified customer.
        action: the action's name. args: its arguments, as JSON.
        reason: the customer's or the caller's words; untrusted, sealed beside the log.
        key: the caller's idempotency key; the same key with the same content is one action.
        planner: `caller`, or who planned it.
        request_id, step, after, on_failure: where it stands in a plan.
        traceparent: W3C trace context of the asker.
        priority: 0 to 9; see `sayso.actions.model.action_row`.
        shown_by: of a person: the surface (`via`) and the `credential` by which they were known;
            stands in the entry.
        way: how the subject is known to be the customer's who wrote from another account; found by
            the engine.
        is_new: nobody can have used the key before, so no earlier action is looked for before the
            provider is asked; the transaction that stores it looks in any case.
    """

    tenant: Tenant
    requester: Actor
    subject: Subject
    action: str
    args: Mapping[str, JsonValue]
    key: str
    reason: str = ""
    planner: str = "caller"
    request_id: str | None = None
    step: str | None = None
    after: tuple[str, ...] = field(default=())
    on_failure: OnFailure = OnFailure.CONTINUE
    traceparent: str | None = None
    priority: int = NORMAL
    shown_by: Mapping[str, str] = field(default_factory=dict[str, str])
    way: Reached | None = None
    is_new: bool = False


Claim = Callable[[Transaction, ActionRow], ActionRow | None]
"""Commits the intent of an approved action in the transaction that it is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """What came of a proposal.

    Attributes:
        row: as it is stored.
        approval: the question to people that was stored with it; None when it asks nobody, or
            when the row was stored earlier.
        claimed: the intent stands in the same commit, so whoever proposed it has to make the call;
            if that process dies, the lease ends and another one looks it up.
    """

    row: ActionRow
    approval: ApprovalRow | None = None
    claimed: bool = False


class _ToldError(RefusedError):
    """A refusal that stands in the log already, and is not told there once more."""


class Proposals:
    """Takes proposals in. See `docs/explanation/life-of-an-action.md`, asked to judged."""

    def __init__(self, context: EngineContext) -> None:
        self._store = context.store
        self._ledger = context.ledger
        self._registry = context.registry
        self._evaluator = context.evaluator
        self._personal = context.personal
        self._clock = context.clock
        self._ids = context.ids
        self._telemetry = context.telemetry
        self._accounts = context.accounts
        self._placing = Placing(context)
        self._told: dict[tuple[str, ...], int] = {}

    async def propose(self, proposal: Proposal, claim: Claim | None = None) -> Proposed:
        """Resolve, judge and store one action; the row's status says what came of it.

        Args:
            claim: commits the intent of what the policy allows in the very same commit.

        Returns:
            A row that is `approved` (or claimed), `pending_approval` or `refused`; the earlier row
            when the key was used before, and the open one when an equal one waits for people: then
            this one is stored as `refused` (`joined`), and its key stands for the open one.

        Raises:
            RefusedError: `unknown_action`, `invalid_input`, `invalid_money` or `message_too_long`
                (recorded, without a row), `idempotency_conflict` (recorded).
            RetryableError: the provider cannot be read now, or its connector broke off
                (`connector_failed`); nothing was stored.
        """
        with self._telemetry.intake("sayso.propose", proposal.traceparent) as traceparent:
            try:
                if proposal.traceparent != traceparent:
                    proposal = replace(proposal, traceparent=traceparent)
                return await self._propose(proposal, claim)
            except _ToldError:
                raise
            except RefusedError as error:
                await self.record_refusal(proposal, error)
                raise

    async def _propose(self, proposal: Proposal, claim: Claim | None) -> Proposed:
        fingerprint = _fingerprint(proposal)
        known = None
        if not proposal.is_new:
            known = await self._store.read(
                lambda reader: read_by_key(reader, "action.by_key", proposal.tenant, proposal.key),
                brief=True,
            )
        if known is not None:
            row = same_action(read_action(known), fingerprint)
            if joins_of(row) is not None:
                row = await self._store.read(lambda reader: stands_for(reader, row), brief=True)
            return Proposed(row=row)
        draft = self._draft(proposal, fingerprint)
        try:
            draft, way = await self._placing.at_account(draft, proposal.subject)
            proposal = replace(proposal, way=way)
            outcome: Resolved | RefusedError = await self._resolve(draft, way)
        except RefusedError as error:
            if error.code in _WITHOUT_A_ROW:
                raise
            outcome = error
        with self._telemetry.span("sayso.judge", draft.traceparent, {"sayso.action": draft.name}):
            try:
                return await self._store.write(
                    lambda tx: self._insert(tx, draft, outcome, proposal, claim), brief=True
                )
            except RefusedError as error:
                told = isinstance(error, _ToldError) or error.code is Code.IDEMPOTENCY_CONFLICT
                if isinstance(outcome, RefusedError) or told:
                    raise
                # What a connector gave can be neither judged nor kept, which is a no to the action.
                unfit = error
                return await self._store.write(
                    lambda tx: self._insert(tx, draft, unfit, proposal, None), brief=True
                )

    async def dry_run(self, proposal: Proposal) -> Judged:
        """Resolve and judge without storing anything.

        Raises:
            RefusedError: whatever refuses it before the policy is asked.
        """
        return (await self.dry_run_within(proposal))[0]

    async def dry_run_within(self, proposal: Proposal) -> tuple[Judged, Sequence[LimitCheck]]:
        """The same, with the limits that count it as it meets them now."""
        draft = self._draft(proposal, _fingerprint(proposal))
        draft, way = await self._placing.at_account(draft, proposal.subject)
        resolved = await self._resolve(draft, way)
        now = to_micros(self._clock.now())

        def work(reader: Reader) -> tuple[Judged, Sequence[LimitCheck]]:
            judged = self._evaluator.judge(
                reader, draft, resolved, now=now, read_at=draft.created_at, quote=proposal.reason
            )
            return judged, self._evaluator.limits_met(reader, draft, resolved, now)

        return await self._store.read(work)

    def submit_steps(
        self, tx: Transaction, proposals: tuple[Proposal, ...], steps: tuple[Step, ...]
    ) -> list[ActionRow]:
        """Store the steps of a plan as `planned`, due now; part of the caller's transaction.

        Resubmitting the same keys stores nothing new. A key that something else has, which a
        caller chose before such keys were refused, is left to it, and the next one is taken.
        """
        rows: list[ActionRow] = []
        leading = self._leading(proposals, steps)
        for asked, step in zip(proposals, steps, strict=True):
            key, known = key_of_step(tx, asked.tenant, asked.key, asked.request_id, asked.step)
            if known is not None:
                rows.append(known)
                continue
            proposal = replace(asked, key=key)
            draft = self._draft(proposal, _fingerprint(proposal))
            draft, way = self._placing.at_stored_account(tx, draft)
            if step.id not in leading:
                draft = replace(draft, due_at=None)
            pseudonym = self._personal.pseudonym(
                tx, proposal.tenant, draft.subject.id, draft.created_at
            )
            entry = entry_of(
                draft,
                EntryKind.ACTION_PROPOSED,
                actor=proposal.requester,
                pseudonym=pseudonym,
                data={
                    "planner": draft.planner,
                    "step": step.id,
                    "after": list(step.after),
                    **self._placing.came_by(tx, draft, proposal.subject.id, way),
                },
            )
            rows.append(self._ledger.insert(tx, draft, entry))
        return rows

    def _leading(self, proposals: tuple[Proposal, ...], steps: tuple[Step, ...]) -> set[str]:
        """The first step of each part of a plan: it is due, and the others are judged with it."""
        drafts = [
            replace(self._draft(asked, ""), step=step.id, after=step.after)
            for asked, step in zip(proposals, steps, strict=True)
        ]
        return {part[0].step or "" for part in parts_of(drafts, self._effect_of)}

    def _effect_of(self, name: str) -> Effect | None:
        try:
            return self._registry.action(name).effect
        except RefusedError:
            return None

    async def settle_planned(
        self, row: ActionRow, quote: str, until: int | None = None
    ) -> ActionRow | None:
        """Resolve and judge a `planned` or `stale` action; None when somebody else was faster.

        What a plan has that belongs to a planned step is judged with it, in one transaction.

        Args:
            until: when people's time to decide is over, in microseconds since 1970, where a renewed
                card keeps that; else they have the whole time.

        Raises:
            RetryableError: the provider cannot be read now, or its connector broke off
                (`connector_failed`); the row stays as it is.
        """
        if row.status is Status.PLANNED and row.request_id is not None:
            part = await self._store.read(lambda reader: self._part(reader, row), brief=True)
            if len(part) > 1:
                return await self._settle_part(row, part, quote)
        draft = replace(row, attempts=0)  # those of the reading; the calls are counted anew
        if row.status is Status.STALE:
            draft = replace(draft, revision=row.revision + 1)
        read_at = to_micros(self._clock.now())
        moment = JudgementMoment(now=read_at, read_at=read_at, quote=quote, until=until)
        try:
            outcome: Resolved | RefusedError = await self._resolve(draft)
        except RefusedError as error:
            outcome = error
        with self._telemetry.span("sayso.judge", row.traceparent, {"sayso.action": row.name}):
            try:
                return await self._store.write(
                    lambda tx: self._judge_stored(tx, row, draft, outcome, moment),
                    brief=True,
                )
            except RefusedError as error:
                if isinstance(outcome, RefusedError):
                    raise
                unfit = error  # else it would stay due, and be judged in vain, for ever
                return await self._store.write(
                    lambda tx: self._judge_stored(tx, row, draft, unfit, moment), brief=True
                )

    def _part(self, reader: Reader, row: ActionRow) -> tuple[ActionRow, ...]:
        """The steps that are planned still and belong to this one, in the order of the plan."""
        found = reader.all("action.by_request", tenant=row.tenant, request_id=row.request_id)
        steps = [step for step in map(read_action, found) if step.undoes is None]
        if self._evaluator.holds_back(reader, row):
            # INVARIANT: a plan goes as far as the step that goes least far, so all are judged.
            return tuple(step for step in steps if step.status is Status.PLANNED)
        for part in parts_of(steps, self._effect_of):
            if any(step.id == row.id for step in part):
                return tuple(step for step in part if step.status is Status.PLANNED)
        return (row,)

    async def _settle_part(
        self, row: ActionRow, part: tuple[ActionRow, ...], quote: str
    ) -> ActionRow | None:
        """Judge the steps of one part of a plan, all of them in one transaction."""
        read_at = to_micros(self._clock.now())
        last_try = row.attempts + 1 >= MAX_BREAKS
        drafts = [
            # What was signed of the customer counts for each of their accounts.
            replace(step, attempts=0, subject=replace(row.subject, id=step.subject.id))
            for step in part
        ]
        outcomes = await asyncio.gather(*(self._found(draft, last_try) for draft in drafts))
        planned = [
            PlannedStep(row=step, draft=draft, outcome=outcome)
            for step, draft, outcome in zip(part, drafts, outcomes, strict=True)
        ]

        def work(tx: Transaction) -> list[ActionRow]:
            now = to_micros(self._clock.now())
            if not all(is_as_read(tx, step) for step in part):
                return []
            moment = JudgementMoment(now=now, read_at=read_at, quote=quote)
            stored = [
                self._store_judged(tx, step, one, now)
                for step, one in self._judge_plan(tx, planned, moment)
            ]
            return [step for step in stored if step is not None]

        with self._telemetry.span("sayso.judge", row.traceparent, {"sayso.action": row.name}):
            stored = await self._store.write(work)
        return next((step for step in stored if step.id == row.id), None)

    def _judge_plan(
        self, tx: Transaction, planned: list[PlannedStep], moment: JudgementMoment
    ) -> Iterator[tuple[ActionRow, Judged]]:
        ceiling = leftmost_of(tx, self._evaluator, planned, moment.now)
        rows = [step.row for step in planned]
        for part in [rows] if ceiling is None else parts_of(rows, self._effect_of):
            ids = {row.id for row in part}
            steps = [step for step in planned if step.row.id in ids]
            judged = judge_together(tx, self._evaluator, steps, moment, ceiling)
            yield from zip([step.row for step in steps], judged, strict=True)

    async def _found(self, draft: ActionRow, last_try: bool) -> Resolved | RefusedError:
        try:
            return await self._resolve(draft)
        except RefusedError as error:
            return error
        except RetryableError as error:
            if error.code is not Code.CONNECTOR_FAILED or not last_try:
                raise
            return RefusedError(error.code, error.message)

    async def _resolve(self, draft: ActionRow, way: Reached | None = None) -> Resolved:
        """Read what a draft would do.

        Args:
            way: how its account is known to be the customer's, where that was read just now.
        """
        # INVARIANT: a span names an action that there is, and no text that a caller made up.
        self._registry.action(draft.name)
        with self._telemetry.span("sayso.resolve", draft.traceparent, {"sayso.action": draft.name}):
            subject = draft.subject.believed(to_micros(self._clock.now()))
            asked = self._accounts.asking(draft) if way is None else None
            found = await read_target(
                self._registry, draft.id, draft.name, draft.args, subject, asked
            )
            return found if way is None else standing_as(found, AccountStanding(reached=way))

    async def record_refusal(self, proposal: Proposal, error: RefusedError) -> None:
        """Record that a proposal was refused as it came, so that there is no row of it.

        For whoever reads proposals before this sees them (invariant 7).
        """

        def record(tx: Transaction) -> None:
            now = to_micros(self._clock.now())
            entry = Entry(
                kind=EntryKind.ACTION_REFUSED,
                actor=replace(proposal.requester, id=storable(proposal.requester.id, 200)),
                request=proposal.request_id,
                subject=self._personal.pseudonym(tx, proposal.tenant, proposal.subject.id, now),
                data={
                    "code": error.code.value,
                    "asked_name": storable(proposal.action, 80),
                    **proposal.shown_by,
                },
            )
            self._ledger.log.append(tx, proposal.tenant, entry)

        await self._store.write(record)

    def _draft(self, proposal: Proposal, fingerprint: str) -> ActionRow:
        now = to_micros(self._clock.now())
        return ActionRow(
            tenant=proposal.tenant,
            id=self._ids.new("act"),
            idempotency_key=proposal.key,
            fingerprint=fingerprint,
            requester=f"{proposal.requester.kind}:{proposal.requester.id}",
            request_id=proposal.request_id,
            step=proposal.step,
            after=proposal.after,
            name=proposal.action,
            subject=proposal.subject,
            args=proposal.args,
            reason_ref=None,
            planner=proposal.planner,
            status=Status.PLANNED,
            revision=1,
            snapshot=None,
            judgement=None,
            error=None,
            receipt=None,
            call_key=None,
            call_key_until=None,
            called_at=None,
            fence=0,
            attempts=0,
            due_at=now,
            traceparent=proposal.traceparent,
            created_at=now,
            updated_at=now,
            last_seq=0,
            on_failure=proposal.on_failure,
            priority=check_priority(proposal.priority),
        )

    def _insert(
        self,
        tx: Transaction,
        draft: ActionRow,
        outcome: Resolved | RefusedError,
        proposal: Proposal,
        claim: Claim | None,
    ) -> Proposed:
        now = to_micros(self._clock.now())
        tx.ahead("action.by_key", **key_params(draft.tenant, draft.idempotency_key))
        self._personal.ahead(tx, draft.tenant, draft.subject.id)
        if isinstance(outcome, Resolved):
            self._evaluator.ahead(tx, draft, outcome, now)
        self._ledger.ahead_of_insert(tx, draft)
        known = read_by_key(tx, "action.by_key", draft.tenant, draft.idempotency_key)
        if known is not None:
            return Proposed(row=stands_for(tx, same_action(read_action(known), draft.fingerprint)))
        self._ledger.log.tree(tx, draft.tenant)  # read before anything is written: see `ahead`
        reason = proposal.reason
        if reason:
            draft = replace(draft, reason_ref=self._ids.new("pii"))
        judged = judged_or_refused(
            tx,
            self._evaluator,
            draft,
            outcome,
            JudgementMoment(now=now, read_at=draft.created_at, quote=reason),
        )
        if judged.full:
            self._check_told(draft, judged, now)
        pseudonym = self._personal.pseudonym(tx, draft.tenant, draft.subject.id, now)
        pii = None
        if draft.reason_ref is not None:
            pii = self._personal.seal(tx, draft.tenant, draft.subject.id, draft.reason_ref, reason)
        approval_id = self._ids.new("apr") if judged.card else None
        came_by = self._placing.came_by(tx, draft, proposal.subject.id, proposal.way)
        came_by |= proposal.shown_by
        entry = replace(
            judged_entry(
                judged, proposal.requester, pseudonym, approval_id, self._registry, came_by
            ),
            pii=pii,
        )
        stored = self._ledger.insert(tx, judged.row, entry)
        if joins_of(stored) is not None:
            return Proposed(row=stands_for(tx, stored))
        asked: ApprovalRow | None = None
        if approval_id is not None:
            pending = ApprovalStatus.PENDING
            asked = put_approval(tx, approval_id, judged, pending, stored, known=None)
        if claim is None or stored.status is not Status.APPROVED or stored.after:
            return Proposed(row=stored, approval=asked)
        claimed = claim(tx, stored)
        if claimed is None:
            return Proposed(row=stored)
        return Proposed(row=claimed, claimed=not claimed.is_blocked)

    def _check_told(self, draft: ActionRow, judged: Judged, now: int) -> None:
        """Have one refusal of a customer or a token with too many open cards recorded an hour.

        Or a flood of them would grow the log, each by a row and an entry.

        Raises:
            RefusedError: `limit_reached`; nothing is stored.
        """
        about = (draft.tenant, *judged.full)
        told_at = self._told.get(about)
        if told_at is not None and told_at <= now < told_at + _TOLD_MICROS:
            error = judged.row.error or {}
            raise _ToldError(
                Code.LIMIT_REACHED,
                error.get("message", ""),
                next_step="wait until people have decided some of them",
            )
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told[about] = now

    def _judge_stored(
        self,
        tx: Transaction,
        row: ActionRow,
        draft: ActionRow,
        outcome: Resolved | RefusedError,
        moment: JudgementMoment,
    ) -> ActionRow | None:
        now = to_micros(self._clock.now())
        judged = judged_or_refused(
            tx, self._evaluator, draft, outcome, replace(moment, now=now), still_with_plan(row)
        )
        return self._store_judged(tx, row, judged, now)

    def _store_judged(
        self, tx: Transaction, row: ActionRow, judged: Judged, now: int
    ) -> ActionRow | None:
        pseudonym = self._personal.pseudonym(tx, row.tenant, row.subject.id, now)
        known = approval_of(tx, row)
        approval_id = None
        if judged.card is not None:
            approval_id = known.id if known else self._ids.new("apr")
        entry = judged_entry(
            judged,
            SYSTEM,
            pseudonym,
            approval_id,
            self._registry,
            self._placing.still_came_by(tx, judged),
        )
        stored = self._ledger.move(tx, row, judged.row, entry)
        if stored is not None and approval_id is not None:
            put_approval(tx, approval_id, judged, ApprovalStatus.PENDING, stored, known=known)
        return stored


def _fingerprint(proposal: Proposal) -> str:
    is_callers = proposal.step is None and proposal.requester.kind is not ActorKind.SYSTEM
    (check_callers_key if is_callers else check_key)(proposal.key)
    check_reason(proposal.reason)
    # NOTE: the arguments' names are the caller's, so they are hashed as text, not as a body.
    try:
        args = orjson.dumps(normal_json(proposal.args), option=orjson.OPT_SORT_KEYS).decode()
    except (TypeError, RecursionError) as error:
        raise RefusedError(
            Code.INVALID_INPUT,
            "the arguments hold text or numbers that JSON cannot carry",
            next_step="send plain JSON; money in minor units",
        ) from error
    return hash_of([proposal.subject.id, proposal.action, args])
