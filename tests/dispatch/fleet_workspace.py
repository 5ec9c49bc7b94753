"""A fleet for tests: a workspace on PostgreSQL, its provider in a folder, and real workers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from secrets import token_bytes
from time import monotonic
from typing import Any

import orjson
from dispatch.quick_worker import quick_worker
from support.commands import start_command
from support.forks import forks

from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.vault import new_key
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import ActionView
from sayso.store.postgres.connection import connect_plainly

HERE = Path(__file__).parent
POLICY = """
@id("small") @explain("up to 50 by itself")
permit (principal, action == Action::"till.refund", resource)
when { context.cents <= 5000 };

@id("manager") @explain("more once a support manager says yes")
permit (principal, action == Action::"till.refund", resource)
when { context.approvedBy.contains("support_manager") };
"""
_TOML = """\
actions = ["actions/*.py"]
[workspace]
name = "test"
[store]
url = "{url}"
[policy]
files = ["policy.cedar"]
[dispatch]
engine = "fleet"
[[people]]
id = "maria"
roles = ["support_manager"]
[[people]]
id = "finn"
roles = ["finance"]
"""
PATIENCE_S = 90.0


class Worker:
    """A real process that works: `sayso worker`, or a fork that need not import everything anew."""

    def __init__(self, process: subprocess.Popen[str] | BaseProcess) -> None:
        self._process = process
        self.engine = ""

    @property
    def pid(self) -> int:
        """Its process id."""
        pid = self._process.pid
        assert pid is not None
        return pid

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        if isinstance(self._process, BaseProcess):
            return self._process.exitcode is None
        return self._process.poll() is None

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self.wait()

    def tell(self, what: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, what)

    def wait(self, timeout_s: float = PATIENCE_S) -> int | None:
        """Wait for its end; its status."""
        if isinstance(self._process, BaseProcess):
            self._process.join(timeout_s)
            return self._process.exitcode
        return self._process.wait(timeout_s)

    async def ended(self) -> int | None:
        """The same, while this process goes on."""
        return await asyncio.to_thread(self.wait)


@dataclass(kw_only=True)
class Fleet:
    """The workspace, its provider and its workers."""

    folder: Path
    url: str
    workers: list[Worker] = field(default_factory=list[Worker])

    @property
    def till(self) -> Path:
        """The provider's folder."""
        return self.folder / "till"

    def worker(self, *words: str) -> Worker:
        """`sayso worker` as a process, once it is ready."""
        with self._log_file().open("w") as log:
            process = start_command(
                *("worker", *words, "--json", "-w", str(self.folder)),
                cwd=Path.cwd(),
                env=os.environ,
                stdout=subprocess.PIPE,
                stderr=log.fileno(),
            )
        worker = Worker(process)
        self.workers.append(worker)
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE_S)
        assert ready, self.log()
        said = "".join(iter(process.stdout.readline, "}\n"))
        process.stdout.close()
        worker.engine = orjson.loads(said + "}")["engine"]
        return worker

    def quick_worker(self, at_once: int = 32) -> Worker:
        """The same with a lease of one second, from a process that has imported all it needs."""
        told, tells = forks().Pipe(duplex=False)
        process = forks().Process(
            target=quick_worker, args=(str(self.folder), at_once, str(self._log_file()), tells)
        )
        process.start()
        worker = Worker(process)
        self.workers.append(worker)
        tells.close()
        assert told.poll(PATIENCE_S), self.log()
        worker.engine = told.recv()
        told.close()
        return worker

    def _log_file(self) -> Path:
        return self.folder / f"log{len(self.workers)}"

    def log(self) -> str:
        """What all workers wrote to their logs."""
        return "".join(file.read_text() for file in sorted(self.folder.glob("log*")))

    def hold(self, where: str) -> None:
        """Keep the next calls `before` or `after` their effect."""
        (self.till / "held").unlink(missing_ok=True)
        (self.till / "hold").write_text(where)

    def let_go(self) -> None:
        """Let them go on."""
        (self.till / "hold").unlink(missing_ok=True)

    def lines(self, name: str) -> list[list[str]]:
        """The lines of `effects` or `calls`, in words."""
        try:
            return [line.split() for line in (self.till / name).read_text().splitlines()]
        except FileNotFoundError:
            return []

    async def holder(self) -> int:
        """The process that is held in a call."""
        held = self.till / "held"
        await self.until(lambda: held.exists() and bool(held.read_text()))
        return int(held.read_text())

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds, PATIENCE_S at most."""
        deadline = monotonic() + PATIENCE_S
        while not holds():
            assert monotonic() < deadline, self.log()
            await a_moment()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Sayso]:
        """The workspace in this process, which runs nothing."""
        async with Sayso.open(self.folder, mode="decide") as sayso:
            yield sayso

    async def settled(self, sayso: Sayso, ids: list[str], status: str = "succeeded") -> None:
        """Wait until all these actions are in that state."""
        deadline = monotonic() + PATIENCE_S
        left = list(ids)
        while left:
            found = [await sayso.actions.get(one, timeline=False) for one in left]
            left = [one.id for one in found if one.status != status]
            assert monotonic() < deadline, ([one.status for one in found], self.log())
            await a_moment()

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser."""
        with connect_plainly(self.url) as admin:
            done = admin.execute(statement.encode())
            return [] if done.description is None else done.fetchall()

    def end_all(self) -> None:
        """End every process that is left."""
        for worker in self.workers:
            if worker.runs:
                worker.kill()


async def a_moment() -> None:
    """Let other processes go on, before their files and rows are looked at again."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.02):
            await asyncio.Event().wait()


async def refund(sayso: Sayso, who: str, cents: int = 100, **more: Any) -> ActionView:
    """Propose a refund for one member, and leave it to the fleet."""
    more = {"wait": False, **more}
    return await sayso.propose("till.refund", {"cents": cents}, subject=who, **more)


def claims(fleet: Fleet) -> list[int]:
    """When each action was claimed last, in order, in the microseconds its claim went by.

    Without what a dead worker had called: once it is found, its lease's end stands there.
    """
    rows = fleet.sql(
        "select called_at from sayso.action a where called_at is not null and not exists (select 1"
        " from sayso.log_entry e where e.tenant = a.tenant and e.action_id = a.id"
        " and e.kind = 'action.reconciled') order by 1"
    )
    return [int(row[0]) for row in rows]


def make_fleet(folder: Path, url: str) -> Fleet:
    """The workspace's files."""
    for name in ("actions", "till", "keys"):
        (folder / name).mkdir()
    (folder / "sayso.toml").write_text(_TOML.format(url=url))
    (folder / "policy.cedar").write_text(POLICY)
    (folder / "keys" / "log.key").write_text(Ed25519Signer.generate("test").to_text())
    (folder / "keys" / "vault.key").write_text(new_key(token_bytes).reveal())
    (folder / "actions" / "till.py").write_text((HERE / "till.py").read_text())
    return Fleet(folder=folder, url=url)
