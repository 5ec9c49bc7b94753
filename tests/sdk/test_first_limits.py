"""What the limits of a new workspace hold from its first day on."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from sayso import Sayso
from sayso.json import JsonValue
from sayso.sandbox import Sandbox
from sayso.sandbox.rows import Charge, Customer
from sayso.sdk.setup.scaffold import create_workspace


@pytest.mark.promise("limits:first-day")
async def test_a_bot_sends_out_five_hundred_a_day_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eighteen customers, $49 each, one bot: ten go by themselves, and people get the others."""
    with Sandbox.start(seed="empty") as sandbox:
        stock(sandbox, 18)
        async with await opened(tmp_path, sandbox, monkeypatch) as sayso:
            ended = Counter([await refund(sayso, number) for number in range(18)])
    assert ended == {"succeeded": 10, "pending_approval": 8}
    assert sum(one.amount for one in sandbox.books().effects) == 49_000


@pytest.mark.promise("limits:first-day")
async def test_a_customer_is_one_under_however_many_tenants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three times $49 to one customer, each in another tenant: the third asks somebody."""
    with Sandbox.start(seed="empty") as sandbox:
        stock(sandbox, 1)
        async with await opened(tmp_path, sandbox, monkeypatch) as sayso:
            ended = [await refund(sayso, 0, tenant) for tenant in ("main", "shop", "club")]
    assert ended == ["succeeded", "succeeded", "pending_approval"]
    assert sum(one.amount for one in sandbox.books().effects) == 9_800


async def opened(folder: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sayso:
    """What `sayso init` makes, on the sandbox."""
    await create_workspace(folder / "shop", approver="maria")
    settings = folder / "shop" / "sayso.toml"
    text = settings.read_text().replace("# base_url", f'base_url = "{sandbox.url}"  #')
    settings.write_text(text)
    monkeypatch.setenv("STRIPE_API_KEY", sandbox.api_key)
    return Sayso.open(settings)


def stock(sandbox: Sandbox, customers: int) -> None:
    """Customers of a year with a payment of $500 each."""
    now = int(sandbox.now().timestamp())
    since = now - int(timedelta(days=365).total_seconds())
    for number in range(customers):
        owner = Customer(id=f"cus_{number}", created=since, name=f"Customer {number}")
        paid = Charge(
            id=f"ch_{number}",
            created=now - 86_400,
            amount=50_000,
            currency="usd",
            customer=owner.id,
            description="Order 1",
        )
        sandbox.add(owner, paid)


async def refund(sayso: Sayso, number: int, tenant: str | None = None) -> str:
    """What becomes of $49 back to a customer."""
    args: dict[str, JsonValue] = {
        "charge": f"ch_{number}",
        "amount": {"amount_minor": 4900, "currency": "USD"},
    }
    view = await sayso.propose("stripe.refund", args, subject=f"cus_{number}", tenant=tenant)
    return view.status
