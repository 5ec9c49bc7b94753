"""A process that kills or stops itself at a named point: kill -9 and SIGSTOP where you say.

The code runs as `module:function` in a child process, called with a `Points` and your arguments:

    async def work(passing: Points, folder: str) -> str:
        async with Sayso(workspace(folder), passing=passing) as sayso:
            return (await sayso.propose(...)).id

    crash_at("my_tests.work:work", Boundary.AFTER_CALL, str(tmp_path))
"""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Literal

from support.faults.zygote import Order
from support.fork_server import ForkServer, running

from sayso.json import JsonValue

LIMIT_S = 60.0
"""How long a child may take from one word to the next."""


class ChildError(Exception):
    """The child did not do what was expected of it; holds its traceback, when it has one."""


class Child:
    """A process under way; made by `run_child`, `crash_at` and `paused_at`.

    Attributes:
        passed: the names of the points that it has told of.
    """

    def __init__(self, order: Order) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            _zygote().take(order, [theirs.fileno()])
        ours.settimeout(LIMIT_S)
        self._socket = ours
        self._words: io.BufferedReader = ours.makefile("rb")
        self.passed: tuple[str, ...] = ()
        self._ended = False
        word, value = self._hear()
        if word != "pid" or not isinstance(value, int):
            raise ChildError(f"the child began with {word!r}: {value}")
        self._pid = value

    def wait_until_struck(self) -> None:
        """Wait until it has come to its point.

        Raises:
            ChildError: it ended without coming there.
        """
        word, value = self._hear()
        if word != "struck":
            raise ChildError(f"the child never came to its point; {word}: {value}")
        self._note(value)

    def wait_until_stopped(self) -> None:
        """Wait until it stands still, so that `resume` cannot come too early."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.settimeout(LIMIT_S)
            _zygote().take(_order(stopping=self._pid), [theirs.fileno()])
            ours.recv(1)

    def wait_until_dead(self) -> None:
        """Wait until it is gone."""
        word, value = self._hear()
        if word:
            raise ChildError(f"the child lives on; {word}: {value}")

    def result(self) -> JsonValue:
        """Wait for its end; what its function returned.

        Raises:
            ChildError: with its traceback, or because it was killed.
        """
        word, value = self._hear()
        if word == "passed":
            self._note(value)
            word, value = self._hear()
        if word != "done":
            raise ChildError(f"the child did not end well; {word or 'killed'}: {value}")
        return value

    def resume(self) -> None:
        """Let a stopped one go on.

        Raises:
            ChildError: it is dead.
        """
        if self._ended:
            raise ChildError("the child is dead")
        os.kill(self._pid, signal.SIGCONT)

    def close(self) -> None:
        """Kill it, if it still runs."""
        if not self._ended:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            while not self._ended:
                self._hear()
        self._words.close()
        self._socket.close()

    def _hear(self) -> tuple[str, JsonValue]:
        """The next word; empty when it is dead."""
        try:
            line = self._words.readline()
        except TimeoutError as error:
            raise ChildError(f"nothing was heard of the child for {LIMIT_S:.0f} s") from error
        except ConnectionResetError:
            line = b""
        if not line.endswith(b"\n"):
            self._ended = True
            return "", None
        word, value = json.loads(line)
        return str(word), value

    def _note(self, value: JsonValue) -> None:
        assert isinstance(value, list)
        self.passed = tuple(str(name) for name in value)


def crash_at(target: str, point: str, *args: JsonValue, nth: int = 1) -> tuple[str, ...]:
    """Run `target` in a child that is killed (SIGKILL, by itself) at a named point.

    Args:
        target: `module:function`, called with a `Points` and `args`; may be asynchronous.
        point: the point's name, or a shell pattern over names.
        nth: at which passing of it.

    Returns:
        The names of the points that it passed, the last being the one it died at.

    Raises:
        ChildError: it ended without coming there.
    """
    with _child(target, args, point, nth, "kill") as child:
        child.wait_until_struck()
        child.wait_until_dead()
        return child.passed


@contextmanager
def paused_at(target: str, point: str, *args: JsonValue, nth: int = 1) -> Generator[Child]:
    """Run `target` in a child that is stopped (SIGSTOP, by itself) at a named point.

    The block runs while it stands still; `child.resume()` lets it go on and `child.result()` waits
    for its end. Killed at the end of the block if it still runs.
    """
    with _child(target, args, point, nth, "stop") as child:
        child.wait_until_struck()
        child.wait_until_stopped()
        yield child


def run_child(target: str, *args: JsonValue) -> tuple[JsonValue, tuple[str, ...]]:
    """Run `target` in a child to its end: its result, and the names of the points it passed."""
    with _child(target, args, "*", 0, "kill") as child:
        return child.result(), child.passed


@contextmanager
def _child(
    target: str, args: tuple[JsonValue, ...], point: str, nth: int, how: Literal["kill", "stop"]
) -> Generator[Child]:
    child = Child(_order(target=target, args=args, point=point, nth=nth, how=how))
    try:
        yield child
    finally:
        child.close()


def _order(
    *,
    target: str = "",
    args: tuple[JsonValue, ...] = (),
    point: str = "",
    nth: int = 0,
    how: Literal["kill", "stop"] = "kill",
    stopping: int = 0,
) -> Order:
    return Order(
        target=target,
        args=list(args),
        name=str(point),
        at=nth,
        how=how,
        path=list(sys.path),
        stopping=stopping,
    )


def _start() -> ForkServer:
    path = os.pathsep.join(filter(None, sys.path))
    return ForkServer(["-m", "support.faults.zygote"], env={**os.environ, "PYTHONPATH": path})


def _zygote() -> ForkServer:
    return running("faults", _start)
