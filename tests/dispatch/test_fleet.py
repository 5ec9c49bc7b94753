"""A fleet: real workers on PostgreSQL that share, die, stand still, and lose their engine."""

from __future__ import annotations

import asyncio
import signal

from dispatch.stage import Stage, refund

ASK = 9000
"""Cents for which a manager is asked."""


async def test_what_is_proposed_is_run_by_a_worker(stage: Stage) -> None:
    """`sayso serve` and its like only hand over; one worker runs it (issue 3)."""
    worker = stage.worker()
    assert worker.engine == "dbos", stage.log()
    async with stage.open() as sayso:
        done = await refund(sayso, "m1", wait=True)
        assert done.status == "succeeded", stage.log()
    assert stage.lines("effects") == [[done.id, str(worker.pid)]]
    worker.tell(signal.SIGTERM)
    assert await asyncio.to_thread(worker.process.wait, 20) == 0
    assert stage.log() == ""
