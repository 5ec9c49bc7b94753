"""Compares what three witnesses say of a lane: the bank, the ledger and the log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.crash.bank import Refund
from bench.crash.ledger import Kept
from bench.crash.plan import Wish


@dataclass(slots=True, kw_only=True)
class Faults:
    """What is wrong, each with a sentence.

    Attributes:
        double: effects at the bank beyond the one that was asked for.
        lost: asked for and never done although the guarantee promises it; done and not
            `succeeded` in the ledger; told to the caller and gone; left open for ever; a worker
            that hung or failed.
        disagree: amount, receipt or reference differ between bank and ledger; the ledger says
            `succeeded` and there is nothing; an effect nobody asked for; the sums differ.
        unverified: the log does not verify, or does not hold a head that was seen earlier.
    """

    double: list[str] = field(default_factory=list[str])
    lost: list[str] = field(default_factory=list[str])
    disagree: list[str] = field(default_factory=list[str])
    unverified: list[str] = field(default_factory=list[str])

    def add(self, other: Faults) -> None:
        """Take the other's faults over."""
        self.double += other.double
        self.lost += other.lost
        self.disagree += other.disagree
        self.unverified += other.unverified

    def all(self) -> list[str]:
        """Every sentence."""
        return [*self.double, *self.lost, *self.disagree, *self.unverified]


def judge(
    wishes: Iterable[Wish],
    refunds: Sequence[Refund],
    ledger: Sequence[Kept],
    told: Mapping[str, str],
) -> Faults:
    """Judge a finished lane.

    Args:
        refunds: the bank's books, of this lane only.
        ledger: every action, after a person has settled what only a person can.
        told: by action id, the last status that a caller was told.
    """
    faults = Faults()
    by_order: dict[str, list[Refund]] = defaultdict(list)
    for refund in refunds:
        by_order[refund.order].append(refund)
    by_key = {row.key: row for row in ledger}
    asked = {wish.key: wish for wish in wishes}
    for wish in asked.values():
        _judge_wish(faults, wish, by_key.get(wish.key), by_order.get(wish.key, []))
    for order in by_order.keys() - asked.keys():
        faults.disagree.append(f"nobody asked for {by_order[order]}")
    for key in by_key.keys() - asked.keys():
        faults.disagree.append(f"nobody asked for {by_key[key]}")
    _judge_told(faults, ledger, told)
    paid = sum(refund.amount for refund in refunds)
    ours = sum(row.amount for row in ledger if row.status == "succeeded")
    if paid != ours:
        faults.disagree.append(f"the bank has paid {paid} cents, the ledger says {ours}")
    return faults


def _judge_told(faults: Faults, ledger: Sequence[Kept], told: Mapping[str, str]) -> None:
    by_id = {row.id: row.status for row in ledger}
    for action, status in told.items():
        now = by_id.get(action)
        if now is None or (status in ("succeeded", "failed") and now != status):
            faults.lost.append(f"told {status}, and {action} is {now}")


def _judge_wish(faults: Faults, wish: Wish, row: Kept | None, done: Sequence[Refund]) -> None:
    name = f"{wish.guarantee} {wish.key}"
    if len(done) > 1:
        faults.double += [f"{name}: {one.id} is one too many" for one in done[1:]]
    status = None if row is None else row.status
    if not done:
        _judge_undone(faults, wish, name, status)
        return
    if row is None or status != "succeeded":
        faults.lost.append(f"{name}: done, and the ledger says {status}")
        return
    bank = (done[0].amount, done[0].id, done[0].reference)
    ours = (row.amount, row.receipt_id, row.id)
    if bank != ours or row.amount != wish.amount:
        faults.disagree.append(f"{name}: the bank has {bank}, the ledger {ours}")


def _judge_undone(faults: Faults, wish: Wish, name: str, status: str | None) -> None:
    if status == "succeeded":
        faults.disagree.append(f"{name}: never done, and the ledger says {status}")
    elif not (wish.guarantee == "at_most_once" and status == "failed"):
        # At most once may be never: a person has then looked, and the ledger says `failed`.
        faults.lost.append(f"{name}: never done, and the ledger says {status}")
