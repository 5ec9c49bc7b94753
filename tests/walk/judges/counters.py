"""Limits: each counter is the sum of its uses, and nothing is held for what has ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial

from walk.facts import FindingError
from walk.world import World

from sayso.ids import Tenant

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
    await _judge_by_log(world)
    wrong = await world.sayso.limits.check()
    if wrong:
        raise FindingError("counter", f"the server's own check says: {wrong[:2]}")


async def _judge_by_log(world: World) -> None:
    """What the server adds up of the log alone is what rows hold, but for what was there before."""
    container = world.sayso.container
    told: Counter[tuple[object, ...]] = Counter()
    since: Mapping[str, int] = {}
    for (tenant,) in world.rows("select tenant from log_head"):
        home = Tenant(str(tenant))
        work = partial(container.directory.follower.limits, tenant=home)
        now = await container.store.write(work)
        policy = container.directory.follower.latest(home).policy
        since = since if policy is None or policy.limits is None else policy.limits
        for (limit, currency, _), buckets in now.sums.sums.items():
            for (bucket, mark), (number, minor) in buckets.items():
                told[limit, currency, bucket, mark] += number
                told[limit, currency, bucket, mark, "minor"] += minor
    uses = world.rows(
        "select limit_id, currency, bucket, sum(count),"
        " sum(case when state = 'returned' then 0 else minor end), sum(case when why = 'before'"
        " then 1 else 0 end) from limit_use where state <> 'released' group by 1, 2, 3"
    )
    for limit_id, money, begins, uses_of, much_of, before in uses:
        if limit_id not in since or before:
            continue
        place, first = (limit_id, money, begins), since[str(limit_id)]
        own = [
            sum(much for one, much in told.items() if one[:3] == place and _is(one, first, end))
            for end in ((), ("minor",))
        ]
        if own != [uses_of, much_of]:
            raise FindingError(
                "counter", f"{place}: its uses are {uses_of, much_of}, by the log {own}"
            )


def _is(place: tuple[object, ...], first: int, end: tuple[str, ...]) -> bool:
    return int(str(place[3])) >= first and place[4:] == end


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
