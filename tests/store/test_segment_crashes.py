"""A process that is killed while it seals or prunes loses nothing, and the next one goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from store.segment_keeper import Keeper
from store.segment_worker import open_new_store
from support.faults.crash import crash_at, run_child

from sayso.audit.verifier.verification import Verdict
from sayso.testing.clock import START

WORK = "store.segment_worker:seal_and_prune"
ENTRIES = 1200
"""Two segments of 512; each is pruned in two parts."""

# The file of a segment is checked when it is sealed (1, 2), and again before it is pruned (3, 4).
POINTS = [
    *(("written", 1), ("placed", 1), ("recorded", 1), ("recorded", 2)),
    *(("checked", 1), ("checked", 3), ("pruned", 1), ("pruned", 2), ("pruned", 4)),
]


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database, as a process elsewhere gets it."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return str(tmp_path / "sayso.db")


@pytest.mark.promise("audit:sealed:crash")
@pytest.mark.parametrize(("step", "nth"), POINTS)
async def test_a_kill_at_any_step_loses_nothing(
    where: str, tmp_path: Path, step: str, nth: int
) -> None:
    """Kill -9 at each step, then start again: dense, true, and all of it somewhere."""
    folder = tmp_path / "segments"
    store = open_new_store(where)
    keeper = Keeper(store, folder, entries=512)
    await keeper.enter(ENTRIES - 1)
    keeper.clock.advance(seconds=(START - keeper.clock.now()).total_seconds())
    keeper.clock.advance(days=-1)
    await keeper.enter(1)
    before = await keeper.bodies()
    await store.close()

    await asyncio.to_thread(crash_at, WORK, step, where, str(folder), nth=nth)

    store = open_new_store(where)
    keeper = Keeper(store, folder, entries=512)
    verified = await keeper.verify()
    assert verified.verdict is Verdict.VERIFIED, verified.all_findings
    assert verified.logs[0].complete, "what is not in the database was read from its file"
    left = await keeper.bodies()
    low = min(left)
    assert list(left) == list(range(low, len(left) + low))
    assert {seq: left[seq] for seq in before if seq >= low} == {
        seq: body for seq, body in before.items() if seq >= low
    }
    await store.close()

    to, _ = await asyncio.to_thread(run_child, WORK, where, str(folder))

    store = open_new_store(where)
    keeper = Keeper(store, folder, entries=512)
    rows = await keeper.rows()
    assert [one.pruned_to for one in rows] == [512, 1024]
    assert to in {0, 1024}, "everything was done, now or before the crash"
    names = {path.name for path in keeper.segments.folder.glob("*/*") if path.name != ".lock"}
    assert names == {one.file for one in rows}, "nothing half done is left"
    found = await keeper.verify()
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    assert found.logs[0].entries == found.logs[0].size
    await store.close()
