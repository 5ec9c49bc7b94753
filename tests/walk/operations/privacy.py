"""Customers who are erased, kept by a hold, and what must not happen to them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from random import Random

from walk.facts import FindingError
from walk.operations.asking import WORDS, some_key
from walk.operations.base import must_refuse, operation, pick
from walk.operations.deciding import with_any_role
from walk.surfaces.base import Surface
from walk.world import World

from sayso.errors import Code, SaysoError
from sayso.ids import Tenant, to_micros
from sayso.store.base import Reader, Row


@operation("erase", verb="erase", weight=2)
async def erase(world: World, dice: Random, surface: Surface) -> str | None:
    """A customer asks to be forgotten."""
    person = pick(dice, with_any_role(world))
    customer = pick(dice, sorted(set(WORDS) - set(world.facts.on_hold.values())))
    if person is None or customer is None:
        return None
    accounts = (customer, *await _linked_to(world, customer))
    attempt = surface.erase(customer, person, some_key(dice))
    if kept := set(accounts) & set(world.facts.on_hold.values()):
        return await must_refuse(f"the erasure of {customer}, tied to {kept} on hold", attempt)
    await attempt
    for account in accounts:
        await _check_gone(world, account)
        world.facts.erased.add(account)
        world.facts.erased_marks |= set(world.facts.marks.pop(account, ()))
        world.facts.keys = [one for one in world.facts.keys if account not in one.content]
    return f"{person} erases {' and '.join(accounts)}"


async def _linked_to(world: World, customer: str) -> list[str]:
    """The customer's other accounts, by what the walk has tied and nobody has ended."""
    container = world.sayso.container
    now = to_micros(container.clock.now())
    found = await container.store.read(
        lambda reader: container.links.person(reader, container.tenant, customer, now)
    )
    return [end.account for end in found]


async def _check_gone(world: World, account: str) -> None:
    """Whether the key of an account went with the customer's."""
    container = world.sayso.container
    find = partial(_named, tenant=container.tenant, account=account)
    if await container.store.read(find) is not None:
        raise FindingError("untrue", f"{account} was erased with its customer, and has a key")


@operation("hold", verb="hold", weight=2)
async def hold(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody is told to keep everything of a customer."""
    person, customer = pick(dice, with_any_role(world)), dice.choice(sorted(WORDS))
    if person is None:
        return None
    accounts = await _linked_to(world, customer)
    found = await surface.hold(customer, person, some_key(dice))
    world.facts.on_hold[found] = customer
    await _note_beside(world, accounts)
    return f"{person} puts a hold on {' and '.join((customer, *accounts))}"


async def _note_beside(world: World, accounts: Sequence[str]) -> None:
    """Note the holds that a hold brought to the customer's other accounts, one each at least."""
    container = world.sayso.container
    for account in accounts:
        find = partial(_named, tenant=container.tenant, account=account)
        row = await container.store.read(find)
        views = await world.sayso.privacy.holds(limit=200)
        holds = [one.id for one in views if row is not None and one.subject == row["pseudonym"]]
        if not holds:
            raise FindingError("untrue", f"no hold keeps {account}, which is the same customer's")
        world.facts.on_hold |= dict.fromkeys(holds, account)


def _named(reader: Reader, tenant: Tenant, account: str) -> Row | None:
    return reader.one("personal.subject", tenant=tenant, id=account)


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
