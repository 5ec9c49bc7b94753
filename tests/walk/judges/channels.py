"""Whether each channel has, or will have, whatever its topic holds."""

from __future__ import annotations

from walk.facts import FindingError
from walk.world import World

_READ = "select tenant, key from outbox where topic = 'consumers' and state = '{}'"
_MISSED = """
select whole.key from outbox whole left join outbox had
    on had.tenant = whole.tenant and had.topic = ? and had.key = whole.key
where whole.topic = ? and whole.tenant = ? and (had.version is null or had.version <> whole.version)
"""


def judge_channels(world: World) -> None:
    """Each queue that is read holds each row of its topic, in that row's version."""
    reading = world.rows(
        "select tenant, key from outbox where topic = 'consumers' and state = '{}'"
    )
    for tenant, queue in reading:
        topic = str(queue).rpartition(".")[0]
        missed = world.rows(_MISSED, [queue, topic, tenant])
        if missed:
            raise FindingError("untrue", f"{queue} lacks {missed}")
