"""Why people are asked about an action: the rules, the limits and the roll-out together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sayso.actions.limits.checks import LimitChecks
from sayso.actions.limits.reservations import Circumstances
from sayso.actions.policy.active import LoadedPolicy
from sayso.actions.policy.base import (
    Around,
    Asker,
    Judgement,
    Outcome,
    PolicyQuestion,
    Reason,
    Why,
)
from sayso.actions.policy.why import needed_sentence
from sayso.actions.rollout.checks import StageChecks, dial_reasons, lower
from sayso.frozen import replace
from sayso.store.base import Reader

if TYPE_CHECKING:
    from sayso.actions.rollout.dials import Staged  # brings Cedar along

_WITH_PLAN = Reason(
    asking=Asker(kind="plan"),
    say="Needs nobody by itself; it belongs to this plan",
    to="done without the rest of its plan",
)


class CardReasons:
    """Finds every reason of a judgement, where a card is made."""

    def __init__(self, limits: LimitChecks, stages: StageChecks) -> None:
        self._limits = limits
        self._stages = stages

    def why(
        self,
        reader: Reader,
        about: Circumstances,
        loaded: LoadedPolicy,
        question: PolicyQuestion,
        judgement: Judgement,
        *,
        ceiling: Staged | None,
        by_law: bool,
    ) -> Why:
        """Why people are asked; nothing where they are not.

        Args:
            ceiling: how far the rest of its plan may go. by_law: no rule of the policy is about
                it, since Sayso says it by itself; a limit asks all the same.
        """
        needed = needed_sentence(judgement.roles)
        if judgement.outcome is not Outcome.ASK:
            return Why(reasons=(), needed=needed)
        if judgement.with_plan:
            return Why(reasons=(_WITH_PLAN,), needed=needed)

        def held(other: PolicyQuestion) -> list[Reason]:
            def staged(opened: frozenset[str]) -> Staged | None:
                found = self._stages.staged(reader, loaded, about.row, other, opened)
                is_open = ceiling is None or ceiling.rule in opened
                return lower(found, None if is_open else ceiling)

            return dial_reasons(staged)

        def over(other: PolicyQuestion, *, automatic: bool) -> Sequence[Reason]:
            there = replace(about, resolved=other.resolved)
            return self._limits.asking(reader, there, automatic=automatic)

        if by_law:
            return Why(reasons=tuple(over(question, automatic=True)), needed=needed)
        around = Around(
            asking=(*over(question, automatic=False), *held(question)),
            then=lambda other: (*over(other, automatic=True), *held(other)),
        )
        return loaded.policy.why(question, judgement, around)
