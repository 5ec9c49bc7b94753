"""Erased customers: nobody reads their words any more, and nothing in the database does."""

from __future__ import annotations

from walk.facts import FindingError
from walk.world import World


async def judge_erased(world: World) -> None:
    """Look for the words of whoever was erased, in every place that shows words."""
    gone = world.facts.erased_marks
    if not gone:
        return
    for request in await world.sayso.requests.list(limit=200):
        turns = await world.sayso.solutions.turns(request.id)
        told = " ".join(turn.content for turn in turns)
        if any(mark in told for mark in gone):
            raise FindingError("allowed", f"the words of {request.subject}, erased, are read")
