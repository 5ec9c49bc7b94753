"""What stands in a table in vain, found for every request that there can be."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from actions.policy.tables.test_round_trip import ROLES, random_row

from bench.random_policies import REFUND as RANDOM
from sayso.actions.model.definition import Action, Fact, with_signed
from sayso.actions.policy.analysis.lint import RowFinding, lint
from sayso.actions.policy.analysis.words import answer_of
from sayso.actions.policy.cedar import DEFAULT_ROLES, CedarPolicy, read_default_policy
from sayso.actions.policy.claims import prove, read_claims
from sayso.actions.policy.document import PolicyDocument, PolicyRules
from sayso.actions.policy.formula.domain import domain_of, pick
from sayso.actions.policy.formula.terms import Value, holds
from sayso.actions.policy.reading import ReadPolicy, read_policy
from sayso.actions.policy.tables.compile import compile_rows
from sayso.actions.policy.tables.file import RuleTable
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CREDIT, REFUND
from sayso.nesting import read_toml

ACTIONS = (REFUND, CREDIT, CANCEL_SUBSCRIPTION)
HEAD = 'action = "stripe.refund"\ncurrency = "USD"\n'
YEAR = '[[allow]]\nid = "year"\nsay = "A year"\ntenure_days = { over = 365 }\nup_to = 75\n'
MANAGER = '[[allow]]\nid = "manager"\nsay = "Up to 500"\nup_to = 500\nby = "support_manager"\n'
DOCS = Path(__file__).parents[3] / "docs" / "how-to" / "write-a-policy.md"


def read(rows: str, actions: tuple[Action, ...] = ACTIONS, *, shipped: bool = False) -> ReadPolicy:
    """A policy of one table; beside the rules that ship, if said."""
    files = read_default_policy(["stripe"]) if shipped else {}
    files |= {"policies/refunds.toml": HEAD + rows}
    rules = PolicyRules(roles=DEFAULT_ROLES)
    return read_policy(PolicyDocument(files=files, rules=rules), actions)


def found(rows: str) -> list[tuple[str, str]]:
    """Each finding's kind and row."""
    return [(one.kind, one.rule) for one in lint(read(rows))]


@pytest.mark.promise("policy:check")
@pytest.mark.parametrize(
    ("rows", "kind", "rule", "says"),
    [
        (YEAR.replace("365 }", "365, under = 90 }"), "never", "year", "no request meets all"),
        (YEAR + '[[never]]\nid = "no"\nsay = "No"\n', "overridden", "year", "`refunds.no`"),
        (
            YEAR + MANAGER + '[[ask]]\nid = "all"\nsay = "All"\nby = "support_manager"\n',
            "conflict",
            "year",
            "is never done at once: `refunds.all` asks",
        ),
        (
            YEAR + YEAR.replace('"year"', '"more"').replace("75", "50"),
            "nothing",
            "more",
            "`refunds.year` allows all of it already",
        ),
        (
            MANAGER + '[[never]]\nid = "much"\nsay = "Never"\nover = 900\n',
            "nothing",
            "much",
            "nothing over 900 USD is allowed, nor in another currency",
        ),
        (YEAR + "holiday = true\n", "unsupplied", "year", "no list of holidays"),
        (
            YEAR + YEAR.replace('"year"', '"fraud"').replace("75", "20").replace(
                "tenure_days = { over = 365 }", 'reason = "fraudulent"'
            ) + '[[allow]]\nid = "any"\nsay = "Any"\nup_to = 60\nreason = "fraudulent"\n',
            "nothing",
            "fraud",
            "`refunds.any` allows all of it already",
        ),
        (
            YEAR + '[[allow]]\nid = "fraud"\nsay = "Little"\nreason = "fraudulent"\nup_to = 20\n',
            "addition",
            "fraud",
            "`refunds.year` allows such a customer more: $75.00",
        ),
    ],
)  # fmt: skip
def test_a_row_in_vain_is_named_with_its_line_and_what_to_do(
    rows: str, kind: str, rule: str, says: str
) -> None:
    """Each sort of it once, and no other row beside it."""
    mine = [one for one in lint(read(rows)) if one.rule == f"refunds.{rule}"]
    assert [one.kind for one in mine] == [kind]
    (one,) = mine
    assert says in one.message
    text = HEAD + rows
    assert f'"{rule}"' in text.splitlines()[one.line - 1]
    assert one.next_step
    assert one.is_mistake is (kind != "addition")
    assert [other.rule for other in lint(read(rows)) if other.is_mistake and other != one] == []


