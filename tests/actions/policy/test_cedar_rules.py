"""A policy text is checked as a whole before anybody relies on it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_cases import ACTIONS, ROLES, SAMPLE, action, policy, rule

from sayso.actions.model.definition import Effect, FactType
from sayso.actions.policy.cedar import CedarPolicy, read_default_policy
from sayso.actions.policy.cedar_rules import read_rules
from sayso.actions.policy.cedar_schema import schema_text
from sayso.actions.policy.cedarpy_adapter import parse_schema
from sayso.errors import Code, ConfigError

DEFAULT = "\n".join(read_default_policy(["stripe"]).values())


def refusal(text: str) -> ConfigError:
    """The error that a text is refused with."""
    with pytest.raises(ConfigError) as caught:
        policy(text)
    assert caught.value.code is Code.INVALID_POLICY
    assert caught.value.next_step
    return caught.value


def labelled(head: str, body: str = "principal, action, resource") -> str:
    return f'@id("r") @explain("Because")\n{head} ({body});'


@pytest.mark.promise("policy:misspelt")
@pytest.mark.parametrize(
    ("condition", "message", "next_step"),
    [
        ('context.amout.lessThan(decimal("1.0"))', "`amout`", "did you mean `amount`?"),
        ("context.tenure_day > 1", "`tenure_day`", "did you mean `tenure_days`?"),
        ("context.tenureDays > 1", "`tenureDays`", "did you mean `tenure_days`?"),
        ("context.count_30d > 1", "`count_30d`", "did you mean `count30d`?"),
        ('principal.asurance == "verified"', "`asurance`", "did you mean `assurance`?"),
        ('resource.knd == "charge"', "`knd`", "did you mean `kind`?"),
        ("resource.ownr == principal", "`ownr`", "did you mean `owner`?"),
        ('context.amount.lessThn(decimal("1.0"))', "`lessThn`", "did you mean `lessThan`?"),
        ("principle == principal", ": principle", "did you mean `principal`?"),
        ('principal == Custmer::"x"', "`Custmer`", "did you mean `Customer`?"),
        ("context.amount < 3", "decimal", "compare money so"),
        ('context.amount.lessThan(decimal("1,50"))', "1,50", "compare money so"),
        ('context.amount.lessThan(decimal("1.23456"))', "decimal", "compare money so"),
        ('context.hour == "3"', "not compatible", "docs/how-to/write-a-rule-in-cedar.md"),
        ("context.full", "`full` in context", "only shop.refund knows it"),
        # The name of an action is near, and helps nobody: a rule reads facts alone.
        ("context.shop_refund > 1", "`shop_refund` in context", "among the action's `facts`"),
        ("context has fulll && 1 == 1", "`has fulll`", "did you mean `full`?"),
        ('principal has "nick name"', "nick name", "docs/how-to/write-a-rule-in-cedar.md"),
    ],
)
def test_a_misspelt_word_or_a_wrong_type_is_refused_with_the_next_step(
    condition: str, message: str, next_step: str
) -> None:
    """Before a deploy, not when the rule is needed: file, line, rule, word and what to write."""
    everywhere = "context.full" in condition
    error = refusal(rule(condition, of="") if everywhere else rule(condition))
    assert message in error.message
    assert next_step in error.next_step
    # A type error names no word, so it has the line on which the rule begins.
    assert re.match("sample.cedar line [12], rule `r`: ", error.message)


@pytest.mark.parametrize(
    ("scope", "next_step"),
    [
        ('action == Action::"shop.refnd"', "did you mean `shop.refund`?"),
        ('action in Action::"mesage"', "did you mean `message`?"),
        ('action in [Action::"message", Action::"mony_out"]', "did you mean `money_out`?"),
        ('action == Action::"message"', 'a group: action in Action::"credit"'),
    ],
)
def test_an_unknown_action_is_refused(scope: str, next_step: str) -> None:
    """A rule about an action that does not exist is a rule somebody relies on in vain."""
    error = refusal(labelled("permit", f"principal, {scope}, resource"))
    assert next_step in error.next_step


@pytest.mark.parametrize("effect", ["permit", "forbid"])
@pytest.mark.parametrize(
    ("condition", "message", "next_step"),
    [
        ('context.approvedBy.contains("finanse")', "`finanse`", "did you mean `finance`?"),
        ('context.approvedBy.contains("Finance")', "`Finance`", "did you mean `finance`?"),
        (
            'context.approvedBy.containsAll(["finance", "suport_manager"])',
            "`suport_manager`",
            "did you mean `support_manager`?",
        ),
        ('context["approvedBy"].containsAny(["boss"])', "`boss`", "finance"),
        ('!(context.approvedBy.contains("x9"))', "`x9`", "declare it"),
        ("context.approvedBy.contains(context.planner)", "cannot be checked", "write the role"),
        ('context.approvedBy == ["finance"]', "cannot be checked", "write the role"),
        ('["finance"].containsAny(context.approvedBy)', "cannot be checked", "write the role"),
        (
            '(if true then context.approvedBy else ["x"]).contains("finance")',
            "cannot be checked",
            "write the role",
        ),
        ('{a: context}.a.approvedBy.contains("finanse")', "`finanse`", "`finance`"),
        ('context.currency == "UDS"', "`UDS`", "three capital letters"),
        ('["USD", "Eur"].contains(context.currency)', "`Eur`", "three capital letters"),
        ('principal.assurance != "verifed"', "`verifed`", "did you mean `verified`?"),
        ('resource.owner.assurance == "signed-in"', "`signed-in`", "did you mean `signed_in`?"),
    ],
)
def test_words_that_are_any_text_to_the_language_are_checked_too(
    effect: str, condition: str, message: str, next_step: str
) -> None:
    """A misspelt role in a forbid would fail open, silently."""
    error = refusal(rule(condition, effect=effect))
    assert message in error.message
    assert next_step in error.next_step


@pytest.mark.parametrize(
    "condition",
    [
        'context.approvedBy.contains("finance")',
        'context.approvedBy.containsAny(["finance", "support_manager"])',
        "context.approvedBy.isEmpty()",
        'context.currency == "JPY" || context.currency == ""',
        'principal.assurance == "signed_in"',
        "context has tenure_days && context.tenure_days > 3",
        'context.reason == "UDS"',
        'context.reason like "*finanse*"',
    ],
)
def test_right_words_pass(condition: str) -> None:
    """The checks know nothing of facts' values, and refuse nothing that is right."""
    policy(rule(condition))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no rule"),
        ("// only a comment; nothing else", "there is no rule"),
        (";", "unexpected"),
        (labelled("permit").rstrip(";"), "unexpected end of input"),
        (labelled("allow"), "allow"),
        (labelled("permit").replace('@id("r")', ""), "`@id` is missing"),
        (labelled("permit").replace('"r"', '""'), "`@id` is missing"),
        (labelled("permit").replace('"r"', '"two words"'), "holds other characters"),
        (labelled("permit").replace('"r"', '"sayso.mine"'), "are taken"),
        (labelled("permit").replace('@explain("Because")', ""), "does not explain itself"),
        (labelled("permit").replace("Because", "  "), "does not explain itself"),
        (labelled("permit").replace("@explain", "@explian"), "does not explain itself"),
        (labelled("permit") * 2, "a second rule with the id `r`"),
        (labelled("permit", "principal == ?principal, action, resource"), "template"),
        (labelled("permit").replace('"Because"', '"Because'), "invalid token"),
        ("\ufeff" + labelled("permit"), "invalid token"),
        ("\0", "invalid token"),
        ('{"staticPolicies": {}}', "unexpected"),
    ],
)
def test_a_text_that_is_no_labelled_rule_is_refused(text: str, message: str) -> None:
    """Every rule has a unique id and explains itself; nothing else is a policy."""
    assert message in refusal(text).message


