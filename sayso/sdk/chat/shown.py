"""What a card shows now, read from the store."""

from __future__ import annotations

from sayso.actions.approvals.repository import ApprovalStatus
from sayso.ids import Tenant
from sayso.sdk.client import Sayso
from sayso.sdk.views.solution import SolutionView
from sayso.sdk.words.approval_outcome import CardOutcome, outcome_of


async def shown_now(
    sayso: Sayso, approval_id: str, tenant: Tenant
) -> tuple[SolutionView, CardOutcome | None]:
    """A solution, and what became of its step where it has only one.

    Raises:
        RefusedError: `not_found`.
    """
    view = await sayso.solutions.get(approval_id, tenant=tenant)
    if len(view.steps) > 1:
        return view, None
    # Why people are asked once more, or not any more, stands in the timeline alone.
    again = view.revision > 1 or view.status == ApprovalStatus.SUPERSEDED
    known = await sayso.approvals.get(approval_id, tenant=tenant)
    action = await sayso.actions.get(known.action_id, tenant=tenant, timeline=again)
    return view, outcome_of(action.approval or known, action)
