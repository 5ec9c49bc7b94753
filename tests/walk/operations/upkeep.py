"""Time, restarts, keys, sealing and pruning, migrations, and looking at everything."""

from __future__ import annotations

from random import Random

from walk.facts import FindingError
from walk.operations.base import must_refuse, operation, pick
from walk.operations.deciding import with_any_role
from walk.places import ALL_OF_A_PERSON, BOT, HOST
from walk.surfaces.base import Surface
from walk.world import World

from sayso.audit.signed_note.note import Ed25519Signer
from sayso.sdk.audit.segments import LogSegments
from sayso.sdk.resources.tokens import MAX_DAYS, Kind
from sayso.sdk.setup.store_copy import check_can_move, copy_rows, with_store
from sayso.sdk.wiring.database import open_store
from sayso.sdk.workspace import Workspace, write_secret_file
from sayso.settings import FILE_NAME

HALF_A_YEAR = 184
"""In days: more than a log must be kept at least."""
SEGMENT = 256
"""The fewest entries that a segment has."""


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
    await world.sayso.container.agent.sent()  # a code that is on its way is told when it has left
    before = world.tables()
    await world.close()
    await world.open()
    after = world.tables()
    for name, rows in before.items():
        if rows != after[name]:
            gone = [row for row in rows if row not in after[name]][:2]
            new = [row for row in after[name] if row not in rows][:2]
            raise FindingError("reopened", f"{name}: {gone} became {new}")


@operation("copy the store", weight=2)
async def copy_store(world: World, dice: Random, surface: Surface) -> str | None:
    """All rows move to a new file, and everybody goes on with that one."""
    await world.end_beside()
    await world.sayso.rejected_calls.flush()  # as with a restart
    await world.sayso.container.agent.sent()
    before = {**world.tables(), "log_entry": world.rows(_ENTRIES)}
    await world.close()
    to = f"sqlite:///moved-{dice.getrandbits(32):08x}.db"
    was, moved = world.workspace, with_store(world.workspace, to)
    await check_can_move(was, moved, world.clock)
    copy_rows(was, moved, lambda done, total: None)
    told = [await must_refuse("a second copy to it", _copy_again(was, moved))]
    told.append(await must_refuse("a copy of it to itself", check_can_move(was, was, world.clock)))
    settings = world.folder / FILE_NAME
    text = settings.read_text("utf-8")
    settings.write_text(text.replace(f'url = "{was.settings.store.url}"', f'url = "{to}"'), "utf-8")
    await world.open()
    after = {**world.tables(), "log_entry": world.rows(_ENTRIES)}
    for name, rows in before.items():
        if rows != after[name]:
            raise FindingError("reopened", f"{name} is another after a copy")
    return f"the rows are copied; {'; '.join(told)}"


_ENTRIES = "select tenant, seq, body from log_entry order by tenant, seq"


async def _copy_again(was: Workspace, moved: Workspace) -> None:
    copy_rows(was, moved, lambda done, total: None)


