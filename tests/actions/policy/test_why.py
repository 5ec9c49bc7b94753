"""Why it came to people: everything that asks, each in a line that a manager knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest
from policy_cases import SAMPLE, policy, question, with_facts

from sayso.actions.policy.base import Around, Outcome
from sayso.actions.policy.card import Card
from sayso.actions.policy.why import flip_of, needed_sentence
from sayso.audit.entry import Json
from sayso.json import JsonValue
from sayso.money import Money

pytestmark = pytest.mark.promise("card:why")


def why(minor: int, *, tenure: int = 1000, count: int = 0, rules: str = SAMPLE) -> list[str]:
    """Why a refund of so much is asked about."""
    asking = policy(rules)
    asked = with_facts(question(Money(minor, "USD"), count_30d=count), tenure_days=tenure)
    judgement = asking.judge(asked)
    assert judgement.outcome is Outcome.ASK
    return [one.say for one in asking.why(asked, judgement, Around()).reasons]


def test_an_amount_above_what_is_automatic_says_so() -> None:
    """Why it was escalated, in words that a manager knows."""
    assert why(12_900) == ["Above the automatic $50"]


def test_an_amount_that_asks_two_people_names_the_amount_that_asks_one() -> None:
    """Above it more than one has to agree."""
    assert why(60_000) == [
        "Above the automatic $50",
        "Above $500: more than one person must agree",
    ]


def test_a_young_customer_is_told_from_when_it_is_automatic() -> None:
    """The nearest number of days that would do, not any that would."""
    assert why(2500, tenure=41) == ["Customer for 41 days; automatic from 366"]


def test_many_before_say_how_many() -> None:
    """The amount and the customer are fine, and the history is not."""
    assert why(2500, count=4) == ["4 like it in 30 days already; automatic up to 2"]


def test_all_that_asks_is_said_and_not_the_first_of_it() -> None:
    """Each alone would have been asked about, so no one of them says why."""
    assert why(12_900, count=4, tenure=41) == [
        "Above the automatic $50",
        "4 like it in 30 days already; automatic up to 2",
        "Customer for 41 days; automatic from 366",
    ]


def test_a_rule_that_always_asks_says_that_it_always_asks() -> None:
    """Nothing about this one is special."""
    rules = (
        '@id("always") @explain("a person decides") permit (principal, '
        'action == Action::"shop.refund", resource) when { context.approvals >= 1 };'
    )
    assert why(100, rules=rules) == [
        "Whatever the amount, the facts and the customer, the rules ask a person about this action"
    ]


def test_a_number_of_a_rule_is_a_bound_of_its_own_fact_alone() -> None:
    """`fewer than 3 in 30 days` is no $3."""
    assert why(12_900, count=1) == ["Above the automatic $50"]


def test_a_rule_that_no_formula_says_gives_its_own_sentence() -> None:
    """What cannot be looked into is named as a whole."""
    odd = (
        '@id("odd") @explain("Odd reasons are read by a person") forbid (principal, '
        'action == Action::"shop.refund", resource) when { context.reason like "odd*" } '
        "unless { context.approvals >= 1 };"
    )
    asking = policy(SAMPLE + odd)
    asked = with_facts(question(Money(2500, "USD")), tenure_days=1000, reason="odd one")
    judgement = asking.judge(asked)
    told = asking.why(asked, judgement, Around())
    assert [one.say for one in told.reasons] == ["Odd reasons are read by a person"]
    assert told.asked[0].by == ("odd",)


def test_what_would_have_to_be_different_is_one_sentence() -> None:
    """Said where a person wants to know, and played through the rules before it is said."""
    asking = policy()
    asked = with_facts(question(Money(12_900, "USD"), count_30d=4), tenure_days=1000)
    told = asking.why(asked, asking.judge(asked), Around())
    assert flip_of(told.reasons) == "At most $50, and at most 2 like it in 30 days."


def test_a_limit_of_another_currency_does_not_say_that_it_is_too_much() -> None:
    """`Never over $1,000` is no sentence about 475 euros: the row names dollars alone."""
    never = (
        '@id("never") @explain("Never over $1,000") forbid (principal, '
        'action == Action::"shop.refund", resource) when { !(context.currency == "USD" && '
        'context.amount.lessThanOrEqual(decimal("1000.00"))) };'
    )
    asking = policy(SAMPLE + never)
    euros = with_facts(question(Money(47_500, "EUR")), charge_amount=Money(47_500, "EUR"))
    refused = asking.judge(euros)
    assert refused.explain == "“Never over $1,000” is about USD, and this is in EUR"
    assert asking.judge(question(Money(120_000, "USD"))).explain == "Never over $1,000"


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


def test_a_card_of_before_is_read_and_hashed_as_it_was() -> None:
    """Its one reason stands in words alone, and what it was bound to does not change."""
    older: dict[str, Json] = {
        "version": 2,
        "title": "Refund $129.00",
        "action": "shop.refund",
        "effect": "money_out",
        "reversible": False,
        "guarantee": "done once",
        "amount": {"amount_minor": 12_900, "currency": "USD"},
        "payee": "the card that paid",
        "account": "acct_1",
        "fields": [],
        "customer": [["id", "cus_1"]],
        "history": "none like it in 30 days",
        "why": "Up to $500 once a support manager has approved",
        "rules": ["refund-manager"],
        "roles": ["support_manager"],
        "quote": "",
        "planner": "caller",
        "on_yes": "it starts",
        "on_no": "nothing moves",
        "deadline": "2026-11-25T20:00:00Z",
        "may_lower": True,
        "reason": "Above the automatic $50",
        "needed": "It needs one support manager.",
        "unusual": [],
        "quiet": 5,
        "earlier": "",
        "salt": "00" * 16,
    }
    card = Card.from_json(cast("Mapping[str, JsonValue]", older))
    assert card.to_json() == older
    assert (card.reason, card.reasons) == ("Above the automatic $50", ())
