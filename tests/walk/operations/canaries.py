"""Test cards: answered like any other, and nothing comes of it."""

from __future__ import annotations

from random import Random

from walk.facts import FindingError
from walk.operations.base import active, must_refuse, operation, pick
from walk.operations.deciding import with_any_role
from walk.surfaces.base import Surface
from walk.variants import Variant
from walk.world import World

from sayso.errors import RefusedError
from sayso.sdk.resources.canaries import CanaryView
from sayso.sdk.views.solution import SolutionView


def _has(variant: Variant) -> bool:
    return variant.has_canaries


@operation("answer a test card", verb="answer_test", weight=12, fits=_has)
async def answer(world: World, dice: Random, surface: Surface) -> str | None:
    """A yes misses what is wrong with it, a no sees it; neither does anything."""
    found = await _open(world, dice)
    if found is None:
        return None
    card, person = found
    choice = dice.choice(["approve", "reject", "reject"])
    before = len(world.effects())
    await surface.answer_test(card, person, choice)
    after = await world.sayso.canaries.get(card.id)
    wanted = "missed" if choice == "approve" else "caught"
    if (after.status, after.person) != (wanted, person):
        raise FindingError("untrue", f"a test card is {after.status} after {choice} of {person}")
    if len(world.effects()) != before:
        raise FindingError("money", "something was done by the answer to a test card")
    return f"{person} says {choice} to a test card: {after.status}"


@operation("answer a test card wrongly", verb="answer_test", weight=6, fits=_has)
async def wrongly(world: World, dice: Random, surface: Surface) -> str | None:
    """One that is over takes no answer, and none takes that of somebody without a role."""
    known = await _all(world)
    card = pick(dice, [one for one in known if one.solution is not None])
    person = pick(dice, with_any_role(world))
    if card is None or person is None or card.solution is None:
        return None
    if card.status == "open":
        strangers = [name for name in active(world) if not world.facts.people[name]]
        person = pick(dice, strangers)
        if person is None:
            return None
    attempt = surface.answer_test(card.solution, person, "approve")
    return await must_refuse(f"{person}'s yes to a test card that is {card.status}", attempt)


@operation("a program looks for test cards", weight=2, fits=_has)
async def programs(world: World, dice: Random, surface: Surface) -> str | None:
    """No list that a program reads has one, and its id opens nothing there."""
    known = await _all(world)
    card = pick(dice, known)
    if card is None:
        return None
    page = await world.sayso.solutions.waiting(limit=100)
    shown = {one.id for one in page.items} | {one.id for one in await world.sayso.approvals.list()}
    if shown & {one.id for one in known}:
        raise FindingError("allowed", "a test card stands in a list that programs read")
    return await must_refuse("a test card read as a solution", world.sayso.solutions.get(card.id))


async def _open(world: World, dice: Random) -> tuple[SolutionView, str] | None:
    """A test card that waits, and somebody who may answer it."""
    sayso = world.sayso
    found = [
        (card, known.id)
        for known in await sayso.people.list(sayso.tenant)
        if known.active
        for card in await sayso.canaries.waiting_for(known)
    ]
    return pick(dice, found)


async def _all(world: World) -> list[CanaryView]:
    rows = world.rows("select id from canary where tenant = 'main' order by number")
    found: list[CanaryView] = []
    for (canary_id,) in rows:
        try:
            found.append(await world.sayso.canaries.get(str(canary_id)))
        except RefusedError:
            continue
    return found
