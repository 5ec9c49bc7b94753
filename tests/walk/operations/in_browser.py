"""What people without a terminal do on pages: a rule written, somebody invited, a token made."""

from __future__ import annotations

import re
from random import Random
from urllib.parse import unquote

from walk.facts import FindingError
from walk.operations.base import active, must_refuse, operation, pick, with_role
from walk.operations.controls import remember_policy
from walk.places import ALL_OF_A_PERSON, HOST
from walk.surfaces.base import Surface
from walk.variants import PEOPLE
from walk.world import World

_OFFER = re.compile(r"people/change/([A-Za-z0-9_.-]+)")
_LINK = re.compile(r"enter\?key=([A-Za-z0-9_.%-]+)")


@operation("write a rule in the browser", verb="write_rule", weight=2)
async def write_rule(world: World, dice: Random, surface: Surface) -> str | None:
    """A row of a table, as fields; what loosens waits for somebody else, and is taken back."""
    person = pick(dice, with_role(world, "support_manager"))
    if person is None:
        return None
    amount = dice.choice([40, 90, 400])
    before = {one.id for one in await world.sayso.policy.changes()}
    await surface.write_rule(person, "stripe.credit", amount)
    await remember_policy(world)
    waits = [one for one in await world.sayso.policy.changes() if one.id not in before]
    for one in waits:
        if one.direction != "looser":
            raise FindingError("untrue", f"{one.id} waits, and is {one.direction}")
        refused = await must_refuse("one's own rule", surface.confirm(one.id, person, one.sha256))
        await world.sayso.policy.withdraw(one.id, token=world.token(person))
        return refused
    state = await world.sayso.policy.in_force()
    text = "" if state is None else state.files.get("policies/stripe-credit.toml", "")
    if f"{amount} USD" not in text and f"USD = {amount}" not in text:
        raise FindingError("untrue", f"{person} signed {amount}, and it is not in force")
    return f"{person} writes that credit is never over {amount}"


@operation("invite somebody in the browser", verb="staff", weight=2)
async def invite(world: World, dice: Random, surface: Surface) -> str | None:
    """A second person agrees, who asked does not; the link that comes of it opens one session."""
    staff, sayso = world.sayso.staff, world.sayso
    guest = pick(dice, sorted(set(PEOPLE) - set(world.facts.people)))
    may = sorted(await staff.who_may() & set(active(world)))
    if guest is None or len(may) < 2:
        return None
    asks, other = dice.sample(may, 2)
    form = {"do": "add", "person": guest, "role": list(PEOPLE[guest])}
    asked = _OFFER.search(await surface.staff(asks, "people/person", form))
    if asked is None:
        raise FindingError("untrue", f"{asks} alone invited {guest}")
    where = f"people/change/{asked[1]}"
    await must_refuse("an invitation of one's own", surface.staff(asks, where, {}))
    done = _LINK.search(await surface.staff(other, where, {}))
    if done is None:
        raise FindingError("untrue", f"nobody got a link for {guest}")
    world.facts.people[guest] = frozenset(PEOPLE[guest])
    world.facts.old_secrets.append(world.secrets[guest])
    _, world.secrets[guest] = await sayso.tokens.create(
        sayso.tenant, "person", guest, ALL_OF_A_PERSON, days=30, by=HOST
    )
    link = unquote(done[1])
    await sayso.sessions.enter(link)
    return await must_refuse("a link that was used", sayso.sessions.enter(link))


@operation("make a token in the browser", verb="staff", weight=2)
async def hand_out(world: World, dice: Random, surface: Surface) -> str | None:
    """Its secret is shown once; the form sent twice makes one, and an ended one opens nothing."""
    person = pick(dice, active(world))
    if person is None:
        return None
    mark = f"walk-{dice.randrange(10**9)}"
    form = {"do": "make", "once": mark, "days": "30", "scope": ["actions:read"]}
    before = {one.id for one in await world.sayso.tokens.list(world.sayso.tenant)}
    await surface.staff(person, "people/token", form)
    made = [
        one
        for one in await world.sayso.tokens.list(world.sayso.tenant)
        if one.id not in before and {each.value for each in one.scopes} == {"actions:read"}
    ]
    if len(made) != 1:
        raise FindingError("untrue", f"{person} made {len(made)} tokens")
    await must_refuse("a form that was sent twice", surface.staff(person, "people/token", form))
    end = {"do": "end", "token": made[0].id}
    await surface.staff(person, "people/token", end)
    return await must_refuse("a token that is ended", surface.staff(person, "people/token", end))
