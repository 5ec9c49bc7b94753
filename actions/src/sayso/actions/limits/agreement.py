"""What a change of an action did to its uses, held against what the verifier makes of its entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sayso.actions.limits.usage import Use
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.status import Status
from sayso.audit.entry import Entry
from sayso.audit.event import Event
from sayso.audit.meaning import unsaid_change
from sayso.audit.rules.limits import HOLDING, followed
from sayso.audit.verifier.stored_rows import name_of, use_key

Changed = Sequence[tuple[int, Use]]
"""Uses with the revision of the action that each is of."""

_BEFORE = "before"
"""Why something is used of which no entry tells: it was there before the limit."""


def check_followed(
    row: ActionRow, was: Status | None, known: Changed, changed: Changed, entry: Entry, seq: int
) -> None:
    """Whether just that was written which the verifier would make of the entry.

    And whether the action says of itself that it holds something if and only if it does, and what
    has ended holds nothing.

    Args:
        was: the action's status before. known: its uses before. changed: those that were written.

    Raises:
        IntegrityError: `unsaid_change`.
    """
    event = Event.of(
        {
            "at": row.updated_at,
            "kind": entry.kind.value,
            "action": row.id,
            "status": row.status.value,
            "amount": None if entry.amount is None else dict(entry.amount.to_json()),
            "data": dict(entry.data),
        },
        seq,
    )
    uses = [_fields(row, revision, use) for revision, use in known if use.why != _BEFORE]
    before = {_name(row, revision, use) for revision, use in known if use.why == _BEFORE}
    said = followed(event, uses, was="start" if was is None else was.value, revision=row.revision)
    stored = {_name(row, revision, use): _told(use, seq) for revision, use in changed}
    for name in (said.keys() | stored.keys()) - before:
        if said.get(name) != stored.get(name):
            raise unsaid_change("limit_use", name, ("state",), (entry.kind.value,))
    after = {_name(row, *one): one[1] for one in (*known, *changed)}
    held = [name for name, use in after.items() if use.state == "held"]
    holds = row.judgement is not None and row.judgement.holds
    may_hold = row.status.value in HOLDING or row.status is Status.PENDING_APPROVAL
    if bool(held) is not (holds and may_hold):
        name = held[0] if held else row.id
        raise unsaid_change("limit_use", name, ("holds",), (entry.kind.value,))


def _name(row: ActionRow, revision: int, use: Use) -> str:
    return name_of("limit_use", _row(row, revision, use))


def _row(row: ActionRow, revision: int, use: Use) -> dict[str, object]:
    named = {"limit_id": use.place.limit_id, "key": use.place.key, "currency": use.place.currency}
    return {"action_id": row.id, "revision": revision, **named}


def _fields(row: ActionRow, revision: int, use: Use) -> dict[str, Any]:
    place = use.place
    return {
        "action": row.id,
        "limit": place.limit_id,
        "currency": place.currency,
        "key": use_key(place.key),
        "revision": revision,
        "bucket": use.bucket,
        "count": use.count,
        "minor": use.minor,
        "state": use.state,
        "why": use.why,
    }


def _told(use: Use, seq: int) -> dict[str, Any]:
    return {
        "bucket": use.bucket,
        "count": use.count,
        "minor": use.minor,
        "state": use.state,
        "why": use.why,
        "last_seq": seq,
    }
