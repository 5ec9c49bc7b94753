"""One run at Stripe's sandbox: start, kill, start again, judge."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.crash.crew import FORK, exit_status, start_process
from bench.crash.judge import Faults
from bench.crash.stripe_judge import judge, read_head
from bench.crash.stripe_plan import Plan
from bench.crash.stripe_worker import Role, tables_of, work
from bench.place import make_workspace, open_workspace
from sayso.ids import DEFAULT_TENANT
from sayso.sandbox import API_KEY, Fault, SandboxControl

WAIT_S = 60.0
_HELD_S = 20.0
_RELEASED_S = 0.05
_MAX_WORKERS = 4


@dataclass(slots=True, kw_only=True)
class Lane:
    """A provider and the workspace that each of its runs starts from.

    Attributes:
        vkey: the public key of the log.
        sabotaged: the provider does every refund twice, so that the campaign has to find it.
    """

    folder: Path
    sandbox: SandboxControl
    template: Path
    vkey: str
    sabotaged: bool = False


@contextmanager
def open_lane(folder: Path, *, sabotaged: bool = False) -> Generator[Lane]:
    """Start a sandbox in a process of its own, and make the workspace once."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "sayso.sandbox", "--seed", "demo"]
    command += ["--books", str(folder / "books.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().split()[-1]
            template = folder / "template"
            workspace = make_workspace(template, **tables_of(url))
            (template / "keys" / "stripe").write_text(API_KEY, encoding="utf-8")
            origin = f"{workspace.settings.workspace.name}/{DEFAULT_TENANT}"
            vkey = workspace.signer().named(origin).vkey
            control = SandboxControl(url, timeout_s=WAIT_S)
            yield Lane(
                folder=folder,
                sandbox=control,
                template=template,
                vkey=vkey,
                sabotaged=sabotaged,
            )
        finally:
            process.terminate()


@dataclass(slots=True, kw_only=True)
class Ran:
    """What a run came to.

    Attributes:
        killed: how many workers died by SIGKILL.
        effects: of this run's customer at the provider.
        told: by action id, the last status that a caller was told before a death.
        heads: signed heads seen after each death.
    """

    plan: Plan
    killed: int = 0
    effects: int = 0
    told: dict[str, str] = field(default_factory=dict[str, str])
    heads: list[bytes] = field(default_factory=list[bytes])
    faults: Faults = field(default_factory=Faults)


def run_once(lane: Lane, plan: Plan) -> Ran:
    """Do one run and judge it."""
    folder = lane.folder / f"run-{plan.number}"
    shutil.copytree(lane.template, folder)
    lane.sandbox.add(*plan.rows(int(time.time())))
    if lane.sabotaged:
        lane.sandbox.add_faults(Fault(kind="do_twice", path="/v1/refunds", times=9))
    ran = Ran(plan=plan)
    path = open_workspace(folder, **tables_of(lane.sandbox.url)).store_path
    _first(lane, folder, ran)
    _see(path, ran)
    for _ in range(_MAX_WORKERS):
        finished = _again(lane, folder, ran)
        _see(path, ran)
        if finished:
            break
        plan = replace(plan, again=None)
        ran.plan = plan
    books = lane.sandbox.books()
    ran.effects = sum(1 for effect in books.effects if effect.customer == plan.customer)
    ran.faults.add(judge(ran.plan, path, books, vkey=lane.vkey, heads=ran.heads, told=ran.told))
    if not ran.faults.all():
        shutil.rmtree(folder)  # what is left is to be looked into
    return ran


class _Worker:
    """A worker process; one that hangs is a fault, and is ended.

    It is forked from a clean server that has only imported the modules, which saves each start half
    a second and shares no socket, thread or database.
    """

    def __init__(self, lane: Lane, folder: Path, ran: Ran, role: Role) -> None:
        self._lane = lane
        self._ran = ran
        self.line, theirs = FORK.Pipe()
        self.process = start_process(work, (role, folder, lane.sandbox.url, ran.plan, theirs))
        self.status: int | None = None
        theirs.close()
        self._watch = threading.Timer(WAIT_S, self._end)
        self._watch.start()

    def _end(self) -> None:
        self._ran.faults.lost.append(f"run {self._ran.plan.number}: a worker hung")
        self.process.kill()

    def hear(self) -> tuple[str, ...] | None:
        """What it says next; None when it has ended."""
        try:
            said: tuple[str, ...] = self.line.recv()
        except (EOFError, OSError):
            return None
        return said

    def hear_out(self) -> bool:
        """Listen until it ends; whether it said last that nothing is open."""
        settled = False
        while (said := self.hear()) is not None:
            match said:
                case ("told", action, status):
                    self._ran.told[action] = status
                case ("swept",):
                    _release(self._lane)
                    self.line.send("go")
                case _:
                    settled = said == ("settled",)
        self.status = exit_status(self.process, WAIT_S)
        self._watch.cancel()
        self.line.close()
        self._ran.killed += self.status == -signal.SIGKILL
        return settled


def _first(lane: Lane, folder: Path, ran: Ran) -> None:
    """The worker that dies as planned."""
    plan = ran.plan
    if plan.holds is not None:
        lane.sandbox.add_faults(Fault(kind=plan.holds, path=plan.held_path))
    worker = _Worker(lane, folder, ran, "first")
    if plan.mode == "any_time" and worker.hear() is not None:
        time.sleep(plan.kill_after_s)
        worker.process.kill()
    if plan.holds is not None:
        lane.sandbox.wait_until_held(timeout_s=_HELD_S)
        worker.process.kill()
    worker.hear_out()
    if plan.holds is not None and not plan.released_late:
        _release(lane)


def _again(lane: Lane, folder: Path, ran: Ran) -> bool:
    """A worker that recovers; False when it died as planned."""
    killed = ran.killed
    worker = _Worker(lane, folder, ran, "again")
    settled = worker.hear_out()
    if ran.killed > killed:
        return False
    status = worker.status
    if status != 0:
        ran.faults.lost.append(f"run {ran.plan.number}: a worker ended with {status}")
    if not settled:
        ran.faults.lost.append(f"run {ran.plan.number}: something stays open")
    return True


def _release(lane: Lane) -> None:
    """Let the provider go on with what it holds, and finish it."""
    if lane.sandbox.release():
        time.sleep(_RELEASED_S)


def _see(path: Path, ran: Ran) -> None:
    head = read_head(path)
    if head is not None:
        ran.heads.append(head)
