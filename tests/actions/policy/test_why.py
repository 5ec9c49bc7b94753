"""Why it came to people: the one fact without which nobody, or fewer, would have been asked."""

from __future__ import annotations

import pytest
from policy_cases import SAMPLE, policy, question, with_facts

from sayso.actions.policy.base import Judgement, Outcome, PolicyQuestion
from sayso.actions.policy.why import MOST_TRIES, Why, needed_sentence, why_asked
from sayso.money import Money

pytestmark = pytest.mark.promise("card:why")


def why(minor: int, *, tenure: int = 1000, count: int = 0, rules: str = SAMPLE) -> Why:
    """Why a refund of so much is asked about."""
    asking = policy(rules)
    asked = with_facts(question(Money(minor, "USD"), count_30d=count), tenure_days=tenure)
    judgement = asking.judge(asked)
    assert judgement.outcome is Outcome.ASK
    tried: list[Judgement] = []

    def judge(other: PolicyQuestion) -> Judgement:
        found = asking.judge(other)
        tried.append(found)
        return found

    told = why_asked(asked, judgement, asking.numbers_for("shop.refund"), judge)
    assert len(tried) <= MOST_TRIES
    return told


def test_an_amount_above_what_is_automatic_says_so() -> None:
    """Why it was escalated, in words that a manager knows."""
    told = why(12_900)
    assert told == Why(reason="Above the automatic $50", needed="It needs one support manager.")


def test_an_amount_that_asks_two_people_names_the_amount_that_asks_one() -> None:
    """Above it more than one has to agree."""
    told = why(60_000)
    assert told.reason == "Above $500: more than one person must agree"
    assert told.needed == "It needs two people: support manager and finance."


def test_a_young_customer_is_told_from_when_it_is_automatic() -> None:
    """The nearest number of days that would do, not any that would."""
    assert why(2500, tenure=41).reason == "Customer for 41 days; automatic from 366"


def test_many_before_say_how_many() -> None:
    """The amount and the customer are fine, and the history is not."""
    assert why(2500, count=4).reason == "4 like it in 30 days already"


def test_too_much_and_too_often_says_both() -> None:
    """Neither the amount alone nor the history alone would have kept it from people."""
    told = why(12_900, count=4)
    assert told.reason == "Above the automatic $50, and not the first in 30 days"


def test_a_rule_that_always_asks_says_that_it_always_asks() -> None:
    """Nothing about this one is special."""
    rules = (
        '@id("always") @explain("a person decides") permit (principal, '
        'action == Action::"shop.refund", resource) when { context.approvals >= 1 };'
    )
    assert why(100, rules=rules).reason == "The policy always asks a person here"


def test_numbers_in_comments_and_explanations_are_no_rules() -> None:
    """Only what is compared with is a threshold."""
    asking = policy("// up to 77\n" + SAMPLE.replace("Small refund", "Small refund of 88"))
    assert [str(number) for number in asking.numbers_for("shop.refund")] == [
        "2",
        "3",
        "50.00",
        "365",
        "500.00",
    ]


@pytest.mark.parametrize(
    ("roles", "sentence"),
    [
        ([], "It needs nobody."),
        (["finance"], "It needs one finance."),
        (["support_manager", "support_manager"], "It needs two people: each a support manager."),
        (["support_manager", "finance"], "It needs two people: support manager and finance."),
    ],
)
def test_who_has_to_agree_is_a_sentence(roles: list[str], sentence: str) -> None:
    """One entry per distinct person."""
    assert needed_sentence(roles) == sentence
