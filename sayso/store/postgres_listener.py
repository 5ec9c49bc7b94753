"""Hears of commits of all processes, so that nobody has to ask the server again and again."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections.abc import Callable

import psycopg

from sayso.errors import SaysoError
from sayso.store.postgres_connection import PgConnection
from sayso.store.postgres_errors import logged_with_state

logger = logging.getLogger("sayso.store")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class Listener:
    """A number that grows with each commit; a thread listens once somebody asks for it.

    While the listening connection is down the number grows with each call, so that whoever waits
    for a change looks at the database itself.

    Args:
        connect: opens a connection in autocommit mode.
        channel: what to listen to.
        own_pid: the server's process whose notices this process does not need.
    """

    def __init__(
        self, connect: Callable[[], PgConnection], channel: str, own_pid: Callable[[], int | None]
    ) -> None:
        self._connect = connect
        self._channel = channel
        self._own_pid = own_pid
        self._lock = threading.Lock()
        self._number = 0
        self._listening = False
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._wake_up, self._woken = socket.socketpair()

    def number(self) -> int:
        """The number now."""
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="sayso-listen", daemon=True)
                self._thread.start()
            if not self._listening:
                self._number += 1
            return self._number

    def grow(self) -> None:
        """Count a commit of this process."""
        with self._lock:
            self._number += 1

    def close(self) -> None:
        """Stop listening and wait for the thread."""
        self._closing.set()
        self._wake_up.send(b"x")
        if self._thread is not None:
            self._thread.join()
        self._wake_up.close()
        self._woken.close()

    def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._closing.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(f"listen {self._channel}")  # pyright: ignore[reportArgumentType, reportCallIssue]
                    self._set_listening(True)
                    pause = _FIRST_PAUSE_S
                    self._listen(connection)
            except (psycopg.Error, SaysoError, OSError) as error:
                logger.info("not listening to the database: %s", logged_with_state(error))
            finally:
                self._set_listening(False)
            self._closing.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _set_listening(self, listening: bool) -> None:
        # Commits in between were not heard, so the number grows with every change of this.
        with self._lock:
            self._listening = listening
            self._number += 1

    def _listen(self, connection: PgConnection) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(connection.fileno(), selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._closing.is_set():
                selector.select()
                for notice in connection.notifies(timeout=0):
                    if notice.pid != self._own_pid():
                        self.grow()
