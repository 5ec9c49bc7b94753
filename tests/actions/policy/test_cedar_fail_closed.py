"""Guards that no text lifts, and everything that cannot be evaluated: always a deny."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import cedarpy
import pytest
from policy_cases import (
    ACTIONS,
    CANCEL,
    FACTS,
    GREET,
    OVERFLOW,
    REFUND,
    ROLES,
    action,
    people,
    policy,
    question,
    rule,
    whole_form,
    with_facts,
)

from sayso.actions.model.definition import Assurance, Effect, FactValue
from sayso.actions.policy.base import VERIFIED_ONLY, Outcome, PolicyQuestion
from sayso.actions.policy.cedar import OWN_OBJECTS_ONLY, CedarPolicy
from sayso.actions.policy.cedar_rules import read_rules
from sayso.actions.policy.cedar_schema import schema_text
from sayso.actions.policy.cedarpy_adapter import (
    compile_rules,
    evaluate,
    parse_schema,
)
from sayso.json import JsonValue
from sayso.money import Money


def usd(amount_minor: int) -> Money:
    return Money(amount_minor, "USD")


@pytest.mark.promise("policy:assurance")
@pytest.mark.parametrize("effect", [effect for effect in Effect if effect is not Effect.MESSAGE])
def test_an_unverified_customer_gets_messages_only(effect: Effect) -> None:
    """No text and no approval lifts an unverified customer above a reply."""
    some = action("shop.some", effect, {})
    open_door = CedarPolicy({"p": rule("true", of="")}, [some], ROLES)
    asked = question(of=some, assurance=Assurance.UNVERIFIED)
    for judgement in (open_door.judge(asked), open_door.permits(asked, people(*ROLES))):
        assert (judgement.outcome, judgement.rules) == (Outcome.DENY, (VERIFIED_ONLY,))
    verified = replace(asked, subject=replace(asked.subject, assurance=Assurance.VERIFIED))
    assert open_door.judge(verified).outcome is Outcome.ALLOW


def test_an_unverified_customer_may_get_a_message() -> None:
    """The text decides about messages."""
    asked = question(None, of=GREET, assurance=Assurance.UNVERIFIED)
    assert policy().judge(asked).outcome is Outcome.ALLOW


@pytest.mark.promise("policy:error-denies")
def test_an_engine_that_breaks_denies_and_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Cedar raises is a no with its reason, and no answer to remember."""

    def breaks(*_: object) -> None:
        raise MemoryError("no room")

    open_door, asked = policy(rule("true", of="")), question(usd(1))
    with monkeypatch.context() as broken:
        broken.setattr(cedarpy, "is_authorized", breaks)
        for judgement in (open_door.judge(asked), open_door.permits(asked, people(*ROLES))):
            assert judgement.outcome is Outcome.DENY
            assert "MemoryError" in judgement.errors[0]
    assert open_door.judge(asked).outcome is Outcome.ALLOW


@pytest.mark.promise("policy:owner")
def test_the_owner_guard_holds_whatever_the_text_says() -> None:
    """An object of somebody else is never touched, approvals or not."""
    open_door = policy(rule("true", of=""))
    for of, amount in ((REFUND, usd(1)), (CANCEL, None), (GREET, None)):
        asked = question(amount, of=of, owner="cus_2")
        for judgement in (open_door.judge(asked), open_door.permits(asked, people(*ROLES))):
            assert (judgement.outcome, judgement.rules) == (Outcome.DENY, (OWN_OBJECTS_ONLY,))


def _changed(**facts: FactValue) -> PolicyQuestion:
    return with_facts(question(), **facts)


def _without(fact: str) -> PolicyQuestion:
    return question(facts={name: value for name, value in FACTS.items() if name != fact})


