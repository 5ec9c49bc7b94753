"""Stops, settlements by hand, limits, dials and the policy, changed while things are under way."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from walk.facts import FindingError, Stopped
from walk.operations.base import actions, active, must_refuse, operation, pick, with_role
from walk.operations.deciding import with_any_role
from walk.surfaces.base import Surface
from walk.world import World

SCOPES = (
    ("all", ""),
    ("tenant", ""),
    ("connector", "stripe"),
    ("action", "stripe.refund"),
    ("action", "stripe.credit"),
    ("customer", "cus_demo_ana"),
    ("customer", "cus_demo_ben"),
)
CAPS = (20, 60, 140, 200, 400)
"""In major units."""


@operation("stop", verb="engage", weight=3)
async def stop(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody stops something."""
    scope, target = dice.choice(SCOPES)
    by = pick(dice, with_any_role(world))
    if by is None:
        return None
    found = await surface.engage(by, scope, target)
    world.facts.stops.setdefault(
        found, Stopped(id=found, scope=scope, target=target, step=world.facts.step)
    )
    return f"{by} stops {scope} {target}".rstrip()


@operation("resume", verb="resume", weight=6)
async def resume(world: World, dice: Random, surface: Surface) -> str | None:
    """One asks that a stop ends, another confirms it."""
    stopped = pick(dice, [one for one in world.facts.stops.values() if not one.over])
    if stopped is None:
        return None
    person = pick(dice, [name for name in with_any_role(world) if name != stopped.asked_by])
    if person is None:
        return None
    await surface.resume(stopped.id, person)
    if stopped.asked_by:
        stopped.over = True
    else:
        stopped.asked_by = person
    await world.carry_out()
    return f"{person} resumes {stopped.scope} {stopped.target}: over={stopped.over}"


@operation("resume alone", verb="resume", weight=2)
async def resume_alone(world: World, dice: Random, surface: Surface) -> str | None:
    """One person is not two."""
    asked = [one for one in world.facts.stops.values() if one.asked_by and not one.over]
    stopped = pick(dice, [one for one in asked if one.asked_by in world.facts.people])
    if stopped is None:
        return None
    return await must_refuse(
        "the end of a stop by one person alone", surface.resume(stopped.id, stopped.asked_by)
    )


