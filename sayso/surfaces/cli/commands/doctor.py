"""`sayso doctor`."""

from __future__ import annotations

import asyncio
import os
import platform
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sayso.audit.segments.rows import read_segments
from sayso.audit.segments.sealing import Segments
from sayso.errors import (
    Code,
    ConfigError,
    IntegrityError,
    RefusedError,
    RetryableError,
    SaysoError,
)
from sayso.extras import installed_version
from sayso.ids import SystemClock, Tenant, rfc3339, to_micros
from sayso.sdk.audit.alarms import read_alarms
from sayso.sdk.audit.vault_key import vault_trouble
from sayso.sdk.connectors.catalog import read_action_types
from sayso.sdk.privacy.eraser import read_list
from sayso.sdk.privacy.restored import find_restored
from sayso.sdk.resources.limits import HOLDS, check_limits
from sayso.sdk.resources.processes import ProcessResource, ProcessView, named_in
from sayso.sdk.setup.check import exposed_files, exposed_text
from sayso.sdk.setup.orphaned_actions import find_orphans
from sayso.sdk.wiring.database import is_fleet, is_postgres, missing_postgres, open_store
from sayso.sdk.wiring.policy_in_force import read_state
from sayso.sdk.workspace import Workspace
from sayso.store.base import Examined, text
from sayso.store.migrations import (
    FORMAT,
    check_format,
    migration_steps,
    plain_words,
    read_migrations,
    schema_version,
)
from sayso.store.replica import Replicated
from sayso.store.sqlite.schema import migrate, stored_format
from sayso.store.sqlite.store import open_connection
from sayso.surfaces.cli.findings import ask_everything, look_at_channel, tell_findings
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import OK, USAGE, problem_text
from sayso.surfaces.cli.words import counted, one_line
from sayso.surfaces.cli.workspace import find_workspace

if TYPE_CHECKING:
    from sayso.sdk.connectors.catalog import ActionTypes
    from sayso.sdk.setup.orphaned_actions import Orphans
    from sayso.store.migrations import (
        Migration,
    )
    from sayso.store.postgres.connection import PgConnection

app = typer.Typer()
_PACKAGES = ("langgraph", "stripe", "cedarpy", "pydantic", "cryptography")
_MOST_STOPS = 5
_SYNCHRONOUS = {0: "off", 1: "normal", 2: "full", 3: "extra"}