@pytest.mark.promise("policy:error-denies")
@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (_without("tenure_days"), "fact `tenure_days` is missing"),
        (_without("charge_amount"), "fact `charge_amount` is missing"),
        (_changed(tenure_days="400"), "fact `tenure_days` is no long"),
        (_changed(tenure_days=True), "fact `tenure_days` is no long"),
        (_changed(tenure_days=2**63), "fact `tenure_days` is no long"),
        (_changed(full=1), "fact `full` is no bool"),
        (_changed(reason=usd(1)), "fact `reason` is no string"),
        (_changed(charge_amount=5), "fact `charge_amount` is no decimal"),
        (_changed(charge_amount=Money(1, "EUR")), "fact `charge_amount` is in EUR"),
        (_changed(reason="\ud800"), "could not be read"),
        (question(None), "holds no amount"),
        (question(usd(0)), "holds no amount"),
        (question(usd(-1)), "holds no amount"),
        (question(usd(-1), of=CANCEL), "negative amount"),
        (question(count_30d=-1), "history"),
        (question(amount_30d_minor=-1), "history"),
        (question(count_30d=2**63), "larger than a rule can read"),
        (question(amount_30d_minor=10**20), "larger than a rule can read"),
        (question(None, of=CANCEL, amount_30d_minor=5), "no currency"),
        (question(at=datetime(2026, 11, 12, 12)), "no time zone"),  # noqa: DTZ001  (the point)
        (question(of=action("shop.other")), "`shop.other` is not among those"),
    ],
)
def test_whatever_cannot_be_evaluated_is_denied_with_its_reason(
    asked: PolicyQuestion, error: str
) -> None:
    """Fail closed: one bad value is enough, and approvals do not help."""
    open_door = policy(rule("true", of=""))
    for judgement in (open_door.judge(asked), open_door.permits(asked, people(*ROLES))):
        assert judgement.outcome is Outcome.DENY
        assert judgement.rules == ()
        assert any(error in found for found in judgement.errors), judgement.errors
        assert "could not be evaluated" in judgement.explain


@pytest.mark.promise("policy:error-denies")
def test_an_exception_while_reading_the_question_is_a_deny() -> None:
    """A snapshot with a hole in it, as a faulty connector might make one."""

    class Hole:
        def get(self, _: str) -> None:
            raise RuntimeError("boom")

    asked = question()
    holed = replace(asked, resolved=replace(asked.resolved, facts=Hole()))  # type: ignore[arg-type]
    judgement = policy().judge(holed)
    assert judgement.outcome is Outcome.DENY
    assert judgement.errors == ("the question could not be read: RuntimeError",)


@pytest.mark.promise("policy:error-denies")
def test_an_erroring_forbid_does_not_become_an_allow() -> None:
    """Cedar skips a rule that fails and answers Allow; here the error decides."""
    text = rule("true") + rule(OVERFLOW, effect="forbid", name="broken")
    for judgement in (
        policy(text).judge(question()),
        policy(text).permits(question(), people(*ROLES)),
    ):
        assert judgement.outcome is Outcome.DENY
        assert "`broken`" in judgement.errors[0]
        assert "overflow" in judgement.errors[0]


@pytest.mark.promise("policy:error-denies")
def test_a_verdict_with_an_error_is_not_allowed_even_where_cedar_says_allow() -> None:
    """Nobody above can forget to look at the errors."""
    schema = parse_schema(schema_text(ACTIONS))
    text = rule("true") + rule(OVERFLOW, effect="forbid", name="broken")
    rules, problems = read_rules({"p": text}, ACTIONS, ROLES, schema)
    assert problems == []
    form = whole_form(REFUND)
    built = form.build(question())
    nobody: dict[str, JsonValue] = {"approvals": 0, "approvedBy": []}
    verdict = evaluate(
        built.parts | {"context": built.context | nobody},
        compile_rules(rules.nodes),
        form.entities(built),
        form.schema,
    )
    assert verdict.rules == {"r"}  # the permit, so Cedar's own answer was Allow
    assert (verdict.allowed, len(verdict.errors)) == (False, 1)


@pytest.mark.promise("policy:error-denies")
def test_an_erroring_permit_beside_a_good_one_is_a_deny_too() -> None:
    """A policy that half works is a policy nobody has read."""
    text = rule("true") + rule(OVERFLOW, name="broken")
    assert policy(text).judge(question()).outcome is Outcome.DENY


@pytest.mark.promise("policy:error-denies")
def test_an_error_that_only_an_approval_brings_out_is_a_deny() -> None:
    """A hypothetical that cannot be evaluated is not passed over for a later one."""
    text = rule(f"context.approvals == 1 && {OVERFLOW}", effect="forbid", name="broken")
    text += rule("context.approvals >= 2")
    assert policy(text).judge(question()).errors
