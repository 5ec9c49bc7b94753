"""Fifteen ways to change the past, and what must be said about each.

Somebody with the database alone is caught by the signature; somebody with the signing key, or with
an old copy, only by what was kept elsewhere. The table says which is which.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from audit.small_log import SIZE, SmallLog, frontier_of, signer_of

from sayso.audit.verifier.verification import Damage, Verdict

OK, TAMPERED, OPEN = Verdict.VERIFIED, Verdict.TAMPERED, Verdict.CANNOT_JUDGE

Change = Callable[[sqlite3.Connection, SmallLog], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One attack and what must be said about it.

    Attributes:
        change: does it, to a log of 40 entries.
        alone: the verdict on the database by itself.
        pinned: the verdict when the auditor also pins the log's key.
        outside: a damage found when the auditor also has an earlier checkpoint; always tampered.
        seq: an index that the first finding with that damage must include; None where it has none.
    """

    change: Change
    alone: Verdict
    pinned: Verdict
    outside: Damage
    seq: int | None = None


def change_body(log: SmallLog, seq: int) -> None:
    log.bodies[seq] = log.bodies[seq].replace(b"shop.refund", b"shop.credit")


def _restamp(database: sqlite3.Connection, log: SmallLog) -> None:
    """What somebody without the key can do: everything but the signed note."""
    log.store_bodies(database)
    frontier = frontier_of(log.bodies)
    database.execute("update log_head set size = ?, frontier = ?", (frontier.size, _blob(log)))


def _blob(log: SmallLog) -> bytes:
    return frontier_of(log.bodies).to_bytes()


def _edit_body(database: sqlite3.Connection, log: SmallLog) -> None:
    change_body(log, 13)
    log.store_bodies(database)


def _delete_middle(database: sqlite3.Connection, log: SmallLog) -> None:
    database.execute("delete from log_entry where seq = 12")


def _reorder(database: sqlite3.Connection, log: SmallLog) -> None:
    database.execute("update log_entry set seq = 1000 where seq = 8")
    database.execute("update log_entry set seq = 8 where seq = 9")
    database.execute("update log_entry set seq = 9 where seq = 1000")


def _append(database: sqlite3.Connection, log: SmallLog) -> None:
    log.bodies = SmallLog(SIZE + 4).bodies
    log.store_bodies(database)
    log.store_state(database)


def _edit_and_restamp(database: sqlite3.Connection, log: SmallLog) -> None:
    change_body(log, 13)
    _restamp(database, log)


def _delete_renumber_restamp(database: sqlite3.Connection, log: SmallLog) -> None:
    kept = [body for seq, body in enumerate(log.bodies) if seq not in range(8, 12)]
    log.bodies = [
        body.replace(f'"seq":{seq + 4},'.encode(), f'"seq":{seq},'.encode()) if seq >= 8 else body
        for seq, body in enumerate(kept)
    ]
    _restamp(database, log)
    database.execute("delete from action where id = 'act_2'")
    database.execute("delete from approval where id = 'apr_2'")
    database.execute("update action set last_seq = last_seq - 4 where last_seq > 11")
    database.execute("update approval set last_seq = last_seq - 4 where last_seq > 10")


def _truncate(database: sqlite3.Connection, log: SmallLog) -> None:
    log.bodies = log.bodies[:36]
    log.store_bodies(database)
    log.store_state(database)


def _truncate_to_old_head(database: sqlite3.Connection, log: SmallLog) -> None:
    _truncate(database, log)
    log.store_head(database)  # the head that the log really had at that size


def _rewrite_with_own_key(database: sqlite3.Connection, log: SmallLog) -> None:
    change_body(log, 13)
    log.signer = signer_of(log.origin, seed=66)
    log.store_bodies(database)
    log.store_head(database)
    database.execute("update log_key set vkey = ?", (log.signer.vkey,))


