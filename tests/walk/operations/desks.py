"""Customers at a desk, colleagues beside Sayso, bells that ring twice or never, and the sweep."""

from __future__ import annotations

from random import Random

from support.fake_desk import FakeDesk
from walk.help_desk import DESKS
from walk.judges.desks import judge_desk
from walk.operations.asking import WORDS
from walk.operations.base import must_refuse, operation, pick
from walk.surfaces.base import Surface
from walk.variants import Variant
from walk.world import World

from sayso.sdk.desk.loop import DeskLoop

_MORE = (
    "Thank you so much!",
    "Yes",
    "No, stop, I'll keep it",
    "When will I have it?",
    "x" * 20_001,
)


def _has(variant: Variant) -> bool:
    return variant.has_desk


def desk_in(world: World) -> FakeDesk:
    """The desk's connector as it is open now."""
    desk = DESKS[world.folder.resolve()].desk
    assert desk is not None, "the workspace is open"
    return desk


@operation("a customer writes at the desk", weight=14, fits=_has)
async def write(world: World, dice: Random, surface: Surface) -> str | None:
    """A new thread, or more in one; the bell rings, twice, or never."""
    desk = desk_in(world)
    known = pick(dice, sorted(desk.books.tickets)) if dice.random() < 0.5 else None
    who = dice.choice(sorted(WORDS)) if known is None else desk.books.tickets[known].customer
    thread = known or f"t{len(desk.books.tickets) + 1}"
    words = dice.choice(_MORE if known is not None else WORDS[who])
    desk.write(thread, words, customer=who)
    world.clock.advance(seconds=1)
    rings = dice.choice([0, 1, 2])
    for _ in range(rings):
        await world.sayso.desks.ring("desk", thread)
    return f"{who} writes in {thread}: {words[:40]} ({rings} rings)"


@operation("the desk is looked after", weight=14, fits=_has)
async def look(world: World, dice: Random, surface: Surface) -> str | None:
    """It is swept, what is new is taken in, what is due is said; a call may go wrong."""
    desk = desk_in(world)
    desk.faults[:] = dice.choice([[], [], ["lost_after"], ["lost_before"], ["unreachable"]])
    desk.unreadable = dice.random() < 0.1
    loop = DeskLoop(world.sayso.container, world.workspace.settings.desk)
    for one in loop.desks:
        await one.sweep_now()
    await loop.drain()
    await world.carry_out()
    await loop.drain()
    desk.unreadable = False
    judge_desk(world, desk)
    return f"{len(desk.books.tickets)} threads are looked after"


@operation("a colleague at the desk", weight=5, fits=_has)
async def meet(world: World, dice: Random, surface: Surface) -> str | None:
    """Answers, takes or closes a thread; or a machine writes in one."""
    desk = desk_in(world)
    thread = pick(dice, sorted(desk.books.tickets))
    if thread is None:
        return None
    what = dice.choice(["answers", "takes", "closes", "machine", "note"])
    match what:
        case "answers":
            desk.write(thread, "I look into it.", author="colleague")
        case "takes":
            desk.change(thread, assignee="maria")
        case "closes":
            desk.change(thread, is_open=False)
        case "machine":
            desk.write(thread, "I am out of office.", author="machine")
        case _:
            desk.write(thread, "Odd customer.", author="colleague", public=False)
    world.clock.advance(seconds=1)
    return f"{what} in {thread}"


@operation("a desk that is none", weight=1, fits=_has)
async def wrong(world: World, dice: Random, surface: Surface) -> str | None:
    """Nobody's desk is rung or swept, and no thread has such a name."""
    desks = world.sayso.desks
    if dice.random() < 0.5:
        return await must_refuse("a sweep of nobody's desk", desks.sweep("nobody"))
    return await must_refuse("a thread's name that is none", desks.ring("desk", "x" * 500))
