"""A worker like `sayso worker`, with a lease of one second, for a fork to run."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

from sayso.actions.context import EngineSettings
from sayso.sdk.background.worker import work
from sayso.sdk.client import Sayso
from sayso.sdk.workspace import Workspace


def quick_worker(folder: str, at_once: int, log: str, ready: Connection) -> None:
    """Work until SIGTERM; `ready` is told which engine delivers."""
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), 2)
    logging.basicConfig(level=logging.WARNING, force=True)
    asyncio.run(_work(Path(folder), at_once, ready))


async def _work(folder: Path, at_once: int, ready: Connection) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    workspace = Workspace.load(folder, os.environ)
    settings = EngineSettings(lease_s=1.0)
    async with Sayso(workspace, mode="decide", engine_settings=settings) as sayso:
        await work(sayso, stop, at_once=at_once, ready=ready.send)
