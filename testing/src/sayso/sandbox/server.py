"""`Sandbox`: a provider on a loopback port, in a background thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Self

from sayso.errors import Code, ConfigError
from sayso.ids import Clock, SystemClock
from sayso.sandbox.asgi import SandboxApp, SeedOrder, add_rows
from sayso.sandbox.faults import Fault
from sayso.sandbox.journal import Books
from sayso.sandbox.provider import Provider
from sayso.sandbox.rows import Row
from sayso.sandbox.state import ProviderState
from sayso.sandbox.wire import Wire

API_KEY = "sk_test_sandbox"  # a name everybody may know: it opens nothing but a sandbox
"""The secret key every sandbox accepts unless told otherwise."""

_START_TIMEOUT_S = 30.0


class Sandbox:
    """A stateful, Stripe-compatible provider; make one with `start`.

    Attributes:
        url: such as `http://127.0.0.1:40123`, for `base_addresses={"api": url}`.
        api_key: the key that may do everything.
    """

    def __init__(
        self, provider: Provider, listener: socket.socket, desk: SandboxApp, key: str
    ) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.api_key = key
        self._provider = provider
        self._listener = listener
        self._wire = Wire(desk.serve)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)

    @classmethod
    def start(
        cls,
        port: int = 0,
        *,
        clock: Clock | None = None,
        api_key: str = API_KEY,
        restricted_keys: Mapping[str, frozenset[str]] | None = None,
        books: Path | None = None,
        seed: Literal["demo", "empty"] = "empty",
        control_secret: str | None = None,
    ) -> Self:
        """Start serving on 127.0.0.1.

        Args:
            port: 0 takes any free one.
            clock: the time; the machine's when None.
            api_key: the key that may do everything.
            restricted_keys: `rk_test_…` to permissions such as `charge_read`, `refund_write`
                (writing includes reading).
            books: a file that keeps the state over restarts; None keeps it in memory.
            seed: `demo` puts the demo's customers in, when there are no objects yet.
            control_secret: when set, `/_sandbox/` calls need it as bearer token.

        Raises:
            ConfigError: `port_in_use`, or `invalid_setting` when `books` is no books file or
                cannot be written.
        """
        state = ProviderState(books)
        try:
            listener = _listen(port)
        except ConfigError:
            state.close()
            raise
        keys: dict[str, frozenset[str] | None] = {api_key: None, **(restricted_keys or {})}
        provider = Provider(state, clock or SystemClock(), keys)
        if state.empty:
            add_rows(provider, SeedOrder(name=seed))
        sandbox = cls(provider, listener, SandboxApp(provider, control_secret), api_key)
        sandbox._thread.start()
        if not sandbox._ready.wait(_START_TIMEOUT_S):
            raise ConfigError(Code.INTERNAL, "the sandbox did not start", next_step="try again")
        return sandbox

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        await self._wire.run(self._listener, self._stop)

    def stop(self) -> None:
        """Close every connection, the port and the books. A second call does nothing."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
            self._provider.state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def now(self) -> datetime:
        """The sandbox's time, aware, in UTC."""
        return self._provider.now()

    def advance(self, *, seconds: float = 0, hours: float = 0, days: float = 0) -> datetime:
        """Put the clock forward; the new time."""
        ahead = timedelta(seconds=seconds, hours=hours, days=days)
        return self._provider.advance(ahead.total_seconds())

    def books(self) -> Books:
        """What really happened."""
        with self._provider.lock:
            return self._provider.state.books()

    def add(self, *rows: Row) -> None:
        """Put objects in, replacing those with the same ids; they count as no effect."""
        add_rows(self._provider, SeedOrder(rows=rows))

    def seed(self, name: Literal["demo", "empty"] = "demo") -> None:
        """Put a named seed in."""
        add_rows(self._provider, SeedOrder(name=name))

    def add_faults(self, *faults: Fault) -> None:
        """Queue faults behind those that wait."""
        with self._provider.lock:
            self._provider.faults.add(faults)

    def clear_faults(self) -> None:
        """Forget all faults that wait."""
        with self._provider.lock:
            self._provider.faults.clear()

    def waiting_faults(self) -> tuple[Fault, ...]:
        """The faults no call has met yet, oldest first."""
        with self._provider.lock:
            return self._provider.faults.waiting()

    def release(self) -> int:
        """Let held calls go on; how many there were."""

        async def release() -> int:
            return self._provider.gate.release()

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(release(), self._loop).result()

    def wait_until_held(self, count: int = 1, timeout_s: float = 30.0) -> bool:
        """Wait until that many calls are held; False when they did not come in time.

        NOTE: it blocks; in a test's own event loop, call it with `asyncio.to_thread`.
        """
        assert self._loop is not None
        waiting = self._provider.gate.wait_until_held(count, timeout_s)
        return asyncio.run_coroutine_threadsafe(waiting, self._loop).result()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(256)
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(
            Code.PORT_IN_USE,
            f"port {port} cannot be listened on",
            next_step="choose another port, or 0 for any",
            detail=str(error),
        ) from error
    return listener
