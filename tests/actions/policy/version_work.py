"""What a process of its own does in the tests of versions: judges, again and again."""

from __future__ import annotations

from pathlib import Path

from support.faults.points import Points
from support.shop import Shop
from support.shop_workspace import STORE_URLS, make_shop_workspace

from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.workspace import Workspace

LATER = """
@id("later") @explain("up to 40 runs by itself")
permit (principal, action == Action::"shop.refund", resource)
when { context.amount.lessThanOrEqual(decimal("40.00")) };
"""
"""What is put in force while they judge: $50.00 is denied by it."""


def strict_workspace(folder: Path, url: str, file: str = "policy.cedar") -> Workspace:
    """One that does not follow its files, of which it has one."""
    if url:
        STORE_URLS.append(url)
    try:
        section = {"files": [file], "activate": ["support_manager"]}
        return make_shop_workspace(folder, policy_section=section)
    finally:
        if url:
            STORE_URLS.pop()


async def judge_many(passing: Points, folder: str, url: str, number: int, times: int) -> None:
    """Propose refunds of $50.00 of orders of a customer of its own, one after the other."""
    shop = Shop()
    workspace = strict_workspace(Path(folder), url)
    async with Sayso(workspace, mode="decide", connectors=[shop]) as sayso:
        for at in range(times):
            order, customer = f"o{number}-{at}", f"cus_{number}_{at}"
            shop.books.add(order, customer, Money(5000, "USD"))
            await sayso.propose("shop.refund", {"order": order}, subject=customer)
