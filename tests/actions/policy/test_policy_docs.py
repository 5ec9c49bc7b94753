"""The pages about policies say what a policy can read and what the default one does."""

from __future__ import annotations

import re
from pathlib import Path

from policy_cases import ACTIONS, ROLES, question, rule

from sayso.actions.model.definition import Effect, at_most_once
from sayso.actions.policy.base import VERIFIED_ONLY
from sayso.actions.policy.cedar import (
    DEFAULT_ROLES,
    OWN_OBJECTS_ONLY,
    CedarPolicy,
    read_default_policy,
)
from sayso.actions.policy.cedar_rules import MAX_RULE_DEPTH, MAX_RULE_TOKENS
from sayso.actions.policy.cedar_schema import CONTEXT_FIELDS, ENTITY_ATTRIBUTES, schema_text
from sayso.connectors.email.actions import actions_with
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CREDIT, REFUND

DOCS = Path(__file__).parents[3] / "docs"
TEXT = "\n".join(
    (DOCS / name).read_text("utf-8")
    for name in (
        "how-to/write-a-policy.md",
        "how-to/write-a-rule-in-cedar.md",
        "how-to/sign-facts-of-your-own.md",
        "reference/policy.md",
    )
)
STRIPE = (REFUND, CREDIT, CANCEL_SUBSCRIPTION)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_the_table_lists_every_context_field_with_its_type_and_meaning() -> None:
    """The page, the schema and the code have one list."""
    rows = re.findall(r"^\| `context\.(\w+)` \| (\S+) \| (.+) \|$", TEXT, re.MULTILINE)
    assert rows == [(field.name, field.type, field.meaning) for field in CONTEXT_FIELDS]
    schema = schema_text(ACTIONS)
    for field in CONTEXT_FIELDS:
        assert schema.count(f'"{field.name}": {field.type}') == len(ACTIONS)


def test_the_table_lists_every_attribute_of_customer_and_object() -> None:
    """`principal` is a Customer, `resource` an Object."""
    variables = {"Customer": "principal", "Object": "resource"}
    rows = re.findall(r"^\| `((?:principal|resource)\.\w+)` \|", TEXT, re.MULTILINE)
    assert rows == [
        f"{variables[kind]}.{name}" for kind, names in ENTITY_ATTRIBUTES.items() for name in names
    ]


def test_the_groups_the_guards_and_the_bounds_are_named() -> None:
    """Whatever a rule's author has to know by name."""
    for word in (*Effect, OWN_OBJECTS_ONLY, VERIFIED_ONLY, *DEFAULT_ROLES):
        assert f"`{word}`" in TEXT
    assert f"{MAX_RULE_TOKENS} words and signs, nested {MAX_RULE_DEPTH} deep" in TEXT


def test_the_rules_of_the_page_are_valid() -> None:
    """They can be copied into a workspace."""
    for text in blocks("cedar"):
        CedarPolicy({"docs": text}, STRIPE, DEFAULT_ROLES)


def test_the_python_of_the_page_runs() -> None:
    """It makes the policy that the page describes."""
    for code in blocks("python"):
        names: dict[str, object] = {}
        exec(compile(code, "docs/reference/policy.md", "exec"), names)
        assert isinstance(names["policy"], CedarPolicy)


def test_the_counted_hypotheticals_are_right() -> None:
    """The page says what many roles cost."""
    found = re.search(r"(\d+) for 2 roles and three people, (\d+) for 4, (\d+) for 6", TEXT)
    assert found
    for count, said in zip((2, 4, 6), found.groups(), strict=True):
        roles = [f"role_{place}" for place in range(count)]
        every = ", ".join(f'"{role}"' for role in roles)
        text = rule(f"context.approvedBy.containsAny([{every}])")
        asked = CedarPolicy({"p": text}, ACTIONS, roles).explain(question())
        assert int(said) == len(asked)


def test_every_default_text_is_in_the_package_and_parses_with_all_shipped_actions() -> None:
    """A connector's file comes with the connector."""
    shipped = (*STRIPE, *actions_with(at_most_once()))
    texts = read_default_policy(action.connector for action in shipped)
    assert sorted(texts) == ["default.cedar", "email.cedar", "stripe.cedar"]
    CedarPolicy(texts, shipped, DEFAULT_ROLES)
    assert tuple(DEFAULT_ROLES) == ROLES
