"""`sayso audit seal|prune|verify`: a log that leaves the database, from the command line."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from audit.small_log import plain_entry
from surfaces.cli.cli_workspace import CliWorkspace
from surfaces.cli.test_servers import running
from surfaces.cli.test_stop import second_person

from sayso.audit.entry import Actor, ActorKind
from sayso.audit.log import AuditLog
from sayso.audit.segments.sealing import Sealer, Segments
from sayso.ids import Tenant
from sayso.sdk.workspace import Workspace
from sayso.store.base import Transaction
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock

ENTRIES = 256
RETENTION = """[retention]
log = "400d"

[approvals]"""


LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


def enter(cli: CliWorkspace, count: int, *, seal: bool = False, at: datetime = LONG_AGO) -> None:
    """Append entries of two years ago; the first segment decides how large they are."""
    asyncio.run(_enter(cli, count, seal=seal, at=at))


def begin_again(cli: CliWorkspace) -> None:
    """Begin the log two years ago, with nothing of today before it but what follows."""
    for file in cli.folder.glob("sayso.db*"):
        file.unlink()
    enter(cli, 300, seal=True)
    enter(cli, 299)
    # Without one of a day ago or more, nobody but the clock says that time has passed.
    enter(cli, 1, at=datetime.now(UTC) - timedelta(days=2))
    secret = cli.line.done("token", "create", "--person", "maria")["secret"]
    (cli.folder / ".sayso" / "person.token").write_text(secret)


async def _enter(cli: CliWorkspace, count: int, *, seal: bool, at: datetime) -> None:
    workspace = Workspace.load(cli.folder, os.environ)
    name, tenant = workspace.settings.workspace.name, Tenant(workspace.settings.workspace.tenant)
    log = AuditLog(name, workspace.signer(), FakeClock(at))
    store = SqliteStore(cli.database, create=True)

    def work(tx: Transaction) -> None:
        for _ in range(count):
            log.append(tx, tenant, plain_entry())

    await store.write(work)
    if seal:
        segments = Segments(folder=workspace.segments_path, entries=ENTRIES)
        by = Actor(kind=ActorKind.SYSTEM, id="retention")
        assert await Sealer(store, log, segments).seal(tenant, by)
    await store.close()


@pytest.mark.promise("cli:segments")
def test_a_log_is_sealed_pruned_and_verified(cli: CliWorkspace) -> None:
    """From outside: sealed, gone, and still proven; each says what it did."""
    cli.edit_settings("[approvals]", RETENTION)
    begin_again(cli)
    sealed = cli.line.done("audit", "seal")
    assert [(one["first"], one["last"]) for one in sealed["sealed"]] == [(256, 511)]
    assert [one["at_hand"] for one in sealed["segments"]] == [True, True]
    assert cli.line("audit", "seal").out.splitlines()[-1] == "2 segments, nothing new to seal"
    pruned = cli.line.done("audit", "prune")
    assert (pruned["first"], pruned["to"], pruned["blocked"]) == (0, 512, None)
    assert "nothing that is sealed is old enough" in cli.line("audit", "prune").out
    shown = cli.line("audit", "seal").out
    assert shown.count("  no") == 2
    asked = cli.line.done("audit", "query", "kind:log.pruned")
    assert asked["pruned_to"] == 512
    one = str(min((cli.folder / ".sayso" / "segments").glob("*/*.tar.gz")))
    inside = cli.line.done("audit", "query", "kind:audit.queried", "--segment", one, "-n", "2")
    assert [entry["seq"] for entry in inside["items"]] == [255, 254]
    verified = cli.line("audit", "verify")
    assert verified.status == 0
    assert "read and verified" in verified.out
    assert cli.line.done("doctor")["facts"]["segments"] == "2 sealed, 512 entries pruned"
    alone = cli.line("audit", "verify", str(cli.database))
    assert alone.status == 0
    assert "not at hand, covered by their hashes only" in alone.out
    folder = cli.folder / ".sayso" / "segments"
    given = cli.line("audit", "verify", str(cli.database), "--segments", str(folder))
    assert "read and verified" in given.out
    file = min(folder.glob("*/*.tar.gz"))
    assert cli.line("audit", "verify", str(file)).status == 0
    file.rename(cli.folder / "away")
    assert cli.line("audit", "verify").status == 2
    assert file.name in cli.line("doctor").refused("invalid_setting", 2).err
    file.write_bytes((cli.folder / "away").read_bytes()[:-9])
    assert cli.line("audit", "verify").status == 1


def test_doctor_knows_a_guard_by_more_than_its_name(cli: CliWorkspace) -> None:
    """One that was put in the place of another lets everything through."""
    with closing(sqlite3.connect(cli.database, isolation_level=None)) as connection:
        connection.execute("drop trigger log_entry_is_only_pruned")
        connection.execute(
            "create trigger log_entry_is_only_pruned before delete on log_entry begin select 1; end"
        )
    assert "log_entry_is_only_pruned" in cli.line("doctor").refused("store_version", 2).err


@pytest.mark.promise("cli:segments")
def test_a_hold_says_who_may_end_it(cli: CliWorkspace) -> None:
    """The refusal names the hold, and is recorded."""
    cli.edit_settings("[approvals]", RETENTION)
    begin_again(cli)
    hold = cli.line.done("privacy", "hold", "cus_demo_ana", "--reason", "litigation")["id"]
    ran = cli.line("audit", "prune").refused("legal_hold")
    assert f"sayso privacy release {hold}" in ran.err
    refused = cli.line.done("audit", "query", "kind:log.refused")["items"]
    assert refused[0]["body"]["data"] == {"asked": "prune", "code": "legal_hold"}


@pytest.mark.promise("audit:pruned:said")
@pytest.mark.tampers("makes an outcome unknown by hand")
def test_an_outcome_that_nobody_knows_is_named(cli: CliWorkspace) -> None:
    """With the command that settles it, by the command and over HTTP alike."""
    cli.edit_settings("[approvals]", RETENTION)
    begin_again(cli)
    second_person(cli)
    cli.line.done("audit", "seal")
    lost = cli.refund().json["id"]
    with closing(sqlite3.connect(cli.database)) as connection, connection:
        connection.execute("drop trigger action_moves_with_an_entry")
        connection.execute("update action set status = 'unknown', last_seq = 3")
    ran = cli.line("audit", "prune")
    assert ran.status == 0
    assert f"no further: the action `{lost}` (unknown since 20" in ran.out
    assert f"`sayso actions settle {lost} --outcome succeeded|failed --evidence …`" in ran.out
    made = cli.line.done("token", "create", "--person", "noor", "--scope", "admin")
    headers = {"Authorization": f"Bearer {made['secret']}", "Idempotency-Key": "p1"}
    with running(cli.process("serve", "--port", "0", "--json"), quiet=False) as ready:
        answer = httpx.post(
            f"{ready['url']}/v1/audit/prunings",
            json={},
            headers=headers,
            trust_env=False,
            timeout=60,
        )
    pruned = answer.json()["pruned"]
    assert (pruned["to"], pruned["blocked_by"]) == (0, "wrong_state")
    assert f"sayso actions settle {lost}" in pruned["next_step"]
    assert [(one["what"], one["id"], one["status"]) for one in pruned["unended"]] == [
        ("action", lost, "unknown")
    ]


@pytest.mark.promise("cli:segments")
def test_what_nobody_may_or_set_is_said(cli: CliWorkspace, tmp_path: Path) -> None:
    """Rule 16: the next step, for somebody without a token, a setting or a folder."""
    assert "kept for good" in cli.line("audit", "prune").out
    cli.line("audit", "verify", "--segments", str(tmp_path / "no")).refused("nothing_to_verify", 2)
    (cli.folder / ".sayso" / "person.token").unlink()
    cli.line("audit", "prune").refused("unauthenticated")
    cli.edit_settings("[approvals]", RETENTION.replace("400d", "90d"))
    cli.line("audit", "tail").refused("invalid_setting", 2)