def _restore_old_copy(database: sqlite3.Connection, log: SmallLog) -> None:
    """Replaced by the whole file as it was, which the runner does."""
    log.bodies = log.bodies[:20]
    log.store_bodies(database)
    log.store_head(database)
    log.store_state(database)


def _edit_column(database: sqlite3.Connection, log: SmallLog) -> None:
    database.execute("update log_entry set kind = 'action.refused' where seq = 13")


def _swap_in_foreign_entry(database: sqlite3.Connection, log: SmallLog) -> None:
    log.bodies[13] = SmallLog(tenant="rival").bodies[13]
    log.store_bodies(database)


def _swap_in_foreign_log(database: sqlite3.Connection, log: SmallLog) -> None:
    other = SmallLog(tenant="rival")
    log.bodies, log.signer, log.origin = other.bodies, other.signer, other.origin
    log.store_bodies(database)
    log.store_head(database)
    database.execute("update log_key set vkey = ?", (other.signer.vkey,))


def _forge_head(database: sqlite3.Connection, log: SmallLog) -> None:
    log.signer = signer_of(log.origin, seed=66)
    change_body(log, 13)
    log.store_bodies(database)
    log.store_head(database)


def _fork(database: sqlite3.Connection, log: SmallLog) -> None:
    change_body(log, 13)
    log.store_bodies(database)
    log.store_head(database)  # with the log's own key


ATTACKS: dict[str, Attack] = {
    "edit a body": Attack(
        change=_edit_body, alone=TAMPERED, pinned=TAMPERED, outside=Damage.EDITED, seq=13
    ),
    "delete from the middle": Attack(
        change=_delete_middle, alone=TAMPERED, pinned=TAMPERED, outside=Damage.DELETED, seq=12
    ),
    "swap two entries": Attack(
        change=_reorder, alone=TAMPERED, pinned=TAMPERED, outside=Damage.REORDERED, seq=8
    ),
    "append without signing": Attack(
        change=_append, alone=TAMPERED, pinned=TAMPERED, outside=Damage.FORGED, seq=40
    ),
    "edit, and adapt the frontier": Attack(
        change=_edit_and_restamp, alone=TAMPERED, pinned=TAMPERED, outside=Damage.EDITED
    ),
    "delete, renumber, adapt": Attack(
        change=_delete_renumber_restamp,
        alone=TAMPERED,
        pinned=TAMPERED,
        outside=Damage.TRUNCATED,
    ),
    "cut the end off": Attack(
        change=_truncate, alone=TAMPERED, pinned=TAMPERED, outside=Damage.TRUNCATED, seq=36
    ),
    "cut the end off, with the old head": Attack(
        change=_truncate_to_old_head, alone=OK, pinned=OK, outside=Damage.ROLLED_BACK, seq=36
    ),
    "rewrite, and exchange every key and head": Attack(
        change=_rewrite_with_own_key, alone=OK, pinned=OPEN, outside=Damage.FORKED, seq=13
    ),
    "put an old copy in place": Attack(
        change=_restore_old_copy, alone=OK, pinned=OK, outside=Damage.ROLLED_BACK, seq=20
    ),
    "edit a projected column": Attack(
        change=_edit_column, alone=TAMPERED, pinned=TAMPERED, outside=Damage.EDITED, seq=13
    ),
    "put another tenant's entry in": Attack(
        change=_swap_in_foreign_entry,
        alone=TAMPERED,
        pinned=TAMPERED,
        outside=Damage.FOREIGN_TENANT,
        seq=13,
    ),
    "put another tenant's whole log in": Attack(
        change=_swap_in_foreign_log,
        alone=TAMPERED,
        pinned=TAMPERED,
        outside=Damage.FOREIGN_TENANT,
    ),
    "sign a forged head with another key": Attack(
        change=_forge_head, alone=TAMPERED, pinned=TAMPERED, outside=Damage.FORGED
    ),
    "fork, signed by the key's holder": Attack(
        change=_fork, alone=OK, pinned=OK, outside=Damage.FORKED, seq=13
    ),
}
