"""What came of a decision, and how its call is claimed in the same commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sayso.actions.approvals.repository import ApprovalRow, Vote
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.status import Status
from sayso.actions.policy.base import Approver, History
from sayso.frozen import replace
from sayso.store.base import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What a yes that was enough has shown, in the transaction that stores it.

    Attributes:
        approval: as it is stored with the yes. approvers: whose yes each is, as the log tells.
        history: what was done before, without the action itself.
    """

    approval: ApprovalRow
    approvers: tuple[Approver, ...]
    history: History


Claim = Callable[[Transaction, ActionRow, Agreed | None], ActionRow | None]
"""Commits the intent of what people agreed to in the transaction of their yes; None leaves it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What came of a decision.

    Attributes:
        agreed: what a yes has shown that was enough.
        claimed: the intent stands in the same commit, so whoever decided has to make the call; if
            that process dies, the lease ends and another one looks it up.
    """

    action: ActionRow
    approval: ApprovalRow
    votes: tuple[Vote, ...]
    agreed: Agreed | None = None
    claimed: bool = False


def claimed(tx: Transaction, decided: Decided, claim: Claim | None) -> Decided:
    """The same, with the intent of what was agreed to where it can stand in this commit."""
    if claim is None or decided.action.status is not Status.APPROVED:
        return decided
    row = claim(tx, decided.action, decided.agreed)
    if row is None:
        return decided
    return replace(decided, action=row, claimed=not row.is_blocked)
