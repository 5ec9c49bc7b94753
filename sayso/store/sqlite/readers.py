"""Connections to a SQLite file that only read."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar

from sayso.store.base import Reader
from sayso.store.sqlite.writer import Brevity, SqliteReader

T = TypeVar("T")


class NotBriefError(Exception):
    """A unit was broken off that is not brief, and has to be run on a thread."""


class SqliteReaders:
    """Runs units that read, on whichever thread calls; one connection for each that runs now.

    Args:
        connect: opens one more connection.

    INVARIANT: a connection belongs to one unit at a time, and only who has it closes it: one that
    is closed under another thread's statement ends the process.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._changed = threading.Lock()

    def run(self, work: Callable[[Reader], T], brevity: Brevity | None = None) -> T:
        """Run a unit on one snapshot.

        Args:
            brevity: breaks it off when it takes too long; None lets it take its time.

        Raises:
            sqlite3.Error: the file cannot be read now.
        """
        connection = self._take()
        try:
            connection.execute("begin")
            try:
                with brevity.watch(connection) if brevity else nullcontext():
                    return work(SqliteReader(connection))
            finally:
                connection.execute("rollback")
        finally:
            self._put_back(connection)

    def run_briefly(self, work: Callable[[Reader], T]) -> T:
        """As `run`, for a unit that is said to be brief.

        Raises:
            NotBriefError: it is not; nothing has come of it.
            sqlite3.Error: the file cannot be read now.
        """
        brevity = Brevity()
        try:
            found = self.run(work, brevity)
        except sqlite3.Error as error:
            if not brevity.exceeded:
                raise
            raise NotBriefError from error
        if brevity.exceeded:  # the unit has caught what broke it off
            raise NotBriefError
        return found

    def close(self) -> None:
        """Close what is idle now, and the others as their units end."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> sqlite3.Connection:
        with self._changed:
            if self._idle:
                return self._idle.pop()
        connection = self._connect()
        connection.execute("pragma query_only = on")
        return connection

    def _put_back(self, connection: sqlite3.Connection) -> None:
        with self._changed:
            if not self._closed and not connection.in_transaction:
                self._idle.append(connection)
                return
        connection.close()
