"""The LangGraph graph of one run of a request: look up, plan, validate, ask back, submit, reply.

It plans, asks and replies; it never causes an effect. Effects are proposed by an idempotent node
and carried out by the engine, so replaying any part of the graph does no harm.

INVARIANT: nothing of it is stored. Where a run begins follows from the request's row, its entries
and its sealed turns, so there is no saved state that somebody could write, and none that is read.
"""

# NOTE: LangGraph's own overloads are partly untyped, which strict pyright reports at every call.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from sayso.actions.model.definition import Assurance
from sayso.actions.model.plan import Handoff, Plan
from sayso.actions.model.status import Status
from sayso.agent.base import INSTEAD, MAX_QUESTIONS, Handles, Message, Question, Remark
from sayso.agent.chain import plan_for
from sayso.agent.confirmation import NAMED, goes_unrestated
from sayso.agent.draft_proposal import proposal_of
from sayso.agent.grounding import ground_plan
from sayso.agent.intent import Unasked, find_unasked, with_own_values
from sayso.agent.question import (
    YES,
    confirm_plan,
    plan_from_json,
    plan_json,
    question_answered,
    question_json,
    with_ids,
)
from sayso.agent.requests import AGENT
from sayso.agent.run import (
    RunContext,
    RunState,
    ask_text,
    hand_over,
    store_plan,
    store_question,
    store_reply,
    store_telling,
)
from sayso.agent.step_up import wanted
from sayso.agent.understanding import understand
from sayso.agent.understanding.agreement import agrees, declines
from sayso.agent.understanding.naming import DOUBTED
from sayso.audit.authority.state import changed_outside
from sayso.errors import Code, RefusedError, RetryableError

_NOT_SHOWN = "the customer could not show that the account is theirs"
MAX_TRIES = 2
"""How often a planner may answer one request; the second time it is told what was wrong."""


Graph = CompiledStateGraph[RunState, RunContext, RunState, RunState]
_Runtime = Runtime[RunContext]


def build_graph() -> Graph:
    """The compiled graph."""
    graph = StateGraph(RunState, context_schema=RunContext)
    graph.add_node("begin", _begin)
    graph.add_node("look_up", _list_records)
    graph.add_node("plan", _plan)
    graph.add_node("validate", _validate)
    graph.add_node("question", _question)
    graph.add_node("verify", _verify)
    graph.add_node("submit", _submit)
    graph.add_node("reply", _reply)
    graph.add_node("tell", _tell)
    graph.add_node("hand_over", _hand_over)
    graph.add_edge(START, "begin")
    for last in ("question", "submit", "reply", "tell", "hand_over"):
        graph.add_edge(last, END)
    return graph.compile()


async def _begin(state: RunState, runtime: _Runtime) -> Command[Any]:
    """Go on where the request's row and turns say that it stands."""
    context = runtime.context
    if context.row.is_acting:  # the plan is stored, and all of it is told
        return Command(goto="reply")
    asked = question_answered(context.messages)
    if context.answered and context.messages and asked.digest != context.answered:
        # INVARIANT: an answer is to what the log says that was asked, whatever stands in a row.
        raise changed_outside(f"what the customer of the request {context.row.id} was asked")
    plan = asked.restated
    if plan is None or not context.answered:  # nothing was restated, or by an older Sayso
        return Command(goto="look_up")
    newest = context.messages[-1]
    spent: RunState = {"planner": plan.planner, "nonce": asked.nonce}
    if newest.choice == YES or agrees(newest.content, context.language, context.knowledge):
        if await _has_to_show(context, {step.action for step in plan.steps}):
            return Command(goto="verify")
        # INVARIANT: what is submitted is the plan that was restated, to the last argument.
        return Command(goto="submit", update={**spent, "plan": plan_json(plan), "confirmed": True})
    if newest.choice is not None or declines(newest.content, context.language, context.knowledge):
        if context.asked >= MAX_QUESTIONS or _asked_what_instead(context):
            reason = "the customer said no to the plan as it was restated"
            return _to_person(context, reason, spent=spent)
        question = Question(about=plan.steps[0].action, slot=INSTEAD, planner=plan.planner)
        return Command(
            goto="question", update={**spent, "question": _stored(question, context), "plan": None}
        )
    return Command(goto="look_up")


def _asked_what_instead(context: RunContext) -> bool:
    """Whether they were asked already; a second no is a person's."""
    asked = (turn.question for turn in context.messages)
    return any(one is not None and one.slot == INSTEAD for one in asked)


