"""The solution: all steps of one plan as what people answer with one yes, less, or no.

Each step keeps an approval of its own, bound to its own digest: that is what the engine checks
before a call. The solution ties those that wait together: one digest over their digests, which a
decision about the whole has to carry, and one transaction that takes all of them or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sayso.actions.approvals.repository import (
    ApprovalRow,
    ApprovalStatus,
    approval_of,
)
from sayso.actions.model.action_row import ActionRow, read_action
from sayso.actions.model.digest import digest_of
from sayso.actions.model.plan import OnFailure
from sayso.audit.entry import Json
from sayso.ids import Tenant
from sayso.store.base import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionStep:
    """One step: the action and, where people were asked about it, its approval."""

    action: ActionRow
    approval: ApprovalRow | None

    @property
    def id(self) -> str:
        """Of the step in its plan, such as `s1`; an action of its own has the id of the action."""
        return self.action.step or self.action.id

    @property
    def waits(self) -> bool:
        """Whether people still have to answer."""
        return self.approval is not None and self.approval.status is ApprovalStatus.PENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """What one plan, or one action of its own, asks people.

    Attributes:
        steps: in the order of the plan, without what only takes others back.
        lead: the approval that the solution is known by: the first that people were asked about.
    """

    tenant: Tenant
    request_id: str | None
    steps: tuple[SolutionStep, ...]
    lead: ApprovalRow

    @property
    def asked(self) -> tuple[SolutionStep, ...]:
        """The steps that people were ever asked about."""
        return tuple(step for step in self.steps if step.approval is not None)

    @property
    def waiting(self) -> tuple[SolutionStep, ...]:
        """The steps that a decision is about."""
        return tuple(step for step in self.steps if step.waits)

    @property
    def status(self) -> ApprovalStatus:
        """Pending while any step waits; else what was said, a yes to some being a yes."""
        found = {step.approval.status for step in self.asked if step.approval is not None}
        for status in (
            ApprovalStatus.PENDING,
            ApprovalStatus.APPROVED,
            ApprovalStatus.REJECTED,
            ApprovalStatus.WITHDRAWN,
            ApprovalStatus.EXPIRED,
        ):
            if status in found:
                return status
        return ApprovalStatus.SUPERSEDED

    @property
    def revision(self) -> int:
        """Rises with every revision of any step; a plan of one step has that step's own."""
        return 1 + sum(
            step.approval.revision - 1 for step in self.asked if step.approval is not None
        )

    @property
    def digest(self) -> str:
        """Over the digests of all that wait, in the order of the plan; one step has its own."""
        steps = self.waiting or self.asked
        if len(steps) == 1 or self.request_id is None:
            return _digest(steps[0])
        parts: dict[str, Json] = {
            "tenant": self.tenant,
            "solution": self.request_id,
            "steps": [
                [step.id, step.approval.id, step.approval.revision, step.approval.digest]
                for step in steps
                if step.approval is not None
            ],
        }
        return digest_of(parts)

    @property
    def expires_at(self) -> int:
        """When the first of those that wait is over, in microseconds since 1970."""
        steps = self.waiting or self.asked
        return min(step.approval.expires_at for step in steps if step.approval is not None)

    @property
    def is_all_or_nothing(self) -> bool:
        """Whether no step may be left out, since the plan ends with any that is not done."""
        return any(step.action.on_failure is not OnFailure.CONTINUE for step in self.steps)

    def depends_on(self, left_out: Sequence[str]) -> tuple[str, ...]:
        """The waiting steps that cannot be done without these, and these themselves, in order."""
        out = set(left_out)
        for step in self.steps:
            if out & set(step.action.after):
                out.add(step.id)
        return tuple(step.id for step in self.waiting if step.id in out)


def _digest(step: SolutionStep) -> str:
    assert step.approval is not None, "only steps that people were asked about"
    return step.approval.digest


def solution_of(reader: Reader, approval: ApprovalRow, action: ActionRow) -> Solution:
    """The solution that an approval is a part of, as this snapshot has it.

    Args:
        action: the one that the approval is about.
    """
    rows = [action]
    if action.request_id is not None and action.undoes is None:
        found = reader.all("action.by_request", tenant=action.tenant, request_id=action.request_id)
        rows = [row for row in map(read_action, found) if row.undoes is None]
    steps = [
        SolutionStep(
            action=row, approval=approval if row.id == action.id else approval_of(reader, row)
        )
        for row in sorted(rows, key=_place)
    ]
    asked = [step.approval for step in steps if step.approval is not None]
    return Solution(
        tenant=action.tenant,
        request_id=action.request_id if len(steps) > 1 else None,
        steps=tuple(steps),
        lead=min(asked, key=lambda one: one.id),
    )


def _place(row: ActionRow) -> tuple[int, str, str]:
    """By the number of the step: `s10` comes after `s9`; then by the order of storing."""
    step = row.step or ""
    digits = step.lstrip("abcdefghijklmnopqrstuvwxyz")
    return (int(digits) if digits.isdecimal() and len(digits) < 6 else 0, step, row.id)