@pytest.mark.parametrize(
    "condition",
    [
        "(" * 20_000 + "true" + ")" * 20_000,
        "[" * 20_000,
        "true && " * 20_000 + "true",
        "if true then true else " * 20_000 + "true",
        "!" * 20_000 + "true",
        "context" + ".a" * 20_000,
        "1 == " + "1 + " * 20_000 + "1",
    ],
)
def test_a_text_that_would_overflow_the_parser_is_refused_before_it_is_parsed(
    condition: str,
) -> None:
    """The parser is recursive: without the bound, this ends the process."""
    assert "nested over" in refusal(rule(condition)).message


def test_a_second_file_is_checked_as_the_first_and_ids_are_unique_over_all() -> None:
    """A workspace may split its policy by subject."""
    with pytest.raises(ConfigError) as caught:
        CedarPolicy({"a.cedar": rule("true"), "b.cedar": "\n\n" + rule("true")}, ACTIONS, ROLES)
    assert caught.value.message == "b.cedar line 3, rule `r`: a second rule with the id `r`"


def test_the_first_problem_is_the_message_and_the_others_are_in_the_detail() -> None:
    """One error says everything that is wrong, in the order of the text."""
    text = rule("context.amout", name="one") + rule("true") + rule("context.hous", name="two")
    error = refusal(text)
    assert "rule `one`" in error.message
    assert error.message.endswith("(and 1 more)")
    assert "sample.cedar line 6, rule `two`: " in error.detail
    assert "did you mean `hour`?" in error.detail


