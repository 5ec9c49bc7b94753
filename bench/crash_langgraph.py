"""The peer of the crash campaign: LangGraph's `interrupt()` on SqliteSaver, killed after the call.

`python -m bench.crash_langgraph FOLDER URL CHARGE first|again`: a refund behind a gate, as its
documentation shows it. The node calls Stripe's SDK as a plain user does, without a key of its own.
"""

# NOTE: LangGraph's own overloads are partly untyped, which strict pyright reports at every call.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NotRequired, TypedDict

from sayso.testing.sandbox import API_KEY, SandboxControl
from sayso.testing.sandbox.rows import Charge, Customer

AMOUNT = 2000
TIMEOUT_S = 60


class Refund(TypedDict):
    """The state of the thread."""

    charge: str
    approved: NotRequired[bool]
    refund: NotRequired[str]


class Update(TypedDict, total=False):
    """What a node writes."""

    approved: bool
    refund: str


def work(folder: Path, charge: str, pay: Callable[[str], str], role: str) -> None:
    """Ask and approve; or, in a new process, carry the thread on as the documentation says."""
    from langchain_core.runnables import RunnableConfig  # only the worker pays for them
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import END, START, StateGraph
    from langgraph.types import Command, interrupt

    def gate(state: Refund) -> Update:
        return {"approved": interrupt({"charge": state["charge"]})}

    def refund(state: Refund) -> Update:
        return {"refund": pay(state["charge"])}

    graph: StateGraph[Refund, None, Refund, Refund] = StateGraph(Refund)
    graph.add_node("gate", gate)
    graph.add_node("refund", refund)
    graph.add_edge(START, "gate")
    graph.add_edge("gate", "refund")
    graph.add_edge("refund", END)
    connection = sqlite3.connect(folder / "checkpoints.db", check_same_thread=False)
    compiled = graph.compile(checkpointer=SqliteSaver(connection))
    config: RunnableConfig = {"configurable": {"thread_id": charge}}
    if role == "first":
        compiled.invoke({"charge": charge}, config, durability="sync")
        compiled.invoke(Command(resume=True), config, durability="sync")
    elif compiled.get_state(config).next:
        compiled.invoke(None, config, durability="sync")


def doubles(folder: Path, control: SandboxControl, runs: int) -> int:
    """How many refunds too many the provider has after so many runs."""
    now = int(time.time())
    control.add(Customer(id="cus_peer", created=now - 86_400))
    doubled = 0
    for number in range(runs):
        charge = f"ch_peer_{number}"
        row = Charge(
            id=charge, created=now - 3600, amount=9000, currency="usd", customer="cus_peer"
        )
        control.add(row)
        for role, status in (("first", -signal.SIGKILL), ("again", 0)):
            command = [sys.executable, "-m", "bench.crash_langgraph", str(folder), control.url]
            done = subprocess.run([*command, charge, role], check=False, timeout=TIMEOUT_S)
            assert done.returncode == status, done
        doubled += len(control.books().on(charge)) - 1
    return doubled


def main() -> None:
    """Run one process; see the module."""
    import stripe  # only the worker pays for it

    folder, url, charge, role = sys.argv[1:]
    client = stripe.StripeClient(API_KEY, base_addresses={"api": url})

    def pay(charge_id: str) -> str:
        done = client.v1.refunds.create({"charge": charge_id, "amount": AMOUNT})
        if role == "first":
            os.kill(os.getpid(), signal.SIGKILL)
        return done.id

    work(Path(folder), charge, pay, role)


if __name__ == "__main__":
    main()
