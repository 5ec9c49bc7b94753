"""Two tenants of one database, none of whom sees, asks or decides anything of the other's."""

from __future__ import annotations

from random import Random

from walk.operations.asking import SHELF_CUSTOMERS, money, put, some_key
from walk.operations.base import actions, cards, must_refuse, operation, pick, remember_yes
from walk.surfaces.base import Said, Surface
from walk.variants import Variant
from walk.world import World

from sayso.errors import Code, SaysoError


def _two(variant: Variant) -> bool:
    return bool(variant.tenants)


@operation("propose for another tenant", verb="propose", weight=6, fits=_two)
async def propose(world: World, dice: Random, surface: Surface) -> str | None:
    """The other tenant's bot works, too."""
    minor = dice.choice([1000, 4500, 12000])
    args = {"amount": money(minor, "USD")}
    customer = dice.choice(SHELF_CUSTOMERS)
    action = dice.choice(["shelf.pay", "shelf.post"])
    found = await surface.propose(action, args, customer, by="acme/bot", key=some_key(dice))
    world.facts.requesters.setdefault(found, "acme/bot")
    return f"acme's bot proposes {action} for {customer}"


@operation("decide for another tenant", verb="answer", weight=4, fits=_two)
async def decide(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody of acme answers a card of ours."""
    card = pick(dice, await cards(world))
    if card is None:
        return None
    return await must_refuse(
        "the yes of another tenant's person", surface.answer(card, "acme/maria", Said("approve"))
    )


@operation("read another tenant's", weight=4, fits=_two)
async def read(world: World, dice: Random, surface: Surface) -> str | None:
    """Under another tenant's name there is nothing of ours."""
    found = pick(dice, await actions(world, dice.choice(["succeeded", "pending_approval"])))
    if found is None:
        return None
    return await must_refuse(
        "an action read under another tenant", world.sayso.actions.get(found.id, tenant="acme")
    )


@operation("yes of another tenant", weight=5, fits=_two)
async def yes(world: World, dice: Random, surface: Surface) -> str | None:
    """Acme's own people answer their own cards."""
    page = await world.sayso.solutions.waiting(limit=50, tenant="acme")
    card = pick(dice, sorted(page.items, key=lambda one: (one.created_at, one.customer.id)))
    if card is None:
        return None
    try:
        choice = dice.choice(["approve", "approve", "reject"])
        await world.sayso.solutions.answer(
            card.id,
            choice,
            token=world.token("acme/maria"),
            revision=card.revision,
            digest=card.digest,
            reason_code="not_covered",
        )
    except SaysoError as error:
        if error.code is Code.NOT_FOUND:
            raise
        return f"acme's maria: {error.code}"
    if choice == "approve":
        await remember_yes(world, card, "acme/maria", tenant="acme")
    return f"acme's maria answers {card.lead.headline!r}"


async def ours(world: World, dice: Random, surface: Surface) -> str:
    """A proposal of ours beside it."""
    wanted = ("shelf.pay", {"amount": money(1000, "USD")}, dice.choice(SHELF_CUSTOMERS))
    return await put(world, surface, wanted, "bot", some_key(dice))
