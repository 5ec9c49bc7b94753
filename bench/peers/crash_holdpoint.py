"""holdpoint: a guarded function that runs on approval, and `recover()` at the next start."""

from __future__ import annotations

from typing import Any

from holdpoint import HoldPoint, SQLiteStore, current_action_id

from bench.peers.crash_base import PERSON, BankDoor, Spot, Word

_WORDS: dict[str, Word] = {"executed": "done", "failed": "not done", "rejected": "not done"}


class HoldpointPeer:
    """See the module."""

    distribution = "holdpoint"

    def __init__(self) -> None:
        self.modes = {
            "key and verify": "guard(verify=…) and current_action_id() as bank's key; recover()",
            "neither": "guard() alone; recover()",
        }

    def first(self, spot: Spot, bank: BankDoor) -> None:
        """See `Peer.first`."""
        hold, refund = _open(spot, bank)
        hold.approve(refund(order=spot.order).id, actor=PERSON)

    def again(self, spot: Spot, bank: BankDoor) -> tuple[Word, str]:
        """See `Peer.again`: a single worker that restarts need not wait for its old lease."""
        hold, _ = _open(spot, bank)
        hold.recover(ignore_leases=True)
        action = hold.get((spot.folder / "id").read_text(encoding="utf-8"))
        status = str(action.status.value)
        error = "" if action.error is None else str(action.error.message)
        if "may or may not" in error:
            # Its documentation: this `failed` says that the side effect is unknown.
            return "open", f"{status}: {error.split(';')[0]}"
        return _WORDS.get(status, "open"), status


def _open(spot: Spot, bank: BankDoor) -> tuple[HoldPoint, Any]:
    hold = HoldPoint(store=SQLiteStore(str(spot.folder / "approvals.db")))
    strong = spot.mode != "neither"

    def refund(order: str) -> str:
        action = current_action_id() or ""
        (spot.folder / "id").write_text(action, encoding="utf-8")
        return bank.refund(order, action, action if strong else "")

    def verify(payload: Any, action_id: str) -> bool:
        return bank.has(action_id)

    guard: Any = hold.guard(kind="refund", verify=verify) if strong else hold.guard(kind="refund")
    return hold, guard(refund)


PEER = HoldpointPeer()
