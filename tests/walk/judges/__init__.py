"""Who judges the world after each step, and who every few steps."""

from __future__ import annotations

from walk.judges.books import judge_books
from walk.judges.channels import judge_channels
from walk.judges.counters import judge_counters
from walk.judges.erased import judge_erased
from walk.judges.log import judge_export, judge_ready, judge_server, judge_verification
from walk.judges.replies import judge_replies
from walk.judges.states import judge_states
from walk.world import World

EVERY = 4
"""So often the log is verified whole."""


async def judge(world: World, *, whole: bool) -> None:
    """Judge the world as it stands.

    Args:
        whole: also what takes longer.

    Raises:
        FindingError: what is wrong.
    """
    requests = await judge_states(world)
    judge_replies(world, requests)
    await judge_counters(world)
    judge_channels(world)
    await judge_books(world)
    await judge_server(world)
    if whole:
        judge_verification(world)
        await judge_erased(world)


async def judge_end(world: World) -> None:
    """All of it, and an export."""
    await judge(world, whole=True)
    await judge_ready(world)
    await judge_export(world)
