"""The workers that share one store, and the callers who ask them and repeat what was not answered.

A caller is what a bot or a manager is over HTTP: it sends a request to some worker, and when that
worker dies or cannot answer, it sends the same request with the same key to another one.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from bench.crash.plan import Wish
from bench.crash.worker import (
    Arm,
    Ask,
    Calling,
    Failed,
    Order,
    Post,
    Said,
    Settle,
    Told,
    verify_log,
    work,
    work_in_fleet,
)

FORK = multiprocessing.get_context("forkserver")
PRELOADED = [
    "anyio._backends._asyncio",
    "anyio.streams.tls",
    "anyio.to_thread",
    "bench.crash.worker",
    "certifi",
    "httpcore",
    "sayso.actions.policy.cedar",
    "sayso.audit.verify",
    "sayso.sdk.wiring.agent",
    "sayso.store.postgres.store",
]
FORK.set_forkserver_preload(PRELOADED)
"""Workers are forked from a clean server that has only imported the modules: a start takes
milliseconds, and no socket, thread or database is shared."""

FORK_LOCK = threading.Lock()
# NOTE: multiprocessing lets every start look for all that have ended. Two threads that read the
# same child's status at once would get it once, and 255 for the other.


def start_process(target: Callable[..., None], args: tuple[object, ...]) -> BaseProcess:
    """A process forked from the clean server; may be called from several threads."""
    process = FORK.Process(target=target, args=args, daemon=True)
    with FORK_LOCK:
        process.start()
    return process


def exit_status(process: BaseProcess, timeout_s: float) -> int | None:
    """How a process of `start_process` ended; negative for a signal, None while it has not."""
    wait([process.sentinel], timeout_s)
    with FORK_LOCK:
        process.join(0)
        return process.exitcode


READY_S = 30.0
_PATIENCE_S = 0.1
_END_S = 30.0
_VERIFY_S = 300.0

StartWorker = Callable[[Post, str, "Connection[Said, Order]"], BaseProcess]
"""Starts a worker process with that name on that end of the line."""


def start_embedded(post: Post, name: str, line: Connection[Said, Order]) -> BaseProcess:
    """A process that runs the embedded dispatcher, as each `sayso serve` does."""
    return start_process(work, (post, name, line))


def start_fleet_worker(post: Post, name: str, line: Connection[Said, Order]) -> BaseProcess:
    """A process that does what `sayso worker` does."""
    return start_process(work_in_fleet, (post, name, line))


@dataclass(slots=True, kw_only=True)
class Member:
    """A living worker.

    Attributes:
        calling: actions whose call has left this worker, without its answer.
        ready: whether it has opened the workspace.
        asked: what it was asked and has not answered.
    """

    name: str
    process: BaseProcess
    line: Connection[Order, Said]
    ready: bool = False
    calling: set[str] = field(default_factory=set[str])
    asked: set[str] = field(default_factory=set[str])

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self.process.pid is not None
        return self.process.pid


@dataclass(slots=True, kw_only=True)
class Caller:
    """Somebody who wants something and asks until there is an answer.

    Attributes:
        status: what was last told; None before any answer.
        retry_at: when to ask again, by the monotonic clock; None while an answer is awaited.
        two_clicks: says yes at two workers at once.
    """

    wish: Wish
    two_clicks: bool = False
    status: str | None = None
    retry_at: float | None = None

    @property
    def content(self) -> bool:
        """Whether nothing more is to be asked: what is missing, the workers see to."""
        return self.status is not None and self.status not in ("pending_approval", "failed to ask")


class Crew:
    """Workers and callers.

    Args:
        start: how a worker starts.
    """

    def __init__(
        self,
        post: Post,
        size: int,
        seed: str,
        *,
        start: StartWorker = start_embedded,
    ) -> None:
        self._post = post
        self._start = start
        self._chance = random.Random(seed)
        self._made = 0
        self.callers: dict[str, Caller] = {}
        self.open: set[str] = set()
        self.told: dict[str, str] = {}
        self.deaths: list[Member] = []
        self.problems: list[str] = []
        self.refused: Counter[str] = Counter()
        self.settling: set[str] = set()
        self.paused: list[Member] = []
        self.on_called: Callable[[Member, str], None] = lambda member, action_id: None
        self.members = [self._hire() for _ in range(size)]

    # ---- workers -----------------------------------------------------------------------------

    def _hire(self) -> Member:
        self._made += 1
        name = f"w{self._made}"
        ours, theirs = FORK.Pipe()
        process = self._start(self._post, name, theirs)
        theirs.close()
        return Member(name=name, process=process, line=ours)

    def wait_until_ready(self) -> None:
        """Wait until every worker has opened the workspace."""
        deadline = time.monotonic() + READY_S
        while not all(member.ready for member in self.members) and time.monotonic() < deadline:
            self.pump(0.05)

    def arm(self, member: Member, order: Arm) -> None:
        """Let a worker die by itself."""
        _send(member, order)

    def kill(self, member: Member) -> None:
        """SIGKILL from outside; `pump` sees to the rest."""
        with suppress(ProcessLookupError):  # an armed one has just died by itself
            os.kill(member.pid, signal.SIGKILL)
        while member in self.members:
            self.pump(0.05)

    def _bury(self, member: Member) -> None:
        status = exit_status(member.process, _END_S)
        if status != -signal.SIGKILL:
            self.problems.append(f"worker {member.name} ended with {status}")
        member.line.close()
        self.deaths.append(member)
        self.members[self.members.index(member)] = self._hire()
        for key in member.asked & self.callers.keys():
            self._ask_again(key, 0.0)
        self.settling -= member.asked

    def stop(self) -> None:
        """End every worker in order."""
        for member in list(self.paused):
            self.wake(member)
        for member in self.members:
            _send(member, None)
        for member in self.members:
            status = exit_status(member.process, _END_S)
            if status is None:
                self.problems.append(f"worker {member.name} did not end")
                os.kill(member.pid, signal.SIGKILL)
            elif status != 0:
                self.problems.append(f"worker {member.name} ended with {status}")
            member.line.close()

    # ---- callers -----------------------------------------------------------------------------

    def ask(self, wish: Wish, at: Iterable[Member], *, two_clicks: bool = False) -> None:
        """A caller asks, at one worker or at several at once."""
        self.callers[wish.key] = Caller(wish=wish, two_clicks=two_clicks)
        self.open.add(wish.key)
        for member in at:
            self._order(member, wish.key, Ask(wish=wish))

    def repeat(self, keys: Iterable[str]) -> None:
        """The same callers ask again, with the same keys."""
        for key in keys:
            self.callers[key].status = None
            self.open.add(key)
            self._ask_again(key, 0.0)

    def settle(self, action_id: str, receipt_id: str) -> None:
        """A person settles an unknown outcome."""
        self.settling.add(action_id)
        self._order(self.anybody(), action_id, Settle(action_id=action_id, receipt_id=receipt_id))

    def anybody(self) -> Member:
        """Some worker that is awake."""
        return self._chance.choice([one for one in self.members if one not in self.paused])

    def pause(self, member: Member) -> None:
        """SIGSTOP; whoever asked it loses patience and asks another one."""
        os.kill(member.pid, signal.SIGSTOP)
        self.paused.append(member)
        for key in member.asked & self.callers.keys():
            self._ask_again(key, 0.0)

    def wake(self, member: Member) -> None:
        """SIGCONT."""
        self.paused.remove(member)
        os.kill(member.pid, signal.SIGCONT)

    def _order(self, member: Member, key: str, order: Order) -> None:
        member.asked.add(key)
        _send(member, order)

    def _ask_again(self, key: str, in_s: float) -> None:
        caller = self.callers[key]
        if not caller.content:
            caller.retry_at = time.monotonic() + in_s

    def _retry(self) -> None:
        now = time.monotonic()
        for key in list(self.open):
            caller = self.callers[key]
            if caller.retry_at is not None and caller.retry_at <= now:
                caller.retry_at = None
                self._order(self.anybody(), key, Ask(wish=caller.wish))

    # ---- what they say -----------------------------------------------------------------------

    def pump(self, timeout_s: float) -> None:
        """Hear what the workers say, for at most so long; replace who has died; ask again."""
        self._retry()
        lines = {member.line: member for member in self.members}
        for line in wait(list(lines), timeout_s):
            member = lines[line]  # type: ignore[index]
            try:
                while member.line.poll():
                    self._hear(member, member.line.recv())
            except (EOFError, OSError):
                self._bury(member)

    def _hear(self, member: Member, said: Said) -> None:
        match said:
            case "ready":
                member.ready = True
            case Calling(moment=moment, action_id=action_id):
                if moment == "calling":
                    member.calling.add(action_id)
                else:
                    member.calling.discard(action_id)
                    self.on_called(member, action_id)
            case Told():
                self._hear_told(member, said)
            case Failed(key=key, code=code):
                member.asked.discard(key)
                self.settling.discard(key)
                self.refused[code] += 1
                if key in self.callers:
                    self._ask_again(key, _PATIENCE_S)

    def _hear_told(self, member: Member, said: Told) -> None:
        member.asked.discard(said.key)
        self.settling.discard(said.key)
        self.told[said.action_id] = said.status
        caller = self.callers.get(said.key)
        if caller is None:
            return
        if not caller.content:
            caller.status = said.status
        if caller.content:
            self.open.discard(said.key)
        elif said.card is not None:
            for one in self._deciders(member, caller):
                self._order(one, said.key, said.card)

    def _deciders(self, asked: Member, caller: Caller) -> Sequence[Member]:
        if caller.two_clicks and len(self.members) > 1:
            return self._chance.sample(self.members, 2)
        other = self.anybody()
        return [other if asked in self.paused else self._chance.choice((asked, other))]


def _send(member: Member, order: Order) -> None:
    try:
        member.line.send(order)
    except OSError:
        return  # it has died; `pump` finds out, and what it was asked is asked again


def verify(post: Post, heads: Sequence[bytes]) -> str:
    """What is wrong with the log, in a process of its own; empty when it verifies."""
    ours, theirs = FORK.Pipe()
    process = start_process(verify_log, (post, heads, theirs))
    theirs.close()
    try:
        found: str = ours.recv() if ours.poll(_VERIFY_S) else "the verifier hung"
    except EOFError:
        found = "the verifier ended without a word"
    if exit_status(process, _END_S) is None:
        process.kill()
    ours.close()
    return found
