"""The one connection of a process that writes to a SQLite file, and whose turn it is to use it.

Statements that take microseconds run on the event loop that asks for them: handing each of them to
a thread would cost more than they do, since both need the interpreter's lock. What waits for the
disk, for a signer or for another process runs on a thread. What a unit sees of a connection stands
first; `store.py` runs those that only read.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from operator import itemgetter
from queue import SimpleQueue

from sayso.errors import logged
from sayso.store.base import Row, SqlValue
from sayso.store.queries import numbered_queries, positional_queries, repeated_query
from sayso.store.sqlite.errors import is_busy
from sayso.store.units import (
    Remembering,
    Shared,
    Unit,
    UnitOutcome,
    WaitingUnits,
    answer,
    not_one_row,
)

# Python looks for an adapter of each parameter that is no number and no text, and makes two errors
# where there is none: for dozens of nulls of an action. What these give is the value itself.
sqlite3.register_adapter(type(None), dict[None, None]().get)
sqlite3.register_adapter(bytes, bytes)


class SqliteReader:
    """Named queries on one connection."""

    writes = False

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sql = positional_queries()

    def one(self, query: str, /, **params: SqlValue) -> Row | None:
        row: sqlite3.Row | None = self._execute(query, params).fetchone()
        return None if row is None else _as_row(row)

    def _execute(self, query: str, params: Mapping[str, SqlValue]) -> sqlite3.Cursor:
        sql, in_order = self._sql[query]
        try:
            values = in_order(params)
        except KeyError as error:
            raise sqlite3.ProgrammingError(f"`{query}` has no value for {error}") from error
        return self._connection.execute(sql, values)

    def all(self, query: str, /, **params: SqlValue) -> list[Row]:
        cursor = self._execute(query, params)
        return [_as_row(row) for row in cursor.fetchall()]

    def each(self, query: str, params: Sequence[Mapping[str, SqlValue]], /) -> list[Row]:
        if not params:
            return []
        sql, names = repeated_query(query, len(params))
        values = [one[name] for one in params for name in names]
        rows = self._connection.execute(sql, values).fetchall()
        return [_as_row(row) for row in sorted(rows, key=itemgetter(0))]

    def ahead(self, query: str, /, **params: SqlValue) -> None:
        return None  # there is no server to wait for

    def recall(self, key: object) -> object | None:
        return None


def _as_row(row: sqlite3.Row) -> Row:
    return dict(zip(row.keys(), row, strict=True))


class SqliteTransaction(Remembering, SqliteReader):
    """One unit of work inside the writer's commit."""

    writes = True

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.shared = Shared()

    def run(self, query: str, /, **params: SqlValue) -> int:
        count = self._execute(query, params).rowcount
        if count != 1 and numbered_queries()[query].is_checked:
            raise not_one_row(query)
        return count


_TICK = 9_973
"""In steps of SQLite's machine. A prime, since SQLite looks at few places of a program whether it
is time: else a loop could always be at another one."""
_MOST_TICKS = 5
"""Some two milliseconds."""


class Brevity:
    """Breaks off the statements of a unit that is not brief after all.

    Steps are counted, not time: a busy machine makes no unit longer than it is. Rows that are
    handed out count for little: what a brief unit reads row by row has a limit of its own.

    Attributes:
        exceeded: whether a unit was broken off, and has to be run again where it may take its time.
    """

    def __init__(self) -> None:
        self.exceeded = False
        self._ticks = 0

    @contextmanager
    def watch(self, connection: sqlite3.Connection) -> Generator[None]:
        """Count what a connection does meanwhile.

        NOTE: SQLite takes back the whole transaction when it breaks off a statement that writes.
        """
        connection.set_progress_handler(self._tick, _TICK)
        try:
            yield
        finally:
            connection.set_progress_handler(None, 0)

    def begin_unit(self) -> None:
        """What was counted is another unit's."""
        self._ticks = 0

    def _tick(self) -> int:
        self._ticks += 1
        if self._ticks < _MOST_TICKS:
            return 0
        self.exceeded = True
        return 1


logger = logging.getLogger("sayso.store")

MAX_BRIEF = 32
"""How many units run on an event loop before it goes on with something else: some 10 ms."""
LOOK_AGAIN_S = 0.001
_CAREFUL = 64
"""So many groups run with savepoints once a unit has failed."""
# Errors that come from what one unit asked for, not from the file.
_OWN_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
)


@dataclass(slots=True)
class _Group:
    """Units that share a commit, as far as they have run.

    Attributes:
        undone: one of them failed, so that all are taken back.
    """

    units: list[Unit]
    transaction: SqliteTransaction
    undone: bool = False
    done: list[UnitOutcome] = field(default_factory=list[UnitOutcome])
    error: BaseException | None = None

    @property
    def again(self) -> bool:
        """Whether its units have to run once more, apart."""
        return self.undone and len(self.units) > 1


