"""What a policy would make of the plans of a run: done alone, asked about, or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sayso.actions.model.definition import Action, Fact, FactValue, Subject
from sayso.actions.model.plan import Plan, Step
from sayso.actions.model.snapshot import Record, Resolved
from sayso.actions.policy.base import History, Outcome, Policy, PolicyQuestion
from sayso.agent.base import Handles
from sayso.agent.evaluation.measures import WRONG
from sayso.agent.evaluation.trial import Trial
from sayso.errors import RefusedError
from sayso.money import Money

_TENURE_DAYS = 400
_ORDER = (Outcome.ALLOW, Outcome.ASK, Outcome.DENY)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPlans:
    """One planner's plans under one policy, once the customer has said yes to each.

    Attributes:
        plans: how many there are.
        alone, asked, refused: shares of them; a plan counts as its strictest step.
        wrong_alone: wrong plans that nobody but the customer would have looked at.
    """

    plans: int
    alone: float
    asked: float
    refused: float
    wrong_alone: int


def judge_trials(
    trials: Sequence[Trial],
    known: Mapping[str, Handles],
    actions: Mapping[str, Action],
    policy: Policy,
    at: datetime,
) -> JudgedPlans:
    """Judge every plan that would come to be proposed.

    What a case does not say is that of a usual customer: 400 days with you, nothing asked for
    lately, no fact that stands out.

    Args:
        known: what the customer of each case has.
        policy: that is to be compared.
    """
    counts: Counter[Outcome] = Counter()
    wrong = 0
    for trial in trials:
        if trial.plan is None or trial.outcome == "person":
            continue
        handles = known[trial.case.like or trial.case.id]
        subject = Subject(id=trial.case.customer or "customer")
        outcomes = [
            policy.judge(_question(step, actions[step.action], handles, subject, trial.plan, at))
            for step in trial.plan.steps
        ]
        strictest = max((one.outcome for one in outcomes), key=_ORDER.index)
        counts[strictest] += 1
        wrong += strictest is Outcome.ALLOW and trial.verdict in WRONG
    plans = counts.total()
    shares = [counts[outcome] / plans if plans else 0.0 for outcome in _ORDER]
    return JudgedPlans(
        plans=plans, alone=shares[0], asked=shares[1], refused=shares[2], wrong_alone=wrong
    )


def people_decide(
    trial: Trial,
    known: Mapping[str, Handles],
    actions: Mapping[str, Action],
    policy: Policy,
    at: datetime,
) -> bool:
    """Whether the policy asks a person about each step of a trial's plan."""
    if trial.plan is None:
        return False
    handles = known[trial.case.like or trial.case.id]
    subject = Subject(id=trial.case.customer or "customer")
    return all(
        policy.judge(
            _question(step, actions[step.action], handles, subject, trial.plan, at)
        ).outcome
        is Outcome.ASK
        for step in trial.plan.steps
    )


def _question(
    step: Step, action: Action, handles: Handles, subject: Subject, plan: Plan, at: datetime
) -> PolicyQuestion:
    ids = {record.id: record for record in handles.records.values()}
    record = next((ids[v] for v in step.args.values() if isinstance(v, str) and v in ids), None)
    resolved = Resolved(
        args=dict(step.args),
        object_kind="customer" if record is None else record.kind,
        object_id=subject.id if record is None else record.id,
        owner=subject.id,
        owner_proof="the case",
        account="the case",
        payee="the customer",
        amount=_amount(step, action, record),
        facts={name: _fact(name, fact, step) for name, fact in action.facts.items()},
    )
    return PolicyQuestion(
        tenant="main",
        action=action,
        subject=subject,
        resolved=resolved,
        history=History(count_30d=0, amount_30d_minor=0),
        planner=plan.planner,
        at=at,
    )


def _amount(step: Step, action: Action, record: Record | None) -> Money | None:
    if action.money_arg is None:
        return None
    try:
        return Money.from_json(step.args.get(action.money_arg))
    except RefusedError:
        return None if record is None else record.left


def _fact(name: str, fact: Fact | str, step: Step) -> FactValue:
    """What a usual customer's provider would say."""
    kind = fact.type if isinstance(fact, Fact) else fact
    said = step.args.get(name)
    if kind == "bool":
        return name == "at_once" and step.args.get("when") == "now"
    if kind == "long":
        return _TENURE_DAYS if "tenure" in name else 0
    if kind == "decimal":
        return Money(0, "USD")
    words = fact.words if isinstance(fact, Fact) else ()
    return said if isinstance(said, str) else words[0] if words else ""
