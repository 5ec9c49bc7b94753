"""Another live process of the same workspace, which started with older settings or the same."""

from __future__ import annotations

from random import Random

from walk.operations.base import OPERATIONS, operation
from walk.surfaces.base import Surface
from walk.world import World

THERE = (
    "ask",
    "reply",
    "propose",
    "propose again",
    "propose an equal one",
    "yes",
    "yes",
    "less",
    "no",
    "ask the customer",
    "yes to one's own",
    "settle",
    "stop",
    "resume",
    "set a limit",
    "wait",
    "carry out",
    "carry out",
    "look after",
    "look at everything",
)
"""What is done in it: all that the first process does as well, in the same world."""


@operation("another process", weight=8)
async def another(world: World, dice: Random, surface: Surface) -> str | None:
    """Two processes work side by side, of which one may lack a connector; each follows the other.

    What the other one lacks it refuses or leaves to the first; nothing is done twice.
    """
    own = ["shelf"] if world.variant.has_shelf else []
    lacks = dice.choice(["", "", "email", "stripe", *own])
    there = await world.beside(lacks)
    one = OPERATIONS[dice.choice(THERE)]
    if not one.fits(world.variant):
        return None
    door = type(surface)(there)
    there.surfaces["sdk"] = door
    told = await one.run(there, dice, door)
    return None if told is None else f"in another process: {told}"


@operation("the other process ends", weight=2)
async def ends(world: World, dice: Random, surface: Surface) -> str | None:
    """It ends in order, and nothing of it is left."""
    return "the other process ends" if await world.end_beside() else None
