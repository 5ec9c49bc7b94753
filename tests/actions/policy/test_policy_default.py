"""The default policy: sensible limits, and properties that hold for every question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_cases import NOON, action, people, person, whole_form, with_facts

from sayso.actions.model.definition import (
    Action,
    Assurance,
    Effect,
    FactType,
    FactValue,
    Subject,
    at_most_once,
)
from sayso.actions.model.snapshot import Resolved
from sayso.actions.policy.base import Approver, History, Judgement, Outcome, PolicyQuestion
from sayso.actions.policy.cedar import (
    DEFAULT_ROLES,
    CedarPolicy,
    read_default_policy,
)
from sayso.connectors.email.actions import actions_with
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CREDIT, REFUND
from sayso.money import Money

SEND, APOLOGY = actions_with(at_most_once())
STRIPE = (REFUND, CANCEL_SUBSCRIPTION, CREDIT)
SHIPPED = (*STRIPE, SEND, APOLOGY)
TEXTS = read_default_policy(["stripe", "email"])
DEFAULT = CedarPolicy(TEXTS, SHIPPED, DEFAULT_ROLES)

MANAGER = ("support_manager",)
FINANCE = ("finance",)
TWO = ("support_manager", "finance")


def ask(
    of: Action,
    amount: Money | None = None,
    history: tuple[int, int] = (0, 0),
    assurance: Assurance = Assurance.VERIFIED,
    **facts: FactValue,
) -> PolicyQuestion:
    """A question with calm facts; `history` is count and sum of 30 days."""
    calm: dict[FactType, FactValue] = {
        "long": 100,
        "bool": False,
        "string": "",
        "decimal": amount or Money(0, "USD"),
    }
    return PolicyQuestion(
        tenant="acme",
        action=of,
        subject=Subject(id="cus_1", assurance=assurance),
        resolved=Resolved(
            args={},
            object_kind="thing",
            object_id="id_1",
            owner="cus_1",
            owner_proof="thing.customer",
            account="acct_1",
            payee="them",
            amount=amount,
            facts={name: calm[fact.type] for name, fact in of.declared.items()} | facts,
        ),
        history=History(count_30d=history[0], amount_30d_minor=history[1]),
        planner="playbook:refund",
        at=NOON,
    )


def refund(amount_minor: int, currency: str = "USD", **facts: FactValue) -> PolicyQuestion:
    return with_facts(ask(REFUND, Money(amount_minor, currency)), **facts)


def credit(amount_minor: int, currency: str = "USD") -> PolicyQuestion:
    return ask(CREDIT, Money(amount_minor, currency))


def lately(asked: PolicyQuestion, count: int, amount_minor: int) -> PolicyQuestion:
    return replace(asked, history=History(count_30d=count, amount_30d_minor=amount_minor))


@pytest.mark.promise("agent:not-asked-for")
@pytest.mark.parametrize(
    "asked", [refund(1), credit(1), ask(CANCEL_SUBSCRIPTION), ask(APOLOGY, links=0)]
)
def test_what_a_model_planned_is_a_persons_until_the_policy_says_otherwise(
    asked: PolicyQuestion,
) -> None:
    """For every action; and a text of its own even where its plans go on by themselves."""
    assert DEFAULT.judge(asked).outcome is Outcome.ALLOW
    by_model = replace(asked, planner="model:openai:gpt-5")
    assert DEFAULT.judge(by_model).outcome is Outcome.ASK
    rule = "when { context.plannedByModel && context.approvals < 1 };"
    opted = (
        f'{rule[:-1]} unless {{ resource is Object && context.planner == "{by_model.planner}" }};'
    )
    texts = {name: text.replace(rule, opted, 1) for name, text in TEXTS.items()}
    wider = CedarPolicy(texts, SHIPPED, DEFAULT_ROLES).judge(by_model)
    assert wider.outcome is (Outcome.ASK if asked.action is APOLOGY else Outcome.ALLOW)


@pytest.mark.promise("policy:default")
@pytest.mark.parametrize(
    ("asked", "roles", "rule"),
    [
        (refund(1), (), "refund-small"),
        (refund(50_00), (), "refund-small"),
        (refund(50_00, "EUR"), (), "refund-small"),
        (refund(50_00, "GBP"), (), "refund-small"),
        (refund(50_01), MANAGER, "refund-manager"),
        (refund(18_50, tenure_days=90), MANAGER, "refund-manager"),
        (refund(18_50, tenure_days=91), (), "refund-small"),
        (lately(refund(18_50), 2, 99_99), (), "refund-small"),
        (lately(refund(18_50), 3, 3_00), MANAGER, "refund-manager"),
        (lately(refund(18_50), 1, 100_00), MANAGER, "refund-manager"),
        (refund(500_00), MANAGER, "refund-manager"),
        (refund(500_01), TWO, "refund-two"),
        (refund(1_000_000_00), TWO, "refund-two"),
        (refund(100, "JPY"), TWO, "refund-two"),
        (refund(1_00, "CHF"), TWO, "refund-two"),
        (refund(18_50, charge_age_days=180), (), "refund-small"),
        (refund(18_50, charge_age_days=181), FINANCE, "refund-small"),
        (refund(60_00, charge_age_days=181), TWO, "refund-manager"),
        (refund(18_50, reason="fraudulent"), FINANCE, "refund-small"),
        (refund(18_50, reason="duplicate"), (), "refund-small"),
        (credit(20_00), (), "credit-small"),
        (credit(20_01), MANAGER, "credit-manager"),
        (lately(credit(5_00), 3, 15_00), MANAGER, "credit-manager"),
        (lately(credit(5_00), 2, 40_00), MANAGER, "credit-manager"),
        (credit(200_00), MANAGER, "credit-manager"),
        (credit(200_01), TWO, "credit-two"),
        (credit(5_00, "SEK"), TWO, "credit-two"),
        (ask(CANCEL_SUBSCRIPTION), (), "cancel-at-period-end"),
        (ask(CANCEL_SUBSCRIPTION, at_once=True), MANAGER, "cancel-now-manager"),
        (ask(APOLOGY, links=0), (), "apology-auto"),
        (ask(APOLOGY, links=0, history=(2, 0)), (), "apology-auto"),
        (ask(APOLOGY, links=0, history=(3, 0)), MANAGER, "message-manager"),
        (ask(APOLOGY, links=1), MANAGER, "message-manager"),
        (ask(APOLOGY, links=0, assurance=Assurance.UNVERIFIED), MANAGER, "message-manager"),
        (ask(SEND, links=0), MANAGER, "message-manager"),
    ],
)
def test_the_default_limits(asked: PolicyQuestion, roles: tuple[str, ...], rule: str) -> None:
    """Both sides of every limit, and who is asked beyond it."""
    judgement = DEFAULT.judge(asked)
    assert judgement.outcome is (Outcome.ASK if roles else Outcome.ALLOW)
    assert judgement.roles == roles
    assert rule in judgement.rules
    assert judgement.errors == ()


@pytest.mark.promise("policy:default")
def test_the_default_policy_fits_the_shipped_actions_alone() -> None:
    """A workspace with Stripe and nothing else starts with it."""
    texts = read_default_policy(["stripe"])
    assert list(texts) == ["default.cedar", "stripe.cedar"]
    alone = CedarPolicy(texts, STRIPE, DEFAULT_ROLES)
    assert alone.judge(refund(18_50)).outcome is Outcome.ALLOW


@pytest.mark.promise("policy:no-rule-no")
def test_an_action_that_the_default_policy_does_not_know_is_denied() -> None:
    """A new connector moves no money before somebody wrote a rule for it."""
    new = action("bank.transfer", Effect.MONEY_OUT, {})
    wide = CedarPolicy(TEXTS, (*SHIPPED, new), DEFAULT_ROLES)
    assert wide.judge(ask(new, Money(1, "USD"))).outcome is Outcome.DENY


AMOUNTS = st.one_of(
    st.integers(1, 10**14),
    st.sampled_from([20_00, 20_01, 50_00, 50_01, 200_00, 200_01, 500_00, 500_01]),
)


@st.composite
def questions(draw: st.DrawFn) -> PolicyQuestion:
    """Money questions around every limit of the default policy."""
    of = draw(st.sampled_from([REFUND, CREDIT]))
    currency = draw(st.sampled_from(["USD", "EUR", "GBP", "JPY", "KWD"]))
    amount = Money(draw(AMOUNTS), currency)
    history = (draw(st.integers(0, 4)), draw(st.sampled_from([0, 39_99, 40_00, 99_99, 100_00])))
    asked = ask(of, amount, history, draw(st.sampled_from(list(Assurance))))
    facts: dict[str, FactValue] = {
        "tenure_days": draw(st.sampled_from([0, 90, 91, 4000])),
        "charge_age_days": draw(st.sampled_from([0, 180, 181])),
        "reason": draw(st.sampled_from(["", "duplicate", "fraudulent"])),
    }
    known = {name: value for name, value in facts.items() if name in of.facts}
    return with_facts(asked, **known)


APPROVERS = st.lists(
    st.builds(
        Approver,
        person=st.sampled_from(["ann", "bob", "cleo", "dan"]),
        roles=st.frozensets(st.sampled_from([*DEFAULT_ROLES, "intern"])),
    ),
    max_size=4,
)


def strictness(judgement: Judgement) -> int:
    """People needed; more than anybody can bring for a deny."""
    return 99 if judgement.outcome is Outcome.DENY else len(judgement.roles)


def with_amount(asked: PolicyQuestion, amount_minor: int) -> PolicyQuestion:
    assert asked.resolved.amount is not None
    amount = Money(amount_minor, asked.resolved.amount.currency)
    return replace(asked, resolved=replace(asked.resolved, amount=amount))


@pytest.mark.promise("policy:monotone")
@settings(deadline=None)
@given(asked=questions(), amount_minor=AMOUNTS, approvers=APPROVERS)
def test_raising_the_amount_never_makes_a_decision_laxer(
    asked: PolicyQuestion, amount_minor: int, approvers: Sequence[Approver]
) -> None:
    """Neither for the people that are needed nor for those who said yes."""
    assert asked.resolved.amount is not None
    low, high = sorted((asked.resolved.amount.amount_minor, amount_minor))
    less, more = with_amount(asked, low), with_amount(asked, high)
    assert strictness(DEFAULT.judge(more)) >= strictness(DEFAULT.judge(less))
    if DEFAULT.permits(more, approvers).outcome is Outcome.ALLOW:
        assert DEFAULT.permits(less, approvers).outcome is Outcome.ALLOW


@pytest.mark.promise("policy:monotone")
@settings(deadline=None)
@given(asked=questions(), approvers=APPROVERS, more=APPROVERS)
def test_another_yes_never_turns_an_allow_into_a_deny(
    asked: PolicyQuestion, approvers: Sequence[Approver], more: Sequence[Approver]
) -> None:
    """Nobody can spoil a decision by agreeing with it."""
    if DEFAULT.permits(asked, approvers).outcome is Outcome.ALLOW:
        assert DEFAULT.permits(asked, [*approvers, *more]).outcome is Outcome.ALLOW


@settings(deadline=None)
@given(asked=questions())
def test_what_is_asked_for_is_enough_and_nothing_less_is(asked: PolicyQuestion) -> None:
    """The hypothetical and the real question are one question."""
    judgement = DEFAULT.judge(asked)
    needed = people(*judgement.roles)
    permitted = DEFAULT.permits(asked, needed).outcome is Outcome.ALLOW
    assert permitted == (judgement.outcome is not Outcome.DENY)
    for missing in range(len(needed)):
        fewer = [one for place, one in enumerate(needed) if place != missing]
        assert DEFAULT.permits(asked, fewer).outcome is Outcome.DENY


@pytest.mark.promise("policy:people")
@settings(deadline=None)
@given(asked=questions(), approvers=APPROVERS)
def test_the_order_and_the_repetition_of_approvals_mean_nothing(
    asked: PolicyQuestion, approvers: Sequence[Approver]
) -> None:
    """Clicks come in any order, and twice."""
    once = DEFAULT.permits(asked, approvers)
    assert DEFAULT.permits(asked, [*reversed(approvers), *approvers]) == once


@settings(deadline=None)
@given(asked=questions(), role=st.sampled_from([(), MANAGER, FINANCE]))
def test_the_compiled_rules_answer_as_the_text_does(
    asked: PolicyQuestion, role: tuple[str, ...]
) -> None:
    """Rules are renamed before they are compiled; the text goes to Cedar as it stands here."""
    if asked.subject.assurance is Assurance.UNVERIFIED:
        return
    form = whole_form(asked.action)
    request = form.build(asked)
    context = {**request.context, "approvals": len(role), "approvedBy": list(role)}
    plain = cedarpy.is_authorized(  # pyright: ignore[reportUnknownMemberType]
        {**request.parts, "context": context},
        "\n".join(TEXTS.values()),
        form.entities(request),
    )
    ours = DEFAULT.permits(asked, [person(name, name) for name in role])
    assert plain.allowed == (ours.outcome is Outcome.ALLOW)
    assert len(plain.diagnostics.reasons) == len(ours.rules)


@settings(deadline=None, max_examples=25)
@given(asked=questions())
def test_explaining_agrees_with_judging(asked: PolicyQuestion) -> None:
    """The first hypothetical that passes is the requirement."""
    judgement = DEFAULT.judge(asked)
    passing = [answer.roles for answer in DEFAULT.explain(asked) if answer.outcome is Outcome.ALLOW]
    assert (passing[0] if passing else None) == (
        None if judgement.outcome is Outcome.DENY else judgement.roles
    )
