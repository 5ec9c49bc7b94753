"""Escalation: after a time without a decision another role may decide too, as the log says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from sayso.actions.approvals.repository import ApprovalRow
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.ledger import SYSTEM
from sayso.audit.authority.state import read_body
from sayso.audit.entry import Entry, EntryKind, Json
from sayso.audit.log import AuditLog
from sayso.store.base import Reader, Transaction, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """What the log says of one revision that was escalated.

    Attributes:
        role: its members may decide beside those who are asked.
        roles: as if they held these. Those that were asked when it was escalated: a lower amount
            may ask others, who have not been silent for long.
        at: when the log says so, in microseconds since 1970; None before it does.
    """

    role: str
    roles: frozenset[str]
    at: int | None = None

    @property
    def data(self) -> dict[str, Json]:
        """The same as an entry says it."""
        return {"role": self.role, "roles": list[Json](sorted(self.roles))}

    def lends(self, held: frozenset[str]) -> frozenset[str]:
        """The roles that somebody's word counts for, who holds these."""
        return held | self.roles if self.role in held else held


def escalation_of(reader: Reader, approval: ApprovalRow) -> Escalation | None:
    """To whom the approval was escalated; None when it was not.

    Guarantees: the log says so, for the present revision; what only the row says counts nothing.
    """
    told = _told(reader, approval, approval.escalated_seq, EntryKind.APPROVAL_ESCALATED)
    if told is None:
        return None
    at, body = told
    # NOTE: entries of older logs name no roles; they stand for all that the revision asks.
    role, said = body.get("role"), body.get("roles", list(approval.roles))
    if not isinstance(role, str) or not isinstance(said, list):
        return None
    roles = frozenset(name for name in cast("list[object]", said) if isinstance(name, str))
    return Escalation(role=role, roles=roles, at=at)


def counted_roles(reader: Reader, approval: ApprovalRow, roles: frozenset[str]) -> frozenset[str]:
    """The roles that somebody's word counts for, once it was escalated to them."""
    escalation = escalation_of(reader, approval)
    return roles if escalation is None else escalation.lends(roles)


def carried_over(
    reader: Reader, approval: ApprovalRow, editor: frozenset[str]
) -> Escalation | None:
    """What of the escalation goes on when somebody with these roles has made it less.

    Guarantees: something does only where the editor decided by the escalation; to the same role
        and for the same roles, so that their yes counts at the claim for what it counted at the
        edit, and for nothing that has not been asked for long.
    """
    escalation = escalation_of(reader, approval)
    if escalation is None or escalation.lends(editor) == editor:
        return None
    return escalation


def tell(
    tx: Transaction,
    log: AuditLog,
    row: ActionRow,
    approval: ApprovalRow,
    kind: EntryKind,
    *,
    pseudonym: str,
    data: Mapping[str, Json],
) -> ApprovalRow:
    """Say in the log that people were told of this revision; the row points there from then on."""
    entry = Entry(
        kind=kind,
        actor=SYSTEM,
        request=row.request_id,
        approval=approval.id,
        subject=pseudonym,
        data={"of_action": row.id, "revision": approval.revision, **data},
    )
    seq = log.append(tx, row.tenant, entry)
    if kind is EntryKind.APPROVAL_ESCALATED:
        told = replace(approval, escalated_seq=seq)
    else:
        told = replace(approval, reminded_seq=seq)
    tx.run(
        "dispatch.told",
        tenant=row.tenant,
        id=approval.id,
        reminded_seq=told.reminded_seq,
        escalated_seq=told.escalated_seq,
    )
    return told


def was_reminded(reader: Reader, approval: ApprovalRow) -> bool:
    """Whether the log says that people were reminded of the present revision."""
    return _told(reader, approval, approval.reminded_seq, EntryKind.APPROVAL_REMINDED) is not None


def _told(
    reader: Reader, approval: ApprovalRow, seq: int | None, kind: EntryKind
) -> tuple[int, dict[str, object]] | None:
    """When that entry says it of the present revision, and its data; None when it is another."""
    if seq is None:
        return None
    found = reader.one("log.bodies", tenant=approval.tenant, from_seq=seq, limit=1)
    if found is None:
        return None
    match read_body(text(found, "body")):
        case {
            "seq": place,
            "at": int(at),
            "kind": said,
            "approval": of,
            "data": {"revision": revision} as data,
        }:
            about = (place, said, of, revision)
            wanted = (seq, kind.value, approval.id, approval.revision)
            return (at, cast("dict[str, object]", data)) if about == wanted else None
        case _:
            return None
