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
from surfaces.cli.line import Place
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


def enter(place: Place, count: int, *, seal: bool = False, at: datetime = LONG_AGO) -> None:
    """Append entries of two years ago; the first segment decides how large they are."""
    asyncio.run(_enter(place, count, seal=seal, at=at))


def begin_again(place: Place) -> None:
    """Begin the log two years ago, with nothing of today before it but what follows."""
    for file in place.folder.glob("sayso.db*"):
        file.unlink()
    enter(place, 300, seal=True)
    enter(place, 299)
    # Without one of a day ago or more, nobody but the clock says that time has passed.
    enter(place, 1, at=datetime.now(UTC) - timedelta(days=2))
    secret = place.line.done("token", "create", "--person", "maria")["secret"]
    (place.folder / ".sayso" / "person.token").write_text(secret)


async def _enter(place: Place, count: int, *, seal: bool, at: datetime) -> None:
    workspace = Workspace.load(place.folder, os.environ)
    name, tenant = workspace.settings.workspace.name, Tenant(workspace.settings.workspace.tenant)
    log = AuditLog(name, workspace.signer(), FakeClock(at))
    store = SqliteStore(place.database, create=True)

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
def test_a_log_is_sealed_pruned_and_verified(place: Place) -> None:
    """Issue 4, from outside: sealed, gone, and still proven; each says what it did."""
    place.edit_settings("[approvals]", RETENTION)
    begin_again(place)
    sealed = place.line.done("audit", "seal")
    assert [(one["first"], one["last"]) for one in sealed["sealed"]] == [(256, 511)]
    assert [one["at_hand"] for one in sealed["segments"]] == [True, True]
    assert place.line("audit", "seal").out.splitlines()[-1] == "2 segments, nothing new to seal"
    pruned = place.line.done("audit", "prune")
    assert (pruned["first"], pruned["to"], pruned["blocked"]) == (0, 512, None)
    assert "nothing that is sealed is old enough" in place.line("audit", "prune").out
    shown = place.line("audit", "seal").out
    assert shown.count("  no") == 2
    asked = place.line.done("audit", "query", "kind:log.pruned")
    assert asked["pruned_to"] == 512
    one = str(min((place.folder / ".sayso" / "segments").glob("*/*.tar.gz")))
    inside = place.line.done("audit", "query", "kind:audit.queried", "--segment", one, "-n", "2")
    assert [entry["seq"] for entry in inside["items"]] == [255, 254]
    verified = place.line("audit", "verify")
    assert verified.status == 0
    assert "read and verified" in verified.out
    assert place.line.done("doctor")["facts"]["segments"] == "2 sealed, 512 entries pruned"
    alone = place.line("audit", "verify", str(place.database))
    assert alone.status == 0
    assert "not at hand, covered by their hashes only" in alone.out
    folder = place.folder / ".sayso" / "segments"
    given = place.line("audit", "verify", str(place.database), "--segments", str(folder))
    assert "read and verified" in given.out
    file = min(folder.glob("*/*.tar.gz"))
    assert place.line("audit", "verify", str(file)).status == 0
    file.rename(place.folder / "away")
    assert place.line("audit", "verify").status == 2
    assert file.name in place.line("doctor").refused("invalid_setting", 2).err
    file.write_bytes((place.folder / "away").read_bytes()[:-9])
    assert place.line("audit", "verify").status == 1


def test_doctor_knows_a_guard_by_more_than_its_name(place: Place) -> None:
    """Audit 4.4: one that was put in the place of another lets everything through."""
    with closing(sqlite3.connect(place.database, isolation_level=None)) as connection:
        connection.execute("drop trigger log_entry_is_only_pruned")
        connection.execute(
            "create trigger log_entry_is_only_pruned before delete on log_entry begin select 1; end"
        )
    assert "log_entry_is_only_pruned" in place.line("doctor").refused("store_version", 2).err


@pytest.mark.promise("cli:segments")
def test_a_hold_says_who_may_end_it(place: Place) -> None:
    """Audit 4.8: the refusal names the hold, and is recorded."""
    place.edit_settings("[approvals]", RETENTION)
    begin_again(place)
    hold = place.line.done("privacy", "hold", "cus_demo_ana", "--reason", "litigation")["id"]
    ran = place.line("audit", "prune").refused("legal_hold")
    assert f"sayso privacy release {hold}" in ran.err
    refused = place.line.done("audit", "query", "kind:log.refused")["items"]
    assert refused[0]["body"]["data"] == {"asked": "prune", "code": "legal_hold"}


@pytest.mark.promise("audit:pruned:said")
def test_an_outcome_that_nobody_knows_is_named(place: Place) -> None:
    """With the command that settles it, by the command and over HTTP alike."""
    place.edit_settings("[approvals]", RETENTION)
    begin_again(place)
    second_person(place)
    place.line.done("audit", "seal")
    lost = place.refund().json["id"]
    with closing(sqlite3.connect(place.database)) as connection, connection:
        connection.execute("drop trigger action_moves_with_an_entry")
        connection.execute("update action set status = 'unknown', last_seq = 3")
    ran = place.line("audit", "prune")
    assert ran.status == 0
    assert f"no further: the action `{lost}` (unknown since 20" in ran.out
    assert f"`sayso actions settle {lost} --outcome succeeded|failed --evidence …`" in ran.out
    made = place.line.done("token", "create", "--person", "noor", "--scope", "admin")
    headers = {"Authorization": f"Bearer {made['secret']}", "Idempotency-Key": "p1"}
    with running(place.process("serve", "--port", "0", "--json"), quiet=False) as ready:
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
def test_what_nobody_may_or_set_is_said(place: Place, tmp_path: Path) -> None:
    """Rule 16: the next step, for somebody without a token, a setting or a folder."""
    assert "kept for good" in place.line("audit", "prune").out
    place.line("audit", "verify", "--segments", str(tmp_path / "no")).refused(
        "nothing_to_verify", 2
    )
    (place.folder / ".sayso" / "person.token").unlink()
    place.line("audit", "prune").refused("unauthenticated")
    place.edit_settings("[approvals]", RETENTION.replace("400d", "90d"))
    place.line("audit", "tail").refused("invalid_setting", 2)
