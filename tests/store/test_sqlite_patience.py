"""How long units of SQLite wait for another process, and what Ctrl-C leaves behind."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from sayso.errors import Code, RetryableError, SaysoError
from sayso.store.base import Transaction
from sayso.store.sqlite.store import SqliteStore, open_connection
from sayso.store.sqlite.writer import MAX_BRIEF

PATIENCE_S = 0.25


def put(key: str) -> Callable[[Transaction], int]:
    """A unit that stores a value, unless the key has one."""
    return lambda tx: tx.run("log.meta_insert", key=key, value="v")


@pytest.mark.parametrize("brief", [True, False])
async def test_each_unit_waits_for_another_process_as_long_as_it_says(
    tmp_path: Path, brief: bool
) -> None:
    """Not once more for each group before it in the line, nor less for those who came later."""
    tried: list[str] = []
    path = tmp_path / "sayso.db"
    store = SqliteStore(
        path,
        create=True,
        busy_timeout_s=PATIENCE_S,
        prepare=lambda writer: writer.set_trace_callback(tried.append),
    )
    other = open_connection(path, create=False)
    other.execute("begin immediate")

    async def waited_s(key: str) -> float:
        begun = time.monotonic()
        with pytest.raises(RetryableError) as caught:
            await store.write(put(key), brief=brief)
        assert caught.value.code is Code.STORE_BUSY
        return time.monotonic() - begun

    waiting = [asyncio.create_task(waited_s(f"k{at}")) for at in range(MAX_BRIEF * 12)]
    for at in range(5):
        already = len(tried)
        while len(tried) < already + 10:
            await asyncio.sleep(0)
        waiting.append(asyncio.create_task(waited_s(f"later-{at}")))
    waited = await asyncio.gather(*waiting)
    assert min(waited) >= PATIENCE_S
    assert max(waited) < PATIENCE_S * 6
    other.execute("rollback")
    other.close()
    assert await store.write(put("k"), brief=brief) == 1
    await store.close()


class CtrlC:
    """Ends a function of the writer with `KeyboardInterrupt`, the first time that it returns."""

    def __init__(self, function: str) -> None:
        self._function = function

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        """See `sys.setprofile`."""
        name = frame.f_code.co_name
        if event == "return" and name == self._function and "store" in frame.f_code.co_filename:
            sys.setprofile(None)
            raise KeyboardInterrupt


@pytest.mark.parametrize("function", ["_begin_at_once", "_run_unit", "_run"])
def test_ctrl_c_on_the_loop_leaves_nobody_waiting(tmp_path: Path, function: str) -> None:
    """Wherever it comes down, as in a notebook whose loop goes on: the unit fails, others run."""
    loop = asyncio.new_event_loop()
    writers: list[sqlite3.Connection] = []
    store = SqliteStore(tmp_path / "sayso.db", create=True, prepare=writers.append)
    writing = loop.create_task(store.write(put("a"), brief=True))
    sys.setprofile(CtrlC(function))
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(asyncio.wait({writing}))
    finally:
        sys.setprofile(None)
    if not writing.done():
        with pytest.raises(SaysoError):
            loop.run_until_complete(asyncio.wait_for(writing, 60))
    else:
        assert isinstance(writing.exception(), KeyboardInterrupt)
    again = asyncio.wait_for(store.write(put("a"), brief=True), 60)
    assert loop.run_until_complete(again) == 1
    loop.run_until_complete(asyncio.wait_for(store.close(), 60))
    loop.close()
