"""What a process of its own does that is killed while it changes several tenants at once."""

from __future__ import annotations

from pathlib import Path

from actions.limits.limit_work import KEPT, POLICY
from actions.steps import usd
from support.faults.points import Points, do_nothing
from support.faults.stores import TappedStore
from support.shop import Shop
from support.shop_workspace import STORE_URLS, make_shop_workspace

from sayso.audit.entry import Actor, ActorKind
from sayso.ids import Tenant
from sayso.money import Money
from sayso.sdk.audit.publishing import publish_now
from sayso.sdk.client import Sayso
from sayso.sdk.wiring.database import open_store
from sayso.sdk.workspace import Workspace
from sayso.testing.clock import FakeClock

HOST = Actor(kind=ActorKind.SERVICE, id="host")
BOT = Actor(kind=ActorKind.SERVICE, id="bot")
TENANTS = ("main", "rival")
LIMIT = """
[[limit]]
id  = "all-day"
say = "At most $60 go out a day"
of  = "workspace"
action = "shop.refund"
sum = { USD = 60 }
per = "day"
"""


def workspace_at(folder: Path, url: str) -> Workspace:
    """The workspace of the test; its log has a successor for its key."""
    (folder / "limits.toml").write_text(LIMIT)
    STORE_URLS.append(url)
    try:
        return make_shop_workspace(
            folder,
            POLICY,
            policy_section={**KEPT, "follow": "files"},
            signing={"next_key": "file:keys/next.key"},
        )
    finally:
        STORE_URLS.pop()


def stocked() -> Shop:
    """Each process has the same orders before it, one for each tenant."""
    shop = Shop()
    for name in TENANTS:
        shop.books.add(f"o-{name}", f"cus_{name}", Money(10_000, "USD"))
    return shop


async def refund(sayso: Sayso, tenant: str, key: str) -> str:
    """A refund of $49.00 of a tenant's order; where it stands then."""
    view = await sayso.propose(
        "shop.refund",
        {"order": f"o-{tenant}", "amount": usd(4_900)},
        subject=f"cus_{tenant}",
        requester=BOT,
        idempotency_key=key,
        tenant=Tenant(tenant),
    )
    return view.status


async def cross(passing: Points, folder: str, url: str, what: str) -> None:
    """Do one thing that crosses tenants; only what it does itself passes points."""
    workspace = workspace_at(Path(folder), url)
    store = TappedStore(open_store(workspace), lambda name: do_nothing())
    async with Sayso(
        workspace, mode="decide", connectors=[stocked()], store=store, clock=FakeClock()
    ) as sayso:
        store.passing = passing
        match what:
            case "stop":
                await sayso.stops.engage("all", reason="odd", idempotency_key="once", by=HOST)
            case "rotate":
                await sayso.audit.rotate_key(by=HOST)
            case "publish":
                await publish_now(sayso)
            case _:
                await refund(sayso, "rival", "once")
        store.passing = lambda name: do_nothing()
