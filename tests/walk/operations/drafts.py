"""What machines left to people: the draft of a handed-over request, proposed by somebody."""

from __future__ import annotations

from random import Random

from walk.facts import FindingError
from walk.operations.asking import remember_requesters
from walk.operations.base import active, must_refuse, operation, pick
from walk.operations.deciding import with_any_role
from walk.surfaces.base import Surface
from walk.world import World

from sayso.sdk.resources.work import WorkView


@operation("propose a draft", verb="propose_draft", weight=5)
async def propose(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody with a role makes a draft their own; it is judged, and they never approve it."""
    work, person = await _drafted(world, dice), pick(dice, with_any_role(world))
    if work is None or work.draft is None or person is None:
        return None
    await surface.propose_draft(work.about, person, work.draft.digest)
    request = await world.sayso.requests.get(work.about)
    await remember_requesters(world, request, person)
    if not request.actions:
        raise FindingError("untrue", f"a draft of {work.subject} was proposed, and nothing came")
    return f"{person} proposes what is drafted for {work.subject}: {request.status}"


@operation("propose a draft wrongly", verb="propose_draft", weight=3)
async def wrongly(world: World, dice: Random, surface: Surface) -> str | None:
    """Neither another draft than the one that was seen, nor by somebody without a role."""
    work, person = await _drafted(world, dice), pick(dice, active(world))
    if work is None or work.draft is None or person is None:
        return None
    digest = work.draft.digest
    if world.facts.people[person]:
        digest = ("0" if digest[0] != "0" else "1") + digest[1:]
    attempt = surface.propose_draft(work.about, person, digest)
    return await must_refuse(f"a wrong proposal of a draft by {person}", attempt)


@operation("propose a draft twice", verb="propose_draft", weight=2)
async def twice(world: World, dice: Random, surface: Surface) -> str | None:
    """What was proposed by somebody is not proposed by another as well."""
    person = pick(dice, with_any_role(world))
    requests = await world.sayso.requests.list(limit=200)
    requests = sorted(requests, key=lambda one: (one.created_at, one.subject))
    found = pick(dice, [one for one in requests if one.status != "handed_over" and one.actions])
    if person is None or found is None:
        return None
    return await must_refuse(
        f"a draft of a request that is {found.status}",
        surface.propose_draft(found.id, person, "0" * 64),
    )


async def _drafted(world: World, dice: Random) -> WorkView | None:
    """Work that has a draft."""
    items = await world.sayso.work.list(limit=200)
    found = [await world.sayso.work.get(one.about) for one in items if one.about[:4] == "req_"]
    ready = [one for one in found if one.draft is not None and not one.ended]
    return pick(dice, sorted(ready, key=lambda one: (one.since, one.subject)))
