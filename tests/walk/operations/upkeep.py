"""Time, restarts, keys, sealing and pruning, migrations, and looking at everything."""

from __future__ import annotations

from random import Random

from walk.facts import FindingError
from walk.operations.base import must_refuse, operation, pick
from walk.operations.deciding import with_any_role
from walk.places import HOST
from walk.surfaces.base import Surface
from walk.world import World

from sayso.audit.signed_note.note import Ed25519Signer
from sayso.sdk.workspace import write_secret_file
from sayso.store.sqlite.store import SqliteStore


@operation("wait", weight=10)
async def wait(world: World, dice: Random, surface: Surface) -> str | None:
    """Time goes by, and what is due is carried out."""
    minutes = dice.choice([1, 2, 2, 11, 70, 500, 1500])
    world.clock.advance(minutes=minutes)
    await world.carry_out()
    return f"{minutes} minutes go by"


@operation("nobody looks", weight=3)
async def nobody_looks(world: World, dice: Random, surface: Surface) -> str | None:
    """Time goes by, and no process is there to see it."""
    minutes = dice.choice([10, 90, 490])
    world.clock.advance(minutes=minutes)
    return f"{minutes} minutes go by unseen"


@operation("carry out", weight=8)
async def carry_out(world: World, dice: Random, surface: Surface) -> str | None:
    """What is due now is carried out."""
    await world.carry_out()
    return "what is due is carried out"


@operation("restart", weight=4)
async def restart(world: World, dice: Random, surface: Surface) -> str | None:
    """The process ends and starts; by itself that changes nothing."""
    await must_change_nothing(world)
    await world.carry_out()
    return "a restart"


async def must_change_nothing(world: World) -> None:
    """Close and open; it is a finding where any row is another."""
    await world.sayso.rejected_calls.flush()  # what was turned away is told at the latest now
    before = world.tables()
    await world.close()
    await world.open()
    after = world.tables()
    for name, rows in before.items():
        if rows != after[name]:
            gone = [row for row in rows if row not in after[name]][:2]
            new = [row for row in after[name] if row not in rows][:2]
            raise FindingError("reopened", f"{name}: {gone} became {new}")


@operation("look at everything", verb="look", weight=2)
async def look(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody reads every list and every page."""
    await surface.look()
    return "somebody looks at everything"


@operation("rotate keys", weight=1)
async def rotate(world: World, dice: Random, surface: Surface) -> str | None:
    """The next key signs every log, and the one after it is made."""
    await world.sayso.audit.rotate_key(by=HOST)
    keys = world.folder / "keys"
    name = world.sayso.workspace.settings.workspace.name
    await world.close()
    (keys / "log.key").unlink()
    (keys / "next.key").rename(keys / "log.key")
    write_secret_file(keys / "next.key", Ed25519Signer.generate(name).to_text() + "\n")
    await world.open()
    return "another key signs"


@operation("seal and prune", weight=1)
async def seal(world: World, dice: Random, surface: Surface) -> str | None:
    """What is full is sealed, and what is old goes out of the database."""
    person = pick(dice, with_any_role(world))
    if person is None:
        return None
    by = await world.sayso.authentication.person(world.token(person), via="walk")
    sealed = await world.sayso.audit.segments.seal(by=by)
    return f"{len(sealed)} segments are sealed"


@operation("rewrap", weight=1)
async def rewrap(world: World, dice: Random, surface: Surface) -> str | None:
    """Customers' keys are wrapped anew, which changes nothing that anybody sees."""
    await world.sayso.privacy.rewrap()
    return "keys are wrapped anew"


@operation("migrate", weight=1)
async def migrate(world: World, dice: Random, surface: Surface) -> str | None:
    """The database is migrated to where it is already."""
    if "sqlite" in world.workspace.settings.store.url:
        await world.close()
        store = SqliteStore(world.workspace.store_path, create=True)
        await store.close()
        await world.open()
    return "nothing to migrate"


@operation("a key that is none", weight=1)
async def strange_secret(world: World, dice: Random, surface: Surface) -> str | None:
    """What is no token opens nothing."""
    wrong = f"csk_{dice.getrandbits(64):x}"
    return await must_refuse(
        "a token that nobody made", world.sayso.authentication.holder(wrong, via="walk")
    )
