"""holdpoint as its README shows: a guarded function, a SQLite file, `approve` carries it out.

Its store sets `synchronous=NORMAL` (its sqlite_store.py says so): a commit is not synced, so a
power cut may take back what was approved and done.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from holdpoint import HoldPoint, SQLiteStore

from bench.throughput.flow import Place


class Holdpoint:
    """One hold point with one guarded refund."""

    def __init__(self, hold: HoldPoint) -> None:
        self._payouts: list[tuple[str, int]] = []
        self._hold = hold

        @hold.guard(kind="refund")
        def refund(order: str, amount_minor: int, reason: str) -> str:
            self._payouts.append((order, amount_minor))
            return f"pay_{len(self._payouts)}"

        self._refund = refund

    def propose(self, number: int) -> str:
        """Store the call."""
        pending = self._refund(order=f"o{number}", amount_minor=20_000, reason="it arrived broken")
        return pending.id

    def approve(self, handle: str) -> None:
        """Approve and run it."""
        decision = self._hold.approve(handle, actor="ana")
        assert decision.value is not None

    @property
    def effects(self) -> int:
        """How many refunds were done."""
        return len(self._payouts)


@contextmanager
def open_peer(place: Place) -> Generator[Holdpoint]:
    """On a new SQLite file; it has no other store."""
    place.folder.mkdir(parents=True)
    with SQLiteStore(place.folder / "approvals.db") as store:
        yield Holdpoint(HoldPoint(store=store))
