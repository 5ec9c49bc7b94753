"""`sayso worker` with a lease of one second: `quick_worker.py FOLDER AT_ONCE`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from sayso.actions.engine import EngineSettings
from sayso.sdk.app import Sayso
from sayso.sdk.working import work
from sayso.sdk.workspace import Workspace


async def main(folder: Path, at_once: int) -> None:
    """Work until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    workspace = Workspace.load(folder, os.environ)
    settings = EngineSettings(lease_s=1.0)
    async with Sayso(workspace, work=False, engine_settings=settings) as sayso:
        await work(
            sayso,
            stop,
            at_once=at_once,
            ready=lambda engine: print(f'{{"engine": "{engine}"\n}}', flush=True),
        )


logging.basicConfig(level=logging.WARNING)
asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
