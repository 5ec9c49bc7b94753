"""What a change of an action does to what it uses of limits, in the transaction of the change."""

from __future__ import annotations

from dataclasses import dataclass

from sayso.actions.limits.definition import PERSONAL
from sayso.actions.limits.look import Planned
from sayso.actions.limits.usage import CARDS, Use, change_use, in_state, put_uses
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.status import Status
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.log import AuditLog
from sayso.store.base import Transaction

_SYSTEM = Actor(kind=ActorKind.SYSTEM, id="limits")
HOLDING = frozenset({Status.APPROVED, Status.EXECUTING, Status.ACCEPTED, Status.UNKNOWN})
"""States in which an action holds what it may still use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """A change of an action's uses, to be written with the change of the action."""

    row: ActionRow
    was: Status | None
    known: tuple[tuple[int, Use], ...]
    planned: tuple[Planned, ...]
    log: AuditLog | None

    def data(self) -> dict[str, Json]:
        """What the entry says of what is reserved."""
        if not self.planned:
            return {}
        return {"limits": [_said(one) for one in self.planned]}

    def write(self, tx: Transaction, seq: int) -> None:
        """Write it, and tell people of what is four fifths full now, once."""
        row, status = self.row, self.row.status
        if status in HOLDING or status is Status.PENDING_APPROVAL:
            if self.was not in HOLDING and (self.planned or status in HOLDING):
                self._release(tx, seq)
            for one in self._reserve(tx, seq):
                self._tell(tx, one)
            return
        for revision, use in self.known:
            changed = self._ended(use, is_newest=revision == self._newest())
            if changed is not None:
                change_use(tx, row.tenant, row.id, revision, seq, use, changed)

    def _tell(self, tx: Transaction, one: Planned) -> None:
        if self.log is None:
            return
        look, limit = one.look, one.look.limit
        data: dict[str, Json] = {
            **_said(one),
            "of": limit.of.value,
            "used_minor": look.used.minor + look.minor,
            "used_count": look.used.count + 1,
            "cap_minor": look.cap_minor,
            "cap_count": look.cap_count,
        }
        entry = Entry(kind=EntryKind.LIMIT_NEAR, actor=_SYSTEM, action=self.row.id, data=data)
        self.log.append(tx, self.row.tenant, entry)

    def _newest(self) -> int:
        amounts = [revision for revision, use in self.known if use.place.currency != CARDS]
        return max(amounts, default=0)

    def _ended(self, use: Use, *, is_newest: bool) -> Use | None:
        """What becomes of a use with the end of its action, or its return to the start."""
        status = self.row.status
        if use.place.currency == CARDS:
            return in_state(use, "released") if use.state == "held" else None
        if status is Status.SUCCEEDED:
            if use.state == "held":
                return in_state(use, "settled", minor=_moved(self.row, use.minor))
            if use.state == "released" and is_newest:
                # The books say what happened, also above the limit.
                return in_state(use, "settled", minor=_moved(self.row, use.minor), why="late")
            return None
        if use.state == "settled":
            # It was taken back, or it came back by itself.
            taken_back = status in {Status.COMPENSATED, Status.FAILED}
            return in_state(use, "returned") if taken_back else None
        return in_state(use, "released") if use.state == "held" else None

    def _release(self, tx: Transaction, seq: int) -> None:
        """Let go of open cards, and of whatever an earlier revision held."""
        for revision, use in self.known:
            if use.state == "held":
                changed = in_state(use, "released")
                change_use(tx, self.row.tenant, self.row.id, revision, seq, use, changed)

    def _reserve(self, tx: Transaction, seq: int) -> list[Planned]:
        row = self.row
        for one in self.planned:
            was = next(
                (
                    use
                    for revision, use in self.known
                    if revision == row.revision and use.place == one.use.place
                ),
                None,
            )
            if was is not None and was.state != "released":
                change_use(tx, row.tenant, row.id, row.revision, seq, was, one.use)
            else:
                put_uses(tx, row.tenant, row.id, row.revision, seq, [one.use])
        return [one for one in self.planned if _is_nearly_full(one) and _tell(tx, one.use)]


def _moved(row: ActionRow, minor: int) -> int:
    """What is settled: what the receipt says has moved, as far as it says so."""
    planned, moved = row.amount, row.receipt.amount if row.receipt else None
    if planned is None or moved is None or moved.currency != planned.currency:
        return minor
    if planned.amount_minor == moved.amount_minor or minor == 0:
        return minor
    # In another currency than the amount, in proportion and rounded up.
    return -(-minor * moved.amount_minor // planned.amount_minor)


def _is_nearly_full(one: Planned) -> bool:
    look = one.look
    if look.cap_minor is not None:
        return (look.used.minor + look.minor) * 5 >= look.cap_minor * 4
    return look.cap_count is not None and (look.used.count + 1) * 5 >= look.cap_count * 4


def _tell(tx: Transaction, use: Use) -> bool:
    """Whether nobody was told yet of this limit, key and bucket."""
    told = tx.run(
        "limits.tell",
        owner=use.place.owner,
        limit_id=use.place.limit_id,
        key=use.place.key,
        currency=use.place.currency,
        bucket=use.bucket,
    )
    return told == 1


def _said(one: Planned) -> dict[str, Json]:
    use = one.use
    said: dict[str, Json] = {
        "limit": use.place.limit_id,
        "currency": use.place.currency,
        "bucket": use.bucket,
        "minor": use.minor,
        "why": use.why,
    }
    if one.look.limit.of not in PERSONAL:
        said["key"] = use.place.key
    return said
