"""The log of logs: one anchor for all tenants, so that none of them can be dropped."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from audit.small_log import AGENT, SmallLog, plain_entry, signer_of
from support.witness import running_witness

from sayso.audit.log import AuditLog
from sayso.audit.log_of_logs import LOGS
from sayso.audit.publishing.log_of_logs_target import LogOfLogs
from sayso.audit.publishing.publisher import Publisher, PublishingPace
from sayso.audit.publishing.witness_target import WitnessTarget
from sayso.audit.signing.rotate import rotate_key
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Check, Damage, Verdict
from sayso.audit.verify import verify
from sayso.ids import Tenant
from sayso.store.base import Store
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock

ONE, TWO = Tenant("one"), Tenant("two")


def make_log() -> AuditLog:
    """The only writer."""
    return AuditLog("acme", signer_of("acme"), FakeClock())


async def grow(store: Store, tenant: Tenant, count: int) -> None:
    """Append so many entries."""
    log = make_log()
    await asyncio.gather(
        *(store.write(lambda tx: log.append(tx, tenant, plain_entry())) for _ in range(count))
    )


async def fill(store: Store) -> None:
    """Two tenants, entered twice."""
    publisher = Publisher(store, [LogOfLogs(store, make_log())], FakeClock())
    for _ in range(2):
        await grow(store, ONE, 5)
        await grow(store, TWO, 3)
        await publisher.publish_now()


def unguarded(path: Path) -> sqlite3.Connection:
    """The database for somebody who took the triggers away."""
    rows = sqlite3.connect(path, isolation_level=None)
    for (name,) in rows.execute("select name from sqlite_master where type = 'trigger'").fetchall():
        rows.execute(f'drop trigger "{name}"')
    rows.execute("pragma foreign_keys = off")
    return rows


def drop(rows: sqlite3.Connection, tenant: str) -> None:
    """Take a whole log away, as if the tenant had never been."""
    for table in ("log_entry", "log_head", "log_key", "publication"):
        rows.execute(f"delete from {table} where tenant = ?", (tenant,))


@pytest.mark.promise("audit:log-of-logs")
async def test_each_log_is_entered_and_compared(tmp_path: Path) -> None:
    """An untouched database verifies, with the log of logs as one of its logs."""
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True)
    await fill(store)
    await store.close()
    found = verify(path, deep=True)
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    assert [(log.tenant, log.size) for log in found.logs] == [("one", 10), ("two", 6), (LOGS, 4)]


def pinned(*tenants: str, seed: int = 1) -> Trust:
    """An auditor who was given the keys of these logs and no other."""
    return Trust.parse([signer_of(f"acme/{tenant}", seed).vkey for tenant in tenants])


@pytest.mark.promise("audit:log-of-logs")
async def test_publishing_leaves_an_auditors_pinned_key_as_good_as_it_was(tmp_path: Path) -> None:
    """The same key signs the log of logs, which begins with the first publication."""
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True)
    await grow(store, ONE, 3)
    assert verify(path, trust=pinned("one")).verdict is Verdict.VERIFIED
    await Publisher(store, [LogOfLogs(store, make_log())], FakeClock()).publish_now()
    found = verify(path, trust=pinned("one"))
    assert [(log.tenant, log.pinned) for log in found.logs] == [("one", True), (LOGS, True)]
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    await grow(store, TWO, 3)
    await store.close()
    # A tenant whose key nobody pinned is still not vouched for, though the same key signed it.
    found = verify(path, trust=pinned("one"))
    assert found.verdict is Verdict.CANNOT_JUDGE
    assert [log.tenant for log in found.logs if not log.pinned] == ["two"]


@pytest.mark.promise("audit:log-of-logs")
@pytest.mark.parametrize("more", [(), ("other/one",), ("acme2/sayso:logs",)])
def test_another_key_makes_no_log_of_logs(more: tuple[str, ...], tmp_path: Path) -> None:
    """Whoever exchanges it, to hide a tenant, has not the key; another deployment's is no key."""
    path = tmp_path / "log.db"
    SmallLog(8, tenant="one").write(path)
    SmallLog(8, tenant=LOGS, seed=2).write(path)
    others = [signer_of(name, 2).vkey for name in more]
    found = verify(path, trust=Trust.parse([signer_of("acme/one").vkey, *others]))
    assert found.verdict is Verdict.CANNOT_JUDGE
    assert [(log.tenant, log.pinned) for log in found.logs] == [("one", True), (LOGS, False)]


