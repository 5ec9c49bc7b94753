"""A dozen short walks with fixed seeds; `python -m bench.walk` walks as many as you like."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from support.postgres_server import PostgresServer
from walk.campaign import steps_of
from walk.clocks import standing
from walk.driver import Found, Step, Walked, doors, drawn, walk
from walk.facts import FindingError
from walk.operations import OPERATIONS
from walk.operations.base import must_refuse
from walk.places import Places
from walk.shrink import shrink
from walk.surfaces import SURFACES
from walk.variants import VARIANTS

import sayso.store.clock
from sayso.ids import Clock
from sayso.testing.clock import FakeClock

STEPS = 25
ON_SQLITE = ("init", "limits", "dials", "tables", "shelf", "tenants", "canaries", "careful", "desk")
ON_POSTGRES = ("init", "limits", "shelf", "careful", "desk")

pytestmark = pytest.mark.promise("walk:sound")


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Workspaces whose rows are in a file."""
    return Places(scratch=tmp_path_factory.mktemp("walks"))


@pytest.fixture(scope="module")
def on_postgres(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> Generator[Places]:
    """Workspaces whose rows are at a server."""
    places = Places(scratch=tmp_path_factory.mktemp("walks"), server=postgres_server)
    yield places
    places.close()


def found_nothing(walked: Walked) -> None:
    """Fail with the steps that repeat what was found."""
    if walked.found is not None:
        told = f"{walked.found.kind}: {walked.found.what}"
        pytest.fail("\n  ".join(["", *walked.journal, told]))


@pytest.mark.parametrize("variant", ON_SQLITE)
async def test_a_walk_on_sqlite_finds_nothing(variant: str, on_sqlite: Places) -> None:
    """Whatever people, bots and providers do, in any order, an honest system stays sound."""
    found_nothing(await walk(on_sqlite, variant, steps_of(variant, 7, 1, STEPS)))


@pytest.mark.parametrize("variant", ON_POSTGRES)
async def test_a_walk_on_postgres_finds_nothing(variant: str, on_postgres: Places) -> None:
    """The same where the rows are at a server."""
    found_nothing(await walk(on_postgres, variant, steps_of(variant, 7, 2, STEPS)))


def test_a_walk_is_the_same_each_time() -> None:
    """Its seed says all of it: which operation, through which door, with which dice."""
    one, other = (drawn(VARIANTS["init"], 5, 50) for _ in range(2))
    assert one == other
    assert one != drawn(VARIANTS["init"], 6, 50)
    assert [Step.read(f"{step} | told") for step in one] == one


def test_every_operation_has_a_door_in_some_variant() -> None:
    """What no walk can do is not on the table."""
    for one in OPERATIONS.values():
        assert any(one.fits(variant) and doors(one, variant) for variant in VARIANTS.values()), one
    verbs = {one.verb for one in OPERATIONS.values() if one.verb}
    for name, surface in SURFACES.items():
        assert surface.verbs() & verbs, name


def test_a_workspace_that_is_made_meanwhile_leaves_the_time_as_it_was() -> None:
    """A command has the time of its own walk, also of the first one of a variant."""
    mine, other = FakeClock(), FakeClock()
    mine.advance(hours=1)
    with standing(mine):
        with standing(other):
            pass
        made: Clock = sayso.store.clock.ServerClock()
        assert made.now() == mine.now()


def test_what_is_drawn_often_is_drawn_more() -> None:
    """Aimed at what shows that a guard is gone, a walk still does all the rest."""
    steps = 20_000  # so many that each operation is drawn often enough to be counted
    plain = [step.name for step in drawn(VARIANTS["init"], 5, steps)]
    aimed = [step.name for step in drawn(VARIANTS["init"], 5, steps, frozenset({"rotate keys"}))]
    assert aimed.count("rotate keys") > 3 * plain.count("rotate keys") > 60
    assert set(aimed) == set(plain)
    assert len(set(aimed[:400])) > 30


async def test_a_wrong_use_that_is_taken_is_a_finding() -> None:
    """The judge of wrong uses says so where nothing is refused."""

    async def taken() -> None:
        return None

    with pytest.raises(FindingError, match="allowed: a yes of nobody"):
        await must_refuse("a yes of nobody", taken())


async def test_a_walk_that_found_something_is_made_short() -> None:
    """Of a hundred steps the two are left that it takes."""
    steps = [Step(name="wait", surface="sdk", seed=number) for number in range(100)]
    wanted = {17, 61}

    async def again(some: list[Step]) -> Walked:
        seeds = [step.seed for step in some]
        both = wanted <= set(seeds)
        what = (
            Found(kind="stuck", what="both 17 and 61", step=seeds.index(61) + 1) if both else None
        )
        return Walked(variant="init", steps=list(some), found=what)

    short = await shrink(await again(steps), again, tries=200)  # type: ignore[arg-type]
    assert [step.seed for step in short.steps] == [17, 61]
