"""Customers whom nobody knows: they are asked for a code, and give it, or another, or none."""

from __future__ import annotations

import email
import re
from email.policy import default
from random import Random

from walk.facts import FindingError, RefusedHereError
from walk.operations.asking import WORDS, mark_of, remember_requesters, some_key
from walk.operations.base import must_refuse, operation, pick
from walk.surfaces.base import Surface
from walk.world import World

from sayso.actions.model.definition import Assurance, Subject
from sayso.errors import RefusedError
from sayso.sdk.views.rows import RequestView

_LINK = re.compile(r"https://help\.shop\.example/confirm/\S+")


@operation("write as anybody could", verb="ask", weight=4)
async def ask_unknown(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody writes in a customer's name, or in one that nobody has."""
    customer = dice.choice([*sorted(WORDS), "cus_nobody"])
    mark = mark_of(dice)
    words = f"{dice.choice(WORDS.get(customer, WORDS['cus_demo_ana']))} (my note {mark})"
    world.facts.marks.setdefault(customer, []).append(mark)
    asked = await world.sayso.ask(
        Subject(id=customer, assurance=Assurance.UNVERIFIED), words, idempotency_key=some_key(dice)
    )
    await world.sayso.container.agent.sent()
    await remember_requesters(world, asked, "bot")
    if any(one.status == "succeeded" and one.amount is not None for one in asked.actions):
        raise FindingError("allowed", f"money moved for {customer}, whom nobody knows")
    return f"somebody writes as {customer}: {asked.status}"


@operation("answer a code", verb="reply", weight=8)
async def answer_code(world: World, dice: Random, surface: Surface) -> str | None:
    """They read it off the newest letter, or guess, have it sent again, or cannot."""
    waiting = await world.sayso.requests.list(status="needs_customer", limit=100)
    waiting = sorted(waiting, key=lambda one: (one.created_at, one.subject))
    asked = [one for one in waiting if one.question is not None and one.question.kind == "verify"]
    request = pick(dice, asked)
    if request is None or request.question is None:
        return None
    words, choice = dice.choice(["00000000", "I have no code", "1" * 400]), None
    if dice.random() < 0.3:
        words, choice = "", dice.choice(["again", "no_access"])
    elif dice.random() < 0.7:
        words = _code_of(world, request) or words
    try:
        after = await world.sayso.requests.answer(
            request.id, words, question=request.question.number, choice=choice
        )
    except RefusedError as error:
        return f"{request.subject} is refused: {error.code}"
    await world.sayso.container.agent.sent()
    await remember_requesters(world, after, "bot")
    return f"{request.subject} answers {choice or 'something'}: {after.status}"


@operation("press a link", verb="reply", weight=4)
async def press_link(world: World, dice: Random, surface: Surface) -> str | None:
    """Some link of some letter is opened, and its button pressed twice; or changed before."""
    links = [found[0] for _, text in _letters(world) if (found := _LINK.search(text))]
    link = pick(dice, links)
    if link is None:
        return None
    language, token = link.split("/")[-2:]
    if dice.random() < 0.2:
        place = dice.randrange(len(token))
        token = f"{token[:place]}{'A' if token[place] != 'A' else 'B'}{token[place + 1 :]}"
    pages = world.sayso.confirmations
    before = pages.show(token, language)
    told = [await pages.press(token, language) for _ in range(2)]
    if told[1].shown == "done":
        raise FindingError("allowed", "a link counted a second time")
    if told[0].shown == "done" and before.shown != "ask":
        raise FindingError("allowed", "a link counted whose page had no button")
    await world.sayso.container.dispatcher.drain()
    await world.sayso.container.agent.sent()
    return f"somebody presses a link: {told[0].shown}"


@operation("vouch", verb="vouch_for", weight=3)
async def vouch(world: World, dice: Random, surface: Surface) -> str | None:
    """A colleague vouches; and nobody does for a customer whom the caller knew."""
    found = await world.sayso.requests.list(limit=100)
    request = pick(dice, sorted(found, key=lambda one: (one.created_at, one.subject)))
    people = [name for name in sorted(world.facts.people) if world.facts.people[name]]
    if request is None or not people:
        return None
    person, key = dice.choice(people), some_key(dice)
    wordless = surface.vouch_for(request.id, person, f"{key}-wordless", " ")
    await must_refuse("vouching without a reason", wordless)
    try:
        await surface.vouch_for(request.id, person, key, "by phone")
    except (RefusedError, RefusedHereError) as error:
        return f"{person} cannot vouch for {request.subject}: {error.code}"
    told = await world.sayso.requests.get(request.id)
    if told.verified is None or told.assurance != "unverified":
        raise FindingError("untrue", f"{person} vouched for {request.subject}, and nothing says so")
    await remember_requesters(world, told, "bot")
    return f"{person} vouches for {request.subject}: {told.status}"


def _code_of(world: World, request: RequestView) -> str | None:
    """The digits in the newest letter about a request; None where there is none."""
    for about, text in reversed(_letters(world)):
        if about == request.id:
            found = re.search(r"\b[0-9]{4} [0-9]{4}\b", text)
            return None if found is None else found[0]
    return None


def _letters(world: World) -> list[tuple[str, str]]:
    """What every letter is about, and what it says; oldest first."""
    files = sorted((world.folder / "outbox").glob("*.eml"), key=lambda one: one.stat().st_mtime_ns)
    letters = [email.message_from_bytes(one.read_bytes(), policy=default) for one in files]
    return [(str(one["X-Sayso-Action"]), str(one.get_content())) for one in letters]
