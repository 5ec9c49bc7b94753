"""DBOS Transact, used thinly: it hands ids to this process, and knows nothing else of ours."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import uuid
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sayso.dispatch.fleet.contract import (
    APPLICATION,
    APPLICATION_VERSION,
    QUEUE,
    SCHEMA,
    WORKFLOW,
    check_package,
    check_schema,
    only_json,
    open_pool,
    unusable,
)
from sayso.dispatch.fleet.schema import quiet
from sayso.errors import SaysoError
from sayso.ids import monotonic_s
from sayso.store.postgres.connection import connect

if TYPE_CHECKING:
    from dbos import DBOS
    from sqlalchemy import Engine

logger = logging.getLogger("sayso.dispatch")

IDLE_POLL_S = 3.0
"""How often each worker asks for deliveries while there are none: DBOS only polls, and a look costs
some milliseconds. What somebody waits for is not found by it (`hand_over` in the schema)."""
BUSY_POLL_S = 0.1
"""The pace while there are some. NOTE: DBOS comes to it by a tenth with each poll, so it takes half
a minute from the other one, during which the sweep takes what has waited for 3 s."""
_BUSY_FOR_S = 10.0
"""After so long without a delivery the pace is that of an idle fleet again."""
_SCHEDULES_POLL_S = 3600.0
_UNUSED_POLL_S = 5.0
"""Less than the server's patience with a transaction that stands still (`connecting`), since DBOS
holds one meanwhile."""
_BATCH = 1000

Deliver = Callable[[str, str, str], Coroutine[Any, Any, None]]
"""Runs one item, by noun, tenant and id; never raises, but for being cancelled."""


class DbosEngine:
    """The engine in this process. One per process, since DBOS is.

    Args:
        url: of the database.
        deliver: called in the event loop that `start` ran in.
        at_once: how many deliveries this process takes at the same time.
    """

    def __init__(
        self,
        url: str,
        deliver: Deliver,
        at_once: int,
        *,
        monotonic: Callable[[], float] = monotonic_s,
    ) -> None:
        self._url = url
        self._deliver = deliver
        self._at_once = at_once
        self._monotonic = monotonic
        self._pool: Engine | None = None
        self._delivered = 0
        self._seen = 0
        self._last = 0.0
        self._busy = False

    async def start(self) -> None:
        """Begin to take deliveries.

        Raises:
            ConfigError: `engine_unavailable`, `missing_extra`; nothing runs then.
        """
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._start, loop)

    async def stop(self, grace_s: float) -> None:
        """Take no more, and wait for what was delivered; the event loop must go on meanwhile."""
        if self._pool is not None:
            await asyncio.to_thread(self._stop, grace_s)

    async def tend(self) -> None:
        """Ask often while there is something to deliver, and seldom while there is not.

        To be called about every second. The pace is one for the whole fleet, a row of the engine's.
        """
        now = self._monotonic()
        if self._delivered != self._seen:
            self._seen, self._last = self._delivered, now
            if not self._busy:
                self._busy = True
                await asyncio.to_thread(_set_pace, BUSY_POLL_S)
        elif self._busy and now - self._last > _BUSY_FOR_S:
            self._busy = False
            await asyncio.to_thread(_set_pace, IDLE_POLL_S)

    async def delete_before(self, moment: datetime) -> int:
        """Delete what was handed over before; returns how many deliveries that were.

        Whatever their state: what is still to be done stands in our rows.
        """
        return 0 if self._pool is None else await asyncio.to_thread(self._delete, moment)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        check_package()
        with connect(self._url) as connection:
            check_schema(connection)
        from dbos import DBOS  # heavy, and needs the extra `fleet`

        serializer = only_json()
        quiet(logging.getLogger("dbos"))
        self._pool = open_pool(self._url)
        try:
            engine = DBOS(
                config={
                    "name": APPLICATION,
                    "system_database_engine": self._pool,
                    "dbos_system_schema": SCHEMA,
                    "serializer": serializer,
                    "use_listen_notify": False,
                    "run_migrations": False,
                    "application_version": APPLICATION_VERSION,
                    # INVARIANT: new for each process. With DBOS's own default a second process
                    # takes over what the first one is in the middle of.
                    "executor_id": f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}",
                    "enable_otlp": False,
                    "log_level": "WARNING",
                    "max_executor_threads": self._at_once + 4,
                    "scheduler_polling_interval_sec": _SCHEDULES_POLL_S,
                }
            )

            _rest_what_is_unused(engine)

            @DBOS.workflow(name=WORKFLOW)
            def advance(noun: str, tenant: str, item_id: str) -> None:  # pyright: ignore[reportUnusedFunction]
                self._delivered += 1
                running = self._deliver(noun, tenant, item_id)
                asyncio.run_coroutine_threadsafe(running, loop).result()

            DBOS.listen_queues([QUEUE])
            DBOS.launch()
            DBOS.register_queue(
                QUEUE,
                worker_concurrency=self._at_once,
                polling_interval_sec=IDLE_POLL_S,
                on_conflict="always_update",
            )
        except Exception as error:
            # DBOS raises SQLAlchemy's errors and its own; whichever it is, the sweep carries on.
            self._stop(0)
            raise error if isinstance(error, SaysoError) else unusable(error) from error

    def _stop(self, grace_s: float) -> None:
        from dbos import DBOS

        # NOTE: DBOS sleeps a whole second before it first looks whether anything runs.
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=int(grace_s))
        if self._pool is not None:
            self._pool.dispose()
            self._pool = None

    def _delete(self, moment: datetime) -> int:
        from dbos import DBOS

        before = moment.isoformat()
        deleted = 0
        while True:
            found = DBOS.list_workflows(
                queue_name=QUEUE, end_time=before, limit=_BATCH, load_input=False, load_output=False
            )
            DBOS.delete_workflows([one.workflow_id for one in found])
            deleted += len(found)
            if len(found) < _BATCH:
                return deleted


def _rest_what_is_unused(engine: DBOS) -> None:
    """Let DBOS look seldom for what nothing here uses: its own queue, delays and deadlines.

    NOTE: there is no public way (DBOS 3.4). Where it has another shape it looks on each second,
    which costs half a per cent of a core and nothing else.
    """
    try:
        from dbos import _workflow_commands as jobs

        queue = engine._registry.get_internal_queue()  # pyright: ignore[reportPrivateUsage]
        queue._polling_interval_sec = _SCHEDULES_POLL_S  # pyright: ignore[reportPrivateUsage]
        jobs._BACKGROUND_JOBS_INTERVAL_SEC = _UNUSED_POLL_S  # pyright: ignore[reportPrivateUsage]
    except (AttributeError, ImportError) as error:
        logger.debug("the engine polls on for what is unused: %s", error)


def _set_pace(poll_s: float) -> None:
    from dbos import DBOS

    queue = DBOS.retrieve_queue(QUEUE)
    if queue is None:  # somebody emptied its tables
        DBOS.register_queue(QUEUE, polling_interval_sec=poll_s)
    else:
        queue.set_polling_interval_sec(poll_s)
