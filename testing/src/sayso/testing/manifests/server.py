"""The generated provider on a loopback port, in a background thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Self

from sayso.sandbox.wire import Request, Transmission, Wire
from sayso.testing.manifests.provider import GeneratedProvider

_START_S = 30.0


class ProviderServer:
    """Serves a provider on 127.0.0.1; use it as a context.

    Attributes:
        url: such as `http://127.0.0.1:40123`.
    """

    def __init__(self, provider: GeneratedProvider) -> None:
        self._provider = provider
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="generated", daemon=True)

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        await Wire(self._serve).run(self._listener, self._stop)

    async def _serve(self, request: Request) -> Transmission:
        return Transmission(answer=self._provider.serve(request))

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(_START_S)
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
