"""Why it came to people is true: who does what it says is asked no more."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cache

import pytest
from actions.policy.why_cases import CALENDAR, Setting, Settings, done, is_let_go, unguarded
from support.campaign import trials

from bench.random_policies import GREET, REFUND, ROLES, Policies
from sayso.actions.policy.base import Outcome, PolicyQuestion, Reason, Why
from sayso.actions.policy.cedar import CedarPolicy

pytestmark = [pytest.mark.campaign, pytest.mark.promise("card:why")]

CARDS, POLICIES = trials(600), 44

Asked = tuple[Setting, PolicyQuestion, Why]


def settings() -> Iterator[Setting]:
    """So many random policies, each with random limits and dials."""
    for seed in range(POLICIES):
        dice = random.Random(seed)
        text = Settings(dice).rules() if seed % 4 else Policies(dice).text(5)
        policy = CedarPolicy({"random.cedar": text}, [REFUND, GREET], ROLES, 2, calendar=CALENDAR)
        limits, used = Settings(dice).limits()
        yield Setting(policy=policy, limits=limits, used=used, dials=Settings(dice).dials())


@cache
def cards() -> Sequence[Asked]:
    """Random questions that people are asked about, and why."""
    dice = random.Random(28)
    made = list(settings())
    found: list[Asked] = []
    while len(found) < CARDS:
        setting = dice.choice(made)
        question = Settings(dice).question()
        judgement = setting.judged(question)
        if judgement.outcome is Outcome.ASK:
            found.append((setting, question, setting.why(question, judgement)))
    return found


def after(
    setting: Setting, question: PolicyQuestion, reasons: Sequence[Reason]
) -> tuple[Setting, PolicyQuestion]:
    """What is judged and by what, with everything done that reasons say."""
    for one in reasons:
        match one.asking.kind:
            case "condition":
                question = done(question, one)
            case "limit" | "dial":
                setting = setting.without(one)
            case "guard":
                question = unguarded(question)
            case kind:
                raise AssertionError(kind)
    return setting, question


def alone(why: Why) -> list[Reason]:
    """The reasons for which anybody is asked at all."""
    return [one for one in why.reasons if not one.more]


def changeable() -> list[Asked]:
    """The cards of which something can change so that nobody is asked."""
    return [card for card in cards() if all(one.to for one in alone(card[2]))]


def test_who_does_what_it_says_is_not_asked() -> None:
    """All of what it says flips the judgement of rules, limits and dials, of random cards."""
    false: list[str] = []
    for setting, question, why in changeable():
        then, other = after(setting, question, alone(why))
        got = then.judged(other)
        if not is_let_go(got):
            said = [one.say for one in why.reasons]
            false.append(f"{said}: {got.outcome} {got.explain}")
    assert not false, (len(false), false[:5])
    assert all(alone(why) for _, _, why in cards())
    conditions = [one for _, _, why in cards() for one in why.reasons if one.now and not one.more]
    assert len(conditions) > CARDS // 2


def test_no_condition_is_said_that_does_not_ask() -> None:
    """With all the others done, each condition alone still asks."""
    false: list[str] = []
    for setting, question, why in changeable():
        reasons = alone(why)
        for left in (one for one in reasons if one.asking.kind == "condition"):
            then, other = after(setting, question, [one for one in reasons if one is not left])
            if is_let_go(then.judged(other)):
                false.append(f"{left.say}, of {[one.say for one in reasons]}")
    assert not false, (len(false), false[:5])


def test_who_does_what_it_says_of_several_people_asks_fewer() -> None:
    """`more than one person must agree` names what makes them fewer."""
    told = 0
    for setting, question, why in cards():
        more = [one for one in why.reasons if one.more and one.to]
        if not more:
            continue
        told += 1
        bare = unguarded(question)
        before = setting.policy.judge(bare)
        _, other = after(setting, bare, more)
        got = setting.policy.judge(other)
        assert got.outcome is not Outcome.DENY, [one.say for one in more]
        assert len(got.roles) < len(before.roles), [one.say for one in more]
    assert told > 50


def test_what_always_asks_asks_about_everything() -> None:
    """Where it says that nothing can change, no question at all is let go; rarely it cannot say."""
    dice, unknown = random.Random(5), 0
    others = [Settings(dice).question() for _ in range(40)]
    for setting, _, why in cards():
        for one in (one for one in alone(why) if not one.to):
            if one.asking.by:
                judged = [setting.policy.judge(unguarded(other)) for other in others]
                assert not any(map(is_let_go, judged)), one.say
            else:
                unknown += 1
    assert unknown < CARDS / 50


def test_what_is_said_names_what_would_do() -> None:
    """The sentence and what would have to be so have the very number."""
    for _, _, why in cards():
        for one in (one for one in why.reasons if one.asking.kind == "condition"):
            for name, value in one.now.items():
                if name in one.asking.facts and type(value) is int and name in NUMBERS_SAID:
                    assert f"{value:,}" in one.say, one
                    assert f"{value:,}" in one.to, one


NUMBERS_SAID = {"tenure_days", "charge_age_days"}
