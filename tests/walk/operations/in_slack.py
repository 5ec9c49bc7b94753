"""What Slack shows one person alone: the app's Home, and that somebody called them by name."""

from __future__ import annotations

import json
from random import Random
from typing import cast

from walk.facts import FindingError
from walk.operations.base import active, cards, may_answer, operation, pick
from walk.surfaces.base import Surface
from walk.surfaces.slack import SlackSurface
from walk.variants import SLACK, Variant
from walk.world import World

from sayso.audit.authority.people import KnownPerson


def _has(variant: Variant) -> bool:
    return variant.has_slack


@operation("open the app's Home", verb="open_home", weight=6, fits=_has)
async def home(world: World, dice: Random, surface: Surface) -> str | None:
    """One's own queue alone; a stranger, another team and who has left see none of it."""
    person = dice.choice([*SLACK, "nobody"])
    shown = await surface.open_home(person, dice.choice(["T1", "T1", "T1", "T9"]))
    if shown is None:
        return f"another team's {person} is shown nothing"
    if "cus_" in shown or "@example" in shown:
        raise FindingError("untrue", f"a customer stands in {person}'s Home: {shown[:300]}")
    if '"type": "button"' in shown:
        raise FindingError("allowed", f"{person}'s Home has a button: {shown[:300]}")
    if person not in world.facts.people:
        if "Waits since" in shown:
            raise FindingError("allowed", f"{person} is nobody here, and sees what waits")
        return f"{person} reads how to be linked"
    mine = [one for one in await cards(world) if person in may_answer(world, one)]
    tests = len(await world.sayso.canaries.waiting_for(await _known(world, person)))
    lines = shown.count("Waits since")
    if lines != len(mine) + tests:
        raise FindingError("untrue", f"{lines} stand in {person}'s Home, of {len(mine)}+{tests}")
    return f"{person}'s Home shows {lines}"


async def _known(world: World, person: str) -> KnownPerson:
    people = world.sayso.container.people
    return (await people.authority(world.sayso.tenant)).people[person]


@operation("call a colleague in Slack", verb="open_home", weight=4, fits=_has)
async def call(world: World, dice: Random, surface: Surface) -> str | None:
    """A card is given, or a note names somebody: they are told, once, and only they."""
    door = cast("SlackSurface", surface)
    card, by = pick(dice, await cards(world)), pick(dice, active(world))
    if card is None or by is None:
        return None
    to = dice.choice([*SLACK, "zoe", "nobody"])
    await door.drain()
    before = len(door.slack.messages)
    await world.sayso.solutions.note_as(
        card.id, f"@{to}: who is it?", tenant=world.sayso.tenant, person=by, via="console"
    )
    await door.drain()
    await door.drain()
    told = [one for one in door.slack.messages[before:] if one.channel.startswith("D")]
    wanted = [f"D{SLACK[to]}"] if to in SLACK and to in world.facts.people and to != by else []
    if [one.channel for one in told] != wanted:
        raise FindingError("untrue", f"{by} calls {to}: {[one.channel for one in told]} are told")
    for one in told:
        if "cus_" in f"{one.text} {json.dumps(list(one.blocks))}" or one.buttons:
            raise FindingError("untrue", f"a customer or a button stands in private: {one.text}")
    return f"{by} calls {to}: {len(told)} told in private"
