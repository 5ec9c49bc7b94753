"""A shop that uses the official SDK, unchanged, and a sandbox in another process."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests
import stripe

from sayso.sandbox import API_KEY

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FrozenClock:
    """A clock that stands still."""

    at: datetime = NOON

    def now(self) -> datetime:
        """Always the same time."""
        return self.at


class Shop:
    """Makes SDK clients and closes their connections in the end."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def client(self, url: str, key: str = API_KEY, *, retries: int = 0) -> stripe.StripeClient:
        """The synchronous SDK, pointed at a sandbox."""
        session = self._stack.enter_context(requests.Session())
        return stripe.StripeClient(
            key,
            base_addresses={"api": url},
            max_network_retries=retries,
            http_client=stripe.RequestsClient(session=session, timeout=60),
        )


class SandboxProcess:
    """`python -m sayso.sandbox`, started and waited for.

    Args:
        arguments: of the command.
    """

    def __init__(self, *arguments: str | Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sayso.sandbox", *map(str, arguments)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("sandbox ready http://127.0.0.1:"), line
        self.url = line.split()[-1]

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._end()

    def terminate(self) -> int:
        """SIGTERM, and wait; the exit status."""
        self._process.terminate()
        return self._end()

    def _end(self) -> int:
        status = self._process.wait(timeout=60)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return status
