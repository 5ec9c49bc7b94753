"""The report: read for some weeks and counted again, sent to a colleague, and asked for wrongly."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from walk.facts import FindingError
from walk.operations.base import must_refuse, operation
from walk.surfaces.base import Surface
from walk.variants import WRITTEN_TO
from walk.world import World

from sayso.ids import to_micros

_ASKED = (
    "select count(*) from (select id from request where tenant = ? and created_at >= ? union all"
    " select id from action where tenant = ? and created_at >= ? and request_id is null) as asked"
)
_DONE = (
    "select count(*) from action where tenant = ? and created_at >= ?"
    " and status in ('succeeded', 'compensated')"
)


@operation("read the report", weight=4)
async def read(world: World, dice: Random, surface: Surface) -> str | None:
    """Each asking is counted once, whatever came of it, and each effect once."""
    tenant = str(world.sayso.tenant)
    found = await world.sayso.report(weeks=dice.choice([1, 2, 12]), minutes_by_hand=6)
    since = to_micros(datetime.fromisoformat(found.since).replace(tzinfo=UTC))
    ((asked,),) = world.rows(_ASKED, (tenant, since, tenant, since))
    ((done,),) = world.rows(_DONE, (tenant, since))
    counted = sum(week.closed + week.open for week in found.weeks)
    if (counted, found.done) != (asked, done):
        told = f"the report counts {counted} asked and {found.done} done, of {asked} and {done}"
        raise FindingError("untrue", told)
    if found.wrong > found.done or found.wrong_of_old > found.done_old > found.done:
        raise FindingError("untrue", f"the report says {found.wrong} of {found.done} was wrong")
    return f"the report: {counted} asked, {done} done, {found.wrong} wrong"


@operation("send the report", weight=2)
async def send(world: World, dice: Random, surface: Surface) -> str | None:
    """To a colleague's address in sayso.toml, without a customer; to nobody else."""
    outbox = world.folder / "outbox"
    before = {one.name for one in outbox.glob("*.eml")}
    other = dice.choice(["maria", "nobody", "cus_demo_ana", "ana@example.com"])
    await must_refuse(f"the report for {other}", world.sayso.send_report(other))
    sent = await world.sayso.send_report(WRITTEN_TO, weeks=dice.choice([1, 12]))
    if sent.recipient != f"{WRITTEN_TO}@shop.example":
        raise FindingError("untrue", f"{WRITTEN_TO}'s report went to {sent.recipient}")
    letters = [one for one in outbox.glob("*.eml") if one.name not in before]
    if len(letters) != 1:
        raise FindingError("untrue", f"one report is {len(letters)} letters")
    text = letters[0].read_text("utf-8")
    if "cus_" in text:
        raise FindingError("untrue", f"the report names a customer: {text[-400:]}")
    return f"{sent.title!r} goes to {WRITTEN_TO}; {other} gets none"
