"""People and cards: yes, some, less, no, asking first, and every answer that must not count."""

from __future__ import annotations

from datetime import datetime
from random import Random

from walk.facts import FindingError, RefusedHereError
from walk.operations.base import (
    active,
    cards,
    may_answer,
    must_refuse,
    operation,
    pick,
    remember_yes,
    requester_of,
)
from walk.surfaces.base import Said, Surface
from walk.world import World

from sayso.errors import RetryableError
from sayso.money import Money
from sayso.sdk.views.solution import SolutionView


async def _card(world: World, dice: Random) -> tuple[SolutionView, str] | None:
    """A card, and somebody whose answer to it counts."""
    ready = [
        (one, people)
        for one in await cards(world)
        if (people := may_answer(world, one)) and _is_plain(one) and not is_late(world, one)
    ]
    found = pick(dice, ready)
    if found is None:
        return None
    card, people = found
    if dice.random() < 0.5:
        world.facts.shown.append(card)
    return card, dice.choice(people)


def _is_plain(card: SolutionView) -> bool:
    """Whether a yes to it is a click alone."""
    return not (card.passkey or card.says_why)


def is_late(world: World, card: SolutionView) -> bool:
    """Whether its time to be answered is over."""
    return datetime.fromisoformat(card.expires_at) <= world.now()


def _told(card: SolutionView) -> str:
    return f"{card.lead.headline!r} of {card.customer.id}"


async def say_yes(
    world: World,
    surface: Surface,
    card: SolutionView,
    person: str,
    *,
    steps: tuple[str, ...] | None = None,
    lower: dict[str, Money] | None = None,
) -> None:
    """Say yes to all of it, to some steps or to less, and remember whether it was taken."""
    before = await world.sayso.solutions.get(card.id)
    choice = "edit" if lower else "approve"
    try:
        await surface.answer(card, person, Said(choice, steps, lower or {}))
    except (RetryableError, RefusedHereError):
        # A command says when what was agreed to cannot be carried out now: the yes stands.
        after = await world.sayso.solutions.get(card.id)
        if len(after.votes) > len(before.votes) and person in {one.person for one in after.votes}:
            await remember_yes(world, card, person, steps, lower)
        raise
    await remember_yes(world, card, person, steps, lower)


