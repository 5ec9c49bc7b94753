"""The LangGraph graph of one request: look up → plan → validate → submit → wait → reply.

It plans, waits and replies; it never causes an effect. Effects are proposed by an idempotent node
and carried out by the engine, so replaying any part of the graph does no harm. The checkpoint holds
ids and states only: the customer's words and records come in through the context, every time anew.
"""

# NOTE: LangGraph's own overloads are partly untyped, which strict pyright reports at every call.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from sayso.actions.engine.proposals import Proposal, Proposals
from sayso.actions.model.definition import plannable
from sayso.actions.model.digest import storable
from sayso.actions.model.plan import Handoff, OnFailure, Plan, Step
from sayso.actions.model.ports import ActionRegistry
from sayso.agent.base import Handles, Message, Planner, Records
from sayso.agent.grounding import ground_plan
from sayso.agent.reply import HandedOver, outcomes_of, write_hand_over, write_reply
from sayso.agent.requests import (
    AGENT,
    RequestRow,
    Requests,
    RequestStatus,
    actions_of,
    get_request,
)
from sayso.audit.entry import EntryKind, Json
from sayso.errors import Code, RefusedError, RetryableError
from sayso.store.base import Store, Transaction
from sayso.telemetry import Telemetry

MAX_TRIES = 2
"""How often a planner may answer one request; the second time it is told what was wrong."""
_LONGEST_REASON = 500
"""So many characters of why a person takes over are kept."""


class RunState(TypedDict, total=False):
    """What the checkpoint holds: plain JSON, nothing personal."""

    problems: list[str]
    tries: int
    plan: dict[str, Any] | None
    code: str
    planner: str
    tokens: int
    cost_micro_usd: int


@dataclass(kw_only=True)
class RunContext:
    """What a run works with; passed beside the state, so that it is in no checkpoint."""

    row: RequestRow
    messages: Sequence[Message]
    give_up: bool
    store: Store
    requests: Requests
    proposals: Proposals
    registry: ActionRegistry
    records: Records
    planner: Planner
    telemetry: Telemetry
    handles: Handles | None = field(default=None)
    reason: str = "no reason was given"
    """Why a person has to take it; it may quote the customer, so that it is in no checkpoint."""

    async def known(self) -> Handles:
        """The subject's objects under this run's handles; looked up once a run."""
        if self.handles is None:
            self.handles = Handles(await self.records.list_records(self.row.subject))
        return self.handles


Graph = CompiledStateGraph[RunState, RunContext, RunState, RunState]
_Runtime = Runtime[RunContext]


def build_graph(saver: BaseCheckpointSaver[str]) -> Graph:
    """The compiled graph with a checkpointer."""
    graph = StateGraph(RunState, context_schema=RunContext)
    graph.add_node("look_up", _list_records)  # the name stands in saved threads
    graph.add_node("plan", _plan)
    graph.add_node("validate", _validate)
    graph.add_node("submit", _submit)
    graph.add_node("wait", _wait)
    graph.add_node("reply", _reply)
    graph.add_node("hand_over", _hand_over)
    graph.add_edge(START, "look_up")
    graph.add_edge("submit", "wait")
    graph.add_edge("wait", "reply")
    graph.add_edge("reply", END)
    graph.add_edge("hand_over", END)
    return graph.compile(checkpointer=saver)


async def _list_records(state: RunState, runtime: _Runtime) -> Command[Any]:
    context = runtime.context
    try:
        await context.known()
    except RefusedError as error:
        return _to_person(context, f"the look-up was refused: {error.message}", error.code)
    except RetryableError as error:
        if context.give_up:
            return _to_person(context, f"the look-up does not work: {error.message}", error.code)
        raise
    return Command(goto="plan")


async def _plan(state: RunState, runtime: _Runtime) -> Command[Any]:
    context = runtime.context
    if not context.messages:
        return _to_person(context, "the customer's words were erased")
    handles = await context.known()
    messages = list(context.messages)
    problems = state.get("problems") or []
    if problems:
        told = "Your plan was refused: " + "; ".join(problems)
        messages.append(Message(role="agent", content=told))
    with context.telemetry.span("sayso.plan", None, {"sayso.planner": context.planner.name}):
        try:
            actions = plannable(context.registry.actions)
            answer = await context.planner.plan(messages, handles, actions)
        except RetryableError as error:
            if context.give_up:
                return _to_person(
                    context, f"the planner does not answer: {error.message}", error.code
                )
            raise
    spent: RunState = {
        "planner": answer.planner,
        "tokens": state.get("tokens", 0) + answer.tokens,
        "cost_micro_usd": state.get("cost_micro_usd", 0) + answer.cost_micro_usd,
        "tries": state.get("tries", 0) + 1,
    }
    if isinstance(answer, Handoff):
        context.reason = answer.reason
        return Command(goto="hand_over", update=spent)
    return Command(goto="validate", update={**spent, "plan": plan_json(answer)})


async def _validate(state: RunState, runtime: _Runtime) -> Command[Any]:
    context = runtime.context
    stored = state.get("plan")
    assert stored is not None, "only a plan is validated"
    handles = await context.known()
    grounded = ground_plan(
        plan_from_json(stored),
        messages=context.messages,
        handles=handles,
        actions=plannable(context.registry.actions),
    )
    if isinstance(grounded, Plan):
        return Command(goto="submit", update={"plan": plan_json(grounded), "problems": []})
    problems = [f"{item.step} {item.argument}: {item.message}" for item in grounded.items]
    if state.get("tries", 0) >= MAX_TRIES:
        return _to_person(context, "no plan passed the checks: " + "; ".join(problems))
    return Command(goto="plan", update={"problems": problems, "plan": None})


