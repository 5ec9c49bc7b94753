"""The sandbox's socket: who is being accepted while it closes is let go of."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys

import pytest

from sayso.sandbox.wire import Request, Transmission, Wire


async def _nobody(_: Request) -> Transmission:
    raise AssertionError("nobody asks for anything")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("turns", range(4))
def test_a_caller_at_the_very_end_is_let_go_of(turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In whichever turn of the loop they come, no socket is left to the garbage collector."""
    left: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: left.append(str(found.exc_value)))

    async def close_on_a_caller() -> None:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        stop = asyncio.Event()
        running = asyncio.ensure_future(Wire(_nobody).run(listener, stop))
        for _ in range(4):
            await asyncio.sleep(0)
        with socket.create_connection(listener.getsockname()):
            for _ in range(turns):
                await asyncio.sleep(0)
            stop.set()
            await running
        await asyncio.sleep(0)

    asyncio.run(close_on_a_caller())
    gc.collect()
    assert left == []
