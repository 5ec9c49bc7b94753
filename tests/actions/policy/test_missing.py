"""Facts that cannot be read: denied, or asked about, and never looser than with any value."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from policy_cases import NOON, question, rule
from support.campaign import trials

from bench.random_policies import GREET, PLANS, REFUND, ROLES, Policies, Questions
from sayso.actions.model.definition import Fact, FactValue
from sayso.actions.policy.base import Outcome, PolicyQuestion
from sayso.actions.policy.cedar import CedarPolicy
from sayso.errors import ConfigError
from sayso.money import Money

TEXT = """
@id("small") @explain("Up to 50")
permit (principal, action == Action::"shop.refund", resource)
when { context.amount.lessThanOrEqual(decimal("50.00")) };
@id("pro") @explain("Up to 500 on the pro plan")
permit (principal, action == Action::"shop.refund", resource)
when { context.plan == "pro" && context.amount.lessThanOrEqual(decimal("500.00")) };
@id("trial") @explain("On a trial finance is asked")
forbid (principal, action == Action::"shop.refund", resource)
when { context.plan == "trial" }
unless { context.approvedBy.contains("finance") };
@id("any") @explain("Anything once two agreed")
permit (principal, action == Action::"shop.refund", resource)
when { context.approvals >= 2 };
"""
FACTS: dict[str, FactValue] = {
    "tenure_days": 400,
    "charge_age_days": 3,
    "full": True,
    "vip": False,
    "plan": "pro",
    "reason": "",
    "charge_amount": Money(9000, "USD"),
}


def asked(minor: int, **facts: FactValue | None) -> PolicyQuestion:
    """A refund in dollars; a fact that is None could not be read."""
    known = {name: value for name, value in {**FACTS, **facts}.items() if value is not None}
    return question(Money(minor, "USD"), of=REFUND, facts=known)


def of(text: str = TEXT, asks: tuple[str, ...] = ()) -> CedarPolicy:
    """The policy over the two shops' actions."""
    return CedarPolicy({"p": text}, [REFUND, GREET], ROLES, missing_asks={REFUND.name: asks})


@pytest.mark.promise("policy:missing")
def test_a_fact_that_asks_takes_its_permits_away_and_meets_its_forbids() -> None:
    """Whoever may lift the rule about it is asked, and the card says what could not be read."""
    judged = of().judge(asked(4000, plan=None))
    assert (judged.outcome, judged.roles) == (Outcome.ASK, ("finance",))
    assert judged.missing == ("plan",)
    assert judged.explain.endswith("plan: could not be read")
    more = of().judge(asked(40_000, plan=None))
    assert more.roles == ("support_manager", "finance")
    assert of().judge(asked(4000)).outcome is Outcome.ALLOW


@pytest.mark.promise("policy:missing")
def test_a_fact_denies_unless_it_says_otherwise_and_a_policy_may_say_so() -> None:
    """`tenure_days` says nothing; a table's `missing` makes it ask."""
    text = TEXT + rule("context.tenure_days > 900", name="old", effect="forbid")
    denied = of(text).judge(asked(4000, tenure_days=None))
    assert denied.outcome is Outcome.DENY
    assert "`tenure_days` is missing" in denied.errors[0]
    told = of(text, ("tenure_days",)).judge(asked(4000, tenure_days=None))
    assert (told.outcome, told.rules) == (Outcome.DENY, ("old",))  # nobody may lift that one
    lenient = of(TEXT, ("tenure_days",)).judge(asked(4000, tenure_days=None))
    assert lenient.outcome is Outcome.ALLOW  # no rule reads it


@pytest.mark.campaign
@pytest.mark.promise("policy:missing")
def test_it_is_never_looser_than_with_any_value() -> None:
    """Random policies: what passes without the fact passes with each value that it could have."""
    dice = random.Random(5)
    passed = 0
    for _ in range(trials(15)):
        mine = of(Policies(dice).text(8)).slice(REFUND.name)
        assert mine is not None
        for missing in (("plan",), ("vip",), ("plan", "vip")):
            lacking = mine.lacking(missing)
            for _ in range(10):
                values = Questions(dice).values()
                for people in mine.hypotheticals[:6]:
                    roles = frozenset(people)
                    if not lacking.ask(values, len(people), roles).allowed:
                        continue
                    passed += 1
                    for plan, vip in itertools.product(PLANS, (True, False)):
                        other = {
                            **values,
                            **({"plan": plan} if "plan" in missing else {}),
                            **({"vip": vip} if "vip" in missing else {}),
                        }
                        assert mine.ask(other, len(people), roles).allowed
    assert passed > 10


@pytest.mark.promise("policy:missing")
def test_a_word_that_is_none_of_the_facts_own_is_not_known() -> None:
    """In a rule it is refused when it loads; from a provider it counts as not read."""
    with pytest.raises(ConfigError, match=r"`plan` is never `prro`; did you mean `pro`"):
        of(TEXT.replace('"pro"', '"prro"'))
    judged = of().judge(asked(4000, plan="enterprise"))
    assert judged.missing == ("plan",)
    with pytest.raises(ConfigError, match="has no words"):
        Fact(type="long", words=("a",))


@pytest.mark.promise("policy:missing")
def test_a_fact_on_demand_is_missing_only_where_a_rule_reads_it() -> None:
    """It is not read for rules that do not look at it."""
    lazy = replace(REFUND, facts={**REFUND.facts, "plan": Fact(type="string", on_demand=True)})
    reads = CedarPolicy({"p": TEXT}, [lazy], ROLES)
    reads_not = CedarPolicy({"p": rule("true")}, [lazy], ROLES)
    assert reads.wanted_facts(lazy.name) == {"plan"}
    assert reads_not.wanted_facts(lazy.name) == frozenset()
    without = replace(asked(4000, plan=None), action=lazy, at=NOON)
    assert reads.judge(without).outcome is Outcome.DENY
    assert reads_not.judge(without).outcome is Outcome.ALLOW
