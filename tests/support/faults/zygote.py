"""A process that has imported everything and forks: each child begins in milliseconds.

It reads orders from the socket given by its number and ends with it. An order brings the child's
own socket along; the child tells there who it is, what it passes, and what came of it. When that
socket ends without a last word, the child was killed.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Collection
from contextlib import suppress
from typing import Literal, TypedDict

from support.faults.points import Points

from sayso.json import JsonValue

MAX_ORDER = 1 << 20
_PRELOADED = ("sayso.sdk.client", "sayso.sdk.wiring.agent", "support.shop", "sayso.testing.clock")


class Order(TypedDict):
    """What a new child is to do, or which one is waited for.

    Attributes:
        target: `module:function`, called with the points and the arguments.
        args: its arguments, JSON.
        name, at: of the `Points` that strikes.
        how: with which signal the child strikes itself.
        path: of the modules.
        stopping: the process id of a child that is about to stop; the rest is empty then.
    """

    target: str
    args: list[JsonValue]
    name: str
    at: int
    how: Literal["kill", "stop"]
    path: list[str]
    stopping: int


def serve(orders: socket.socket) -> None:
    """Fork a child for each order until the other end is closed."""
    for name in _PRELOADED:
        importlib.import_module(name)
    own, path = frozenset(sys.modules), list[str]()
    while True:
        data, descriptors, _, _ = socket.recv_fds(orders, MAX_ORDER, 1)
        if not data:
            return
        order: Order = json.loads(data)
        with socket.socket(fileno=descriptors[0]) as told:
            if order["stopping"]:
                os.waitid(os.P_PID, order["stopping"], os.WSTOPPED | os.WEXITED | os.WNOWAIT)
                told.sendall(b"1")
            else:
                if order["path"] != path:
                    # A module of the same name may be another one there.
                    path = order["path"]
                    _forget_all_but(own)
                _import_target(order)
                if os.fork() == 0:
                    orders.close()
                    _live(order, told)
        _bury()


def _forget_all_but(own: Collection[str]) -> None:
    for name in [name for name in sys.modules if name not in own]:
        del sys.modules[name]
    importlib.invalidate_caches()


def _import_target(order: Order) -> None:
    """Import what is to be called once for all children; what goes wrong, the child tells."""
    sys.path[:] = order["path"]
    with suppress(Exception):
        importlib.import_module(order["target"].partition(":")[0])


def _bury() -> None:
    """Let go of children that have died."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _live(order: Order, told: socket.socket) -> None:
    """Be the child; never returns."""

    def tell(word: str, value: JsonValue) -> None:
        told.sendall(json.dumps([word, value]).encode() + b"\n")

    def strike() -> None:
        tell("struck", list(points.passed))
        os.kill(os.getpid(), signal.SIGKILL if order["how"] == "kill" else signal.SIGSTOP)

    points = Points(strike, name=order["name"], at=order["at"])
    try:
        tell("pid", os.getpid())
        module, _, function = order["target"].partition(":")
        found = getattr(importlib.import_module(module), function)(points, *order["args"])
        result: JsonValue = asyncio.run(found) if inspect.iscoroutine(found) else found
        tell("passed", list(points.passed))
        tell("done", result)
    except BaseException:  # noqa: BLE001  (told to whoever started it)
        tell("failed", traceback.format_exc())
    finally:
        os._exit(0)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
