"""Planners in a row: what costs nothing first, then models, then a person."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sayso.actions.model.definition import Action
from sayso.actions.model.plan import Handoff, Plan
from sayso.agent.base import Asking, Handles, Message, Planner, Question
from sayso.agent.models import ModelPlanner
from sayso.errors import Code, RetryableError

LONGEST_S = 15.0
"""All models of a chain together take no longer; a person hears of it by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerChain:
    """The first plan or question wins; if there is none, all reasons are handed over.

    Attributes:
        planners: at least one; playbooks come first, since they cost nothing.
    """

    planners: tuple[Planner, ...]
    name: str = "chain"

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Question | Handoff:
        """Ask one after the other, with nothing known of the request but the words."""
        return await self.plan_for(messages, handles, actions, Asking())

    async def plan_for(
        self,
        messages: Sequence[Message],
        handles: Handles,
        actions: Sequence[Action],
        asking: Asking,
    ) -> Plan | Question | Handoff:
        """Ask one after the other; each one's tokens and cost are added up.

        Raises:
            RetryableError: `model_failed`, when a planner of another kind gave no answer and no
                other one planned.
        """
        refusals: list[Handoff] = []
        failed: RetryableError | None = None
        deadline = asyncio.get_running_loop().time() + LONGEST_S
        within = replace(asking, deadline=min(deadline, asking.deadline or deadline))
        for planner in self.planners:
            try:
                answer = await plan_for(planner, messages, handles, actions, within)
            except RetryableError as error:
                failed = error
                continue
            if not isinstance(answer, Handoff):
                return replace(
                    answer,
                    tokens=answer.tokens + sum(one.tokens for one in refusals),
                    cost_micro_usd=answer.cost_micro_usd
                    + sum(one.cost_micro_usd for one in refusals),
                )
            refusals.append(answer)
        if failed is not None:
            raise failed
        codes = [one.code for one in refusals if one.code is not Code.NOT_UNDERSTOOD]
        return Handoff(
            reason="; ".join(f"{one.planner}: {one.reason}" for one in refusals),
            planner="+".join(one.planner for one in refusals) or self.name,
            tokens=sum(one.tokens for one in refusals),
            cost_micro_usd=sum(one.cost_micro_usd for one in refusals),
            code=codes[-1] if codes else Code.NOT_UNDERSTOOD,
            notes=refusals[-1].notes if refusals else {},
        )


async def plan_for(
    planner: Planner,
    messages: Sequence[Message],
    handles: Handles,
    actions: Sequence[Action],
    asking: Asking,
) -> Plan | Question | Handoff:
    """What a planner answers; one of ours that costs something is told of the request, too."""
    if isinstance(planner, ModelPlanner | PlannerChain):
        return await planner.plan_for(messages, handles, actions, asking)
    return await planner.plan(messages, handles, actions)


def has_models(planner: Planner) -> bool:
    """Whether a planner may ask a model."""
    if isinstance(planner, PlannerChain):
        return any(map(has_models, planner.planners))
    return isinstance(planner, ModelPlanner)


async def close_models(planner: Planner | None) -> None:
    """Close the connections of every model that a planner may ask."""
    for one in planner.planners if isinstance(planner, PlannerChain) else (planner,):
        if isinstance(one, ModelPlanner):
            await one.close()