async def _list_records(state: RunState, runtime: _Runtime) -> Command[Any]:
    context = runtime.context
    try:
        # INVARIANT: by the words alone, before anything is read of whom nobody knows: what is asked
        # is the same whether or not there is such a customer.
        unknown = context.row.subject.assurance is Assurance.UNVERIFIED
        if unknown and await _has_to_show(context, wanted(context.messages, context.knowledge)):
            return Command(goto="verify")
        await context.known()
    except RefusedError as error:
        remark = _of_a_stranger(context) if error.code is Code.UNKNOWN_SUBJECT else None
        if remark is not None:
            context.remark, context.handles = remark, Handles(())
            return Command(goto="tell")
        return _to_person(context, f"the look-up was refused: {error.message}", error.code)
    except RetryableError as error:
        if context.give_up:
            return _to_person(context, f"the look-up does not work: {error.message}", error.code)
        raise
    return Command(goto="plan")


def _of_a_stranger(context: RunContext) -> Remark | None:
    """What can be answered without knowing who writes: a greeting, a question about terms."""
    if not context.messages:
        return None
    remark = understand(context.messages, Handles(()), (), context.knowledge).remark
    return None if remark is None or remark.kind == "status" else remark


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
            answer = await plan_for(
                context.planner, messages, handles, list(context.actions.values()), context.asking
            )
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
        "confirmed": False,
    }
    if not isinstance(answer, Question):
        spent["prompt"] = answer.notes.get("prompt", "")
    if isinstance(answer, Remark) and not context.given_up:
        context.remark, context.reason = answer, answer.reason
        return Command(goto="tell", update=spent)
    if not isinstance(answer, Plan) and await _has_to_show(
        context, wanted(context.messages, context.knowledge)
    ):
        return Command(goto="verify", update=spent)
    if isinstance(answer, Handoff):
        # What was wrong with the plan before it is why there is none now.
        refused = f"no plan passed the checks: {'; '.join(problems)}; " if problems else ""
        context.reason = f"{refused}{answer.reason}"
        return Command(goto="hand_over", update={**spent, "code": answer.code.value})
    if isinstance(answer, Question):
        if context.given_up:
            return _to_person(context, _NOT_SHOWN, Code.NOT_VERIFIED, spent)
        if context.asked >= MAX_QUESTIONS:
            context.reason = f"{MAX_QUESTIONS} questions were asked already; {answer.why}"
            return Command(goto="hand_over", update=spent)
        stored = _stored(with_ids(answer, handles), context)
        return Command(goto="question", update={**spent, "question": stored, "plan": None})
    return Command(goto="validate", update={**spent, "plan": plan_json(answer)})


async def _validate(state: RunState, runtime: _Runtime) -> Command[Any]:
    context = runtime.context
    stored = state.get("plan")
    assert stored is not None, "only a plan is validated"
    handles = await context.known()
    plan = with_own_values(plan_from_json(stored), context.knowledge)
    grounded = ground_plan(
        plan,
        messages=context.messages,
        handles=handles,
        actions=list(context.actions.values()),
        knowledge=context.knowledge,
    )
    if not isinstance(grounded, Plan):
        problems = [f"{item.step} {item.argument}: {item.message}" for item in grounded.items]
        if state.get("tries", 0) >= MAX_TRIES:
            return _to_person(context, "no plan passed the checks: " + "; ".join(problems))
        return Command(goto="plan", update={"problems": problems, "plan": None})
    unasked = find_unasked(plan, context.messages, handles, context.knowledge)
    if any(one.against for one in unasked) or (unasked and context.asked >= MAX_QUESTIONS):
        return _not_asked_for(context, grounded, handles, unasked)
    if unasked or grounded.named == DOUBTED:
        # INVARIANT: from here on it needs their yes and then a person's, whatever a policy allows.
        grounded = grounded.on_a_yes()
    if context.given_up:
        why = {step.id: _NOT_SHOWN for step in grounded.steps}
        context.draft = context.drafted(grounded, handles, why)
        return _to_person(context, _NOT_SHOWN, Code.NOT_VERIFIED)
    if await _has_to_show(context, {step.action for step in grounded.steps}):
        return Command(goto="verify")
    planner = grounded.planner
    update: RunState = {"plan": plan_json(grounded), "planner": planner, "problems": []}
    if not await _must_confirm(grounded, context):
        return Command(goto="submit", update=update)
    if context.asked >= MAX_QUESTIONS:
        why = {step.id: "the customer has not said yes to it" for step in grounded.steps}
        context.draft = context.drafted(grounded, handles, why)
        return _to_person(context, f"{MAX_QUESTIONS} questions were asked already")
    question = confirm_plan(grounded, grounded.steps[0].action)
    return Command(goto="question", update={**update, "question": _stored(question, context)})


