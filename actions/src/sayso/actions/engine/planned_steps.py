"""Planned steps: judged by themselves, or at once with what their plan has that belongs to them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sayso.actions.approvals.repository import ApprovalStatus, approval_of, put_approval
from sayso.actions.context import EngineContext
from sayso.actions.engine.assessment import (
    Assessor,
    JudgementMoment,
    judged_entry,
    judged_or_refused,
)
from sayso.actions.model.action_row import ActionRow, read_action
from sayso.actions.model.attempt import MAX_BREAKS
from sayso.actions.model.customer_words import TAKEN_BACK, is_renewed
from sayso.actions.model.ledger import SYSTEM
from sayso.actions.model.plan import OnFailure
from sayso.actions.model.plan_state import dependency_error, parts_of
from sayso.actions.model.snapshot import Resolved
from sayso.actions.model.status import Status
from sayso.actions.policy.evaluator import Evaluator
from sayso.actions.policy.judged import Judged
from sayso.errors import Code, RefusedError, RetryableError
from sayso.frozen import replace
from sayso.ids import to_micros
from sayso.store.base import Reader, Transaction, integer

if TYPE_CHECKING:
    from sayso.actions.rollout.dials import Staged  # brings Cedar along


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A planned step with what was found of it.

    Attributes:
        row: as it was read. draft: the same as it will be judged.
        outcome: what the connector read, or why nothing can be judged.
    """

    row: ActionRow
    draft: ActionRow
    outcome: Resolved | RefusedError


class PlannedSteps:
    """Judges what is planned or stale; see `Engine.advance`."""

    def __init__(self, context: EngineContext) -> None:
        self._store = context.store
        self._ledger = context.ledger
        self._registry = context.registry
        self._evaluator = context.evaluator
        self._personal = context.personal
        self._clock = context.clock
        self._ids = context.ids
        self._telemetry = context.telemetry
        self._assessor = Assessor(context)

    async def settle(
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
            outcome: Resolved | RefusedError = await self._assessor.resolve(draft)
        except RefusedError as error:
            outcome = error
        with self._telemetry.span("sayso.judge", row.traceparent, {"sayso.action": row.name}):
            try:
                return await self._store.write(
                    lambda tx: self._judge_stored(tx, row, draft, outcome, moment),
                    brief=True,
                    about=row.tenant,
                )
            except RefusedError as error:
                if isinstance(outcome, RefusedError):
                    raise
                unfit = error  # else it would stay due, and be judged in vain, for ever
                return await self._store.write(
                    lambda tx: self._judge_stored(tx, row, draft, unfit, moment),
                    brief=True,
                    about=row.tenant,
                )

    def _part(self, reader: Reader, row: ActionRow) -> tuple[ActionRow, ...]:
        """The steps that are planned still and belong to this one, in the order of the plan."""
        found = reader.all("action.by_request", tenant=row.tenant, request_id=row.request_id)
        steps = [step for step in map(read_action, found) if step.undoes is None]
        if self._evaluator.holds_back(reader, row):
            # INVARIANT: a plan goes as far as the step that goes least far, so all are judged.
            return tuple(step for step in steps if step.status is Status.PLANNED)
        for part in parts_of(steps, self._assessor.effect_of):
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
            stored = await self._store.write(work, about=row.tenant)
        return next((step for step in stored if step.id == row.id), None)

    def _judge_plan(
        self, tx: Transaction, planned: list[PlannedStep], moment: JudgementMoment
    ) -> Iterator[tuple[ActionRow, Judged]]:
        ceiling = leftmost_of(tx, self._evaluator, planned, moment.now)
        rows = [step.row for step in planned]
        for part in [rows] if ceiling is None else parts_of(rows, self._assessor.effect_of):
            ids = {row.id for row in part}
            steps = [step for step in planned if step.row.id in ids]
            judged = judge_together(tx, self._evaluator, steps, moment, ceiling)
            yield from zip([step.row for step in steps], judged, strict=True)

    async def _found(self, draft: ActionRow, last_try: bool) -> Resolved | RefusedError:
        try:
            return await self._assessor.resolve(draft)
        except RefusedError as error:
            return error
        except RetryableError as error:
            if error.code is not Code.CONNECTOR_FAILED or not last_try:
                raise
            return RefusedError(error.code, error.message)

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
        if judged.row.status is Status.APPROVED and _is_taken_back(row):
            # INVARIANT: what somebody took their yes back from never runs by itself.
            error = {"code": Code.WRONG_STATE.value, "message": "a person took their yes back"}
            ended = replace(draft, status=Status.REFUSED, error=error, due_at=None, updated_at=now)
            judged = Judged(row=ended, card=None, expires_at=None, by_policy=False)
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
            self._assessor.still_came_by(tx, judged),
        )
        stored = self._ledger.move(tx, row, judged.row, entry)
        if stored is not None and approval_id is not None:
            put_approval(tx, approval_id, judged, ApprovalStatus.PENDING, stored, known=known)
        return stored


