"""People and tokens come and go while their cards wait."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from walk.facts import FindingError
from walk.operations.base import active, must_refuse, operation, pick
from walk.operations.deciding import with_any_role
from walk.places import ALL_OF_A_PERSON, HOST
from walk.surfaces.base import Surface
from walk.variants import PEOPLE
from walk.world import World

from sayso.audit.authority.by import By
from sayso.sdk.resources.staff import StaffChange

_HOST = By(actor=HOST)


@operation("remove a person", weight=2)
async def remove(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody leaves; one who may decide alone always stays."""
    person = pick(dice, [name for name in active(world) if name not in {"maria", "olga"}])
    if person is None:
        return None
    await world.sayso.people.deactivate(world.sayso.tenant, person, by=_HOST)
    del world.facts.people[person]
    return f"{person} leaves"


@operation("add a person", weight=3)
async def add(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody comes back, with a token of their own."""
    person = pick(dice, sorted(set(PEOPLE) - set(world.facts.people)))
    if person is None:
        return None
    sayso = world.sayso
    await sayso.people.add(sayso.tenant, person, PEOPLE[person], by=_HOST)
    world.facts.old_secrets.append(world.secrets[person])
    _, world.secrets[person] = await sayso.tokens.create(
        sayso.tenant, "person", person, ALL_OF_A_PERSON, days=30, by=HOST
    )
    world.facts.people[person] = frozenset(PEOPLE[person])
    return f"{person} comes back"


@operation("change roles", weight=2)
async def change(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody gets another role, or none."""
    person = pick(dice, [name for name in active(world) if name in {"noor", "finn"}])
    if person is None:
        return None
    roles = dice.choice([("support_manager",), ("finance",), (), ("finance", "support_manager")])
    await world.sayso.people.change(world.sayso.tenant, person, roles=roles, by=_HOST)
    world.facts.people[person] = frozenset(roles)
    return f"{person} has the roles {roles}"


@operation("give a role as a person", weight=2)
async def give_role(world: World, dice: Random, surface: Surface) -> str | None:
    """What gives a power waits for a second person who may, and who asked is none."""
    staff, person = (
        world.sayso.staff,
        pick(dice, [n for n in active(world) if n in {"noor", "finn"}]),
    )
    may = sorted(await staff.who_may() & set(active(world)))
    asks = pick(dice, [name for name in may if name != person])
    if person is None or asks is None:
        return None
    roles = ("finance", "support_manager")
    first = await world.sayso.authentication.person(world.token(asks))
    change = StaffChange(verb="role", person=person, roles=roles)
    if world.facts.people[person] == frozenset(roles):
        return await must_refuse("roles that they have", staff.ask(change, first))
    done = await staff.ask(change, first)
    if not done.offer:
        if len(may) > 1:
            raise FindingError("untrue", f"{asks} alone gave {person} the roles {roles}")
        world.facts.people[person] = frozenset(roles)
        return f"{asks}, who alone may, gives {person} the roles {roles}"
    await must_refuse("a change of one's own", staff.confirm(done.offer, first))
    other = dice.choice([name for name in may if name != asks])
    second = await world.sayso.authentication.person(world.token(other))
    await staff.confirm(done.offer, second)
    world.facts.people[person] = frozenset(roles)
    return await must_refuse("a change that is done", staff.confirm(done.offer, second))


@operation("link an account in a chat", weight=2)
async def link(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody gets an account in Teams, another one, or none; one of somebody else is refused."""
    person = pick(dice, active(world))
    if person is None:
        return None
    people, tenant = world.sayso.people, world.sayso.tenant
    wanted = dice.choice(["", f"t1/{person}", f"t1/{person}-2"])
    known = await people.change(tenant, person, accounts={"teams": wanted}, by=_HOST)
    if (known.account("teams") or "") != wanted:
        raise FindingError("untrue", f"{person} has the account {known.account('teams')}")
    others = [one for one in active(world) if one != person]
    if wanted and others:
        attempt = people.change(tenant, dice.choice(others), accounts={"teams": wanted}, by=_HOST)
        return await must_refuse("an account of somebody else", attempt)
    return f"{person} has the account {wanted or 'of nobody'} in Teams"


@operation("a new token", weight=2)
async def new_token(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody's token is revoked and made anew."""
    person = pick(dice, active(world))
    if person is None:
        return None
    tokens, tenant = world.sayso.tokens, world.sayso.tenant
    known = await world.sayso.authentication.holder(world.token(person), via="walk")
    await tokens.revoke(tenant, known.id, by=HOST)
    world.facts.old_secrets.append(world.secrets[person])
    _, world.secrets[person] = await tokens.create(
        tenant, "person", person, ALL_OF_A_PERSON, days=30, by=HOST
    )
    return f"{person} has a new token"


@operation("use an old token", weight=2)
async def old_token(world: World, dice: Random, surface: Surface) -> str | None:
    """A token that was revoked opens nothing."""
    secret = pick(dice, world.facts.old_secrets)
    if secret is None:
        return None
    used = world.sayso.authentication.holder(secret, via="walk")
    return await must_refuse("a token that was revoked", used)


@operation("use a link twice", weight=2)
async def link_twice(world: World, dice: Random, surface: Surface) -> str | None:
    """A one-time link opens one session."""
    person = pick(dice, with_any_role(world))
    if person is None:
        return None
    link = await world.sayso.sessions.make_link(person)
    await world.sayso.sessions.enter(link)
    return await must_refuse("a link that was used", world.sayso.sessions.enter(link))


@operation("away", weight=2)
async def away(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody does not answer for a while, and names who is called in their place."""
    person = pick(dice, [name for name in with_any_role(world) if name not in {"maria", "olga"}])
    if person is None:
        return None
    now = world.now()
    until = now + timedelta(hours=dice.choice([-1, 5, 30]))
    to = dice.choice(["", "maria", "olga"])
    await world.sayso.people.set_away(world.sayso.tenant, person, until, to=to, now=now, by=_HOST)
    return f"{person} is away until {until:%a %H:%M}, {to or 'nobody'} answers for them"


@operation("away for somebody with fewer roles", weight=1)
async def away_wrong(world: World, dice: Random, surface: Surface) -> str | None:
    """Who answers for somebody has their roles."""
    other = pick(dice, [one for one in ("noor", "finn") if one in world.facts.people])
    if other is None or not world.facts.people["maria"] - world.facts.people[other]:
        return None
    now = world.now()
    attempt = world.sayso.people.set_away(
        world.sayso.tenant, "maria", now + timedelta(hours=5), to=other, now=now, by=_HOST
    )
    return await must_refuse(f"{other}, who lacks a role, in maria's place", attempt)