@operation("settle", verb="settle", weight=5)
async def settle(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody looked at the provider, and says truly what is there."""
    unknown = pick(dice, await actions(world, "unknown"))
    if unknown is None:
        return None
    asked = world.facts.requesters.get(unknown.id, "")
    person = pick(dice, [name for name in with_any_role(world) if name != asked])
    if person is None:
        return None
    done = [one for one in world.effects() if one.action_id == unknown.id]
    outcome, receipt = ("succeeded", done[0].id) if done else ("failed", "")
    await surface.settle(unknown.id, person, outcome, receipt)
    return f"{person} settles {unknown.action} of {unknown.subject}: {outcome}"


@operation("settle what is known", verb="settle", weight=3)
async def settle_known(world: World, dice: Random, surface: Surface) -> str | None:
    """Nobody talks away what the ledger knows."""
    state = dice.choice(["succeeded", "failed", "pending_approval", "approved", "rejected"])
    known = pick(dice, await actions(world, state))
    person = pick(dice, with_any_role(world))
    if known is None or person is None:
        return None
    outcome, receipt = dice.choice([("succeeded", "re_made_up"), ("failed", "")])
    attempt = surface.settle(known.id, person, outcome, receipt)
    return await must_refuse(f"settling what is {state}", attempt)


@operation("set a limit", verb="set_cap", weight=4, fits=lambda variant: bool(variant.limits))
async def set_cap(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody gives a limit another cap, also one below what is used."""
    person = pick(dice, with_role(world, "support_manager"))
    if person is None:
        return None
    if dice.random() < 0.3:
        limit_id = "cards-few" if world.variant.cards == 2 else "cards-customer"
        await surface.set_cap(limit_id, person, sums={}, cards=dice.choice([1, 2, 4, 20]))
        return f"{person} sets {limit_id}"
    limit = dice.choice(world.variant.limits)
    major = dice.choice(CAPS)
    sums = {currency: Decimal(major) for currency in ("USD", "EUR", "GBP")}
    await surface.set_cap(limit.id, person, sums=sums, cards=None)
    await remember_policy(world)
    return f"{person} sets {limit.id} to {major}"


@operation("move a dial", verb="set_dial", weight=4, fits=lambda variant: bool(variant.dials))
async def set_dial(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody moves a dial while things wait."""
    person = pick(dice, with_role(world, "support_manager"))
    if person is None:
        return None
    dial = dice.choice(["refunds", "credits", "cancellations"])
    stage = dice.choice(["off", "shadow", "suggest", "auto", "auto"])
    share = dice.choice([None, None, 100, 50])
    await surface.set_dial(dial, person, stage, share)
    await remember_policy(world)
    return f"{person} moves {dial} to {stage} {share or ''}".rstrip()


@operation("activate", verb="activate", weight=3)
async def activate(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody writes a tighter or a looser rule into the files, and puts them in force."""
    person = pick(dice, with_role(world, "support_manager"))
    if person is None:
        return None
    file = world.folder / "policies" / "night.cedar"
    if file.exists() and dice.random() < 0.5:
        file.unlink()
    else:
        most = dice.choice(["10.00", "40.00"])
        file.write_text(
            f'@id("night") @explain("nothing above {most} by itself tonight")\n'
            'forbid (principal, action == Action::"stripe.refund", resource)\n'
            f'when {{ context.amount.greaterThan(decimal("{most}")) && context.approvals < 1 }};\n'
        )
    try:
        await surface.activate(person)
    finally:
        await remember_policy(world)
    return f"{person} puts the files in force ({'with' if file.exists() else 'without'} night)"


@operation("roll back", verb="rollback", weight=2)
async def rollback(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody puts an earlier version in force again."""
    person = pick(dice, with_role(world, "support_manager"))
    history = await world.sayso.policy.history()
    if person is None or len(history) < 2:
        return None
    number = dice.choice(sorted(one.version for one in history))
    await surface.rollback(person, number)
    await remember_policy(world)
    return f"{person} goes back to version {number}"


@operation("confirm", verb="confirm", weight=5, fits=lambda v: v.loosening_needs > 1)
async def confirm(world: World, dice: Random, surface: Surface) -> str | None:
    """A second person confirms a loosening; whoever asked for it does not."""
    waiting = [one for one in await world.sayso.policy.changes() if one.status == "waiting"]
    change = pick(dice, waiting)
    if change is None:
        return None
    asked = change.asked_by.removeprefix("person:")
    if dice.random() < 0.4 and asked in world.facts.people:
        attempt = surface.confirm(change.id, asked, change.sha256)
        return await must_refuse("one's own loosening", attempt)
    person = pick(dice, [name for name in with_role(world, "support_manager") if name != asked])
    if person is None:
        return None
    await surface.confirm(change.id, person, change.sha256)
    await remember_policy(world)
    return f"{person} confirms {change.id}"


@operation("say that it was wrong", verb="report_wrong", weight=5)
async def wrong(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody finds that what was done was wrong; the dial that let it through may brake."""
    done = pick(dice, await actions(world, "succeeded"))
    person = pick(dice, with_any_role(world))
    if done is None or person is None:
        return None
    await surface.report_wrong(done.id, person, dice.choice(["reversed", "disputed", "mistaken"]))
    await remember_policy(world, changed=False)
    braked = [one.id for one in await world.sayso.rollout.list() if one.braked]
    return f"{person} says that {done.action} of {done.subject} was wrong; braked: {braked}"


@operation("say that nothing was wrong", verb="report_wrong", weight=2)
async def wrong_of_nothing(world: World, dice: Random, surface: Surface) -> str | None:
    """What was not done was not wrong."""
    state = dice.choice(["pending_approval", "refused", "rejected", "failed"])
    found, person = pick(dice, await actions(world, state)), pick(dice, with_any_role(world))
    if found is None or person is None:
        return None
    attempt = surface.report_wrong(found.id, person, "mistaken")
    return await must_refuse(f"{state} as something wrong that was done", attempt)


async def remember_policy(world: World, *, changed: bool = True) -> None:
    """Note what limits and dials say now, as anybody reads it."""
    facts = world.facts
    if changed:
        facts.policy_step = facts.step
    caps = {one.id: dict(one.sums_minor) for one in await world.sayso.limits.list(limit=1)}
    for limit in world.variant.limits:
        cap = caps.get(limit.id, {}).get("USD")
        facts.caps[limit.id].append((facts.step, 10**9 if cap is None else cap))
    stages = {one.action: one for one in await world.sayso.rollout.list()}
    for action in facts.stages:
        dial = stages.get(action)
        told = "auto" if dial is None else str(dial.stage)
        if dial is not None and dial.share != 100:
            told = "share"
        if dial is not None and dial.braked:
            told = "suggest"
        facts.stages[action].append((facts.step, told))


@operation("work", verb="work", weight=3)
async def work(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody takes, notes or ends what machines left to people."""
    items = await world.sayso.work.list()
    items = sorted(items, key=lambda one: (one.since, one.subject, one.kind))
    item = pick(dice, items)
    person = pick(dice, with_any_role(world))
    if item is None or person is None:
        return None
    verb = dice.choice(["take", "note", "end"])
    if verb == "end" and item.kind == "unknown":
        attempt = surface.work(item.about, person, verb, "done")
        return await must_refuse("an unknown outcome that is ended without being settled", attempt)
    await surface.work(item.about, person, verb, "Called them.")
    after = await world.sayso.work.get(item.about)
    if verb == "end" and not after.ended:
        raise FindingError("stuck", f"work about a {item.kind} that was ended is still open")
    return f"{person}: {verb} {item.kind} of {item.subject}"


def anybody(world: World, dice: Random) -> str:
    """Somebody who is active."""
    return dice.choice(active(world))
