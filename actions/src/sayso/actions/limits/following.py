"""What a change of an action does to what it uses of limits, in the transaction of the change."""

from __future__ import annotations

from dataclasses import dataclass

from sayso.actions.limits.agreement import check_followed
from sayso.actions.limits.definition import PERSONAL, Of
from sayso.actions.limits.limit_check import LimitCheck, Planned
from sayso.actions.limits.usage import (
    CARDS,
    Use,
    change_use,
    in_state,
    put_counter,
    put_uses,
    read_used,
    sum_of,
)
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.status import Status
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.limit_sums import COUNTER, JUDGED_BY
from sayso.audit.log import AuditLog
from sayso.store.base import Transaction

_SYSTEM = Actor(kind=ActorKind.SYSTEM, id="limits")
NEAR_TOPIC = "limit.near"
"""The topic of the outbox for surfaces that tell people; its keys are places in the log."""
HOLDING = frozenset({Status.APPROVED, Status.EXECUTING, Status.ACCEPTED, Status.UNKNOWN})
"""States in which an action holds what it may still use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsFollowing:
    """A change of an action's uses, to be written with the change of the action."""

    row: ActionRow
    was: Status | None
    known: tuple[tuple[int, Use], ...]
    planned: tuple[Planned, ...]
    log: AuditLog | None

    def data(self) -> dict[str, Json]:
        """What the entry says of what is reserved."""
        reserved = [_said(one, self.row) for one in self.planned if not one.turned_away]
        if not reserved:
            return {}
        number = 0 if self.row.judgement is None else self.row.judgement.policy
        return {"limits": list[Json](reserved), JUDGED_BY: number}

    def write(self, tx: Transaction, seq: int, entry: Entry) -> None:
        """Write it, and tell people of what is four fifths full now, once.

        Args:
            entry: of the change, under which it is written.

        Raises:
            IntegrityError: `unsaid_change`, where the verifier would make another thing of it.
        """
        row, status = self.row, self.row.status
        changed: list[tuple[int, Use]] = []
        reserved: list[Planned] = []
        for one in self.planned:
            if one.turned_away and one.check.level_without:
                put_counter(tx, one.use)
                self._tell(tx, one.check, 2)
        if status in HOLDING or status is Status.PENDING_APPROVAL:
            if self.was not in HOLDING and (self.planned or status in HOLDING):
                changed += self._release(tx, seq)
            reserved = self._reserve(tx, seq)
            changed += [(row.revision, one.use) for one in reserved]
        else:
            changed += self._end(tx, seq)
        check_followed(row, self.was, self.known, changed, entry, seq)
        for one in reserved:
            self._tell(tx, one.check, one.check.level)

    def _end(self, tx: Transaction, seq: int) -> list[tuple[int, Use]]:
        """Settle, return or let go of what is used; what was changed, by its revision."""
        row, changed = self.row, list[tuple[int, Use]]()
        for revision, use in self.known:
            after = self._ended(use, is_newest=revision == self._newest())
            if after is not None:
                change_use(tx, row.tenant, row.id, revision, seq, use, after)
                changed.append((revision, after))
        return changed

    def _tell(self, tx: Transaction, look: LimitCheck, level: int) -> None:
        """Have people told how full a limit is, once for each window and level."""
        if self.log is None or not level or not _is_news(tx, look, level):
            return
        limit = look.limit
        used = sum_of(read_used(tx, [(place, look.oldest) for place in look.places]))
        data: dict[str, Json] = {
            **_said(Planned(action_id=self.row.id, check=look), self.row),
            "of": limit.of.value,
            "full": level > 1,
            "used_minor": used.minor,
            "used_count": used.count,
            "cap_minor": look.cap_minor,
            "cap_count": look.cap_count,
        }
        entry = Entry(kind=EntryKind.LIMIT_NEAR, actor=_SYSTEM, action=self.row.id, data=data)
        seq = self.log.append(tx, self.row.tenant, entry)
        tx.run(
            "outbox.put",
            tenant=self.row.tenant,
            topic=NEAR_TOPIC,
            key=str(seq),
            now=self.row.updated_at,
        )

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

    def _release(self, tx: Transaction, seq: int) -> list[tuple[int, Use]]:
        """Let go of open cards, and of whatever an earlier revision held."""
        changed = [
            (revision, use, in_state(use, "released"))
            for revision, use in self.known
            if use.state == "held"
        ]
        for revision, use, after in changed:
            change_use(tx, self.row.tenant, self.row.id, revision, seq, use, after)
        return [(revision, after) for revision, _, after in changed]

    def _reserve(self, tx: Transaction, seq: int) -> list[Planned]:
        row, reserving = self.row, [one for one in self.planned if not one.turned_away]
        for one in reserving:
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
        return reserving


def _moved(row: ActionRow, minor: int) -> int:
    """What is settled: what the receipt says has moved, as far as it says so."""
    planned, moved = row.amount, row.receipt.amount if row.receipt else None
    if planned is None or moved is None or moved.currency != planned.currency:
        return minor
    if planned.amount_minor == moved.amount_minor or minor == 0:
        return minor
    # In another currency than the amount, in proportion and rounded up.
    return -(-minor * moved.amount_minor // planned.amount_minor)


def _is_news(tx: Transaction, look: LimitCheck, level: int) -> bool:
    """Whether nobody was told yet that this limit is so full for this key in this window."""
    told = tx.run(
        "limits.tell",
        owner=look.place.owner,
        limit_id=look.place.limit_id,
        key=look.place.key,
        currency=look.place.currency,
        bucket=look.bucket,
        oldest=look.oldest,
        level=level,
    )
    return told == 1


def _said(one: Planned, row: ActionRow) -> dict[str, Json]:
    """What whoever reads the log needs to add it up: by which key, how full it was, and the cap."""
    use, look = one.use, one.check
    said: dict[str, Json] = {
        "limit": use.place.limit_id,
        "currency": use.place.currency,
        "bucket": use.bucket,
        "minor": use.minor,
        "why": use.why,
        "of": look.limit.of.value,
        "hard": look.limit.is_hard,
        "oldest": look.oldest,
        "cap": look.cap_count if look.cap_minor is None else look.cap_minor,
        "used": look.used.count if look.cap_minor is None else look.used.minor,
    }
    if look.limit.of not in PERSONAL:
        said["key"] = use.place.key
    elif look.limit.of is Of.CUSTOMER and row.snapshot is not None:
        # Beside the pseudonym, of whose entry it is: at which provider's account.
        account = row.snapshot.resolved.account.partition(" (")[0]
        said["account"] = f"{row.name.partition('.')[0]}|{account}"
    if look.counter:
        said[COUNTER] = look.counter
    return said
