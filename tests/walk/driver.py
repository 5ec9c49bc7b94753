"""Drives a walk: steps drawn by a seed, a judgement after each, and what it takes to repeat it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import cast

from walk.facts import FindingError, FindingKind, RefusedHereError
from walk.judges import EVERY, judge, judge_end
from walk.operations import OPERATIONS, Operation
from walk.places import Places
from walk.surfaces import SURFACES
from walk.surfaces.base import Surface
from walk.variants import VARIANTS, Variant
from walk.world import DiedError, World, opened

from sayso.errors import Code, IntegrityError, SaysoError

UNDOCUMENTED = {Code.INTERNAL, Code.TAMPERED, Code.BAD_SIGNATURE, Code.KEY_MISMATCH}
"""Codes that ordinary use never sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: which operation, through which door, by which dice."""

    name: str
    surface: str
    seed: int

    def __str__(self) -> str:
        return f"{self.name} @{self.surface} #{self.seed}"

    @classmethod
    def read(cls, line: str) -> Step:
        """The step behind a line of a journal.

        Raises:
            ValueError: for what is none.
        """
        told = line.partition(" |")[0].strip()
        head, _, seed = told.rpartition(" #")
        name, _, surface = head.rpartition(" @")
        if name not in OPERATIONS or surface not in SURFACES:
            raise ValueError(f"no step: {line[:80]}")
        return cls(name=name, surface=surface, seed=int(seed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a walk found, and where."""

    kind: FindingKind
    what: str
    step: int


@dataclass(kw_only=True)
class Walked:
    """A walk that was walked.

    Attributes:
        journal: each step with what it did. done: how many did something.
    """

    variant: str
    steps: list[Step]
    journal: list[str] = field(default_factory=list[str])
    done: int = 0
    found: Found | None = None


def drawn(
    variant: Variant, seed: int, steps: int, often: frozenset[str] = frozenset()
) -> list[Step]:
    """The steps of a walk: the same for the same variant, seed and number.

    Args:
        often: operations that are drawn several times as often as they are otherwise.
    """
    dice = Random(f"{variant.name}/{seed}")
    table = [
        (one, door)
        for one in OPERATIONS.values()
        if one.fits(variant)
        for door in doors(one, variant)
    ]
    weights = [
        one.weight
        * (OFTEN if one.name in often else 1)
        * SHARE.get(door, 1.0)
        / _doors(one, variant)
        for one, door in table
    ]
    picked = dice.choices(table, weights, k=steps)
    return [Step(name=one.name, surface=door, seed=dice.getrandbits(32)) for one, door in picked]


OFTEN = 6
SHARE = {"sdk": 2.0, "http": 1.0, "cli": 0.5, "console": 1.0, "slack": 2.0}
"""How often each door is gone through: a command opens the workspace anew, which takes longest."""


def doors(one: Operation, variant: Variant) -> list[str]:
    """The doors through which an operation can be done in a variant."""
    if not one.verb:
        return ["sdk"]
    return [
        name
        for name, surface in SURFACES.items()
        if one.verb in surface.verbs() and (name != "slack" or variant.has_slack)
    ]


def _doors(one: Operation, variant: Variant) -> float:
    return sum(SHARE.get(door, 1.0) for door in doors(one, variant))


async def walk(
    places: Places, variant: str, steps: Sequence[Step], *, whole: int = EVERY
) -> Walked:
    """Walk these steps in a new world, until something is found.

    Args:
        whole: every so many steps everything is judged.
    """
    walked = Walked(variant=variant, steps=list(steps))
    quiet = logging.getLogger("sayso")
    level, quiet.level = quiet.level, logging.CRITICAL
    try:
        async with opened(places, VARIANTS[variant]) as world:
            for number, step in enumerate(steps, start=1):
                world.facts.step = number
                if not await _take(world, step, walked, whole=number % whole == 0):
                    return walked
            await _end(world, walked)
    finally:
        quiet.level = level
    return walked


async def _take(world: World, step: Step, walked: Walked, *, whole: bool) -> bool:
    """Take one step and judge; whether the walk goes on."""
    world.clock.advance(seconds=1)
    try:
        told = await _do(world, step)
        if told is not None:
            walked.done += 1
            walked.journal.append(f"{step} | {told}")
            await judge(world, whole=whole)
    except FindingError as found:
        if not walked.journal or not walked.journal[-1].startswith(f"{step} |"):
            walked.journal.append(f"{step} |")
        walked.found = Found(kind=found.kind, what=found.what, step=world.facts.step)
        return False
    except Exception as error:  # noqa: BLE001  (a judge reads by the product's own lists)
        told = f"while it was judged: {type(error).__name__}: {error}"
        walked.found = Found(kind="undocumented", what=told, step=world.facts.step)
        return False
    return True


async def _do(world: World, step: Step) -> str | None:
    """Run an operation; an error that the pages tell of is an answer like any other."""
    one = OPERATIONS[step.name]
    try:
        for name in ("sdk", step.surface):
            if name not in world.surfaces:
                world.surfaces[name] = SURFACES[name](world)
        surface = cast("Surface", world.surfaces[step.surface])
        return await one.run(world, Random(step.seed), surface)
    except FindingError:
        raise
    except IntegrityError as error:
        raise FindingError("undocumented", f"{error.code}: {error.message}") from error
    except SaysoError as error:
        if error.code in UNDOCUMENTED:
            raise FindingError("undocumented", f"{error.code}: {error.message}") from error
        return f"refused: {error.message} [{error.code}]"
    except RefusedHereError as error:
        if error.code in UNDOCUMENTED:
            raise FindingError("undocumented", str(error)) from error
        return f"refused: {error}"
    except DiedError as error:
        raise FindingError("undocumented", f"died outside of a call: {error}") from error
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise FindingError("undocumented", told) from error


async def _end(world: World, walked: Walked) -> None:
    """After the last step: restart, let time go by, and see that everything ends."""
    from walk.ending import settle_down

    try:
        await judge_end(world)
        await settle_down(world)
        await judge_end(world)
    except FindingError as found:
        walked.found = Found(kind=found.kind, what=found.what, step=len(walked.steps) + 1)
    except Exception as error:  # noqa: BLE001  (likewise)
        told = f"at the end: {type(error).__name__}: {error}"
        walked.found = Found(kind="undocumented", what=told, step=len(walked.steps) + 1)
