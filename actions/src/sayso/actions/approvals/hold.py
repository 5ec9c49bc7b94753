"""Taking a yes back: until what people agreed to starts, and while others have yet to agree.

A yes may be held for a moment before it starts. All of what was agreed to is taken back by whoever
may decide; the first of two yeses, to which the second is missing, by its giver alone.

A yes that is taken back makes its card anew, with the time to decide as it was; the entry names who
took it back. What is taken back was never called: a claim and this are compared with the same row,
so that one of the two finds the other there.
"""

from __future__ import annotations

from dataclasses import dataclass

from sayso.actions.approvals.decision import DecisionChoice, check_approver
from sayso.actions.approvals.integrity import told_votes
from sayso.actions.approvals.repository import (
    ApprovalRow,
    ApprovalStatus,
    action_of,
    get_approval,
)
from sayso.actions.approvals.solution import Solution, SolutionStep, solution_of
from sayso.actions.approvals.transitions import Transitions
from sayso.actions.context import EngineContext
from sayso.actions.engine.outcomes import Endings
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.customer_words import TAKEN_BACK
from sayso.actions.model.status import Status
from sayso.audit.authority.state import check_credential
from sayso.audit.entry import Actor, ActorKind, Json
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, to_micros
from sayso.store.base import Transaction

_BEFORE_THE_END_MICROS = 5_000_000
"""So long before the time to decide is over a yes starts, however long the hold is: a call after it
would be on a yes that counts no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakingBack:
    """Who takes back which yes to a solution. `via`, `credential`: as in `Decision`."""

    tenant: Tenant
    approval_id: str
    person: str
    via: str
    credential: str


def starts_at(approval: ApprovalRow, said_at: int, hold_micros: int) -> int:
    """When what was agreed to starts; all in microseconds since 1970.

    Args:
        said_at: when the yes was said. hold_micros: how long it waits, unless its time ends before.
    """
    last = approval.expires_at - _BEFORE_THE_END_MICROS
    return max(said_at, min(said_at + hold_micros, last))


def start_of(row: ActionRow) -> dict[str, Json]:
    """What an entry says of a yes that can be taken back for a while: when it starts."""
    held = row.status is Status.APPROVED and (row.due_at or 0) > row.updated_at
    return {"starts_at": row.due_at} if held else {}


class HeldYeses:
    """Takes yeses back."""

    def __init__(self, context: EngineContext) -> None:
        self._store = context.store
        self._directory = context.directory
        self._clock = context.clock
        self._endings = Endings(Transitions(context))

    async def take_back(self, taking: TakingBack) -> list[ActionRow]:
        """Take back the yes to all of a solution; when it returns, nothing of it can start.

        Where others have yet to agree, it is the person's own yes.

        Returns:
            The steps whose yes it was; their cards are made anew.

        Raises:
            RefusedError: `not_found`; `not_an_approver`, `own_request`, `unauthenticated`;
                `wrong_state` where nobody has said yes, or only others have to what still waits, or
                where a step has begun.
            IntegrityError: `tampered`: the votes are not those of the log.
        """
        return await self._store.write(lambda tx: self._take_back(tx, taking), about=taking.tenant)

    def _take_back(self, tx: Transaction, taking: TakingBack) -> list[ActionRow]:
        approval = get_approval(tx, taking.tenant, taking.approval_id)
        solution = solution_of(tx, approval, action_of(tx, approval))
        authority = self._directory.at(tx, taking.tenant)
        for step in solution.asked:
            assert step.approval is not None, "only of what people were asked about"
            check_approver(tx, authority, step.approval, step.action, taking.person)
        now = to_micros(self._clock.now())
        check_credential(authority, taking.credential, taking.person, now)
        steps = (*taken_from(solution), *_given_by(tx, solution, taking.person))
        if not steps:
            raise _too_late(solution)
        more: dict[str, Json] = {"taken_back": True, "via": taking.via}
        more["credential"] = taking.credential
        by = Actor(kind=ActorKind.PERSON, id=taking.person)
        moved = [
            self._endings.make_stale(tx, step.action, TAKEN_BACK, actor=by, more=more)
            for step in steps
        ]
        return [row for row in moved if row is not None]


def taken_from(solution: Solution) -> tuple[SolutionStep, ...]:
    """The steps whose yes can be taken back: all that were agreed to, while none has begun."""
    agreed = tuple(
        step
        for step in solution.asked
        if step.approval is not None and step.approval.status is ApprovalStatus.APPROVED
    )
    begun = any(
        step.action.status is not Status.APPROVED or step.action.call_key is not None
        for step in agreed
    )
    return () if begun else agreed


def _given_by(tx: Transaction, solution: Solution, person: str) -> tuple[SolutionStep, ...]:
    """The steps that still wait for others, though this person has said yes to them."""
    return tuple(
        step
        for step in solution.waiting
        if step.approval is not None
        and any(
            (vote.person, vote.revision, vote.decision)
            == (person, step.approval.revision, DecisionChoice.APPROVE)
            for vote in told_votes(tx, step.approval)
        )
    )


def _too_late(solution: Solution) -> RefusedError:
    if solution.status is ApprovalStatus.APPROVED:
        return RefusedError(
            Code.WRONG_STATE,
            "it has started, so the yes cannot be taken back",
            next_step="look at what came of it; what was done is undone by an action of its own",
        )
    return RefusedError(
        Code.WRONG_STATE,
        "there is no yes of yours that could be taken back",
        next_step="load the card again, and answer what it asks",
    )
