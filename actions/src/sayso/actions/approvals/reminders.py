"""Reminders: people who do not decide in time are reminded, and then somebody else may decide too.

Timers are rows, not tasks: the action is due when the next one is, so that whichever worker looks
then tells, and a restart forgets nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sayso.actions.approvals.escalation import Escalation, escalation_of, tell, was_reminded
from sayso.actions.approvals.repository import ApprovalRow, ApprovalStatus, approval_of, show_again
from sayso.actions.context import EngineContext
from sayso.actions.model.action_row import ActionRow
from sayso.audit.entry import EntryKind
from sayso.store.base import Reader, Transaction

REMINDER_TOPIC = "reminder"
"""The topic of the outbox for surfaces that can call people; its keys are approval ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """When people are reminded, and when somebody else is asked as well.

    Attributes:
        time: how long people have to decide in all.
        remind_after: after the card was shown; None never reminds.
        escalate_after: the same for asking `escalate_to`.
        escalate_to: the role whose members may decide from then on, as if they held the roles that
            are asked. Each of them still counts once, and nobody decides about their own request.
    """

    time: timedelta
    remind_after: timedelta | None = None
    escalate_after: timedelta | None = None
    escalate_to: str | None = None

    @property
    def first(self) -> timedelta:
        """After how long a shown card is looked at for the first time."""
        given = (self.remind_after, self.escalate_after, self.time)
        return min(one for one in given if one is not None)

    def left(self, approval: ApprovalRow, told: set[EntryKind]) -> list[tuple[int, EntryKind]]:
        """What has still to be told, with its time in microseconds since 1970."""
        shown_at = approval.expires_at - _micros(self.time)
        wanted = (
            (self.remind_after, EntryKind.APPROVAL_REMINDED),
            (self.escalate_after, EntryKind.APPROVAL_ESCALATED),
        )
        return [
            (shown_at + _micros(after), kind)
            for after, kind in wanted
            if after is not None and kind not in told
        ]


class Reminders:
    """Tells as part of the caller's transaction, each time once."""

    def __init__(self, context: EngineContext, timers: Timers) -> None:
        self._ledger = context.ledger
        self._personal = context.personal
        self._timers = timers

    def tell(self, tx: Transaction, row: ActionRow, now: int) -> None:
        """Tell what is to be told by now about an action that waits for people.

        Guarantees: the entry, the message to the surfaces and the next timer are one transaction;
        the state of the action and of its approval stays as it is.
        """
        if self._timers.remind_after is None and self._timers.escalate_after is None:
            return
        approval = approval_of(tx, row)
        if approval is None or approval.status is not ApprovalStatus.PENDING:
            return
        left = self._timers.left(approval, _told(tx, approval))
        for _, kind in (timer for timer in left if timer[0] <= now < approval.expires_at):
            approval = self._tell(tx, row, approval, kind, now)
        later = [at for at, _ in left if at > now]
        tx.run(
            "action.due_again",
            tenant=row.tenant,
            id=row.id,
            last_seq=row.last_seq,
            due_at=min([*later, approval.expires_at]),
        )

    def _tell(
        self, tx: Transaction, row: ActionRow, approval: ApprovalRow, kind: EntryKind, now: int
    ) -> ApprovalRow:
        data = self._escalation(tx, approval).data if kind is EntryKind.APPROVAL_ESCALATED else {}
        pseudonym = self._personal.pseudonym(tx, row.tenant, row.subject.id, now)
        log = self._ledger.log
        told = tell(tx, log, row, approval, kind, pseudonym=pseudonym, data=data)
        tx.run("outbox.put", tenant=row.tenant, topic=REMINDER_TOPIC, key=approval.id, now=now)
        if kind is EntryKind.APPROVAL_ESCALATED:
            show_again(tx, row.tenant, approval.id, now)  # the card says who may decide now
        return told

    def _escalation(self, reader: Reader, approval: ApprovalRow) -> Escalation:
        """For all that are asked, and for what an edit has handed on to the same role already."""
        assert self._timers.escalate_to is not None, "settings take it with its time only"
        roles = frozenset(approval.roles)
        before = escalation_of(reader, approval)
        if before is not None and before.role == self._timers.escalate_to:
            roles |= before.roles
        return Escalation(role=self._timers.escalate_to, roles=roles)


def _told(reader: Reader, approval: ApprovalRow) -> set[EntryKind]:
    found: set[EntryKind] = set()
    if was_reminded(reader, approval):
        found.add(EntryKind.APPROVAL_REMINDED)
    escalation = escalation_of(reader, approval)
    # NOTE: one that an edit has handed on may leave out a role that only the new revision asks.
    if escalation is not None and escalation.roles >= set(approval.roles):
        found.add(EntryKind.APPROVAL_ESCALATED)
    return found


def _micros(time: timedelta) -> int:
    return time // timedelta(microseconds=1)
