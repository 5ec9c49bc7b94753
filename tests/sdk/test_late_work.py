"""Who waits longest comes first, and whoever waits longer than is promised is told of once."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from surfaces.console.served_console import CUSTOMERS, ROOT, ServedConsole, open_console

from sayso.surfaces.console import handed_over
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.promise("work:waits")


@asynccontextmanager
async def waiting(
    folder: Path, customers: int, within: str = "4h"
) -> AsyncGenerator[tuple[ServedConsole, list[str]]]:
    """A workspace in which so many wait for a person, an hour between each; their ids."""
    async with open_console(folder, clock=FakeClock(), answer_within=within) as one:
        ids: list[str] = []
        for number in range(customers):
            request = await one.sayso.ask(f"cus_{number % CUSTOMERS + 1}", f"person {number}")
            assert request.status == "handed_over"
            ids.append(request.id)
            one.opened.clock.advance(hours=1)
        yield one, ids


async def test_the_longest_wait_comes_first_by_pages(tmp_path: Path) -> None:
    """All of them, none twice; what somebody has ended is not among them."""
    async with waiting(tmp_path, 7) as (console, ids):
        work, maria = console.sayso.work, await console.sign_in("maria")
        await work.end(ids[2], "done by telephone", token=maria)
        await work.take(ids[4], token=maria)
        first = await work.list(order="wait", limit=4)
        rest = await work.list(order="wait", limit=4, after=first[-1].about)
        left = [one for one in ids if one != ids[2]]
        assert [one.about for one in (*first, *rest)] == left
        mine = await work.list(order="wait", assignee="maria")
        assert [one.about for one in mine] == [ids[4]]
        nobodys = await work.list(order="wait", nobodys=True)
        assert [one.about for one in nobodys] == [one for one in left if one != ids[4]]
        counts = await work.count("maria")
        assert (counts.waiting, counts.nobodys, counts.taken, counts.late) == (6, 5, 1, 2)
        late = await work.list(late=True)
        assert [one.about for one in late] == ids[:2]
        assert [one.late for one in first] == [True, True, False, False]


async def test_it_is_told_once_whoever_looks(tmp_path: Path) -> None:
    """An entry and an event for each, also where several look; none where it has ended."""
    async with waiting(tmp_path, 3) as (console, ids):
        work, sayso = console.sayso.work, console.sayso
        console.opened.clock.advance(hours=2)  # 5, 4 and 3 hours, with an hour after each
        await work.end(ids[1], "done", token=await console.sign_in("maria"))
        told = await asyncio.gather(*(work.tell_late() for _ in range(4)))
        assert sum(told) == 1
        assert await work.tell_late() == 0
        events, _ = await sayso.events.since(-1)
        late = [(event.kind, event.request_id) for event in events if event.kind == "work.late"]
        assert late == [("work.late", ids[0])]
        console.opened.clock.advance(hours=9)
        assert await work.tell_late() == 1
        assert sayso.audit.verify(deep=True).exit_status == 0


async def test_nothing_is_late_where_nothing_is_promised(tmp_path: Path) -> None:
    """Without the setting there is no time, no event, and nothing in amber."""
    async with waiting(tmp_path, 1, within="") as (console, ids):
        console.opened.clock.advance(days=9)
        assert await console.sayso.work.tell_late() == 0
        (one,) = await console.sayso.work.list(order="wait")
        assert (one.about, one.answer_by, one.late) == (ids[0], None, False)


async def test_the_console_lists_all_of_them_and_says_how_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In hours, in words, by pages; a part without anything says how many there are in all."""
    monkeypatch.setattr(handed_over, "PAGE_SIZE", 2)
    async with waiting(tmp_path, 3, within="90m") as (console, ids):
        console.opened.clock.advance(hours=20)
        browser = console.client(await console.sign_in("maria"))
        page = (await browser.get(f"{ROOT}/?tab=handed-over")).text
        assert "3 customers wait for a person" in page
        assert "3 longer than the 90 minutes you promise" in page
        assert "Nobody has it: 21 hrs late" in page
        assert "1 to 2 of 3" in page
        assert page.index(ids[0]) < page.index(ids[1])
        assert ids[2] not in page
        found = re.search(r'href="/console/(\?tab=handed-over[^"]*after=[^"]+)"', page)
        assert found is not None
        page = (await browser.get(f"{ROOT}/{html.unescape(found[1])}")).text
        assert "3 to 3 of 3" in page, found[1]
        assert ids[2] in page
        page = (await browser.get(f"{ROOT}/?tab=handed-over&look=mine")).text
        assert "Nothing here now" in page
        assert "3 in All." in page
        for odd in ("look=x", "after=req_none", "after=%00", "after=%27&from=-1", "from=9999999"):
            assert (await browser.get(f"{ROOT}/?tab=handed-over&{odd}")).status_code == 200, odd
        await browser.aclose()
