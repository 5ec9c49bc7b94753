"""The stop switch between processes, on a file and on a server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from actions.steps import MAIN, usd
from store.stop_worker import OFTEN, stocked
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.controls.kill_switch import Resumption
from sayso.ids import SystemClock
from sayso.json import JsonValue
from sayso.sdk.views.rows import StopView
from sayso.store.base import text

WORKER = Path(__file__).with_name("stop_worker.py")
TESTS = WORKER.parents[1]


@pytest.fixture
async def workspace(store_url: str, tmp_path: Path) -> AsyncGenerator[ShopWorkspace]:
    """This process's own view of the workspace."""
    async with open_shop(
        tmp_path, shop=stocked(tmp_path), clock=SystemClock(), policy=OFTEN
    ) as opened:
        yield opened


class Worker:
    """Another process with the same database."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._ask, self._told = process.stdin, process.stdout

    def propose(self, key: str) -> tuple[str, str]:
        """Have it propose one refund; the action's id, and `held` or `done`."""
        self._ask.write(f"{key}\n")
        self._ask.flush()
        action_id, _, what = self._told.readline().strip().partition(" ")
        return action_id, what


@contextmanager
def worker(folder: Path, store_url: str) -> Generator[Worker]:
    """A process of `stop_worker.py`; killed at the end, if it still runs."""
    with subprocess.Popen(
        [sys.executable, str(WORKER), str(folder), store_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(TESTS), "PATH": ""},
    ) as process:
        try:
            yield Worker(process)
        finally:
            process.kill()


def calls(folder: Path) -> list[str]:
    """What the provider was asked for, by whomever."""
    return (folder / "calls").read_text().split() if (folder / "calls").exists() else []


async def resume(workspace: ShopWorkspace, stopped: StopView) -> None:
    """Two people, one after the other."""
    for person in ("maria", "noor"):
        await workspace.sayso.stops.resume_as(
            Resumption(
                tenant=MAIN,
                stop_id=stopped.id,
                person=person,
                via="test",
                credential="host",
                key=person,
            )
        )


@pytest.mark.promise("stop:holds")
async def test_once_a_stop_is_committed_no_other_process_calls(
    workspace: ShopWorkspace, store_url: str, tmp_path: Path
) -> None:
    """No intent follows the stop in the log, and no call follows it at the provider."""
    with worker(tmp_path, store_url) as other:
        assert [other.propose(f"a{number}")[1] for number in range(3)] == ["done"] * 3
        stopped = await workspace.sayso.stops.engage(reason="INC-7")
        before = calls(tmp_path)
        assert len(before) == 3
        assert [other.propose(f"b{number}")[1] for number in range(3)] == ["held"] * 3
        assert calls(tmp_path) == before
        log = await workspace.sayso.container.store.read(
            lambda reader: reader.all("log.bodies", tenant=MAIN, from_seq=0, limit=1000)
        )
        kinds = [orjson.loads(text(row, "body"))["kind"] for row in log]
        assert kinds.count("action.intent") == 3
        assert "action.intent" not in kinds[kinds.index("stop.engaged") :]
        await resume(workspace, stopped)
        held = [action.id for action in await workspace.sayso.actions.list(status="approved")]
        assert len(held) == 3
        for action_id in held:
            await workspace.sayso.container.engine.advance(MAIN, action_id)
    assert sorted(calls(tmp_path)) == sorted(set(before) | set(held))
    assert (await workspace.sayso.actions.list(status="approved")) == []


@pytest.mark.promise("stop:crash")
async def test_a_worker_killed_between_hold_and_resume_loses_nothing(
    workspace: ShopWorkspace, store_url: str, tmp_path: Path
) -> None:
    """kill -9 after the hold: the row waits, the resume makes it due, and there is one effect."""
    stopped = await workspace.sayso.stops.engage(reason="INC-7")
    with worker(tmp_path, store_url) as other:
        action_id, what = other.propose("k")
        assert what == "held"
        other.process.kill()
        other.process.wait()
    assert (await workspace.sayso.actions.get(action_id)).held is not None
    await resume(workspace, stopped)
    await workspace.sayso.container.engine.advance(MAIN, action_id)
    assert (await workspace.sayso.actions.get(action_id)).status == "succeeded"
    assert calls(tmp_path) == [action_id]
    assert workspace.sayso.audit.verify().verdict == "verified"


async def test_one_statement_puts_everything_back(workspace: ShopWorkspace) -> None:
    """Row security lets a release of every tenant reach the rows of each, and of none besides."""
    stopped = await workspace.sayso.stops.engage("all")
    args: dict[str, JsonValue] = {"order": "o1", "amount": usd(100)}
    for tenant in ("main", "other"):
        await workspace.sayso.propose("shop.refund", args, subject="cus_1", tenant=tenant)
    assert [one.held for one in await workspace.sayso.stops.list()] == [1]
    assert [one.held for one in await workspace.sayso.stops.list(tenant="other")] == [1]
    await resume(workspace, stopped)
    for tenant in ("main", "other"):
        assert [one.held for one in await workspace.sayso.actions.list(tenant=tenant)] == [None]
