"""How quick the console's pages are: `python -m bench.console [N]` with N open items (1,000).

Makes a workspace in memory's file system, has N actions wait for people, and asks for the inbox and
for the audit page; prints the server's time for each, in milliseconds, as p50 and p95.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

import httpx

from sayso.ids import monotonic_s

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

from support.shop import Shop  # noqa: E402  (the tests' own shop)
from support.shop_workspace import open_shop  # noqa: E402

from sayso.money import Money  # noqa: E402
from sayso.surfaces.console.app import create_console  # noqa: E402

PAGES = ("", "?tab=role", "?tab=decided", "audit", "audit?q=kind:action.pending", "figures")
ROUNDS = 40


async def measure(count: int) -> None:
    """Fill a workspace and ask for each page."""
    shop = Shop()
    with tempfile.TemporaryDirectory() as folder:
        async with open_shop(Path(folder), shop=shop) as opened:
            sayso = opened.sayso
            for number in range(count):
                shop.books.add(f"o{number}", f"cus_{number}", Money(20_000, "USD"))
                await sayso.propose("shop.refund", {"order": f"o{number}"}, subject=f"cus_{number}")
            _, secret = await sayso.sessions.begin("maria", via="token")
            transport = httpx.ASGITransport(app=create_console(sayso))
            async with httpx.AsyncClient(
                transport=transport,
                base_url="http://127.0.0.1",
                cookies={"sayso_session": secret},
                headers={"Sec-Fetch-Site": "same-origin"},
            ) as client:
                for page in PAGES:
                    print(f"{page or 'inbox':28} {await times(client, page)}")


async def times(client: httpx.AsyncClient, page: str) -> str:
    """p50 and p95 of one page."""
    took: list[float] = []
    for _ in range(ROUNDS):
        began = monotonic_s()
        answer = await client.get(f"/{page}")
        took.append(1000 * (monotonic_s() - began))
        assert answer.status_code == 200, answer.text
    ordered = sorted(took)
    return f"p50 {statistics.median(took):6.1f} ms   p95 {ordered[int(ROUNDS * 0.95)]:6.1f} ms"


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
