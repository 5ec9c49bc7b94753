"""Gathers what an evidence pack holds: entries, what was shown, and the words beside the log."""

from __future__ import annotations

import orjson

from sayso.actions.rows import ActionRow, get_action
from sayso.audit.entry import EntryKind, Json, StoredEntry
from sayso.audit.evidence.data import Evidence, Words
from sayso.audit.personal import Personal
from sayso.audit.queries.pages import bodies_at, read_page
from sayso.audit.queries.query import Query
from sayso.audit.tree.proof import prove
from sayso.errors import Code, RefusedError
from sayso.sdk.log.exporting import Source, not_signed
from sayso.store.base import text

_MOST = 1000


def gather(source: Source, action_id: str, made_at: int, made_by: str) -> Evidence:
    """Everything about an action, each entry with its proof.

    Raises:
        RefusedError: `not_found`; `pruned`, when the first of its entries is not in the database.
        IntegrityError: `tampered`, when an entry does not lead to the signed head.
    """
    row = get_action(source.reader, source.tenant, action_id)
    entries = _entries(source, action_id, row.request_id)
    if not any(one.entry.kind is EntryKind.ACTION_PROPOSED for one in entries) and source.low:
        raise _pruned(source, row)
    hashes, checkpoint = source.hashes(), source.checkpoint
    rows: list[tuple[bytes, tuple[bytes, ...]]] = []
    for one in entries:
        proof = prove(hashes, source.note, checkpoint, one.seq, one.encoded)
        if proof is None:
            raise not_signed(one.seq)
        rows.append((one.encoded, proof.hashes))
    return Evidence(
        action=action_id,
        customer=row.subject.id,
        made_at=made_at,
        made_by=made_by,
        note=source.note,
        vkeys=source.vkeys,
        rows=tuple(rows),
        cards=_cards(source, action_id),
        words=tuple(
            Words(seq=one.seq, text=Personal.open(source.reader, source.tenant, one.entry.pii.ref))
            for one in entries
            if one.entry.pii is not None
        ),
    )


def _pruned(source: Source, row: ActionRow) -> RefusedError:
    """Says where the entries are: the action's last one, as far as the row still tells."""
    found = list(bodies_at(source.reader, source.tenant, [row.last_seq]))
    data = StoredEntry.read(found[0]).entry.data if found else {}
    file = data.get("file", "the sealed segments before it")
    return RefusedError(
        Code.PRUNED,
        f"entries of `{row.id}` were kept long enough, and are not in the database any more",
        next_step=f"they are in {file}; see docs/audit-retention.md",
    )


def _entries(source: Source, action_id: str, request_id: str | None) -> list[StoredEntry]:
    """The action's entries, those of its request, and refused decisions about it."""
    found = _page(source, Query(action=action_id))
    if request_id is not None:
        found += [
            one
            for one in _page(source, Query(request=request_id))
            if one.entry.kind.value.startswith("request.")
        ]
    approvals = {one.entry.approval for one in found if one.entry.approval is not None}
    for approval in sorted(approvals):
        query = Query(approval=approval, kind=EntryKind.APPROVAL_REFUSED.value)
        found += _page(source, query)
    by_seq = {one.seq: one for one in found}
    return [by_seq[seq] for seq in sorted(by_seq)]


def _page(source: Source, query: Query) -> list[StoredEntry]:
    before = source.checkpoint.size
    return read_page(
        source.reader, source.tenant, query, limit=_MOST, before=before, index=source.index
    )


def _cards(source: Source, action_id: str) -> tuple[dict[str, Json], ...]:
    row = source.reader.one("approval.by_action", tenant=source.tenant, action_id=action_id)
    if row is None:
        return ()
    card: dict[str, Json] = orjson.loads(text(row, "view"))
    return (card,)
