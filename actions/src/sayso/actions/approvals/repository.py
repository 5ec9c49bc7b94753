"""The durable queue of approvals: rows that wait for people, at no cost while they wait."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import orjson

from sayso.actions.model.action_row import ActionRow, dumps, get_asked_action
from sayso.actions.model.ledger import OUTBOX_TOPIC as OUTBOX_TOPIC
from sayso.actions.policy.base import Outcome
from sayso.actions.policy.card import Card
from sayso.actions.policy.judged import Judged
from sayso.audit.authority.state import as_stored
from sayso.audit.entry import EntryKind, StoredEntry
from sayso.audit.meaning import SaidColumns, settle
from sayso.errors import Code, RefusedError
from sayso.frozen import quickly_made, replace
from sayso.ids import Tenant
from sayso.money import Money
from sayso.store.base import Reader, SqlValue, Transaction, text
from sayso.store.rows import RowReader


class ApprovalStatus(StrEnum):
    """Where an approval is in its life."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    """The customer took back what was asked about."""
    SUPERSEDED = "superseded"
    """The action was refused or became stale meanwhile; a new revision may ask again."""


class DecisionChoice(StrEnum):
    """What a person can say."""

    APPROVE = "approve"
    REJECT = "reject"
    EDIT = "edit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What one person said about one revision."""

    person: str
    decision: str
    revision: int
    via: str
    at: int


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRow:
    """An approval as it is stored. Times are microseconds since 1970, UTC.

    Attributes:
        revision: rises with every edit and every renewed question.
        digest: of the snapshot and the card; a decision must carry it.
        roles: one entry per distinct person needed.
        requester: who asked; never decides.
        reminded_seq, escalated_seq: of the entries that say that people were called once more, and
            that another role may decide; of an earlier revision perhaps.
        erased_seq: of the entry with which what was shown is gone; the digest stays.
    """

    tenant: Tenant
    id: str
    action_id: str
    revision: int
    status: ApprovalStatus
    digest: str
    card: Card
    roles: tuple[str, ...]
    requester: str
    expires_at: int
    created_at: int
    updated_at: int
    last_seq: int
    reminded_seq: int | None = None
    escalated_seq: int | None = None
    erased_seq: int | None = None


APPROVAL_COLUMNS: SaidColumns[ApprovalRow] = SaidColumns(
    names=(
        *("status", "action_id", "last_seq", "created_at", "digest", "revision", "roles"),
        *("reminded_seq", "escalated_seq"),
    ),
    values_of=lambda row: (
        *(row.status, row.action_id, row.last_seq, row.created_at, row.digest),
        *(row.revision, list(row.roles), row.reminded_seq, row.escalated_seq),
    ),
)
"""The columns that entries say, without those that compare the row with others: it gets what they
compare from its action as it begins, and the surfaces are told whenever it is written."""


read_approval = as_stored("approval")(
    RowReader(ApprovalRow, card=lambda row: Card.from_json(orjson.loads(text(row, "view"))))
)
"""The typed form of a stored row."""


_read_vote = RowReader(Vote)


def get_approval(reader: Reader, tenant: Tenant, approval_id: str) -> ApprovalRow:
    """Read one approval.

    Raises:
        RefusedError: `not_found`.
    """
    row = reader.one("approval.by_id", tenant=tenant, id=approval_id)
    if row is None:
        raise RefusedError(
            Code.NOT_FOUND,
            f"there is no approval `{approval_id[:40]}`",
            next_step="`sayso approvals list` shows those that wait",
        )
    return read_approval(row)


def approval_of(reader: Reader, row: ActionRow) -> ApprovalRow | None:
    """The approval of an action, if people were ever asked."""
    found = reader.one("approval.by_action", tenant=row.tenant, action_id=row.id)
    return None if found is None else read_approval(found)


def action_of(reader: Reader, approval: ApprovalRow) -> ActionRow:
    """The action that an approval is about."""
    return get_asked_action(reader, approval.tenant, approval.id, approval.action_id)


def votes_of(reader: Reader, approval: ApprovalRow) -> list[Vote]:
    """All votes on an approval, oldest first, of every revision."""
    rows = reader.all("approval.votes", tenant=approval.tenant, approval_id=approval.id)
    return [_read_vote(row) for row in rows]


def votes_about(reader: Reader, row: ActionRow) -> list[Vote]:
    """The same for the approval of an action, if people were ever asked."""
    rows = reader.all("approval.votes_of_action", tenant=row.tenant, action_id=row.id)
    return [_read_vote(one) for one in rows]


def approvers_named(reader: Reader, row: ActionRow) -> list[str]:
    """Who has said yes to an action as it is now, in that order."""
    if row.judgement is None or row.judgement.outcome is not Outcome.ASK:
        return []
    return [
        vote.person
        for vote in votes_about(reader, row)
        if vote.revision == row.revision and vote.decision == DecisionChoice.APPROVE
    ]


def ahead_of_decided(reader: Reader, tenant: Tenant, approval_id: str) -> None:
    """Say that an approval, its action and its votes are read next; see `Reader.ahead`."""
    reader.ahead("approval.by_id", tenant=tenant, id=approval_id)
    reader.ahead("action.by_approval", tenant=tenant, approval_id=approval_id)
    reader.ahead("approval.votes", tenant=tenant, approval_id=approval_id)


