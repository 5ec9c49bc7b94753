"""A colleague composes something for a customer, and proposes it as it was judged."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from walk.facts import FindingError
from walk.operations.asking import wish
from walk.operations.base import active, must_refuse, operation, pick
from walk.operations.deciding import with_any_role
from walk.surfaces.base import Surface
from walk.world import World

from sayso.sdk.resources.compose import Composition
from sayso.sdk.resources.tokens import Token


@operation("compose", weight=6)
async def compose(world: World, dice: Random, surface: Surface) -> str | None:
    """What is judged is what is proposed, once; what cannot be done has nothing to propose."""
    person = pick(dice, with_any_role(world))
    action, args, customer = wish(world, dice)
    if person is None:
        return None
    by, key = await _holder(world, person), f"compose-{dice.getrandbits(40):x}"
    wanted = Composition(customer=customer, action=action, args=args)
    seen = await world.sayso.compose.judge(wanted, by=by)
    if not seen.digest:
        return await must_refuse(
            f"{person} proposes what cannot be done",
            world.sayso.compose.propose(wanted, by=by, digest="", key=key),
        )
    done = [
        await world.sayso.compose.propose(wanted, by=by, digest=seen.digest, key=key, via="walk")
        for _ in range(2)
    ]
    if done[0].id != done[1].id:
        raise FindingError("allowed", f"the same key made a second {action} for {customer}")
    if seen.verdict == "asks" and done[0].status not in {"pending_approval", "refused"}:
        raise FindingError("untrue", f"{action} was to ask, and is {done[0].status}")
    world.facts.requesters.setdefault(done[0].id, person)
    return f"{person} composes {action} for {customer}: {seen.verdict}, {done[0].status}"


@operation("compose wrongly", weight=3)
async def wrongly(world: World, dice: Random, surface: Surface) -> str | None:
    """Neither by somebody without a role, nor by another judgement than the one that was seen."""
    person = pick(dice, active(world))
    action, args, customer = wish(world, dice)
    if person is None:
        return None
    by, wanted = (
        await _holder(world, person),
        Composition(customer=customer, action=action, args=args, why="because"),
    )
    digest = "0" * 64
    if world.facts.people[person]:
        seen = await world.sayso.compose.judge(replace(wanted, why="something else"), by=by)
        digest = seen.digest or digest
    attempt = world.sayso.compose.propose(wanted, by=by, digest=digest, key="wrong")
    return await must_refuse(f"a wrong composition by {person}", attempt)


async def _holder(world: World, person: str) -> Token:
    return await world.sayso.authentication.person(world.token(person), via="walk")
