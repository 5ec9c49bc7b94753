"""ctrlrun: a protected function, a granted approval that is presented, and the same call again."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, Literal

import ctrlrun

from bench.peers.crash_base import AMOUNT, PERSON, BankDoor, Spot, Word

_LEASE = timedelta(seconds=0.2)
_POLICY = """
schema: ctrlrun.policy/v2
actions:
  bank.refund:
    effect: "refund:{order}"
    rules:
      - when: { amount_gte: 0, amount_lte: 1000000 }
        decision: approve
      - decision: deny
"""
_WORDS: dict[str, Word] = {"committed": "done", "failed": "not done"}


class CtrlrunPeer:
    """See the module."""

    distribution = "ctrlrun"

    def __init__(self) -> None:
        self.modes = {
            "reconcile": "@protect(effect=…, reconcile=…): the bank is asked before a new try",
            "effect key": "@protect(effect=…) alone: what is unknown waits for `ctrlrun resolve`",
        }

    def first(self, spot: Spot, bank: BankDoor) -> None:
        """See `Peer.first`."""
        (spot.folder / "ctrlrun.yaml").write_text(_POLICY, encoding="utf-8")
        control, refund = _open(spot, bank)
        _request(control, refund, spot)
        _present(refund, spot)

    def again(self, spot: Spot, bank: BankDoor) -> tuple[Word, str]:
        """See `Peer.again`: the caller asks again once the lease of the dead is over."""
        control, refund = _open(spot, bank)
        time.sleep(3 * _LEASE.total_seconds())
        said = _said(lambda: _present(refund, spot))
        if said == "ApprovalMismatch":
            # The yes was used up by the call that died, so a person is asked once more.
            said = f"{said}, asked again: " + _said(lambda: _request(control, refund, spot))
            said = said + ", " + _said(lambda: _present(refund, spot))
        record = control.store.get_effect(f"refund:{spot.order}")
        state = "no record" if record is None else str(record.state.value)
        return _WORDS.get(state, "open"), f"{state} ({said})"


def _said(work: Any) -> str:
    try:
        work()
    except ctrlrun.CTRLRunError as error:
        return type(error).__name__
    return "ok"


def _request(control: ctrlrun.Control, refund: Any, spot: Spot) -> None:
    try:
        with ctrlrun.context(agent="support-agent"):
            refund(order=spot.order, amount=AMOUNT)
    except ctrlrun.ApprovalRequired as pending:
        (spot.folder / "request").write_text(pending.request_id, encoding="utf-8")
        control.store.grant_approval(pending.request_id, PERSON)


def _present(refund: Any, spot: Spot) -> None:
    request = (spot.folder / "request").read_text(encoding="utf-8")
    with ctrlrun.context(agent="support-agent"), ctrlrun.with_approval(request):
        refund(order=spot.order, amount=AMOUNT)


def _open(spot: Spot, bank: BankDoor) -> tuple[ctrlrun.Control, Any]:
    control = ctrlrun.Control.from_file(spot.folder / "ctrlrun.yaml")

    def refund(order: str, amount: int) -> str:
        return bank.refund(order, order)

    def ask_the_bank(effect_key: str) -> Literal["committed", "not_executed"]:
        return "committed" if bank.has(spot.order) else "not_executed"

    protect = ctrlrun.protect(
        "bank.refund",
        effect="refund:{order}",
        lease=_LEASE,
        control=control,
        reconcile=ask_the_bank if spot.mode == "reconcile" else None,
    )
    return control, protect(refund)


PEER = CtrlrunPeer()
