"""Customers at a desk, colleagues beside Sayso, bells that ring twice or never, and the sweep."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from random import Random

from support.fake_desk import FakeDesk, Fault
from walk.facts import FindingError
from walk.help_desk import DESKS
from walk.judges.desks import SEAT, judge_chats, judge_desk
from walk.operations.asking import WORDS
from walk.operations.base import must_refuse, operation, pick
from walk.operations.deciding import with_any_role
from walk.operations.provider import LEASE_S
from walk.surfaces.base import Surface
from walk.variants import Variant
from walk.world import DiedError, World

from sayso.actions.engine.engine import Boundary
from sayso.actions.model.definition import Assurance, Subject
from sayso.sdk.desk.conversation import WrittenMessage
from sayso.sdk.desk.loop import DeskLoop
from sayso.sdk.desk.seat import Said as SeatKind
from sayso.sdk.desk.seat import Words

_MORE = (
    "Thank you so much!",
    "Yes",
    "No, stop, I'll keep it",
    "When will I have it?",
    "x" * 20_001,
)

FAULTS: Sequence[Sequence[Fault]] = (
    (),
    (),
    ("lost_after",),
    ("lost_before",),
    ("unreachable",),
    ("outdated",),
    ("lost_before", "outdated"),
)
"""Of the calls that come next, first calls and repeats."""


def _has(variant: Variant) -> bool:
    return variant.has_desk


def desk_in(world: World) -> FakeDesk:
    """The desk's connector as it is open now."""
    desk = DESKS[world.folder.resolve()].desk
    assert desk is not None, "the workspace is open"
    return desk


@operation("a customer writes at the desk", weight=14, fits=_has)
async def write(world: World, dice: Random, surface: Surface) -> str | None:
    """A new thread, or more in one; the bell rings, twice, or never."""
    desk = desk_in(world)
    known = pick(dice, sorted(desk.books.tickets)) if dice.random() < 0.5 else None
    who = dice.choice(sorted(WORDS)) if known is None else desk.books.tickets[known].customer
    thread = known or f"t{len(desk.books.tickets) + 1}"
    words = dice.choice(_MORE if known is not None else WORDS[who])
    desk.write(thread, words, customer=who)
    world.clock.advance(seconds=1)
    rings = dice.choice([0, 1, 2])
    for _ in range(rings):
        await world.sayso.desks.ring("desk", thread)
    return f"{who} writes in {thread}: {words[:40]} ({rings} rings)"


@operation("the desk is looked after", weight=14, fits=_has)
async def look(world: World, dice: Random, surface: Surface) -> str | None:
    """It is swept, what is new is taken in, what is due is said; a call may go wrong."""
    desk = desk_in(world)
    desk.faults[:] = dice.choice(FAULTS)
    desk.unreadable = dice.random() < 0.1
    loop = DeskLoop(world.sayso.container, world.workspace.settings.desk)
    for one in loop.desks:
        await one.sweep_now()
    await loop.drain()
    await world.carry_out()
    await loop.drain()
    was_read, desk.unreadable = not desk.unreadable, False
    judge_desk(world, desk, was_read=was_read)
    judge_chats(world, DESKS[world.folder.resolve()].chats)
    return f"{len(desk.books.tickets)} threads are looked after"


@operation("a colleague at the desk", weight=5, fits=_has)
async def meet(world: World, dice: Random, surface: Surface) -> str | None:
    """Answers, takes or closes a thread; or a machine writes in one."""
    desk = desk_in(world)
    thread = pick(dice, sorted(desk.books.tickets))
    if thread is None:
        return None
    what = dice.choice(["answers", "takes", "closes", "machine", "note"])
    match what:
        case "answers":
            desk.write(thread, "I look into it.", author="colleague")
        case "takes":
            desk.change(thread, assignee="maria")
        case "closes":
            desk.change(thread, is_open=False)
        case "machine":
            desk.write(thread, "I am out of office.", author="machine")
        case _:
            desk.write(thread, "Odd customer.", author="colleague", public=False)
    world.clock.advance(seconds=1)
    return f"{what} in {thread}"


@operation("a desk that is none", weight=1, fits=_has)
async def wrong(world: World, dice: Random, surface: Surface) -> str | None:
    """Nobody's desk is rung or swept, and no thread has such a name."""
    desks = world.sayso.desks
    if dice.random() < 0.5:
        return await must_refuse("a sweep of nobody's desk", desks.sweep("nobody"))
    return await must_refuse("a thread's name that is none", desks.ring("desk", "x" * 500))


