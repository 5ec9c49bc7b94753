"""Which plans need no yes of the customer, by the plan alone."""

from __future__ import annotations

from collections.abc import Mapping

from sayso.actions.model.definition import Action, Effect
from sayso.actions.model.plan import Plan

NAMED = ("named", "plainly")
"""How far a plan's words name it so that it need not be restated where somebody reads it anyway."""


def goes_unrestated(plan: Plan, actions: Mapping[str, Action]) -> bool:
    """Whether nobody has to confirm it: it is certain, or plainly named and can be taken back."""
    if plan.rests_on_a_yes:
        return False
    return plan.certain or (plan.named == "plainly" and may_be_taken_back(plan, actions))


def may_be_taken_back(plan: Plan, actions: Mapping[str, Action]) -> bool:
    """Whether each step can be taken back, or is a message.

    A reading that was wrong after all then costs nobody more than another message.
    """
    for step in plan.steps:
        action = actions[step.action]
        undone = action.reversible if action.undo is None else action.undo.fits(step.args)
        if not undone and action.effect is not Effect.MESSAGE:
            return False
    return True
