"""Test processes that are forked by one that has imported and collected all tests.

Each process of pytest-xdist would import some 6,000 modules, which takes twenty seconds of a
processor and half a GiB of memory. Forked, they share both, and only collect.

pytest-xdist starts a Python for each: it is given `python workers.py join`, which hands its streams
to the forking process and waits for the end of the child that has taken them.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what joins imports next to nothing
    import execnet
    import pytest

_STREAMS = 3
_MOST_WORDS = 1 << 16
_END_S = 30
_ONLY_COLLECT = ("-n", "0", "--collect-only", "--quiet", "-p", "no:cacheprovider", "-s")
"""NOTE: with `-s`, since a module may keep the standard error that it was imported under, and what
pytest captures by is closed once it has collected."""


def fork_workers(config: pytest.Config, specs: Sequence[execnet.XSpec]) -> None:
    """Have the processes of a run forked; one alone collects by itself.

    Args:
        specs: what pytest-xdist is about to start.
    """
    import shlex
    import subprocess

    here = [spec for spec in specs if spec.popen and not spec.python]
    if len(here) < 2:
        return
    folder = tempfile.TemporaryDirectory(prefix="sayso-workers-")
    place = str(Path(folder.name, "socket"))
    ours, theirs = socket.socketpair()
    with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as joining:
        joining.bind(place)
        joining.listen()
        numbers = [joining.fileno(), theirs.fileno()]
        words = [*map(str, numbers), *map(str, config.invocation_params.args), *_ONLY_COLLECT]
        forking = subprocess.Popen(
            [sys.executable, __file__, "fork", *words],
            pass_fds=numbers,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def end() -> None:
        ours.close()
        forking.wait()
        folder.cleanup()

    config.add_cleanup(end)
    for spec in here:
        spec.python = shlex.join([sys.executable, "-S", "-E", __file__, "join", place])


def _join(place: str, words: Sequence[str]) -> None:
    """Give the streams to a new child, and wait until it has ended."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as forking:
        forking.connect(place)
        socket.send_fds(forking, ["\0".join(words).encode()], range(_STREAMS))
        for stream in range(_STREAMS):
            os.close(stream)
        forking.recv(1)


def _fork(joining: socket.socket, until: socket.socket, words: Sequence[str]) -> list[str] | None:
    """Collect, then fork a child for each that joins; returns its words there, or at the end."""
    import gc
    import select
    import signal

    import pytest

    interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)
    pytest.main(list(words))  # what cannot be collected, each child tells by itself
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, _bury)
    while True:
        ready, _, _ = select.select([joining, until], [], [])
        if until in ready:
            signal.alarm(_END_S)
            with suppress(ChildProcessError):
                while True:
                    os.wait()
            return None
        joined, _ = joining.accept()
        with joined:
            data, streams, _, _ = socket.recv_fds(joined, _MOST_WORDS, _STREAMS)
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, interrupted)
                joining.close()
                until.close()
                joined.detach()  # open until this child ends
                for number, stream in enumerate(streams):
                    os.dup2(stream, number)
                    os.close(stream)
                for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
                    mode = "w" if number else "r"
                    setattr(sys, name, os.fdopen(number, mode, 1, closefd=False))
                return data.decode().split("\0")
        for stream in streams:
            os.close(stream)


def _bury(*_: object) -> None:
    """Let go of children that have ended; their processor time is the run's."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _main(role: str, *given: str) -> None:
    if role == "join":
        _join(given[0], given[1:])
        return
    joining, until = (socket.socket(fileno=int(number)) for number in given[:2])
    words = _fork(joining, until, given[2:])
    if words is not None:
        # `python -u -c PROGRAM`, as execnet asks for.
        sys.argv[:] = ["-c"]
        exec(words[-1], {"__name__": "__main__"})


if __name__ == "__main__":
    _main(*sys.argv[1:])