@operation("a colleague speaks from the seat", weight=6, fits=_has)
async def speak(world: World, dice: Random, surface: Surface) -> str | None:
    """Answers, hands over or leaves a note as themselves; sent twice, it is said once.

    The process may die under it: the colleague has spoken all the same, or not.
    """
    thread = pick(dice, sorted(desk_in(world).books.tickets))
    person = pick(dice, with_any_role(world))
    if thread is None or person is None:
        return None
    by = await world.sayso.authentication.person(world.token(person), via="walk")
    kind: SeatKind = dice.choice(["reply", "reply", "hand_over", "note"])
    said = Words(kind=kind, text=SEAT, key=f"k{dice.getrandbits(32):x}")
    if dice.random() < 0.3:
        world.dies_at = where = dice.choice(list(Boundary))
        with contextlib.suppress(DiedError):
            await world.sayso.desks.speak("desk", thread, said, by=by)
        world.dies_at = None
        await world.reopen()
        world.clock.advance(seconds=LEASE_S)
        return f"{person} speaks in {thread} ({kind}), and the process dies at {where}"
    done = [await world.sayso.desks.speak("desk", thread, said, by=by) for _ in range(2)]
    if done[0].id != done[1].id:
        raise FindingError("allowed", f"{person} said the same twice in {thread}")
    return f"{person} speaks in {thread} ({kind}): {done[1].status}"


@operation("an answer does not arrive", weight=3, fits=_has)
async def bounce(world: World, dice: Random, surface: Surface) -> str | None:
    """A delivery report about an answer of ours, or about nothing of ours, once or twice."""
    desk = desk_in(world)
    told = [one for one in sorted(desk.books.tickets) if desk.books.replies(one)]
    thread = pick(dice, told)
    if thread is None:
        return None
    ours = [one for one in desk.books.tickets[thread].messages if one.author == "sayso"]
    named = dice.choice([dice.choice(ours).id, "none-of-ours"])
    for _ in range(dice.choice([1, 2])):
        desk.write(thread, "Undelivered mail", author="machine", undelivered=named)
        world.clock.advance(seconds=1)
    return f"{named} of {thread} did not arrive"


@operation("somebody edits a message", weight=3, fits=_has)
async def edit(world: World, dice: Random, surface: Surface) -> str | None:
    """The first words count, whether they were taken in already or not."""
    desk = desk_in(world)
    thread = pick(dice, sorted(desk.books.tickets))
    if thread is None:
        return None
    messages = desk.books.tickets[thread].messages
    number = dice.choice([at for at, one in enumerate(messages) if one.author == "customer"])
    desk.edit(thread, number, dice.choice(WORDS[desk.books.tickets[thread].customer]))
    return f"message {number + 1} of {thread} reads otherwise now"


@operation("a customer writes in your own desk", weight=8, fits=_has)
async def tell(world: World, dice: Random, surface: Surface) -> str | None:
    """A message, told twice or with a colleague's behind it; another customer has no part in it."""
    chats = DESKS[world.folder.resolve()].chats
    known = pick(dice, sorted(chats)) if dice.random() < 0.6 else None
    thread = known or f"c{len(chats) + 1}"
    who = dice.choice(sorted(WORDS)) if known is None else chats[known]
    desks = world.sayso.desks
    if known is not None and dice.random() < 0.2:
        other = dice.choice([one for one in sorted(WORDS) if one != who])
        said = _told(dice, other, dice.choice(WORDS[other]))
        wrong = desks.tell("chat", thread, said)
        return await must_refuse(f"{other} writes in {thread} of {who}", wrong)
    said = _told(dice, who, dice.choice([*WORDS[who], *_MORE[:4]]))
    first = await desks.tell("chat", thread, said)
    chats[thread] = who
    again = await desks.tell("chat", thread, said)
    if first.request_id is None or again.request_id != first.request_id:
        raise FindingError("allowed", f"the same message was taken in twice in {thread}")
    if dice.random() < 0.2:
        key = f"k{dice.getrandbits(32):x}"
        silent = await desks.tell("chat", thread, WrittenMessage(id=key, author="colleague"))
        if silent.silent is None:
            raise FindingError("allowed", f"a colleague has written in {thread} for nothing")
    return f"{who} writes in {thread}: {said.text[:40]}"


def _told(dice: Random, who: str, words: str) -> WrittenMessage:
    subject = Subject(id=who, assurance=Assurance.VERIFIED)
    key = f"k{dice.getrandbits(32):x}"
    return WrittenMessage(id=key, author="customer", subject=subject, text=words)
