"""One PostgreSQL connection that sends statements ahead and reads their answers when asked.

A unit of work is a dozen small statements, so the time goes into waiting for answers. Here nobody
waits for the answer to a statement whose result nobody reads: libpq's pipeline mode sends it and
goes on, and an error in it comes with the next answer that is read, at the latest with `sync`.
Each statement is prepared once per connection, by its name.
"""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors, pq
from psycopg.adapt import Transformer

from sayso.errors import Code, RefusedError
from sayso.store.base import Row, SqlValue
from sayso.store.postgres.errors import ConnectionLostError, is_replanned
from sayso.store.queries import Statement

ANSWER_TIMEOUT_S = 60.0
"""How long an answer may take before the connection counts as lost; the server's own limits are
shorter, so this ends only what hangs."""

_PLANNED_AGAIN = frozenset(2**power for power in range(4, 13))
"""After so many transactions of a connection its statements are planned anew."""
_REPLAN = Statement(name="~replan", sql="discard plans")
_OK = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_BINARY = int(pq.Format.BINARY)
_NO_VALUES: Mapping[str, SqlValue] = {}


@dataclass(slots=True, eq=False)
class ServerReply:
    """The answer to one statement; empty until it has been read.

    Attributes:
        is_asked_for: the server has been told to send it.
    """

    name: str
    prepares: bool = False
    is_asked_for: bool = False
    result: pq.abc.PGresult | None = None

    @property
    def tag(self) -> bytes:
        """The command tag, such as `COMMIT`; empty while there is none."""
        return b"" if self.result is None else self.result.command_status or b""


