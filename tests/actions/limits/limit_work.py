"""A shop with limits, and what a process of its own does at their edge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from actions.steps import MAIN, usd
from support.faults.points import Points
from support.shop import Books, Shop
from support.shop_workspace import STORE_URLS, ShopWorkspace, make_shop_workspace, open_shop

from sayso.audit.entry import Actor, ActorKind
from sayso.ids import Tenant
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import ActionView
from sayso.testing.clock import FakeClock

LIMITED: dict[str, object] = {"files": ["policy.cedar", "limits.toml"], "follow": "files"}
KEPT: dict[str, object] = {"files": ["policy.cedar", "limits.toml"]}
POLICY = """
@id("all") @explain("any refund up to 500 runs by itself")
permit (principal, action == Action::"shop.refund", resource)
when { context.amount.lessThanOrEqual(decimal("500.00")) };

@id("more") @explain("more once a support manager says yes")
permit (principal, action == Action::"shop.refund", resource)
when { context.approvedBy.contains("support_manager") };
"""
TOKEN_HOUR = """
[[limit]]
id     = "token-hour"
say    = "One bot refunds at most $900 an hour"
of     = "token"
action = "shop.refund"
sum    = { USD = 900 }
per    = "hour"
"""
BOT = Actor(kind=ActorKind.SERVICE, id="bot")


@asynccontextmanager
async def limited(
    folder: Path,
    limits: str,
    *,
    policy: str = POLICY,
    section: Mapping[str, object] = LIMITED,
    judge: bool = True,
    clock: FakeClock | None = None,
    shop: Shop | None = None,
) -> AsyncGenerator[ShopWorkspace]:
    """A shop with these limits, whose rows are judged in the end.

    Args:
        clock, shop: of the process before, where it goes on with them.
    """
    folder.mkdir(exist_ok=True)
    (folder / "limits.toml").write_text(limits)
    shown = open_shop(folder, policy=policy, policy_section=section, clock=clock, shop=shop)
    async with shown as opened:
        yield opened
        if judge:
            assert await opened.sayso.limits.check() == []
            assert opened.sayso.audit.verify().all_findings == ()


async def refund(
    opened: ShopWorkspace,
    minor: int = 4_900,
    *,
    customer: str = "cus_1",
    order: str = "",
    by: Actor = BOT,
    tenant: str | None = None,
    currency: str = "USD",
) -> ActionView:
    """A refund of a new order of a customer."""
    books = opened.shop.books
    name = order or f"o{len(books.orders)}"
    if name not in books.orders:
        books.add(name, customer, Money(1_000_000, currency))
    return await opened.sayso.propose(
        "shop.refund",
        {"order": name, "amount": {"amount_minor": minor, "currency": currency}},
        subject=customer,
        requester=by,
        tenant=None if tenant is None else Tenant(tenant),
    )


async def race(passing: Points, folder: str, url: str, number: int, times: int) -> int:
    """Propose so many refunds of $49.00 at once, each of another customer; how many were done."""
    if url:
        STORE_URLS.append(url)
    shop = Shop(books=Books())
    workspace = make_shop_workspace(Path(folder), POLICY, policy_section=LIMITED)
    async with Sayso(workspace, mode="decide", connectors=[shop], passing=passing) as sayso:

        async def one(at: int) -> str:
            order, customer = f"o{number}-{at}", f"cus_{number}_{at}"
            shop.books.add(order, customer, Money(10_000, "USD"))
            view = await sayso.propose(
                "shop.refund",
                {"order": order, "amount": usd(4_900)},
                subject=customer,
                requester=BOT,
                tenant=MAIN,
            )
            return view.status

        done = await asyncio.gather(*map(one, range(times)))
    return done.count("succeeded")
