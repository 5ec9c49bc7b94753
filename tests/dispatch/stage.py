"""A fleet for tests: a workspace on PostgreSQL, its provider in a folder, and real workers."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import orjson

from sayso.audit.note import Ed25519Signer
from sayso.sdk.app import Sayso
from sayso.sdk.views import ActionView
from sayso.store.postgres_connection import connect_plainly

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
PATIENCE_S = 30.0
LEASE_S = 1.0


@dataclass(kw_only=True)
class Worker:
    """A real process that works."""

    process: subprocess.Popen[str]
    engine: str = ""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def tell(self, what: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(what)


@dataclass(kw_only=True)
class Stage:
    """The workspace, its provider and its workers."""

    folder: Path
    url: str
    workers: list[Worker] = field(default_factory=list[Worker])

    @property
    def till(self) -> Path:
        """The provider's folder."""
        return self.folder / "till"

    def worker(self, *words: str, **environment: str) -> Worker:
        """`sayso worker` as a process, once it is ready."""
        return self._started([sys.executable, "-m", "sayso", "worker", *words], environment)

    def quick_worker(self, at_once: int = 32) -> Worker:
        """The same with a lease of one second, so that a test need not wait for five."""
        script = str(HERE / "quick_worker.py")
        return self._started([sys.executable, script, str(self.folder), str(at_once)], {})

    def _started(self, command: list[str], environment: dict[str, str]) -> Worker:
        if "sayso" in command:
            command = [*command, "--json", "-w", str(self.folder)]
        with (self.folder / f"log{len(self.workers)}").open("w") as log:
            process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **environment},
            )
        worker = Worker(process=process)
        self.workers.append(worker)
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE_S)
        assert ready, self.log()
        said = "".join(iter(process.stdout.readline, "}\n"))
        worker.engine = orjson.loads(said + "}")["engine"]
        return worker

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
            await asyncio.sleep(0.02)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Sayso]:
        """The workspace in this process, which runs nothing."""
        async with Sayso.open(self.folder, work=False) as sayso:
            yield sayso

    async def settled(self, sayso: Sayso, ids: list[str], status: str = "succeeded") -> None:
        """Wait until all these actions are in that state."""
        deadline = monotonic() + PATIENCE_S
        left = list(ids)
        while left:
            found = [await sayso.action(one, timeline=False) for one in left]
            left = [one.id for one in found if one.status != status]
            assert monotonic() < deadline, ([one.status for one in found], self.log())
            await asyncio.sleep(0.02)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser."""
        with connect_plainly(self.url) as admin:
            done = admin.execute(statement.encode())
            return [] if done.description is None else done.fetchall()

    def end_all(self) -> None:
        """End every process that is left."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()
            if worker.process.stdout is not None:
                worker.process.stdout.close()


async def refund(
    sayso: Sayso, who: str, cents: int = 100, **more: Any
) -> ActionView:
    """Propose a refund for one member, and leave it to the fleet."""
    more = {"wait": False, **more}
    return await sayso.propose("till.refund", {"cents": cents}, subject=who, **more)


def make_stage(folder: Path, url: str) -> Stage:
    """The workspace's files."""
    for name in ("actions", "till", "keys"):
        (folder / name).mkdir()
    (folder / "sayso.toml").write_text(_TOML.format(url=url))
    (folder / "policy.cedar").write_text(POLICY)
    (folder / "keys" / "log.key").write_text(Ed25519Signer.generate("test").to_text())
    (folder / "actions" / "till.py").write_text((HERE / "till.py").read_text())
    return Stage(folder=folder, url=url)
