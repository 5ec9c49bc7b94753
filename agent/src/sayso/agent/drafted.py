"""A drafted solution: a plan that nobody carried out, as the person who takes the request sees it.

A planner may have a plan that must not be done by itself: something of it was not found in the
customer's words, the customer did not say yes to it, the roll-out leaves it to people. It is sealed
with the request, and its digest stands in the entry that left it.

INVARIANT: nothing of a draft is ever done. What a person proposes of it goes the whole way of any
proposal (see `draft_proposal`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import orjson

from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.definition import Action, Effect, plannable
from sayso.actions.model.digest import hash_of_texts, storable
from sayso.actions.model.plan import Plan, Step
from sayso.actions.model.ports import ActionRegistry
from sayso.actions.model.status import Status
from sayso.actions.rollout.definition import Stage
from sayso.agent.base import Handles
from sayso.agent.calling import called
from sayso.agent.phrases import DEFAULT_LANGUAGE, phrases_of
from sayso.agent.question import amount_of, plan_from_json, plan_json, record_of
from sayso.agent.reply import StepOutcome, choice_label, thing_of
from sayso.json import JsonObject, JsonValue
from sayso.money import Money

_FORM = "sayso/draft/v1"
_LONGEST = 300
"""So many characters of a label, a payee or a reason are kept."""


def plannable_by_name(registry: ActionRegistry) -> Mapping[str, Action]:
    """What can be planned, by name."""
    return {action.name: action for action in plannable(registry.actions)}


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftedStep:
    """What a person is shown of one step beside its arguments.

    Attributes:
        title: such as `The refund of $45.00 for Order 1042: blue mug`.
        amount: what it would move; None when no money does, or nobody knows how much.
        payee: where it goes, where that was read; empty for the customer.
        consequence: whether it can be taken back. may_lower: whether it may be proposed for less.
        why: why it was not done; empty where only what it belongs to was not.
    """

    title: str
    amount: Money | None = None
    payee: str = ""
    consequence: str = ""
    may_lower: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftedPlan:
    """A plan with all that a person is shown of it.

    Attributes:
        nonce: drawn for this draft, so that nobody finds what it says by its digest.
        plan: with the provider's ids. known: of each of its steps, in their order.
        language: the customer's.
    """

    nonce: str
    plan: Plan
    known: tuple[DraftedStep, ...]
    language: str

    @property
    def digest(self) -> str:
        """What a proposal of it has to carry, 64 hex digits."""
        shown = orjson.dumps(self.to_json(), option=orjson.OPT_SORT_KEYS).decode()
        return hash_of_texts(_FORM, shown)

    def to_json(self) -> JsonObject:
        """As it is sealed."""
        return {
            "nonce": self.nonce,
            "plan": plan_json(self.plan),
            "known": [
                {
                    "title": one.title,
                    "amount": None if one.amount is None else one.amount.to_json(),
                    "payee": one.payee,
                    "consequence": one.consequence,
                    "may_lower": one.may_lower,
                    "why": one.why,
                }
                for one in self.known
            ],
            "language": self.language,
        }

    @classmethod
    def read(cls, sealed: Mapping[str, JsonValue]) -> DraftedPlan:
        """What `to_json` wrote."""
        known = cast("Sequence[Mapping[str, JsonValue]]", sealed["known"])
        return cls(
            nonce=str(sealed["nonce"]),
            plan=plan_from_json(cast("Mapping[str, JsonValue]", sealed["plan"])),
            known=tuple(
                DraftedStep(
                    title=str(one["title"]),
                    amount=None if one["amount"] is None else Money.from_json(one["amount"]),
                    payee=str(one["payee"]),
                    consequence=str(one["consequence"]),
                    may_lower=bool(one["may_lower"]),
                    why=str(one["why"]),
                )
                for one in known
            ),
            language=str(sealed["language"]),
        )


def draft_of_plan(
    plan: Plan,
    why: Mapping[str, str],
    *,
    handles: Handles,
    actions: Mapping[str, Action],
    language: str,
    nonce: str,
) -> DraftedPlan:
    """The draft of a plan that was never submitted.

    Args:
        plan: grounded, with the provider's ids.
        why: why it was not done, by step; a step that is not there is fine by itself.
    """
    known: list[DraftedStep] = []
    for step in plan.steps:
        record, action = record_of(step, handles), actions.get(step.action)
        label = "" if record is None else record.label or record.title
        amount = amount_of(step, action, record)
        known.append(_known(step, action, amount, label, "", why.get(step.id, "")))
    return DraftedPlan(nonce=nonce, plan=plan, known=tuple(known), language=language)


def draft_of_steps(
    plan: JsonValue,
    steps: Sequence[ActionRow],
    *,
    actions: Mapping[str, Action],
    language: str,
    nonce: str,
) -> DraftedPlan | None:
    """The draft of a plan whose steps were refused because people do this for now.

    Args:
        plan: as it stands with the request. steps: its actions.

    Returns:
        None while the roll-out is in shadow: whoever saw what it would have done would be led by
        it, and how often people agree by themselves is what shadow is there to measure.
    """
    if not isinstance(plan, Mapping):
        return None
    if any(one.judgement and one.judgement.stage == Stage.SHADOW for one in steps):
        return None
    drafted = plan_from_json(plan)
    by_step = {one.step: one for one in steps}
    known = [
        _known_of(step, actions.get(step.action), by_step.get(step.id)) for step in drafted.steps
    ]
    return DraftedPlan(nonce=nonce, plan=drafted, known=tuple(known), language=language)


def _known_of(step: Step, action: Action | None, row: ActionRow | None) -> DraftedStep:
    if row is None:
        return _known(step, action, None, "", "", "")
    why = str((row.error or {}).get("message", ""))
    if row.snapshot is None:
        return _known(step, action, row.amount, "", "", why)
    resolved = row.snapshot.resolved
    label = resolved.fields.get(resolved.object_kind, "")
    return _known(step, action, row.amount, label, resolved.payee, why)


def _known(
    step: Step, action: Action | None, amount: Money | None, label: str, payee: str, why: str
) -> DraftedStep:
    return DraftedStep(
        title=storable(_title(step, action, amount, label), _LONGEST),
        amount=amount,
        payee=storable(payee, _LONGEST),
        consequence=_consequence(step, action),
        may_lower=action is not None
        and action.money_arg is not None
        and amount is not None
        and amount.amount_minor > 1,
        why=storable(why, _LONGEST),
    )


def _title(step: Step, action: Action | None, amount: Money | None, label: str) -> str:
    words = None if action is None else called(action, DEFAULT_LANGUAGE)
    if words is None:
        what = step.action if action is None else action.summary.partition(",")[0]
        more = ", ".join(str(one) for one in (amount, label) if one)
        return f"{what}: {more}" if more else what
    told = StepOutcome(
        action=step.action,
        status=Status.PLANNED,
        words=words,
        amount=amount,
        label=label,
        choice=choice_label(step.args, words),
        args=step.args,
    )
    title = thing_of(told, phrases_of(DEFAULT_LANGUAGE))
    return f"{title[:1].upper()}{title[1:]}"


def _consequence(step: Step, action: Action | None) -> str:
    if action is None:
        return ""
    if action.effect is Effect.MESSAGE:
        return "It is sent to the customer, and cannot be taken back."
    undo = action.undo
    back = action.reversible if undo is None else undo.fits(step.args)
    return "It can be taken back." if back else "It cannot be undone."
