"""How often an action was called so far, and how often an error came back: as its log tells."""

from __future__ import annotations

from dataclasses import dataclass

from sayso.actions.model.action_row import ActionRow
from sayso.audit.entry import EntryKind, StoredEntry
from sayso.store.base import Reader, text

ANSWERED = "answered"
"""In an entry of an unknown outcome: the provider answered, with an error; nothing was lost."""
NOTHING_SENT = "nothing was sent"
"""In an entry that releases a claimed call: no byte of it left."""
NOTHING_DONE = "surely nothing was done"
"""In an entry that releases a claimed call: the provider was asked, and says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """The calls of an action since people last said yes to it.

    Attributes:
        sent: calls of which a byte may have left, with the one that is under way.
        answered: errors that came back, and that may have been an effect all the same.
    """

    sent: int = 0
    answered: int = 0


def tries_of(reader: Reader, row: ActionRow) -> Tries:
    """Count the calls of an action.

    INVARIANT: by its entries, which nobody can change, and not by a column; so that no edit makes
    room for one more payment.
    """
    sent = answered = 0
    was_claimed = False
    for found in reader.all("log.of_action", tenant=row.tenant, action=row.id):
        entry = StoredEntry.read(text(found, "body").encode()).entry
        if entry.action != row.id:
            continue
        data = entry.data
        if data.get("decision") in ("approve", "edit"):
            sent = answered = 0
        if entry.kind is EntryKind.ACTION_INTENT:
            sent, was_claimed = sent + 1, True
            continue
        not_sent = data.get("released") == NOTHING_SENT or "held_by" in data
        if was_claimed and not_sent:
            sent -= 1
        if data.get(ANSWERED) is True:
            answered += 1
        was_claimed = False
    return Tries(sent=sent, answered=answered)
