"""What a step is: an operation with a name, the door it goes through, and its own dice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from walk.facts import FindingError, RefusedHereError, Said
from walk.surfaces.base import Surface
from walk.variants import Variant
from walk.world import World

from sayso.errors import IntegrityError, SaysoError
from sayso.money import Money
from sayso.sdk.views.rows import ActionView
from sayso.sdk.views.solution import SolutionView

T = TypeVar("T")
Run = Callable[[World, Random, Surface], Awaitable[str | None]]
"""Does it; what it did in words, None where there was nothing to do it to. All that it picks, it
picks by the dice that it is given: the same step on the same world is the same step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that somebody does, right or wrong.

    Attributes:
        verb: of the door; empty for what has only one. weight: how often, beside the others.
        fits: the variants in which it can be done.
    """

    name: str
    verb: str
    weight: int
    run: Run
    fits: Callable[[Variant], bool]


OPERATIONS: dict[str, Operation] = {}


def operation(
    name: str,
    *,
    verb: str = "",
    weight: int = 4,
    fits: Callable[[Variant], bool] = lambda variant: True,
) -> Callable[[Run], Run]:
    """Put a function on the table of operations."""

    def put(run: Run) -> Run:
        assert name not in OPERATIONS, name
        OPERATIONS[name] = Operation(name=name, verb=verb, weight=weight, run=run, fits=fits)
        return run

    return put


async def must_refuse(what: str, attempt: Awaitable[object]) -> str:
    """Do what is wrong; it is a finding where the product takes it."""
    try:
        await attempt
    except IntegrityError:
        raise
    except SaysoError as error:
        return f"{what}: {error.code}"
    except RefusedHereError as error:
        return f"{what}: {error.code or 'refused'}"
    raise FindingError("allowed", what)


def pick(dice: Random, among: Sequence[T]) -> T | None:
    """One of them; None of none."""
    return dice.choice(among) if among else None


def active(world: World) -> list[str]:
    """Who is a person of the workspace now, in order of their names."""
    return sorted(world.facts.people)


def with_role(world: World, role: str) -> list[str]:
    """Who has a role now."""
    return [name for name in active(world) if role in world.facts.people[name]]


async def cards(world: World) -> list[SolutionView]:
    """What waits for people, in an order that does not hang on random ids."""
    page = await world.sayso.solutions.waiting(limit=50)
    return sorted(page.items, key=lambda one: (one.created_at, one.customer.id, one.lead.headline))


async def actions(world: World, status: str) -> list[ActionView]:
    """Actions in a state, the oldest first."""
    found = await world.sayso.actions.list(status=status, limit=200)
    return sorted(found, key=lambda one: (one.created_at, one.subject, one.action, str(one.args)))


def requester_of(world: World, card: SolutionView) -> str:
    """Who asked for it: the holder of a token; empty where the walk does not know."""
    return world.facts.requesters.get(card.steps[0].action_id, "")


def may_answer(world: World, card: SolutionView) -> list[str]:
    """Whose yes to a card counts."""
    wanted = set(card.roles)
    asked = {world.facts.requesters.get(step.action_id, "") for step in card.steps}
    return [
        name
        for name in active(world)
        if world.facts.people[name] & wanted and name not in asked and name not in card.agreed
    ]


async def remember_yes(
    world: World,
    card: SolutionView,
    person: str,
    steps: Sequence[str] | None = None,
    lower: dict[str, Money] | None = None,
    *,
    tenant: str | None = None,
) -> None:
    """Note that the product took a yes, and to which revision and amount."""
    for step in card.steps:
        wanted = step.asks and (steps is None or step.id in steps)
        if not wanted or step.approval_id is None:
            continue
        approval = await world.sayso.approvals.get(step.approval_id, tenant=tenant)
        amount = (lower or {}).get(step.id, step.amount)
        world.facts.said.append(
            Said(
                person=person,
                approval_id=step.approval_id,
                action_id=step.action_id,
                revision=approval.revision,
                minor=None if amount is None else amount.amount_minor,
                step=world.facts.step,
            )
        )