@pytest.mark.promise("audit:log-of-logs")
@pytest.mark.promise("audit:rotation")
async def test_the_old_key_still_verifies_where_the_log_of_logs_begins_with_the_new_one(
    tmp_path: Path,
) -> None:
    """docs/how-to/publish-the-log.md: the old key, pinned, still verifies the log."""
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True)
    await grow(store, ONE, 3)
    both = AuditLog("acme", signer_of("acme"), FakeClock(), successor=signer_of("acme", 2))
    assert await store.write(lambda tx: rotate_key(tx, both, AGENT)) == [ONE]
    new = AuditLog("acme", signer_of("acme", 2), FakeClock())
    await Publisher(store, [LogOfLogs(store, new)], FakeClock()).publish_now()
    await store.close()
    for seed in (1, 2):
        found = verify(path, trust=pinned("one", seed=seed))
        assert found.verdict is Verdict.VERIFIED, found.all_findings
    with closing(unguarded(path)) as rows:
        # Without its entry the change of keys leads nowhere, and the new key is nobody's.
        rows.execute("delete from log_entry where tenant = 'one' and body like '%key.rotated%'")
    found = verify(path, trust=pinned("one"))
    assert [log.pinned for log in found.logs if log.tenant == LOGS] == [False]


@pytest.mark.promise("audit:log-of-logs")
async def test_the_key_of_a_log_that_does_not_verify_vouches_for_no_log_of_logs(
    tmp_path: Path,
) -> None:
    """Only a change of keys that holds leads on to the next one."""
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True)
    await fill(store)
    await store.close()
    with closing(unguarded(path)) as rows:
        drop(rows, TWO)
    found = verify(path, trust=pinned("one"))
    assert found.verdict is Verdict.TAMPERED
    assert Check.ENTERED_HAS_LOG in {one.check for one in found.all_findings}


@pytest.mark.promise("audit:log-of-logs")
async def test_a_tenant_that_was_dropped_is_missed(tmp_path: Path) -> None:
    """Without it, the database would verify: the other logs know nothing of it."""
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True)
    await fill(store)
    await store.close()
    with closing(unguarded(path)) as rows:
        drop(rows, TWO)
    found = verify(path)
    assert [(one.check, one.damage) for one in found.all_findings] == [
        (Check.ENTERED_HAS_LOG, Damage.DELETED)
    ]
    assert "`two`" in found.all_findings[0].message
    assert verify(path, tenant="one").verdict is Verdict.VERIFIED


@pytest.mark.promise("audit:log-of-logs")
async def test_one_witness_of_the_log_of_logs_vouches_for_every_tenant(tmp_path: Path) -> None:
    """The holder of the key drops a tenant, and the log of logs with it: the witness remembers."""
    path = tmp_path / "sayso.db"
    store, log = SqliteStore(path, create=True), make_log()
    async with running_witness(tmp_path / "w", log.vkey_of(Tenant(LOGS))) as outside:
        place = WitnessTarget("finance", outside.url, outside.key)
        publisher = Publisher(
            store, [LogOfLogs(store, log), place], FakeClock(), only_logs=["finance"]
        )
        await grow(store, ONE, 5)
        await grow(store, TWO, 3)
        states = await publisher.publish_now()
        assert {(state.place, state.tenant, state.problem) for state in states} == {
            (LOGS, "one", ""),
            (LOGS, "two", ""),
            ("finance", LOGS, ""),
        }
        newest = outside.witness.newest(f"acme/{LOGS}").body.encode()
        await place.close()
        await store.close()
        with closing(unguarded(path)) as rows:
            drop(rows, TWO)
            drop(rows, LOGS)
        store = SqliteStore(path)
        publisher = Publisher(store, [LogOfLogs(store, log)], FakeClock())
        await publisher.publish_now()  # begun anew, by the key's holder
        await store.close()
    assert verify(path).verdict is Verdict.VERIFIED
    found = verify(path, trust=Trust.parse((), [newest]))
    assert found.verdict is Verdict.TAMPERED
    assert {one.damage for one in found.all_findings} <= {Damage.ROLLED_BACK, Damage.FORKED}


async def test_a_log_is_entered_as_often_as_its_pace_says(tmp_path: Path) -> None:
    """A new log at once, a known one after a minute."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    clock = FakeClock()
    place = LogOfLogs(store, make_log())
    paces = {LOGS: PublishingPace(every_s=60, every_entries=100_000)}
    publisher = Publisher(store, [place], clock, paces=paces)
    sizes: list[int] = []
    for seconds in (0, 30, 30, 60):
        clock.advance(seconds=seconds)
        await grow(store, ONE, 1)
        await publisher.publish_due()
        row = await store.read(lambda reader: reader.one("log.head", tenant=LOGS))
        assert row is not None
        sizes.append(int(str(row["size"])))
    assert sizes == [1, 1, 2, 3]
    await store.close()
