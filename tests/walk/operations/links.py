"""Accounts that are tied as one customer's, untied, and never tied by whoever may not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

from walk.facts import FindingError, Tied
from walk.operations.asking import WORDS, mark_of, remember_requesters, some_key
from walk.operations.base import active, must_refuse, operation, pick
from walk.operations.deciding import with_any_role
from walk.places import HOST
from walk.surfaces.base import Surface
from walk.world import World

from sayso.actions.customers.link import AccountLink, lasting_ends
from sayso.actions.customers.proof import Proof
from sayso.actions.model.definition import Assurance, Subject
from sayso.audit.authority.by import By
from sayso.audit.customer_links import BY_PERSON
from sayso.audit.entry import Actor, ActorKind
from sayso.ids import to_micros

# NOTE: what ties by itself has no surface, so that it goes past all of them.
_ENGINE = By(actor=Actor(kind=ActorKind.SYSTEM, id="engine"))
_DESK = tuple(f"desk:{number}" for number in range(1, 5))
_BY_ITSELF = (Proof.RECORD, Proof.EMAIL)
_HOUR = 3_600_000_000


@operation("tie a desk's account", weight=3)
async def tie(world: World, dice: Random, surface: Surface) -> str | None:
    """A record or an address says that two accounts are one customer's."""
    a, b = dice.choice(_DESK), dice.choice(sorted(WORDS))
    proof = dice.choice(_BY_ITSELF)
    made = await _tie(world, a, b, proof, _ENGINE)
    # An equal address leads one way alone, so its other way would be another link.
    once_more = (a, b) if proof is Proof.EMAIL else (b, a)
    again = await _tie(world, *once_more, proof, _ENGINE)
    if again != made:
        raise FindingError("untrue", f"{a} and {b} are tied twice by the same proof")
    await _compare(world, a)
    return f"{a} is {b} by {proof}"


