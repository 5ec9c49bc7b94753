"""Endpoints that are told of every change: added, failing, turned, replayed and removed."""

from __future__ import annotations

from random import Random

from support.receiver import Receiver
from walk.judges.webhooks import deliver
from walk.operations.base import must_refuse, operation, pick
from walk.surfaces.base import Surface
from walk.variants import Variant
from walk.world import Hook, World

_KINDS: tuple[tuple[str, ...], ...] = ((), ("action",), ("request", "approval"))


def _has(variant: Variant) -> bool:
    return variant.has_webhooks


@operation("add an endpoint", weight=4, fits=_has)
async def add(world: World, dice: Random, surface: Surface) -> str | None:
    """A program wants to hear of changes; the same call again is the same endpoint."""
    if len(world.hooks) > 2:
        return None
    kinds = dice.choice(_KINDS)
    receiver = Receiver(clock=world.clock)
    key = f"hook-{dice.getrandbits(32)}"
    webhooks = world.sayso.webhooks
    made, again = [
        await webhooks.add(receiver.url, kinds=kinds, idempotency_key=key) for _ in range(2)
    ]
    assert made.id == again.id
    receiver.secrets.append(str(made.secret))
    after = await world.sayso.events.newest()
    world.hooks[made.id] = Hook(receiver=receiver, kinds=kinds, after=after)
    return f"an endpoint is told of {kinds or 'everything'}"


@operation("deliver", weight=8, fits=_has)
async def tell(world: World, dice: Random, surface: Surface) -> str | None:
    """What is due is told."""
    if not world.hooks:
        return None
    await deliver(world)
    return f"{len(world.hooks)} endpoints are told"


@operation("a receiver fails", weight=4, fits=_has)
async def fail(world: World, dice: Random, surface: Surface) -> str | None:
    """It answers with an error, says that it is gone, or nobody listens."""
    hook = pick(dice, list(world.hooks.values()))
    if hook is None:
        return None
    how = dice.choice(["500", "410", "dead", "well", "well"])
    hook.be(how)
    return f"a receiver is {how}"


@operation("change an endpoint", weight=5, fits=_has)
async def change(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody turns one off or on, gives it a new secret, or has it told everything again."""
    name = pick(dice, list(world.hooks))
    if name is None:
        return None
    hook, webhooks = world.hooks[name], world.sayso.webhooks
    what = dice.choice(["disable", "enable", "enable", "rotate", "replay", "test", "remove"])
    match what:
        case "disable":
            await webhooks.disable(name)
        case "enable":
            await webhooks.enable(name)
        case "rotate":
            hook.receiver.secrets.append(str((await webhooks.rotate(name)).secret))
        case "replay":
            await webhooks.replay(name, after=hook.after)
        case "test":
            await webhooks.test(name)
        case _:
            await webhooks.remove(name)
            hook.receiver.stop()
            del world.hooks[name]
    return f"{what} an endpoint"


@operation("an endpoint that is none", weight=2, fits=_has)
async def wrong(world: World, dice: Random, surface: Surface) -> str | None:
    """Addresses that may not be called, kinds that are none, and endpoints of nobody."""
    webhooks = world.sayso.webhooks
    url, kinds = dice.choice(
        [
            ("http://169.254.169.254/latest", ()),
            ("ftp://127.0.0.1/x", ()),
            ("http://10.0.0.1/x", ()),
            ("http://127.0.0.1:9/x", ("nothing",)),
        ]
    )
    if dice.random() < 0.3:
        return await must_refuse("an endpoint of nobody", webhooks.enable("whk_nobody"))
    return await must_refuse(f"an endpoint at {url} {kinds}", webhooks.add(url, kinds=kinds))
