"""A shop in which a bit of everything has happened, for tests that look at all of its rows."""

from __future__ import annotations

from actions.steps import MAIN, decide, propose, run_due, say, shown, stock, usd
from agent.test_run import Scripted, plan, refund
from support.shop import ShopFault
from support.shop_workspace import ShopWorkspace

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.controls.kill_switch import Resumption
from sayso.audit.entry import Actor, ActorKind
from sayso.audit.erasure import ErasureOrder

BOT = Actor(kind=ActorKind.SERVICE, id="bot")


def planner() -> Scripted:
    """Plans what `live` asks for in words."""
    return Scripted(plan(refund(1100)), plan(refund(1100)))


async def live(workspace: ShopWorkspace) -> None:
    """Done, asked, lowered, refused, lost, stopped, planned and erased; the shop is at rest."""
    stock(workspace, *(f"o{number}" for number in range(1, 8)))
    stock(workspace, "o9", customer="cus_9")
    stock(workspace, "o8", customer="cus_8")
    await propose(workspace, 2000, requester=BOT)
    orders = ("o2", "o3", "o4", "o5")
    yes, less, no, two = [await propose(workspace, order=order) for order in orders]
    await decide(workspace, say(await shown(workspace, yes)))
    lowered = {"amount": usd(9000)}
    await decide(
        workspace, say(await shown(workspace, less), "maria", DecisionChoice.EDIT, args=lowered)
    )
    await decide(workspace, say(await shown(workspace, no), choice=DecisionChoice.REJECT))
    assert two.status == "pending_approval"
    workspace.shop.faults.append(ShopFault.LOST_AFTER)
    await propose(workspace, 100, order="o6")
    workspace.clock.advance(minutes=2)
    await run_due(workspace)
    both = await propose(workspace, 60_000, order="o7")
    await decide(workspace, say(await shown(workspace, both), "maria"))
    await decide(workspace, say(await shown(workspace, both), "finn"))
    await _stop_and_resume(workspace)
    for customer in ("cus_9", "cus_8"):
        await workspace.sayso.ask(customer, "please give me back $11.00 of my order")
    workspace.clock.advance(minutes=3)  # the lease of its request is over
    await erase(workspace, "cus_8")
    await workspace.sayso.stops.engage("action", "shop.refund", reason="till Monday", by=BOT)


async def _stop_and_resume(workspace: ShopWorkspace) -> None:
    stop = await workspace.sayso.stops.engage("customer", "cus_9", reason="looks odd", by=BOT)
    for person in ("maria", "noor"):
        word = Resumption(
            tenant=MAIN, stop_id=stop.id, person=person, via="test", credential="host", key=person
        )
        await workspace.sayso.stops.resume_as(word)


async def erase(workspace: ShopWorkspace, customer: str) -> None:
    """Erase one account, as the bot asks for it."""
    order = ErasureOrder(
        tenant=MAIN,
        subject_id=customer,
        reason="asked",
        by=BOT,
        via="test",
        credential="host",
        key="erase",
    )
    await workspace.sayso.container.eraser.erase(order, only=True)
