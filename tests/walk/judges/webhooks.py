"""What endpoints were told: signed, of each change at least once, and in their order."""

from __future__ import annotations

from walk.facts import FindingError
from walk.world import Hook, World

from sayso.sdk.webhooks.sender import DeliveryPace, WebhookSender

_PACE = DeliveryPace(timeout_s=20, after_trouble_s=0)


async def deliver(world: World) -> None:
    """Tell all that is due, as the sender of a server does, and judge what came."""
    sayso = world.sayso
    await WebhookSender(sayso.container, sayso.workspace, _PACE).drain()
    for hook in world.hooks.values():
        _judge(hook)


def _judge(hook: Hook) -> None:
    if hook.receiver.strange:
        raise FindingError("untrue", "an endpoint was told something that its secret didn't sign")
    for item, numbers in hook.receiver.firsts().items():
        if numbers != sorted(numbers):
            raise FindingError("untrue", f"an endpoint was told of {item} out of order: {numbers}")


async def judge_all_told(world: World) -> None:
    """After all is well and days went by: nothing of what an endpoint wants is missing."""
    for hook in world.hooks.values():
        hook.be("well")
    for name in world.hooks:
        await world.sayso.webhooks.enable(name)
    world.clock.advance(days=1)
    await deliver(world)
    for name, hook in world.hooks.items():
        left = (await world.sayso.webhooks.get(name)).waiting
        if left:
            raise FindingError("stuck", f"{left} items wait to be told to an endpoint that is well")
        told = {int(str(one.data["seq"])) for one in hook.receiver.taken if "seq" in one.data}
        missing = await _wanted(world, hook) - told
        if missing:
            raise FindingError("untrue", f"an endpoint was never told of {sorted(missing)[:5]}")


async def _wanted(world: World, hook: Hook) -> set[int]:
    """The numbers of the entries of which it is to be told, as far as they are in the database."""
    found: set[int] = set()
    pruned = world.rows("select min(seq) from log_entry where tenant = 'main'")
    after = max(hook.after, int(str(pruned[0][0])) - 1)
    while True:
        events, reached = await world.sayso.events.since(after)
        found |= {one.seq for one in events if hook.wants(one.kind)}
        if reached == after:
            return found
        after = reached
