"""The policy of a workspace that is opened for looking only."""

from __future__ import annotations

from collections.abc import Sequence

from sayso.actions.policy.base import (
    Approver,
    Around,
    Demand,
    Judgement,
    Outcome,
    PolicyQuestion,
    Why,
)


class NoPolicy:
    """Denies everything; stands where nothing is to be judged."""

    @property
    def version(self) -> str:
        return "none"

    def version_for(self, action: str) -> str:
        return "none"

    def wanted_facts(self, action: str) -> frozenset[str]:
        return frozenset()

    def judge(self, question: PolicyQuestion, also: Sequence[Demand] = ()) -> Judgement:
        return Judgement(
            outcome=Outcome.DENY, rules=(), explain="opened for looking only", policy_version="none"
        )

    def why(self, question: PolicyQuestion, judgement: Judgement, around: Around) -> Why:
        return Why(reasons=(), needed="")

    def permits(
        self, question: PolicyQuestion, approvers: Sequence[Approver], also: Sequence[Demand] = ()
    ) -> Judgement:
        return self.judge(question)
