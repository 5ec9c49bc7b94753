"""Amounts that a provider cannot do are refused before anybody is asked, with what to write."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError
from support.workspace import ENVIRONMENT, make_workspace

from sayso.connectors.manifest.picks import Picker
from sayso.connectors.manifest.schema import MoneyUnit
from sayso.connectors.stripe.currency import from_stripe, to_stripe
from sayso.errors import Code, RefusedError
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sandbox import API_KEY, Sandbox
from sayso.sdk.client import Sayso
from sayso.sdk.workspace import Workspace

pytestmark = pytest.mark.promise("money:possible")


def pay(sandbox: Sandbox, amount: int, currency: str) -> httpx.Response:
    """A payment of Lena's, in Stripe's units."""
    form = {"amount": str(amount), "currency": currency, "source": "tok_visa"}
    form["customer"] = "cus_demo_lena"
    return httpx.post(f"{sandbox.url}/v1/charges", auth=(API_KEY, ""), data=form)


@pytest.mark.parametrize(
    ("paid", "currency", "asked", "instead"),
    [
        (12_340, "kwd", Money(1_231, "KWD"), "1 KWD 230 fils"),
        (12_340, "kwd", Money(1, "KWD"), "0 KWD 10 fils"),
        (900, "mga", Money(50_050, "MGA"), "500.00 MGA"),
    ],
)
async def test_nobody_is_asked_about_what_stripe_cannot_do(
    tmp_path: Path, paid: int, currency: str, asked: Money, instead: str
) -> None:
    """By the real SDK: no card, a code, and the amount to write in its place."""
    with Sandbox.start(seed="demo") as sandbox:
        charge = pay(sandbox, paid, currency).raise_for_status().json()["id"]
        make_workspace(tmp_path, stripe_url=sandbox.url)
        async with Sayso(Workspace.load(tmp_path, ENVIRONMENT), mode="decide") as sayso:
            args: dict[str, JsonValue] = {"charge": charge, "amount": asked.to_json()}
            with pytest.raises(RefusedError) as refused:
                await sayso.propose("stripe.refund", args, subject="cus_demo_lena")
            assert refused.value.code is Code.INVALID_MONEY
            assert instead in refused.value.next_step
            (entry,) = [one for one in await sayso.audit.tail(5) if one.kind == "action.refused"]
            assert entry.body["data"]["code"] == "invalid_money"
            assert await sayso.approvals.list(status=None) == []
        assert not any(effect.kind == "refund" for effect in sandbox.books().effects)


@pytest.mark.parametrize(
    ("money", "theirs"),
    [
        (Money(1_230, "KWD"), 1_230),
        (Money(5, "ISK"), 500),
        (Money(5, "UGX"), 500),
        (Money(500_00, "MGA"), 500),
        (Money(500, "JPY"), 500),
        (Money(10_45, "HUF"), 1_045),  # whole in payouts only
        (Money(10_45, "TWD"), 1_045),
    ],
)
def test_stripes_special_currencies_are_written_as_stripe_does(money: Money, theirs: int) -> None:
    """Supported currencies: zero-decimal, three-decimal and the special cases."""
    assert to_stripe(money) == (theirs, money.currency.lower())
    assert from_stripe(theirs, money.currency.lower()) == money


@pytest.mark.parametrize(
    ("amount", "currency"), [(1_231, "kwd"), (150, "isk"), (150, "ugx"), (1, "omr")]
)
def test_the_sandbox_takes_no_more_than_stripe(amount: int, currency: str) -> None:
    """Or a team would learn of it in earnest."""
    with Sandbox.start(seed="demo") as sandbox:
        answer = pay(sandbox, amount, currency)
        assert answer.status_code == 400
        assert "divisible" in answer.json()["error"]["message"]


def picker(**rule: object) -> Picker:
    """Reads and writes amounts as a manifest says."""
    money = MoneyUnit.model_validate({"unit": "minor", **rule})
    return Picker(money=money, now=lambda: datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("rule", "asked", "instead"),
    [
        ({"multiples": {"KWD": 10}}, Money(1_231, "KWD"), "1 KWD 230 fils"),
        ({"exponents": {"MGA": 0}}, Money(50_050, "MGA"), "500.00 MGA"),
        ({"exponents": {"HUF": 0}}, Money(10_45, "HUF"), "10.00 HUF"),
        ({"multiples": {"CHF": 5}}, Money(1_003, "CHF"), "10.00 CHF"),
        ({"multiples": {"CHF": 5}}, Money(3, "CHF"), "0.05 CHF"),
    ],
)
def test_a_manifest_says_as_data_what_its_provider_cannot_do(
    rule: dict[str, object], asked: Money, instead: str
) -> None:
    """It is asked while the object is read, so no card comes of it."""
    with pytest.raises(RefusedError) as refused:
        picker(**rule).written(asked)
    assert refused.value.code is Code.INVALID_MONEY
    assert instead in refused.value.next_step


@pytest.mark.parametrize(
    ("rule", "asked", "theirs"),
    [
        ({"multiples": {"KWD": 10}}, Money(1_230, "KWD"), 1_230),
        ({"exponents": {"ISK": 2}, "multiples": {"ISK": 100}}, Money(5, "ISK"), 500),
        ({"multiples": {"KWD": 10}}, Money(1_231, "USD"), 1_231),
    ],
)
def test_what_fits_the_rule_is_written(rule: dict[str, object], asked: Money, theirs: int) -> None:
    """Each currency by its own rule."""
    assert picker(**rule).written(asked)["minor"] == theirs


@pytest.mark.parametrize("rule", [{"multiples": {"KWT": 10}}, {"multiples": {"KWD": 1}}])
def test_a_rule_about_no_currency_is_a_mistake_of_the_manifest(rule: dict[str, object]) -> None:
    """Or it would never apply, and nobody would know."""
    with pytest.raises(ValidationError):
        picker(**rule)
