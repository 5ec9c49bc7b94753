"""kill -9 in the middle of what crosses tenants: both have it or neither, and again is enough.

A stop of all, a key's rotation, the heads in the log of logs, and a limit over all tenants, each
killed at its writes, looked at by another process, and done again.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from sdk.crossing_work import TENANTS, cross, refund, stocked, workspace_at
from support.faults.crash import crash_at
from support.faults.points import Points

from sayso.audit.signed_note.note import Ed25519Signer
from sayso.audit.verifier.verification import Verdict
from sayso.errors import RefusedError
from sayso.sdk.audit.stored import read_entered_heads
from sayso.sdk.client import Sayso
from sayso.testing.clock import FakeClock

WORK = "sdk.crossing_work:cross"
POINTS = {
    "stop": ["write stop.insert", "write log.head_sign", "committed"],
    "rotate": ["write log.append 2", "write log.meta_insert", "write log.head_sign 2", "committed"],
    "publish": ["committed", "write publication.keep", "write log.append 2"],
    "limit": ["write limits.add", "write action.move", "committed 2", "write limits.change"],
}
"""What is done, and at which writes it is killed: at the first of a name, or at the one it says."""


@asynccontextmanager
async def opened(folder: Path, url: str) -> AsyncGenerator[Sayso]:
    """The workspace, as another process has it."""
    workspace = workspace_at(folder, url)
    async with Sayso(workspace, mode="decide", connectors=[stocked()], clock=FakeClock()) as sayso:
        yield sayso


async def begun(folder: Path, url: str) -> None:
    """Two tenants with a log each, and a successor for the key."""
    workspace_at(folder, url)
    (folder / "keys" / "next.key").write_text(Ed25519Signer.generate("test").to_text())
    async with opened(folder, url) as sayso:
        for tenant in TENANTS:
            await sayso.stops.engage("customer", f"cus_{tenant}9", tenant=tenant)


async def standing(sayso: Sayso, what: str) -> object:
    """How much of it is there, as each tenant has it; equal for all of them, or it is half done."""
    found = sayso.audit.verify()
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    assert await sayso.limits.check() == []
    match what:
        case "stop":
            stops = [await sayso.stops.list(limit=50, tenant=name) for name in TENANTS]
            return [sum(one.scope == "all" for one in each) for each in stops]
        case "rotate":
            old = sayso.container.log.signers_of(sayso.tenant)[0].vkey.rpartition("+")[2]
            return [one.vkey.rpartition("+")[2] != old for one in found.logs]
        case "publish":
            heads = await sayso.container.store.read(read_entered_heads)
            sizes = {one.tenant: one.size for one in found.logs}
            return [name in heads and heads[name][-1].size == sizes[name] for name in TENANTS]
        case _:
            (limit,) = await sayso.limits.list()
            return [(use.used_minor, use.used) for use in limit.uses]


ALLOWED: dict[str, tuple[list[object], list[object]]] = {
    "stop": ([[0, 0]], [[1, 1]]),
    "rotate": ([[False, False]], [[True, True]]),
    "publish": ([[False, False], [True, False]], [[True, True]]),
    "limit": ([[]], [[(4_900, 1)]]),
}
"""What may stand there after the kill: nothing of it, or heads so far; or, as in the end, all."""


@pytest.mark.promise("tenants:apart")
@pytest.mark.parametrize("what", list(POINTS))
async def test_a_kill_in_what_crosses_tenants_leaves_nothing_half_done(
    what: str, tmp_path: Path
) -> None:
    """At each of its writes: every log verifies, all tenants or none, and again is enough."""
    url = "sqlite:///sayso.db"
    first = tmp_path / "first"
    first.mkdir()
    await begun(first, url)
    for number, point in enumerate(POINTS[what]):
        folder = shutil.copytree(first, tmp_path / str(number))
        name, _, nth = point.rpartition(" ")
        at = (name, int(nth)) if nth.isdigit() else (point, 1)
        await asyncio.to_thread(crash_at, WORK, at[0], str(folder), url, what, nth=at[1])
        killed, whole = ALLOWED[what]
        async with opened(folder, url) as sayso:
            assert await standing(sayso, what) in [*killed, *whole], point
        with suppress(RefusedError):  # a key that signs already is handed over no second time
            await cross(Points(), str(folder), url, what)
        async with opened(folder, url) as sayso:
            assert await standing(sayso, what) in whole, point
            if what == "limit":
                assert await refund(sayso, "main", "other") == "refused", "it is full for all"
