"""Planners in a row: a plan of the playbooks, then models, then the playbooks' question.

What words show is planned without a model. Where the words leave something open a model may know
what is meant; only where none plans is the customer asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sayso.actions.model.definition import Action
from sayso.actions.model.plan import Handoff, Plan
from sayso.agent.base import Asking, Handles, Message, Planner, Question, Remark
from sayso.agent.models import ModelPlanner
from sayso.errors import Code, RetryableError

LONGEST_S = 15.0
"""All models of a chain together take no longer; a person hears of it by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerChain:
    """The first plan wins, else the first question; else all reasons are handed over.

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
        others: list[Question | Handoff] = []
        failed: RetryableError | None = None
        deadline = asyncio.get_running_loop().time() + LONGEST_S
        within = replace(asking, deadline=min(deadline, asking.deadline or deadline))
        for planner in self.planners:
            try:
                answer = await plan_for(planner, messages, handles, actions, within)
            except RetryableError as error:
                failed = error
                continue
            if isinstance(answer, Plan):
                return _with_costs(answer, others)
            if isinstance(answer, Remark):  # no model is asked about a greeting
                return _with_costs(answer, others)
            others.append(answer)
        question = next((one for one in others if isinstance(one, Question)), None)
        if question is not None:
            return _with_costs(question, [one for one in others if one is not question])
        if failed is not None:
            raise failed
        return self._handed_over([one for one in others if isinstance(one, Handoff)])

    def _handed_over(self, refusals: Sequence[Handoff]) -> Handoff:
        """All reasons in one."""
        codes = [one.code for one in refusals if one.code is not Code.NOT_UNDERSTOOD]
        return Handoff(
            reason="; ".join(f"{one.planner}: {one.reason}" for one in refusals),
            planner="+".join(one.planner for one in refusals) or self.name,
            tokens=sum(one.tokens for one in refusals),
            cost_micro_usd=sum(one.cost_micro_usd for one in refusals),
            code=codes[-1] if codes else Code.NOT_UNDERSTOOD,
            notes=refusals[-1].notes if refusals else {},
        )


_Answer = TypeVar("_Answer", Plan, Question, Remark)


def _with_costs(answer: _Answer, others: Sequence[Question | Handoff]) -> _Answer:
    """The answer with what the others took as well."""
    return replace(
        answer,
        tokens=answer.tokens + sum(one.tokens for one in others),
        cost_micro_usd=answer.cost_micro_usd + sum(one.cost_micro_usd for one in others),
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
