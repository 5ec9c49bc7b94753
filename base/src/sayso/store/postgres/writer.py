"""A writing thread of the PostgreSQL store: groups of units of one tenant, one commit each."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import psycopg

from sayso.errors import Code, OutcomeUnknownError, RetryableError, SaysoError
from sayso.store.base import integer
from sayso.store.postgres.errors import (
    ConnectionLostError,
    logged_with_state,
    lost,
    store_error,
    unit_error,
)
from sayso.store.postgres.lines import TenantLine, WriterLines
from sayso.store.postgres.session import PostgresSession, ServerReply
from sayso.store.postgres.transaction import PostgresTransaction, ReachesBeyondError
from sayso.store.queries import Statement
from sayso.store.units import Shared, Unit, UnitOutcome, answer

logger = logging.getLogger("sayso.store")
T = TypeVar("T")

PATIENCE_S = 20.0
"""How long a server that went away is waited for before units fail."""
WRITER_LOCK = 0x53617953
"""The advisory lock of all writers of a database (`SayS`): whoever runs alone holds it, and whoever
writes for one tenant shares it, and then holds that tenant's."""
CHANNEL = "sayso"
_PASSING = {Code.STORE_UNAVAILABLE, Code.STORE_READ_ONLY}
"""What a failover brings with it: no server, then one that is no primary yet."""
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0

_BEGIN = Statement(name="~begin", sql="begin")
_LOCK = Statement(name="~lock", sql=f"select pg_advisory_xact_lock({WRITER_LOCK})")
_LOCK_SHARED = Statement(
    name="~lock_shared", sql=f"select pg_advisory_xact_lock_shared({WRITER_LOCK})"
)
# Two tenants whose names hash to the same number take turns, which does no harm.
_LOCK_TENANT = Statement(
    name="~lock_tenant",
    sql=f"select pg_advisory_xact_lock({WRITER_LOCK}, hashtext($1))",
    parameters=("tenant",),
)
_SAVEPOINT = Statement(name="~savepoint", sql="savepoint unit")
_DEFERRED = Statement(name="~deferred", sql="set constraints all deferred")
_IMMEDIATE = Statement(name="~immediate", sql="set constraints all immediate")
_RELEASE = Statement(name="~release", sql="release unit")
_UNDO = Statement(name="~undo", sql="rollback to unit")
_ROLLBACK = Statement(name="~rollback", sql="rollback")
_MARK = Statement(
    name="~mark",
    sql="insert into commit_mark (writer, number) values ($1, $2)"
    " on conflict (writer) do update set number = excluded.number, at = now()",
    parameters=("writer", "number"),
)
_MARKED = Statement(
    name="~marked",
    sql="select number from commit_mark where writer = $1",
    parameters=("writer",),
)
_FORGET = Statement(
    name="~forget",
    sql="delete from commit_mark where writer = $1 or at < now() - interval '7 days'",
    parameters=("writer",),
)
_NOTIFY = Statement(name="~notify", sql=f"notify {CHANNEL}")
# NOTE: a statement_timeout that strikes while a commit waits for its standby makes PostgreSQL
# answer COMMIT with a mere warning, although the standby has nothing.
_NO_TIMEOUT = Statement(name="~no_timeout", sql="set local statement_timeout = 0")
_COMMIT = Statement(name="~commit", sql="commit")


def patiently(
    attempt: Callable[[], T],
    *,
    also_busy: bool = False,
    give_up: Callable[[], bool] = lambda: False,
    patience_s: float = PATIENCE_S,
) -> T:
    """Try again, at growing intervals, while the server cannot be reached.

    Args:
        attempt: has no effect when it raises.
        also_busy: whether to go on while a lock is held, too.
        give_up: asked before each pause.

    Raises:
        SaysoError: what the last attempt raised.
    """
    deadline = time.monotonic() + patience_s
    pause = _FIRST_PAUSE_S
    while True:
        try:
            return attempt()
        except ConnectionLostError as error:
            failure = lost(str(error))
        except RetryableError as error:
            if error.code not in _PASSING and not also_busy:
                raise
            failure = error
        if time.monotonic() + pause > deadline or give_up():
            raise failure
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_S)