@operation("look at everything", verb="look", weight=2)
async def look(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody reads every list and every page."""
    await surface.look()
    return "somebody looks at everything"


@operation("rotate keys", weight=1)
async def rotate(world: World, dice: Random, surface: Surface) -> str | None:
    """The next key signs every log, and the one after it is made."""
    await world.end_beside()  # every process is restarted with the next key
    await world.sayso.audit.rotate_key(by=HOST)
    keys = world.folder / "keys"
    name = world.sayso.workspace.settings.workspace.name
    await world.close()
    (keys / "log.key").unlink()
    (keys / "next.key").rename(keys / "log.key")
    write_secret_file(keys / "next.key", Ed25519Signer.generate(name).to_text() + "\n")
    await world.open()
    return "another key signs"


@operation("look after", weight=5)
async def look_after(world: World, dice: Random, surface: Surface) -> str | None:
    """A server does what it does now and then beside its calls."""
    await world.look_after()
    return "what is done beside the calls is done"


@operation("half a year later", weight=1, fits=lambda variant: variant.has_retention)
async def later(world: World, dice: Random, surface: Surface) -> str | None:
    """So long after, what is old may be pruned; everybody has a new token."""
    world.clock.advance(days=HALF_A_YEAR)
    sayso = world.sayso
    for holder in sorted(world.secrets):
        if not holder.endswith("bot") and holder not in world.facts.people:
            continue
        kind: Kind = "service" if holder.endswith("bot") else "person"
        scopes = BOT if kind == "service" else ALL_OF_A_PERSON
        _, world.secrets[holder] = await sayso.tokens.create(
            sayso.tenant, kind, holder, scopes, days=MAX_DAYS, by=HOST
        )
    await world.carry_out()
    await world.look_after()
    return "half a year goes by"


@operation("seal and prune", weight=4, fits=lambda variant: variant.has_retention)
async def seal(world: World, dice: Random, surface: Surface) -> str | None:
    """What is full is sealed, and what is old goes out of the database; that changes nothing."""
    person = pick(dice, with_any_role(world))
    if person is None:
        return None
    sayso = world.sayso
    by = await sayso.authentication.person(world.token(person), via="walk")
    segments = LogSegments(sayso.container, sayso.workspace, entries=SEGMENT)
    sealed = await segments.seal(by=by)
    pruned = await segments.prune(by=by)
    await must_change_nothing(world)
    why = pruned.blocked_by or "all that is due"
    return f"{len(sealed)} segments are sealed, {pruned.to - pruned.first} entries go: {why}"


@operation("change settings", weight=3)
async def reload(world: World, dice: Random, surface: Surface) -> str | None:
    """A running server takes up what changed, or says why not and goes on as it was."""
    file = world.folder / FILE_NAME
    text = file.read_text("utf-8")
    what = dice.choice(["time", "time", "broken", "fixed", "rules"])
    match what:
        case "time":
            was, now = dice.sample(["= 480", "= 240"], 2)
            file.write_text(text.replace(f"after_minutes {was}", f"after_minutes {now}"), "utf-8")
        case "broken":
            file.write_text(f"{text}\n[approvals\n", "utf-8")
        case "fixed":
            file.write_text(text.replace('tenant = "main"', 'tenant = "other"'), "utf-8")
        case _:
            (world.folder / "policies" / "broken.cedar").write_text("permit (", "utf-8")
    heard = await world.reload()
    (world.folder / "policies" / "broken.cedar").unlink(missing_ok=True)
    is_taken = heard.startswith("reloaded")
    if what in {"broken", "fixed"}:
        file.write_text(text, "utf-8")
    if is_taken != (what not in {"broken", "fixed"}):
        raise FindingError("undocumented", f"a reload with {what} says: {heard}")
    await world.carry_out()
    return f"a reload with {what}: {heard[:60]}"


@operation("rewrap", weight=1)
async def rewrap(world: World, dice: Random, surface: Surface) -> str | None:
    """Customers' keys are wrapped anew, which changes nothing that anybody sees."""
    await world.sayso.privacy.rewrap()
    return "keys are wrapped anew"


@operation("migrate", weight=1)
async def migrate(world: World, dice: Random, surface: Surface) -> str | None:
    """The database is migrated to where it is already, beside whoever works on it."""
    await world.sayso.container.agent.sent()
    before = world.tables()
    store = open_store(world.sayso.workspace, create=True, only_pre=dice.random() < 0.5)
    await store.close()
    if world.tables() != before:
        raise FindingError("reopened", "a migration to where it is already changed rows")
    return "nothing to migrate"


@operation("a key that is none", weight=1)
async def strange_secret(world: World, dice: Random, surface: Surface) -> str | None:
    """What is no token opens nothing."""
    wrong = f"csk_{dice.getrandbits(64):x}"
    return await must_refuse(
        "a token that nobody made", world.sayso.authentication.holder(wrong, via="walk")
    )
