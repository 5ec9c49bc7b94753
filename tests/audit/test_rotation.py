"""Changing the signing key: the old key vouches for the new one, in the log itself."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from audit.small_log import (
    AGENT,
    SmallLog,
    editing,
    frontier_of,
    plain_entry,
    rotation_entry,
    signer_of,
)

from sayso.audit.log import AuditLog
from sayso.audit.signed_note.note import sign_note
from sayso.audit.signing.rotate import rotate_key
from sayso.audit.signing.rotation import Rotation
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Check, Verdict, Verification
from sayso.audit.verify import verify
from sayso.errors import Code, ConfigError, RefusedError
from sayso.ids import Tenant
from sayso.store.base import Store
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock

ONE, TWO, THREE = Tenant("one"), Tenant("two"), Tenant("three")


def make_log(seed: int, successor: int | None = None) -> AuditLog:
    """A writer with these keys."""
    later = None if successor is None else signer_of("acme", successor)
    return AuditLog("acme", signer_of("acme", seed), FakeClock(), successor=later)


async def enter(store: Store, log: AuditLog, tenant: Tenant) -> int:
    """Append one entry."""
    return await store.write(lambda tx: log.append(tx, tenant, plain_entry()))


def checks_of(found: Verification) -> set[Check]:
    """What was found."""
    return {one.check for one in found.all_findings}


@pytest.mark.promise("audit:rotation")
async def test_every_log_is_handed_over_and_followed(tmp_path: Path) -> None:
    """The old key pinned, or the new one, or a checkpoint from before: each still verifies."""
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True)
    before, between, after = make_log(1), make_log(1, successor=2), make_log(2)
    for tenant in (ONE, TWO, ONE):
        await enter(store, before, tenant)
    await enter(store, between, ONE)  # a server that knows the next key already, still signs by 1
    row = await store.read(lambda reader: reader.one("log.head", tenant=ONE))
    assert row is not None
    seen = str(row["note"]).encode()
    assert await store.write(lambda tx: rotate_key(tx, between, AGENT)) == [ONE, TWO]
    assert await enter(store, between, ONE) == 4  # and goes on without a restart
    assert await enter(store, after, ONE) == 5
    assert await enter(store, after, THREE) == 0
    await store.close()
    for log in (before, after):
        pins = [log.vkey_of(tenant) for tenant in (ONE, TWO)] + [after.vkey_of(THREE)]
        found = verify(path, trust=Trust.parse(pins, [seen]), deep=True)
        assert found.verdict is Verdict.VERIFIED, found.all_findings
        assert [one.pinned for one in found.logs] == [True, True, True]
        assert found.logs[0].checkpoints == (3,)
    stranger = signer_of("acme/one", 9).vkey
    found = verify(path, trust=Trust.parse([stranger]), tenant="one")
    assert (found.verdict, checks_of(found)) == (Verdict.CANNOT_JUDGE, {Check.HEAD_KEY_TRUSTED})


@pytest.mark.promise("audit:rotation")
async def test_a_process_with_the_old_key_alone_writes_nothing_more(tmp_path: Path) -> None:
    """It fails closed: neither in an old log nor in a new one."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    old = make_log(1)
    await enter(store, old, ONE)
    await store.write(lambda tx: rotate_key(tx, make_log(1, successor=2), AGENT))
    for tenant in (ONE, TWO):
        with pytest.raises(ConfigError) as caught:
            await enter(store, old, tenant)
        assert caught.value.code is Code.KEY_MISMATCH
    await store.close()


@pytest.mark.promise("audit:one-key")
async def test_another_key_begins_no_log_of_a_new_tenant(tmp_path: Path) -> None:
    """One key signs all logs of a database; a second process with another one is refused."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    await enter(store, make_log(1), ONE)
    with pytest.raises(ConfigError) as caught:
        await enter(store, make_log(7), TWO)
    assert caught.value.code is Code.KEY_MISMATCH
    assert await enter(store, make_log(1), TWO) == 0
    await store.close()


async def test_there_must_be_another_key_to_change_to(tmp_path: Path) -> None:
    """Without a successor, and a second time, nothing is written."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    await enter(store, make_log(1), ONE)
    for log in (make_log(1), make_log(1, successor=1)):
        with pytest.raises(RefusedError) as caught:
            await store.write(partial(rotate_key, log=log, actor=AGENT))
        assert caught.value.code is Code.WRONG_STATE
    both = make_log(1, successor=2)
    await store.write(lambda tx: rotate_key(tx, both, AGENT))
    with pytest.raises(RefusedError):
        await store.write(lambda tx: rotate_key(tx, both, AGENT))
    assert await enter(store, both, ONE) == 2
    await store.close()


async def test_a_key_can_be_changed_again_and_again(tmp_path: Path) -> None:
    """The first key, pinned, leads to the fourth."""
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True)
    await enter(store, make_log(1), ONE)
    for seed in (1, 2, 3):
        log = make_log(seed, successor=seed + 1)
        await store.write(partial(rotate_key, log=log, actor=AGENT))
    assert await enter(store, make_log(4), TWO) == 0
    await store.close()
    found = verify(path, trust=Trust.parse([make_log(1).vkey_of(ONE)]), tenant="one", deep=True)
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    assert found.logs[0].vkey == make_log(4).vkey_of(ONE)


