"""Accounts that look alike at two of five providers, and what one can reach of the other."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.identity.places import OrderArgs, Place, action_of
from bench.place import make_workspace
from sayso.actions.model.definition import Effect, Subject
from sayso.connectors.person import Person
from sayso.errors import RefusedError
from sayso.sdk.client import Sayso

NAMES = ("club", "desk", "pay", "shop", "till")
COLONS = "club"
"""Whose ids may hold a colon."""
DEFAULTS = ("pay", COLONS)
"""Whose ids may be written bare; half of the pairs each."""
OPEN_DOOR = """
@id("all") @explain("all of it") permit (principal, action, resource);
"""


@dataclass(slots=True)
class Reached:
    """What somebody got of somebody else; all of it is to be 0."""

    read: int = 0
    listed: int = 0
    touched: int = 0
    examples: list[str] = field(default_factory=list[str])
    refused_as_no_id: int = 0


@dataclass(frozen=True, slots=True)
class Pair:
    """Who writes, and whose object they name."""

    writer: tuple[str, str]
    other: tuple[str, str]


def twins(number: int, pick: random.Random) -> tuple[str, str]:
    """Two ids that are easily taken for each other."""
    digits = str(number)
    ways = (
        (digits, digits),
        (digits, f"0{digits}"),
        (f"cus_{digits}a", f"cus_{digits}A"),
        (f"l{digits}", f"1{digits}"),
        (f"O{digits}", f"0{digits}"),
        (digits, f"{digits}."),
        (digits, f"{digits}-"),
        (f"a@{digits}.example", f"a@{digits}.example"),
        (f"{digits}+x", f"{digits}"),
    )
    return pick.choice(ways)


def make_pairs(count: int, seed: int) -> Iterator[Pair]:
    """Colliding, look-alike and twin ids, and ids that look like another provider's."""
    pick = random.Random(seed)
    for number in range(1, count + 1):
        one, other = pick.sample(NAMES, 2)
        mine, theirs = twins(number, pick)
        if one == COLONS and pick.random() < 0.5:
            mine = f"{other}:{theirs}"
        yield Pair((one, mine), (other, theirs))


async def judge(folder: Path, count: int, seed: int) -> Reached:
    """Have each writer try for the other's object, by every way of writing their own id."""
    found = Reached()
    for default in DEFAULTS:
        await _judge(folder / default, count // len(DEFAULTS), seed, default, found)
    return found


async def _judge(folder: Path, count: int, seed: int, default: str, found: Reached) -> None:
    places = {
        name: Place(
            name=name,
            kind="order",
            actions=(
                action_of(f"{name}.cancel", OrderArgs, Effect.CANCELLATION, "Cancel {order}"),
            ),
            ids_hold_colons=name == COLONS,
            people={},
            owned={},
        )
        for name in NAMES
    }
    (folder / "policy.cedar").parent.mkdir(parents=True, exist_ok=True)
    (folder / "policy.cedar").write_text(OPEN_DOOR)
    workspace = make_workspace(
        folder,
        policy={"files": ["policy.cedar"], "follow": "files"},
        customers={"default": default, "links": {"desk.external_id": "pay"}},
    )
    async with Sayso(workspace, mode="decide", connectors=tuple(places.values())) as sayso:
        for number, pair in enumerate(make_pairs(count, seed)):
            ways = _written(*pair.writer, default)
            await _try(sayso, places, pair, (number, ways), found)


async def _try(
    sayso: Sayso,
    places: dict[str, Place],
    pair: Pair,
    numbered: tuple[int, list[Subject]],
    found: Reached,
) -> None:
    number, ways = numbered
    (mine, my_id), (theirs, their_id) = pair.writer, pair.other
    place, thing = places[theirs], f"o{number}"
    for one in places.values():
        assert one.people is not None
        assert one.owned is not None
        one.people.clear()
        one.owned.clear()
        one.asked.clear()
    people, others = places[mine].people, place.people
    assert people is not None
    assert others is not None
    assert place.owned is not None
    # An address that nobody has verified, and the victim's: it must tie nothing.
    people[my_id] = Person(id=my_id, email="victim@example.com", email_verified=False)
    others[their_id] = Person(id=their_id, email="victim@example.com", email_verified=True)
    place.owned[thing] = their_id
    for said in ways:
        try:
            named = sayso.container.connectors.subject(said)
        except RefusedError:
            found.refused_as_no_id += 1
            continue
        records = await sayso.container.agent.records.of(sayso.tenant, named)
        shown = await sayso.propose(f"{theirs}.cancel", {"order": thing}, subject=said)
        if any(record.id == thing for record in records):
            found.listed += 1
            found.examples.append(f"listed {pair} by {said}")
        if shown.status != "refused" or place.done:
            found.touched += 1
            found.examples.append(f"touched {pair} by {said}: {shown.status}")
        if place.asked:
            found.read += 1
            found.examples.append(f"read {pair} by {said}: {place.asked}")
        place.asked.clear()
        place.done.clear()


def _written(provider: str, given: str, default: str) -> list[Subject]:
    """Every way in which a caller might write the id, right and wrong."""
    ways = [Subject(id=given, provider=provider), Subject(id=f"{provider}:{given}")]
    if provider == default:
        ways.append(Subject(id=given))
    return ways