class PostgresWriter:
    """Runs units of this process, one line at a time, on its own connection.

    Args:
        connect: opens a session.
        lines: where they wait.
        committed: called after each commit, before its units hear of it.
        session: the first one; opened when it is needed where there is none.
    """

    def __init__(
        self,
        connect: Callable[[], PostgresSession],
        lines: WriterLines,
        committed: Callable[[], None],
        session: PostgresSession | None = None,
    ) -> None:
        self._connect = connect
        self._lines = lines
        self._committed = committed
        self._session = session
        self._name = secrets.token_hex(16)
        self._number = 0

    @property
    def backend_pid(self) -> int | None:
        """The server's process for the writing connection, while there is one."""
        session = self._session
        return None if session is None or session.is_lost else session.backend_pid

    def run(self) -> None:
        """Serve until the lines are closed and empty."""
        while taken := self._lines.take():
            line, group = taken
            try:
                if group:
                    answer(self._commit(line, group))
            except BaseException as error:  # noqa: BLE001  (every waiter must hear of it)
                self._drop_session()
                answer([UnitOutcome(unit=unit, error=error) for unit in group])
            finally:
                self._lines.let_go(line)
        self._leave()

    def _commit(self, line: TenantLine, group: list[Unit]) -> list[UnitOutcome]:
        try:
            return self._try_commit(line, group, apart=False)
        except _UnclearError:
            return self._try_commit(line, group, apart=True)

    def _try_commit(self, line: TenantLine, group: list[Unit], *, apart: bool) -> list[UnitOutcome]:
        try:
            session = self._begin(line.tenant)
        except SaysoError as error:
            waiting = [*group, *self._lines.take_rest(line)]
            return [UnitOutcome(unit=unit, error=error) for unit in waiting]
        self._lines.join(line, group)
        done = _Group(session, group, line.tenant, apart=apart)
        outcomes = self._carry_out(session, done, line)
        # INVARIANT: they have no outcome, and nothing below can fail, so each is run once more and
        # answered once.
        self._lines.put_back([replace(unit, alone=True) for unit in done.beyond], None)
        return outcomes

    def _carry_out(
        self, session: PostgresSession, done: _Group, line: TenantLine
    ) -> list[UnitOutcome]:
        group = done.units
        try:
            for at, unit in enumerate(group):
                done.run(unit)
                if session.is_lost:
                    self._lines.put_back(group[at + 1 :], line.tenant)
                    del group[at + 1 :]  # they are answered another time
                    raise ConnectionLostError
            done.finish()
        except _UnclearError:
            self._undo(session)
            raise
        except ReachesBeyondError:
            self._undo(session)
            return done.all_beyond()
        except BaseException as error:  # noqa: BLE001  (every waiter must hear of it)
            self._undo(session)
            return done.all_failed(store_error(error))
        if len(done.beyond) == len(group):
            self._undo(session)
            return []
        return self._end(session, done, line.tenant)

    def _end(self, session: PostgresSession, done: _Group, tenant: str | None) -> list[UnitOutcome]:
        """Commit, and find out whether it happened when the answer is lost.

        INVARIANT: what fails before COMMIT has the server leave that out, so nothing is stored.
        """
        self._number += 1
        commit: ServerReply | None = None
        try:
            session.send(_MARK, {"writer": self._name, "number": self._number})
            session.send(_NO_TIMEOUT)
            commit = session.send(_COMMIT)
            # NOTE: behind the commit, since whoever notifies holds a lock of the whole server from
            # then on until its commit is on the disk. The server has it together with the commit,
            # so it comes whatever becomes of this process.
            session.send(_NOTIFY)
            session.sync()
        except BaseException as error:
            if commit is not None and commit.tag == b"COMMIT":
                logger.debug("committed, and then: %s", logged_with_state(error))
            elif not session.is_lost:
                self._undo(session)
                if isinstance(error, psycopg.Error) and not done.apart:
                    raise _UnclearError from error
                return done.all_failed(store_error(error))
            elif commit is None:
                return done.all_failed(lost(str(error)))
            else:
                doubt = self._settle_doubt(str(error), tenant)
                if doubt is not None:
                    return done.all_failed(doubt)
        else:
            assert commit.tag == b"COMMIT", commit.tag
        self._committed()
        return done.outcomes

    def _begin(self, tenant: str | None) -> PostgresSession:
        """A session inside a transaction that holds the tenant's lock, or that of all writers.

        Nothing of a unit has run yet, so a connection that turns out to be dead is replaced.
        """
        return patiently(lambda: self._try_begin(tenant), give_up=lambda: self._lines.closed)

    def _try_begin(self, tenant: str | None) -> PostgresSession:
        session = self._session
        if session is None or session.is_lost:
            session = self._session = self._connect()
        try:
            session.begin(_BEGIN)
            if tenant is None:
                session.send(_LOCK)
            else:  # INVARIANT: in this order, so that no two ever wait for each other
                session.send(_LOCK_SHARED)
                session.send(_LOCK_TENANT, {"tenant": tenant})
            session.sync()
        except ConnectionLostError:
            raise
        except Exception as error:
            self._undo(session)
            raise store_error(error) from error
        return session

    def _undo(self, session: PostgresSession) -> None:
        """Take the open transaction back, whatever state it is in."""
        if session.is_lost:
            return
        try:
            session.sync()
        except Exception as error:  # noqa: BLE001  (it has been told already)
            logger.debug("undone after: %s", logged_with_state(error))
        try:
            session.send(_ROLLBACK)
            session.sync()
        except Exception as error:  # noqa: BLE001  (the server undoes it with the connection)
            logger.debug("the connection is given up: %s", logged_with_state(error))
            session.close()

    def _settle_doubt(self, detail: str, tenant: str | None) -> SaysoError | None:
        """Ask the database whether the last group was committed; None when it was.

        Its lock is waited for first: while the lost connection's transaction still holds it, it
        may yet be committed.
        """
        try:
            number = patiently(lambda: self._last_number(tenant), also_busy=True)
        except SaysoError as error:
            return OutcomeUnknownError(
                Code.STORE_UNAVAILABLE,
                "the connection was lost while the database committed, and it cannot be asked",
                next_step="look at the action once the database is back; do not repeat it blindly",
                detail=f"{detail}; {error.detail}",
            )
        return None if number == self._number else lost(detail)

    def _last_number(self, tenant: str | None) -> int:
        """The number of the last group of this writer that was committed; 0 for none."""
        session = self._try_begin(tenant)
        try:
            marked = session.rows(session.send(_MARKED, {"writer": self._name}))
        except psycopg.Error as error:
            raise store_error(error) from error
        finally:
            self._undo(session)
        return integer(marked[0], "number") if marked else 0

    def _drop_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _leave(self) -> None:
        session = self._session
        if session is None or session.is_lost:
            return
        try:
            session.send(_FORGET, {"writer": self._name})
            session.sync()
        except Exception as error:  # noqa: BLE001  (a mark too many does no harm)
            logger.debug("the writer's mark stays: %s", logged_with_state(error))
        session.close()


