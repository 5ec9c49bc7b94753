"""A process that commits until it is killed, and says what it was told: `python … URL NAME COUNT`.

Each unit reads a counter, stores it under the next number, and only then the number is printed:
every printed number must be in the database, and no number twice.
"""

from __future__ import annotations

import asyncio
import sys

from sayso.store.base import Transaction
from sayso.store.postgres.store import PostgresStore


def step(tx: Transaction, name: str) -> int:
    """Append the next entry of one log that all workers share."""
    rows = tx.all("log.bodies", tenant="shared", from_seq=0, limit=1_000_000)
    seq = len(rows)
    tx.run("log.append", tenant="shared", seq=seq, body=f'{{"actor":{{"id":"{name}"}}}}')
    return seq


async def work(url: str, name: str, count: int) -> None:
    """Commit `count` units, two at a time."""
    store = PostgresStore(url)
    for _ in range(0, count, 2):
        told = await asyncio.gather(*(store.write(lambda tx: step(tx, name)) for _ in range(2)))
        sys.stdout.write("".join(f"{seq}\n" for seq in told))
        sys.stdout.flush()
    await store.close()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], int(sys.argv[3])))
