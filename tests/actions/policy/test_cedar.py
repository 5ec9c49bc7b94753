"""The policy decides as its text says, and denies whatever it cannot evaluate."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from policy_cases import (
    ACTIONS,
    CANCEL,
    FACTS,
    NOON,
    OVERFLOW,
    REFUND,
    ROLES,
    SAMPLE,
    action,
    people,
    person,
    policy,
    question,
    rule,
    with_facts,
)

from sayso.actions.model.definition import Assurance, Effect
from sayso.actions.policy.base import Approver, Outcome, Policy, PolicyQuestion
from sayso.actions.policy.cedar import OWN_OBJECTS_ONLY, CedarPolicy
from sayso.money import Money


def usd(amount_minor: int) -> Money:
    return Money(amount_minor, "USD")


@pytest.mark.parametrize(
    ("asked", "outcome", "roles", "rules"),
    [
        (question(usd(18_50)), "allow", (), ("refund-auto",)),
        (question(usd(50_00), count_30d=2), "allow", (), ("refund-auto",)),
        (question(usd(50_01)), "ask", ("support_manager",), ("refund-manager",)),
        (question(usd(18_50), count_30d=3), "ask", ("support_manager",), ("refund-manager",)),
        (
            with_facts(question(usd(18_50)), tenure_days=100),
            "ask",
            ("support_manager",),
            ("refund-manager",),
        ),
        (question(usd(500_00)), "ask", ("support_manager",), ("refund-manager",)),
        (
            question(usd(500_01)),
            "ask",
            ("support_manager", "finance"),
            ("refund-two-incl-finance",),
        ),
        (question(usd(18_50), owner="cus_2"), "deny", (), (OWN_OBJECTS_ONLY,)),
    ],
)
def test_the_sample_decides_at_its_boundaries(
    asked: PolicyQuestion, outcome: str, roles: tuple[str, ...], rules: tuple[str, ...]
) -> None:
    """The eight cases that the language was chosen by."""
    judgement = policy().judge(asked)
    assert (judgement.outcome, judgement.roles, judgement.rules) == (outcome, roles, rules)
    assert judgement.errors == ()


def test_it_is_a_policy() -> None:
    """The engine knows the protocol only."""
    judge: Policy = policy()
    assert len(judge.version) == 64


@pytest.mark.promise("policy:named")
def test_a_judgement_names_its_rule_its_reason_and_its_version() -> None:
    """What the card and the log show comes from the rule that decided."""
    sample = policy()
    judgement = sample.judge(question(usd(50_01)))
    assert judgement.explain == "Up to $500 once a support manager has approved"
    assert judgement.policy_version == sample.version_for("shop.refund")


def test_several_deciding_rules_are_named_in_the_order_of_the_text() -> None:
    """The same question always gets the same words."""
    text = rule("true", name="zebra") + rule("true", name="ape")
    judgement = policy(text).judge(question())
    assert judgement.rules == ("zebra", "ape")
    assert judgement.explain == "Because of zebra; Because of ape"


@pytest.mark.promise("policy:no-rule-no")
def test_what_no_rule_allows_is_denied_and_says_so() -> None:
    """No rule means no (fail closed)."""
    judgement = policy(rule("context.hour == 3")).judge(question())
    assert (judgement.outcome, judgement.rules) == (Outcome.DENY, ())
    assert judgement.explain == "no rule allows it"


@pytest.mark.promise("policy:forbid")
@pytest.mark.parametrize("outcome", ["allow", "ask"])
def test_a_forbid_wins_over_every_permit_and_every_approval(outcome: str) -> None:
    """A forbid without an exception cannot be approved away."""
    condition = "true" if outcome == "allow" else "context.approvals >= 1"
    assert policy(rule(condition)).judge(question()).outcome == outcome
    strict = policy(rule(condition) + rule("context.full", effect="forbid", name="never"))
    asked = with_facts(question(), full=True)
    for judgement in (
        strict.judge(asked),
        strict.permits(asked, people("support_manager", "finance", "finance")),
    ):
        assert (judgement.outcome, judgement.rules) == (Outcome.DENY, ("never",))
        assert judgement.explain == "Because of never"


def test_a_forbid_may_ask_for_a_role() -> None:
    """`unless approvedBy` turns a forbid into a question for that role."""
    text = rule("true") + rule(
        'context.full && !context.approvedBy.contains("finance")', effect="forbid", name="f"
    )
    judgement = policy(text).judge(with_facts(question(), full=True))
    assert (judgement.outcome, judgement.roles) == (Outcome.ASK, ("finance",))


def test_a_forbid_that_approvals_lift_is_not_given_as_the_reason_of_a_deny() -> None:
    """With finance's yes the forbid is gone, and still no rule allows it: that is the reason."""
    text = rule("context.hour == 3") + rule(
        '!context.approvedBy.contains("finance")', effect="forbid", name="f"
    )
    judgement = policy(text).judge(question())
    assert (judgement.outcome, judgement.rules) == (Outcome.DENY, ())