@operation("yes", verb="answer", weight=16)
async def yes(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody says yes to all of it."""
    found = await _card(world, dice)
    if found is None:
        return None
    card, person = found
    await say_yes(world, surface, card, person)
    after = await world.sayso.solutions.get(card.id)
    return f"{person} says yes to {_told(card)}: {[step.status for step in after.steps]}"


async def _reasoned(world: World, dice: Random) -> tuple[SolutionView, str] | None:
    """A card whose yes needs a reason, and somebody whose answer to it counts."""
    ready = [
        (one, people)
        for one in await cards(world)
        if one.says_why and not one.passkey and (people := may_answer(world, one))
    ]
    found = pick(dice, [one for one in ready if not is_late(world, one[0])])
    return None if found is None else (found[0], dice.choice(found[1]))


@operation("yes with its reason", weight=8)
async def yes_with_its_reason(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody says why they say yes to so much."""
    found = await _reasoned(world, dice)
    if found is None:
        return None
    card, person = found
    await world.sayso.solutions.answer(
        card.id,
        "approve",
        token=world.token(person),
        revision=card.revision,
        digest=card.digest,
        reason="They have the receipt.",
    )
    await remember_yes(world, card, person)
    return f"{person} says why with a yes to {_told(card)}"


@operation("yes without its reason", verb="answer", weight=4)
async def yes_without_its_reason(world: World, dice: Random, surface: Surface) -> str | None:
    """So much is never agreed to without words."""
    found = await _reasoned(world, dice)
    if found is None:
        return None
    card, person = found
    attempt = surface.answer(card, person, Said("approve"))
    return await must_refuse(f"a yes without a reason to {_told(card)}", attempt)


@operation("yes to some", verb="answer", weight=4)
async def yes_to_some(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody unticks a step."""
    found = await _card(world, dice)
    if found is None:
        return None
    card, person = found
    asking = [step for step in card.steps if step.asks]
    if len(asking) < 2 or card.all_or_nothing:
        return None
    out = dice.choice(asking).id
    steps = tuple(step.id for step in asking if step.id != out and out not in step.after)
    if not steps:
        return None
    await say_yes(world, surface, card, person, steps=steps)
    return f"{person} says yes to {steps} of {_told(card)}"


@operation("less", verb="answer", weight=8)
async def less(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody says yes to less."""
    found = await _card(world, dice)
    if found is None:
        return None
    card, person = found
    step = pick(dice, [one for one in card.steps if one.asks and one.may_lower and one.amount])
    if step is None or step.amount is None or step.amount.amount_minor < 2:
        return None
    part = dice.choice([2, 3, 10])
    lower = {step.id: Money(step.amount.amount_minor // part or 1, step.amount.currency)}
    await say_yes(world, surface, card, person, lower=lower)
    return f"{person} says {lower[step.id]} to {_told(card)}"


@operation("no", verb="answer", weight=4)
async def no(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody says no."""
    found = await _card(world, dice)
    if found is None:
        return None
    card, person = found
    await surface.answer(card, person, Said("reject"))
    return f"{person} says no to {_told(card)}"


async def _agreed(world: World) -> list[SolutionView]:
    """What people agreed to lately, whatever came of it since."""
    ids = dict.fromkeys(one.approval_id for one in world.facts.said[-12:])
    found = [await world.sayso.solutions.get(name) for name in ids]
    return [one for one in found if one.status == "approved"]


@operation("take back a yes", weight=8)
async def take_back(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody who may takes a yes back before anything of it starts; what has begun stays."""
    card = pick(dice, await _agreed(world))
    if card is None:
        return None
    people = [
        name
        for name in active(world)
        if set(world.facts.people[name]) & set(card.roles) and requester_of(world, card) != name
    ]
    person = pick(dice, people)
    if person is None:
        return None
    attempt = world.sayso.solutions.take_back(card.id, token=world.token(person))
    if not card.may_take_back:
        return await must_refuse(f"{person}'s take-back of what has begun", attempt)
    after = await attempt
    told = {step.status for step in after.steps if step.needs == "people"}
    if told & {"approved", "executing", "succeeded"}:
        raise FindingError("money", f"{person} took {_told(card)} back, and it is {sorted(told)}")
    return f"{person} takes the yes to {_told(card)} back: {after.status}"


@operation("take back the first of several yeses", weight=6)
async def take_back_first(world: World, dice: Random, surface: Surface) -> str | None:
    """Whoever gave it may while others are asked; who gave none may not, and says yes or no."""
    ready = [one for one in await cards(world) if one.agreed and one.status == "pending"]
    card = pick(dice, [one for one in ready if not any(s.status == "approved" for s in one.steps)])
    if card is None:
        return None
    solutions, others = world.sayso.solutions, may_answer(world, card)
    if others and dice.random() < 0.3:
        person = dice.choice(others)
        attempt = solutions.take_back(card.id, token=world.token(person))
        return await must_refuse(f"{person}'s take-back of another's yes", attempt)
    roles, asked = set(card.roles), requester_of(world, card)
    givers = [one for one in card.agreed if one in active(world) and one != asked]
    giver = pick(dice, [one for one in givers if set(world.facts.people[one]) & roles])
    if giver is None:
        return None
    after = await solutions.take_back(card.id, token=world.token(giver))
    if giver in after.agreed:
        raise FindingError("money", f"{giver}'s yes to {_told(card)} counts, and is taken back")
    return f"{giver} takes their first yes to {_told(card)} back: {after.status}"


@operation("take back a yes as nobody", weight=3)
async def take_back_as_nobody(world: World, dice: Random, surface: Surface) -> str | None:
    """Neither who asked for it nor somebody without a role takes a yes back."""
    card = pick(dice, [one for one in await _agreed(world) if one.may_take_back])
    if card is None:
        return None
    wrong = [name for name in active(world) if not world.facts.people[name]]
    asked = requester_of(world, card)
    person = pick(dice, wrong + [name for name in active(world) if name == asked])
    if person is None:
        return None
    attempt = world.sayso.solutions.take_back(card.id, token=world.token(person))
    return await must_refuse(f"{person}'s take-back of {_told(card)}", attempt)


@operation("take back what nobody agreed to", weight=3)
async def take_back_nothing(world: World, dice: Random, surface: Surface) -> str | None:
    """Where nobody has said yes there is none to be taken back."""
    ready = [one for one in await cards(world) if not one.agreed and may_answer(world, one)]
    card = pick(dice, ready)
    if card is None or any(step.status == "approved" for step in card.steps):
        return None
    person = dice.choice(may_answer(world, card))
    attempt = world.sayso.solutions.take_back(card.id, token=world.token(person))
    return await must_refuse(f"a take-back of {_told(card)}, which waits", attempt)


@operation("ask the customer", verb="ask_customer", weight=6)
async def ask_customer(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody asks before they decide."""
    ready = [
        (one, people)
        for one in await cards(world)
        if one.request_id and one.question is None and (people := may_answer(world, one))
    ]
    found = pick(dice, ready)
    if found is None:
        return None
    card, people = found
    world.facts.shown.append(card)
    person = dice.choice(people)
    await surface.ask_customer(card, person, "Which part of it is broken?")
    return f"{person} asks {card.customer.id} about {_told(card)}"


@operation("note", verb="note", weight=2)
async def note(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody notes something about a card; it decides nothing."""
    card = pick(dice, await cards(world))
    if card is None:
        return None
    await surface.note(card, dice.choice(active(world)), "Called them; they call back.")
    return f"a note about {_told(card)}"


@operation("give a card", weight=3)
async def give(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody gives a card to a colleague, or to nobody; who may answer it stays as it was."""
    card = pick(dice, await cards(world))
    if card is None:
        return None
    to = dice.choice([None, *active(world)])
    by = dice.choice(active(world))
    roles, votes = card.roles, card.votes
    after = await world.sayso.solutions.assign(card.id, to, token=world.token(by))
    if (after.assignee, after.roles, after.votes) != (to, roles, votes):
        raise FindingError("untrue", f"{_told(card)} was given to {to}: {after.assignee}")
    return f"{by} gives {_told(card)} to {to or 'nobody'}"


@operation("give a card to a stranger", weight=2)
async def give_to_a_stranger(world: World, dice: Random, surface: Surface) -> str | None:
    """Only to somebody whom the log knows, and who is active."""
    card = pick(dice, await cards(world))
    if card is None:
        return None
    by = dice.choice(active(world))
    attempt = world.sayso.solutions.assign(card.id, "nobody-knows", token=world.token(by))
    return await must_refuse(f"giving {_told(card)} to a stranger", attempt)


@operation("no of nobody", verb="answer", weight=3)
async def strangers(world: World, dice: Random, surface: Surface) -> str | None:
    """Neither a program nor somebody without a role decides."""
    card = pick(dice, await cards(world))
    if card is None:
        return None
    who = dice.choice(["bot", *(name for name in ("zoe",) if name in world.facts.people)])
    choice = dice.choice(["approve", "reject"])
    attempt = surface.answer(card, who, Said(choice))
    return await must_refuse(f"a {choice} of {who}", attempt)


@operation("yes to one's own", verb="answer", weight=4)
async def own(world: World, dice: Random, surface: Surface) -> str | None:
    """Nobody approves what they asked for."""
    mine = [
        (one, who)
        for one in await cards(world)
        if (who := requester_of(world, one)) in world.facts.people
    ]
    found = pick(dice, mine)
    if found is None:
        return None
    card, who = found
    return await must_refuse(
        f"{who}'s yes to their own {_told(card)}", surface.answer(card, who, Said("approve"))
    )


@operation("yes twice", verb="answer", weight=3)
async def twice(world: World, dice: Random, surface: Surface) -> str | None:
    """Where two are needed, one person is one person."""
    ready = [one for one in await cards(world) if one.agreed]
    card = pick(dice, ready)
    if card is None:
        return None
    who = card.agreed[0]
    if who not in world.facts.people:
        return None
    return await must_refuse(f"{who}'s second yes", surface.answer(card, who, Said("approve")))


@operation("answer an old card", verb="answer", weight=7)
async def stale(world: World, dice: Random, surface: Surface) -> str | None:
    """A card that shows something else than what is there now is no longer answered."""
    old = pick(dice, world.facts.shown)
    if old is None:
        return None
    try:
        now = await world.sayso.solutions.get(old.id)
    except Exception:
        world.facts.shown.remove(old)
        raise
    waits = any(step.asks for step in now.steps)
    same = waits and _seen(now, surface) == _seen(old, surface)
    person = pick(dice, with_any_role(world))
    if same or person is None:
        return None
    world.facts.shown.remove(old)
    return await must_refuse(
        f"a yes to an old card of {_told(old)}", surface.answer(old, person, Said("approve"))
    )


@operation("yes too late", verb="answer", weight=6)
async def late(world: World, dice: Random, surface: Surface) -> str | None:
    """No answer in time counts as no, whether or not anybody has looked since."""
    ready = [
        (one, people)
        for one in await cards(world)
        if is_late(world, one) and (people := may_answer(world, one)) and _is_plain(one)
    ]
    found = pick(dice, ready)
    if found is None:
        return None
    card, people = found
    attempt = surface.answer(card, dice.choice(people), Said("approve"))
    return await must_refuse(f"a yes to {_told(card)} after its time", attempt)


@operation("answer with another digest", verb="answer", weight=3)
async def other_digest(world: World, dice: Random, surface: Surface) -> str | None:
    """What somebody agrees to is what they saw."""
    found = await _card(world, dice)
    if found is None:
        return None
    card, person = found
    steps = tuple(step.model_copy(update={"digest": _other(step.digest)}) for step in card.steps)
    wrong = card.model_copy(update={"digest": _other(card.digest), "steps": steps})
    return await must_refuse(
        "a yes to another digest", surface.answer(wrong, person, Said("approve"))
    )


@operation("more than was asked", verb="answer", weight=3)
async def more(world: World, dice: Random, surface: Surface) -> str | None:
    """Less is less."""
    found = await _card(world, dice)
    if found is None:
        return None
    card, person = found
    step = pick(dice, [one for one in card.steps if one.asks and one.amount])
    if step is None or step.amount is None:
        return None
    amount = Money(step.amount.amount_minor + dice.choice([0, 1, 500]), step.amount.currency)
    attempt = surface.answer(card, person, Said("edit", lower={step.id: amount}))
    return await must_refuse(f"`less` of {amount} instead of {step.amount}", attempt)


@operation("yes of somebody who has left", verb="answer", weight=4)
async def left(world: World, dice: Random, surface: Surface) -> str | None:
    """From the moment that somebody is taken out nothing of theirs counts."""
    gone = sorted({"maria", "noor", "finn", "olga", "zoe"} - set(world.facts.people))
    card, who = pick(dice, await cards(world)), pick(dice, gone)
    if card is None or who is None:
        return None
    return await must_refuse(
        f"the yes of {who}, who has left", surface.answer(card, who, Said("approve"))
    )


def _seen(card: SolutionView, surface: Surface) -> tuple[object, ...]:
    """What somebody says that they saw; a command names the card of the one step that waits."""
    if surface.name == "cli":
        return tuple(step.digest for step in card.steps if step.asks)
    return card.digest, card.revision


def _other(digest: str | None) -> str:
    told = digest or "0"
    return ("0" if told[0] != "0" else "1") + told[1:]


def with_any_role(world: World) -> list[str]:
    """Who holds any role."""
    return [name for name in active(world) if world.facts.people[name]]