class SqliteWriter:
    """Runs units in the order in which they were added; those that wait together share a commit.

    Args:
        connection: nobody else may use it; closed with the writer.
        busy_timeout_s: how long another process's transaction is waited for.
        in_our_words: an error of SQLite as whoever waits for a unit shall see it.

    INVARIANT: the connection belongs to whoever holds `_turn`. An event loop that takes it hands
    it to the thread, together with the group that it has run, and the thread lets it go.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        busy_timeout_s: float,
        in_our_words: Callable[[sqlite3.Error], Exception],
    ) -> None:
        self._connection = connection
        self._busy_timeout_s = busy_timeout_s
        self._in_our_words = in_our_words
        self._units = WaitingUnits()
        self._careful = 0
        self._locked_since: float | None = None  # by another process, as long as we know of it
        self._turn = threading.Lock()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="sayso-write", daemon=True)
        self._thread.start()

    def add(self, unit: Unit) -> bool:
        """Put a unit at the end, on its own event loop; False when the writer is closed."""
        if not self._units.add(unit):
            return False
        # Once this turn of the loop is over: what other tasks add meanwhile shares the commit.
        unit.loop.call_soon(self._take_turn, context=Context())
        return True

    def refuse_more(self) -> None:
        """Take no more units; what waits is still served."""
        self._units.close()

    def finish(self) -> None:
        """Serve what waits, then close the connection; blocks, so not on an event loop."""
        with self._turn:
            while units := self._units.take_some():
                answer(self._commit(units))
            self._jobs.put(None)
            self._thread.join()

    def _take_turn(self) -> None:
        """On an event loop: begin with what waits, unless somebody is at it, who then calls us."""
        if not self._turn.acquire(blocking=False):
            return
        units: list[Unit] = []
        job = partial(self._carry_out, units)
        try:
            units += self._units.take_some(MAX_BRIEF)
            if units and all(unit.brief for unit in units) and self._begin_at_once():
                group = self._run_briefly(units)
                if group is not None:
                    job = partial(self._end_turn, group)
        finally:
            # Also when Ctrl-C ends it anywhere in there: the thread then finds the connection in
            # a transaction, takes that back and says so to whoever waits.
            if units:
                self._jobs.put(job)
            else:
                self._let_go()

    def _begin_at_once(self) -> bool:
        try:
            self._connection.execute("begin immediate")
        except sqlite3.Error:
            return False  # the thread waits for the other process, or finds out what is wrong
        self._locked_since = None
        return True

    def _work(self) -> None:
        """The thread."""
        while job := self._jobs.get():
            job()
        self._connection.close()

    def _carry_out(self, units: list[Unit]) -> None:
        """A group from its begin on, with whoever comes while the file is waited for."""
        try:
            self._begin(units)
        except BaseException as error:  # noqa: BLE001  (every waiter must hear of it)
            if is_busy(error):
                late = list(takewhile(lambda unit: self._patience_s(unit) < 0, units))
                self._units.put_back(units[len(late) :])
                units = late
            outcomes = self._fail(units, error)
        else:
            self._units.join(units)
            outcomes = self._run_and_end(units)
        answer(outcomes)
        self._let_go()

    def _end_turn(self, group: _Group) -> None:
        outcomes = self._end(group)
        answer(outcomes)
        self._let_go()

    def _let_go(self) -> None:
        """End the turn; whoever has units that came meanwhile is told to take the next one."""
        self._turn.release()
        for loop in self._units.loops():
            try:
                # Not before the tasks that hear of their commit in this turn of the loop have
                # had the chance to add what they want next.
                loop.call_soon_threadsafe(loop.call_soon, self._take_turn, context=Context())
            except RuntimeError:  # that loop has ended, and its units wait for nobody
                self._jobs.put(self._serve_the_lost)

    def _serve_the_lost(self) -> None:
        """Run what waits on the thread, for the units of loops that have ended."""
        if not self._turn.acquire(blocking=False):
            return  # whoever has it comes by here again
        if units := self._units.take_some():
            self._carry_out(units)
        else:
            self._let_go()

    def _commit(self, units: list[Unit]) -> list[UnitOutcome]:
        """A whole transaction, once other processes have ended theirs."""
        try:
            self._begin(units)
        except BaseException as error:  # noqa: BLE001  (every waiter must hear of it)
            return self._fail(units, error)
        return self._run_and_end(units)

    def _run_and_end(self, units: list[Unit]) -> list[UnitOutcome]:
        """What is left of a transaction that has begun; on the thread."""
        group = self._run(units)
        if group.again:
            try:
                self._begin(units)
            except BaseException as error:  # noqa: BLE001  (every waiter must hear of it)
                return self._fail(units, error)
            group = self._run(units, apart=True)
        return self._end(group)

    def _begin(self, units: list[Unit]) -> None:
        """Take the turn of all writers on the file, once the other processes let it go.

        NOTE: SQLite itself looks again after up to 100 ms, so that with several busy processes one
        that is unlucky waits for seconds while others come and go.
        """
        while True:
            try:
                self._connection.execute("begin immediate")
            except sqlite3.Error as error:
                if not is_busy(error):
                    self._locked_since = None
                    raise
                self._locked_since = self._locked_since or time.monotonic()
                if self._patience_s(units[0]) < 0:
                    raise
                time.sleep(LOOK_AGAIN_S)
            else:
                self._locked_since = None
                return

    def _patience_s(self, unit: Unit) -> float:
        """How much longer a unit waits for the other process; less than 0 when it gives up.

        INVARIANT: counted for each unit by itself. If it began anew with each group, whoever stands
        far behind in the line would wait as often as there are groups before it.
        """
        now = time.monotonic()
        return max(unit.asked_at, self._locked_since or now) + self._busy_timeout_s - now

    def _run_briefly(self, units: list[Unit]) -> _Group | None:
        """As `_run`; None, and nothing has come of it, where the thread has to run them.

        Which is so where one of them is not brief after all, or they have to run apart.
        """
        brevity = Brevity()
        with brevity.watch(self._connection):
            group = self._run(units, brevity)
        if not brevity.exceeded:
            return None if group.again else group
        self._roll_back()
        return None

    def _run(
        self, units: list[Unit], brevity: Brevity | None = None, *, apart: bool = False
    ) -> _Group:
        """Run units inside the transaction that has begun.

        Args:
            apart: each in a savepoint, so that the failure of one takes back only itself.

        NOTE: a savepoint keeps a copy of each page that is changed, and few units fail. So they run
        without, and where one of several fails, all of them are taken back to run apart; and so do
        those of the next groups, since whoever makes units fail must not make others run twice.
        """
        group = _Group(units, SqliteTransaction(self._connection))
        if len(units) > 1 and self._careful:
            self._careful -= 1
            apart = True
        try:
            for unit in units:
                if brevity:
                    brevity.begin_unit()
                if unit.future.cancelled():
                    continue
                done = self._run_unit(group.transaction, unit, apart=apart)
                group.done.append(done)
                if done.error is not None and not apart:
                    self._connection.execute("rollback")
                    group.undone = True
                    self._careful = _CAREFUL
                    break
        except BaseException as error:  # noqa: BLE001  (every waiter must hear of it)
            group.error = error
        return group

    def _run_unit(self, transaction: SqliteTransaction, unit: Unit, *, apart: bool) -> UnitOutcome:
        """Run one unit; where it fails in a savepoint, nothing of it is left."""
        connection = self._connection
        before = transaction.shared.copy()
        if apart:
            connection.execute("savepoint unit")
        try:
            result = unit.work(transaction)
            transaction.shared.end_unit(transaction)
        except BaseException as error:  # handed to the caller, whatever it is
            of_the_file = isinstance(error, sqlite3.Error) and not isinstance(error, _OWN_ERRORS)
            if of_the_file or not connection.in_transaction:
                # A full disk takes the whole transaction back: nobody in the group may go on.
                raise
            if apart:
                connection.execute("rollback to unit")
                connection.execute("release unit")
            transaction.shared = before
            return UnitOutcome(unit=unit, error=error)
        if apart:
            connection.execute("release unit")
        return UnitOutcome(unit=unit, result=result)

    def _fail(self, units: list[Unit], error: BaseException) -> list[UnitOutcome]:
        """Say to all units that none of them has run."""
        return self._end(_Group(units, SqliteTransaction(self._connection), error=error))

    def _end(self, group: _Group) -> list[UnitOutcome]:
        """Do what comes before the commit, commit, and say what became of each unit."""
        done = group.done
        try:
            if group.error is not None:
                raise group.error
            for finish in group.transaction.shared.finishers.values():
                finish(group.transaction)
            if not group.undone:
                self._connection.execute("commit")
        except BaseException as error:  # noqa: BLE001  (every waiter must hear of it)
            self._roll_back()
            if isinstance(error, sqlite3.IntegrityError) and len(group.units) > 1:
                # Foreign keys are checked at the commit, which does not say whose is broken.
                return [one for unit in group.units for one in self._commit([unit])]
            own = {id(outcome.unit): outcome.error for outcome in done}
            done = [
                UnitOutcome(unit=unit, error=own.get(id(unit)) or error) for unit in group.units
            ]
        return [self._worded(outcome) for outcome in done]

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
        except sqlite3.Error as error:  # the waiters hear of what came before
            logger.warning("a transaction could not be rolled back: %s", logged(error))

    def _worded(self, outcome: UnitOutcome) -> UnitOutcome:
        if not isinstance(outcome.error, sqlite3.Error):
            return outcome
        meant = self._in_our_words(outcome.error)
        meant.__cause__ = outcome.error
        return UnitOutcome(unit=outcome.unit, error=meant)