async def test_the_rows_of_keys_are_never_changed(tmp_path: Path) -> None:
    """Nor is what a database says about its keys."""
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True)
    await enter(store, make_log(1), ONE)
    await store.close()
    with closing(sqlite3.connect(path)) as rows:
        for statement in (
            "update log_key set vkey = 'x'",
            "update log_key set to_size = 1",
            "delete from log_key",
            "update meta set value = 'x' where key = 'deployment'",
            "update meta set value = 'x' where key like 'signing_key/%'",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                rows.execute(statement)


def _takeover(log: SmallLog) -> None:
    """Somebody without the log's key introduces their own."""
    own, tree = signer_of(log.origin, 66), frontier_of(log.bodies)
    rotation = Rotation(origin=log.origin, size=tree.size, root=tree.root(), vkey=own.vkey)
    log.append(rotation_entry(rotation.signed(own, own)))
    log.signer = own
    log.keys.append((own.vkey, len(log.bodies)))


def _carried_over(log: SmallLog) -> None:
    """A change of keys that was made for another history of this log."""
    other = SmallLog(8, plain=True)
    other.rotate(seed=2)
    log.bodies[3] = log.bodies[3].replace(b"audit.queried", b"audit.exported")
    log.bodies.append(other.bodies[-1])
    log.signer, log.keys = other.signer, other.keys


def _by_the_new_key_alone(log: SmallLog) -> None:
    """A note that only the new key signed."""
    new, tree = signer_of(log.origin, 2), frontier_of(log.bodies)
    rotation = Rotation(origin=log.origin, size=tree.size, root=tree.root(), vkey=new.vkey)
    note = rotation.signed(log.signer, new)
    text, blank, lines = note.partition("\n\n")
    log.append(rotation_entry(f"{text}{blank}{lines.splitlines(keepends=True)[1]}"))
    log.signer = new
    log.keys.append((new.vkey, len(log.bodies)))


def _by_the_old_key_alone(log: SmallLog) -> None:
    """A note that names a key whose holder knows nothing of it."""
    new, tree = signer_of(log.origin, 2), frontier_of(log.bodies)
    rotation = Rotation(origin=log.origin, size=tree.size, root=tree.root(), vkey=new.vkey)
    log.append(rotation_entry(sign_note(rotation.text(), [log.signer])))
    log.signer = new
    log.keys.append((new.vkey, len(log.bodies)))


def _back_to_an_older_key(log: SmallLog) -> None:
    """From 1 to 2, and to 1 again, which may have been stolen since."""
    log.rotate(seed=2)
    log.rotate(seed=1)
    log.keys.pop()  # the table takes a key once only


def _at_another_place(log: SmallLog) -> None:
    """An honest change of keys, one entry too late."""
    before = SmallLog(8, plain=True)
    before.rotate(seed=2)
    log.append(plain_entry())
    log.append(rotation_entry(_note_in(before.bodies[-1])))
    log.signer = before.signer
    log.keys.append((log.signer.vkey, len(log.bodies)))


def _note_in(body: bytes) -> str:
    return str(json.loads(body)["data"]["note"])


@pytest.mark.promise("audit:rotation")
@pytest.mark.parametrize(
    "change",
    [
        _takeover,
        _carried_over,
        _by_the_new_key_alone,
        _by_the_old_key_alone,
        _back_to_an_older_key,
        _at_another_place,
    ],
)
def test_a_key_that_no_honest_entry_introduces_signs_nothing(
    tmp_path: Path, change: Callable[[SmallLog], None]
) -> None:
    """Only the key before it, in this very history, can introduce a key."""
    log = SmallLog(8, plain=True)
    first = log.signer.vkey
    change(log)
    path = log.write(tmp_path / "log.db")
    for trust in (Trust(), Trust.parse([first])):
        found = verify(path, trust=trust)
        assert found.verdict is Verdict.TAMPERED
        assert Check.KEY_ROTATION in checks_of(found)


def test_a_rotation_that_nobody_lists_is_found(tmp_path: Path) -> None:
    """The rows beside the log say the same as its entries, or are tampered."""
    log = SmallLog(8, plain=True)
    log.rotate(seed=2)
    path = log.write(tmp_path / "log.db")
    assert verify(path).verdict is Verdict.VERIFIED
    with editing(path) as database:
        database.execute("update log_key set from_size = 8 where from_size = 9")
    assert checks_of(verify(path)) == {Check.KEY_INTRODUCED}
    with editing(path) as database:
        database.execute("delete from log_key where from_size = 8")
    assert checks_of(verify(path, trust=Trust.parse([log.signer.vkey]))) == {
        Check.KEY_INTRODUCED,
        Check.HEAD_KEY_LISTED,
    }


@pytest.mark.promise("audit:rotation")
def test_an_old_key_signs_no_new_head_and_a_new_key_no_old_one(tmp_path: Path) -> None:
    """A checkpoint of a key outside its range is a failure."""
    log = SmallLog(8, plain=True)
    old_note, old = log.note(5), log.signer
    log.rotate(seed=2)
    path, new = log.write(tmp_path / "log.db"), log.signer
    assert verify(path, trust=Trust.parse([old.vkey], [old_note.encode()])).verdict == "verified"
    log.signer = new
    too_early = log.note(5).encode()
    log.signer = old
    too_late = log.note(9).encode()
    for note in (too_early, too_late):
        found = verify(path, trust=Trust.parse([old.vkey], [note]))
        assert checks_of(found) == {Check.CHECKPOINT_SIGNED}
    with editing(path) as database:
        log.store_head(database)
    assert checks_of(verify(path)) == {Check.HEAD_KEY_IN_RANGE}
