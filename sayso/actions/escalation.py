"""Escalation: after a time without a decision another role may decide too, as the log says."""

from __future__ import annotations

from typing import cast

import orjson

from sayso.actions.queue import ApprovalRow
from sayso.audit.entry import EntryKind
from sayso.store.base import Reader, text


def escalated_to(reader: Reader, approval: ApprovalRow) -> str | None:
    """The role that may decide beside those that are asked; None when there is none.

    Guarantees: the log says so, for the present revision; what only the row says counts nothing.
    """
    body = told_of(reader, approval, approval.escalated_seq, EntryKind.APPROVAL_ESCALATED)
    role = body.get("role")
    return role if isinstance(role, str) else None


def counted_roles(reader: Reader, approval: ApprovalRow, roles: frozenset[str]) -> frozenset[str]:
    """The roles that somebody's word counts for, once it was escalated to them."""
    extra = escalated_to(reader, approval)
    return roles | set(approval.roles) if extra is not None and extra in roles else roles


def told_of(
    reader: Reader, approval: ApprovalRow, seq: int | None, kind: EntryKind
) -> dict[str, object]:
    """The data of that entry about the present revision; empty when it is another one."""
    if seq is None:
        return {}
    found = reader.one("log.bodies", tenant=approval.tenant, from_seq=seq, limit=1)
    if found is None:
        return {}
    match orjson.loads(text(found, "body")):
        case {"seq": at, "kind": said, "approval": of, "data": {"revision": revision} as data}:
            about = (at, said, of, revision)
            wanted = (seq, kind.value, approval.id, approval.revision)
            return cast("dict[str, object]", data) if about == wanted else {}
        case _:
            return {}
