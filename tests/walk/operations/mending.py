"""A row that somebody changed in the database: it accuses the log, and two people let it go on."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random

from support.database_writer import overwrite
from walk.facts import FindingError
from walk.operations.base import must_refuse, operation, pick
from walk.operations.deciding import with_any_role
from walk.surfaces.base import Surface
from walk.world import World

from sayso.audit.verifier.verification import Verdict
from sayso.errors import Code, SaysoError
from sayso.sdk.audit.self_audit import SelfAudit

DAMAGE = (
    ("action", "requester", "requester = 'service:nobody'"),
    ("action", "amount_minor", "amount_minor = amount_minor + 1"),
    ("action", "status", "status = 'failed'"),
    ("approval", "digest", f"digest = '{'0' * 64}'"),
    ("vote", "decision", "decision = case decision when 'reject' then 'approve' else 'reject' end"),
    ("vote", "", ""),
    ("limit_use", "minor", "minor = minor + 1"),
    ("request", "requester", "requester = 'service:nobody'"),
)
"""Table, column and what it becomes; the row goes where that is empty."""


def _statement(world: World, dice: Random) -> str | None:
    """A row of some table, written over; None where the table has none."""
    table, column, becomes = dice.choice(DAMAGE)
    key = {"vote": "approval_id", "limit_use": "action_id"}.get(table, "id")
    where = f"tenant = 'main' and {column or key} is not null"
    if column == "status":
        where += " and status in ('refused', 'rejected', 'succeeded')"
    if table in {"action", "request"}:  # what is erased is only accepted
        where += " and erased_seq is null"
    if table == "vote":  # what was accepted as it is stays so
        where += " and approval_id not in (select approval_id from vote where via = 'odd')"
    row = pick(dice, sorted(world.rows(f"select {key} from {table} where {where}")))
    if row is None:
        return None
    where += f" and {key} = '{row[0]}'"
    what = f"update {table} set {becomes}" if column else f"delete from {table}"
    return f"{what} where {where}"


@operation("repair", verb="repair", weight=3, fits=lambda variant: not variant.has_retention)
async def repair(world: World, dice: Random, surface: Surface) -> str | None:
    """Rows are written over; nothing is signed until two people have had them rebuilt."""
    people, statement = with_any_role(world), _statement(world, dice)
    if len(people) < 2 or statement is None:
        return None
    first, second = dice.sample(people, 2)
    before = world.tables()
    overwrite(world.workspace, statement)
    await _is_accused(world, statement)
    shown = await world.sayso.repairs.show()
    if shown.left or not shown.changes:
        raise FindingError("stuck", f"`{statement}` leaves {shown.left} to be restored")
    another = f"{shown.id[:-1]}{'1' if shown.id[-1] == '0' else '0'}"
    refused = await must_refuse("another repair than was shown", surface.repair(another, first))
    await surface.repair(shown.id, first)
    alone = await must_refuse("a repair by one person alone", surface.repair(shown.id, first))
    await surface.repair(shown.id, second)
    await _is_well(world, statement)
    after = world.tables()
    for table in sorted({"action", "approval", "vote", "limit_use", "limit_counter", "request"}):
        if before[table] != after[table]:
            gone = [row for row in before[table] if row not in after[table]][:2]
            new = [row for row in after[table] if row not in before[table]][:2]
            raise FindingError("untrue", f"`{statement}` is repaired: {gone} became {new}")
    return f"`{statement}`; {refused}; {alone}; {first} and {second} have it repaired"


@operation(
    "accept a finding", verb="accept", weight=2, fits=lambda variant: not variant.has_retention
)
async def accept(world: World, dice: Random, surface: Surface) -> str | None:
    """Two people let a vote say that it came another way; every verification shows it."""
    people = with_any_role(world)
    votes = world.rows(
        "select approval_id, revision, person from vote where tenant = 'main' and via <> 'odd'"
    )
    vote = pick(dice, sorted(votes, key=str))
    if len(people) < 2 or vote is None:
        return None
    first, second = dice.sample(people, 2)
    statement = (
        f"update vote set via = 'odd' where approval_id = '{vote[0]}' and revision = {vote[1]}"
        f" and person = '{vote[2]}'"
    )
    overwrite(world.workspace, statement)
    found = await _is_accused(world, statement)
    await surface.accept(found, first)
    alone = await must_refuse("one person's acceptance", surface.accept(found, first))
    await surface.accept(found, second)
    await _is_well(world, statement)
    told = [one.finding.id for log in world.sayso.audit.verify().logs for one in log.accepted]
    if found not in told:
        raise FindingError("untrue", f"{found} was accepted, and a verification shows {told}")
    return f"`{statement}`; {alone}; {first} and {second} accept it"


async def _is_accused(world: World, statement: str) -> str:
    """Nothing more is signed, by nobody; the id of what was found."""
    found = world.sayso.audit.verify()
    if found.verdict is not Verdict.TAMPERED:
        raise FindingError("allowed", f"`{statement}`, and the log is {found.verdict}")
    await _server_says(world, statement, refused=True)
    try:
        await world.sayso.stops.engage("all", reason="it looks odd")
    except SaysoError as error:
        if error.code is not Code.TAMPERED:
            raise FindingError("undocumented", f"accused: {error.code} {error.message}") from error
    else:
        raise FindingError("allowed", f"`{statement}`, and a stop was signed")
    return found.all_findings[0].id


async def _is_well(world: World, statement: str) -> None:
    found = world.sayso.audit.verify()
    if found.verdict is not Verdict.VERIFIED:
        told = [one.message for one in found.all_findings][:3]
        raise FindingError("stuck", f"`{statement}` is mended, and the log is accused: {told}")
    await _server_says(world, statement, refused=False)
    try:
        await world.sayso.check_ready()
    except SaysoError as error:
        raise FindingError("stuck", f"mended, and not ready: {error.message}") from error


async def _server_says(world: World, statement: str, *, refused: bool) -> None:
    """A server that runs meanwhile finds it by itself."""
    audit = SelfAudit(world.sayso)
    running = asyncio.create_task(audit.run())
    try:
        async with asyncio.timeout(60), audit.looked:
            while bool(world.sayso.unverified) is not refused:
                await audit.looked.wait()
    except TimeoutError as error:
        told = f"`{statement}`, and a server says {world.sayso.unverified}"
        raise FindingError("stuck" if not refused else "allowed", told) from error
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
