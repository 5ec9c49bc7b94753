"""What publishing and changes of keys ask of a store, on both of them."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
from audit.small_log import AGENT, plain_entry, signer_of
from support.time_stamp_authority import FakeAuthority, TsaServer

from sayso.audit.log import AuditLog
from sayso.audit.log_of_logs import LOGS
from sayso.audit.publishing.base import PublishTarget
from sayso.audit.publishing.directory import DirectoryTarget
from sayso.audit.publishing.log_of_logs_target import LogOfLogs
from sayso.audit.publishing.publisher import Publisher
from sayso.audit.publishing.reading import prove_consistency, read_pair
from sayso.audit.publishing.timestamp_target import TimestampTarget
from sayso.audit.signed_note.authorities import TimeAuthorities
from sayso.audit.signing.rotate import rotate_key
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Verification
from sayso.audit.verify import verify_database, verify_sources
from sayso.ids import Tenant
from sayso.sdk.audit.stored import read_sources
from sayso.store.base import Reader, SqlValue, Store, Transaction, blob, integer, text
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock

ONE, TWO = Tenant("one"), Tenant("two")


def make_log(seed: int = 1, successor: int | None = None) -> AuditLog:
    """A writer with these keys."""
    later = None if successor is None else signer_of("acme", successor)
    return AuditLog("acme", signer_of("acme", seed), FakeClock(), successor=later)


async def grow(store: Store, log: AuditLog, tenant: Tenant, count: int) -> None:
    """Append so many entries, each in a unit that may see its tenant alone."""
    enter = partial(log.append, tenant=tenant, entry=plain_entry())
    await asyncio.gather(*(store.write(enter, tenant=tenant) for _ in range(count)))


async def test_heads_are_published_and_proven(store: Store, tmp_path: Path) -> None:
    """Rows of places, the log of logs, and a proof from what was published last."""
    log = make_log()
    places: list[PublishTarget] = [LogOfLogs(store, log), DirectoryTarget("share", tmp_path)]
    publisher = Publisher(store, places, FakeClock())
    for _ in range(2):
        await grow(store, log, ONE, 3)
        await grow(store, log, TWO, 2)
        assert {state.problem for state in await publisher.publish_now()} == {""}
    states = await publisher.publish_now()
    assert {(state.place, state.tenant) for state in states} == {
        (LOGS, "one"),
        (LOGS, "two"),
        ("share", "one"),
        ("share", "two"),
        ("share", LOGS),
    }
    _, published = await read_pair(store, ONE, "share")
    assert published is not None
    assert published.size == 6
    await grow(store, log, ONE, 5)
    tail = await prove_consistency(store, ONE, 6, 11, published)
    assert tail == await prove_consistency(store, ONE, 6, 11, None)


async def test_what_was_published_is_not_taken_back(store: Store) -> None:
    """A smaller size changes nothing, whoever comes second."""

    def keep(tx: Transaction, size: int) -> None:
        tx.run(
            "publication.keep", tenant=ONE, place="p", size=size, frontier=b"", note="n", at=size
        )

    for size in (5, 3, 7, 7):
        await store.write(partial(keep, size=size), tenant=ONE)

    def sizes(reader: Reader) -> list[int]:
        return [integer(row, "size") for row in reader.all("publication.of_tenant", tenant=ONE)]

    assert await store.read(sizes, tenant=ONE) == [7]


async def test_a_time_stamp_is_kept_once(store: Store) -> None:
    """The first of a head says the earliest time; a later one, of whoever, changes nothing."""

    def stamp(tx: Transaction, size: int, note: str) -> None:
        row: dict[str, SqlValue] = {"tenant": ONE, "place": "tsa", "size": size, "at": size}
        tx.run("publication.keep", frontier=b"", note="p", **row)
        tx.run("publication.stamp", note=note, token=note.encode(), **row)

    for size, note in ((5, "a"), (5, "b"), (7, "c"), (7, "d")):
        await store.write(partial(stamp, size=size, note=note), tenant=ONE)

    def read(reader: Reader) -> tuple[list[tuple[int, str, bytes]], list[tuple[str, bytes]]]:
        rows = reader.all("publication.stamped", tenant=ONE, size=-1, place="", limit=9)
        newest = reader.all("publication.of_tenant", tenant=ONE)
        return (
            [(integer(row, "size"), text(row, "note"), blob(row, "token")) for row in rows],
            [(text(row, "note"), blob(row, "token")) for row in newest],
        )

    assert await store.read(read, tenant=ONE) == ([(5, "a", b"a"), (7, "c", b"c")], [("c", b"c")])

    def after(reader: Reader) -> list[int]:
        rows = reader.all("publication.stamped", tenant=ONE, size=5, place="tsa", limit=9)
        return [integer(row, "size") for row in rows]

    assert await store.read(after, tenant=ONE) == [7]


@pytest.mark.promise("audit:timestamped")
async def test_the_verifier_reads_time_stamps(store: Store) -> None:
    """From the server's rows and from the file: each log has its own."""
    log, authority = make_log(), FakeAuthority()
    roots = TimeAuthorities.parse(authority.roots_pem)
    with TsaServer(answer=authority.answer) as server:
        publisher = Publisher(store, [TimestampTarget("tsa", server.url, roots)], FakeClock())
        for tenant in (ONE, TWO, ONE):
            await grow(store, log, tenant, 3)
            assert {state.problem for state in await publisher.publish_now()} == {""}
        await publisher.close()

    trust = Trust.parse([log.vkey_of(ONE), log.vkey_of(TWO)], authorities=roots)

    def judge(reader: Reader) -> Verification:
        return verify_sources("the store", list(read_sources(reader, None)), trust=trust)

    if isinstance(store, SqliteStore):
        found = verify_database(store.path, trust=trust)
    else:
        found = await store.read(judge)
    assert found.verdict == "verified", found.all_findings
    assert [[one.size for one in judged.stamps] for judged in found.logs] == [[3, 6], [3]]
    assert {one.before for judged in found.logs for one in judged.stamps} == {
        "2026-11-25T12:00:02Z"
    }


async def test_all_logs_change_their_key_together(store: Store) -> None:
    """Each row of a key is added, none is changed; the next key signs at once."""
    log = make_log(1, successor=2)
    for tenant in (ONE, TWO):
        await grow(store, log, tenant, 2)
    assert await store.write(partial(rotate_key, log=log, actor=AGENT)) == [ONE, TWO]
    for tenant in (ONE, TWO, Tenant("three")):
        await grow(store, make_log(2), tenant, 1)

    def keys(reader: Reader) -> list[tuple[str, int]]:
        rows = reader.all("log.keys", tenant=ONE)
        return [(text(row, "vkey"), integer(row, "from_size")) for row in rows]

    assert await store.read(keys, tenant=ONE) == [
        (signer_of("acme/one", 1).vkey, 0),
        (signer_of("acme/one", 2).vkey, 3),
    ]
