"""The end of a demo before its end: whoever tells it to go leaves nothing of it behind.

Its workspace holds a signing key and a person's token, so a signal may not end the process at once.
"""

from __future__ import annotations

import asyncio
import select
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from sayso.surfaces.cli.place import run
from sayso.surfaces.cli.problem import INTERRUPTED

_TOLD_BY = (signal.SIGTERM, signal.SIGHUP)
"""A service manager, and a terminal that is closed. Ctrl-C is seen to by asyncio."""
_LOOK_UP_S = 0.2


class _GoneError(Exception):
    """The terminal was closed, and the signal that says so is still on its way."""


class Ending:
    """Ends one demo in order when a signal says so, also in the midst of a question."""

    def __init__(self) -> None:
        self._told: int | None = None

    def run(self, work: Coroutine[Any, Any, int]) -> int:
        """Run the demo; the exit status, which is 128 and the signal's number if one ended it."""
        try:
            return run(self._heeding(work))
        except (KeyboardInterrupt, asyncio.CancelledError):
            if self._told is None:
                return INTERRUPTED
            if self._told != signal.SIGHUP:  # else nobody is there to read it
                sys.stderr.write("stopped\n")
            return 128 + self._told

    async def _heeding(self, work: Coroutine[Any, Any, int]) -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def tell(number: int) -> None:
            # NOTE: a question was broken off by the same signal already, and is being cleared up.
            if self._told is None:
                self._told = number
                task.cancel()

        for told_by in _TOLD_BY:
            loop.add_signal_handler(told_by, tell, told_by)
        return await work

    def ask(self, question: str, read: Callable[[str], str] | None = None) -> str:
        """A line from the terminal; a signal ends the demo at once.

        NOTE: asyncio's own handlers only cancel the task, and a blocking read goes on after that.
        """
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_TOLD_BY)}
        for number in before:
            signal.signal(number, self._break_off)
        try:
            return (read or _read_line)(question)
        except _GoneError:
            self._break_off(signal.SIGHUP, None)
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _break_off(self, number: int, frame: object) -> None:
        if self._told is None and number != signal.SIGINT:
            self._told = number
        raise KeyboardInterrupt


def _read_line(question: str) -> str:
    """As `input`, but it looks up from its waiting now and then.

    NOTE: of a signal that comes after the last instruction before a read, Python hears only when
    the read ends; and whoever sees the question may send one at once.
    """
    sys.stdout.write(question)
    sys.stdout.flush()
    while not select.select([sys.stdin], [], [], _LOOK_UP_S)[0]:
        pass
    try:
        return input()
    except (EOFError, OSError):
        if sys.stdin.isatty():
            raise
        raise _GoneError from None
