"""What goes wrong at a provider, what is done there past Sayso, and a process that dies."""

from __future__ import annotations

from random import Random

import httpx
from walk.operations.asking import CHARGES, put, some_key, wish
from walk.operations.base import actions, active, operation
from walk.surfaces.base import Surface
from walk.world import DiedError, World

from sayso.actions.engine.engine import Boundary
from sayso.sandbox import API_KEY, Fault, FaultKind

FAULTS: tuple[FaultKind, ...] = (
    "drop_before",
    "drop_after",
    "answer_500_before",
    "answer_500_after",
    "reset_after_bytes",
    "html_garbage",
    "rate_limit",
    "slow_after",
)
LEASE_S = 120


@operation("a fault at Stripe", weight=5)
async def fault(world: World, dice: Random, surface: Surface) -> str | None:
    """The next call that changes something meets it."""
    kind = dice.choice(FAULTS)
    world.provider.add_faults(Fault(kind=kind, method="POST", seconds=0.02, after_bytes=20))
    return f"Stripe will {kind}"


@operation("Stripe is away", weight=2)
async def away(world: World, dice: Random, surface: Surface) -> str | None:
    """A few calls of any kind find nobody."""
    many = dice.choice([1, 4])
    world.provider.add_faults(Fault(kind="drop_before", method="*", times=many))
    return f"Stripe is away for {many} calls"


@operation("Stripe is back", weight=3)
async def back(world: World, dice: Random, surface: Surface) -> str | None:
    """All faults are gone."""
    if not world.provider.waiting_faults() and not world.shelf.faults:
        return None
    world.provider.clear_faults()
    world.shelf.faults.clear()
    return "everything is well again"


@operation("a fault of the shelf", weight=5, fits=lambda variant: variant.has_shelf)
async def shelf_fault(world: World, dice: Random, surface: Surface) -> str | None:
    """The next call of the shop's own connector meets it."""
    kind = dice.choice(["lost_before", "lost_after", "says_no", "away", "breaks"])
    world.shelf.faults.append(kind)
    return f"the shelf will meet {kind}"


@operation("a refund past Sayso", weight=4)
async def outside(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody refunds by hand, in the provider's own console."""
    customer = dice.choice(sorted(CHARGES))
    charge, most, _ = dice.choice(CHARGES[customer])
    amount = dice.choice([100, 1000, most])
    # Most often of what waits for people: that is when it matters.
    pending = await actions(world, "pending_approval")
    asked = [str(one.args["charge"]) for one in pending if "charge" in one.args]
    if asked and dice.random() < 0.7:
        charge, amount = dice.choice(asked), 100
    before = len(world.provider.books().effects)
    url = f"{world.provider.url}/v1/refunds"
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {API_KEY}"}) as client:
        waiting = world.provider.waiting_faults()
        world.provider.clear_faults()
        answer = await client.post(url, data={"charge": charge, "amount": str(amount)})
        world.provider.add_faults(*waiting)
    if len(world.provider.books().effects) > before:
        world.facts.outside[charge] = world.facts.step
    return f"somebody refunds {amount / 100:.2f} of {charge} by hand: {answer.status_code}"


@operation("die", weight=4)
async def die(world: World, dice: Random, surface: Surface) -> str | None:
    """The process that makes the next call is killed at a boundary; another one starts."""
    wanted = wish(world, dice)
    world.dies_at = dice.choice(list(Boundary))
    where = world.dies_at
    try:
        told = await put(world, world.surfaces["sdk"], wanted, "bot", some_key(dice))  # type: ignore[arg-type]
    except DiedError:
        told = f"killed at {where}"
    finally:
        world.dies_at = None
    await world.reopen()
    world.clock.advance(seconds=dice.choice([1, LEASE_S]))
    await world.carry_out()
    return f"{told}; {len(active(world))} people, and the process starts again"
