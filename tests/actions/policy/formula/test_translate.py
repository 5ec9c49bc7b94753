"""Formulas say what the engine says, and what they cannot say they name."""

from __future__ import annotations

import random

import pytest
from policy_cases import OVERFLOW, rule

from bench.random_policies import GREET, REFUND, ROLES, Policies, Questions
from bench.translation import differences
from sayso.actions.policy.cedar import CedarPolicy
from sayso.actions.policy.formula.compiled import first_of
from sayso.actions.policy.formula.domain import domain_of
from sayso.actions.policy.formula.search import Budget, find
from sayso.actions.policy.formula.solver import solve
from sayso.actions.policy.formula.terms import given, holds, neg
from sayso.actions.policy.slices import Slice


def slice_of(text: str) -> Slice:
    """The slice of the refund."""
    found = CedarPolicy({"p": text}, [REFUND, GREET], ROLES).slice(REFUND.name)
    assert found is not None
    return found


@pytest.mark.promise("policy:translation")
def test_random_policies_say_the_same_as_formulas_and_in_the_engine() -> None:
    """Some thousands here; `python -m bench.translation` asks a million."""
    differ, made, _ = differences(6000, seed=1)
    assert made >= 6000
    assert differ == 0


@pytest.mark.promise("policy:translation")
@pytest.mark.parametrize("left", [4, 5, 6])
@pytest.mark.parametrize(
    ("sign", "method"),
    [
        ("<", "lessThan"),
        ("<=", "lessThanOrEqual"),
        (">", "greaterThan"),
        (">=", "greaterThanOrEqual"),
    ],
)
def test_what_needs_no_fact_is_compared_as_the_engine_does(
    left: int, sign: str, method: str
) -> None:
    """Whole numbers and decimals on both sides, at the bound and beside it."""
    true = {"<": left < 5, "<=": left <= 5, ">": left > 5, ">=": left >= 5}[sign]
    for said in (f"{left} {sign} 5", f'decimal("{left}.0").{method}(decimal("5.0"))'):
        mine = slice_of(
            '@id("p") @explain("x") permit (principal, action == Action::"shop.refund", resource) '
            f"when {{ {said} }};"
        )
        values = Questions(random.Random(1)).values()
        assert holds(mine.translated.allowed, values, 0, frozenset()) is true, said


@pytest.mark.promise("policy:translation")
def test_the_compiled_function_says_what_the_formula_says() -> None:
    """For every hypothetical, on questions at the bounds."""
    dice = random.Random(2)
    for _ in range(40):
        mine = slice_of(Policies(dice).text(8))
        allowed = mine.translated.allowed
        each = [given(allowed, len(one), frozenset(one)) for one in mine.hypotheticals]
        first = first_of(each)
        for _ in range(50):
            values = Questions(dice).values()
            told = [holds(allowed, values, len(one), frozenset(one)) for one in mine.hypotheticals]
            assert first(values) == (told.index(True) if any(told) else -1)


@pytest.mark.promise("policy:translation")
def test_a_search_finds_what_there_is_and_nothing_else() -> None:
    """What it finds holds, by the engine as well; else no random question holds either."""
    dice = random.Random(3)
    none = found = 0
    for _ in range(60):
        mine = slice_of(Policies(dice).text(dice.randint(1, 15)))
        allowed = mine.translated.allowed
        for people in mine.hypotheticals[:4]:
            roles = frozenset(people)
            for formula in (
                given(allowed, len(people), roles),
                neg(given(allowed, len(people), roles)),
            ):
                domain = domain_of(REFUND, REFUND.declared, [formula], ["charge"])
                example = find(formula, domain)
                if example is None:
                    none += 1
                    assert not any(
                        holds(formula, _sound(Questions(dice)), 0, frozenset()) for _ in range(300)
                    )
                else:
                    found += 1
                    assert holds(formula, example, 0, frozenset())
                    assert example["amount"] % 100 == 0 or example["currency"] in ("KWD", "CLF")
                    is_permit = formula == given(allowed, len(people), roles)
                    assert mine.ask(example, len(people), roles).allowed is is_permit
    assert none > 20
    assert found > 100


def _sound(questions: Questions) -> dict[str, int | str | bool]:
    """A question that can be: an amount above zero, and no history of money without a count."""
    values = questions.values()
    values["amount"] = max(100, int(values["amount"]) // 10_000 * 10_000)
    values["amount30d"] = int(values["amount30d"]) // 10_000 * 10_000
    values["charge_amount"] = int(values["charge_amount"]) // 10_000 * 10_000
    if values["count30d"] == 0:
        values["amount30d"] = 0
    return values


@pytest.mark.parametrize(
    ("condition", "what"),
    [
        ("context.amount.lessThanOrEqual(context.charge_amount)", "one fact against another"),
        (OVERFLOW, "arithmetic"),
        ('context.reason like "fraud*"', "`like`"),
        ("context.tenure_days > context.charge_age_days", "one fact against another"),
    ],
)
def test_what_no_formula_says_is_named(condition: str, what: str) -> None:
    """A rule is never left out in silence: whoever asks about the others hears of it."""
    mine = slice_of(rule("true") + rule(condition, name="odd", effect="forbid"))
    assert what in mine.translated.left_out["odd"]
    assert mine.guess is None


@pytest.mark.promise("policy:translation")
def test_the_solver_agrees_with_the_search_and_decides_what_it_breaks_off() -> None:
    """Each judges the other on random policies; a search without any budget is the solver's."""
    pytest.importorskip("z3", reason="the extra `prove` is not installed")
    dice = random.Random(5)
    for _ in range(40):
        mine = slice_of(Policies(dice).text(dice.randint(1, 12)))
        people = mine.hypotheticals[dice.randrange(len(mine.hypotheticals))]
        formula = given(mine.translated.allowed, len(people), frozenset(people))
        domain = domain_of(REFUND, REFUND.declared, [formula], ["charge"])
        by_search, by_solver = find(formula, domain), solve(formula, domain)
        assert (by_search is None) is (by_solver is None)
        broken_off = find(formula, domain, Budget(0))
        for example in (by_solver, broken_off):
            if example is not None:
                assert holds(formula, example, 0, frozenset())
                assert mine.ask(example, len(people), frozenset(people)).allowed