@operation("write with a signed assertion", verb="ask", weight=3)
async def sign(world: World, dice: Random, surface: Surface) -> str | None:
    """The shop signs that a customer has an account at the desk; it holds in that request."""
    desk, customer = dice.choice(_DESK), dice.choice(sorted(WORDS))
    until = _now(world) + dice.choice([_HOUR // 60, _HOUR])
    writer = Subject(
        id=customer, assurance=Assurance.SIGNED_IN, accounts=(desk,), accounts_until=until
    )
    mark = mark_of(dice)
    words = f"{dice.choice(WORDS[customer])} (my note {mark})"
    world.facts.marks.setdefault(customer, []).append(mark)
    asked = await world.sayso.ask(writer, words, idempotency_key=some_key(dice))
    await remember_requesters(world, asked, "bot")
    for link in await _links(world, customer):
        if link.request_id == asked.id and link.id not in world.facts.tied:
            world.facts.tied[link.id] = Tied(
                a=customer, b=desk, until=link.until, step=world.facts.step
            )
    await _compare(world, customer)
    return f"{customer} writes, signed as {desk} too: {asked.status}"


@operation("vouch for two customers", verb="vouch", weight=3)
async def vouch(world: World, dice: Random, surface: Surface) -> str | None:
    """A person says that two customers are one; a second one is told that it is so already."""
    person, (a, b) = pick(dice, with_any_role(world)), dice.sample(sorted(WORDS), 2)
    if person is None:
        return None
    known = await _links(world, a)
    is_known = any(_ends(one) == {a, b} and one.proof is Proof.PERSON for one in known)
    # By a key that nobody has used: the same call again is another matter.
    attempt = surface.vouch(a, b, person, f"vouch-{len(world.facts.vouched)}")
    world.facts.vouched.append(f"{a} {b}")
    if is_known:
        return await must_refuse(f"{a} and {b} are tied by a person once more", attempt)
    world.facts.tied[await attempt] = Tied(a=a, b=b, until=None, step=world.facts.step)
    await _compare(world, a)
    return f"{person} vouches for {a} and {b}"


@operation("merge two customers", verb="merge", weight=3)
async def merge(world: World, dice: Random, surface: Surface) -> str | None:
    """A person says that two customers are one; who are one already is refused."""
    person, (a, b) = pick(dice, with_any_role(world)), dice.sample(sorted(WORDS), 2)
    if person is None:
        return None
    ends = {account for one in await _links(world, a) for account in _ends(one)}
    attempt = surface.merge(a, b, person, f"merge-{len(world.facts.vouched)}")
    world.facts.vouched.append(f"merge {a} {b}")
    if b in ends:
        return await must_refuse(f"{a} and {b} are one customer already", attempt)
    link = await attempt
    tied = next(one for one in await _links(world, a) if one.id == link)
    near, far = (end.account for end in tied.ends)
    world.facts.tied[link] = Tied(a=near, b=far, until=None, step=world.facts.step)
    if b not in {account for one in await _links(world, a) for account in _ends(one)}:
        raise FindingError("untrue", f"{a} and {b} were merged, and are two")
    await must_refuse(f"{a} and {b} once more", surface.merge(a, b, person, f"again-{link}"))
    return f"{person} merges {a} and {b}"


@operation("unlink", verb="unlink", weight=3)
async def unlink(world: World, dice: Random, surface: Surface) -> str | None:
    """A person splits what is tied; what has ended already is refused."""
    link, person = pick(dice, sorted(world.facts.tied)), pick(dice, with_any_role(world))
    if link is None or person is None:
        return None
    tied = world.facts.tied.pop(link)
    attempt = surface.unlink(link, person, f"unlink-{link}")
    if not await _should_hold(world, link, tied):
        return await must_refuse(f"the end of {link}, which has ended", attempt)
    await attempt
    await must_refuse(f"the second end of {link}", surface.unlink(link, person, f"again-{link}"))
    await _compare(world, tied.a)
    return f"{person} ends a link of {tied.a}"


@operation("look at a customer", verb="see", weight=2)
async def see(world: World, dice: Random, surface: Surface) -> str | None:
    """Every surface shows the accounts that lasting links lead to, and none else."""
    person, account = pick(dice, with_any_role(world)), dice.choice(sorted(WORDS))
    if person is None:
        return None
    links = await _links(world, account)
    here = {end.pseudonym for link in links for end in link.ends if end.account == account}
    known = {end.account for name in here for end in lasting_ends(links, name)}
    lasting = {account, *known} - world.facts.erased
    seen = await surface.see(account, person)
    if seen and seen - {account} != lasting - {account}:
        raise FindingError("untrue", f"{account} has {lasting}, and is shown with {seen}")
    return f"{person} looks at {account}"


@operation("look or vouch without a role", verb="vouch", weight=2)
async def without_a_role(world: World, dice: Random, surface: Surface) -> str | None:
    """Who has no role ties nothing and unties nothing."""
    stranger = pick(dice, [name for name in active(world) if not world.facts.people[name]])
    a, b = dice.sample(sorted(WORDS), 2)
    link = pick(dice, sorted(world.facts.tied))
    if stranger is None or link is None:
        return None
    await must_refuse("a link by nobody", surface.vouch(a, b, stranger, "nobody-1"))
    return await must_refuse("an end by nobody", surface.unlink(link, stranger, "nobody-2"))


@operation("vouch wrongly", verb="vouch", weight=2)
async def vouch_wrongly(world: World, dice: Random, surface: Surface) -> str | None:
    """One account twice, a customer in place of an account, and the end of what never was."""
    person, a = pick(dice, with_any_role(world)), dice.choice(sorted(WORDS))
    if person is None:
        return None
    wrong: dict[str, Callable[[], Awaitable[object]]] = {
        "an account tied to itself": lambda: surface.vouch(a, a, person, "wrong-1"),
        "a customer in place of an account": lambda: surface.vouch(a, "cst_1", person, "wrong-2"),
        "what is no id": lambda: surface.vouch(a, "<b>", person, "wrong-3"),
        "the end of a link that never was": lambda: surface.unlink("lnk_0", person, "wrong-4"),
    }
    what = dice.choice(sorted(wrong))
    return await must_refuse(what, wrong[what]())


@operation("untie", weight=3)
async def untie(world: World, dice: Random, surface: Surface) -> str | None:
    """The proof of a link has gone."""
    link = pick(dice, sorted(world.facts.tied))
    if link is None:
        return None
    tied = world.facts.tied[link]
    is_held = await _untie(world, link, "record_changed", _ENGINE)
    if is_held != await _should_hold(world, link, tied):
        raise FindingError("untrue", f"the link {link} said {is_held} when it was ended")
    del world.facts.tied[link]
    if await _untie(world, link, "record_changed", _ENGINE):
        raise FindingError("untrue", f"the link {link} ended twice")
    await _compare(world, tied.a)
    return f"a link of {tied.a} ends by itself"


@operation("tie wrongly", weight=3)
async def wrongly(world: World, dice: Random, surface: Surface) -> str | None:
    """To itself, by a code without an end, by nobody's word; and untying what was never tied."""
    a, b = dice.choice(_DESK), dice.choice(sorted(WORDS))
    strangers = [name for name in active(world) if not world.facts.people[name]]
    stranger = _by(pick(dice, strangers) or "eve")
    wrong: dict[str, Callable[[], Awaitable[object]]] = {
        "an account tied to itself": lambda: _tie(world, a, a, Proof.RECORD, _ENGINE),
        "a code without an end": lambda: _tie(world, a, b, Proof.CODE, _ENGINE),
        "a code that nobody has given": lambda: _tie(
            world, a, b, Proof.CODE, _ENGINE, until=_now(world) + _HOUR, request_id="req_1"
        ),
        "an assertion without an end": lambda: _tie(world, a, b, Proof.SIGNED, _ENGINE),
        "an assertion that never came": lambda: _tie(
            world, a, b, Proof.SIGNED, _ENGINE, until=_now(world) + _HOUR, request_id="req_1"
        ),
        "a link that was over before": lambda: _tie(world, a, b, Proof.RECORD, _ENGINE, until=1),
        "a service that vouches": lambda: _tie(world, a, b, Proof.PERSON, By(actor=HOST)),
        "somebody without a role who vouches": lambda: _tie(world, a, b, Proof.PERSON, stranger),
        "the end of a link that never was": lambda: _untie(world, "lnk_none", BY_PERSON, _ENGINE),
    }
    what = dice.choice(sorted(wrong))
    return await must_refuse(what, wrong[what]())


async def _tie(
    world: World, a: str, b: str, proof: Proof, by: By, **more: str | int | None
) -> AccountLink:
    container, now = world.sayso.container, _now(world)
    made: AccountLink = await container.store.write(
        lambda tx: container.links.link(
            tx,
            container.tenant,
            a,
            b,
            proof=proof,
            by=by,
            now=now,
            **more,  # type: ignore[arg-type]
        )
    )
    world.facts.tied[made.id] = Tied(a=a, b=b, until=made.until, step=world.facts.step)
    return made


async def _untie(world: World, link: str, why: str, by: By) -> bool:
    container, now = world.sayso.container, _now(world)
    return await container.store.write(
        lambda tx: container.links.unlink(tx, container.tenant, link, why=why, by=by, now=now)
    )


async def _links(world: World, account: str) -> tuple[AccountLink, ...]:
    container, now = world.sayso.container, _now(world)
    return await container.store.read(
        lambda reader: container.links.of(reader, container.tenant, account, now)
    )


def _ends(link: AccountLink) -> set[str]:
    return {end.account for end in link.ends}


async def _compare(world: World, account: str) -> None:
    """Whether an account leads to just those that the walk has tied, as far as they are there."""
    container, now = world.sayso.container, _now(world)
    links = await container.store.read(
        lambda reader: container.links.of(reader, container.tenant, account, now)
    )
    told = {link.id for link in links}
    if unknown := told - world.facts.tied.keys():
        raise FindingError("untrue", f"{account} has links that nobody has made: {unknown}")
    for name, tied in world.facts.tied.items():
        near = account in {tied.a, tied.b}
        if near and name not in told and await _should_hold(world, name, tied):
            raise FindingError("untrue", f"{account} lacks the link {name}")


async def _should_hold(world: World, name: str, tied: Tied) -> bool:
    """Whether nothing has ended a link: neither its time, nor an erasure or a sweep of an end."""
    if tied.until is not None and tied.until <= _now(world):
        return False
    container = world.sayso.container
    row = await container.store.read(
        lambda reader: reader.one("link.by_id", tenant=container.tenant, id=name)
    )
    if row is None:
        raise FindingError("untrue", f"the link {name} is gone")
    return row["ended_why"] not in {"erased", "swept"}


def _by(person: str) -> By:
    return By(actor=Actor(kind=ActorKind.PERSON, id=person), via="walk")


def _now(world: World) -> int:
    return to_micros(world.sayso.container.clock.now())
