"""DBOS: a workflow that waits for a person with `recv`, and a step that calls the bank."""

from __future__ import annotations

from collections.abc import Callable

from dbos import DBOS, DBOSConfig, SetWorkflowID, WorkflowHandle

from bench.peers.crash_base import BankDoor, Spot, Word

_WAIT_S = 30.0


class DbosPeer:
    """See the module."""

    distribution = "dbos"

    def __init__(self) -> None:
        self.modes = {
            "as documented, sqlite": "recv(), then @DBOS.step calls the bank; SQLite",
            "as documented, postgres": "the same on PostgreSQL",
            "own key, sqlite": "the same, and the step sends the workflow's id as the bank's key",
        }

    def first(self, spot: Spot, bank: BankDoor) -> None:
        """See `Peer.first`."""
        refund = _launch(spot, bank)
        with SetWorkflowID(spot.order):
            handle: WorkflowHandle[str] = DBOS.start_workflow(refund, spot.order)
        DBOS.send(spot.order, True, topic="approval")
        handle.get_result()

    def again(self, spot: Spot, bank: BankDoor) -> tuple[Word, str]:
        """See `Peer.again`: launching the same executor recovers what was pending."""
        _launch(spot, bank)
        handle: WorkflowHandle[str] = DBOS.retrieve_workflow(spot.order)
        handle.get_result()
        status = handle.get_status().status
        return ("done" if status == "SUCCESS" else "open", status)


def _launch(spot: Spot, bank: BankDoor) -> Callable[[str], str]:
    url = f"sqlite:///{spot.folder / 'dbos.sqlite'}"
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": spot.store_url if spot.mode.endswith("postgres") else url,
        "executor_id": f"bench-{spot.order}",
        "application_version": "1",
        "log_level": "ERROR",
    }
    DBOS(config=config)

    @DBOS.step()
    def pay(order: str) -> str:
        key = order if spot.mode.startswith("own key") else ""
        return bank.refund(order, order, key)

    @DBOS.workflow()
    def refund(order: str) -> str:
        return pay(order) if DBOS.recv("approval", timeout_seconds=_WAIT_S) else ""

    DBOS.launch()
    return refund


PEER = DbosPeer()
