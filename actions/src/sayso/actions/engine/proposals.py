"""Proposals: a concrete action is resolved, judged and stored, or refused and stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from sayso.actions.approvals.repository import (
    ApprovalRow,
    ApprovalStatus,
    put_approval,
)
from sayso.actions.context import EngineContext
from sayso.actions.customers.proof import Reached
from sayso.actions.engine.assessment import (
    Assessor,
    JudgementMoment,
    judged_entry,
    judged_or_refused,
)
from sayso.actions.limits.limit_check import LimitCheck
from sayso.actions.model.action_row import ActionRow, joins_of, read_action
from sayso.actions.model.definition import Subject
from sayso.actions.model.digest import check_reason, hash_of, normal_json, storable
from sayso.actions.model.idempotency import (
    check_callers_key,
    check_key,
    key_of_step,
    read_by_key,
    same_action,
    stands_for,
)
from sayso.actions.model.ledger import entry_of
from sayso.actions.model.plan import OnFailure, Step
from sayso.actions.model.plan_state import parts_of
from sayso.actions.model.priority import NORMAL, check_priority
from sayso.actions.model.snapshot import Resolved
from sayso.actions.model.status import Status
from sayso.actions.policy.judged import Judged
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.errors import Code, RefusedError
from sayso.frozen import quickly_made, replace
from sayso.ids import Tenant, to_micros
from sayso.json import JsonValue
from sayso.store.base import Reader, Transaction

_TOLD_MICROS = 3600 * 1_000_000
_MOST_TOLD = 10_000
_WITHOUT_A_ROW = frozenset({Code.UNKNOWN_ACTION, Code.INVALID_INPUT, Code.INVALID_MONEY})
"""What the caller wrote cannot be an action at all, so there is only the entry."""


@quickly_made
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
        self._assessor = Assessor(context)
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
            draft, way = await self._assessor.at_account(draft, proposal.subject)
            proposal = replace(proposal, way=way)
            outcome: Resolved | RefusedError = await self._assessor.resolve(draft, way)
        except RefusedError as error:
            if error.code in _WITHOUT_A_ROW:
                raise
            outcome = error
        with self._telemetry.span("sayso.judge", draft.traceparent, {"sayso.action": draft.name}):
            try:
                return await self._store.write(
                    lambda tx: self._insert(tx, draft, outcome, proposal, claim),
                    brief=True,
                    about=proposal.tenant,
                )
            except RefusedError as error:
                told = isinstance(error, _ToldError) or error.code is Code.IDEMPOTENCY_CONFLICT
                if isinstance(outcome, RefusedError) or told:
                    raise
                # What a connector gave can be neither judged nor kept, which is a no to the action.
                unfit = error
                return await self._store.write(
                    lambda tx: self._insert(tx, draft, unfit, proposal, None),
                    brief=True,
                    about=proposal.tenant,
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
        draft, way = await self._assessor.at_account(draft, proposal.subject)
        resolved = await self._assessor.resolve(draft, way)
        now = to_micros(self._clock.now())

        def work(reader: Reader) -> tuple[Judged, Sequence[LimitCheck]]:
            judged = self._evaluator.judge(
                reader, draft, resolved, now=now, read_at=draft.created_at, quote=proposal.reason
            )
            return judged, self._evaluator.limits_met(reader, draft, resolved, now)

        return await self._store.read(work, brief=True)

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
            draft, way = self._assessor.at_stored_account(tx, draft)
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
                    **self._assessor.came_by(tx, draft, proposal.subject.id, way),
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
        return {part[0].step or "" for part in parts_of(drafts, self._assessor.effect_of)}

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

        await self._store.write(record, about=proposal.tenant)

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
        self._ledger.ahead_of_insert(tx, draft)
        self._personal.ahead(tx, draft.tenant, draft.subject.id)
        if isinstance(outcome, Resolved):
            self._evaluator.ahead(tx, draft, outcome, now)
        known = self._ledger.under_key_of(tx, draft)
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
        came_by = self._assessor.came_by(tx, draft, proposal.subject.id, proposal.way)
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
