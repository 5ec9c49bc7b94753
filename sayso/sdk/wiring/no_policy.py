"""The policy of a workspace that is opened for looking only."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sayso.actions.policy.base import Approver, Demand, Judgement, Outcome, PolicyQuestion


class NoPolicy:
    """Denies everything; stands where nothing is to be judged."""

    @property
    def version(self) -> str:
        return "none"

    def version_for(self, action: str) -> str:
        return "none"

    def wanted_facts(self, action: str) -> frozenset[str]:
        return frozenset()

    def numbers_for(self, action: str) -> Sequence[Decimal]:
        return ()

    def judge(self, question: PolicyQuestion, also: Sequence[Demand] = ()) -> Judgement:
        return Judgement(
            outcome=Outcome.DENY, rules=(), explain="opened for looking only", policy_version="none"
        )

    def suppose(self, question: PolicyQuestion) -> Judgement:
        return self.judge(question)

    def permits(
        self, question: PolicyQuestion, approvers: Sequence[Approver], also: Sequence[Demand] = ()
    ) -> Judgement:
        return self.judge(question)
