"""airlock-sdk: a guarded tool behind a gate, resumed after the approval, reconciled at start."""

from __future__ import annotations

import sqlite3
import time
import warnings
from contextlib import closing
from datetime import timedelta
from typing import Any

import airlock
from airlock import Decision, Effect, HumanDecision, Money, Policy, Reversibility, Rule
from airlock.reconcile import OnAbsent, reconcile_on_startup
from airlock.transport.console import ConsoleApprovalTransport
from airlock.types import Verification

from bench.peers.crash_base import AMOUNT, BankDoor, Spot, Word

_STALE = timedelta(seconds=0.2)
_WORDS: dict[str, Word] = {"committed": "done", "aborted": "not done"}


class AirlockPeer:
    """See the module."""

    distribution = "airlock-sdk"

    def __init__(self) -> None:
        self.modes = {
            "key": "Effect(key_param=…): the bank drops repeated keys; reconcile_on_startup, RETRY",
            "probe": "Effect(verify=…): the bank is asked; reconcile_on_startup, RETRY",
            "neither": "no Effect: at most once; reconcile_on_startup, RETRY",
        }

    def first(self, spot: Spot, bank: BankDoor) -> None:
        """See `Peer.first`."""
        app, refund = _open(spot, bank)
        try:
            refund(order=spot.order)
        except airlock.ActionPending as pending:
            reference = str(pending.approval_ref)
            (spot.folder / "reference").write_text(reference, encoding="utf-8")
            app.resume(reference, HumanDecision.APPROVED)

    def again(self, spot: Spot, bank: BankDoor) -> tuple[Word, str]:
        """See `Peer.again`: the sweep at start, then the yes is delivered once more."""
        app, _ = _open(spot, bank)
        time.sleep(2 * _STALE.total_seconds())
        reconcile_on_startup(app.store, older_than=_STALE, on_absent=OnAbsent.RETRY)
        reference = (spot.folder / "reference").read_text(encoding="utf-8")
        try:
            said = str(app.resume(reference, HumanDecision.APPROVED).status.value)
        except airlock.AirlockError as error:
            said = type(error).__name__
        app.store.close()
        with closing(sqlite3.connect(spot.folder / "airlock.db")) as connection:
            row = connection.execute("select state from commit_records").fetchone()
        state = "no row" if row is None else str(row[0])
        return _WORDS.get(state, "open"), f"{state} ({said})"


def _open(spot: Spot, bank: BankDoor) -> tuple[airlock.Airlock, Any]:
    warnings.simplefilter("ignore", airlock.AtMostOnceWarning)

    def probe(order: str, **_: object) -> tuple[Verification, Any]:
        return (Verification.PRESENT if bank.has(order) else Verification.ABSENT), None

    effects = {"key": Effect(key_param="key"), "probe": Effect(verify=probe), "neither": Effect()}

    def refund(order: str, *, key: str = "") -> str:
        return bank.refund(order, order, key)

    guarded = airlock.guard(
        "bank.refund",
        cost=Money(amount=str(AMOUNT // 100), currency="USD"),
        reversibility=Reversibility.IRREVERSIBLE,
        effect=effects[spot.mode],
    )(refund)
    app = airlock.init(
        store=f"sqlite:///{spot.folder / 'airlock.db'}",
        policy=Policy(rules=[Rule(match="bank.*", decision=Decision.GATE)]),
        transport=ConsoleApprovalTransport(str(spot.folder / "approvals.jsonl")),
        gate_wait=False,
    )
    return app, guarded


PEER = AirlockPeer()
