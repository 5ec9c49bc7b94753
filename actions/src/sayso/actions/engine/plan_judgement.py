"""Judging what was read: one step by itself, or those of a plan that belong together at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.customer_words import is_renewed
from sayso.actions.model.digest import storable
from sayso.actions.model.plan import OnFailure
from sayso.actions.model.plan_state import dependency_error
from sayso.actions.model.snapshot import Resolved
from sayso.actions.model.status import Status
from sayso.actions.policy.evaluator import Evaluator, Judged
from sayso.errors import RefusedError
from sayso.store.base import Reader, Transaction, integer

if TYPE_CHECKING:
    from sayso.actions.rollout.dials import Staged  # brings Cedar along


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementMoment:
    """When something is judged, and what the customer said.

    Attributes:
        now: microseconds since 1970. read_at: from before the provider was read.
        quote: the customer's or the caller's words for the card.
        until: when people's time to decide is over, where that is kept; else they have all of it.
    """

    now: int
    read_at: int
    quote: str
    until: int | None = None


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


def is_as_read(reader: Reader, row: ActionRow) -> bool:
    """Whether nobody has moved an action since it was read."""
    present = reader.one("action.version", tenant=row.tenant, id=row.id)
    return present is not None and integer(present, "last_seq") == row.last_seq


def judged_or_refused(
    tx: Transaction,
    judge: Evaluator,
    draft: ActionRow,
    outcome: Resolved | RefusedError,
    moment: JudgementMoment,
    together: tuple[str, ...] = (),
    ceiling: Staged | None = None,
) -> Judged:
    """What the policy says of an action, or the refusal that came before it.

    Raises:
        RefusedError: what was found can be neither judged nor kept.
    """
    if isinstance(outcome, Resolved):
        return judge.judge(
            tx,
            draft,
            outcome,
            now=moment.now,
            read_at=moment.read_at,
            quote=moment.quote,
            until=moment.until,
            together=together,
            ceiling=ceiling,
        )
    error = {
        "code": outcome.code.value,
        "message": storable(outcome.message, 500),
        "next_step": storable(outcome.next_step, 500),
    }
    refused = replace(draft, status=Status.REFUSED, error=error, due_at=None, updated_at=moment.now)
    return Judged(row=refused, card=None, expires_at=None, by_policy=False)


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


def still_with_plan(row: ActionRow) -> tuple[str, ...]:
    """The roles that a renewed step still waits for, since the rest of its plan does.

    INVARIANT: judged by itself it would need nobody, and run before anybody said yes to the rest.
    """
    renewed = is_renewed(str((row.error or {}).get("message", "")))
    judgement = row.judgement
    return judgement.roles if renewed and judgement is not None and judgement.with_plan else ()
