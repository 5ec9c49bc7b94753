"""A process that serves the three places until it is killed: `python -m bench.identity.worker`.

Arguments: the workspace's folder, the database's address or `-`, and how many customers to ask for;
0 to finish what is left and say when nothing is due any more.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bench.identity.kills import WORDS, ask_key, open_places

_SETTLE_S = 200.0
"""A request whose process was killed is taken up after its lease, which is two minutes."""
_GOES_ON = frozenset({"received", "acting", "needs_customer"})


async def serve(folder: Path, url: str, customers: int) -> None:
    """Ask for each customer's solution, over and over, or let what is left end."""
    async with open_places(folder, url, work=True) as sayso:
        print("ready", flush=True)
        for number in range(1, customers + 1):
            await sayso.ask(
                f"desk:u{number}",
                WORDS.format(n=number),
                idempotency_key=ask_key(number),
                wait_s=10.0,
            )
        if customers:
            await asyncio.Event().wait()
        until = asyncio.get_running_loop().time() + _SETTLE_S
        while left := [
            one for one in await sayso.requests.list(limit=200) if one.status in _GOES_ON
        ]:
            if asyncio.get_running_loop().time() > until:
                raise TimeoutError(
                    [
                        (one.id, one.status, [(a.action, a.status) for a in one.actions])
                        for one in left
                    ]
                )
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    place, address, many = sys.argv[1:]
    asyncio.run(serve(Path(place), address, int(many)))