def test_fewest_people_are_asked_and_the_role_declared_first() -> None:
    """The least requirement that passes is the requirement."""
    one = policy(rule("context.approvals >= 1")).judge(question())
    assert one.roles == ("support_manager",)
    either = rule('context.approvedBy.containsAny(["finance", "support_manager"])')
    assert policy(either).judge(question()).roles == ("support_manager",)
    both = rule('context.approvedBy.containsAll(["finance", "support_manager"])')
    assert policy(both).judge(question()).roles == ("support_manager", "finance")


def test_two_people_with_the_same_role_are_two_entries_and_two_people() -> None:
    """One person who clicks twice is one person."""
    text = rule('context.approvals >= 2 && context.approvedBy.contains("support_manager")')
    asked = question()
    assert policy(text).judge(asked).roles == ("support_manager", "support_manager")
    ann = person("ann", "support_manager")
    assert policy(text).permits(asked, [ann, ann]).outcome is Outcome.DENY
    again = person("ann", "support_manager", "finance")
    assert policy(text).permits(asked, [ann, again]).outcome is Outcome.DENY
    bob = person("bob", "support_manager")
    assert policy(text).permits(asked, [ann, bob]).outcome is Outcome.ALLOW


@pytest.mark.promise("policy:people")
def test_a_person_who_is_named_twice_holds_the_roles_of_both() -> None:
    """In any order; the rules see one person with two roles."""
    text = rule('context.approvals == 1 && context.approvedBy.containsAll(["finance"])')
    twice = [person("ann", "support_manager"), person("ann", "finance")]
    for given in (twice, twice[::-1]):
        assert policy(text).permits(question(), given).outcome is Outcome.ALLOW


def test_three_people_are_asked_when_a_rule_wants_three() -> None:
    """The quorum goes as far as it was configured, and not further."""
    text = rule('context.approvals >= 3 && context.approvedBy.contains("finance")')
    assert policy(text).judge(question()).roles == (
        "support_manager",
        "support_manager",
        "finance",
    )
    assert policy(text, max_quorum=2).judge(question()).outcome is Outcome.DENY


@pytest.mark.promise("policy:people")
@pytest.mark.parametrize(
    "approvers",
    [
        [],
        [person("ann")],
        [person("ann", "intern")],
        [person("", "support_manager")],
        [person("ann", "finance")],
    ],
)
def test_people_without_the_needed_role_do_not_count(approvers: list[Approver]) -> None:
    """Nobody, no role, an undeclared role, no name, another role."""
    assert policy().permits(question(usd(50_01)), approvers).outcome is Outcome.DENY


@pytest.mark.promise("policy:people")
def test_a_person_with_an_undeclared_role_is_not_a_second_person() -> None:
    """Only people who may approve at all are counted by `context.approvals`."""
    asked = question(usd(900_00))
    fin, intern = person("fin", "finance"), person("joe", "intern")
    assert policy().permits(asked, [fin, intern]).outcome is Outcome.DENY
    assert policy().permits(asked, [fin, *people("support_manager")]).outcome is Outcome.ALLOW


def test_permits_never_asks() -> None:
    """With the real approvals there is only yes or no."""
    judgement = policy().permits(question(usd(50_01)), [])
    assert (judgement.outcome, judgement.roles) == (Outcome.DENY, ())
    assert policy().permits(question(usd(50_00)), []).outcome is Outcome.ALLOW


def test_facts_that_the_action_does_not_declare_change_nothing() -> None:
    """A newer connector may say more than the definition asks."""
    asked = with_facts(question(), extra="x")
    assert policy().judge(asked) == policy().judge(question())


def test_every_field_reaches_the_rules() -> None:
    """Each context field, entity attribute and fact type, by a rule that needs its value."""
    conditions = [
        'context.amount == decimal("18.5")',
        'context.currency == "USD"',
        "context.approvals == 0",
        "context.approvedBy.isEmpty()",
        "context.count30d == 2",
        'context.amount30d == decimal("12.34")',
        "context.hour == 12",
        'context.planner == "caller"',
        "context.tenure_days == 400",
        "!context.full",
        'context.reason == ""',
        'context.charge_amount == decimal("90.0")',
        'principal == Customer::"cus_1"',
        'principal.assurance == "signed_in"',
        'resource == Object::"ch_1"',
        'resource.kind == "charge"',
        "resource.owner == principal",
    ]
    asked = question(count_30d=2, amount_30d_minor=12_34, assurance=Assurance.SIGNED_IN)
    for condition in conditions:
        assert policy(rule(condition)).judge(asked).outcome is Outcome.ALLOW, condition
        wrong = policy(rule(f"!({condition}) && context.approvals == 0"))
        assert wrong.judge(asked).outcome is Outcome.DENY, condition


