"""A process that commits until it is killed, and says what it was told.

`python … URL NAME COUNT`, or `… TENANTS` behind it, which are written for at once.

Each unit reads a counter, stores it under the next number, and only then the number is printed:
every printed number must be in the database, and no number twice.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial

from sayso.store.base import Transaction
from sayso.store.postgres.store import PostgresStore


def step(tx: Transaction, name: str, tenant: str = "shared") -> int:
    """Append the next entry of a log that all workers share."""
    rows = tx.all("log.bodies", tenant=tenant, from_seq=0, limit=1_000_000)
    seq = len(rows)
    tx.run("log.append", tenant=tenant, seq=seq, body=f'{{"actor":{{"id":"{name}"}}}}')
    return seq


async def work(url: str, name: str, count: int) -> None:
    """Commit `count` units, two at a time."""
    store = PostgresStore(url)
    for _ in range(0, count, 2):
        told = await asyncio.gather(*(store.write(lambda tx: step(tx, name)) for _ in range(2)))
        sys.stdout.write("".join(f"{seq}\n" for seq in told))
        sys.stdout.flush()
    await store.close()


async def work_for(url: str, name: str, count: int, tenants: list[str]) -> None:
    """Commit `count` units for each tenant, all tenants at once."""
    store = PostgresStore(url)

    async def one(tenant: str) -> None:
        for _ in range(count):
            seq = await store.write(partial(step, name=name, tenant=tenant), about=tenant)
            sys.stdout.write(f"{tenant} {seq}\n")
            sys.stdout.flush()

    await asyncio.gather(*map(one, tenants))
    await store.close()


if __name__ == "__main__":
    first = (sys.argv[1], sys.argv[2], int(sys.argv[3]))
    asyncio.run(work_for(*first, sys.argv[4].split(",")) if sys.argv[4:] else work(*first))
