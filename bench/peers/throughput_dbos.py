"""DBOS as its documentation shows a person in the loop: a workflow that waits in `DBOS.recv`.

Proposing starts the workflow, approving sends it the message, and it is carried out when the
workflow has its result. DBOS leaves SQLite's journal and synchronous mode as they are by default.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from dbos import DBOS, DBOSConfig, WorkflowHandle

from bench.throughput.flow import Place

PAYOUTS: list[tuple[str, int]] = []
WAIT_S = 3600


@DBOS.step()
def pay(order: str, amount_minor: int) -> str:
    """The provider."""
    PAYOUTS.append((order, amount_minor))
    return f"pay_{len(PAYOUTS)}"


@DBOS.workflow()
def refund(order: str, amount_minor: int, reason: str) -> str:
    """Wait for a person, then pay."""
    decision = DBOS.recv("decision", timeout_seconds=WAIT_S)
    return pay(order, amount_minor) if decision == "approve" else "rejected"


class Dbos:
    """The launched runtime."""

    def __init__(self) -> None:
        self._handles: dict[str, WorkflowHandle[str]] = {}

    def propose(self, number: int) -> str:
        """Start the workflow; its row is stored when this returns."""
        handle = DBOS.start_workflow(refund, f"o{number}", 20_000, "it arrived broken")
        self._handles[handle.get_workflow_id()] = handle
        return handle.get_workflow_id()

    def approve(self, handle: str) -> None:
        """Send the yes and wait for the result."""
        DBOS.send(handle, "approve", "decision")
        # Its own handle: one that is looked up again polls once in a second.
        result = self._handles.pop(handle).get_result()
        assert result.startswith("pay_"), result

    @property
    def effects(self) -> int:
        """How many refunds were done."""
        return len(PAYOUTS)


@contextmanager
def open_peer(place: Place) -> Generator[Dbos]:
    """On a new SQLite file, or on the PostgreSQL database."""
    place.folder.mkdir(parents=True)
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": place.url or f"sqlite:///{place.folder / 'dbos.sqlite'}",
        "log_level": "CRITICAL",
    }
    DBOS(config=config)
    DBOS.launch()
    try:
        yield Dbos()
    finally:
        DBOS.destroy()