def is_as_read(reader: Reader, row: ActionRow) -> bool:
    """Whether nobody has moved an action since it was read."""
    present = reader.one("action.version", tenant=row.tenant, id=row.id)
    return present is not None and integer(present, "last_seq") == row.last_seq


def leftmost_of(
    tx: Transaction, judge: Evaluator, steps: Sequence[PlannedStep], now: int
) -> Staged | None:
    """How far a plan goes: as far as the step that goes least far; None for as far as each may."""
    found = [
        staged
        for step in steps
        if isinstance(step.outcome, Resolved)
        and (staged := judge.stage_of(tx, step.draft, step.outcome, now)) is not None
    ]
    return min(found, key=lambda one: one.stage.rank, default=None)


def judge_together(
    tx: Transaction,
    judge: Evaluator,
    steps: Sequence[PlannedStep],
    moment: JudgementMoment,
    ceiling: Staged | None = None,
) -> list[Judged]:
    """What the policy says of the steps of one part of a plan.

    Guarantees: a step that cannot be done without one that is refused is refused as well; and if
    people are asked about any, the others wait for the same people.
    """
    judged = [_judged_or_unfit(tx, judge, step, moment, ceiling) for step in steps]
    _refuse_dependents(judged, steps, moment.now)
    roles = _asked_roles(judged)
    if roles:
        for place, step in enumerate(steps):
            if judged[place].row.status is Status.APPROVED:
                judged[place] = judged_or_refused(
                    tx, judge, step.draft, step.outcome, moment, roles, ceiling
                )
    return judged


def _judged_or_unfit(
    tx: Transaction,
    judge: Evaluator,
    step: PlannedStep,
    moment: JudgementMoment,
    ceiling: Staged | None,
) -> Judged:
    try:
        return judged_or_refused(tx, judge, step.draft, step.outcome, moment, (), ceiling)
    except RefusedError as error:
        return judged_or_refused(tx, judge, step.draft, error, moment)


def _refuse_dependents(judged: list[Judged], steps: Sequence[PlannedStep], now: int) -> None:
    refused = {
        one.row.step: f"{one.row.name} is {one.row.status}"
        for one in judged
        if one.row.status is Status.REFUSED
    }
    for place, step in enumerate(steps):
        row = judged[place].row
        strict = row.on_failure is not OnFailure.CONTINUE
        before = next((refused[name] for name in row.after if name in refused), None)
        if before is None and strict:
            before = next(iter(refused.values()), None)
        if before is not None and row.status is not Status.REFUSED:
            error = dependency_error(before)
            row = replace(
                step.draft, status=Status.REFUSED, error=error, due_at=None, updated_at=now
            )
            judged[place] = Judged(row=row, card=None, expires_at=None, by_policy=False)
            refused[row.step] = f"{row.name} is {row.status}"


def _asked_roles(judged: Sequence[Judged]) -> tuple[str, ...]:
    """Everybody whom any of these asks: for each role, as many people as one step needs."""
    most: dict[str, int] = {}
    for one in judged:
        if one.row.status is Status.PENDING_APPROVAL and one.row.judgement is not None:
            for role, count in Counter(one.row.judgement.roles).items():
                most[role] = max(most.get(role, 0), count)
    return tuple(role for role, count in most.items() for _ in range(count))


def _is_taken_back(row: ActionRow) -> bool:
    return (row.error or {}).get("message") == TAKEN_BACK


def still_with_plan(row: ActionRow) -> tuple[str, ...]:
    """The roles that a renewed step still waits for, since the rest of its plan does.

    INVARIANT: judged by itself it would need nobody, and run before anybody said yes to the rest.
    """
    renewed = is_renewed(str((row.error or {}).get("message", "")))
    judgement = row.judgement
    return judgement.roles if renewed and judgement is not None and judgement.with_plan else ()