@pytest.mark.promise("policy:check")
def test_a_table_of_which_every_row_does_something_has_no_findings() -> None:
    """Two steps, a cap and a refusal, as people write them."""
    caps = '[[ask]]\nid = "old"\nsay = "Old"\ncharge_age_days = { over = 90 }\nby = "finance"\n'
    caps += '[[never]]\nid = "never"\nsay = "Never"\ncharge_age_days = { over = 730 }\n'
    finance = MANAGER.replace("support_manager", "finance").replace('"manager"', '"most"')
    assert found(YEAR + MANAGER + finance.replace("500", "900") + caps) == []


@pytest.mark.promise("policy:check")
def test_signed_facts_are_known_and_somebody_has_to_sign_them() -> None:
    """A row may read what `[facts.signed]` names; it is in vain where no issuer is set up."""
    vip = {"vip": Fact(type="bool", signed=True, on_demand=True)}
    signed = tuple(with_signed(action, vip) for action in ACTIONS)
    policy = read(YEAR + "vip = true\n", actions=signed)
    assert lint(policy) == []
    (one,) = lint(policy, unsupplied={"vip"})
    assert (one.kind, one.rule) == ("unsupplied", "refunds.year")
    assert "`vip`" in one.message


@pytest.mark.promise("policy:check")
def test_what_missing_cannot_do_is_said() -> None:
    """Nobody is asked about what a [[never]] reads, nor where every [[allow]] reads it."""
    head = 'missing = { tenure_days = "ask", reason = "ask" }\n'
    rows = head + YEAR + '[[never]]\nid = "fraud"\nsay = "No"\nreason = "fraudulent"\n'
    policy = read(rows)
    said = [one.message for one in lint(policy) if one.kind == "missing"]
    assert any("`reason` cannot be read, nobody is asked" in one for one in said)
    assert any("`tenure_days` cannot be read" in one and "every [[allow]]" in one for one in said)
    mine = policy.policy.slice("stripe.refund")
    assert mine is not None
    values = _values(mine.action, 40_0000) | {"tenure_days": 400}
    # The documented answer, by the engine: refused without the fact that a [[never]] reads.
    assert answer_of(mine, values, ("reason",)).outcome == "deny"
    assert answer_of(mine, values | {"reason": "duplicate"}).outcome == "allow"


@pytest.mark.promise("policy:replaces")
def test_a_table_stands_beside_what_ships_or_in_its_place() -> None:
    """With `replaces`, only guards about everything stay of it, and all other actions."""
    beside = read(YEAR, shipped=True)
    (one,) = lint(beside)
    assert (one.kind, one.is_mistake) == ("beside", False)
    assert one.message.startswith("stripe.cedar decides beside this table: $50.00")
    alone = read('replaces = "shipped"\n' + YEAR, shipped=True)
    assert lint(alone) == []
    mine = alone.policy.slice("stripe.refund")
    assert mine is not None
    assert set(mine.rules.nodes) == {"refunds.year", "take-back", "model-planned"}
    credit, before = (one.policy.slice("stripe.credit") for one in (alone, beside))
    assert credit is not None
    assert before is not None
    assert credit.version == before.version
    assert mine.version != beside.policy.version_for("stripe.refund")
    assert alone.policy.version != beside.policy.version
    values = _values(mine.action, 50_0000) | {"tenure_days": 100}
    assert answer_of(mine, values).outcome == "deny"
    other = beside.policy.slice("stripe.refund")
    assert other is not None
    assert answer_of(other, values).outcome == "allow"


