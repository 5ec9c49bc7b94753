"""What a unit of work reads and writes by on PostgreSQL, held to whose rows it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sayso.store.base import Row, SqlValue
from sayso.store.postgres.session import PostgresSession, ServerReply
from sayso.store.queries import Statement, numbered_queries
from sayso.store.units import Remembering, Shared

ALL_TENANTS = "*"
_TENANT = Statement(
    name="~tenant", sql="select set_config('app.tenant', $1, true)", parameters=("tenant",)
)


class ReachesBeyondError(Exception):
    """A unit that holds one tenant needs what others may be changing; it is to run again, alone."""


class PostgresReader:
    """Named queries in one transaction.

    Args:
        bound: the only tenant whose rows may be seen or written; when None, each statement is held
            to the tenant that it names, and one that names none sees all.
    """

    writes = False
    _onward = True  # what is read ahead is made while its reader is busy with what came before

    def __init__(
        self, session: PostgresSession, bound: str | None, scope: str | None = None
    ) -> None:
        self._session = session
        self._statements = numbered_queries()
        self._bound = bound
        self._sent: dict[tuple[str, frozenset[tuple[str, SqlValue]]], ServerReply] = {}
        self.scope = scope
        """The tenant that the transaction is set to now, where that is known."""
        self.has_read = False
        """Whether an answer has come."""

    def one(self, query: str, /, **params: SqlValue) -> Row | None:
        rows = self.all(query, **params)
        return rows[0] if rows else None

    def all(self, query: str, /, **params: SqlValue) -> list[Row]:
        sent = self._sent.pop((query, frozenset(params.items())), None) if self._sent else None
        answer = sent or self._send(self._statements[query], params)
        rows = self._session.rows(answer, onward=self._onward)
        self.has_read = True
        return rows

    def each(self, query: str, params: Sequence[Mapping[str, SqlValue]], /) -> list[Row]:
        answers = [self._send(self._statements[query], one) for one in params]
        rows = [self._session.rows(answer, onward=self._onward)[0] for answer in answers]
        self.has_read = True
        return rows

    def ahead(self, query: str, /, **params: SqlValue) -> None:
        key = (query, frozenset(params.items()))
        if key not in self._sent:
            self._sent[key] = self._send(self._statements[query], params)

    def recall(self, key: object) -> object | None:
        return None

    def _send(self, statement: Statement, params: Mapping[str, SqlValue]) -> ServerReply:
        wanted = self._scope_of(statement, params)
        if wanted != self.scope:
            self._session.send(_TENANT, {"tenant": wanted})
            self.scope = wanted
        return self._session.send(statement, params)

    def _scope_of(self, statement: Statement, params: Mapping[str, SqlValue]) -> str:
        """The tenant whose rows a statement may see or change, as row-level security has it."""
        named = params.get("tenant")
        return self._bound or (named if isinstance(named, str) else ALL_TENANTS)


class PostgresTransaction(Remembering, PostgresReader):
    """One unit of work inside the writer's commit.

    Args:
        held: the only tenant whose rows nobody else changes meanwhile; None when nobody changes
            any. A statement that goes beyond it raises `ReachesBeyondError`.
        bound: see `PostgresReader`.
    """

    writes = True
    _onward = False  # each time that the server is told to go on costs, and a unit is short

    def __init__(
        self,
        session: PostgresSession,
        bound: str | None,
        scope: str | None,
        shared: Shared,
        held: str | None = None,
    ) -> None:
        super().__init__(session, bound, scope)
        self.shared = shared
        self._held = held
        self.reaches_beyond = False
        """Whether it was told so; whatever it made of that, it is to run again."""

    def _scope_of(self, statement: Statement, params: Mapping[str, SqlValue]) -> str:
        # INVARIANT: what is about nobody in particular, or about somebody else, may be read and
        # written by whoever runs alone, unless its query was looked at and marked `(beside)`.
        held = self._held
        if held is None:
            return super()._scope_of(statement, params)
        if statement.owners and all(params[name] == held for name in statement.owners):
            return held
        if not statement.is_beside and not (self._bound and "tenant" in statement.owners):
            self.reaches_beyond = True
            raise ReachesBeyondError(statement.name)
        named = params.get("tenant")
        return self._bound or (named if isinstance(named, str) else held)

    def run(self, query: str, /, **params: SqlValue) -> int:
        self._sent.clear()
        statement = self._statements[query]
        sent = self._send(statement, params)
        return self._session.count(sent) if statement.count is None else statement.count
