"""Binding: whether what is about to run is still what was judged, shown and recorded.

The digest is computed again from what is stored, by the function that made it, so that a row that
was changed behind the engine's back is found before anything leaves.
"""

from __future__ import annotations

from typing import cast

import orjson

from sayso.actions.digest import hash_of
from sayso.actions.judging import bound_digest
from sayso.actions.ledger import ActionRow
from sayso.actions.policy import Outcome
from sayso.actions.queue import ApprovalRow
from sayso.store.base import Reader, text


def found_tampering(reader: Reader, row: ActionRow, approval: ApprovalRow | None) -> str | None:
    """What contradicts itself about a judged action, in words; None when nothing does.

    Args:
        approval: the action's, if people were ever asked.

    Guarantees: an answer of None means that the snapshot, the card and the requirement are, byte
    for byte, those of the digest that the action's last entry of the log carries (SE-6).
    """
    if row.snapshot is None or row.judgement is None:
        return "there is no snapshot"
    asked = row.judgement.outcome is Outcome.ASK
    if asked and (approval is None or approval.digest != row.snapshot.digest):
        return "the approval is for something else"
    shown = approval if asked else None
    card = hash_of({} if shown is None else shown.card.to_json())
    if card != row.snapshot.view_sha256:
        return "the card is not what was shown"
    expires_at = None if shown is None else shown.expires_at
    if bound_digest(row, row.snapshot, row.judgement, expires_at) != row.snapshot.digest:
        return "the snapshot is not what the digest covers"
    if _recorded_digest(reader, row) != row.snapshot.digest:
        return "the log has another digest"
    return None


def _recorded_digest(reader: Reader, row: ActionRow) -> object:
    found = reader.one("log.bodies", tenant=row.tenant, from_seq=row.last_seq, limit=1)
    if found is None:
        return None
    body = cast("dict[str, object]", orjson.loads(text(found, "body")))
    about = (body.get("seq"), body.get("action"))
    return body.get("digest") if about == (row.last_seq, row.id) else None