def test_semicolons_and_quotes_in_strings_and_comments_do_not_split_a_rule() -> None:
    """Lines stay right behind them."""
    text = (
        '// a "quote; and a ;\n'
        '@id("a") @explain("one; two \\" // three")\n'
        'permit (principal, action, resource) when { "x;" == ";x" }; // end;\n'
    )
    assert refusal(text + rule("context.amout")).message.startswith("sample.cedar line 5")


def test_a_rule_about_a_group_without_an_action_waits_for_one() -> None:
    """One policy serves workspaces with and without a connector that sends messages."""
    credit = rule("context.approvals > 0", of='in Action::"credit"', name="credit")
    policy(SAMPLE + credit)
    with pytest.raises(ConfigError):
        policy(SAMPLE + rule("true", of='in [Action::"credit", Action::"x"]'))


@pytest.mark.parametrize(
    ("roles", "max_quorum"),
    [(("Support",), 3), (("",), 3), (("a", "a"), 3), (("a",), 0), (("a",), 6)],
)
def test_settings_that_make_no_sense_are_refused(roles: tuple[str, ...], max_quorum: int) -> None:
    """A role is a word, declared once; at least one and at most five people are asked."""
    with pytest.raises(ConfigError) as caught:
        CedarPolicy({"p": rule("true")}, ACTIONS, roles, max_quorum)
    assert caught.value.code is Code.INVALID_POLICY


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"amount": "decimal"}, "a field of ours"),
        ({"approvals": "long"}, "a field of ours"),
        ({"tenureDays": "long"}, "no snake_case name"),
        ({'x": Long } }; action "y': "long"}, "no snake_case name"),
        ({"ratio": "float"}, "unknown type `float`"),
    ],
)
def test_facts_that_cannot_stand_in_the_schema_are_refused(
    facts: dict[str, FactType], message: str
) -> None:
    """A fact cannot stand in for a field of ours, nor for schema text."""
    with pytest.raises(ConfigError) as caught:
        schema_text([action(facts=facts)])
    assert caught.value.code is Code.INVALID_ACTION
    assert message in caught.value.message


def test_an_action_that_is_defined_twice_is_refused() -> None:
    """Two connectors of one name would make one rule mean two things."""
    with pytest.raises(ConfigError) as caught:
        schema_text([action(), action(effect=Effect.MESSAGE)])
    assert "defined twice" in caught.value.message


def test_words_of_the_language_are_good_fact_names() -> None:
    """The schema quotes every name."""
    names: dict[str, FactType] = {"if": "bool", "in": "long", "action": "string", "has": "bool"}
    one = action("shop.some", facts=names)
    CedarPolicy({"p": rule('context["if"]', of='== Action::"shop.some"')}, [one], ROLES)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_garbage_is_a_config_error(text: str) -> None:
    """Whatever the bytes, the answer is one kind of error (no crash, no policy)."""
    with pytest.raises(ConfigError):
        policy(text)


WORDS = ["permit", "forbid", "(", ")", "{", "}", ";", '"', "@id", "context", ".", "&&", "//", "\n"]


@settings(deadline=None, max_examples=60)
@given(
    at=st.integers(0, len(DEFAULT)),
    cut=st.integers(0, 40),
    put=st.one_of(st.text(max_size=3), st.sampled_from(WORDS)),
)
def test_a_damaged_policy_is_read_as_a_policy_or_refused_with_a_line(
    at: int, cut: int, put: str
) -> None:
    """Nothing between the two: no other exception, and every problem has its place."""
    text = DEFAULT[:at] + put + DEFAULT[at + cut :]
    schema = parse_schema(schema_text(ACTIONS))
    rules, problems = read_rules({"p.cedar": text}, ACTIONS, ROLES, schema)
    assert rules.nodes or problems
    lines = text.count("\n") + 1
    assert all(1 <= problem.line <= lines for problem in problems)
