"""A process that has imported what its children need, and forks one for each order."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any


class ForkServer:
    """One that is under way; it ends when this process does.

    Args:
        program: what Python runs; it is given the number of the socket that orders come by.
        more: of `subprocess.Popen`.

    Attributes:
        variables: those of this process when it began.
    """

    def __init__(self, program: Sequence[str], **more: Any) -> None:
        self.variables = dict(os.environ)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, *program, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                **more,
            )
        self._orders = ours
        self._lock = threading.Lock()

    def take(self, order: Mapping[str, Any], descriptors: Sequence[int]) -> None:
        """Have a child forked that is given the order and these open files.

        Raises:
            OSError: the server has ended.
        """
        with self._lock:
            socket.send_fds(self._orders, [json.dumps(order).encode()], descriptors)

    def end(self) -> None:
        """Let it go; children that live on are not touched."""
        self._orders.close()
        self._process.wait()


_RUNNING: dict[tuple[int, str], ForkServer] = {}
_STARTING = threading.Lock()


def running(name: str, start: Callable[[], ForkServer]) -> ForkServer:
    """The server of that name of this process; the first who asks starts it."""
    with _STARTING:
        found = _RUNNING.get((os.getpid(), name))
        if found is None:
            found = _RUNNING[os.getpid(), name] = start()
            atexit.register(found.end)
        return found
