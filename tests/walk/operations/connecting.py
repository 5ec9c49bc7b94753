"""A provider's account: connected by somebody who may, refreshed, and taken back by its owner."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from walk.facts import FindingError
from walk.operations.base import active, must_refuse, operation, pick
from walk.surfaces.base import Surface
from walk.variants import MAILBOX, Variant
from walk.world import World

from sayso.errors import Code, RefusedError


def _has(variant: Variant) -> bool:
    return variant.has_connection


async def _problem(world: World) -> str:
    (mailbox,) = await world.sayso.accounts.connections()
    return mailbox.problem


@operation("connect an account", verb="connect", weight=4, fits=_has)
async def connect(world: World, dice: Random, surface: Surface) -> str | None:
    """Out to the provider, and back with a code: one call, and the token can be used."""
    person = pick(dice, sorted(await world.sayso.staff.who_may() & set(active(world))))
    if person is None or world.idp is None:
        return None
    before = world.idp.calls
    await surface.connect(person, MAILBOX, lambda state: {"code": "c1", "state": state})
    if world.idp.calls != before + 1:
        raise FindingError("untrue", f"one code was redeemed {world.idp.calls - before} times")
    if problem := await _problem(world):
        raise FindingError("untrue", f"{person} connected it, and {problem}")
    return f"{person} connects {MAILBOX}"


@operation("connect an account wrongly", verb="connect", weight=4, fits=_has)
async def misconnect(world: World, dice: Random, surface: Surface) -> str | None:
    """Of nobody who may, of no name, a no, another's answer, or none: nothing is asked or kept."""
    may = sorted(await world.sayso.staff.who_may() & set(active(world)))
    idp, person = world.idp, pick(dice, may)
    if idp is None or person is None:
        return None
    wrong = dice.choice(["person", "name", "no", "state", "nothing"])
    others = [name for name in active(world) if name not in may]
    if wrong == "person":
        if not others:
            return None
        person = dice.choice(others)
    before, problem = idp.calls, await _problem(world)

    def answer(state: str) -> Mapping[str, str]:
        match wrong:
            case "no":
                return {"error": "access_denied", "state": state}
            case "state":
                return {"code": "c1", "state": state[::-1]}
            case "nothing":
                return {"state": state}
            case _:
                return {"code": "c1", "state": state}

    name = "post" if wrong == "name" else MAILBOX
    told = await must_refuse(
        f"{person} connects with a wrong {wrong}", surface.connect(person, name, answer)
    )
    if idp.calls != before or await _problem(world) != problem:
        raise FindingError("allowed", f"{told}: and the provider was asked, or a token changed")
    return told


@operation("use a connected account", weight=4, fits=_has)
async def use(world: World, dice: Random, surface: Surface) -> str | None:
    """A token is there or it is said that somebody connects it; two at once are one refresh."""
    connections, idp = world.sayso.container.connections, world.idp
    if connections is None or idp is None:
        return None
    if dice.random() < 0.3:
        idp.end_grants()
    if dice.random() < 0.5:
        world.clock.advance(hours=2)
    before = idp.revocations
    try:
        await connections.bearer(MAILBOX)
    except RefusedError as error:
        if error.code != Code.NEEDS_REAUTH or not await _problem(world):
            raise FindingError(
                "untrue", f"no token: {error}; said: {await _problem(world)}"
            ) from error
        return f"{MAILBOX} waits for somebody to connect it"
    if idp.revocations != before:
        raise FindingError("untrue", "a refresh token was used twice")
    return f"a token of {MAILBOX}"
