"""Channels beside Slack: they come, tell what is due, fail, leave, and come back."""

from __future__ import annotations

from random import Random

from walk.facts import FindingError
from walk.operations.base import must_refuse, operation, pick
from walk.surfaces.base import Surface
from walk.world import World

from sayso.actions.approvals.reminders import REMINDER_TOPIC
from sayso.actions.engine.outcomes import LEFT_TOPIC
from sayso.actions.model.ledger import OUTBOX_TOPIC

_NAMES = ("pager", "chat")
_TOPICS = (OUTBOX_TOPIC, OUTBOX_TOPIC, REMINDER_TOPIC, LEFT_TOPIC)


def _queues(world: World) -> list[str]:
    """Those of the walk's own that were ever made, the left ones as well."""
    found = world.rows("select distinct key from outbox where topic = 'consumers' order by key")
    return [str(name) for (name,) in found if str(name).rpartition(".")[2] in _NAMES]


@operation("a channel comes", weight=3)
async def come(world: World, dice: Random, surface: Surface) -> str | None:
    """By its name and a topic; what it has missed is due to it, as with each start."""
    name, topic = dice.choice(_NAMES), dice.choice(_TOPICS)
    queue = await world.sayso.outbox.subscribe(name, topic)
    assert await world.sayso.outbox.subscribe(name, topic) == queue
    return f"{queue} is read"


@operation("a channel tells", weight=4)
async def tell(world: World, dice: Random, surface: Surface) -> str | None:
    """What is due, each in a version that it has not told yet; some of it fails and stays."""
    queue = pick(dice, _queues(world))
    if queue is None:
        return None
    told, outbox = 0, world.sayso.outbox
    for row in await outbox.due(queue, limit=5):
        before = row.state.get("told", 0)
        assert isinstance(before, int)
        if row.version <= before:
            raise FindingError("untrue", f"{queue} is told of {row.key} twice")
        if await outbox.lease(row, 30.0) and dice.random() < 0.8:
            await outbox.sent(row, {"told": row.version})
            told += 1
    return f"{queue} tells {told}"


@operation("a channel leaves", weight=2)
async def leave(world: World, dice: Random, surface: Surface) -> str | None:
    """Nothing is put into its queue from then on."""
    queue = pick(dice, _queues(world))
    if queue is None:
        return None
    topic, _, name = queue.rpartition(".")
    await world.sayso.outbox.unsubscribe(name, topic)
    return f"{queue} is read no more"


@operation("a channel by another's name", weight=1)
async def misname(world: World, dice: Random, surface: Surface) -> str | None:
    """A name that would be another topic's queue."""
    name = dice.choice(["", "a.b", "Pager", "mail.consumers"])
    return await must_refuse(
        "a name that is none", world.sayso.outbox.subscribe(name, OUTBOX_TOPIC)
    )
