"""Taking a proposal in: it is stored, and what the policy allows is carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sayso.actions.engine.proposals import Proposal
from sayso.actions.model.status import Status
from sayso.sdk.progress.carry_on import call_claimed
from sayso.sdk.resources.actions import ActionResource
from sayso.sdk.resources.approvals import SETTLED
from sayso.sdk.views.rows import ActionView, action_view, approval_view

if TYPE_CHECKING:
    from sayso.sdk.container import Container


async def take_in(container: Container, proposal: Proposal, *, wait: bool = True) -> ActionView:
    """Store what is proposed, and carry out what the policy allows.

    Args:
        wait: carry it out now; False leaves it to the dispatcher.

    Raises:
        RefusedError: see `Proposals.propose`. RetryableError: nothing was stored.
    """
    claim = container.engine.claim_in if wait and container.dispatcher.runs_here else None
    proposed = await container.proposals.propose(proposal, claim)
    row = proposed.row
    if proposed.claimed:
        settled = await call_claimed(container, row)
        if settled is not None and settled.status in SETTLED:
            return action_view(settled)
    elif proposed.approval is not None:
        return action_view(row, approval_view(proposed.approval))
    elif row.status is Status.APPROVED:
        if wait:
            await container.dispatcher.run_now("action", row.tenant, row.id)
        else:
            container.dispatcher.wake()
    return await ActionResource(container).get(row.id, tenant=row.tenant, timeline=False)
