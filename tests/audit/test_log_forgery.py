"""The writer signs only what it wrote: entries put beside it by hand are never signed along."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from audit.small_log import plain_entry, signer_of

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.audit.log import AuditLog
from sayso.audit.signed_note.note import Checkpoint, sign_checkpoint
from sayso.audit.tree.merkle import Frontier, leaf_hash
from sayso.audit.verify import verify
from sayso.errors import Code, IntegrityError
from sayso.ids import Tenant
from sayso.store.base import Transaction
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock

MAIN = Tenant("main")
FORGED = Entry(
    kind=EntryKind.ACTION_APPROVED,
    actor=Actor(kind=ActorKind.PERSON, id="maria"),
    action="act_1",
    status="approved",
)


def make_log() -> AuditLog:
    """A writer with the key of the log."""
    return AuditLog("acme", signer_of("acme"), FakeClock())


def put_beside(rows: sqlite3.Connection) -> None:
    """Append a well-formed entry and grow the tree by it, as the triggers allow."""
    size, encoded = rows.execute("select size, frontier from log_head").fetchone()
    frontier = Frontier.from_bytes(size, encoded)
    body = FORGED.body(tenant=MAIN, seq=size, at_micros=1)
    frontier.append(leaf_hash(body))
    rows.execute(
        "insert into log_entry (tenant, seq, body) values (?, ?, ?)", (MAIN, size, body.decode())
    )
    rows.execute("update log_head set size = ?, frontier = ?", (frontier.size, frontier.to_bytes()))


def put_beside_and_sign(rows: sqlite3.Connection) -> None:
    """The same, signed by a key of the forger's own."""
    put_beside(rows)
    size, encoded = rows.execute("select size, frontier from log_head").fetchone()
    root = Frontier.from_bytes(size, encoded).root()
    origin = f"acme/{MAIN}"
    note = sign_checkpoint(
        Checkpoint(origin=origin, size=size, root=root), signer_of(origin, seed=9)
    )
    rows.execute("update log_head set note = ?", (note,))


def swap_the_tree(rows: sqlite3.Connection) -> None:
    """As many entries, and another tree."""
    frontier = Frontier()
    (size,) = rows.execute("select size from log_head").fetchone()
    frontier.extend([leaf_hash(b"other")] * size)
    rows.execute("update log_head set frontier = ?", (frontier.to_bytes(),))


def take_the_note(rows: sqlite3.Connection) -> None:
    """No signature at all."""
    rows.execute("update log_head set note = ''")


CASES = [
    pytest.param(forge, restarted, id=f"{forge.__name__}{'-after-a-restart' if restarted else ''}")
    for forge in (put_beside, put_beside_and_sign, swap_the_tree, take_the_note)
    for restarted in (False, True)
    if restarted or forge is not take_the_note  # whoever wrote the tree may sign it once more
]


@pytest.mark.parametrize(("forge", "restarted"), CASES)
async def test_what_was_put_beside_the_log_is_not_signed_with_the_next_entry(
    tmp_path: Path, forge: Callable[[sqlite3.Connection], None], restarted: bool
) -> None:
    """Invariants 3 and 10: the writer stops, so the forgery stays what everybody can see."""
    path = tmp_path / "sayso.db"
    store, log = SqliteStore(path, create=True), make_log()

    def enter(tx: Transaction) -> int:
        return log.append(tx, MAIN, plain_entry())

    for _ in range(3):
        await store.write(enter)
    with closing(sqlite3.connect(path)) as rows, rows:
        forge(rows)
    if restarted:
        log = make_log()
    for _ in range(2):
        with pytest.raises(IntegrityError) as stopped:
            await store.write(enter)
        assert stopped.value.code in {Code.TAMPERED, Code.BAD_SIGNATURE, Code.KEY_MISMATCH}
    await store.close()
    assert verify(path, deep=True).verdict == "tampered"


async def test_a_writer_goes_on_where_another_process_left_off(tmp_path: Path) -> None:
    """Any number of writers with the key share a log, in any order, after failures too."""
    path = tmp_path / "sayso.db"
    stores = [SqliteStore(path, create=True) for _ in range(3)]
    logs = [make_log() for _ in stores]

    def enter(tx: Transaction, log: AuditLog) -> int:
        return log.append(tx, MAIN, plain_entry())

    def fail(tx: Transaction, log: AuditLog) -> None:
        enter(tx, log)
        raise LookupError("no")

    count = 0
    for turn in (0, 1, 1, 2, 0, 2, 1, 0, 0):
        store, log = stores[turn], logs[turn]
        with pytest.raises(LookupError):
            await store.write(partial(fail, log=log))
        assert await store.write(partial(enter, log=log)) == count
        count += 1
    for store in stores:
        await store.close()
    found = verify(path, deep=True)
    assert (found.verdict, found.entries) == ("verified", count)
