"""A plan whose first step changes the very object that its second step was judged by."""

from __future__ import annotations

from random import Random

from walk.facts import FindingError
from walk.operations.asking import SHELF_CUSTOMERS, mark_of, remember_requesters, some_key
from walk.operations.base import may_answer, operation, pick
from walk.operations.deciding import say_yes
from walk.surfaces.base import Surface
from walk.world import World

from sayso.sdk.views.rows import ActionView


@operation("a plan from the shelf", verb="ask", weight=4, fits=lambda variant: variant.has_shelf)
async def plan(world: World, dice: Random, surface: Surface) -> str | None:
    """A customer is given something twice: the second gift finds less on the shelf, and is given.

    Nobody else touches the shelf meanwhile, so nobody is to be asked again.
    """
    customer = pick(dice, sorted(set(SHELF_CUSTOMERS) - world.facts.erased))
    if customer is None:
        return None
    mark, by = mark_of(dice), dice.choice(["bot", "otherbot"])
    words = f"Please give me ${dice.choice([5, 12, 40])} twice from the shelf. (my note {mark})"
    world.facts.marks.setdefault(customer, []).append(mark)
    found = await surface.ask(customer, words, by=by, key=some_key(dice))
    request = await world.sayso.requests.get(found)
    if request.question is not None and request.question.choices:
        yes = request.question.choices[0].value
        sdk = world.surfaces["sdk"]
        assert isinstance(sdk, Surface), "a door"
        await sdk.reply(found, request.question.number, words="", choice=yes)
        request = await world.sayso.requests.get(found)
    await remember_requesters(world, request, by)
    await _agree(world, dice, found)
    await world.carry_out()
    steps = [await world.sayso.actions.get(one.id) for one in request.actions]
    told = f"{customer} asks {words[:40]!r}: {[(one.action, one.status) for one in steps]}"
    _judge(world, steps, told)
    return told


async def _agree(world: World, dice: Random, request_id: str) -> None:
    """Whoever may says yes to the whole of it, where it waits for people."""
    page = await world.sayso.solutions.waiting(limit=50)
    card = next((one for one in page.items if one.request_id == request_id), None)
    person = None if card is None else pick(dice, may_answer(world, card))
    sdk = world.surfaces["sdk"]
    assert isinstance(sdk, Surface), "a door"
    if card is not None and person is not None and not (card.passkey or card.says_why):
        await say_yes(world, sdk, card, person)


def _judge(world: World, steps: list[ActionView], told: str) -> None:
    """What the first step did is no reason to ask anybody about the second one again."""
    if len(steps) != 2:
        return
    first, second = steps
    if first.status == "succeeded" and (second.revision > 1 or second.status == "stale"):
        raise FindingError("untrue", f"its own plan made a step stale: {told}")
