"""ctrlrun as its README shows: a policy file, `@protect`, a grant, and the call that presents it.

The control is what `Control.from_file` makes, with its JSON Lines beside the store. Its SQLite
store sets `synchronous=NORMAL` (its state.py says so): a commit is not synced. On PostgreSQL it is
as durable as the server.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import ctrlrun
from ctrlrun.control import state_path
from ctrlrun.postgres import PostgresStateStore

from bench.throughput.flow import Place

POLICY = """
schema: ctrlrun.policy/v2

actions:
  shop.refund:
    effect: "refund:{order}"
    rules:
      - when: { amount_gte: 0, amount_lte: 5000 }
        decision: allow
      - when: { amount_gte: 0, amount_lte: 50000 }
        decision: approve
      - decision: deny
"""


class Ctrlrun:
    """One protected refund."""

    def __init__(self, control: ctrlrun.Control) -> None:
        self._payouts: list[tuple[str, int]] = []
        self._store = control.store

        @ctrlrun.protect("shop.refund", effect="refund:{order}", control=control)
        def refund(order: str, amount: int, reason: str) -> dict[str, str]:
            self._payouts.append((order, amount))
            return {"payout": f"pay_{len(self._payouts)}"}

        self._refund = refund

    def propose(self, number: int) -> str:
        """Ask for the approval; returns its id and the order."""
        try:
            with ctrlrun.context(agent="support"):
                self._refund(order=f"o{number}", amount=20_000, reason="it arrived broken")
        except ctrlrun.ApprovalRequired as pending:
            return f"{pending.request_id} o{number}"
        raise AssertionError("nobody was asked")

    def approve(self, handle: str) -> None:
        """Grant it as `ctrlrun approve` does, and present the grant."""
        request_id, order = handle.split()
        self._store.grant_approval(request_id, "cli:local")
        with ctrlrun.context(agent="support"), ctrlrun.with_approval(request_id):
            self._refund(order=order, amount=20_000, reason="it arrived broken")

    @property
    def effects(self) -> int:
        """How many refunds were done."""
        return len(self._payouts)


@contextmanager
def open_peer(place: Place) -> Generator[Ctrlrun]:
    """On a new SQLite file, or on the PostgreSQL database."""
    place.folder.mkdir(parents=True)
    control = _control(place.folder / "ctrlrun.yaml", place.url)
    try:
        yield Ctrlrun(control)
    finally:
        control.store.close()


def _control(file: Path, url: str) -> ctrlrun.Control:
    file.write_text(POLICY, encoding="utf-8")
    if not url:
        return ctrlrun.Control.from_file(file)
    policy = ctrlrun.Policy.from_file(file)
    sink = ctrlrun.JSONLEventSink(state_path(file).parent)
    return ctrlrun.Control(policy, PostgresStateStore(url), sinks=[sink])