class _UnclearError(Exception):
    """A statement of the group has failed, and nobody waited for it to know whose it was."""


class _Group:
    """Units that share one commit.

    Args:
        units: all of them, also those whose turn has not come.
        held: the tenant whose line it is; None where they run alone.
        apart: whether each unit is checked before the next one runs, so that a statement that fails
            is known to be its own. Else nobody waits for it until the end of the group, which is
            run again, apart, if there was any.
    """

    def __init__(
        self, session: PostgresSession, units: list[Unit], held: str | None, *, apart: bool
    ) -> None:
        self._session = session
        self._held = held
        self.units = units
        self.apart = apart
        self._scope: str | None = None
        self._shared = Shared()
        self.outcomes: list[UnitOutcome] = []
        self.beyond: list[Unit] = []
        """Those that reach beyond what is held: undone, and without an outcome."""

    def all_failed(self, error: BaseException) -> list[UnitOutcome]:
        """The same units; those that had failed by themselves keep their own error."""
        own = {id(done.unit): done.error for done in self.outcomes}
        apart = {id(unit) for unit in self.beyond}
        return [
            UnitOutcome(unit=unit, error=own.get(id(unit)) or error)
            for unit in self.units
            if id(unit) not in apart
        ]

    def all_beyond(self) -> list[UnitOutcome]:
        """Count all of them to those that reach beyond, but for those that had failed."""
        failed = [done for done in self.outcomes if done.error is not None]
        ended = {id(done.unit) for done in failed}
        self.beyond = [unit for unit in self.units if id(unit) not in ended]
        return failed

    def run(self, unit: Unit) -> None:
        """Run one unit in a savepoint, so that its failure takes back only itself.

        Raises:
            _UnclearError: unless `apart`.
        """
        session = self._session
        transaction = PostgresTransaction(
            session, unit.tenant, self._scope, self._shared.copy(), self._held
        )
        result: object = None
        failure: BaseException | None = None
        try:
            session.send(_SAVEPOINT)
            result = unit.work(transaction)
            transaction.shared.end_unit(transaction)
            if transaction.reaches_beyond:  # also where it made nothing of it
                raise ReachesBeyondError
            if self.apart:  # constraints that wait are checked now, so that it answers for them
                session.wait(session.send(_IMMEDIATE))
                session.send(_DEFERRED)
            session.send(_RELEASE)
        except BaseException as error:
            if not self.apart and isinstance(error, psycopg.Error):
                raise _UnclearError from error
            failure = unit_error(error)
            self._undo_unit()
        if transaction.reaches_beyond:
            self.beyond.append(unit)
            return
        self.outcomes.append(UnitOutcome(unit=unit, result=result, error=failure))
        if failure is None:
            self._scope = transaction.scope
            self._shared = transaction.shared

    def finish(self) -> None:
        """Run what was to be run once before the commit.

        Raises:
            _UnclearError: unless `apart`.
        """
        transaction = PostgresTransaction(
            self._session, None, self._scope, self._shared, self._held
        )
        try:
            for work in self._shared.finishers.values():
                work(transaction)
        except psycopg.Error as error:
            if self.apart:
                raise
            raise _UnclearError from error

    def _undo_unit(self) -> None:
        # INVARIANT: the tenant that a unit had set is undone with it, so it is not known any more.
        self._scope = None
        if self._session.is_lost:
            return
        try:
            self._session.sync()
        except ConnectionLostError:
            return
        except Exception as error:
            if not self.apart:
                raise _UnclearError from error
            logger.debug("a unit is undone after: %s", logged_with_state(error))
        try:
            self._session.send(_UNDO)
            self._session.send(_RELEASE)
            self._session.sync()
        except ConnectionLostError:
            return
