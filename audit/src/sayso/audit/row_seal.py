"""What a row held when its last entry was signed, sealed in that very entry.

Whoever can write the database changes a row for a moment, has the server sign what follows from it,
and puts it back. So each entry that moves a row carries a seal over all of it that entries decide,
under a key that is never in the database, and the next move compares it before anything is signed.
An older row with its older seal is older than the newest entry about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter

import orjson

from sayso.errors import Code, RefusedError

ROW = "row"
"""Where an entry's `data` has the seal."""

SEALED: Mapping[str, tuple[str, ...]] = {
    "action": (
        *("tenant", "id", "idempotency_key", "fingerprint", "requester", "request_id", "step"),
        *("after", "name", "subject_id", "assurance", "args", "reason_ref", "planner", "status"),
        *("revision", "snapshot", "digest", "amount_minor", "currency", "error", "receipt"),
        *("call_key", "call_key_until", "called_at", "fence", "created_at", "on_failure", "undoes"),
        "occupies",
    ),
    "request": (
        *("tenant", "id", "idempotency_key", "fingerprint", "requester", "subject_id", "assurance"),
        *("messages_ref", "words_ref", "status", "planner", "plan", "question", "turns"),
        *("reply_ref", "created_at", "conversation"),
    ),
}
"""The columns that only change with an entry; when it is due, and how often it was tried, do not
stand there. NOTE: they are sealed in this order."""
_VALUES: Mapping[str, Callable[[Mapping[str, object]], tuple[object, ...]]] = {
    table: itemgetter(*columns) for table, columns in SEALED.items()
}
"""Takes them out of a whole row at once: each change of an action is sealed twice."""


def sealed_bytes(table: str, row: Mapping[str, object]) -> bytes:
    """What the seal of a row is over.

    Raises:
        RefusedError: `invalid_input`, for text that is none, which no row can hold.
    """
    try:
        values = _VALUES[table](row)
    except KeyError:  # of a source that doesn't have them all
        values = tuple(row.get(column) for column in SEALED[table])
    try:
        return orjson.dumps((table, *values))
    except TypeError as error:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"the {table} holds text that is no Unicode",
            next_step="send whole characters",
        ) from error
