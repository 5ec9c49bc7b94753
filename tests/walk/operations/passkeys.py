"""Passkeys: made, confirmed by another one, and the yes to so much that only they can say."""

from __future__ import annotations

from random import Random

from support.soft_passkey import SoftPasskey
from walk.operations.base import (
    active,
    cards,
    may_answer,
    must_refuse,
    operation,
    pick,
    remember_yes,
)
from walk.surfaces.base import Said, Surface
from walk.variants import Variant
from walk.world import World

from sayso.actions.approvals.answer import SolutionDecision
from sayso.actions.approvals.repository import DecisionChoice
from sayso.audit.authority.passkeys import Signature
from sayso.ids import to_micros
from sayso.sdk.resources.passkeys import make_nonce
from sayso.sdk.resources.sessions import Session
from sayso.sdk.views.solution import SolutionView

ORIGIN = "http://localhost:8390"


def _has(variant: Variant) -> bool:
    return variant.has_passkeys


async def _session(world: World, person: str) -> tuple[Session, str]:
    sayso = world.sayso
    session, secret = await sayso.sessions.enter(await sayso.sessions.make_link(person))
    return session, make_nonce(secret, to_micros(sayso.now()))


@operation("make a passkey", weight=6, fits=_has)
async def make(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody makes a passkey; the first of a workspace counts at once."""
    person = pick(dice, [name for name in active(world) if name not in world.facts.passkeys])
    if person is None:
        return None
    session, nonce = await _session(world, person)
    key = SoftPasskey()
    asked = await world.sayso.passkeys.to_enrol(session, nonce, "localhost")
    response = key.register(asked["challenge"], origin=ORIGIN)
    await world.sayso.passkeys.enrol(
        session, response, nonce=nonce, origin=ORIGIN, rp_id="localhost"
    )
    world.facts.passkeys[person] = key
    return f"{person} makes a passkey"


@operation("confirm a passkey", weight=5, fits=_has)
async def confirm(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody whose passkey counts says whose another one is."""
    known = await world.sayso.passkeys.list()
    waiting = [one for one in known.passkeys if not one.confirmed_by]
    found = pick(dice, waiting)
    here = [one for one in known.passkeys if one.confirmed_by]
    ours = [one.person for one in here if one.person in active(world)]
    person = pick(dice, sorted(ours))
    if found is None or person is None:
        return None
    session, nonce = await _session(world, person)
    asked = await world.sayso.passkeys.to_confirm(session, found.id, nonce)
    signed = world.facts.passkeys[person].signature(asked.challenge, nonce)
    await world.sayso.passkeys.confirm(session, found.id, signed)
    return f"{person} confirms the passkey of {found.person}"


@operation("yes with a passkey", weight=12, fits=_has)
async def yes(world: World, dice: Random, surface: Surface) -> str | None:
    """So much is agreed to by a signature over what is shown."""
    found = await _card(world, dice)
    if found is None:
        return None
    card, person = found
    signed = await _signed(world, card, person, person)
    await _say(world, card, person, signed)
    await remember_yes(world, card, person)
    after = await world.sayso.solutions.get(card.id)
    states = [step.status for step in after.steps]
    return f"{person} signs a yes to {card.lead.headline!r}: {states}"


@operation("yes without a passkey", verb="answer", weight=5, fits=_has)
async def unsigned(world: World, dice: Random, surface: Surface) -> str | None:
    """So much is never agreed to without one."""
    found = await _card(world, dice)
    if found is None:
        return None
    card, person = found
    attempt = surface.answer(card, person, Said("approve"))
    return await must_refuse(f"a yes to {card.lead.headline} without a passkey", attempt)


@operation("yes with another's passkey", weight=4, fits=_has)
async def stolen(world: World, dice: Random, surface: Surface) -> str | None:
    """A signature is of the one who says yes."""
    found = await _card(world, dice)
    if found is None:
        return None
    card, person = found
    other = pick(dice, sorted(set(world.facts.passkeys) - {person}))
    if other is None:
        return None
    signed = await _signed(world, card, person, other)
    return await must_refuse(f"{other}'s signature for {person}", _say(world, card, person, signed))


async def _card(world: World, dice: Random) -> tuple[SolutionView, str] | None:
    ready = [
        (one, people)
        for one in await cards(world)
        if one.passkey and (people := set(may_answer(world, one)) & set(world.facts.passkeys))
    ]
    found = pick(dice, ready)
    return None if found is None else (found[0], dice.choice(sorted(found[1])))


async def _signed(world: World, card: SolutionView, person: str, by: str) -> Signature:
    holder = await world.sayso.authentication.person(world.token(person), via="walk")
    nonce = make_nonce("walk", to_micros(world.now()))
    answer = SolutionDecision(
        tenant=holder.tenant,
        approval_id=card.id,
        revision=card.revision,
        digest=card.digest,
        choice=DecisionChoice.APPROVE,
        person=person,
        via="walk",
        credential=holder.id,
    )
    asked = await world.sayso.solutions.to_sign(answer, lambda: nonce)
    challenge = "none" if asked is None else asked.challenge
    return world.facts.passkeys[by].signature(challenge, nonce)


async def _say(world: World, card: SolutionView, person: str, signed: Signature) -> None:
    await world.sayso.solutions.answer(
        card.id,
        "approve",
        token=world.token(person),
        revision=card.revision,
        digest=card.digest,
        passkey=signed,
    )
