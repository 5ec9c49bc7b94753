"""How a walk ends: providers are well, stops are over, and days go by. What is still open?"""

from __future__ import annotations

from walk.facts import FindingError
from walk.judges.webhooks import judge_all_told
from walk.operations.deciding import with_any_role
from walk.operations.upkeep import must_change_nothing
from walk.world import World

from sayso.errors import SaysoError

ROUNDS = (1, 2, 5, 30, 120, 600, 1500, 1500, 3000)
"""Minutes."""
_ENDS = {"planned", "executing", "stale", "approved", "pending_approval"}


async def settle_down(world: World) -> None:
    """Let everything come to its end, and find what does not."""
    world.provider.clear_faults()
    world.shelf.faults.clear()
    await must_change_nothing(world)
    for stop in [one for one in world.facts.stops.values() if not one.over]:
        people = [name for name in with_any_role(world) if name != stop.asked_by]
        for person in people[: 1 if stop.asked_by else 2]:
            try:
                await world.sayso.stops.resume(stop.id, token=world.token(person))
            except SaysoError as error:
                raise FindingError("stuck", f"a stop cannot be ended: {error.message}") from error
        stop.over = True
    for minutes in ROUNDS:
        world.clock.advance(minutes=minutes)
        # Another process: one that met an error waits for seconds of the true time.
        await world.reopen()
        await world.carry_out()
    for status in sorted(_ENDS):
        for action in await world.sayso.actions.list(status=status, limit=200):
            # What waits for an earlier step of its plan ends with that one, which is looked at too.
            if action.held is None and not action.after:
                told = f"{action.action} of {action.subject} is {status} after four days"
                raise FindingError("stuck", told)
    for status in ("received", "acting"):
        for request in await world.sayso.requests.list(status=status, limit=200):
            if any(one.status in {"unknown", "accepted"} or one.held for one in request.actions):
                continue
            told = f"the request of {request.subject} is {status} after four days"
            raise FindingError("stuck", told)
    await judge_all_told(world)
    held = world.rows(
        "select a.name, a.status, u.limit_id from limit_use u join action a on a.tenant = u.home"
        " and a.id = u.action_id where u.state = 'held' and a.status not in"
        " ('unknown', 'accepted', 'approved')"
    )
    if held:
        raise FindingError("counter", f"held after four days: {held[:3]}")
