"""Limits: each counter is the sum of its uses, and nothing is held for what has ended."""

from __future__ import annotations

from collections import Counter

from walk.facts import FindingError
from walk.world import World

_LIVE = {"approved", "executing", "accepted", "unknown"}


async def judge_counters(world: World) -> None:
    """Add everything up again, from the rows alone."""
    uses = world.rows(
        "select u.tenant, u.limit_id, u.key, u.currency, u.bucket, u.count, u.minor, u.state,"
        " u.revision, a.revision, a.status, a.name, a.subject_id from limit_use u join action a"
        " on a.tenant = u.home and a.id = u.action_id"
    )
    sums: Counter[tuple[object, ...]] = Counter()
    for use in uses:
        place, (count, minor, state) = use[:5], use[5:8]
        revision, newest, status, name, subject = use[8:]
        what = f"{place[1]} of {name} of {subject} (revision {revision}, {status})"
        if state == "released":
            continue
        sums[(*place, "count")] += int(str(count))
        sums[(*place, "held" if state == "held" else "settled")] += (
            0 if state == "returned" else int(str(minor))
        )
        if state != "held":
            continue
        if revision != newest:
            raise FindingError("counter", f"{what} is held for an older revision")
        cards = place[3] == "cards"
        if cards and status != "pending_approval":
            raise FindingError("counter", f"{what}: a card is held, and nothing waits for people")
        if not cards and status not in _LIVE:
            raise FindingError("counter", f"{what} is held, and it has ended")
    counters = world.rows(
        "select tenant, limit_id, key, currency, bucket, count, held_minor, settled_minor"
        " from limit_counter"
    )
    for counter in counters:
        place = counter[:5]
        told = tuple(int(str(one)) for one in counter[5:])
        true = tuple(sums[(*place, one)] for one in ("count", "held", "settled"))
        if told != true:
            raise FindingError("counter", f"{place}: the counter says {told}, its uses {true}")
    await _judge_cards(world)
    wrong = await world.sayso.limits.check()
    if wrong:
        raise FindingError("counter", f"the server's own check says: {wrong[:2]}")


async def _judge_cards(world: World) -> None:
    """As many cards are counted as wait, by the walk's own count of what waits."""
    limits = [one for one in await world.sayso.limits.list() if one.cards and one.of == "customer"]
    waiting = world.rows("select count(*) from action where status = 'pending_approval'")
    for limit in limits:
        rows = world.rows(
            "select coalesce(sum(count), 0) from limit_counter where limit_id = ?", [limit.id]
        )
        if int(str(rows[0][0])) != int(str(waiting[0][0])):
            told = f"{limit.id} counts {rows[0][0]} cards, and {waiting[0][0]} wait"
            raise FindingError("counter", told)