async def _submit(state: RunState, runtime: _Runtime) -> None:
    """Store the plan's steps: idempotent, since the keys derive from the request and the step."""
    context = runtime.context
    stored = state.get("plan")
    assert stored is not None, "only a plan is submitted"
    plan = plan_from_json(stored)
    await context.store.write(partial(_store_plan, context, state, plan, stored))


def _store_plan(
    context: RunContext, state: RunState, plan: Plan, stored: dict[str, Any], tx: Transaction
) -> None:
    row = get_request(tx, context.row.tenant, context.row.id)
    if row.status is not RequestStatus.RECEIVED:
        # INVARIANT: its steps stand already, as they were stored with its state; those of another
        # plan, by a run that was overtaken, would come on top of them.
        return
    proposals = tuple(
        Proposal(
            tenant=row.tenant,
            requester=AGENT,
            subject=row.subject,
            action=step.action,
            args=step.args,
            key=f"{row.id}/{step.id}",
            planner=plan.planner,
            request_id=row.id,
            step=step.id,
            after=step.after,
            on_failure=plan.on_failure,
            traceparent=row.traceparent,
            priority=row.priority,
        )
        for step in plan.steps
    )
    context.proposals.submit_steps(tx, proposals, plan.steps)
    steps: list[Json] = [f"{step.id} {step.action}" for step in plan.steps]
    moved = context.requests.move(
        tx,
        replace(row, fence=context.row.fence),
        RequestStatus.ACTING,
        EntryKind.REQUEST_PLANNED,
        data={
            "planner": plan.planner,
            "steps": steps,
            "on_failure": plan.on_failure.value,
            "tokens": state.get("tokens", 0),
            "cost_micro_usd": state.get("cost_micro_usd", 0),
        },
        planner=plan.planner,
        plan=stored,
        tokens=state.get("tokens", 0),
        cost_micro_usd=state.get("cost_micro_usd", 0),
    )
    if moved is None:
        raise RetryableError(Code.ACTION_LOST_LEASE, "another worker has this request")


async def _wait(state: RunState) -> None:
    """Wait for the ledger: nothing before the interrupt, since a resumed node runs anew."""
    interrupt({"waits_for": "the actions of the plan"})


async def _reply(state: RunState, runtime: _Runtime) -> None:
    """Write the reply from the ledger's rows, never from what the resume said."""
    context = runtime.context

    def work(tx: Transaction) -> None:
        row = get_request(tx, context.row.tenant, context.row.id)
        if row.status is not RequestStatus.ACTING:
            return
        actions = actions_of(tx, row)
        outcomes: dict[str, Json] = {action.id: action.status.value for action in actions}
        context.requests.move(
            tx,
            replace(row, fence=context.row.fence),
            RequestStatus.ANSWERED,
            EntryKind.REQUEST_REPLIED,
            data={"outcomes": [f"{key} {value}" for key, value in outcomes.items()]},
            reply=write_reply(outcomes_of(tx, actions)),
        )

    await context.store.write(work)


async def _hand_over(state: RunState, runtime: _Runtime) -> None:
    """Say honestly that a person takes over, and record why."""
    context = runtime.context
    await context.store.write(
        lambda tx: hand_over(context.requests, tx, context.row, context.reason, state)
    )


def hand_over(
    requests: Requests,
    tx: Transaction,
    claimed: RequestRow,
    reason: str,
    spent: RunState,
) -> None:
    """Store that a person takes over; nothing when the request is planned already."""
    row = get_request(tx, claimed.tenant, claimed.id)
    if row.status is not RequestStatus.RECEIVED:
        return
    requests.move(
        tx,
        replace(row, fence=claimed.fence),
        RequestStatus.HANDED_OVER,
        EntryKind.REQUEST_HANDED_OVER,
        data={
            "planner": spent.get("planner", ""),
            "code": spent.get("code", Code.NOT_UNDERSTOOD.value),
        },
        planner=spent.get("planner"),
        reply=HandedOver(
            reason=storable(reason, _LONGEST_REASON), reply=write_hand_over()
        ).to_text(),
        tokens=spent.get("tokens", 0),
        cost_micro_usd=spent.get("cost_micro_usd", 0),
    )


def _to_person(context: RunContext, reason: str, code: Code = Code.NOT_UNDERSTOOD) -> Command[Any]:
    context.reason = reason
    return Command(goto="hand_over", update={"code": code.value})


def plan_json(plan: Plan) -> dict[str, Any]:
    """A plan as plain JSON."""
    return {
        "planner": plan.planner,
        "notes": dict(plan.notes),
        "on_failure": plan.on_failure.value,
        "steps": [
            {
                "id": step.id,
                "action": step.action,
                "args": step.args,
                "after": list(step.after),
                "reason": step.reason,
            }
            for step in plan.steps
        ],
    }


def plan_from_json(value: dict[str, Any]) -> Plan:
    """The plan behind `plan_json`."""
    return Plan(
        steps=tuple(
            Step(
                id=step["id"],
                action=step["action"],
                args=step["args"],
                after=tuple(step["after"]),
                reason=step["reason"],
            )
            for step in value["steps"]
        ),
        planner=value["planner"],
        notes=value["notes"],
        on_failure=OnFailure(value.get("on_failure", OnFailure.CONTINUE)),
    )