@app.command()
def doctor(
    about: Annotated[
        str | None,
        typer.Argument(
            metavar="[slack|teams]", help="Look at this alone, by asking it.", show_default=""
        ),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask all that it depends on, too, and send nothing.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say what is installed and how the database is set up."""
    out = Out(as_json=as_json)
    if about is not None:
        return look_at_channel(about, find_workspace(workspace), out)
    asked = ask_everything(find_workspace(workspace)) if live else []
    facts: list[tuple[str, str]] = [
        ("sayso", installed_version()),
        ("python", platform.python_version()),
        ("sqlite", sqlite3.sqlite_version),
        *((name, version(name)) for name in _PACKAGES),
    ]
    wrong: list[SaysoError] = []
    try:
        loaded = Workspace.load(find_workspace(workspace), os.environ)
        facts.append(("workspace", str(loaded.folder)))
        examine(loaded, facts, wrong, out)
    except SaysoError as error:
        wrong.append(error)
    ok = not wrong and all(one.ok for one in asked)
    if as_json:
        problems = [{"code": one.code.value, "detail": one.message} for one in wrong]
        items = {"items": [asdict(one) for one in asked]} if live else {}
        out.document({"ok": ok, "facts": dict(facts), "problems": problems, **items})
    else:
        out.pairs(facts)
        tell_findings(asked, out)
    for one in wrong:
        out.warn(problem_text(one))
    return OK if ok else USAGE


def examine(
    loaded: Workspace, facts: list[tuple[str, str]], wrong: list[SaysoError], out: Out
) -> None:
    """Look at a workspace and its database.

    Args:
        facts, wrong: what is found is added to them.

    Raises:
        SaysoError: what kept it from looking on.
    """
    if is_postgres(loaded):
        facts += _server_facts(loaded, wrong)
    else:
        facts += _database_facts(loaded.store_path, wrong)
    wrong += [why for why, _ in read_alarms(loaded.folder).values()]
    if not wrong:
        facts.append(("medium", asyncio.run(_medium(loaded, wrong))))
        facts.append(("vault key", asyncio.run(_vault(loaded, wrong))))
    if not wrong:
        facts.append(("erased", asyncio.run(_erased(loaded, wrong))))
        facts.append(("segments", asyncio.run(_segments(loaded, wrong))))
        types = asyncio.run(read_action_types(loaded))
        facts.append(("orphans", asyncio.run(_orphans(loaded, types, out))))
        facts.append(("policy", asyncio.run(_policy(loaded, types, out))))
        facts.append(("processes", asyncio.run(_processes(loaded, types, out))))
        facts.append(("limits", asyncio.run(_limits(loaded, types, wrong))))
        facts += asyncio.run(_connections(loaded, wrong))
        facts += asyncio.run(_desks(loaded, wrong))
        facts += asyncio.run(_replica(loaded, wrong))
    facts.append(("log key", _key(loaded)))
    facts.append(("open to others", _exposed(loaded, out)))


async def _connections(loaded: Workspace, wrong: list[SaysoError]) -> list[tuple[str, str]]:
    """Whether each connection's token can be used; the provider is not asked."""
    facts: list[tuple[str, str]] = []
    for name in loaded.settings.connections:
        from sayso.sdk.connectors.connect import connection_health  # only who has one pays for it

        problem = await connection_health(loaded, name)
        facts.append((f"connection {name}", "usable" if problem is None else problem.code.value))
        if problem is not None:
            wrong.append(problem)
    return facts


async def _desks(loaded: Workspace, wrong: list[SaysoError]) -> list[tuple[str, str]]:
    """Whether each desk could be read when a server tried last; the desk is not asked."""
    desks = loaded.settings.desk
    if not desks:
        return []
    from sayso.sdk.desk.rows import unread_desks  # only who has one pays for it

    store, tenant = open_store(loaded), Tenant(loaded.settings.workspace.tenant)
    try:
        unread = await store.read(lambda reader: unread_desks(reader, tenant, desks))
    finally:
        await store.close()
    for name, row in unread.items():
        since = "" if row.failing_since is None else f" since {rfc3339(row.failing_since)}"
        known = {code.value: code for code in Code}
        wrong.append(
            RetryableError(
                known.get(row.problem or "", Code.PROVIDER_UNAVAILABLE),
                f"the desk `{name}` cannot be read{since}",
                next_step=f"run `sayso desk check {name}`, which asks it and says what to do",
            )
        )
    return [
        (f"desk {name}", unread[name].problem or "" if name in unread else "readable")
        for name in desks
    ]


async def _replica(loaded: Workspace, wrong: list[SaysoError]) -> list[tuple[str, str]]:
    """How far the replica is behind, and whether it is one of this database."""
    store = open_store(loaded)
    try:
        age = await store.replica_age() if isinstance(store, Replicated) else None
    except SaysoError as error:
        wrong.append(error)
        return [("replica", "is not read")]
    finally:
        await store.close()
    return [] if age is None else [("replica", f"{age:,} s behind")]


def _key(loaded: Workspace) -> str:
    section = loaded.settings.workspace
    return loaded.signer().named(f"{section.name}/{section.tenant}").vkey


def _judged_by(process: ProcessView) -> str:
    """By which version it judged last; it has said none before its first judgement."""
    return f"policy {process.policy}" if process.policy else "has judged nothing yet"


def _exposed(loaded: Workspace, out: Out) -> str:
    """The files that every user of the machine can read; nothing that keeps it from working."""
    found = exposed_files(loaded)
    for path in found:
        message, step = exposed_text(path)
        out.warn(f"{message}\nnext: {step}")
    return ", ".join(path.name for path in found) or "nothing"


async def _erased(loaded: Workspace, wrong: list[SaysoError]) -> str:
    """How many customers were erased, and whether a restored backup brought some of them back."""
    listed = set(read_list(loaded.folder / loaded.settings.retention.erased_list))
    store = open_store(loaded)
    try:
        back = len(await find_restored(store, listed))
    finally:
        await store.close()
    if back:
        wrong.append(
            RefusedError(
                Code.ERASED,
                f"{_customers(back, 'erased ')} {'is' if back == 1 else 'are'} back from a backup",
                next_step="run `sayso privacy sweep`, or a server, which erases them again",
            )
        )
    return f"{_customers(len(listed))}, {back or 'nobody'} {'are' if back > 1 else 'is'} back"


async def _vault(loaded: Workspace, wrong: list[SaysoError]) -> str:
    """Whether the vault's key opens what the database keeps of customers."""
    store = open_store(loaded)
    try:
        trouble = await vault_trouble(store, loaded.keyring())
    finally:
        await store.close()
    if trouble is not None:
        wrong.append(trouble)
        return "does not open customers' keys"
    return "opens customers' keys"


async def _medium(loaded: Workspace, wrong: list[SaysoError]) -> str:
    """Whether the whole database can be read from its medium."""
    store = open_store(loaded)
    try:
        if isinstance(store, Examined):
            for part in await store.parts():
                await store.examine(part)
    except SaysoError as error:
        wrong.append(error)
        return "damaged" if error.code is Code.DAMAGED else "could not be read"
    finally:
        await store.close()
    return "reads as a whole"


async def _orphans(loaded: Workspace, types: ActionTypes, out: Out) -> str:
    """Open actions whose connector is gone. No problem of its own: a program may pass it."""
    if types.unread:
        return "not known: `sayso check` says which connector cannot be read"
    store = open_store(loaded)
    try:
        found = await find_orphans(store, types.names)
    finally:
        await store.close()
    for one in found:
        out.warn(f"{one.message}\nnext: {one.next_step}")
    return f"{sum(one.count for one in found):,} open of {_names(found)}" if found else "none"


async def _policy(loaded: Workspace, types: ActionTypes, out: Out) -> str:
    """What is in force, and whether the files say the same. A draft is no problem."""
    try:
        draft = loaded.draft(types.actions)
    except SaysoError as error:
        draft = None
        out.warn(f"the files of the policy cannot be read: {error.message}\nnext: sayso check")
    store = open_store(loaded)
    try:
        state = await read_state(store, draft)
    finally:
        await store.close()
    if state.differs:
        out.warn(f"{state.sentence}\nnext: {state.next_step}")
    if state.version is None:
        return "none in force yet"
    by, since = state.version.activated_by, rfc3339(state.version.activated_at)
    return f"version {state.version.number}, since {since[:10]}, by {by.removeprefix('person:')}"


async def _processes(loaded: Workspace, types: ActionTypes, out: Out) -> str:
    """Who serves and works, who has not been heard of, and who lacks what the policy names."""
    store = open_store(loaded)
    try:
        processes = ProcessResource(store, SystemClock())
        state = await read_state(store, None)
        named = [] if state.document is None else named_in(state.document.files, types.names)
        lacking = await processes.lacking(named)
        found = await processes.list()
    finally:
        await store.close()
    for lack in lacking:
        out.warn(one_line(lack.message, limit=1000))
    for one in found:
        if one.is_stale:
            out.warn(
                f"{one_line(one.name)} was heard of last at {one.beat_at}: it was killed, or hangs"
                "\nnext: start it again; its row goes a day after its last word"
            )
    live = [f"{one_line(one.name)} ({_judged_by(one)})" for one in found if not one.is_stale]
    stale = f"; {sum(one.is_stale for one in found)} stale" if len(live) < len(found) else ""
    return f"{', '.join(live) or 'none'}{stale}"


async def _limits(loaded: Workspace, types: ActionTypes, wrong: list[SaysoError]) -> str:
    """How many limits hold, and whether the rows that say how much is used are right."""
    store = open_store(loaded)
    try:
        limits, problems = await check_limits(store, types.actions, to_micros(SystemClock().now()))
    finally:
        await store.close()
    if problems:
        wrong.append(
            IntegrityError(
                Code.TAMPERED,
                f"what is used of limits is not what happened: {problems[0]}",
                next_step="run `sayso audit repair`; where it shows nothing, a use was deleted:"
                " restore the database from a backup, and find out who wrote it",
            )
        )
    held = f"{len(limits.limits)} in force"
    return f"{held}, {len(problems)} wrong: {problems[0]}" if problems else f"{held}; {HOLDS}"


def _names(found: Sequence[Orphans]) -> str:
    return ", ".join(sorted({one.name for one in found}))


async def _segments(loaded: Workspace, wrong: list[SaysoError]) -> str:
    """How far the logs are sealed and pruned, and whether each file is where it should be."""
    store = open_store(loaded)
    folder = Segments(folder=loaded.segments_path)
    sealed = pruned = 0
    try:
        for row in await store.read(lambda reader: reader.all("log.tenants")):
            tenant = Tenant(text(row, "tenant"))
            for one in await store.read(partial(read_segments, tenant=tenant)):
                sealed += 1
                pruned += one.pruned_to - one.first
                if one.is_pruned and not folder.path(tenant, one.file).exists():
                    wrong.append(_lost(one.file))
    finally:
        await store.close()
    return f"{sealed:,} sealed, {pruned:,} entries pruned" if sealed else "none"


def _lost(file: str) -> ConfigError:
    return ConfigError(
        Code.INVALID_SETTING,
        f"the sealed segment `{file}` is not in its folder, and its entries are in no database",
        next_step="put its copy back, or correct `retention.segments`",
    )


def _customers(count: int, which: str = "") -> str:
    return f"{count} {which}customer{'' if count == 1 else 's'}"


def _database_facts(path: Path, wrong: list[SaysoError]) -> list[tuple[str, str]]:
    """How SQLite is set up, as this program opens it, and whether the log's guards are there."""
    with closing(open_connection(path, create=False)) as connection:
        try:
            found = int(connection.execute("pragma user_version").fetchone()[0])
            said = stored_format(connection)
            journal = str(connection.execute("pragma journal_mode").fetchone()[0])
            level = int(connection.execute("pragma synchronous").fetchone()[0])
            missing = sorted(name for name, _ in _expected_guards() - _guards(connection))
            waiting = []
            if found == schema_version() or _is_ready(read_migrations("sqlite"), found):
                waiting = _waiting_facts(lambda sql: connection.execute(sql).fetchall())
        except sqlite3.Error as error:
            raise ConfigError(
                Code.NOT_A_DATABASE,
                f"the database `{path.name}` cannot be read",
                next_step="restore it from a backup, or point `store.url` at another file",
                detail=str(error),
            ) from error
    if not _is_other_format(said, wrong):
        if _is_ready(read_migrations("sqlite"), found):
            missing = []  # each command that opens it compares it with what its version makes
        elif found < schema_version():
            wrong.append(_older(found, schema_version()))
        elif missing:
            wrong.append(_unguarded(missing[0]))
    return [
        ("database", f"{path} ({path.stat().st_size:,} bytes)"),
        ("version", _version(read_migrations("sqlite"), found)),
        ("format", _format(said)),
        ("journal", journal),
        ("fsync", _SYNCHRONOUS.get(level, str(level))),
        ("guards", _named(missing)),
        *waiting,
    ]


def _format(found: int) -> str:
    return f"{found} of {FORMAT}" if found else "of a build from before the first release"


def _is_other_format(found: int, wrong: list[SaysoError]) -> bool:
    try:
        check_format(found)
    except ConfigError as error:
        wrong.append(error)
        return True
    return False


def _is_ready(known: Sequence[Migration], found: int) -> bool:
    """Whether this code works with an older database, which lacks only what follows the servers."""
    try:
        steps = migration_steps(known, found)
    except ConfigError:  # no release has made it, which is said by itself
        return False
    return bool(steps) and steps[0].phase == "post"


def _version(known: Sequence[Migration], found: int) -> str:
    said = f"{found} of {known[-1].number}"
    if _is_ready(known, found):
        return f"{said}; once every server has this code, run `sayso migrate`"
    return said


def _older(found: int, known: int) -> ConfigError:
    return ConfigError(
        Code.STORE_VERSION,
        f"the database has version {found}, this Sayso has {known}",
        next_step="run `sayso migrate`",
    )


def _unguarded(name: str) -> ConfigError:
    """For a database of this version: no migration makes what one has made once."""
    return ConfigError(
        Code.STORE_VERSION,
        f"the database lacks the guard `{name}`, which keeps its log unchanged",
        next_step="find out who took it away, run `sayso audit verify`, and make it again"
        " with its statement, which `sayso migrate --sql` prints",
    )


def _named(missing: Sequence[str]) -> str:
    return "all there" if not missing else f"missing: {', '.join(missing)}"


def _server_facts(loaded: Workspace, wrong: list[SaysoError]) -> list[tuple[str, str]]:
    """The same of a PostgreSQL database, and of the engine of a fleet in it."""
    try:
        from sayso.store.postgres.schema import open_setup, read_setup  # needs an extra
    except ImportError as error:
        raise missing_postgres() from error
    known = schema_version()
    with open_setup(loaded.store_url) as connection:
        setup = read_setup(connection)
        waiting = []
        if setup.version == known or _is_ready(read_migrations("postgres"), setup.version):
            waiting = _waiting_facts(lambda sql: connection.execute(sql.encode()).fetchall())
        engine = [("engine", _engine(connection, wrong))] if is_fleet(loaded) else []
    if not _is_other_format(setup.format, wrong):
        if _is_ready(read_migrations("postgres"), setup.version):
            pass
        elif setup.version < known:
            wrong.append(_older(setup.version, known))
        elif setup.missing:
            wrong.append(_unguarded(setup.missing[0]))
    if setup.shared:
        wrong.append(
            ConfigError(
                Code.STORE_VERSION,
                f"row security of `{setup.shared[0]}` is off, which keeps tenants apart",
                next_step=f"alter table sayso.{setup.shared[0]} enable, and force, row security",
            )
        )
    if setup.deleters:
        wrong.append(
            ConfigError(
                Code.STORE_VERSION,
                f"`{setup.deleters[0]}` may change or delete entries of the log",
                next_step=f"revoke update, delete, truncate on sayso.log_entry"
                f" from {setup.deleters[0]}",
            )
        )
    return [
        ("database", f"PostgreSQL {setup.server}, login {setup.login}"),
        ("version", _version(read_migrations("postgres"), setup.version)),
        ("format", _format(setup.format)),
        ("commits", f"synchronous; the server's default is {setup.commits}"),
        ("guards", _named(setup.missing)),
        ("tenants", "kept apart" if not setup.shared else f"not in {', '.join(setup.shared)}"),
        *engine,
        *waiting,
    ]


def _engine(connection: PgConnection, wrong: list[SaysoError]) -> str:
    """Whether the fleet's engine can be used with this database."""
    from sayso.dispatch.fleet.contract import check_package, check_schema  # as above

    try:
        check_package()
        check_schema(connection)
    except SaysoError as error:
        wrong.append(error)
        return "none: the workers' sweep carries everything"
    return f"dbos {version('dbos')}"


def _waiting_facts(ask: Callable[[str], Sequence[Sequence[Any]]]) -> list[tuple[str, str]]:
    """What waits for people: stops in force, and outcomes that nobody knows."""
    stops = ask(
        "select id, trim(scope || ' ' || target) from stop where released_at is null order by id"
    )
    ((unknown, accepted, left),) = ask(
        "select count(case when status = 'unknown' then 1 end),"
        " count(case when status = 'accepted' then 1 end),"
        " count(case when due_at is null and held_by is null then 1 end)"
        " from action where status in ('unknown', 'accepted')"
    )
    shown = ", ".join(f"{what} ({stop_id})" for stop_id, what in stops[:_MOST_STOPS])
    more = f" and {len(stops) - _MOST_STOPS} more" if len(stops) > _MOST_STOPS else ""
    return [
        ("stopped", f"{shown}{more}" if stops else "nothing"),
        ("unknown", counted(unknown, "action") if unknown else "none"),
        ("not finished", counted(accepted, "action") if accepted else "none"),
        ("left to a person", counted(left, "action") if left else "nothing"),
    ]


def _guards(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """The triggers by name and text, since one of the same name may let everything through."""
    rows = connection.execute("select name, sql from sqlite_master where type = 'trigger'")
    return {(str(name), plain_words(str(sql))) for name, sql in rows.fetchall()}


def _expected_guards() -> set[tuple[str, str]]:
    """The triggers that a new database has."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        return _guards(connection)
