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

from sayso.dispatch.fleet.connecting import open_pool
from sayso.dispatch.fleet.contract import (
    APPLICATION,
    APPLICATION_VERSION,
    QUEUE,
    SCHEMA,
    WORKFLOW,
    check_package,
    check_schema,
    unusable,
)
from sayso.dispatch.fleet.schema import quiet
from sayso.errors import SaysoError
from sayso.store.postgres_connection import connect

if TYPE_CHECKING:
    from sqlalchemy import Engine

POLL_S = 1.0
"""How often each worker asks for deliveries; at one second an idle worker uses about one percent of
a core. Whoever somebody waits for is not found by this poll (`hand_over` in the schema)."""
_SCHEDULES_POLL_S = 3600.0
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

    def __init__(self, url: str, deliver: Deliver, at_once: int, poll_s: float = POLL_S) -> None:
        self._url = url
        self._deliver = deliver
        self._at_once = at_once
        self._poll_s = poll_s
        self._pool: Engine | None = None

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

        quiet(logging.getLogger("dbos"))
        self._pool = open_pool(self._url)
        try:
            DBOS(
                config={
                    "name": APPLICATION,
                    "system_database_engine": self._pool,
                    "dbos_system_schema": SCHEMA,
                    "use_listen_notify": False,
                    "run_migrations": False,
                    "application_version": APPLICATION_VERSION,
                    # INVARIANT: new for each process. With DBOS's own default a second process
                    # takes over what the first one is in the middle of.
                    "executor_id": f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}",
                    "enable_otlp": False,
                    "log_level": "WARNING",
                    "log_level": "WARNING",
                    "max_executor_threads": self._at_once + 4,
                    "scheduler_polling_interval_sec": _SCHEDULES_POLL_S,
                }
            )

            deliver = self._deliver

            @DBOS.workflow(name=WORKFLOW)
            def advance(noun: str, tenant: str, item_id: str) -> None:  # pyright: ignore[reportUnusedFunction]
                asyncio.run_coroutine_threadsafe(deliver(noun, tenant, item_id), loop).result()

            DBOS.listen_queues([QUEUE])
            DBOS.launch()
            DBOS.register_queue(
                QUEUE,
                worker_concurrency=self._at_once,
                polling_interval_sec=self._poll_s,
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
