"""What an auditor asks: questions with names, cases by a customer's name, and who may not."""

from __future__ import annotations

from random import Random

from walk.facts import FindingError
from walk.operations.base import active, must_refuse, operation, pick
from walk.surfaces.base import Surface
from walk.world import World

from sayso.audit.questions.catalog import questions


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
