"""A process that has imported the command and forks: `python -m sayso …` without its imports.

It stands alone: it is run by its path, so that nothing of the tests is imported. It reads orders
from the socket given by its number and ends with it. An order brings the child's streams along, and
a socket that is told the status when the child has ended.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NoReturn, TextIO, TypedDict, cast

MAX_ORDER = 1 << 20
STREAMS = 3
_PRELOADED = (
    "sayso.surfaces.cli.app",
    "sayso.surfaces.cli.commands.approvals",
    "sayso.surfaces.cli.commands.audit",
    "sayso.surfaces.cli.commands.mcp",
    "sayso.surfaces.cli.commands.demo",
    "sayso.surfaces.cli.commands.serve",
    "sayso.surfaces.cli.commands.worker",
    "sayso.surfaces.mcp.server",
    "sayso.surfaces.site",
    "sayso.sdk.client",
    "sayso.sdk.wiring.agent",
    "sayso.agent.graph",
    "sayso.audit.verify",
    "sayso.connectors.email",
    "sayso.connectors.stripe.connector",
    "sayso.sandbox",
    "uvicorn.protocols.http.h11_impl",
)


class Order(TypedDict):
    """A new child.

    Attributes:
        program: `-m` and a module, or a file: what stands behind `python`.
        words: what stands behind that.
        folder: where it stands.
        umask: of the files it makes.
        variables: all that it has.
        alone: in a session of its own, as `start_new_session` says.
    """

    program: list[str]
    words: list[str]
    folder: str
    umask: int
    variables: dict[str, str]
    alone: bool


def serve(orders: socket.socket) -> Order | None:
    """Fork a child for each order; returns its order in the child, and nothing at the end."""
    waiting = dict[int, tuple[int, socket.socket]]()
    while True:
        ready, _, _ = select.select([orders.fileno(), *waiting], [], [])
        for handle in waiting.keys() & ready:
            pid, told = waiting.pop(handle)
            os.close(handle)
            _, status = os.waitpid(pid, 0)
            with told, suppress(OSError):  # who asked may have gone
                told.sendall(f"{status}\n".encode())
        if orders.fileno() in ready:
            data, descriptors, _, _ = socket.recv_fds(orders, MAX_ORDER, STREAMS + 1)
            if not data:
                return None
            told, streams = socket.socket(fileno=descriptors[0]), descriptors[1:]
            order: Order = json.loads(data)
            pid = os.fork()
            if pid == 0:
                for stream, number in enumerate(streams):
                    os.dup2(number, stream)
                for opened in (orders, told, *(one for _, one in waiting.values())):
                    opened.detach()
                os.closerange(STREAMS, os.sysconf("SC_OPEN_MAX"))
                return order
            for number in streams:
                os.close(number)
            told.sendall(f"{pid}\n".encode())
            waiting[os.pidfd_open(pid)] = pid, told


def become(order: Order) -> None:
    """Take over what a new interpreter would find: folder, variables, streams, session, signals."""
    if order["alone"]:
        os.setsid()
    os.chdir(order["folder"])
    os.umask(order["umask"])
    os.environ.clear()
    os.environ.update(order["variables"])
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    *_, named = order["program"]
    is_file = len(order["program"]) == 1
    sys.path[0] = str(Path(named).absolute().parent) if is_file else order["folder"]
    sys.argv[:] = [named, *order["words"]]
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = _stream(number, getattr(sys, name), unbuffered=unbuffered)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _stream(number: int, like: TextIO, *, unbuffered: bool) -> io.TextIOWrapper:
    """A standard stream as an interpreter makes it at its start."""
    mode = "w" if number else "r"
    buffering = 0 if unbuffered and mode == "w" else -1
    raw = open(number, f"{mode}b", buffering=buffering, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(
        cast("BinaryIO", raw),
        encoding=like.encoding,
        errors=like.errors,
        newline="\n" if mode == "w" else None,
        line_buffering=not unbuffered and (number == 2 or os.isatty(number)),
        write_through=unbuffered,
    )


def main() -> NoReturn:
    """Serve, and in each child run the program as `python` does, to the interpreter's end."""
    for name in _PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    order = serve(socket.socket(fileno=int(sys.argv[1])))
    if order is None:
        raise SystemExit(0)
    become(order)
    *option, named = order["program"]
    if option:
        # It may have been imported, and is now to be run.
        sys.modules.pop(named, None)
        runpy.run_module(named, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(named, run_name="__main__")
    raise SystemExit(0)


if __name__ == "__main__":
    main()