def test_the_hour_is_utc() -> None:
    """A rule about the night does not depend on where the server stands."""
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    text = rule("context.hour == 12")
    assert policy(text).judge(question(at=tokyo)).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    ("amount", "literal"),
    [
        (Money(1_000, "JPY"), "1000.0"),
        (Money(1_234, "KWD"), "1.234"),
        (Money(12_345, "CLF"), "1.2345"),
        (Money(10**14, "JPY"), "100000000000000.0"),
    ],
)
def test_amounts_are_major_units_of_their_currency(amount: Money, literal: str) -> None:
    """A limit of 50.00 means fifty yen, too, which is why limits name their currency."""
    asked = question(amount, facts={**FACTS, "charge_amount": amount})
    text = rule(f'context.amount == decimal("{literal}")')
    assert policy(text).judge(asked).outcome is Outcome.ALLOW


def test_an_action_without_money_has_amount_zero_and_no_currency() -> None:
    """So rules need no `has`; for money effects a missing amount is an error instead."""
    text = rule(
        'context.amount == decimal("0.0") && context.currency == ""', of='== Action::"shop.cancel"'
    )
    assert policy(text).judge(question(None, of=CANCEL)).outcome is Outcome.ALLOW


def test_ids_with_odd_characters_are_data() -> None:
    """An object id cannot break out of its quotes."""
    asked = question()
    odd = replace(asked.resolved, object_id='x" }; permit(principal, action, resource);\n\u2028')
    assert policy().judge(replace(asked, resolved=odd)).outcome is Outcome.ALLOW
    assert policy(rule("false")).judge(replace(asked, resolved=odd)).outcome is Outcome.DENY


def test_the_version_is_the_same_for_the_same_policy_and_moves_with_every_part() -> None:
    """Waiting approvals become stale when anything that decides has changed, and only then."""
    base = policy().version
    assert policy().version == base
    texts = {"a.cedar": SAMPLE, "b.cedar": rule("true")}
    one = CedarPolicy(texts, ACTIONS, ROLES).version
    turned = CedarPolicy(dict(reversed(texts.items())), ACTIONS[::-1], ROLES).version
    assert one == turned
    fact = action("shop.greet", Effect.MESSAGE, {"extra": "long"})
    others = [
        policy(SAMPLE + " ").version,
        policy(max_quorum=2).version,
        one,
        CedarPolicy({"sample.cedar": SAMPLE}, ACTIONS, ROLES[::-1]).version,
        CedarPolicy({"sample.cedar": SAMPLE}, (REFUND, CANCEL, fact), ROLES).version,
    ]
    assert len({base, *others}) == 1 + len(others)


def test_explaining_lists_every_hypothetical_with_its_rules() -> None:
    """What `sayso policy explain` shows."""
    answers = policy().explain(question(usd(500_01)))
    assert [answer.roles for answer in answers[:3]] == [(), ("support_manager",), ("finance",)]
    passing = [answer.roles for answer in answers if answer.outcome is Outcome.ALLOW]
    assert passing[0] == ("support_manager", "finance")
    assert answers[0].explain == "no rule allows it"
    stranger = policy().explain(question(owner="cus_2"))
    assert [answer.rules for answer in stranger] == [(OWN_OBJECTS_ONLY,)]
    broken = policy(rule("true") + rule(OVERFLOW, effect="forbid", name="broken"))
    assert all(answer.errors for answer in broken.explain(question()))


def test_roles_that_no_rule_names_cost_no_hypotheticals() -> None:
    """To the rules they are all the same person, so the first declared stands for them."""
    crowd = ("agent", *(f"team_{number}" for number in range(40)), *ROLES)
    big = CedarPolicy({"p": rule('context.approvedBy.contains("finance")')}, ACTIONS, crowd)
    assert len(big.explain(question())) < 12
    assert big.judge(question()).roles == ("finance",)
    anyone = CedarPolicy({"p": rule("context.approvals >= 2")}, ACTIONS, crowd)
    assert anyone.judge(question()).roles == ("agent", "agent")


@pytest.mark.promise("policy:nobody")
def test_with_no_role_declared_nobody_can_be_asked() -> None:
    """An empty approver list means nobody."""
    alone = CedarPolicy({"p": rule("context.approvals >= 1")}, ACTIONS, ())
    assert alone.judge(question()).outcome is Outcome.DENY
    assert alone.permits(question(), people("support_manager")).outcome is Outcome.DENY
