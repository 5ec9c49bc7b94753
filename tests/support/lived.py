"""A shop in which a bit of everything has happened, for tests that look at all of its rows."""

from __future__ import annotations

from actions.desk import MAIN, decide, propose, run_due, say, shown, stock, usd
from agent.test_run import Scripted, plan, refund
from support.house import ShopHouse
from support.shop import ShopFault

from sayso.actions.approvals.decision import Choice
from sayso.actions.controls.kill_switch import Resumption
from sayso.audit.entry import Actor, ActorKind
from sayso.audit.erasure import ErasureOrder

BOT = Actor(kind=ActorKind.SERVICE, id="bot")


def planner() -> Scripted:
    """Plans what `live` asks for in words."""
    return Scripted(plan(refund(1100)), plan(refund(1100)))


async def live(house: ShopHouse) -> None:
    """Done, asked, lowered, refused, lost, stopped, planned and erased; the shop is at rest."""
    stock(house, *(f"o{number}" for number in range(1, 8)))
    stock(house, "o9", customer="cus_9")
    stock(house, "o8", customer="cus_8")
    await propose(house, 2000, requester=BOT)
    orders = ("o2", "o3", "o4", "o5")
    yes, less, no, two = [await propose(house, order=order) for order in orders]
    await decide(house, say(await shown(house, yes)))
    lowered = {"amount": usd(9000)}
    await decide(house, say(await shown(house, less), "maria", Choice.EDIT, args=lowered))
    await decide(house, say(await shown(house, no), choice=Choice.REJECT))
    assert two.status == "pending_approval"
    house.shop.faults.append(ShopFault.LOST_AFTER)
    await propose(house, 100, order="o6")
    house.clock.advance(minutes=2)
    await run_due(house)
    both = await propose(house, 60_000, order="o7")
    await decide(house, say(await shown(house, both), "maria"))
    await decide(house, say(await shown(house, both), "finn"))
    await _stop_and_resume(house)
    for customer in ("cus_9", "cus_8"):
        await house.sayso.ask(customer, "please give me back $11.00 of my order")
    house.clock.advance(minutes=3)  # the lease of its request is over
    await _erase(house, "cus_8")
    await house.sayso.stop("action", "shop.refund", reason="till Monday", by=BOT)


async def _stop_and_resume(house: ShopHouse) -> None:
    stop = await house.sayso.stop("customer", "cus_9", reason="looks odd", by=BOT)
    for person in ("maria", "noor"):
        word = Resumption(tenant=MAIN, stop_id=stop.id, person=person, via="test", key=person)
        await house.sayso.resume_as(word)


async def _erase(house: ShopHouse, customer: str) -> None:
    order = ErasureOrder(
        tenant=MAIN, subject_id=customer, reason="asked", by=BOT, via="test", key="erase"
    )
    await house.sayso.house.eraser.erase(order)