class PostgresSession:
    """Statements over one connection.

    Args:
        connection: open, in autocommit mode; the session owns it.

    Every method raises `ConnectionLostError` once the connection is broken, and `psycopg.Error` for
    the first statement since the last `sync` that failed.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._pg = connection.pgconn
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._open: deque[ServerReply | None] = deque()
        self._failed: psycopg.Error | None = None
        self._prepared: set[str] = set()
        self._generation = 0
        self._names: dict[str, list[str]] = {}
        # Decodes in C where psycopg is installed so. Without the connection, whose encoding may be
        # another than the UTF-8 that we send.
        self._decoder = Transformer()
        self._poll = select.poll()
        self._poll.register(self._pg.socket, select.POLLIN)
        self._transactions = 0
        self.is_lost = False

    @property
    def backend_pid(self) -> int:
        """The server's process for this connection."""
        return self._pg.backend_pid

    def begin(self, statement: Statement) -> None:
        """Send the first statement of a transaction, without waiting for its answer.

        NOTE: PostgreSQL plans a prepared statement once. On a table that is still empty it takes
        all indexes for equally good, and one that begins with the tenant would be walked as a whole
        from then on, until statistics are gathered. So early plans do not last.
        """
        self._transactions += 1
        if self._transactions in _PLANNED_AGAIN:
            self.send(_REPLAN)
            self._ask()  # else it would be part of the transaction
        self.send(statement)

    def send(
        self, statement: Statement, values: Mapping[str, SqlValue] = _NO_VALUES
    ) -> ServerReply:
        """Send a statement without waiting for its answer."""
        if self._failed is not None:
            raise self._failed
        parameters = [encode(values[name]) for name in statement.parameters]
        name = f"{statement.name}/{self._generation}".encode()
        try:
            if statement.name not in self._prepared:
                self._pg.send_prepare(name, statement.sql.encode())
                self._prepared.add(statement.name)
                self._open.append(ServerReply(statement.name, prepares=True))
            formats = [_BINARY] * len(parameters)
            self._pg.send_query_prepared(name, parameters, formats, _BINARY)
        except psycopg.OperationalError as error:
            raise self._lose(str(error)) from error
        answer = ServerReply(statement.name)
        self._open.append(answer)
        return answer

    def rows(self, answer: ServerReply, *, onward: bool = False) -> list[Row]:
        """Wait for an answer; its rows. See `wait`."""
        result = self.wait(answer, onward=onward)
        names = self._names.get(answer.name)
        if names is None:
            names = self._names[answer.name] = _names_of(result)
        self._decoder.set_pgresult(result)
        rows = self._decoder.load_rows(0, result.ntuples, tuple)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def count(self, answer: ServerReply) -> int:
        """Wait for an answer; how many rows were changed."""
        return self.wait(answer).command_tuples or 0

    def wait(self, answer: ServerReply, *, onward: bool = False) -> pq.abc.PGresult:
        """Wait until an answer has been read.

        Args:
            onward: have the server go on meanwhile with what was sent after it.
        """
        if self._is_awaited(answer):
            if not answer.is_asked_for or (onward and self._open[-1] is not None):
                self._ask()
            while self._is_awaited(answer):
                self._receive()
        if self._failed is not None:
            raise self._failed
        assert answer.result is not None
        return answer.result

    def sync(self) -> None:
        """Wait for everything that was sent; afterwards the session takes statements again."""
        self._ask()
        self.take_up()

    def leave(self, statement: Statement) -> None:
        """Send the last statement of a transaction, and do not wait; `take_up` does."""
        self.send(statement)
        self._ask()

    def take_up(self) -> None:
        """Read what `leave` has left to come, if anything; the session takes statements again."""
        while self._open:
            self._receive()
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed

    def close(self) -> None:
        """Let go of the connection; an open transaction is undone by the server."""
        self.is_lost = True
        self._connection.close()

    def _ask(self) -> None:
        """Have the server send the answers to everything that was sent."""
        # INVARIANT: a sync, not a flush. Until one comes the server counts us as active, and
        # `idle_in_transaction_session_timeout` never ends a writer that stands still.
        try:
            self._pg.pipeline_sync()
        except psycopg.OperationalError as error:
            raise self._lose(str(error)) from error
        for answer in self._open:
            if answer is not None:
                answer.is_asked_for = True
        self._open.append(None)
        self._flush()

    def _is_awaited(self, answer: ServerReply) -> bool:
        return answer.result is None and self._failed is None

    def _receive(self) -> None:
        """Read the answer to the oldest statement without one."""
        answer = self._open.popleft()
        result = self._next_result()
        if answer is None:
            if result is None or result.status != pq.ExecStatus.PIPELINE_SYNC:
                raise self._lose("the server's answers are out of step")
            return
        if result is None:
            raise self._lose("the server closed the connection")
        if result.status in _OK:
            answer.result = result
        else:
            self._fail(answer, result)
        if self._next_result() is not None:
            raise self._lose("the server's answers are out of step")

    def _fail(self, answer: ServerReply, result: pq.abc.PGresult) -> None:
        if answer.prepares:
            self._prepared.discard(answer.name)
        if result.status == pq.ExecStatus.PIPELINE_ABORTED:
            return
        error = errors.error_from_result(result)
        severity = error.diag.severity_nonlocalized
        if severity in {"FATAL", "PANIC"} or self._pg.status != pq.ConnStatus.OK:
            raise self._lose(str(error)) from error
        self._failed = self._failed or error
        if is_replanned(error):  # a migration changed a table: everything is prepared anew
            self._generation += 1
            self._prepared.clear()
            self._names.clear()

    def _next_result(self) -> pq.abc.PGresult | None:
        try:
            while self._pg.is_busy():
                if not self._poll.poll(ANSWER_TIMEOUT_S * 1000):
                    raise self._lose("no answer came in time")
                self._pg.consume_input()
            return self._pg.get_result()
        except psycopg.OperationalError as error:
            raise self._lose(str(error)) from error

    def _flush(self) -> None:
        try:
            while self._pg.flush():
                # The server may itself wait for us to read, so take in what it sends meanwhile.
                self._poll.modify(self._pg.socket, select.POLLIN | select.POLLOUT)
                if not self._poll.poll(ANSWER_TIMEOUT_S * 1000):
                    raise self._lose("the server takes nothing more")
                self._pg.consume_input()
                self._poll.modify(self._pg.socket, select.POLLIN)
        except psycopg.OperationalError as error:
            raise self._lose(str(error)) from error

    def _lose(self, reason: str) -> ConnectionLostError:
        self.close()
        return ConnectionLostError(reason.strip())


def encode(value: SqlValue) -> bytes | None:
    """A value as PostgreSQL's binary format has it: text, bigint or bytea.

    Raises:
        RefusedError: `invalid_input`, for a NUL in a text, which PostgreSQL cannot store.
    """
    match value:
        case None | bytes():
            return value
        case str():
            if "\0" in value:
                raise RefusedError(Code.INVALID_INPUT, "a text holds the character NUL")
            return value.encode()
        case int():
            return value.to_bytes(8, "big", signed=True)


def _names_of(result: pq.abc.PGresult) -> list[str]:
    names = [result.fname(at) for at in range(result.nfields)]
    return [name.decode() for name in names if name is not None]
