"""Customers who are erased, kept by a hold, and what must not happen to them."""

from __future__ import annotations

from random import Random

from walk.operations.asking import WORDS, some_key
from walk.operations.base import must_refuse, operation, pick
from walk.operations.deciding import with_any_role
from walk.surfaces.base import Surface
from walk.world import World

from sayso.errors import Code, SaysoError


@operation("erase", verb="erase", weight=2)
async def erase(world: World, dice: Random, surface: Surface) -> str | None:
    """A customer asks to be forgotten."""
    person = pick(dice, with_any_role(world))
    customer = pick(dice, sorted(set(WORDS) - set(world.facts.on_hold.values())))
    if person is None or customer is None:
        return None
    await surface.erase(customer, person, some_key(dice))
    world.facts.erased.add(customer)
    world.facts.erased_marks |= set(world.facts.marks.pop(customer, ()))
    world.facts.keys = [one for one in world.facts.keys if customer not in one.content]
    return f"{person} erases {customer}"


@operation("hold", verb="hold", weight=2)
async def hold(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody is told to keep everything of a customer."""
    person, customer = pick(dice, with_any_role(world)), dice.choice(sorted(WORDS))
    if person is None:
        return None
    found = await surface.hold(customer, person, some_key(dice))
    world.facts.on_hold[found] = customer
    return f"{person} puts a hold on {customer}"


@operation("erase who is on hold", verb="erase", weight=3)
async def erase_held(world: World, dice: Random, surface: Surface) -> str | None:
    """A hold is a hold."""
    customer = pick(dice, sorted(set(world.facts.on_hold.values())))
    person = pick(dice, with_any_role(world))
    if customer is None or person is None:
        return None
    attempt = surface.erase(customer, person, some_key(dice))
    return await must_refuse(f"the erasure of {customer}, who is on hold", attempt)


@operation("release", verb="release", weight=2)
async def release(world: World, dice: Random, surface: Surface) -> str | None:
    """Two people end a hold; one alone does not."""
    found = pick(dice, list(world.facts.on_hold))
    people = with_any_role(world)
    if found is None or len(people) < 2:
        return None
    first, second = dice.sample(people, 2)
    try:
        await surface.release(found, first, some_key(dice))
    except SaysoError as error:
        if error.code not in {Code.OWN_REQUEST, Code.ALREADY_DECIDED}:
            raise
    if (await world.sayso.privacy.hold_of(found)).status != "release_asked":
        del world.facts.on_hold[found]  # another one had asked for it in an earlier step
        return f"{first} confirms the end of a hold"
    alone = await must_refuse(
        "the end of a hold by one person alone", surface.release(found, first, some_key(dice))
    )
    if dice.random() < 0.5:
        return f"{first} asks for the end of a hold; {alone}"
    await surface.release(found, second, some_key(dice))
    del world.facts.on_hold[found]
    return f"{first} and {second} end a hold"


@operation("sweep", weight=1)
async def sweep(world: World, dice: Random, surface: Surface) -> str | None:
    """What is older than its retention goes."""
    await world.sayso.privacy.sweep()
    return "sweep"
