"""The rows of limits stay true: a hundred at once, killed at boundaries, and changed by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from actions.limits.limit_work import LIMITED, POLICY, TOKEN_HOUR, limited, refund
from actions.steps import MAIN, open_rows
from support.faults.crash import crash_at, run_child
from support.shop import Shop
from support.shop_workspace import STORE_URLS, make_shop_workspace

from sayso.actions.engine.engine import Boundary
from sayso.sdk.client import Sayso
from sayso.sdk.resources.limits import used_words
from sayso.sdk.workspace import Workspace

WORK = "actions.limits.limit_work:race"
FITS = 18
"""So many refunds of $49.00 fit into $900.00."""
TRIES = 100


def edge_workspace(folder: Path, url: str) -> Workspace:
    """A workspace of the race, for looking at what came of it."""
    (folder / "limits.toml").write_text(TOKEN_HOUR)
    if url:
        STORE_URLS.append(url)
    try:
        return make_shop_workspace(folder, POLICY, policy_section=LIMITED)
    finally:
        if url:
            STORE_URLS.pop()


@pytest.mark.promise("limits:exact")
@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_of_a_hundred_at_once_exactly_as_many_pass_as_fit(
    tmp_path: Path, kind: str, processes: int, request: pytest.FixtureRequest
) -> None:
    """On both stores, whichever process they come to; and the rows say so."""
    url = "" if kind == "sqlite" else str(request.getfixturevalue("postgres_url"))
    workspace = edge_workspace(tmp_path, url)
    share = TRIES // processes
    runs = (
        asyncio.to_thread(run_child, WORK, str(tmp_path), url, number, share)
        for number in range(processes)
    )
    done = [count for count, _ in await asyncio.gather(*runs)]
    assert sum(count for count in done if isinstance(count, int)) == FITS
    async with Sayso(workspace, mode="decide", connectors=[Shop()]) as sayso:
        assert await sayso.limits.check() == []
        (view,) = await sayso.limits.list()
        assert [used_words(use) for use in view.uses] == ["$882.00 of $900.00"]


@pytest.mark.promise("limits:exact")
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("boundary", list(Boundary))
async def test_killed_at_a_boundary_the_rows_of_limits_stay_true(
    tmp_path: Path, kind: str, boundary: Boundary, request: pytest.FixtureRequest
) -> None:
    """Each action has its use, each counter is the sum of them, before and after the recovery."""
    url = "" if kind == "sqlite" else str(request.getfixturevalue("postgres_url"))
    workspace = edge_workspace(tmp_path, url)
    crash_at(WORK, boundary, str(tmp_path), url, 0, 25, nth=5)
    async with Sayso(workspace, mode="decide", connectors=[Shop()]) as sayso:
        assert await sayso.limits.check() == []
        for view in await sayso.actions.list(limit=200):
            await sayso.container.engine.advance(MAIN, view.id)
        assert await sayso.limits.check() == []
    run_child(WORK, str(tmp_path), url, 1, 25)
    async with Sayso(workspace, mode="decide", connectors=[Shop()]) as sayso:
        assert await sayso.limits.check() == []


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("limits:checked")
@pytest.mark.parametrize(
    "change",
    [
        "update limit_counter set held_minor = held_minor + 1",
        "update limit_use set state = 'released'",
        "delete from limit_use",
        "delete from limit_counter",
        "update limit_use set minor = minor * 100; update limit_counter set settled_minor = 5e6",
        # Counters and uses that agree with each other, and not with what was done.
        "delete from limit_use; delete from limit_counter",
        """update limit_use set state = 'held';
        update limit_counter set held_minor = settled_minor, settled_minor = 0""",
        """update limit_use set state = 'released';
        update limit_counter set count = 0, settled_minor = 0""",
        """insert into limit_use select tenant, home, action_id, revision - 1, limit_id, key,
            currency, bucket, count, 0, 'held', why, last_seq from limit_use;
        update limit_counter set count = count * 2""",
    ],
)
async def test_rows_that_were_changed_by_hand_are_found(tmp_path: Path, change: str) -> None:
    """`sayso doctor` says so."""
    async with limited(tmp_path, TOKEN_HOUR, judge=False) as opened:
        await refund(opened, 50_000)
        assert await opened.sayso.limits.check() == []
        rows = open_rows(opened)
        rows.executescript(change)
        rows.close()
        assert await opened.sayso.limits.check()
