"""Actions, questions and rules that the policy's tests share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from sayso.actions.model.definition import (
    Action,
    Args,
    Assurance,
    Effect,
    Fact,
    FactType,
    FactValue,
    Subject,
    at_most_once,
)
from sayso.actions.model.snapshot import Resolved
from sayso.actions.policy.base import Approver, History, PolicyQuestion
from sayso.actions.policy.calendar import Calendar
from sayso.actions.policy.cedar import CedarPolicy
from sayso.actions.policy.cedar_schema import CONTEXT_FIELDS, RequestForm
from sayso.money import Money

ROLES = ("support_manager", "finance")
NOON = datetime(2026, 11, 12, 12, 30, tzinfo=UTC)

# The sample that planning-and-policy.md was measured with, in our names.
SAMPLE = """
@id("refund-auto") @explain("Small refund, loyal customer, few recent refunds")
permit (principal, action == Action::"shop.refund", resource)
when { context.amount.lessThanOrEqual(decimal("50.00")) && context.tenure_days > 365 &&
       context.count30d < 3 };

@id("refund-manager") @explain("Up to $500 once a support manager has approved")
permit (principal, action == Action::"shop.refund", resource)
when { context.amount.lessThanOrEqual(decimal("500.00")) &&
       context.approvedBy.contains("support_manager") };

@id("refund-two-incl-finance") @explain("Any amount with two approvals, one from finance")
permit (principal, action == Action::"shop.refund", resource)
when { context.approvals >= 2 && context.approvedBy.contains("finance") };

@id("greet") @explain("A greeting is harmless")
permit (principal, action in Action::"message", resource);

@id("end") @explain("Anybody may leave")
permit (principal, action in Action::"cancellation", resource);
"""


OVERFLOW = "context.tenure_days + 9223372036854775807 > 0"
"""Passes validation and fails at every evaluation with a tenure above zero."""


class NoArgs(Args):
    """Takes nothing."""


def action(
    name: str = "shop.refund",
    effect: Effect = Effect.MONEY_OUT,
    facts: Mapping[str, FactType | Fact] | None = None,
) -> Action:
    """An action whose facts are one of each type, unless told otherwise."""
    every: dict[str, FactType | Fact] = {
        "tenure_days": "long",
        "full": "bool",
        "reason": "string",
        "charge_amount": "decimal",
    }
    return Action(
        name=name,
        summary="Do it",
        args=NoArgs,
        guarantee=at_most_once(),
        effect=effect,
        reversible=False,
        sentence="Do it",
        facts=every if facts is None else facts,
    )


REFUND = action()
CANCEL = action("shop.cancel", Effect.CANCELLATION, {})
GREET = action("shop.greet", Effect.MESSAGE, {})
ACTIONS = (REFUND, CANCEL, GREET)

FACTS: dict[str, FactValue] = {
    "tenure_days": 400,
    "full": False,
    "reason": "",
    "charge_amount": Money(90_00, "USD"),
}


def question(
    amount: Money | None = Money(18_50, "USD"),  # noqa: B008  (frozen)
    *,
    of: Action = REFUND,
    facts: Mapping[str, FactValue] | None = None,
    count_30d: int = 0,
    amount_30d_minor: int = 0,
    assurance: Assurance = Assurance.VERIFIED,
    owner: str = "cus_1",
    kind: str = "charge",
    at: datetime = NOON,
) -> PolicyQuestion:
    """A question that the sample allows at once, unless told otherwise."""
    return PolicyQuestion(
        tenant="acme",
        action=of,
        subject=Subject(id="cus_1", assurance=assurance),
        resolved=Resolved(
            args={},
            object_kind=kind,
            object_id="ch_1",
            owner=owner,
            owner_proof="charge.customer",
            account="acct_1",
            payee="the card that paid",
            amount=amount,
            facts={name: FACTS[name] for name in of.facts} if facts is None else facts,
        ),
        history=History(count_30d=count_30d, amount_30d_minor=amount_30d_minor),
        planner="caller",
        at=at,
    )


def whole_form(of: Action) -> RequestForm:
    """A form that leaves nothing out, whatever the rules read."""
    fields = {field.name for field in CONTEXT_FIELDS} - {"approvals", "approvedBy"}
    fields -= {"addressChangedDays"}  # which no question of these has
    return RequestForm(
        action=of,
        facts=of.declared,
        reads=frozenset(fields | set(of.facts)),
        names_ids=True,
        calendar=Calendar(),
    )


def with_facts(asked: PolicyQuestion, **facts: FactValue) -> PolicyQuestion:
    """The same question with some facts changed."""
    changed = {**asked.resolved.facts, **facts}
    return replace(asked, resolved=replace(asked.resolved, facts=changed))


def policy(text: str = SAMPLE, *, max_quorum: int = 3) -> CedarPolicy:
    """A policy of one file over the shared actions."""
    return CedarPolicy({"sample.cedar": text}, ACTIONS, ROLES, max_quorum)


def rule(
    condition: str, *, effect: str = "permit", of: str = '== Action::"shop.refund"', name: str = "r"
) -> str:
    """One labelled rule."""
    head = f'@id("{name}") @explain("Because of {name}")\n'
    return head + f"{effect} (principal, action {of}, resource) when {{ {condition} }};\n"


def person(name: str, *roles: str) -> Approver:
    """One who said yes."""
    return Approver(person=name, roles=frozenset(roles))


def people(*roles: str) -> list[Approver]:
    """As many distinct people as roles, each with one of them."""
    return [person(f"person-{place}", role) for place, role in enumerate(roles)]
