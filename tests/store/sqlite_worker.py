"""A process that appends to the logs of a file: `python … PATH COMMAND COUNT`.

`enter` appends signed entries and prints each index once it is durable; `hold` takes the write
lock and keeps it until its input ends; `die` is killed inside its COUNTth statement of a
migration; `migrate` only brings the file to this version.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.audit.log import AuditLog
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.ids import DEFAULT_TENANT
from sayso.store.sqlite.schema import migrate
from sayso.store.sqlite.store import SqliteStore, open_connection
from sayso.testing.clock import FakeClock

PATIENT_S = 60.0
ENTRY = Entry(kind=EntryKind.AUDIT_QUERIED, actor=Actor(kind=ActorKind.SERVICE, id="worker"))


def make_log() -> AuditLog:
    """The writer of a log whose key is the same in every process."""
    key = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
    return AuditLog("test", Ed25519Signer("test", key), FakeClock())


async def enter(path: Path, count: int) -> None:
    """Commit `count` units, four at a time, on the loop and on the thread in turn."""
    store, log = SqliteStore(path, busy_timeout_s=PATIENT_S), make_log()
    for at in range(0, count, 4):
        told = await asyncio.gather(
            *(
                store.write(lambda tx: log.append(tx, DEFAULT_TENANT, ENTRY), brief=at % 8 == 0)
                for _ in range(4)
            )
        )
        sys.stdout.write("".join(f"{seq}\n" for seq in told))
        sys.stdout.flush()
    await store.close()


def hold(path: Path) -> None:
    """Keep the write lock until the input ends."""
    connection = open_connection(path, create=False)
    connection.execute("begin immediate")
    sys.stdout.write("held\n")
    sys.stdout.flush()
    sys.stdin.read()
    connection.close()


def die(path: Path, at: int) -> None:
    """Migrate, and be killed inside the statement with that number."""
    connection = open_connection(path, create=True)
    left = at

    def count(statement: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    connection.set_trace_callback(count)
    migrate(connection)
    connection.close()


def make(path: Path) -> None:
    """Bring the file to this version."""
    connection = open_connection(path, create=True, busy_timeout_s=PATIENT_S)
    migrate(connection)
    connection.close()


if __name__ == "__main__":
    place, count = Path(sys.argv[1]), int(sys.argv[3])
    match sys.argv[2]:
        case "enter":
            asyncio.run(enter(place, count))
        case "hold":
            hold(place)
        case "die":
            die(place, count)
        case _:
            make(place)