@pytest.mark.promise("policy:prove")
def test_the_claim_of_the_guide_holds_without_a_word_on_taking_back() -> None:
    """What takes an own step back needs nobody, and is a claim of its own."""
    tables = re.findall(r"^```toml\n(.*?)^```", DOCS.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (table,) = [one for one in tables if "[[never]]" in one]
    (claim,) = [one for one in tables if one.startswith("[[claim]]")]
    text = HEAD + claim
    for rows in (table, table.replace("[[allow]]", 'replaces = "shipped"\n[[allow]]', 1)):
        policy = read(rows.replace(HEAD, "").partition('currency = "USD"')[2], shipped=True)
        (one,) = read_claims("refunds.test.toml", text, read_toml(text), ACTIONS, DEFAULT_ROLES)
        assert "undoes" not in claim
        assert prove(policy.policy, one, REFUND).verdict == "proved"
        back = text + "undoes = true\n"
        (other,) = read_claims("refunds.test.toml", back, read_toml(back), ACTIONS, DEFAULT_ROLES)
        assert prove(policy.policy, other, REFUND).verdict == "false"


@pytest.mark.promise("policy:check")
def test_no_request_contradicts_a_finding_of_random_tables() -> None:
    """25 tables, 100 requests each at the amounts and days that their rows name."""
    dice = random.Random(29)
    seen: dict[str, int] = {}
    for _ in range(25):
        policy = _random(dice)
        for one in lint(policy):
            seen[one.kind] = seen.get(one.kind, 0) + 1
            _contradict(one, policy, dice)
    assert seen.keys() >= {"never", "nothing", "overridden"}, seen


def _random(dice: random.Random) -> ReadPolicy:
    rows = tuple(random_row(dice, number) for number in range(dice.randint(2, 6)))
    table = RuleTable(file="t.toml", action=RANDOM.name, rows=rows, missing={})
    policy = CedarPolicy({"t.toml": compile_rows(RANDOM.name, rows)}, [RANDOM], ROLES)
    document = PolicyDocument(files={"t.toml": ""}, rules=PolicyRules(roles=ROLES))
    return replace(read(YEAR), document=document, policy=policy, tables=(table,))


def _contradict(one: RowFinding, policy: ReadPolicy, dice: random.Random) -> None:
    mine = policy.policy.slice(RANDOM.name)
    assert mine is not None
    rules = {rule.id: rule for rule in mine.translated.rules}
    for _ in range(100):
        values = _any(mine.action, dice)
        people = dice.randint(0, 3)
        roles = frozenset(dice.sample(ROLES, dice.randint(1, 3)) if people else ())
        forbidden = [
            rule.id
            for rule in rules.values()
            if not rule.permits and holds(rule.formula, values, people, roles)
        ]
        permitted = [
            rule.id
            for rule in rules.values()
            if rule.permits and holds(rule.formula, values, people, roles)
        ]
        applies = one.rule in (*forbidden, *permitted)
        match one.kind:
            case "never":
                assert not applies
            case "overridden":
                assert not applies or forbidden
            case "nothing" if one.rule:
                without = [each for each in permitted if each != one.rule]
                against = [each for each in forbidden if each != one.rule]
                allowed = bool(permitted) and not forbidden
                assert allowed == (bool(without) and not against)
            case _:
                pass


def _any(action: Action, dice: random.Random) -> dict[str, Value]:
    values = _values(action, dice.choice((1, 20, 20.01, 75, 76)) * 10_000)
    for name, value in values.items():
        if isinstance(value, bool):
            values[name] = dice.random() < 0.5
        elif isinstance(value, int) and name != "amount":
            values[name] = dice.choice((0, 1, 2, 3, 22, 23, 90, 365, 366))
    values["hour"], values["localHour"] = dice.choice((0, 3, 22)), dice.choice((0, 5, 22))
    values["amount30d"] = values["count30d"] and values["amount30d"]
    values["currency"] = dice.choice(("USD", "EUR", "JPY", "CHF"))
    values["weekday"] = dice.choice(("mon", "sat"))
    return values


def _values(action: Action, amount: float) -> dict[str, Value]:
    values = pick(domain_of(action, action.declared, (), ()))
    assert values is not None
    return values | {"amount": int(amount), "currency": "USD"}
