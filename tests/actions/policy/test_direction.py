"""Looser or tighter: found by search, and undecided means looser."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import pytest
from policy_cases import OVERFLOW, rule
from support.campaign import some, trials

from bench.random_policies import GREET, REFUND, ROLES, Policies, Questions
from sayso.actions.policy.analysis.direction import Comparison, compare
from sayso.actions.policy.analysis.people import all_approvals
from sayso.actions.policy.analysis.weigh import Weighing, weigh
from sayso.actions.policy.cedar import DEFAULT_ROLES, CedarPolicy, read_default_policy
from sayso.actions.policy.document import PolicyDocument, PolicyRules
from sayso.actions.policy.formula.search import Finder, find, find_by_solver
from sayso.actions.policy.formula.terms import holds
from sayso.actions.policy.reading import read_policy
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CREDIT
from sayso.connectors.stripe.actions import REFUND as STRIPE_REFUND

STRIPE = (STRIPE_REFUND, CREDIT, CANCEL_SUBSCRIPTION)
TEXTS = read_default_policy(["stripe"])
DEFAULT = "\n".join(TEXTS.values())
WAS = CedarPolicy(TEXTS, STRIPE, DEFAULT_ROLES)


def compared(text: str, finder: Finder) -> Comparison:
    """The default policy against another text."""
    now = CedarPolicy({"default.cedar": text}, STRIPE, DEFAULT_ROLES)
    return compare(WAS, now, [action.name for action in STRIPE], finder)


@dataclass(frozen=True)
class Edit:
    """One edit of the default policy, with what it can only do."""

    name: str
    text: str
    can: str


def _rules() -> list[str]:
    parts = re.split(r"(?<=;)\n\n?", DEFAULT)
    return [part[part.index("@id") :] for part in parts if "@id" in part]


def _edits() -> list[Edit]:
    """Single edits: each amount and number up and down, each condition and rule taken away, …"""
    found: list[Edit] = []
    for one in _rules():
        permits = "\npermit" in one
        label = one.partition('"')[2].partition('"')[0]
        changes = [*_amounts(one), *_numbers(one), *_conditions(one), *_roles(one), *_whole(one)]
        for name, changed, wider in changes:
            text = DEFAULT.replace(one, changed, 1)
            assert text != DEFAULT, name
            found.append(Edit(f"{label}: {name}", text, _can(wider, permits)))
    return found


Change = tuple[str, str, bool]
"""What it is called, the rule as changed, and whether it applies to more questions."""


def _amounts(one: str) -> Iterator[Change]:
    for amount in re.findall(r'decimal\("([\d.]+)"\)', one):
        for factor in (0.1, 0.5, 0.75, 0.9, 0.99, 1.01, 1.1, 1.5, 2, 10):
            changed = one.replace(f'"{amount}"', f'"{float(amount) * factor:.2f}"')
            yield f"{amount} times {factor}", changed, factor > 1


def _numbers(one: str) -> Iterator[Change]:
    for sign, number in re.findall(r"(?<![=-])([<>]) (\d+)", one):
        for step in (-30, -7, -2, -1, 1, 2, 7, 30):
            bound = int(number) + step
            if bound >= 0:
                changed = one.replace(f"{sign} {number}", f"{sign} {bound}")
                yield f"{sign} {number} to {bound}", changed, (step > 0) == (sign == "<")


def _conditions(one: str) -> Iterator[Change]:
    for condition in re.findall(r"^  (.+) &&$", one, re.MULTILINE):
        yield f"without {condition[:30]}", one.replace(f"  {condition} &&\n", ""), True
    for currency in ("USD", "EUR", "GBP"):
        if f'"{currency}"' in one:
            fewer = one.replace(f'"{currency}", ', "").replace(f', "{currency}"', "")
            yield f"without {currency}", fewer, False
            yield (
                f"CHF beside {currency}",
                one.replace(f'"{currency}"', f'"{currency}", "CHF"'),
                True,
            )
    if "when {" in one:
        for more in ("context.hour < 20", 'context.weekday == "mon"', "!context.undoes"):
            yield f"only {more}", one.replace("when {", f"when {{ {more} &&", 1), False


def _roles(one: str) -> Iterator[Change]:
    lifts = "unless" in one  # a forbid that more people lift applies to fewer
    if "approvedBy.contains" in one:
        for name, method in (("either", "containsAny"), ("both", "containsAll")):
            listed = f'{method}(["support_manager", "finance"])'
            wider = (name == "either") != lifts
            yield f"{name} role", re.sub(r'contains\("\w+"\)', listed, one), wider
    if "approvals >= 2" in one:
        yield "one is enough", one.replace(">= 2", ">= 1"), True
        yield "three", one.replace(">= 2", ">= 3"), False
    if lifts:
        yield "nobody lifts it", re.sub(r"\nunless \{[^}]*\}", "", one), True


def _whole(one: str) -> Iterator[Change]:
    yield "taken away", "", False
    known = 'resource)\nwhen { principal.assurance == "signed_in" }'
    yield "for known customers", one.replace("resource)", known, 1), False


def _can(wider: bool, permits: bool) -> str:
    return "looser" if wider == permits else "tighter"


EDITS = _edits()


@pytest.mark.campaign
@pytest.mark.promise("policy:direction")
@pytest.mark.parametrize("by", ["search", "solver"])
def test_single_edits_of_the_default_policy_are_classed_rightly(by: str) -> None:
    """An edit that can only widen is looser or nothing, and so on; the engine says the same.

    The suite takes a third of them; the solver, asked where the search gives up, classes fewer.
    """
    if by == "solver":
        pytest.importorskip("z3", reason="the extra `prove` is not installed")
    finder = find if by == "search" else find_by_solver
    assert len(EDITS) >= 200
    edits = some(EDITS, every=3 if by == "search" else 11)
    classed = {"looser": 0, "tighter": 0, "same": 0}
    for edit in edits:
        found = compared(edit.text, finder)
        assert found.undecided == {}, edit.name
        other = "tighter" if edit.can == "looser" else "looser"
        assert getattr(found, other) is None, edit.name
        witness = getattr(found, edit.can)
        classed[edit.can if witness is not None else "same"] += 1
        if witness is not None:
            assert witness.confirmed, edit.name
    at_least = len(edits) // 5
    assert classed["looser"] >= at_least
    assert classed["tighter"] >= at_least


@pytest.mark.campaign
@pytest.mark.promise("policy:direction")
def test_random_pairs_are_never_called_tighter_while_some_question_is_looser() -> None:
    """Random questions look for what the search may have missed."""
    dice = random.Random(11)
    for _ in range(trials(15)):
        texts = [Policies(dice).text(dice.randint(2, 8)) for _ in range(2)]
        was, now = (CedarPolicy({"p": text}, [REFUND, GREET], ROLES) for text in texts)
        found = compare(was, now, [REFUND.name])
        one, other = was.slice(REFUND.name), now.slice(REFUND.name)
        assert one is not None
        assert other is not None
        looser = tighter = False
        for _ in range(200):
            values = Questions(dice).values()
            values["amount"] = max(10_000, int(values["amount"]) // 10_000 * 10_000)
            values["amount30d"] = 0
            values["charge_amount"] = int(values["charge_amount"]) // 10_000 * 10_000
            for people in all_approvals(ROLES, 3)[:8]:
                before = holds(one.translated.allowed, values, people.people, people.roles)
                after = holds(other.translated.allowed, values, people.people, people.roles)
                looser, tighter = looser or after > before, tighter or before > after
        assert found.undecided == {}
        assert found.looser is not None or not looser
        assert found.tighter is not None or not tighter
        for witness in (found.looser, found.tighter):
            assert witness is None or witness.confirmed


def _weighed(change: Callable[[dict[str, object]], None]) -> Weighing:
    rules: dict[str, object] = {"roles": DEFAULT_ROLES}
    was = PolicyDocument(files=TEXTS, rules=PolicyRules.model_validate(rules))
    values: dict[str, object] = {"files": dict(TEXTS), **rules}
    change(values)
    files = cast("dict[str, str]", values.pop("files"))
    now = PolicyDocument(files=files, rules=PolicyRules.model_validate(values))
    names = [action.name for action in STRIPE]
    return weigh(read_policy(was, STRIPE), read_policy(now, STRIPE), names)


TABLE = """action = "stripe.refund"
missing = { tenure_days = "ask" }
[[never]]
id = "old"
say = "Never of an old charge"
charge_age_days = { over = 900 }
"""


@pytest.mark.promise("policy:direction")
@pytest.mark.parametrize(
    ("change", "direction", "why"),
    [
        ({}, "same", ""),
        ({"roles": DEFAULT_ROLES[::-1]}, "looser", "the roles change"),
        ({"max_people": 2}, "looser", "`max_people` changes from 3 to 2"),
        ({"activate": ("finance",)}, "looser", "who may put a policy in force"),
        ({"loosening_needs": 2}, "looser", "`loosening_needs` changes"),
        ({"files": {**TEXTS, "a.toml": TABLE}}, "looser", "asked about instead of denied"),
        ({"files": {**TEXTS, "a.toml": TABLE.replace('"ask"', '"deny"')}}, "tighter", ""),
        (
            {"files": {**TEXTS, "b.cedar": rule(OVERFLOW, of='== Action::"stripe.refund"')}},
            "looser",
            "nobody can say",
        ),
    ],
)
def test_settings_and_what_cannot_be_decided(
    change: dict[str, object], direction: str, why: str
) -> None:
    """A change that both loosens and tightens loosens; so does what nobody can decide."""
    found = _weighed(lambda values: values.update(change))
    assert found.direction == direction
    assert why in " ".join(found.loosens)
