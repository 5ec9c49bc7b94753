"""The external form of a drafted solution, the same on every surface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sayso.agent.drafted import Drafted
from sayso.agent.request_row import RequestRow
from sayso.money import Money
from sayso.sdk.views import View


class DraftStepView(View):
    """One step of a draft.

    Attributes:
        id: by which a proposal names it.
        title: such as `The refund of $45.00 for Order 1042: blue mug`.
        payee: where it goes; the customer's id where nobody has read that.
        consequence: whether it can be taken back.
        why: why it was not done; empty where only what it belongs to was not.
        may_lower: whether it may be proposed for less.
        after: the steps that have to succeed before.
        args: exactly what would be proposed.
        agent_says: the planner's own words, not verified.
    """

    id: str
    action: str
    title: str
    amount: Money | None = None
    payee: str
    consequence: str = ""
    why: str = ""
    may_lower: bool = False
    after: tuple[str, ...] = ()
    args: Mapping[str, Any]
    agent_says: str = ""

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """The words that it would send or store, by the name of their argument."""
        told = ((name, value) for name, value in self.args.items() if isinstance(value, str))
        return tuple((name.replace("_", " "), value) for name, value in told if " " in value)


class DraftView(View):
    """What a planner would do about a request, and nobody has.

    Attributes:
        digest: what a proposal of it must carry, whole or its first 12 digits.
        planner: who planned it.
    """

    digest: str
    planner: str
    steps: tuple[DraftStepView, ...]


def show_draft(drafted: Drafted, row: RequestRow) -> DraftView:
    """The external form of a request's draft."""
    return DraftView(
        digest=drafted.digest,
        planner=drafted.plan.planner,
        steps=tuple(
            DraftStepView(
                id=step.id,
                action=step.action,
                title=one.title,
                amount=one.amount,
                payee=one.payee or row.subject.id,
                consequence=one.consequence,
                why=one.why,
                may_lower=one.may_lower,
                after=step.after,
                args=step.args,
                agent_says=step.reason,
            )
            for step, one in zip(drafted.plan.steps, drafted.known, strict=True)
        ),
    )
