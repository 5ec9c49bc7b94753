"""What the guides about policies say of the policy that `sayso init` writes is so."""

from __future__ import annotations

import re
import tomllib

import pytest
from fences import fences_of
from surfaces.cli.cli_workspace import CliWorkspace
from tree import ROOT

from sayso.settings.document import parse_settings

HOW_TO = ROOT / "docs" / "how-to"


def tables(page: str) -> list[str]:
    """The TOML of a guide, in its order."""
    return [one.body for one in fences_of(HOW_TO / page) if one.language == "toml"]


@pytest.fixture
def begun(cli: CliWorkspace) -> CliWorkspace:
    """A workspace whose reader has copied the tests and the claim of the guide."""
    _, tests, claim, *_ = tables("write-a-policy.md")
    (cli.folder / "policies" / "refunds.test.toml").write_text(tests + claim, encoding="utf-8")
    return cli


def claims_hold(cli: CliWorkspace) -> None:
    proved = cli.line("policy", "prove")
    assert proved.status == 0, proved.out
    assert re.search(r"^proved +over-500", proved.out, re.MULTILINE), proved.out


@pytest.mark.parametrize("guide", ["write-a-policy.md", "widen-step-by-step.md"])
def test_the_wishes_tests_and_claims_of_a_guide_hold_beside_the_shipped_policy(
    begun: CliWorkspace, guide: str
) -> None:
    """The guide said that a claim is proved, which the shipped policy contradicts."""
    claims_hold(begun)
    wishes, dials, *_ = tables(guide)
    (begun.folder / "policies" / "refunds.toml").write_text(wishes, encoding="utf-8")
    if "[[dial]]" in dials:
        (begun.folder / "policies" / "rollout.toml").write_text(dials, encoding="utf-8")
    assert begun.line("check").status == 0
    looked = begun.line("policy", "check")
    assert looked.status == 0, looked.out
    assert "note: policies/stripe.cedar decides beside this table: $" in looked.out
    wanted = begun.line("policy", "test")
    assert wanted.status == 0, wanted.out
    claims_hold(begun)
    assert begun.line("policy", "activate", "--note", "first wishes").status == 0


def test_the_settings_of_one_customer_in_several_systems_are_taken() -> None:
    """Both tables of the guide are as settings are read."""
    begun, tied, *_ = map(tomllib.loads, tables("one-customer-in-several-systems.md"))
    for one in (begun, tied):
        values = {"workspace": {"name": "shop"}, "store": {"url": "sqlite:///s.db"}, **one}
        settings = parse_settings(values, "sayso.toml")
        assert settings.customers.default == "stripe"
    assert tied["customers"]["links"]["zendesk.external_id"] == "shopify"
