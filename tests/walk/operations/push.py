"""Browsers in which people are told: turned on and taken back; and whom a note names."""

from __future__ import annotations

import json
from random import Random

from support.push_service import Push, SoftBrowser
from walk.facts import FindingError
from walk.operations.base import active, cards, may_answer, must_refuse, operation, pick
from walk.surfaces.base import Surface
from walk.variants import Variant
from walk.world import World

from sayso.sdk.background.telling import Telling
from sayso.sdk.push.browsers import Browser
from sayso.sdk.push.message import Pushed
from sayso.surfaces.push import Pusher


def _has(variant: Variant) -> bool:
    return variant.has_webhooks


@operation("turn a browser on", weight=4, fits=_has)
async def turn_on(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody is told in a browser; whoever turns the same one on after them has it."""
    person = pick(dice, active(world))
    settings = world.sayso.browsers.settings
    if person is None or settings is None or len(world.browsers) > 5:
        return None
    known = pick(dice, list(world.browsers))
    again = known is not None and dice.random() < 0.2
    number = dice.getrandbits(32)
    soft = SoftBrowser(endpoint=f"https://push.example/{number}", key=settings.keys[0].named)
    if again and known is not None:
        _, soft = world.browsers.pop(known)
    made = await world.sayso.browsers.add(person, soft.said, language=dice.choice(["en", "de"]))
    world.browsers[made.id] = (person, soft)
    return f"{person} is told in {soft.endpoint}"


@operation("push", weight=8, fits=_has)
async def tell(world: World, dice: Random, surface: Surface) -> str | None:
    """What is due is pushed: only to whom it concerns, each read by the browser itself."""
    settings = world.sayso.browsers.settings
    if settings is None:
        return None
    came: list[tuple[str, Push]] = []

    async def over(browser: Browser, body: bytes, headers: dict[str, str]) -> Pushed:
        whose, soft = world.browsers.get(browser.id, ("", None))
        if soft is None or browser.person != whose or whose not in world.facts.people:
            raise FindingError("untrue", f"{browser.person} is told, who has left {browser.id}")
        how = dice.random()
        if how < 0.1:
            del world.browsers[browser.id]
            return Pushed(problem="status 410", gone=True)
        if how < 0.2:
            return Pushed(problem="status 400")
        came.append((whose, soft.read(headers, body)))
        return Pushed()

    await Telling(world.sayso, "push", Pusher(world.sayso, settings, over=over).tells).step()
    waiting = {one.id: one for one in await cards(world)}
    for whose, push in came:
        _judge(push)
        card = waiting.get(push.path.removeprefix("solution/"))
        is_card = push.title.endswith(("your yes or no", "Ihr Ja oder Nein"))
        if is_card and card is not None and whose not in may_answer(world, card):
            raise FindingError("untrue", f"{whose} is told of a card that waits for others")
    return f"{len(came)} pushes"


def _judge(push: Push) -> None:
    """Nothing of a customer stands on a locked screen."""
    for word in ("cus_", "@example"):
        if word in push.words:
            raise FindingError("untrue", f"a push says {word!r}: {push.words}")


@operation("take a browser back", weight=3, fits=_has)
async def take_back(world: World, dice: Random, surface: Surface) -> str | None:
    """By its person; somebody else finds none of theirs."""
    named = pick(dice, list(world.browsers))
    if named is None:
        return None
    person, _ = world.browsers[named]
    other = pick(dice, [name for name in active(world) if name != person])
    if other is not None and await world.sayso.browsers.remove(other, named):
        raise FindingError("allowed", f"{other} takes back a browser of {person}")
    await world.sayso.browsers.remove(person, named)
    del world.browsers[named]
    return f"{person} takes one back"


@operation("turn on what is no browser", weight=2, fits=_has)
async def misname(world: World, dice: Random, surface: Surface) -> str | None:
    """A private address, no https, no keys, or somebody who is not active."""
    keys = json.loads(SoftBrowser(endpoint="", key="").said)["keys"]
    url, person, given = dice.choice(
        [
            ("https://169.254.169.254/x", "maria", keys),
            ("http://push.example/x", "maria", keys),
            ("https://push.example/x", "maria", {"p256dh": "AA", "auth": "AA"}),
            ("https://push.example/x", "nobody", keys),
        ]
    )
    said = json.dumps({"endpoint": url, "keys": given})
    return await must_refuse(f"{url} for {person}", world.sayso.browsers.add(person, said))


@operation("name a colleague in a note", weight=3)
async def name_one(world: World, dice: Random, surface: Surface) -> str | None:
    """A note on a card names somebody, themselves, or nobody; it gives nobody a power."""
    card, by = pick(dice, await cards(world)), pick(dice, active(world))
    to = pick(dice, [*active(world), "nobody"])
    if card is None or by is None:
        return None
    await world.sayso.solutions.note_as(
        card.id, f"@{to} look", tenant=world.sayso.tenant, person=by, via="console"
    )
    return f"{by} names {to}"
