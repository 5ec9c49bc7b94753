"""What an auditor asks: questions with names, cases by a customer's name, and who may not."""

from __future__ import annotations

from random import Random

from walk.facts import FindingError
from walk.operations.base import active, must_refuse, operation, pick
from walk.surfaces.base import Surface
from walk.world import World

from sayso.actions.model.status import FINAL
from sayso.audit.questions.catalog import questions
from sayso.audit.signed_note.note import Verifier
from sayso.errors import Code, RefusedError
from sayso.store.postgres.replica import ReplicaPlan
from sayso.store.postgres.store import PostgresStore
from sayso.store.replica import looking


@operation("ask a named question", weight=2)
async def ask_named(world: World, dice: Random, surface: Surface) -> str | None:
    """Any of the ten, at any time; a log that verifies answers, and lacks nothing."""
    name = dice.choice(list(questions()))
    found = await world.sayso.audit.ask(name)
    if name == "gaps" and any(row["why"] == "MISSING" for row in found.items):
        raise FindingError("accused", f"entries are missing: {found.items}")
    broken = [row for row in found.items if str(row.get("held", "")).startswith("NO")]
    if broken:
        raise FindingError("allowed", f"{name}: {broken[:2]}")
    return f"{name}: {len(found.items)} rows"


@operation("name the primary as its own replica", weight=1)
async def misname_replica(world: World, dice: Random, surface: Surface) -> str | None:
    """On PostgreSQL alone: it is refused, and whoever looks sees what is there all the same."""
    url = world.sayso.workspace.store_url
    if not url.startswith("postgres"):
        return None
    plan = ReplicaPlan(url=url, most_s=60, falls_back=dice.random() < 0.5)
    store = PostgresStore(url, replica=plan)
    try:
        await must_refuse("a replica that takes writes", store.replica_age())
        with looking() as call:
            reading = store.read(lambda reader: reader.all("log.tenants"))
            if not plan.falls_back:
                await must_refuse("reading it all the same", reading)
            elif await reading is None or call.age_s is not None or not call.instead:
                raise FindingError("allowed", "a database that is no standby was read as one")
    finally:
        await store.close()
    return "the primary is no replica"


@operation("look for a case", weight=2)
async def look_for_case(world: World, dice: Random, surface: Surface) -> str | None:
    """By a name, and open what is found; a token without the scope opens nothing."""
    person = pick(dice, active(world))
    if person is None:
        return None
    by = await world.sayso.authentication.person(world.token(person), via="walk")
    cases = world.sayso.audit.cases
    bot = await world.sayso.authentication.holder(world.token("bot"), via="walk")
    if "audit:read" not in {scope.value for scope in bot.scopes}:
        await must_refuse("a case without the scope", cases.find("ana", by=bot))
    await must_refuse("a case that there is not", cases.show("act_none", by=by))
    found = await cases.find(dice.choice(["ana", "ben", "25", "maria", f"{world.now():%B}"]), by=by)
    if not found.items:
        return "no case fits"
    about = dice.choice(found.items).about
    case = await cases.show(about, by=by)
    if not all(entry.proof for entry in case.entries):
        raise FindingError("accused", f"the case {about} is not proven")
    return f"{len(found.items)} cases; {about} has {len(case.entries)} entries"


@operation("hand out a receipt", weight=2)
async def hand_out_receipt(world: World, dice: Random, surface: Surface) -> str | None:
    """Of what has ended, checked as somebody outside would; what has not ended has none."""
    one = pick(dice, list(await world.sayso.actions.list(limit=50)))
    if one is None:
        return None
    audit = world.sayso.audit
    if one.status not in FINAL:
        return await must_refuse(f"a receipt of {one.id}, {one.status}", audit.receipt(one.id))
    try:
        receipt = await audit.receipt(one.id)
    except RefusedError as error:
        if error.code is Code.PRUNED:
            return f"{one.id} has its entries in a segment"
        raise
    receipt.proof.verify(receipt.proof.extra, [Verifier.parse(await audit.head_vkey())])
    if dict(receipt.lines())["outcome"] != one.status.replace("_", " "):
        raise FindingError("untrue", f"the receipt of {one.id} says {receipt.lines()}")
    return f"a receipt of {one.id}, {one.status}"