def _not_asked_for(
    context: RunContext, plan: Plan, handles: Handles, unasked: Sequence[Unasked]
) -> Command[Any]:
    """A person takes it, with the plan that the customer's words say something else than."""
    steps = ", ".join(f"`{one.action}` ({one.why})" for one in unasked)
    why = {one.step: f"not found in the customer's own words: {one.why}" for one in unasked}
    context.draft = context.drafted(plan, handles, why)
    return _to_person(
        context, f"not found in the customer's own words: {steps}", Code.NOT_ASKED_FOR
    )


async def _must_confirm(plan: Plan, context: RunContext) -> bool:
    """Whether the customer has to say yes to the plan as it is restated to them."""
    when = {context.confirm.of(step.action) for step in plan.steps}
    if plan.rests_on_a_yes or "always" in when:
        return True
    if plan.certain or when == {"never"}:
        return False
    if "uncertain" not in when or plan.named not in NAMED:
        return plan.named not in NAMED
    known = context.row.subject.assurance is not Assurance.UNVERIFIED
    if known and goes_unrestated(plan, context.actions):
        return False
    return not await _people_decide(plan, context)


async def _people_decide(plan: Plan, context: RunContext) -> bool:
    """Whether the policy has a person decide about each step, so that they read it anyway.

    NOTE: nothing is claimed by it: each step is judged once more where it is stored.
    """
    for step in plan.steps:
        proposal = proposal_of(context.row, plan, step, AGENT)
        try:
            judged = await context.proposals.dry_run(proposal)
        except (RefusedError, RetryableError):
            return False
        if judged.row.status is not Status.PENDING_APPROVAL:
            return False
    return True


def _stored(question: Question, context: RunContext) -> dict[str, Any]:
    drawn = replace(question, nonce=context.requests.new_nonce())
    return dict(question_json(drawn, number=context.asked + 1, language=context.language))


async def _question(state: RunState, runtime: _Runtime) -> None:
    """Store what the customer is asked."""
    context = runtime.context
    stored = state.get("question")
    assert stored is not None, "only a question is asked"
    asked = ask_text(context, stored, await context.known())
    await context.store.write(
        partial(store_question, context, state, stored, asked), about=context.row.tenant
    )


async def _has_to_show(context: RunContext, names: Collection[str]) -> bool:
    """Whether whoever writes has to show first that an account is theirs; `need` says which."""
    if context.step_up is None or context.given_up:
        return False
    actions = [action for name, action in context.actions.items() if name in names]
    context.need = await context.step_up.need(context.row, actions)
    return context.need is not None


async def _verify(state: RunState, runtime: _Runtime) -> Command[Any]:
    """Ask for a code; where it was asked for too often, a person gets it."""
    context = runtime.context
    assert context.step_up is not None
    assert context.need is not None, "only what has to be shown is asked for"
    if await context.step_up.ask(context.row, context.need, context.language):
        return Command(goto=END)
    context.given_up = True
    return Command(goto="look_up")


async def _submit(state: RunState, runtime: _Runtime) -> None:
    """Store the plan's steps: idempotent, since the keys derive from the request and the step."""
    context = runtime.context
    stored = state.get("plan")
    assert stored is not None, "only a plan is submitted"
    plan = plan_from_json(stored)
    if context.messages and "?" in context.messages[-1].content:
        with suppress(RefusedError, RetryableError):  # a question beside a yes must not hold it up
            await context.known()
    await context.store.write(partial(store_plan, context, state, plan), about=context.row.tenant)


async def _reply(state: RunState, runtime: _Runtime) -> None:
    """Write the reply."""
    context = runtime.context
    stored = partial(store_reply, context.requests, context.row, context.registry)
    if not await context.store.write(stored, about=context.row.tenant):
        name = await context.records.accounts.name_of(context.row.subject)
        await context.store.write(partial(stored, name=name), about=context.row.tenant)


async def _tell(state: RunState, runtime: _Runtime) -> None:
    """Tell what is known where nothing is to be done; what nobody can tell is a person's."""
    context = runtime.context
    handles = await context.known()
    await context.store.write(
        partial(store_telling, context, state, handles), about=context.row.tenant
    )


async def _hand_over(state: RunState, runtime: _Runtime) -> None:
    """Say honestly that a person takes over, and record why."""
    context = runtime.context
    name = await context.records.accounts.name_of(context.row.subject)
    await context.store.write(
        lambda tx: hand_over(
            context.requests,
            tx,
            context.row,
            context.reason,
            state,
            context.language,
            context.draft,
            name,
        ),
        about=context.row.tenant,
    )


def _to_person(
    context: RunContext,
    reason: str,
    code: Code = Code.NOT_UNDERSTOOD,
    spent: RunState | None = None,
) -> Command[Any]:
    context.reason = reason
    if context.given_up:
        code = Code.NOT_VERIFIED
    return Command(goto="hand_over", update={**(spent or {}), "code": code.value})
