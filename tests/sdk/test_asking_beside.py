"""Asking in one process while another one, such as `sayso serve`, has taken the request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from agent.test_run import Scripted, plan, refund, stock
from support.shop_workspace import open_shop

from sayso.actions.model.definition import Action
from sayso.actions.model.plan import Handoff, Plan
from sayso.agent.base import Handles, Message
from sayso.ids import Tenant


class Slow(Scripted):
    """A planner that has begun, and goes on when it is let."""

    def __init__(self, answer: Plan) -> None:
        super().__init__(answer)
        self.began, self.go_on = asyncio.Event(), asyncio.Event()

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Handoff:
        self.began.set()
        await self.go_on.wait()
        return await super().plan(messages, handles, actions)


async def test_who_asks_waits_for_the_process_that_plans_it(tmp_path: Path) -> None:
    """`ask` promises to wait for what needs no person, whoever does it; it was told `received`."""
    slow = Slow(plan(refund(2000)))
    async with open_shop(tmp_path, planner=slow) as server:
        stock(server)
        shop, clock = server.shop, server.clock
        async with open_shop(tmp_path, planner=Scripted(), shop=shop, clock=clock) as other:
            words = ("cus_1", "please give me back $20.00 of order o1")
            asked = await other.sayso.ask(*words, idempotency_key="k1", wait_s=0)
            run = server.sayso.container.dispatcher.run_now("request", Tenant("main"), asked.id)
            planning = asyncio.create_task(run)
            await slow.began.wait()
            waiting = asyncio.create_task(other.sayso.ask(*words, idempotency_key="k1"))
            done, _ = await asyncio.wait([waiting], timeout=0.3)
            assert not done, waiting.result()
            slow.go_on.set()
            view = await waiting
            await planning
        assert view.status in {"acting", "answered"}
        assert view.reply is not None