def ahead_of_approval(reader: Reader, tenant: Tenant, action_id: str) -> None:
    """Say that an action's approval and the votes about it are read next; see `Reader.ahead`."""
    reader.ahead("approval.by_action", tenant=tenant, action_id=action_id)
    reader.ahead("approval.votes_of_action", tenant=tenant, action_id=action_id)


def put_approval(
    tx: Transaction,
    approval_id: str,
    judged: Judged,
    status: ApprovalStatus,
    stored: ActionRow,
    *,
    known: ApprovalRow | None,
) -> ApprovalRow:
    """Store or renew the approval of a judged action, and have the surfaces show it.

    Args:
        known: as this transaction has read it; None when the action has none yet.
    """
    assert judged.card is not None
    assert judged.expires_at is not None
    assert stored.digest is not None
    approval = ApprovalRow(
        tenant=stored.tenant,
        id=approval_id,
        action_id=stored.id,
        revision=stored.revision,
        status=status,
        digest=stored.digest,
        card=judged.card,
        roles=judged.card.roles,
        requester=stored.requester if known is None else known.requester,
        expires_at=judged.expires_at,
        created_at=stored.updated_at if known is None else known.created_at,
        updated_at=stored.updated_at,
        last_seq=stored.last_seq,
        reminded_seq=None if known is None else known.reminded_seq,
        escalated_seq=None if known is None else known.escalated_seq,
    )
    values: dict[str, SqlValue] = {
        "tenant": approval.tenant,
        "id": approval.id,
        "revision": approval.revision,
        "status": approval.status.value,
        "digest": approval.digest,
        "view": dumps(approval.card.to_json()),
        "roles": dumps(approval.roles),
        "expires_at": approval.expires_at,
        "updated_at": approval.updated_at,
        "last_seq": approval.last_seq,
    }
    if known is None:
        tx.run(
            "approval.insert",
            **values,
            action_id=approval.action_id,
            request_id=stored.request_id,
            requester=approval.requester,
            created_at=approval.created_at,
        )
    else:
        tx.run("approval.revise", **values, was_revision=known.revision, was=known.status.value)
    return _written(tx, known, approval)


def move_approval(
    tx: Transaction, approval: ApprovalRow, status: ApprovalStatus, stored: ActionRow
) -> ApprovalRow:
    """Have an approval that waits follow its action, on or to its end; returns it as stored."""
    at, seq = stored.updated_at, stored.last_seq
    tx.run(
        "approval.move",
        tenant=approval.tenant,
        id=approval.id,
        revision=approval.revision,
        status=status.value,
        updated_at=at,
        last_seq=seq,
    )
    return _written(tx, approval, replace(approval, status=status, updated_at=at, last_seq=seq))


OPEN_APPROVALS = frozenset({ApprovalStatus.PENDING, ApprovalStatus.APPROVED})
"""States in which a yes may still be said, or still count."""


def supersede_approval(
    tx: Transaction,
    approval: ApprovalRow,
    stored: ActionRow,
    status: ApprovalStatus = ApprovalStatus.SUPERSEDED,
) -> None:
    """Take back an open or a given yes with the entry that moved its action."""
    if approval.status not in OPEN_APPROVALS:
        _settle(tx, approval, approval)  # its entry says that it is taken back
        return
    at, seq = stored.updated_at, stored.last_seq
    tx.run(
        "approval.revise",
        tenant=approval.tenant,
        id=approval.id,
        revision=approval.revision,
        status=status.value,
        digest=approval.digest,
        view=dumps(approval.card.to_json()),
        roles=dumps(approval.roles),
        expires_at=approval.expires_at,
        updated_at=at,
        last_seq=seq,
        was_revision=approval.revision,
        was=approval.status.value,
    )
    _written(tx, approval, replace(approval, status=status, updated_at=at, last_seq=seq))


def _written(tx: Transaction, before: ApprovalRow | None, after: ApprovalRow) -> ApprovalRow:
    """Hold an approval against its entry, and have the surfaces show it; the same."""
    _settle(tx, before, after)
    show_again(tx, after.tenant, after.id, after.updated_at)
    return after


def _settle(tx: Transaction, before: ApprovalRow | None, after: ApprovalRow) -> None:
    settle(tx, after.tenant, "approval", after.id, APPROVAL_COLUMNS, before, after)


def show_again(tx: Transaction, tenant: Tenant, approval_id: str, now: int) -> None:
    """Tell the surfaces that what they show of an approval is out of date."""
    tx.run("outbox.put", tenant=tenant, topic=OUTBOX_TOPIC, key=approval_id, now=now)


def asked_before_less(reader: Reader, row: ActionRow) -> Money | None:
    """The amount that stood before the first edit; None when nobody has lowered it.

    Guarantees: entries of which only a sealed segment is left say nothing here.
    """
    if row.revision == 1:  # as nearly always, and then no entry is read
        return None
    asked: Money | None = None
    for one in reader.all("log.of_action", tenant=row.tenant, action=row.id):
        entry = StoredEntry.read(text(one, "body").encode()).entry
        if entry.kind is EntryKind.ACTION_EDITED:
            return asked
        asked = entry.amount or asked
    return None
