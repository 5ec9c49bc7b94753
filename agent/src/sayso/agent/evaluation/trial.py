"""One planner on one case, as a request would go: planned, checked, asked back; and the verdict."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sayso.actions.model.definition import Action
from sayso.actions.model.plan import Handoff, Plan, Step
from sayso.agent.base import Asking, Handles, Planner, Question
from sayso.agent.chain import plan_for
from sayso.agent.confirmation import goes_unrestated
from sayso.agent.evaluation.cases import CaseStep, EvalCase
from sayso.agent.grounding import ground_plan
from sayso.agent.intent import find_unasked, with_own_values
from sayso.agent.understanding.lexicon import Knowledge
from sayso.errors import RetryableError
from sayso.json import JsonValue
from sayso.money import Money

Outcome = Literal["unattended", "restated", "question", "person", "hand_over", "failed"]
Verdict = Literal["right", "missed", "wrong question", "wrong plan", "wrong unattended", "failed"]
LATEST_S = 20.0
"""A planner that takes longer has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one case.

    Attributes:
        outcome: `unattended` a plan that nobody confirms (the policy still judges it), `restated`
            to the customer, `person` a plan that nobody asked for and a person has to look at.
        steps: with the provider's ids, as JSON; empty without a plan.
        plan: the same as a plan.
        why: of a question or a hand-over.
        lost: whether the labelled plan would be dropped, where a plan was due and none was right:
            so that no planner, however good, could do it.
    """

    case: EvalCase
    outcome: Outcome
    verdict: Verdict
    steps: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    why: str = ""
    plan: Plan | None = None
    tokens: int = 0
    micro_usd: int = 0
    seconds: float = 0.0
    lost: bool = False

    @property
    def answer(self) -> tuple[object, ...]:
        """What two runs are compared by."""
        return (self.outcome, self.steps, self.choices)


async def try_case(
    planner: Planner,
    case: EvalCase,
    handles: Handles,
    actions: Sequence[Action],
    knowledge: Knowledge,
) -> Trial:
    """Run a planner on a case; nothing is stored and nothing is done."""
    clock = asyncio.get_running_loop().time
    began = clock()
    messages = case.messages
    try:
        async with asyncio.timeout(LATEST_S):
            found = await plan_for(planner, messages, handles, actions, Asking(key=case.id))
    except (RetryableError, TimeoutError) as error:
        return Trial(
            case=case, outcome="failed", verdict="failed", why=str(error), seconds=clock() - began
        )
    outcome: Outcome = "hand_over"
    steps: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    why = found.reason if isinstance(found, Handoff) else ""
    wanted, plan = False, None
    if isinstance(found, Question):
        outcome, why = "question", found.why
        choices = tuple(_id_of(choice.value, handles) for choice in found.choices)
    elif isinstance(found, Plan):
        found = with_own_values(found, knowledge)
        grounded = ground_plan(
            found, messages=messages, handles=handles, actions=actions, knowledge=knowledge
        )
        if not isinstance(grounded, Plan):
            why = grounded.text
        else:
            unasked = find_unasked(found, messages, handles, knowledge)
            why = "; ".join(one.why for one in unasked)
            named = {action.name: action for action in actions}
            alone = not unasked and goes_unrestated(found, named)
            outcome = "unattended" if alone else "restated"
            if any(one.against for one in unasked):
                outcome = "person"
            plan = grounded
            steps = tuple(sorted(_shown(step, handles) for step in grounded.steps))
            wanted = any(_is(grounded.steps, plan, handles) for plan in case.plans)
    verdict = _judge(case, outcome, choices, wanted=wanted)
    return Trial(
        case=case,
        outcome=outcome,
        verdict=verdict,
        steps=steps,
        choices=choices,
        why=why,
        plan=plan,
        tokens=found.tokens,
        micro_usd=found.cost_micro_usd,
        seconds=clock() - began,
        lost=verdict != "right" and _is_lost(case, handles, actions, knowledge),
    )


def _is_lost(
    case: EvalCase, handles: Handles, actions: Sequence[Action], knowledge: Knowledge
) -> bool:
    """Whether the labelled plan is dropped, whoever plans it: by the guard, or by the words."""
    if case.due != "plan" or not case.plans:
        return False
    names = {record.id: handle for handle, record in handles.records.items()}
    steps = tuple(
        Step(
            id=f"s{number}",
            action=one.action,
            args={
                name: names.get(value, value) if isinstance(value, str) else value
                for name, value in one.args.items()
                if value is not None
            },
        )
        for number, one in enumerate(case.plans[0], 1)
    )
    plan = with_own_values(Plan(steps=steps, planner="label"), knowledge)
    messages = case.messages
    grounded = ground_plan(
        plan, messages=messages, handles=handles, actions=actions, knowledge=knowledge
    )
    if not isinstance(grounded, Plan):
        return True
    return any(one.against for one in find_unasked(plan, messages, handles, knowledge))


def _judge(case: EvalCase, outcome: Outcome, choices: Sequence[str], *, wanted: bool) -> Verdict:
    allowed = {case.due, *case.also}
    if case.due == "either":
        allowed |= {"plan", "answer", "hand_over"}
    if outcome in ("unattended", "restated"):
        if wanted and "plan" in allowed:
            return "right"
        return "wrong unattended" if outcome == "unattended" else "wrong plan"
    if outcome == "question":
        if "clarify" not in allowed:
            return "wrong question"
        return "right" if set(case.choices) <= set(choices) else "wrong question"
    return "right" if allowed & {"answer", "hand_over"} else "missed"


def _is(steps: Sequence[Step], plan: Sequence[CaseStep], handles: Handles) -> bool:
    """Whether the steps are those of a label, in whatever order."""
    left = list(plan)
    for step in steps:
        match = next((one for one in left if _same(step, one, handles)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def _same(step: Step, wanted: CaseStep, handles: Handles) -> bool:
    if step.action != wanted.action:
        return False
    ids = {record.id for record in handles.records.values()}
    for name, value in step.args.items():
        if name in wanted.args or not (_is_money(value) or value in ids):
            continue
        if not (_is_money(value) and _amount(value, step, handles) is None):
            return False  # an object or an amount that the label does not have
    return all(
        _amount(step.args.get(name), step, handles) == _amount(value, step, handles)
        for name, value in wanted.args.items()
    )


def _amount(value: JsonValue, step: Step, handles: Handles) -> JsonValue:
    """A value as it is compared: an amount that is all that is left is none."""
    if not _is_money(value):
        return value
    left = [
        record.left.to_json()
        for record in handles.records.values()
        if record.id in step.args.values() and record.left is not None
    ]
    return None if value in left else value


def _is_money(value: JsonValue) -> bool:
    return isinstance(value, Mapping) and "amount_minor" in value


def _shown(step: Step, handles: Handles) -> str:
    args = {name: _amount(value, step, handles) for name, value in step.args.items()}
    kept = {name: value for name, value in args.items() if value is not None and name != "reason"}
    return f"{step.action} {json.dumps(kept, sort_keys=True)}"


def _id_of(value: str, handles: Handles) -> str:
    record = handles.records.get(value)
    return value if record is None else record.id


def money(amount_minor: int, currency: str) -> JsonValue:
    """An amount as a label writes it."""
    return Money(amount_minor, currency).to_json()
