"""One run of the crash campaign: start, kill, start again, judge."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.crash_judge import Faults, judge, read_head
from bench.crash_plan import Plan
from bench.crash_worker import tables_of
from bench.place import make_workspace, open_workspace
from sayso.ids import DEFAULT_TENANT
from sayso.testing.sandbox import API_KEY, Fault, SandboxControl

WAIT_S = 60.0
_HELD_S = 20.0
_RELEASED_S = 0.05
_MAX_WORKERS = 4


@dataclass(slots=True, kw_only=True)
class Lane:
    """A provider and the workspace that each of its runs starts from."""

    folder: Path
    sandbox: SandboxControl
    template: Path
    vkey: str


@contextmanager
def open_lane(folder: Path) -> Generator[Lane]:
    """Start a sandbox in a process of its own, and make the workspace once."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "sayso.testing.sandbox", "--seed", "demo"]
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
            yield Lane(folder=folder, sandbox=control, template=template, vkey=vkey)
        finally:
            process.terminate()


@dataclass(slots=True, kw_only=True)
class Ran:
    """What a run came to.

    Attributes:
        killed: how many workers died by SIGKILL.
        told: by action id, the last status that a caller was told before a death.
        heads: signed heads seen after each death.
    """

    plan: Plan
    killed: int = 0
    told: dict[str, str] = field(default_factory=dict[str, str])
    heads: list[bytes] = field(default_factory=list[bytes])
    faults: Faults = field(default_factory=Faults)


def run_once(lane: Lane, plan: Plan) -> Ran:
    """Do one run and judge it."""
    folder = lane.folder / f"run-{plan.number}"
    shutil.copytree(lane.template, folder)
    lane.sandbox.add(*plan.rows(int(time.time())))
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
    ran.faults.add(judge(ran.plan, path, books, vkey=lane.vkey, heads=ran.heads, told=ran.told))
    if not ran.faults.all():
        shutil.rmtree(folder)  # what is left is to be looked into
    return ran


@contextmanager
def _worker(lane: Lane, folder: Path, ran: Ran, role: str) -> Generator[subprocess.Popen[str]]:
    """A worker process; one that hangs is a fault, and is ended."""
    command = [sys.executable, "-m", "bench.crash_worker", str(folder), lane.sandbox.url]
    process = subprocess.Popen(
        [*command, ran.plan.to_json(), role],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def end() -> None:
        ran.faults.lost.append(f"run {ran.plan.number}: a worker hung")
        process.kill()

    watch = threading.Timer(WAIT_S, end)
    watch.start()
    try:
        with process:
            yield process
    finally:
        watch.cancel()


def _first(lane: Lane, folder: Path, ran: Ran) -> None:
    """The worker that dies as planned."""
    plan = ran.plan
    if plan.holds is not None:
        lane.sandbox.add_faults(Fault(kind=plan.holds, path=plan.held_path))
    with _worker(lane, folder, ran, "first") as process:
        assert process.stdout is not None
        if plan.mode == "any_time" and process.stdout.readline() == "ready\n":
            time.sleep(plan.kill_after_s)
            process.kill()
        if plan.holds is not None:
            lane.sandbox.wait_until_held(timeout_s=_HELD_S)
            process.kill()
        _listen(process, ran)
    if plan.holds is not None and not plan.released_late:
        _release(lane)


def _again(lane: Lane, folder: Path, ran: Ran) -> bool:
    """A worker that recovers; False when it died as planned."""
    with _worker(lane, folder, ran, "again") as process:
        assert process.stdin is not None
        killed = ran.killed
        settled = _listen(process, ran, lane)
        if ran.killed > killed:
            return False
    if process.returncode != 0:
        ran.faults.lost.append(f"run {ran.plan.number}: a worker ended with {process.returncode}")
    if not settled:
        ran.faults.lost.append(f"run {ran.plan.number}: something stays open")
    return True


def _listen(process: subprocess.Popen[str], ran: Ran, lane: Lane | None = None) -> bool:
    """Hear a worker out; whether it said that nothing is open."""
    assert process.stdout is not None
    settled = False
    for line in process.stdout:
        match line.split():
            case ["told", _, action, status]:
                ran.told[action] = status
            case ["swept"] if lane is not None and process.stdin is not None:
                _release(lane)
                process.stdin.write("go\n")
                process.stdin.flush()
            case ["settled"]:
                settled = True
            case ["open"]:
                settled = False
            case _:
                continue
    ran.killed += process.wait(WAIT_S) == -9
    return settled


def _release(lane: Lane) -> None:
    """Let the provider go on with what it holds, and finish it."""
    if lane.sandbox.release():
        time.sleep(_RELEASED_S)


def _see(path: Path, ran: Ran) -> None:
    head = read_head(path)
    if head is not None:
        ran.heads.append(head)
