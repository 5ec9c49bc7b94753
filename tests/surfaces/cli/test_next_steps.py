"""A next step can be taken: it names what to do, and no page that was not installed."""

from __future__ import annotations

import pytest
from surfaces.cli.cli_workspace import SUBJECT, CliWorkspace

from sayso.errors import Code
from sayso.surfaces.cli.problem import next_step

OWN = """
from typing import Annotated
from pydantic import Field
from sayso import Absence, Args, Call, Receipt, Resolved, Subject, at_most_once
from sayso.connectors.define import OwnConnector, action

class GrantArgs(Args):
    points: Annotated[int, Field(gt=0, le=1000, description="how many points")]

class Loyalty(OwnConnector):
    name = "loyalty"
    customers_of = "stripe"

    @action(summary="Give points", guarantee=at_most_once())
    async def grant(self, args: GrantArgs, subject: Subject) -> Resolved:
        return self.resolved(args, subject, kind="member", account="shop", payee="points")

    @grant.calls
    async def give(self, call: Call) -> Receipt:
        return Receipt(id=call.action_id, status="granted")

CONNECTORS = [Loyalty()]
"""
GRANT = ("propose", "loyalty.grant", *SUBJECT, "--args")


@pytest.fixture
def shop(cli: CliWorkspace) -> CliWorkspace:
    """A workspace with an own action (docs/how-to/add-a-connector.md), before it has a rule."""
    cli.edit_settings("[workspace]", 'actions = ["actions/*.py"]\n\n[workspace]')
    (cli.folder / "actions" / "loyalty.py").write_text(OWN, encoding="utf-8")
    return cli


@pytest.mark.parametrize("code", list(Code))
def test_no_code_sends_anybody_to_a_page_that_is_not_there(code: Code) -> None:
    """The wheel has no docs; each code has a step all the same."""
    step = next_step(code, "")
    assert "docs/" not in step
    assert len(step) > 8
    assert next_step(code, "do this") == "do this"


@pytest.mark.promise("cli:next-steps")
def test_what_no_rule_allows_needs_a_rule(shop: CliWorkspace) -> None:
    """Whoever followed the docs on own actions hears what is left to do, and then it is done."""
    ran = shop.line(*GRANT, '{"points": 5}').refused("policy_denied")
    assert "next: write a rule for `loyalty.grant` in the files of [policy]" in ran.err
    rule = '@id("points") @explain("Points") permit (principal, action == Action::"loyalty.grant",'
    (shop.folder / "policies" / "loyalty.cedar").write_text(f"{rule} resource);")
    shop.line.done("policy", "activate")
    assert shop.line.done(*GRANT, '{"points": 5}')["status"] == "succeeded"


@pytest.mark.promise("cli:next-steps")
def test_what_a_rule_forbids_names_the_rule(cli: CliWorkspace) -> None:
    """A forbid of the default policy; nothing is to be written for it."""
    words = ("propose", "stripe.refund", *SUBJECT, "--assurance", "unverified", "--args")
    ran = cli.line(*words, '{"charge": "ch_demo_ana_1"}').refused("policy_denied")
    assert "next: ask for what `sayso.verified-only` does not forbid" in ran.err


@pytest.mark.promise("cli:next-steps")
@pytest.mark.parametrize(
    ("points", "problem"), [("5000", "not of at most 1000"), ("0", "not above 0")]
)
def test_a_number_out_of_bounds_hears_both_of_them(
    shop: CliWorkspace, points: str, problem: str
) -> None:
    """The next try keeps to the other bound as well."""
    ran = shop.line(*GRANT, f'{{"points": {points}}}').refused("invalid_input")
    assert problem in ran.err
    assert "next: give a number above 0 and of at most 1000" in ran.err


def test_a_request_that_there_is_not_names_the_list(still: CliWorkspace) -> None:
    """As actions and approvals do."""
    ran = still.line("requests", "show", "req_none").refused("not_found")
    assert "next: `sayso requests list`" in ran.err
