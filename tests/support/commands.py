"""`python -m sayso …` as a real process that need not import everything again.

A `Popen` whose child is forked by a process that has imported the command. Its streams, folder,
variables, session, umask, signals and exit are those of a new interpreter; where something is asked
that only an interpreter's start can give, a new one is started.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import support.commands_zygote as zygote
from support.commands_zygote import Order
from support.fork_server import ForkServer, running

_START_S = 300.0
_READ_AT_THE_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_")
"""Variables that an interpreter reads before it runs anything."""


def start_command(
    *words: str,
    cwd: Path,
    env: Mapping[str, str],
    program: Sequence[str] = ("-m", "sayso"),
    start_new_session: bool = False,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
) -> subprocess.Popen[str]:
    """Start `python -m sayso words`; SIGINT interrupts it, whatever the tests were started by.

    Args:
        env: all its variables.
        program: what Python runs.
        stdin, stdout, stderr: as `Popen` takes them; texts are exchanged.
    """
    forks = program[0] != "-c" and hasattr(os, "pidfd_open")
    if forks and _at_the_start(env) == _at_the_start(_zygote().variables):
        order = Order(
            program=list(program),
            words=list(words),
            folder=str(cwd.absolute()),
            umask=_umask(),
            variables=dict(env),
            alone=start_new_session,
        )
        return _Forked(order, stdin=stdin, stdout=stdout, stderr=stderr)
    return subprocess.Popen(
        [sys.executable, *program, *words],
        cwd=cwd,
        env=env,
        start_new_session=start_new_session,
        preexec_fn=obey_interrupts,
        text=True,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
    )


def run_command(
    *words: str,
    cwd: Path,
    env: Mapping[str, str],
    program: Sequence[str] = ("-m", "sayso"),
    stdin: int | None = None,
    stdout: int | None = subprocess.PIPE,
    stderr: int | None = subprocess.PIPE,
) -> subprocess.CompletedProcess[str]:
    """The same to its end, as `subprocess.run` does it."""
    with start_command(
        *words, cwd=cwd, env=env, program=program, stdin=stdin, stdout=stdout, stderr=stderr
    ) as process:
        try:
            out, errors = process.communicate(timeout=_START_S)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def obey_interrupts() -> None:
    """Whatever started the tests may have SIGINT ignored, which children inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _at_the_start(variables: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in variables.items()
        if name.startswith(_READ_AT_THE_START) and name != "PYTHONUNBUFFERED"
    }


def _umask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now


class _Forked(subprocess.Popen[str]):
    """A child of the forking process, which tells when it has ended and how."""

    if TYPE_CHECKING:  # what every `Popen` has, though no stub says it
        _waitpid_lock: threading.Lock

        def _close_pipe_fds(self, *pipes: int) -> None: ...

    def __init__(
        self, order: Order, *, stdin: int | None, stdout: int | None, stderr: int | None
    ) -> None:
        self._order = order
        self._told, self._tells = socket.socketpair()
        super().__init__(
            [sys.executable, *order["program"], *order["words"]],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )

    def _execute_child(self, *given: Any) -> None:
        """Have it forked: `Popen` calls this with its own ends of the streams, or -1."""
        pipes = given[10:16]
        own = [
            stream if number == -1 else number
            for stream, number in enumerate((pipes[0], pipes[3], pipes[5]))
        ]
        try:
            with self._tells:
                try:
                    _zygote().take(self._order, [self._tells.fileno(), *own])
                except OSError as error:
                    raise ForkError("the process that forks commands has ended") from error
            self._told.settimeout(_START_S)
            self.pid = self._hear()
            self._child_created = True
        except ForkError:
            self._told.close()
            raise
        finally:
            self._close_pipe_fds(*pipes)

    def _internal_poll(self, *given: Any, **more: Any) -> int | None:
        """Whether it has ended: `Popen.poll`."""
        return self._end(0)

    def _wait(self, timeout: float | None) -> int:
        """Wait for its end: `Popen.wait`."""
        status = self._end(timeout)
        if status is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        return status

    def _end(self, within_s: float | None) -> int | None:
        with self._waitpid_lock:
            if self.returncode is None and select.select([self._told], [], [], within_s)[0]:
                self.returncode = os.waitstatus_to_exitcode(self._hear())
                self._told.close()
        return self.returncode

    def _hear(self) -> int:
        line = b""
        while not line.endswith(b"\n"):
            try:
                more = self._told.recv(1)
            except TimeoutError as error:
                raise ForkError(f"nothing was forked within {_START_S:.0f} s") from error
            if not more:
                raise ForkError("the process that forks commands has ended; see its last words")
            line += more
        return int(line)


class ForkError(Exception):
    """No command could be forked, or what became of it is unknown."""


def _start() -> ForkServer:
    return ForkServer([zygote.__file__], stdout=subprocess.DEVNULL, preexec_fn=obey_interrupts)


def _zygote() -> ForkServer:
    return running("commands", _start)
